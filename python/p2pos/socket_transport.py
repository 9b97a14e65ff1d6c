"""Calls and subscriptions over one WebSocket a node. Where none can be had, calls go over HTTP for a while."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

from .caller import Transport
from .contract import OPERATIONS
from .failure import P2posError
from .http_transport import unexpected
from .link import Frame, Link, LinkConfig, Oversized
from .wire import from_blob, to_blob

#: A node that gave no socket is asked for one again after this long.
WITHOUT_S = 30.0


class SocketTransport:
    def __init__(
        self,
        urls: Sequence[str],
        *,
        token: str | None,
        app: str | None,
        tls: ssl.SSLContext | None,
        http: Transport,
    ) -> None:
        self._urls = urls
        self._http = http
        self._links = [Link(LinkConfig(url, token, app, tls)) for url in urls]
        self._without_until = [float("-inf")] * len(urls)

    async def link(self, node: int) -> Link:
        """The link to a node, opened."""
        link = self._links[node]
        await link.open()
        return link

    async def attempt(self, method: str, fields: Mapping[str, Any], node: int) -> Any:
        loop = asyncio.get_running_loop()
        if loop.time() < self._without_until[node]:
            return await self._http.attempt(method, fields, node)
        link = self._links[node]
        try:
            await link.open()
        except P2posError:
            # HTTP tells better what is wrong, and works through what lets no socket pass.
            answer = await self._http.attempt(method, fields, node)
            self._without_until[node] = loop.time() + WITHOUT_S
            return answer
        body = fields.get("body")
        wire = {**fields, "body": to_blob(body)} if isinstance(body, bytes) else dict(fields)
        try:
            output = await _call(link, {"op": "call", "method": method, "input": wire})
        except Oversized:
            return await self._http.attempt(method, fields, node)
        if OPERATIONS[method].answer is None:
            return output
        if not isinstance(output, dict):
            raise unexpected(self._urls[node], "its answer has another form")
        return {**output, "body": from_blob(output["body"])} if "body" in output else output

    async def close(self) -> None:
        for link in self._links:
            await link.close()
        await self._http.close()


class _Answer:
    def __init__(self) -> None:
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def on_event(self, event: Frame) -> None:
        if not self.future.done():
            self.future.set_result(event.get("output"))

    def on_end(self, error: P2posError | None) -> None:
        if not self.future.done():
            self.future.set_exception(error or P2posError("CANCELLED"))


async def _call(link: Link, frame: Frame) -> Any:
    answer = _Answer()
    number = link.start(frame, answer)
    try:
        return await answer.future
    finally:
        link.stop(number, "cancel")
