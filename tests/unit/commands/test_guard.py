"""Which requests the guard lets through, by their headers alone."""

import pytest

from soleflip_assets.commands.guard import origins, refusal
from soleflip_assets.commands.webserver import own_origins
from soleflip_assets.ground.errors import ConfigurationError

OWN = origins("http://127.0.0.1:3000", "http://localhost:3000", "https://dagster.example.com/")
HOST = "127.0.0.1:3000"
JSON = {"content-type": "application/json"}
PAGE = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}
LINK = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def status(
    method: str = "GET", path: str = "/", *, kind: str = "http", host: str = HOST, **headers: str
) -> int | None:
    sent = {"host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
    pairs = [(name.encode(), value.encode()) for name, value in sent.items()]
    found = refusal(kind, method, path, pairs, OWN)
    return found.status if found else None


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {}),
        ("GET", "/runs/1", LINK),
        ("GET", "/", {"sec-fetch-site": "none"}),
        ("GET", "/graphql", {"accept": "text/html,*/*"}),
        ("POST", "/graphql", JSON),
        ("POST", "/graphql", {"content-type": "Application/JSON; charset=utf-8"}),
        ("POST", "/graphql", JSON | PAGE),
        ("POST", "/graphql", JSON | {"host": "LOCALHOST:3000", "origin": "http://localhost:3000"}),
        (
            "POST",
            "/graphql",
            JSON | {"host": "dagster.example.com", "origin": "https://dagster.example.com"},
        ),
    ],
)
def test_own_pages_programs_and_links_are_let_through(
    method: str, path: str, headers: dict[str, str]
) -> None:
    assert status(method, path, **headers) is None


@pytest.mark.parametrize(
    ("expected", "method", "path", "headers"),
    [
        (421, "GET", "/", {"host": "shop.example"}),
        (421, "GET", "/", {"host": "127.0.0.1"}),
        (421, "GET", "/", {"host": "127.0.0.1:3000.shop.example"}),
        (421, "GET", "/", {"host": "user@127.0.0.1:3000"}),
        (421, "GET", "/", {"host": ""}),
        (403, "POST", "/graphql", JSON | {"origin": "http://shop.example"}),
        (403, "POST", "/graphql", JSON | {"origin": "null"}),
        (403, "POST", "/graphql", JSON | {"origin": "http://localhost:3001"}),
        # Ours, but not the one that is asked: the viewers' page, say.
        (403, "POST", "/graphql", JSON | {"origin": "http://localhost:3000"}),
        (403, "POST", "/graphql", JSON | {"sec-fetch-site": "same-site"}),
        (403, "GET", "/", {"sec-fetch-site": "cross-site"}),
        (403, "GET", "/", LINK | {"sec-fetch-dest": "iframe"}),
        (403, "GET", "/graphql", LINK | {"accept": "text/html"}),
        (403, "POST", "/graphql", LINK | JSON),
        (405, "GET", "/graphql", {}),
        (405, "GET", "/graphql/", {"accept": "*/*"}),
        (405, "HEAD", "/graphql", {}),
        (405, "OPTIONS", "/graphql", {}),
        (405, "PUT", "/graphql", JSON),
        (415, "POST", "/graphql", {}),
        (415, "POST", "/graphql", {"content-type": "text/plain"}),
        # Dagster looks only whether application/json is in it; a browser sends it without asking.
        (415, "POST", "/graphql", {"content-type": "text/plain; application/json"}),
        (415, "POST", "/report_asset_check/stock", {"content-type": "text/plain"}),
    ],
)
def test_everything_else_is_refused(
    expected: int, method: str, path: str, headers: dict[str, str]
) -> None:
    assert status(method, path, **headers) == expected


def test_websocket_of_another_page_is_refused() -> None:
    assert status(kind="websocket", path="/graphql", **PAGE) is None
    assert status(kind="websocket", path="/graphql", origin="http://localhost:8000") == 403


def test_header_that_is_there_twice_is_refused() -> None:
    hosts = [(b"host", HOST.encode()), (b"Host", b"shop.example")]
    found = refusal("http", "GET", "/", hosts, OWN)
    assert found is not None
    assert found.status == 400


def test_own_are_loopback_where_it_listens_and_the_public_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOLEFLIP_UI_URL", "https://Dagster.example.com:443/dagster/")
    monkeypatch.setenv("SOLEFLIP_VIEWERS_URL", "")
    loopback = {"http://127.0.0.1:3000", "http://localhost:3000", "http://[::1]:3000"}
    assert own_origins("0.0.0.0", 3000) == loopback | {"https://dagster.example.com"}  # noqa: S104
    assert "http://10.0.0.5:80" not in own_origins("10.0.0.5", 80)
    assert "http://10.0.0.5" in own_origins("10.0.0.5", 80)

    monkeypatch.setenv("SOLEFLIP_VIEWERS_URL", "dagster.example.com")
    with pytest.raises(ConfigurationError, match="SOLEFLIP_VIEWERS_URL"):
        own_origins("127.0.0.1", 3000)
