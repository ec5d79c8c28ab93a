"""See that no lock is older than 90 days: what it names is then without the mends of a quarter of a year.

By the day on which git has its last change. Of a clone that is cut short git knows no such day, which is a
failure and not a pass. Not here: known vulnerabilities, which are audit.py's where their database is reached.
"""

import subprocess
import sys
import time
from pathlib import Path

OLDEST_DAYS = 90
_DAY_SECONDS = 86_400


def main(folder: str = str(Path(__file__).parents[1])) -> int:
    """Look at each lock of a checkout.

    Args:
        folder: the checkout.

    Returns:
        The exit code: 1 if a lock is too old, or nobody can tell.
    """
    if _git(folder, "rev-parse", "--is-shallow-repository") != "false":
        print(
            "How old the locks are cannot be told: fetch the whole history (git fetch --unshallow)."
        )
        return 1
    code = 0
    for lock in sorted(Path(folder).glob("requirements*.lock")):
        changed = _git(folder, "log", "-1", "--format=%ct", "--", lock.name)
        days = int((time.time() - int(changed or 0)) / _DAY_SECONDS)
        if days > OLDEST_DAYS:
            code = 1
            print(
                f"{lock.name} was last compiled {days} days ago: run `make lock`, test, and commit it."
            )
    return code


def _git(folder: str, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", folder, *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
