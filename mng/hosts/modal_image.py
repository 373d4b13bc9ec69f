"""What a sandbox is made from: the tool chain alone, never the repository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mng.hosts.modal_client import sdk

if TYPE_CHECKING:
    import modal

# What mng's own scripts need; `ps` is in procps, and no slim image has it.
_NEEDED = ("git", "tmux", "procps")


def image_of(options: Mapping[str, Any]) -> modal.Image:
    """The image that a host's options describe, not built yet.

    Its layers go from what changes least to what changes most.
    """
    image = _base(options).apt_install(*sorted({*_NEEDED, *options.get("apt", ())}))
    if packages := options.get("pip"):
        image = image.pip_install(*packages)
    if commands := options.get("run"):
        image = image.run_commands(*commands)
    return image


def _base(options: Mapping[str, Any]) -> modal.Image:
    images = sdk().Image
    python = options.get("python")
    if path := options.get("dockerfile"):
        made: modal.Image = images.from_dockerfile(path, add_python=python)
    elif tag := options.get("registry"):
        made = images.from_registry(tag, add_python=python)
    else:
        made = images.debian_slim(python)
    return made
