"""Volumes of the loopback Modal: shared by sandboxes, read and written from here."""

from __future__ import annotations

import io
import uuid
from typing import Any

import modal
import pytest
from modal.exception import NotFoundError

from .boxes import Make, sh


@pytest.fixture(params=[1, 2])
def volume(request: pytest.FixtureRequest, app: Any) -> Any:
    """A volume of either version of Modal's."""
    name = f"store-{uuid.uuid4().hex}"
    return modal.Volume.from_name(name, create_if_missing=True, version=request.param)


def test_a_volume_outlives_its_sandboxes(sandbox: Make, volume: Any) -> None:
    """What one sandbox wrote, another one sees, and so does a client without any."""
    first = sandbox(volumes={"/store": volume})
    sh(first, "mkdir -p /store/deep; echo saved > /store/deep/file; sync /store")
    first.terminate(wait=True)

    assert sh(sandbox(volumes={"/elsewhere": volume}), "cat /elsewhere/deep/file") == "saved"
    assert b"".join(volume.read_file("deep/file")) == b"saved\n"
    assert sorted(one.path for one in volume.listdir("/", recursive=True)) == ["deep", "deep/file"]


def test_a_client_writes_and_removes(sandbox: Make, volume: Any) -> None:
    """Uploads of more than a block, overwriting on demand only, removal, copies."""
    data = bytes(range(256)) * 40_000
    with volume.batch_upload() as batch:
        batch.put_file(io.BytesIO(data), "/big")
        batch.put_file(io.BytesIO(b""), "/empty")
    box = sandbox(volumes={"/store": volume})

    assert sh(box, "wc -c < /store/big; cat /store/empty") == str(len(data))
    assert b"".join(volume.read_file("big")) == data
    with pytest.raises(FileExistsError), volume.batch_upload() as batch:
        batch.put_file(io.BytesIO(b"x"), "/big")
    volume.copy_files(["big"], "copy")
    volume.remove_file("big")
    assert sh(box, "ls /store") == "copy\nempty"
    with pytest.raises(FileNotFoundError):
        b"".join(volume.read_file("big"))


def test_a_volume_can_be_read_only(sandbox: Make, volume: Any) -> None:
    """Then its sandbox cannot write to it."""
    box = sandbox(volumes={"/store": volume.with_mount_options(read_only=True)})

    assert box.exec("touch", "/store/file").wait() != 0


def test_a_volume_is_made_on_demand_and_deleted(app: Any) -> None:
    """Without create_if_missing, one that isn't there is NotFound."""
    name = f"store-{uuid.uuid4().hex}"
    with pytest.raises(NotFoundError):
        modal.Volume.from_name(name).hydrate()
    modal.Volume.from_name(name, create_if_missing=True).hydrate()
    assert name in [one.name for one in modal.Volume.objects.list()]

    modal.Volume.objects.delete(name)
    with pytest.raises(NotFoundError):
        modal.Volume.from_name(name).hydrate()


def test_a_secret_is_found_by_its_name(sandbox: Make) -> None:
    """One that isn't there is NotFound."""
    name = f"key-{uuid.uuid4().hex}"
    modal.Secret.objects.create(name, {"KEY": "s3cret"})

    assert sh(sandbox(secrets=[modal.Secret.from_name(name)]), "echo $KEY") == "s3cret"
    with pytest.raises(NotFoundError):
        sandbox(secrets=[modal.Secret.from_name("no-such-key")])
    with pytest.raises(modal.exception.Error, match=r"missing key\(s\): MORE"):
        modal.Secret.from_name(name, required_keys=["KEY", "MORE"]).hydrate()
