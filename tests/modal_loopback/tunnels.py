"""Tunnels: ports of this machine's loopback that lead into a sandbox's own network."""

import asyncio
from collections.abc import Callable, Iterable

from modal_proto import api_pb2

from tests.modal_loopback.cell import Cell, CellError


class Tunnels:
    """The tunnels of one sandbox. They carry bytes as they are: TLS is not added."""

    def __init__(self, cell: Cell, *, touch: Callable[[], None]) -> None:
        self.busy = 0
        self.ports: dict[int, int] = {}
        self._cell, self._touch = cell, touch
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, ports: Iterable[int]) -> None:
        """Listen for each port of the sandbox on one of this machine's."""
        for port in ports:
            server = await asyncio.start_server(self._carrier(port), "127.0.0.1", 0)
            self._servers.append(server)
            self.ports[port] = int(server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Stop listening and break what is open."""
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()

    def described(self) -> list[api_pb2.TunnelData]:
        """As the SDK wants them."""
        host = "127.0.0.1"
        return [
            api_pb2.TunnelData(
                host=host,
                port=outer,
                unencrypted_host=host,
                unencrypted_port=outer,
                container_port=inner,
            )
            for inner, outer in self.ports.items()
        ]

    async def reach(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to a port inside. Raises OSError or CellError."""
        inside = self._cell.socket()
        try:
            await asyncio.get_running_loop().sock_connect(inside, ("127.0.0.1", port))
        except OSError:
            inside.close()
            raise
        return await asyncio.open_connection(sock=inside)

    def _carrier(self, port: int) -> Callable[..., None]:
        def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._carry(port, reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return carry

    async def _carry(
        self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.busy += 1
        try:
            inner_reader, inner_writer = await self.reach(port)
            try:
                await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))
            finally:
                inner_writer.close()
        except (OSError, CellError):
            pass  # nothing listens there: the connection closes, as Modal's does
        finally:
            writer.close()
            self.busy -= 1
            self._touch()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
