# SPDX-License-Identifier: Apache-2.0
"""Somebody on the way between a browser and the customer's process: passes bytes on, and can hold back what the authority says."""

import contextlib
import socket
import threading
from collections.abc import Iterator

from sealroom_customer.authority.api import LINE_PATH

CHUNK = 65536


class Relay:
    """Listens on `port`. **Cut, the lines to the authority stay open and what members say passes; no answer does.**"""

    def __init__(self, target: int) -> None:
        self._target = ("127.0.0.1", target)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._passes = threading.Event()
        self._passes.set()
        self._lines: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._take, daemon=True).start()

    def cut(self) -> None:
        """From now on nothing that the authority says arrives."""
        assert self._lines, "no line to the authority passes here"
        self._passes.clear()

    def release(self) -> None:
        """What was held back arrives late, and the lines go on."""
        self._passes.set()

    def break_off(self) -> None:
        """The lines that were cut end without a word more; new ones pass."""
        for line in self._lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self._lines.clear()
        self._passes.set()

    def close(self) -> None:
        """Takes no more connections; those that stand end with their ends."""
        self._passes.set()
        self._listener.close()

    def _take(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                browser, _ = self._listener.accept()
                customer = socket.create_connection(self._target)
                threading.Thread(target=self._serve, args=(browser, customer), daemon=True).start()

    def _serve(self, browser: socket.socket, customer: socket.socket) -> None:
        with browser, customer, contextlib.suppress(OSError):
            first = browser.recv(CHUNK)
            is_line = first.startswith(f"GET {LINE_PATH} ".encode())
            if is_line:
                self._lines.append(browser)
            customer.sendall(first)
            back = threading.Thread(target=self._back, args=(customer, browser, is_line), daemon=True)
            back.start()
            while data := browser.recv(CHUNK):
                customer.sendall(data)
            customer.shutdown(socket.SHUT_WR)
            back.join()

    def _back(self, customer: socket.socket, browser: socket.socket, is_line: bool) -> None:
        with contextlib.suppress(OSError):
            while data := customer.recv(CHUNK):
                if is_line:
                    self._passes.wait()
                browser.sendall(data)
            browser.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def relay(target: int) -> Iterator[Relay]:
    """A relay in front of a port of this machine."""
    between = Relay(target)
    try:
        yield between
    finally:
        between.close()
