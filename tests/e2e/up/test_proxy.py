"""deploy/Caddyfile alone, before a server that takes anything: no attempt of another page gets there."""

import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page

from soleflip_assets.ground.settings import FILES
from tests.conftest import program
from tests.e2e.processes import awaited, clean_environment, free_port
from tests.e2e.test_topology import answers
from tests.e2e.up.test_other_sites import ATTEMPTS, Site, learned, site, tab

__all__ = ["site", "tab"]  # fixtures


class Behind(ThreadingHTTPServer):
    """What is behind the proxy: it takes whatever gets there, and remembers it."""

    def __init__(self) -> None:
        self.got: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    """Answers all that it is asked."""

    server: Behind

    def answer(self) -> None:
        self.server.got.append(f"{self.command} {self.path}")
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>The UI</title>")

    do_GET = do_POST = do_PUT = do_OPTIONS = answer  # noqa: N815 names of http.server

    def log_message(self, *_: object) -> None:
        """Quietly."""


@pytest.fixture
def behind() -> Iterator[Behind]:
    with Behind() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(behind: Behind, tmp_path: Path) -> Iterator[str]:
    """The address of Caddy as the Caddyfile says, to which everybody is known already."""
    caddy = program("caddy", "caddy")
    port = free_port()
    text = (FILES / "deploy" / "Caddyfile").read_text()
    text = re.sub(r"\tbasicauth \{.*?\n\t\}\n", "", text, flags=re.DOTALL)
    for there, here in {
        "dagster.example.com": f"http://127.0.0.1:{port}",
        "dagster-view.example.com": f"http://127.0.0.1:{free_port()}",
        "127.0.0.1:3000": f"127.0.0.1:{behind.server_address[1]}",
    }.items():
        assert text.count(there) == 1, there
        text = text.replace(there, here)
    configured = tmp_path / "Caddyfile"
    configured.write_text("{\n\tadmin off\n}\n" + text)
    running = subprocess.Popen(
        [caddy, "run", "--config", configured, "--adapter", "caddyfile"],
        env=clean_environment(HOME=str(tmp_path)),
        stderr=subprocess.DEVNULL,
    )
    try:
        awaited(lambda: answers(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_attempt_gets_through_and_own_pages_and_links_do(
    tab: Page, behind: Behind, proxy: str, site: Site, host: str
) -> None:
    found = learned(tab.context, f"http://{host}:{site.port}/", proxy, ATTEMPTS)
    assert [name for name, said in found.items() if said.startswith("read")] == []
    assert behind.got == []

    tab.goto(f"http://{host}:{site.port}/")
    tab.evaluate("to => { location.href = to }", f"{proxy}/runs/1")
    tab.wait_for_url("**/runs/1")
    sent = tab.evaluate(
        "async () => (await fetch('/graphql', {method: 'POST', body: '{}',"
        " headers: {'Content-Type': 'application/json'}})).status"
    )
    assert sent == 200
    assert [got for got in behind.got if "favicon" not in got] == ["GET /runs/1", "POST /graphql"]
