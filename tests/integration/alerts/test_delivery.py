"""Targets and a heartbeat that refuse, hang, drip or speak no HTTP: real servers, and the alerts go on."""

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg
import pytest

from soleflip_assets.alerts import heartbeat, targets
from tests.integration.alerts.conftest import Daemon, Evaluate
from tests.integration.alerts.sink import Sink

# One of Apprise's many plugins imports it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

# Instead of ten.
PATIENCE_SECONDS = 1.0

Answer = Callable[[socketserver.StreamRequestHandler, threading.Event], None]


def hang(_: socketserver.StreamRequestHandler, ended: threading.Event) -> None:
    """Take it all and say nothing."""
    ended.wait(30)


def drip(handler: socketserver.StreamRequestHandler, ended: threading.Event) -> None:
    """Answer, a byte at a time: the time limit of a socket is from one to the next."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not ended.wait(0.2):
        handler.wfile.write(b"x")


def nonsense(handler: socketserver.StreamRequestHandler, _: threading.Event) -> None:
    """Speak another protocol."""
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2p1\r\n\x00\xff\xfe")


def close(_: socketserver.StreamRequestHandler, __: threading.Event) -> None:
    """Say nothing and go."""


@contextmanager
def server(answer: Answer) -> Iterator[int]:
    """Somebody who listens, and answers so."""
    ended = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            try:
                answer(self, ended)
            except OSError:
                """It was left alone."""

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield int(listening.server_address[1])
        ended.set()
        listening.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "_SEND_TIMEOUT_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(heartbeat, "_TIMEOUT_SECONDS", PATIENCE_SECONDS)


@pytest.mark.parametrize("answer", [hang, drip, nonsense, close])
def test_target_that_does_not_answer_costs_one_wait_and_holds_up_nobody(
    daemon: Daemon,
    sink: Sink,
    evaluate: Evaluate,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
) -> None:
    with server(answer) as port:
        urls = f"json://127.0.0.1:{port}/{answer.__name__},{sink.url()}"
        monkeypatch.setenv("SOLEFLIP_ALERT_URLS", urls)
        for number in range(4):
            evaluate(passed=False, check=f"check_{number}")
        started = time.monotonic()
        reason = daemon.tick()
        assert time.monotonic() - started < 4 * PATIENCE_SECONDS
        assert len(sink.messages) == 1
        assert "not reached: json#" in reason
        threads = threading.active_count()
        for number in range(4, 8):
            evaluate(passed=False, check=f"check_{number}")
            daemon.tick()
        # One waits on for the answer; four more ticks add none to it, but for a try and its server's own.
        assert threading.active_count() <= threads + 2
    assert len(sink.messages) == 5


@pytest.mark.parametrize("answer", [hang, drip, nonsense, close, None])
def test_heartbeat_that_fails_in_any_way_has_no_alert_sent_again(  # noqa: PLR0917 fixtures
    instance: dg.DagsterInstance,
    daemon: Daemon,
    sink: Sink,
    evaluate: Evaluate,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer | None,
) -> None:
    """None is a URL with a space in it. It is tried again at each tick, and answered in the end."""

    @dg.job(name="refresh_stock_metrics")
    def refresh() -> None:
        """As far as the alerts can see."""

    evaluate(passed=False)
    refresh.execute_in_process(instance=instance)
    with server(answer or close) as port:
        url = f"http://127.0.0.1:{port}/alive" if answer else "http://hc-ping.example/a b"
        monkeypatch.setenv("SOLEFLIP_HEARTBEAT_URL", url)
        for _ in range(3):
            daemon.tick()
    assert len(sink.messages) == 1
    assert _heartbeat_due(daemon)

    monkeypatch.setenv("SOLEFLIP_HEARTBEAT_URL", f"http://127.0.0.1:{sink.port}/alive")
    deadline = time.monotonic() + 30
    while _heartbeat_due(daemon):
        assert time.monotonic() < deadline
        daemon.tick()
    assert sink.pings == 1


def _heartbeat_due(daemon: Daemon) -> bool:
    return daemon.state.heartbeat_due


def test_message_that_is_refused_holds_up_no_other_and_is_given_up_after_a_day(
    daemon: Daemon, sink: Sink, evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a service does that finds a word in it, or its length, not to its taste."""
    monkeypatch.setenv("SOLEFLIP_ALERT_URLS", f"{sink.url('picky')},{sink.url('other')}")
    sink.refuses = ("/picky", "check_unloved")
    evaluate(passed=False, check="check_unloved")
    daemon.tick()
    evaluate(passed=False, check="check_loved")
    daemon.tick()
    assert _titles(sink, "/picky") == ["[SoleFlip] ERROR: check_loved failing"]
    assert len(_titles(sink, "/other")) == 2

    for _ in range(26):
        daemon.tick(3600)
    about = [title for title in _titles(sink, "/other") if "json#" in title]
    assert about[0].startswith("[SoleFlip] ERROR: json#")
    assert not [title for title in _titles(sink, "/picky") if "json#" in title]


def _titles(sink: Sink, path: str) -> list[str]:
    return [message["title"] for message in sink.messages if message["path"] == path]


def test_message_of_many_checks_is_as_long_as_the_target_takes(
    daemon: Daemon, sink: Sink, evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target of Apprise that takes 2,000 characters, as Discord does, and refuses more."""
    from apprise.plugins.custom_json import NotifyJSON  # noqa: PLC0415 it takes long to import

    monkeypatch.setattr(NotifyJSON, "body_maxlen", 2000)
    sink.longest = 2000
    for number in range(8):
        evaluate(passed=False, check=f"check_{number}", note="n" * 100)
    daemon.tick()

    told = [message["message"] for message in sink.messages]
    assert sink.refused == 0
    assert all(len(text) <= 2000 for text in told)
    assert "more that have no room here" in told[0]
