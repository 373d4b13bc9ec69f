"""Secrets: variables by id, and by name where one was given."""

from collections.abc import Iterable, Mapping

from google.protobuf.empty_pb2 import Empty
from grpclib import Status
from modal_proto import api_pb2

from tests.modal_loopback.ids import new_id
from tests.modal_loopback.wire import Call, fail


class Keyring:
    """All secrets of this Modal, and their RPCs."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, str]] = {}
        self._names: dict[str, str] = {}

    def resolve(self, ids: Iterable[str]) -> dict[str, str]:
        """The variables of some secrets, later ones first in rank."""
        found: dict[str, str] = {}
        for secret_id in ids:
            if secret_id not in self._values:
                fail(Status.NOT_FOUND, f"Secret {secret_id} not found")
            found |= self._values[secret_id]
        return found

    def given(self, sources: Iterable[api_pb2.SecretSource]) -> dict[str, str]:
        """The variables of sources: ids or values sent along."""
        found: dict[str, str] = {}
        for source in sources:
            by_id = source.WhichOneof("source") == "secret_id"
            found |= self.resolve([source.secret_id]) if by_id else dict(source.env.contents)
        return found

    def _add(self, values: Mapping[str, str], name: str = "") -> str:
        secret_id = new_id("st")
        self._values[secret_id] = dict(values)
        if name:
            self._names[name] = secret_id
        return secret_id

    async def SecretGetOrCreate(
        self, request: api_pb2.SecretGetOrCreateRequest, call: Call
    ) -> api_pb2.SecretGetOrCreateResponse:
        name, how = request.deployment_name, request.object_creation_type
        if not name:
            secret_id = self._add(request.env_dict)
        elif name not in self._names:
            if how == api_pb2.OBJECT_CREATION_TYPE_UNSPECIFIED:
                fail(Status.NOT_FOUND, f"Secret {name!r} not found")
            secret_id = self._add(request.env_dict, name)
        elif how == api_pb2.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS:
            fail(Status.ALREADY_EXISTS, f"Secret {name!r} already exists")
        else:
            secret_id = self._names[name]
            if how == api_pb2.OBJECT_CREATION_TYPE_CREATE_OVERWRITE_IF_EXISTS:
                self._values[secret_id] = dict(request.env_dict)
        if missing := [key for key in request.required_keys if key not in self._values[secret_id]]:
            fail(Status.FAILED_PRECONDITION, f"Secret is missing key(s): {', '.join(missing)}")
        metadata = api_pb2.SecretMetadata(name=name)
        return api_pb2.SecretGetOrCreateResponse(secret_id=secret_id, metadata=metadata)

    async def SecretUpdate(self, request: api_pb2.SecretUpdateRequest, call: Call) -> Empty:
        self.resolve([request.secret_id])
        values = self._values[request.secret_id]
        for update in request.updates:
            if update.HasField("value"):
                values[update.key] = update.value
            else:
                values.pop(update.key, None)
        return Empty()

    async def SecretDelete(self, request: api_pb2.SecretDeleteRequest, call: Call) -> Empty:
        self._values.pop(request.secret_id, None)
        kept = {name: one for name, one in self._names.items() if one != request.secret_id}
        self._names = kept
        return Empty()
