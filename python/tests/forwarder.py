"""A way to a node that can be cut: forwards TCP from a port of its own."""

from __future__ import annotations

import asyncio
from types import TracebackType
from urllib.parse import urlsplit


class Forwarder:
    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Forwarder:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def cut(self) -> None:
        """Ends every connection; new ones may come."""
        for writer in self._writers:
            writer.transport.abort()

    def stop(self) -> None:
        """Ends every connection and takes no new ones."""
        self._server.close()
        self.cut()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = await asyncio.open_connection(self._target.hostname, self._target.port)
        self._writers |= {writer, target[1]}
        await asyncio.gather(_copy(reader, target[1]), _copy(target[0], writer))
        self._writers -= {writer, target[1]}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()
