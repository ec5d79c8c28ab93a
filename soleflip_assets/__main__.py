"""The door of the command line: ``soleflip`` and ``python -m soleflip_assets``.

Here: what is said where only the application's library is installed. Not here: the commands, which are
cli.py's and need the extra ``platform``.
"""

import sys
from importlib.util import find_spec


def main() -> None:
    """Run ``soleflip``, or exit with 2 and say what to install."""
    # Not click: the application may have that for its own sake.
    if find_spec("dagster") is None:
        print(
            "soleflip: only the application's library is installed: "
            "pip install 'soleflip-assets[platform]' brings what this command needs.",
            file=sys.stderr,
        )
        sys.exit(2)
    from soleflip_assets.commands.cli import main as command_line  # noqa: PLC0415 it needs the extra

    command_line(prog_name="soleflip")


if __name__ == "__main__":
    main()
