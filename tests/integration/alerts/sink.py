"""A real HTTP server that takes what Apprise sends, or refuses it for as long as it is told to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Sink:
    """What arrived.

    Attributes:
        port: where it listens.
        status: what it answers; only what is answered with 200 has arrived.
        refuses: a path, and a word that it does not take there.
        longest: how many characters it takes.
        messages: what arrived, by path.
        refused: how many it refused.
        pings: how many GET requests came.
    """

    port: int = 0
    status: int = 200
    refuses: tuple[str, str] | None = None
    longest: int = 1_000_000
    messages: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0
    pings: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def url(self, path: str = "alerts") -> str:
        """Its address for Apprise."""
        return f"json://127.0.0.1:{self.port}/{path}"

    @property
    def titles(self) -> list[str]:
        """The titles of what arrived, in order."""
        return [message["title"] for message in self.messages]

    def wait_for(self, condition: str, seconds: float, **expected: int) -> None:
        """Wait until ``messages``, ``refused`` or ``pings`` has come to a number.

        Raises:
            AssertionError: it has not, in time.
        """

        def reached() -> bool:
            counts = {
                "messages": len(self.messages),
                "refused": self.refused,
                "pings": self.pings,
            }
            return all(counts[name] >= number for name, number in expected.items())

        with self.changed:
            assert self.changed.wait_for(reached, seconds), f"{condition}: {self.titles}"


@contextmanager
def running_sink() -> Iterator[Sink]:
    """A sink, for the length of the block."""
    sink = Sink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = sink.status
            if sink.refuses:
                path, word = sink.refuses
                status = 400 if path == self.path and word.encode() in body else status
            if len(json.loads(body)["message"]) > sink.longest:
                status = 413
            with sink.changed:
                if status == 200:
                    sink.messages.append({**json.loads(body), "path": self.path})
                else:
                    sink.refused += 1
                sink.changed.notify_all()
            self.send_response(status)
            self.end_headers()

        def do_GET(self) -> None:
            with sink.changed:
                sink.pings += 1
                sink.changed.notify_all()
            self.send_response(sink.status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quietly."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        sink.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield sink
        server.shutdown()
        thread.join()
