"""The file as the user writes it: every key, its form, its meaning and an example of it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from mng.config.document_host import Host, Image, Mapping_, Modal
from mng.config.fields import (
    Command,
    EnvName,
    EnvValue,
    Flag,
    MessageId,
    Name,
    Prompt,
    Regex,
    Text,
    Variable,
    Word,
    as_conditions,
    fault,
    one_of,
    sort_of,
)
from mng.config.node import Path_
from mng.model.spec import Condition, Restart, When

KNOWN_TYPES = ("claude", "codex", "opencode", "gemini", "command", "demo")

ConditionName = Annotated[Condition, BeforeValidator(one_of("started", "ready", "idle", "done"))]
RestartName = Annotated[Restart, BeforeValidator(one_of("never", "on-failure", "always"))]
WhenName = Annotated[When, BeforeValidator(one_of("now", "idle"))]


class Message(Mapping_):
    """A text that is typed to an agent once."""

    text: Prompt | None = Field(
        None,
        description="The text. One of `text` and `file`.",
        examples=["Focus on HTTP-level tests."],
    )
    file: Text | None = Field(
        None,
        description="A file that holds the text, relative to this file.",
        examples=["prompts/review.md"],
    )
    id: MessageId | None = Field(
        None,
        description="The message's identity: with it, an edited text is no new message.",
        examples=["focus"],
    )
    when: WhenName | None = Field(
        None,
        description="now: when the agent is ready; idle: when it has nothing else to do. "
        "Default: now for an agent's first message, idle for the later ones.",
        examples=["idle"],
    )
    template: Flag = Field(
        True, description="false: `{{` and `{%` are text like any other.", examples=[False]
    )

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


class Ready(Mapping_):
    """How to tell that an agent is ready for its first message."""

    screen: Regex | None = Field(
        None,
        description="A regular expression that is found on the agent's screen.",
        examples=["listening on"],
    )


class Agent(Mapping_):
    """A program in its own tmux session on a host."""

    host: Text | None = Field(
        None,
        description="The host it runs on. Default: the only host, or a local one if none is "
        "declared.",
        examples=["auth-host"],
    )
    type: Name = Field(
        "claude",
        description="claude, codex, opencode, gemini, command, demo or an installed plug-in.",
        examples=["claude", "command"],
    )
    command: Command | None = Field(
        None,
        description="What an agent of type command runs: a text for the shell, or a list.",
        examples=["uvicorn app.main:app", ["python", "-m", "http.server"]],
    )
    args: tuple[Word, ...] = Field(
        (),
        description="Arguments, put behind the type's command.",
        examples=[["--model", "opus"]],
    )
    message: AnyMessage | None = Field(
        None,
        description="The only message. One of `message` and `messages`.",
        examples=["Implement JWT authentication."],
    )
    messages: tuple[AnyMessage, ...] | None = Field(
        None,
        description="The messages, in order. New ones go to the end.",
        examples=[["Write the tests.", {"id": "focus", "text": "HTTP only.", "when": "idle"}]],
    )
    env: dict[EnvName, EnvValue] = Field(
        {},
        description="Environment variables: text, or {secret: NAME} from one's own environment.",
        examples=[{"PORT": 8000, "API_KEY": {"secret": "API_KEY"}}],
    )
    after: Annotated[
        dict[Text, ConditionName],
        BeforeValidator(
            as_conditions, json_schema_input_type=str | list[str] | dict[str, Condition]
        ),
    ] = Field(
        {},
        description="Agents to wait for: started, ready, idle or done. A name alone means ready.",
        examples=[{"impl-agent": "ready"}, ["impl-agent"]],
    )
    restart: RestartName | None = Field(
        None,
        description="When it is started again after it ended. Default: on-failure.",
        examples=["on-failure", "never"],
    )
    protect: Flag = Field(False, description="Never destroyed without --force.", examples=[True])
    ready: Ready | None = Field(
        None,
        description="How to tell that it is ready. Default: the type knows.",
        examples=[{"screen": "listening on"}],
    )
    labels: dict[Text, Word] = Field(
        {}, description="Notes of one's own, shown and searched.", examples=[{"role": "tests"}]
    )
    was: Name | None = Field(
        None, description="The agent's former name: rename it, don't restart it.", examples=["old"]
    )


class Document(Mapping_):
    """Hosts, agents and their messages: what `mng up` makes so."""

    name: Name | None = Field(
        None,
        description="The team. Default: the file's name; for mng.yaml its directory's name.",
        examples=["auth"],
    )
    vars: dict[EnvName, Variable] = Field(
        {},
        description="Defaults of what {{ NAME }} stands for; --var NAME=VALUE wins.",
        examples=[{"feature": "JWT authentication"}],
    )
    hosts: dict[Name, Host] = Field(
        {},
        description="The machines. Default: one local host.",
        examples=[{"auth-host": {"provider": "modal", "timeout": "8h"}}],
    )
    agents: dict[Name, Agent] = Field(
        {},
        description="The programs and what is said to them.",
        examples=[{"impl-agent": {"host": "auth-host", "message": "Implement it."}}],
    )


_SHAPE: dict[tuple[str, ...], type[Mapping_]] = {
    (): Document,
    ("hosts", "*"): Host,
    ("hosts", "*", "modal"): Modal,
    ("hosts", "*", "modal", "image"): Image,
    ("agents", "*"): Agent,
    ("agents", "*", "ready"): Ready,
    ("agents", "*", "message"): Message,
    ("agents", "*", "messages", "*"): Message,
}


def fields_at(path: Path_) -> tuple[str, ...]:
    """The keys that a mapping at this path may have; none if its keys are the user's own."""
    for pattern, model in _SHAPE.items():
        if len(pattern) == len(path) and all(
            part in ("*", key) for part, key in zip(pattern, path, strict=True)
        ):
            return tuple(model.model_fields)
    return ()
