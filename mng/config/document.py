"""The file as the user writes it: every key, its form, its meaning and an example of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from mng.config.diagnostic import Faults
from mng.config.fields import (
    Command,
    ConditionName,
    Duration,
    EnvName,
    EnvValue,
    Flag,
    HostPath,
    MessageId,
    Name,
    Number,
    PermissionsName,
    Prompt,
    Regex,
    RestartName,
    Section,
    Size,
    Text,
    TreePath,
    Variable,
    VariableName,
    WhenName,
    Word,
    as_conditions,
    fault,
    sort_of,
)
from mng.config.source import Node, Path_
from mng.model.spec import Condition

KNOWN_PROVIDERS = ("local", "modal", "ssh")
KNOWN_TYPES = ("claude", "codex", "opencode", "gemini", "command", "demo")


def key(description: str, *examples: Any, default: Any = None) -> Any:
    """A key of a mapping, which may be left out."""
    return Field(default, description=description, examples=list(examples))


class Mapping_(BaseModel):
    """A mapping with keys of ours. A key without a value is as if it weren't there."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    null_counts: ClassVar[frozenset[str]] = frozenset()  # keys where null says something
    not_yet: ClassVar[frozenset[str]] = frozenset()  # keys of the language of later versions

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

    python: Text | None = key("The version of Python.", "3.12")
    apt: tuple[Text, ...] = key("Debian packages to install.", ["git", "tmux"], default=())
    pip: tuple[Text, ...] = key("Python packages to install.", ["fastapi", "uvicorn"], default=())
    dockerfile: Text | None = key("A Dockerfile, relative to this file.", "Dockerfile")
    run: tuple[Text, ...] = key(
        "Shell commands that finish the image.", ["npm install -g pnpm"], default=()
    )
    registry: Text | None = key("The image of a registry to begin with.", "debian:bookworm-slim")


class Modal(Mapping_):
    """What only Modal understands of a host."""

    image: Image | None = key(
        "What the sandbox is made from.", {"python": "3.12", "apt": ["git"], "pip": ["fastapi"]}
    )
    cpu: Number | None = key("Cores; parts are allowed.", 2, 0.5)
    memory: Size | None = key("Memory as a size, or in MiB.", "4GiB", 4096)
    gpu: Text | None = key("A GPU, and how many.", "A100", "H100:2")
    region: Text | None = key("Where it runs.", "eu-west")
    secrets: tuple[Text, ...] = key("Names of Modal secrets.", ["anthropic"], default=())
    volumes: dict[HostPath, Text] = key(
        "Modal volumes by mount point.", {"/cache": "my-volume"}, default={}
    )
    block_network: Flag | None = key("Whether the sandbox is cut off from the network.", False)


class SharedTree(Mapping_):
    """How several agents share one work tree."""

    guard: Flag = key(
        "Refuse git commands of an agent that would take along what others work on.",
        False,
        default=True,
    )


class Host(Mapping_):
    """A machine that agents share."""

    null_counts = frozenset({"source"})
    not_yet = frozenset({"extends", "matrix", "profiles"})

    provider: Name = key(
        "Where the host comes from: local, modal, ssh or an installed plug-in.",
        *("local", "modal"),
        default="local",
    )
    source: Text | None = key(
        "The git repository or folder that the agents work on, relative to this file. "
        "Default: the repository that holds this file. null: an empty directory.",
        *(".", "../app", None),
    )
    work_dir: HostPath | None = key(
        "Where the source lies on the host. Default: chosen by the provider.", "/work"
    )
    setup: Text | None = key(
        "Shell commands, run once per host before any agent starts.",
        "pip install -r requirements.txt",
    )
    env: dict[EnvName, EnvValue] = key(
        "Environment variables of the setup and of every agent on the host.",
        {"PYTHONUNBUFFERED": "1", "TOKEN": {"secret": "TOKEN"}},
        default={},
    )
    timeout: Duration | None = key(
        "The host's longest life, set when it is made; on Modal at most 24h, which is the default. "
        "A local host has no end.",
        *("8h", "1h30m"),
    )
    idle_timeout: Duration | None = key(
        "When every agent has been idle for so long, the host is saved and stopped. "
        "A local host has no end.",
        "30m",
    )
    keep: tuple[TreePath, ...] = key(
        "Paths in the work tree that git ignores, and that are saved all the same.",
        [".env", "data/cache.db"],
        default=(),
    )
    shared_tree: SharedTree | None = key(
        "How the host's agents share one work tree.", {"guard": False}
    )
    external: Flag = key(
        "The host belongs to another team: it is used, never changed or destroyed.",
        True,
        default=False,
    )
    was: Name | None = key("The host's former name: rename it, don't replace it.", "old")
    modal: Modal | None = key(
        "What only Modal understands.", {"cpu": 2, "memory": "4GiB", "secrets": ["anthropic"]}
    )
    local: Section | None = key("What only the local provider understands.", {})
    ssh: Section | None = key(
        "What only the ssh provider understands.", {"address": "user@example.com"}
    )


class Message(Mapping_):
    """A text that is typed to an agent once."""

    text: Prompt | None = key("The text. One of `text` and `file`.", "Focus on HTTP-level tests.")
    file: Text | None = key("A file that holds the text, relative to this file.",
                            "prompts/review.md")  # fmt: skip
    id: MessageId | None = key(
        "The message's identity: with it, an edited text is no new message.", "focus"
    )
    when: WhenName | None = key(
        "now: when the agent is ready; idle: when it has nothing else to do. "
        "Default: now for an agent's first message, idle for the later ones.",
        "idle",
    )
    command: Flag = key(
        "The text is a command of the program's own, as /compact is; else it arrives as text.",
        True,
        default=False,
    )
    template: Flag = key("false: `{{` and `{%` are text like any other.", False, default=True)

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: Any) -> Any:
        if data is None:
            raise fault("an empty message")
        if isinstance(data, bool) or not isinstance(data, str | int | float | dict):
            raise fault(f"must be text or a mapping, not {sort_of(data)}")
        return data if isinstance(data, dict) else {"text": data}


AnyMessage = Annotated[
    Message, BeforeValidator(lambda value: value, json_schema_input_type=str | Message)
]
Conditions = Annotated[
    dict[Text, ConditionName],
    BeforeValidator(as_conditions, json_schema_input_type=str | list[str] | dict[str, Condition]),
]


class Ready(Mapping_):
    """How to tell that an agent is ready for its first message."""

    screen: Regex | None = key(
        "A regular expression that is found on the agent's screen.", "listening on"
    )


class Agent(Mapping_):
    """A program in its own tmux session on a host."""

    not_yet = frozenset({"extends", "matrix", "profiles"})

    host: Text | None = key(
        "The host it runs on. Default: the only host, or a local one if none is declared.",
        "auth-host",
    )
    type: Name = key(
        "claude, codex, opencode, gemini, command, demo or an installed plug-in.",
        *("claude", "command"),
        default="claude",
    )
    command: Command | None = key(
        "What an agent of type command runs: a text for the shell, or a list.",
        "uvicorn app.main:app",
        ["python", "-m", "http.server"],
    )
    args: tuple[Word, ...] = key(
        "Arguments, put behind the type's command.", ["--model", "opus"], default=()
    )
    message: AnyMessage | None = key(
        "The only message. One of `message` and `messages`.", "Implement JWT authentication."
    )
    messages: tuple[AnyMessage, ...] | None = key(
        "The messages, in order. New ones go to the end.",
        ["Write the tests.", {"id": "focus", "text": "HTTP only.", "when": "idle"}],
    )
    env: dict[EnvName, EnvValue] = key(
        "Environment variables: text, or {secret: NAME} from one's own environment.",
        {"PORT": 8000, "API_KEY": {"secret": "API_KEY"}},
        default={},
    )
    after: Conditions = key(
        "Agents to wait for: started, ready, idle or done. A name alone means ready.",
        {"impl-agent": "ready"},
        ["impl-agent"],
        default={},
    )
    restart: RestartName | None = key(
        "When it is started again after it ended. Default: on-failure.", "on-failure", "never"
    )
    permissions: PermissionsName | None = key(
        "What it may do unasked: ask, accept-edits or bypass. Default: ask.", "accept-edits"
    )
    allow_unsafe: Flag = key("Allow permissions: bypass on one's own machine.", True, default=False)
    protect: Flag = key("Never destroyed without --force.", True, default=False)
    ready: Ready | None = key(
        "How to tell that it is ready. Default: the type knows.", {"screen": "listening on"}
    )
    labels: dict[Text, Word] = key(
        "Notes of one's own, shown and searched.", {"role": "tests"}, default={}
    )
    was: Name | None = key("The agent's former name: rename it, don't restart it.", "old")


class Document(Mapping_):
    """Hosts, agents and their messages: what `mng up` makes so."""

    not_yet = frozenset({"include", "profiles"})

    name: Name | None = key(
        "The team. Default: the file's name; for mng.yaml its directory's name.",
        "auth",
    )
    vars: dict[VariableName, Variable] = key(
        "Defaults of what {{ NAME }} stands for; --var NAME=VALUE wins.",
        {"feature": "JWT authentication"},
        default={},
    )
    hosts: dict[Name, Host] = key(
        "The machines. Default: one local host.",
        {"auth-host": {"provider": "modal", "timeout": "8h"}},
        default={},
    )
    agents: dict[Name, Agent] = key(
        "The programs and what is said to them.",
        {"impl-agent": {"host": "auth-host", "message": "Implement it."}},
        default={},
    )


_MODELS: dict[tuple[str, ...], type[Mapping_]] = {
    (): Document,
    ("hosts", "*"): Host,
    ("hosts", "*", "shared_tree"): SharedTree,
    ("hosts", "*", "modal"): Modal,
    ("hosts", "*", "modal", "image"): Image,
    ("agents", "*"): Agent,
    ("agents", "*", "ready"): Ready,
    ("agents", "*", "message"): Message,
    ("agents", "*", "messages", "*"): Message,
}


def model_at(path: Path_) -> type[Mapping_] | None:
    """The model of a mapping at this path; None if its keys are the user's own."""
    for pattern, model in _MODELS.items():
        if len(pattern) == len(path) and all(
            part in ("*", key) for part, key in zip(pattern, path, strict=True)
        ):
            return model
    return None


def fields_at(path: Path_) -> tuple[str, ...]:
    """The keys that a mapping at this path may have; none if its keys are the user's own."""
    model = model_at(path)
    return tuple(model.model_fields) if model else ()


@dataclass(slots=True)
class Checked:
    """A file whose faulty parts were told and left out, so that the rest can be looked at.

    broken: the paths of those parts; nothing more is said of them.
    sections: what hosts of plug-in providers have under their provider's name.
    """

    tree: Node
    broken: set[Path_]
    faults: Faults
    environ: Mapping[str, str]
    document: Document = field(default_factory=Document)
    sections: dict[str, Any] = field(default_factory=dict)

    def is_broken(self, *path: str | int) -> bool:
        """Whether a value, or what holds it, has a fault that was told."""
        return any(path[:length] in self.broken for length in range(1, len(path) + 1))

    def tell(self, path: Path_, words: str, hint: str = "") -> None:
        """Add a fault of the value at a path."""
        self.faults.add(self.tree.near(*path).at, words, hint)

    def tell_key(self, path: Path_, words: str, hint: str = "") -> None:
        """Add a fault of the key at a path."""
        self.faults.add(self.tree.near(*path).key, words, hint)
