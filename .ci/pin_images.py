"""Write into the files of deploy/ which image each tag names today: its digest, by which it cannot change.

A tag is moved to whatever its registry says. Asks Docker (buildx), which knows registries and logins. Where
an image is pinned already, its digest is renewed.
"""

import re
import subprocess
import sys
from pathlib import Path

DEPLOY = Path(__file__).parents[1] / "deploy"
FILES = ("Containerfile", "compose.yaml")
IMAGE = re.compile(
    r"^(?P<before>FROM |\s+image: )(?P<image>\S+/[^\s@]+)(?P<digest>@sha256:[0-9a-f]{64})?$",
    re.MULTILINE,
)


def main(folder: str = str(DEPLOY)) -> int:
    """Pin the images.

    Args:
        folder: where the files are.

    Returns:
        The exit code: 1 if Docker does not know an image's digest; nothing was written then.
    """
    written = {}
    for name in FILES:
        path = Path(folder) / name
        try:
            written[path] = IMAGE.sub(_pinned, path.read_text())
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"The images of {name} were not pinned: Docker says no digest ({error}).")
            return 1
    for path, text in written.items():
        path.write_text(text)
    return 0


def _pinned(found: re.Match[str]) -> str:
    command = ["docker", "buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}"]
    done = subprocess.run([*command, found["image"]], check=True, capture_output=True, text=True)
    return f"{found['before']}{found['image']}@{done.stdout.strip()}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
