"""A TCP proxy that passes, delays, swallows or resets what goes through it."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from typing import Literal

from free_port import free_port

Mode = Literal["pass", "delay", "blackhole"]
_DELAY_S = 0.2
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of zero seconds: closing sends RST


class Proxy:
    """Listens on a port of its own and forwards to a target port; modes may change at any time."""

    def __init__(self, target_port: int) -> None:
        self.port = free_port()
        self._mode: Mode = "pass"
        self._target_port = target_port
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._open.set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chaos-proxy", daemon=True)
        self._thread.start()
        self._await(self._listen())

    def turn(self, mode: Mode) -> None:
        """What becomes of the bytes from now on."""
        self._await(self._turn(mode))

    def reset(self) -> None:
        """Cut every connection with RST."""
        self._await(self._cut())

    def close(self) -> None:
        self._await(self._cut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _await(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _turn(self, mode: Mode) -> None:
        self._mode = mode
        if mode == "blackhole":
            self._open.clear()
        else:
            self._open.set()

    async def _cut(self) -> None:
        for writer in list(self._writers):
            found = writer.get_extra_info("socket")
            if found is not None:
                with contextlib.suppress(OSError):
                    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, back}
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        self._writers -= {writer, back}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if self._mode == "delay":
                    await asyncio.sleep(_DELAY_S)
                await self._open.wait()  # the other side sees a peer that is there and says nothing
                writer.write(data)
                await writer.drain()
        writer.close()
