"""
One WebSocket to one node: calls and subscriptions by id, silence noticed. It opens when it is first needed and is opened
anew by the next call after it was lost. Frames: the node's contract, ``packages/protocol/src/contract/socket.ts``.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import ssl
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

import websockets
from websockets.exceptions import WebSocketException

from .failure import P2posError, RemoteError, bad_request

#: As ``SOCKET_HEARTBEAT_MS``: a client that says nothing sends ``ping`` at least this often.
HEARTBEAT_S = 20.0
OPEN_TIMEOUT_S = 10.0
MAX_MESSAGE_BYTES = 64 * 1_048_576
#: As ``MAX_SOCKET_MESSAGE_BYTES``: of one message to a node.
MAX_SENT_BYTES = 2 * 1_048_576

Frame = dict[str, Any]


class Oversized(Exception):
    """No socket carries it; HTTP may."""


class Listener(Protocol):
    def on_event(self, event: Frame) -> None: ...

    def on_end(self, error: P2posError | None) -> None:
        """The last word: what went wrong, or nothing."""


@dataclass(frozen=True)
class LinkConfig:
    url: str
    token: str | None
    app: str | None
    tls: ssl.SSLContext | None
    #: With nothing under way for this long it is closed.
    idle_s: float = 60.0


class Link:
    def __init__(self, config: LinkConfig) -> None:
        self._config = config
        self._listeners: dict[int, Listener] = {}
        self._socket: Any = None
        self._opening: asyncio.Task[None] | None = None
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._work: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._next_id = 1
        self._heard_at = 0.0
        self._used_at = 0.0

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    async def open(self) -> None:
        """:raises P2posError: NODE_UNREACHABLE; nothing was sent."""
        if self.is_open:
            return
        if self._opening is None:
            self._opening = asyncio.create_task(self._connect())
            self._opening.add_done_callback(self._opened)
        # Others may wait for the same: who gives up does not end it for them.
        await asyncio.shield(self._opening)

    def start(self, frame: Frame, listener: Listener) -> int:
        """
        The answers and events that follow go to the listener until its end, or until :meth:`stop`.

        :raises Oversized: before anything is sent.
        """
        number = self._next_id
        text = _text({**frame, "id": number})
        if len(text) * 4 > MAX_SENT_BYTES and len(text.encode("utf-8")) > MAX_SENT_BYTES:
            raise Oversized
        self._next_id += 1
        self._used_at = _now()
        self._listeners[number] = listener
        self._queue.put_nowait(text)
        return number

    def stop(self, number: int, op: str) -> None:
        if self._listeners.pop(number, None) is not None:
            self._queue.put_nowait(_text({"op": op, "id": number}))

    async def close(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
        if self._socket is not None:
            self._lose(self._socket, "the client was closed")
        if self._closing:
            await asyncio.wait(list(self._closing))

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._opening = None
        if not task.cancelled():
            task.exception()

    async def _connect(self) -> None:
        config = self._config
        try:
            socket = await connect_socket(f"ws{config.url[4:]}/v1/ws", config.tls)
        except (OSError, EOFError, WebSocketException) as error:
            raise self._unreachable("no WebSocket could be opened", never_sent=True) from error
        self._socket = socket
        self._heard_at = self._used_at = _now()
        self._queue = asyncio.Queue()
        if config.token is not None:
            auth = {"op": "auth", "token": config.token}
            self._queue.put_nowait(
                _text(auth if config.app is None else {**auth, "app": config.app})
            )
        self._work = {
            asyncio.create_task(work)
            for work in (self._read(socket), self._write(socket), self._beat(socket))
        }

    async def _read(self, socket: Any) -> None:
        try:
            while True:
                message = await socket.recv()
                self._heard_at = _now()
                try:
                    frame = json.loads(message)
                except ValueError:
                    frame = None
                if not isinstance(frame, dict):
                    self._lose(socket, "it sent what is no frame")
                    return
                self._take(socket, frame)
        except (OSError, EOFError, WebSocketException) as error:
            self._lose(socket, f"the socket was closed ({error})")

    def _take(self, socket: Any, frame: Frame) -> None:
        kind, number = frame.get("type"), frame.get("id")
        if kind == "error" and number is None:
            self._lose(socket, str(frame.get("code")), _remote_error(frame))
            return
        if not isinstance(number, int):
            return
        last = kind in ("error", "end", "result")
        listener = self._listeners.pop(number, None) if last else self._listeners.get(number)
        if listener is None:
            return
        if kind == "error":
            listener.on_end(_remote_error(frame))
        elif kind == "end":
            listener.on_end(None)
        else:
            listener.on_event(frame)

    async def _write(self, socket: Any) -> None:
        try:
            while True:
                await socket.send(await self._queue.get())
        except (OSError, EOFError, WebSocketException) as error:
            self._lose(socket, f"the socket was closed ({error})")

    async def _beat(self, socket: Any) -> None:
        """Says that we are here, and finds out whether the node is."""
        idle_s = self._config.idle_s
        while True:
            self._queue.put_nowait(_text({"op": "ping"}))
            await asyncio.sleep(min(HEARTBEAT_S, idle_s))
            now = _now()
            if self._listeners:
                self._used_at = now
            if now - self._heard_at > 2 * HEARTBEAT_S:
                self._lose(socket, "the node fell silent")
                return
            if now - self._used_at >= idle_s:
                self._lose(socket, "it was idle")
                return

    def _lose(self, socket: Any, reason: str, told: P2posError | None = None) -> None:
        if socket is not self._socket:
            return
        self._socket = None
        lost = list(self._listeners.values())
        self._listeners.clear()
        current = asyncio.current_task()
        for task in self._work:
            if task is not current:
                task.cancel()
        self._later(_close(socket))
        # Who was refused would be refused again; who lost the node may ask another.
        refused = told is not None and (told.status < 500 or told.code == "AUTH_STALE")
        for listener in lost:
            listener.on_end(told if refused else self._unreachable(reason))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _unreachable(self, reason: str, *, never_sent: bool = False) -> P2posError:
        details = {"url": self._config.url, "reason": reason}
        return P2posError("NODE_UNREACHABLE", details, never_sent=never_sent)


def _text(frame: Frame) -> str:
    try:
        text = json.dumps(frame, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode("utf-8")
    except (TypeError, ValueError) as error:
        raise bad_request(f"What is to be sent is no JSON: {error}.") from error
    return text


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _close(socket: Any) -> None:
    try:
        await socket.close()
    except (OSError, EOFError, WebSocketException):
        pass


def _remote_error(frame: Frame) -> RemoteError:
    details = frame.get("details")
    request_id = frame.get("requestId")
    return RemoteError(
        str(frame.get("code")),
        message=str(frame.get("message", "")),
        details=details if isinstance(details, dict) else {},
        status=int(frame.get("status", 500)),
        request_id=None if request_id is None else str(request_id),
    )


async def connect_socket(url: str, tls: ssl.SSLContext | None) -> Any:
    options: dict[str, Any] = {
        "subprotocols": ["p2pos.json"],
        "max_size": MAX_MESSAGE_BYTES,
        "open_timeout": OPEN_TIMEOUT_S,
        "close_timeout": 1,
        "ping_interval": None,
        "compression": None,
    }
    if tls is not None and url.startswith("wss:"):
        options["ssl"] = tls
    if "proxy" in inspect.signature(_Direct.__init__).parameters:
        options["proxy"] = None
    return await _Direct(url, **options)


def _refuse(_: object, target: Any) -> Any:
    """The token goes to the nodes that were named, nowhere else."""
    if isinstance(target, Exception):
        return target
    raise WebSocketException(f"a redirect to {target}")


# Both names: the library's client before and since its version 14.
_Direct: Any = type(
    "_Direct",
    (getattr(websockets, "connect"),),
    {"process_redirect": _refuse, "handle_redirect": _refuse},
)
