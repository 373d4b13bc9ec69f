"""Images of the loopback Modal: commands really run, once; snapshots; published names."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path
from typing import Any

import modal
import modal.experimental
import pytest
from modal.exception import ImageBuildError, NotFoundError

from tests.modal_loopback.fixture import Loopback

from .boxes import Make, sh

BASE = modal.Image.debian_slim()
ONCE = "cat /proc/sys/kernel/random/uuid > /built"


def test_commands_of_an_image_run_once(sandbox: Make) -> None:
    """Two sandboxes of one image see what one build did; a new command builds on it."""
    image = BASE.run_commands(ONCE)
    first = sh(sandbox(image=image), "cat /built")

    assert sh(sandbox(image=BASE.run_commands(ONCE)), "cat /built") == first
    more = image.run_commands("cp /built /copy; rm /built")
    assert sh(sandbox(image=more), "cat /copy; test ! -e /built") == first
    assert sh(sandbox(image=BASE), "ls /built /copy 2>&1 || true").count("No such file") == 2


def test_a_cached_layer_costs_one_request(loopback: Loopback, app: Any) -> None:
    """Every build asks for every layer, the built ones too."""
    image = BASE.run_commands("true").env({"A": "b"})
    image.build(app)
    began = time.time()
    BASE.run_commands("true").env({"A": "b"}).build(app)

    names = [one["rpc"] for one in loopback.rpcs(since=began)]
    assert names.count("ImageGetOrCreate") == 3
    assert "ImageJoinStreaming" not in names


def test_a_build_that_fails_says_why(app: Any) -> None:
    """And is tried again the next time."""
    image = BASE.run_commands("echo no such luck >&2; exit 3")

    for _ in range(2):
        with pytest.raises(ImageBuildError, match=r"exit status 3\n.*no such luck"):
            image.build(app)


def test_packages_that_the_machine_has_are_installed_at_once(sandbox: Make) -> None:
    """apt is not even asked where all packages are there."""
    box = sandbox(image=BASE.run_commands("touch /before").apt_install("git", "tmux"))

    assert sh(box, "git --version").startswith("git version")
    assert sh(box, "find /var/lib/apt/lists /var/lib/dpkg -maxdepth 1 -newer /before") == ""


def test_an_image_sets_variables_and_a_place(sandbox: Make) -> None:
    """ENV, WORKDIR and files from here."""
    image = BASE.env({"GREETING": "hello you", "EMPTY": ""}).workdir("/work/place")
    box = sandbox(image=image.run_commands("pwd > where"))

    assert sh(box, "echo $GREETING; pwd; cat where") == "hello you\n/work/place\n/work/place"


def test_an_image_takes_files_from_here(sandbox: Make, tmp_path: Path) -> None:
    """Copied into a layer, or mounted when the sandbox starts."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_text("deep")
    (tmp_path / "one").write_text("one")
    copied = BASE.add_local_dir(tmp_path, "/copied", copy=True)
    copied = copied.add_local_file(tmp_path / "one", "/etc/one", copy=True)
    image = copied.run_commands("cat /copied/one > /seen").add_local_dir(tmp_path, "/mounted")

    seen = sh(sandbox(image=image), "cat /seen /etc/one /copied/deep/file /mounted/deep/file")
    assert seen == "oneonedeepdeep"


def test_a_dockerfile_is_built(sandbox: Make, tmp_path: Path) -> None:
    """Whatever it is FROM, it stands on the base."""
    (tmp_path / "data").write_text("data")
    (tmp_path / "Dockerfile").write_text(
        "FROM debian:12\n# a comment\nARG WHO=nobody\nENV NAME=$WHO\nWORKDIR /srv/app\n"
        "COPY data copied\nRUN echo one > a && \\\n    echo two > b\nRUN echo $WHO >> a\n"
    )
    image = modal.Image.from_dockerfile(
        tmp_path / "Dockerfile", context_dir=tmp_path, build_args={"WHO": "me"}
    )

    assert sh(sandbox(image=image), "cat a b copied; echo $NAME") == "one\nme\ntwo\ndatame"


def test_a_registry_image_stands_on_the_base(sandbox: Make) -> None:
    """from_registry, with a Python added, is the machine's root too."""
    image = modal.Image.from_registry("ubuntu:24.04", add_python="3.12").run_commands(ONCE)

    assert len(sh(sandbox(image=image), "cat /built")) == 36


@pytest.mark.slow
def test_packages_come_from_the_registries(sandbox: Make) -> None:
    """pip and apt reach their registries from a build, and sandboxes see what came."""
    box = sandbox(image=BASE.pip_install("iniconfig"))
    assert sh(box, "python -c 'import iniconfig; print(iniconfig.__name__)'") == "iniconfig"

    if os.geteuid() != 0:
        pytest.skip("apt must be able to become another user, which one without root cannot")
    assert sh(sandbox(image=BASE.apt_install("hello")), "hello").startswith("Hello")


def test_a_snapshot_holds_files_and_no_processes(sandbox: Make) -> None:
    """What was added, changed and removed; the agents must be started again."""
    box = sandbox(image=BASE.run_commands("echo 1 > /kept; echo 1 > /gone"), env={"ENV": "box"})
    sh(box, "rm -r /gone /usr/share/doc; echo 2 > /kept; ln -s kept /link; tmux new -d")
    image = box.snapshot_filesystem()
    sh(box, "echo 3 > /kept")

    again = sandbox(image=image)
    assert sh(again, "cat /link; ls /gone /usr/share/doc 2>&1 | wc -l") == "2\n2"
    assert again.exec("tmux", "has-session").wait() != 0


def test_a_directory_is_snapshotted_and_mounted_elsewhere(sandbox: Make) -> None:
    """What is written to the mounted copy touches neither the image nor the directory."""
    box = sandbox()
    sh(box, "mkdir -p /work/deep; echo 1 > /work/deep/file")
    image = box.snapshot_directory("/work")
    other = sandbox()
    other.mount_image("/there", image)

    assert sh(other, "cat /there/deep/file; echo 2 > /there/more; ls /there") == "1\ndeep\nmore"
    other.unmount_image("/there")
    assert sh(other, "ls /there") == ""
    other.mount_image("/again", image)
    assert sh(other, "ls /again") == "deep"


def test_a_published_image_is_found_by_its_name(sandbox: Make) -> None:
    """Publishing anew moves the name; a name that was never published is NotFound."""
    name = f"host-{uuid.uuid4().hex}"
    with pytest.raises(NotFoundError):
        sandbox(image=modal.Image.from_name(name))
    box = sandbox()
    for number in ("1", "2"):
        sh(box, f"echo {number} > /number")
        box.snapshot_filesystem().publish(name)

    assert sh(sandbox(image=modal.Image.from_name(name)), "cat /number") == "2"


def test_a_deleted_image_is_gone(sandbox: Make) -> None:
    """Whoever asks for it, or wants it deleted once more, is told its id."""
    gone = sandbox().snapshot_filesystem().object_id
    modal.experimental.image_delete(gone)

    with pytest.raises(NotFoundError, match=f"Could not find image with ID '{gone}'"):
        sandbox(image=modal.Image.from_id(gone))
    with pytest.raises(NotFoundError, match=f"No Image with ID '{gone}' found"):
        modal.experimental.image_delete(gone)


def test_a_snapshot_ends_with_its_time_to_live(sandbox: Make) -> None:
    """Then it is as if it had never been."""
    image = sandbox().snapshot_filesystem(ttl=1)
    time.sleep(1.1)

    with pytest.raises(NotFoundError):
        sandbox(image=image)
