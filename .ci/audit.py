"""Look for known vulnerabilities in the locked dependencies; `make audit`.

Asks the OSV database, by pip-audit. Where that cannot be reached nothing was audited, which is said in one
sentence and is no failure. A database that does not even know of an old, vulnerable Jinja is not believed.
"""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

OSV = "https://api.osv.dev/v1/query"
LOCKS = sorted(map(str, Path(__file__).parents[1].glob("requirements*.lock")))
# Jinja 2.4.1 lets templates out of their sandbox (PYSEC-2014-8 and others).
VULNERABLE = {"package": {"name": "jinja2", "ecosystem": "PyPI"}, "version": "2.4.1"}


def main(osv: str = OSV, *locks: str) -> int:
    """Audit.

    Args:
        osv: the address of the database.
        locks: files of requirements, with hashes; all of this project's if left out.

    Returns:
        The exit code: 1 if a vulnerability is known, or the database knows of none at all.
    """
    try:
        knows = json.loads(_ask(osv))
    except (OSError, ValueError) as error:
        # An HTTP status is an error of this kind too: a proxy's, in most cases.
        print(f"Nothing was audited: {osv} cannot be reached from here ({_reason(error)}).")
        return 0
    if not knows.get("vulns"):
        print(
            f"Nothing was audited: {osv} knows of no vulnerability in jinja2 2.4.1, which has some."
        )
        return 1
    command = ["pip_audit", "--vulnerability-service", "osv", "--osv-url", osv, "--strict"]
    files = [f"--requirement={lock}" for lock in locks or LOCKS]
    options = ["--disable-pip", "--require-hashes", "--progress-spinner", "off"]
    return subprocess.run(
        [sys.executable, "-m", *command, *files, *options], check=False
    ).returncode


def _ask(osv: str) -> bytes:
    request = urllib.request.Request(  # noqa: S310 ours, or the caller's
        osv, json.dumps(VULNERABLE).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310 as above
        answered: bytes = answer.read()
    return answered


def _reason(error: Exception) -> object:
    return error.reason if isinstance(error, urllib.error.URLError) else error


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
