"""What comes before the UI on a database of ours: ``python -m soleflip_assets.commands.prepare``.

One process for all of it, since each that loads Dagster does so for two seconds; and not that of `soleflip
up`, which stays for as long as the UI: Dagster is 35 MB. Not here: what a command does.
"""

import sys

from soleflip_assets.commands.cli import main as command_line
from soleflip_assets.commands.terminal import tell

_COMMANDS = {
    "Deploying Phase 2": ["deploy"],
    "Installing the log of stock": ["history", "install"],
}


def main() -> None:
    """Run one command after the other, up to the first that fails, and exit as it did."""
    for what, arguments in _COMMANDS.items():
        tell(what)
        try:
            command_line(arguments, prog_name="soleflip")
        except SystemExit as ended:
            if ended.code:
                raise
    sys.exit(0)


if __name__ == "__main__":
    main()
