"""A TCP proxy before a PostgreSQL server, which does to connections what networks do to them."""

import socket
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path

from sqlalchemy.engine import URL

# Closed with these, a connection is reset and not ended.
_AT_ONCE = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards TCP connections to a server's Unix socket until it is told to do something else.

    Args:
        server: its socket.

    Attributes:
        port: where it listens.
        swallows_all: reads what comes from either side and throws it away.
        swallows_answers: the same with what the server says, on connections that there were before.
        delay: seconds by which it holds back each piece.
    """

    def __init__(self, server: Path) -> None:
        self._server = server
        self.swallows_all = False
        self.swallows_answers = False
        self.delay = 0.0
        self._resets = False
        self._swallowed: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._sockets: set[socket.socket] = set()
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow_for_good(self) -> None:
        """Forget the connections that there are: they stay open, and nothing goes through any more."""
        self._swallowed |= self._sockets

    def reset(self, *, also_new: bool) -> None:
        """Reset the connections that there are.

        Args:
            also_new: go on to do so with new ones, until this is called without.
        """
        self._resets = also_new
        for opened in list(self._sockets):
            self._reset(opened)

    def close(self) -> None:
        """End all."""
        for opened in (self._listener, *list(self._sockets)):
            # A thread that reads it wakes up.
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._resets:
                    self._reset(client)
                    client.close()
                    continue
                server = socket.socket(socket.AF_UNIX)
                try:
                    server.connect(str(self._server))
                except OSError:
                    # The server is away.
                    server.close()
                    client.close()
                    continue
                self._sockets |= {client, server}
                threading.Thread(target=self._serve, args=(client, server), daemon=True).start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        """Both directions, until both sides have ended."""
        late = self.swallows_answers
        back = threading.Thread(target=self._forward, args=(server, client, not late), daemon=True)
        back.start()
        self._forward(client, server, answers=False)
        back.join()
        for ended in (client, server):
            ended.close()
            self._sockets.discard(ended)
            self._swallowed.discard(ended)

    def _forward(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        """One direction; `answers`: it is what the server says, on a connection that may be swallowed."""
        with suppress(OSError):
            while data := source.recv(65536):
                if self.delay:
                    time.sleep(self.delay)
                swallowed = self.swallows_all or (answers and self.swallows_answers)
                if not swallowed and source not in self._swallowed:
                    sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    @staticmethod
    def _reset(opened: socket.socket) -> None:
        with suppress(OSError):
            if opened.family == socket.AF_INET:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            # Whoever reads it in a thread wakes up, and closes it.
            opened.shutdown(socket.SHUT_RD)


def proxied(url: URL, proxy: Proxy) -> URL:
    """A database by way of the proxy, as which it sees a connection of its own machine."""
    return url.set(host="127.0.0.1", port=proxy.port, query={})
