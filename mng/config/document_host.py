"""The hosts of the file, and what every mapping of it has in common."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mng.config.fields import (
    Duration,
    EnvName,
    EnvValue,
    Flag,
    HostPath,
    Name,
    Number,
    Section,
    Size,
    Text,
    fault,
    sort_of,
)

KNOWN_PROVIDERS = ("local", "modal", "ssh")


class Mapping_(BaseModel):
    """A mapping with keys of ours. A key without a value is as if it weren't there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    null_counts: ClassVar[frozenset[str]] = frozenset()  # keys where null says something

    @model_validator(mode="before")
    @classmethod
    def _set_keys(cls, data: Any) -> Any:
        if data is None:
            return {}
        if not isinstance(data, dict):
            raise fault(f"must be a mapping, not {sort_of(data)}")
        unset = cls.model_fields.keys() - cls.null_counts
        return {key: item for key, item in data.items() if item is not None or key not in unset}


class Image(Mapping_):
    """What a Modal sandbox is made from."""

    python: Text | None = Field(None, description="The version of Python.", examples=["3.12"])
    apt: tuple[Text, ...] = Field(
        (), description="Debian packages to install.", examples=[["git", "tmux"]]
    )
    pip: tuple[Text, ...] = Field(
        (), description="Python packages to install.", examples=[["fastapi", "uvicorn"]]
    )
    dockerfile: Text | None = Field(
        None, description="A Dockerfile, relative to this file.", examples=["Dockerfile"]
    )
    run: tuple[Text, ...] = Field(
        (),
        description="Shell commands that finish the image.",
        examples=[["npm install -g pnpm"]],
    )
    registry: Text | None = Field(
        None,
        description="The image of a registry to begin with.",
        examples=["debian:bookworm-slim"],
    )


class Modal(Mapping_):
    """What only Modal understands of a host."""

    image: Image | None = Field(
        None,
        description="What the sandbox is made from.",
        examples=[{"python": "3.12", "apt": ["git"], "pip": ["fastapi"]}],
    )
    cpu: Number | None = Field(None, description="Cores; parts are allowed.", examples=[2, 0.5])
    memory: Size | None = Field(
        None, description="Memory as a size, or in MiB.", examples=["4GiB", 4096]
    )
    gpu: Text | None = Field(None, description="A GPU, and how many.", examples=["A100", "H100:2"])
    region: Text | None = Field(None, description="Where it runs.", examples=["eu-west"])
    secrets: tuple[Text, ...] = Field(
        (), description="Names of Modal secrets.", examples=[["anthropic"]]
    )
    volumes: dict[HostPath, Text] = Field(
        {}, description="Modal volumes by mount point.", examples=[{"/cache": "my-volume"}]
    )
    block_network: Flag | None = Field(
        None, description="Whether the sandbox is cut off from the network.", examples=[False]
    )


class Host(Mapping_):
    """A machine that agents share."""

    null_counts = frozenset({"source"})

    provider: Name = Field(
        "local",
        description="Where the host comes from: local, modal, ssh or an installed plug-in.",
        examples=["local", "modal"],
    )
    source: Text | None = Field(
        None,
        description=(
            "The git repository or folder that the agents work on, relative to this file. "
            "Default: the repository that holds this file. null: an empty directory."
        ),
        examples=[".", "../app", None],
    )
    work_dir: HostPath | None = Field(
        None,
        description="Where the source lies on the host. Default: chosen by the provider.",
        examples=["/work"],
    )
    setup: Text | None = Field(
        None,
        description="Shell commands, run once per host before any agent starts.",
        examples=["pip install -r requirements.txt"],
    )
    env: dict[EnvName, EnvValue] = Field(
        {},
        description="Environment variables of the setup and of every agent on the host.",
        examples=[{"PYTHONUNBUFFERED": "1", "TOKEN": {"secret": "TOKEN"}}],
    )
    timeout: Duration | None = Field(
        None, description="The host's longest life.", examples=["8h", "1h30m"]
    )
    idle_timeout: Duration | None = Field(
        None,
        description="When every agent has been idle for so long, the host is saved and stopped.",
        examples=["30m"],
    )
    external: Flag = Field(
        False,
        description="The host belongs to another team: it is used, never changed or destroyed.",
        examples=[True],
    )
    was: Name | None = Field(
        None, description="The host's former name: rename it, don't replace it.", examples=["old"]
    )
    modal: Modal | None = Field(
        None,
        description="What only Modal understands.",
        examples=[{"cpu": 2, "memory": "4GiB", "secrets": ["anthropic"]}],
    )
    local: Section | None = Field(
        None, description="What only the local provider understands.", examples=[{}]
    )
    ssh: Section | None = Field(
        None,
        description="What only the ssh provider understands.",
        examples=[{"address": "user@example.com"}],
    )
