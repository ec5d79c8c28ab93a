"""A page of another site, in a real browser, tries to do something in Dagster's UI, or to read of it.

The attempts are those of docs/security.md, from two origins: another port of the same name, which browsers
call the same site, and another name.
"""

import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from soleflip_assets.ground.settings import FILES
from tests.e2e.processes import Up

# What each attempt has: the UI's address, a query that launches a run under its name, and one that reads.
SETUP = """
const ui = '%(ui)s', name = '%(name)s', here = location.origin;
const mutation = `mutation { launchRun(executionParams: {
  selector: {
    repositoryLocationName: "soleflip", repositoryName: "__repository__", jobName: "preflight_phase2"
  },
  executionMetadata: {tags: [{key: "attempt", value: "${name}"}]}
}) { __typename } }`;
const body = JSON.stringify({query: mutation});
const asked = ui + '/graphql?query=' + encodeURIComponent(mutation);
const read = '{ version }';
const add = (tag, attributes) => new Promise(done => {
  const added = Object.assign(document.createElement(tag), attributes);
  added.onload = added.onerror = done;
  document.body.append(added);
  setTimeout(done, 1500);
});
const submit = attributes => {
  const form = document.createElement('form');
  Object.assign(form, {method: 'POST', target: 'frame', ...attributes});
  // {"query": "…", "x=": "y"}: a form of text/plain writes name=value.
  const field = Object.assign(document.createElement('input'), {
    name: attributes.enctype === 'text/plain' ? body.slice(0, -1) + ', "x' : 'query',
    value: attributes.enctype === 'text/plain' ? '": ""}' : mutation});
  form.append(field);
  document.body.append(form);
  const loaded = add('iframe', {name: 'frame'});
  form.submit();
  return loaded;
};
const post = (type, more) => fetch(ui + '/graphql', {
  method: 'POST', mode: 'no-cors', body: new Blob([body], {type}), ...more});
"""

ATTEMPTS = {
    "post JSON as text/plain": "await post('text/plain')",
    "post JSON as text/plain; application/json": "await post('text/plain; application/json')",
    "post JSON as application/json": "await post('application/json', {mode: 'cors'})",
    "post JSON without a type": "await post('')",
    "post with the query in the address": "await fetch(asked, {method: 'POST', mode: 'no-cors'})",
    "post as application/graphql": "await fetch(ui + '/graphql', {method: 'POST', body: mutation,"
    " headers: {'Content-Type': 'application/graphql'}})",
    "put": "await post('application/json', {method: 'PUT', mode: 'cors'})",
    "submit a form": "await submit({action: asked})",
    "submit a form of text/plain": "await submit({action: ui + '/graphql', enctype: 'text/plain'})",
    "submit a form of multipart/form-data": "await submit({action: asked, enctype: 'multipart/form-data'})",
    "send a beacon": "navigator.sendBeacon(ui + '/graphql', body)",
    "get an image": "await add('img', {src: asked})",
    "get a script": "await add('script', {src: asked})",
    "get a style sheet": "await add('link', {rel: 'stylesheet', href: asked})",
    "get a video": "await add('video', {src: asked})",
    "get a frame": "await add('iframe', {src: asked})",
    "prefetch": "await add('link', {rel: 'prefetch', href: asked})",
    "open a window": "window.open(asked); await new Promise(done => setTimeout(done, 1500))",
    "follow a redirect of its own that keeps the body": "await fetch(here + '/redirect?to=' +"
    " encodeURIComponent(ui + '/graphql'), {method: 'POST', mode: 'no-cors', body})",
    "be nobody, in a sandbox": "await add('iframe', {sandbox: 'allow-scripts', srcdoc:"
    " `<script>fetch(${JSON.stringify(ui + '/graphql')}, {method: 'POST', mode: 'no-cors', body:"
    " ${JSON.stringify(body)}})</${''}script>`})",
    "open a websocket": "return await new Promise(done => {"
    " const socket = new WebSocket(ui.replace('http', 'ws') + '/graphql', 'graphql-ws');"
    " socket.onopen = () => socket.send(JSON.stringify({type: 'start', id: '1', payload:"
    " {query: mutation}})) || done('read: open'); socket.onerror = () => done('closed') })",
    "report an event of an asset": "await fetch(ui + '/report_asset_materialization/attempt?description=' +"
    " name, {method: 'POST', mode: 'no-cors', body: '{}'})",
    "read an answer": "return 'read: ' + await (await fetch(ui + '/graphql?query=' + read)).text()",
    "read an answer without CORS": "const got = await fetch(ui + '/server_info', {mode: 'no-cors'});"
    " return got.type === 'opaque' ? 'opaque' : 'read: ' + got.type",
    "read by an event stream": "return await new Promise(done => { const stream ="
    " new EventSource(ui + '/server_info'); stream.onopen = () => done('read: open');"
    " stream.onerror = () => done('closed') })",
}


@dataclass
class Site:
    """Somebody else's web server on this machine."""

    port: int


@contextmanager
def _site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Cheap shoes</title><body>Cheap shoes</body>")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(307)
            to = re.sub(r".*to=", "", self.path)
            self.send_header("Location", to.replace("%3A", ":").replace("%2F", "/"))
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quietly."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield Site(server.server_address[1])
        server.shutdown()
        thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    with _site() as site:
        yield site


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


FOUND = """
query Found($attempt: String!) {
  runsOrError(filter: {tags: [{key: "attempt", value: $attempt}]}) { ... on Runs { results { runId } } }
  assetOrError(assetKey: {path: ["attempt"]}) {
    ... on Asset { assetMaterializations(limit: 9) { description } }
  }
}
"""


def _achieved(up: Up, name: str) -> list[str]:
    """What an attempt has done: runs it launched, assets it reported."""
    found = up.graphql(FOUND, attempt=name)
    runs = [run["runId"] for run in found["runsOrError"]["results"]]
    reported = found["assetOrError"].get("assetMaterializations", [])
    return runs + [name for event in reported if event["description"] == name]


def _begin(tab: Page, ui: str, name: str) -> None:
    """Let the page try; it goes on by itself."""
    script = SETUP % {"ui": ui, "name": name} + ATTEMPTS[name]
    tab.evaluate(
        "() => { window.learned = (async () => {"
        f" try {{ {script} }} catch (error) {{ return `${{error}}` }} }})() }}"
    )


def learned(context: BrowserContext, page: str, ui: str, names: Iterable[str]) -> dict[str, str]:
    """What pages of another site learn, each by one attempt, in tabs of their own at the same time.

    Args:
        context: of the browser.
        page: the address that all of them are opened by.
        ui: the address that they try.
        names: of the attempts.
    """
    tabs = {name: context.new_page() for name in names}
    for name, tab in tabs.items():
        tab.goto(page)
        _begin(tab, ui, name)
    return {name: str(tab.evaluate("() => window.learned")) for name, tab in tabs.items()}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_page_of_another_site_does_and_reads_nothing(
    tab: Page, up: Up, site: Site, host: str
) -> None:
    """Each attempt is refused, from another port of the same name and from another name."""
    found = learned(
        tab.context, f"http://{host}:{site.port}/", f"http://127.0.0.1:{up.port}", ATTEMPTS
    )
    read = [name for name, said in found.items() if said.startswith("read")]
    done = [name for name in ATTEMPTS if _achieved(up, name)]
    assert (read, done) == ([], [])


def test_page_that_made_its_own_name_point_here_is_not_answered(tab: Page, up: Up) -> None:
    """DNS rebinding: the page counts as the UI's own to the browser. Chromium resolves *.localhost itself."""
    answer = tab.goto(f"http://shoes.localhost:{up.port}/")
    assert answer is not None
    assert answer.status == 421
    name = "post JSON as application/json"
    learned(tab.context, f"http://shoes.localhost:{up.port}/", "", [name])
    assert _achieved(up, name) == []


def test_ui_is_not_shown_in_a_frame_of_another_site(tab: Page, up: Up, site: Site) -> None:
    """Else a person could be made to press its buttons."""
    tab.goto(f"http://localhost:{site.port}/")
    tab.evaluate(
        "ui => new Promise(done => document.body.append(Object.assign("
        "document.createElement('iframe'), {src: ui, onload: done})))",
        f"http://127.0.0.1:{up.port}/runs",
    )
    (frame,) = (frame for frame in tab.frames if frame is not tab.main_frame)
    assert frame.locator("#root").count() == 0


def test_link_of_another_site_opens_the_ui(tab: Page, up: Up, site: Site) -> None:
    """As those in a message that a browser shows; and the UI's own queries and websocket are let through."""
    tab.goto(f"http://localhost:{site.port}/")
    with tab.expect_websocket():
        tab.evaluate("to => { location.href = to }", f"http://127.0.0.1:{up.port}/runs")
        tab.wait_for_url("**/runs")
        tab.get_by_text("preflight_phase2").or_(tab.get_by_text("deploy_phase2")).first.wait_for()


def test_attempts_are_those_of_the_security_page() -> None:
    page = (FILES / "docs" / "security.md").read_text()
    section = page.partition("## What a web page tried")[2].partition("\n## ")[0]
    assert re.findall(r"^\| ([^|]+) \|[^|]+\|$", section, re.MULTILINE)[1:] == list(ATTEMPTS)
