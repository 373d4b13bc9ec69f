"""From the wire to plain functions: every RPC is authenticated, logged and met by faults here.

A part answers an RPC with a method of the RPC's name: `async def Name(self, request, call)` gives
the answer, an async generator gives a stream, and where the client streams, `request` is an async
iterator. RPCs that no part answers are UNIMPLEMENTED.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, cast

from google.protobuf.message import Message
from grpclib import GRPCError, Status
from grpclib.const import Cardinality, Handler
from grpclib.encoding.base import StatusDetailsCodecBase
from grpclib.server import Stream
from modal_proto import api_pb2

from tests.modal_loopback.faults import Faults, Rule
from tests.modal_loopback.tokens import LIFETIME, BadToken, Tokens


def fail(status: Status, message: str, *details: Message) -> NoReturn:
    """Answer the RPC at hand with an error."""
    raise GRPCError(status, message, list(details) or None)


@dataclass
class Call:
    """One RPC under way."""

    rpc: str
    metadata: Mapping[str, str]
    rules: Mapping[str, Rule] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def note(self, message: Message) -> None:
        """Remember which sandbox, task and exec the RPC speaks of, for the log."""
        for name in ("sandbox_id", "task_id", "exec_id", "image_id", "volume_id"):
            if value := getattr(message, name, ""):
                self.ids.setdefault(name.removesuffix("_id"), value)

    @property
    def token_lifetime(self) -> float:
        """Seconds for which tokens in the answer are good."""
        rule = self.rules.get("short_token")
        return rule.seconds if rule else LIFETIME

    @property
    def moment(self) -> float:
        """The time of the world that the answer shows: now, if it isn't stale."""
        rule = self.rules.get("stale")
        if rule and rule.at is not None:
            return rule.at
        return time.time() - (rule.seconds if rule else 0.0)


@dataclass
class Wire:
    """What all RPCs pass through."""

    credentials: tuple[str, str]
    tokens: Tokens
    faults: Faults
    latency: float
    log: Path | None
    terminate: Callable[[Mapping[str, str]], None]

    def handlers(self, bases: Iterable[type], parts: Iterable[object]) -> "Service":
        """The service that grpclib serves: each RPC of the bases, answered by a part."""
        parts = list(parts)
        mapping = {}
        for base in bases:
            for path, handler in _mapping(base).items():
                name = path.rpartition("/")[2]
                found = (getattr(part, name, None) for part in parts)
                function = next((one for one in found if one is not None), None)
                serve = self._serve(path, name, handler.cardinality, function)
                mapping[path] = handler._replace(func=serve)
        return Service(mapping)

    def _serve(self, path: str, name: str, kind: Cardinality, function: Any) -> Any:
        async def serve(stream: "Stream[Any, Any]") -> None:
            metadata = {key: str(value) for key, value in (stream.metadata or {}).items()}
            call = Call(name, metadata)
            began, status = time.time(), "OK"
            try:
                call.rules = self._faults_of(name)
                await self._answer(path, kind, function, stream, call)
            except GRPCError as error:
                status = error.status.name
                raise
            except BaseException as error:
                status = "CANCELLED" if isinstance(error, asyncio.CancelledError) else "UNKNOWN"
                raise
            finally:
                self._write(call, began, status)

        return serve

    def _faults_of(self, name: str) -> Mapping[str, Rule]:
        try:
            return self.faults.hit(name)
        except (ValueError, TypeError) as error:  # a test with a slip in its rules must not pass
            fail(Status.INVALID_ARGUMENT, f"faults: {error}")

    async def _answer(
        self, path: str, kind: Cardinality, function: Any, stream: Any, call: Call
    ) -> None:
        request: Any = stream
        if not kind.client_streaming:
            request = await stream.recv_message()
            call.note(request)
        latency = call.rules.get("latency")
        await asyncio.sleep(self.latency + (latency.seconds if latency else 0.0))
        self._authenticate(path, call)
        self._refuse(call)
        if function is None:
            fail(Status.UNIMPLEMENTED, f"{call.rpc} is not part of the loopback")
        later = list(self._later(stream, call))
        try:
            if kind.server_streaming:
                await self._stream(function(request, call), stream, call)
            else:
                await self._unary(function(request, call), stream, call)
        finally:
            for timer in later:
                timer.cancel()

    def _authenticate(self, path: str, call: Call) -> None:
        if "unauthenticated" in call.rules:
            fail(Status.UNAUTHENTICATED, "token ID or secret is wrong")
        data = call.metadata
        try:
            if "TaskCommandRouter" in path:
                self.tokens.check(data.get("authorization", "").removeprefix("Bearer "))
            elif token := data.get("x-modal-auth-token", ""):
                self.tokens.check(token)
        except BadToken as error:
            fail(Status.UNAUTHENTICATED, str(error))
        given = (data.get("x-modal-token-id"), data.get("x-modal-token-secret"))
        if "TaskCommandRouter" not in path and given != self.credentials:
            fail(Status.UNAUTHENTICATED, "token ID or secret is wrong")

    @staticmethod
    def _refuse(call: Call) -> None:
        if rule := call.rules.get("unavailable"):
            fail(Status.UNAVAILABLE, rule.message)
        if rule := call.rules.get("exhausted"):
            policy = api_pb2.RPCRetryPolicy(retry_after_secs=rule.seconds)
            fail(Status.RESOURCE_EXHAUSTED, rule.message, policy)
        if rule := call.rules.get("status"):
            fail(Status[rule.status], rule.message)

    def _later(self, stream: Any, call: Call) -> Iterable[asyncio.TimerHandle]:
        loop = asyncio.get_running_loop()
        if rule := call.rules.get("terminate"):
            # Not cancelled with the call: what was condemned ends, answered or not.
            loop.call_later(rule.seconds, self.terminate, call.ids)
        rule = call.rules.get("cut")
        if rule and rule.chunks is None:
            yield loop.call_later(rule.seconds, _cut, stream)

    @staticmethod
    async def _unary(answer: Any, stream: Any, call: Call) -> None:
        message = await answer
        call.note(message)
        if rule := call.rules.get("lost"):
            fail(Status.UNAVAILABLE, rule.message)
        if (rule := call.rules.get("cut")) and rule.chunks is not None:
            _cut(stream)
        await stream.send_message(message)

    @staticmethod
    async def _stream(answers: Any, stream: Any, call: Call) -> None:
        rule = call.rules.get("cut")
        sent = 0
        async with aclosing(cast(Any, answers)) as messages:
            async for message in messages:
                await stream.send_message(message)
                sent += 1
                if rule and rule.chunks is not None and sent >= rule.chunks:
                    _cut(stream)
        if rule := call.rules.get("lost"):
            fail(Status.UNAVAILABLE, rule.message)

    def _write(self, call: Call, began: float, status: str) -> None:
        if self.log is not None:
            line = {"rpc": call.rpc, "start": began, "end": time.time(), "status": status}
            faults = {"faults": sorted(call.rules)} if call.rules else {}
            with self.log.open("a") as file:
                file.write(json.dumps({**line, **call.ids, **faults}) + "\n")


@dataclass
class Service:
    """What `grpclib.server.Server` asks of a service."""

    mapping: dict[str, Handler]

    def __mapping__(self) -> dict[str, Handler]:
        return self.mapping


class Details(StatusDetailsCodecBase):
    """Details of an error as the SDK reads them: in Modal's own message, not in Google's."""

    def encode(
        self, status: Status, message: str | None, details: Sequence[Message] | None
    ) -> bytes:
        answer = api_pb2.RPCStatus(code=status.value, message=message or "")
        for detail in details or ():
            answer.details.add().Pack(detail)
        return answer.SerializeToString()

    def decode(self, status: Status, message: str | None, data: bytes) -> object:
        raise NotImplementedError("only clients read details")


def _mapping(base: type) -> dict[str, Handler]:
    """The RPCs of a generated base class, whose methods are all abstract."""
    abstract: frozenset[str] = base.__abstractmethods__  # type: ignore[attr-defined]
    concrete: Any = type(base.__name__, (base,), dict.fromkeys(abstract))
    return cast(dict[str, Handler], concrete().__mapping__())


def _cut(stream: Any) -> None:
    """Break the connection under a call, without a word to the client."""
    with suppress(AttributeError):
        stream._stream._transport.abort()


async def messages(stream: Any) -> AsyncIterator[Any]:
    """What a client streams, to its end."""
    while (message := await stream.recv_message()) is not None:
        yield message
