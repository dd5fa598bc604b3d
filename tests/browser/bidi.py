# SPDX-License-Identifier: Apache-2.0
"""WebDriver BiDi (W3C) as far as a test needs it: commands over one WebSocket, and a page that is read and clicked."""

import base64
import contextlib
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from websockets.sync.client import ClientConnection, connect

Event: TypeAlias = Callable[[dict[str, Any]], None]
ANSWER_WITHIN = 60
"""Seconds; a browser on a busy machine takes its time to start a page."""


class BidiError(Exception):
    """The browser refused a command, or the page's script threw."""


class Session:
    """One session with a browser. Events are handed on while a command waits for its answer."""

    def __init__(self, line: ClientConnection) -> None:
        self._line = line
        self._ids = itertools.count(1)
        self._handlers: dict[str, list[Event]] = {}
        self.command("session.new", capabilities={})

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command. Raises BidiError when the browser refuses it, TimeoutError when it is silent."""
        number = next(self._ids)
        self._line.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message: dict[str, Any] = msgspec.json.decode(self._line.recv(timeout=ANSWER_WITHIN))
            if message["type"] == "event":
                for handler in self._handlers.get(message["method"], []):
                    handler(message["params"])
            elif message.get("id") == number:
                if message["type"] == "error":
                    raise BidiError(f"{method}: {message['error']}: {message['message']}")
                result: dict[str, Any] = message["result"]
                return result

    def on(self, event: str, handler: Event) -> None:
        """Calls `handler` with the parameters of every `event`."""
        if event not in self._handlers:
            self.command("session.subscribe", events=[event])
        self._handlers.setdefault(event, []).append(handler)


@contextlib.contextmanager
def session(address: str) -> Iterator[Session]:
    """A session with the browser that listens at `address`."""
    # No limit: a picture of a page is one message.
    with connect(f"{address}/session", max_size=None, open_timeout=ANSWER_WITHIN) as line:
        yield Session(line)


class BidiPage:
    """One page in a user context of its own, so that it shares no storage with another."""

    def __init__(self, session: Session, scripts: list[str], heard: Callable[[str], None]) -> None:
        """`scripts` run before the page's own in every document; `heard` is told what the page says on its console."""
        self._session = session
        self._user = session.command("browser.createUserContext")["userContext"]
        made = session.command("browsingContext.create", type="tab", userContext=self._user)
        self._context: str = made["context"]
        for script in scripts:
            # The empty document that every tab begins with has no devices.
            declaration = f'() => {{ if (location.href === "about:blank") return;\n{script}\n}}'
            session.command(
                "script.addPreloadScript", functionDeclaration=declaration, contexts=[self._context]
            )

        def entry(said: dict[str, Any]) -> None:
            if said["source"].get("context") == self._context:
                heard(f"{said['level']}: {said['text']}")

        session.on("log.entryAdded", entry)

    def goto(self, address: str) -> None:
        """Opens `address` and waits for its document."""
        self._session.command(
            "browsingContext.navigate", context=self._context, url=address, wait="interactive"
        )

    def evaluate(self, expression: str) -> Any:
        """The value of `expression`, awaited, by way of JSON. Raises BidiError when it throws."""
        wrapped = f"(async () => JSON.stringify((await ({expression})) ?? null))()"
        answer = self._session.command(
            "script.evaluate", expression=wrapped, target={"context": self._context}, awaitPromise=True
        )
        if answer["type"] != "success":
            raise BidiError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def click(self, selector: str) -> None:
        """Presses the mouse on the middle of the first element that `selector` (CSS) finds. Raises BidiError without one."""
        found = self.evaluate(
            f"""(() => {{
              const element = document.querySelector({json.dumps(selector)});
              element?.scrollIntoView({{ block: "center" }});
              const box = element?.getBoundingClientRect();
              return box && {{ x: Math.round(box.x + box.width / 2), y: Math.round(box.y + box.height / 2) }};
            }})()"""
        )
        if found is None:
            raise BidiError(f"nothing to click: {selector}")
        press = [{"type": "pointerMove", **found}, {"type": "pointerDown", "button": 0}]
        actions = [
            {"type": "pointer", "id": "mouse", "actions": [*press, {"type": "pointerUp", "button": 0}]}
        ]
        self._session.command("input.performActions", context=self._context, actions=actions)

    def screenshot(self, *, path: Path) -> bytes:
        """The page as PNG, written to `path` too."""
        shot = self._session.command("browsingContext.captureScreenshot", context=self._context)
        picture = base64.b64decode(shot["data"])
        path.write_bytes(picture)
        return picture

    def close(self) -> None:
        """Closes the page and forgets what it stored."""
        self._session.command("browser.removeUserContext", userContext=self._user)
