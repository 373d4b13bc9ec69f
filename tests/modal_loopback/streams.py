"""Bytes that go into and come out of processes, kept so that a reader or writer may resume."""

import asyncio
import os


class Output:
    """All that a process wrote to one stream; it may be read from any offset, many times."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.ended = asyncio.Event()
        self._changed = asyncio.Event()

    def feed(self, chunk: bytes) -> None:
        """Append what came, or end the stream with an empty chunk."""
        self.data += chunk
        if not chunk:
            self.ended.set()
        self._changed.set()
        self._changed = asyncio.Event()

    def follow(self, fd: int) -> None:
        """Take all that comes out of `fd`, which is closed at its end."""
        os.set_blocking(fd, False)
        asyncio.get_running_loop().add_reader(fd, self._take, fd)

    def _take(self, fd: int) -> None:
        try:
            chunk = os.read(fd, 1 << 18)
        except BlockingIOError:
            return
        except OSError:  # EIO: the last process left the terminal
            chunk = b""
        self.feed(chunk)
        if not chunk:
            asyncio.get_running_loop().remove_reader(fd)
            os.close(fd)

    async def read(self, offset: int) -> bytes:
        """What lies after `offset`, at most 1 MiB, as soon as there is some; empty at the end."""
        while offset >= len(self.data):
            if self.ended.is_set():
                return b""
            await self._changed.wait()
        return bytes(self.data[offset : offset + (1 << 20)])

    async def whole(self) -> bytes:
        """All of it, once the stream has ended."""
        await self.ended.wait()
        return bytes(self.data)


class NotReading(Exception):
    """The process closed its stdin, or the offset lies past what was written."""


class Input:
    """The stdin of a process; an offset says where a chunk belongs, so repeats do no harm."""

    def __init__(self, fd: int, *, terminal: bool = False) -> None:
        os.set_blocking(fd, False)
        self.written = 0
        self.closed = False
        self._fd = fd
        self._terminal = terminal
        self._lock = asyncio.Lock()

    async def write(self, offset: int, data: bytes, *, end: bool = False) -> None:
        """Write the part of `data` that is new, then close on `end`. Raises NotReading."""
        async with self._lock:
            if offset > self.written:
                raise NotReading(f"stdin is at {self.written}, not at {offset}")
            fresh = memoryview(data)[self.written - offset :]
            if fresh and self.closed:
                raise NotReading("stdin is closed")
            while fresh:
                sent = await self._send(fresh)
                fresh, self.written = fresh[sent:], self.written + sent
            if end and not self.closed:
                if self._terminal:
                    await self._send(memoryview(b"\x04"))
                self.close()

    async def _send(self, data: memoryview) -> int:
        while True:
            try:
                return os.write(self._fd, data)
            except BlockingIOError:
                await self._writable()
            except OSError as error:
                raise NotReading(f"nothing reads stdin: {error.strerror}") from error

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_writer(self._fd, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_writer(self._fd)

    def close(self) -> None:
        """Let the process read its end of file. Safe to repeat."""
        if not self.closed:
            self.closed = True
            os.close(self._fd)
