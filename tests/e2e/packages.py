"""Building the package, and an index to install from that is on no network."""

import importlib.metadata
import io
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def build(source: Path, target: Path, kind: str) -> Path:
    """Build a wheel or an sdist, as pip and `python -m build` do."""
    command: list[str | Path] = [sys.executable, "-m", "hatchling", "build"]
    subprocess.run(
        [*command, "--target", kind, "--directory", target],
        cwd=source, check=True, capture_output=True,
    )  # fmt: skip
    (built,) = target.iterdir()
    return built


@contextmanager
def index_of_what_is_installed() -> Iterator[str]:
    """An index, as of PEP 503, of all distributions of this environment, in the versions that it has.

    A wheel is a zip file of what it installs, so it can be made from that again. pip decides which of them a
    package needs, as on any index.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, name, *_ = self.path.strip("/").split("/")
            try:
                distribution = importlib.metadata.distribution(name)
            except importlib.metadata.PackageNotFoundError:
                self.send_error(404)
                return
            if kind == "simple":
                link = f"/wheel/{name}/{_wheel_name(distribution)}"
                answer = f'<a href="{link}">{link.rpartition("/")[2]}</a>'.encode()
            else:
                answer = _wheel(distribution)
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if kind == "simple" else "application/zip")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Quietly."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/simple/"
        server.shutdown()
        thread.join()


def _wheel_name(distribution: importlib.metadata.Distribution) -> str:
    tags = re.findall(
        r"^Tag: (\S+)-(\S+)-(\S+)$", distribution.read_text("WHEEL") or "", re.MULTILINE
    )
    tag = "-".join(".".join(dict.fromkeys(part)) for part in zip(*tags, strict=True))
    name = re.sub(r"[-_.]+", "_", distribution.name).lower()
    return f"{name}-{distribution.version}-{tag}.whl"


def _wheel(distribution: importlib.metadata.Distribution) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        kept = []
        for file in distribution.files or []:
            # Programs and bytecode are what pip made of the wheel.
            if ".." in file.parts or file.suffix == ".pyc":
                continue
            kept.append(f"{file},,")
            if file.name != "RECORD":
                archive.write(str(file.locate()), str(file))
            else:
                record = str(file)
        archive.writestr(record, "\n".join(kept))
    return packed.getvalue()
