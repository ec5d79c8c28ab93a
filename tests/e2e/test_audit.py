"""`make audit`: fails on a vulnerability, says where nothing was audited, and believes no silent database."""

import json
import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from soleflip_assets.ground.settings import FILES
from tests.e2e.processes import free_port

KNOWN = ("jinja2", "2.4.1")


@contextmanager
def database(*vulnerable: tuple[str, str], status: int = 200) -> Iterator[str]:
    """A server that answers as OSV does, and knows of these versions."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = asked["package"]["name"]
            known = (name, asked["version"]) in vulnerable
            answer = {"vulns": [_vulnerability(name)]} if known else {}
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: Any) -> None:
            """Quietly."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def _vulnerability(name: str) -> dict[str, Any]:
    affected = {"package": {"name": name, "ecosystem": "PyPI"}, "ranges": []}
    return {"id": f"PYSEC-1-{name}", "summary": "It lets anybody in.", "affected": [affected]}


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"one==1.0 --hash=sha256:{'0' * 64}\ntwo==2.0 --hash=sha256:{'0' * 64}\n")
    return lock


def audit(osv: str, *locks: Path) -> tuple[int, str]:
    """Audit these locks, or the project's own."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, FILES / ".ci" / "audit.py", osv, *locks],
            capture_output=True, text=True, check=False, env={"HOME": home},
        )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_known_vulnerability_fails_and_is_named(lock: Path) -> None:
    with database(KNOWN, ("two", "2.0")) as osv:
        code, said = audit(osv, lock)
    assert code == 1
    assert "PYSEC-1-two" in said


def test_lock_without_one_passes(lock: Path) -> None:
    with database(KNOWN) as osv:
        code, said = audit(osv, lock)
    assert (code, "No known vulnerabilities found" in said) == (0, True), said


def test_unreachable_database_is_one_sentence(lock: Path) -> None:
    code, said = audit(f"http://127.0.0.1:{free_port()}", lock)
    assert code == 0
    assert said.startswith("Nothing was audited: ")
    assert len(said.splitlines()) == 1


def test_proxy_that_refuses_is_one_sentence(lock: Path) -> None:
    with database(KNOWN, status=403) as osv:
        code, said = audit(osv, lock)
    assert code == 0
    assert "403" in said or "Forbidden" in said
    assert len(said.splitlines()) == 1


def test_database_that_knows_nothing_is_not_believed(lock: Path) -> None:
    with database() as osv:
        code, said = audit(osv, lock)
    assert code == 1
    assert "knows of no vulnerability" in said


def test_each_lock_of_the_project_is_audited() -> None:
    """By the tool, without asking an index: a vulnerability in what only one of them pins is found."""
    locks = [pins(lock) for lock in FILES.glob("requirements*.lock")]
    assert len(locks) == 5
    pinned = Counter(pin for lock in locks for pin in lock)
    vulnerable = [next(pin for pin in lock if pinned[pin] == 1) for lock in locks]

    with database(KNOWN, *vulnerable) as osv:
        code, said = audit(osv)
    assert code == 1
    assert set(re.findall(r"PYSEC-1-([\w-]+)", said)) == {name for name, _ in vulnerable}


def pins(lock: Path) -> list[tuple[str, str]]:
    """Name and version of each distribution of a lock, but for those of one platform only."""
    return re.findall(r"^([\w.-]+)==(\S+) \\$", lock.read_text(), re.MULTILINE)


def test_locks_of_the_project_can_be_read() -> None:
    with database(KNOWN) as osv:
        code, said = audit(osv)
    assert (code, "No known vulnerabilities found" in said) == (0, True), said
