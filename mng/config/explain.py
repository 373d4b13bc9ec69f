"""The file as resolved, and which line set a value."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.representer import SafeRepresenter

from mng.config.diagnostic import Place, did_you_mean
from mng.config.document import fields_at
from mng.config.load import Loaded
from mng.config.source import Node, Path_, has_template
from mng.errors import NotFound
from mng.model.spec import Env, MessageSpec, Secret, WantedAgent, WantedHost, message_name

_SAFE_IN_BLOCK = re.compile(
    r"[\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*"
)


class _Block(str):
    """A text that is shown as a block of lines."""


def resolved(loaded: Loaded) -> dict[str, Any]:
    """The file as a mapping that reads back as the same want; secrets by name."""
    desired = loaded.desired
    hosts = {name.name: _host(name.provider, host) for name, host in desired.hosts.items()}
    agents = {name.name: _agent(name.host.name, agent) for name, agent in desired.agents.items()}
    return {"name": desired.owner.team, "hosts": hosts, "agents": agents}


def _host(provider: str, host: WantedHost) -> dict[str, Any]:
    spec = host.spec
    shown = {
        "provider": provider,
        "source": spec.source,  # always, since null is not its default
        "work_dir": spec.work_dir,
        "setup": spec.setup,
        "env": _env(spec.env),
        "timeout": spec.timeout,
        "idle_timeout": spec.idle_timeout,
        "keep": list(spec.keep),
        "shared_tree": None if spec.guard else {"guard": False},
        "external": host.external,
        "was": host.was,
        provider: spec.options,
    }
    return {key: value for key, value in shown.items() if value or key == "source"}


def _agent(host: str, agent: WantedAgent) -> dict[str, Any]:
    spec = agent.spec
    shown = {
        "host": host,
        "type": spec.type,
        "command": list(spec.command) if isinstance(spec.command, tuple) else spec.command,
        "args": list(spec.args),
        "env": _env(spec.env),
        "permissions": spec.permissions,
        "allow_unsafe": spec.allow_unsafe,
        "after": dict(spec.after),
        "restart": spec.restart,
        "protect": spec.protect,
        "ready": {"screen": spec.ready} if spec.ready is not None else None,
        "labels": dict(spec.labels),
        "was": agent.was,
        "messages": [_message(message) for message in agent.messages],
    }
    return {key: value for key, value in shown.items() if value}


def _env(env: Env) -> dict[str, Any]:
    return {k: {"secret": v.name} if isinstance(v, Secret) else v for k, v in env.items()}


def _message(message: MessageSpec) -> Any:
    shown: dict[str, Any] = {}
    if (name := message_name(message.key)) != message.key:
        shown["id"] = name
    shown["text"] = message.text
    if message.when:
        shown["when"] = message.when
    if message.command:
        shown["command"] = True
    if has_template(message.text):
        shown["template"] = False
    return shown if len(shown) > 1 else message.text


def resolved_yaml(loaded: Loaded) -> str:
    """The file as resolved: YAML that loads as the same want."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.allow_unicode = True
    yaml.width = 100
    yaml.Representer = _Representer
    stream = io.StringIO()
    yaml.dump(_written(resolved(loaded)), stream)
    return stream.getvalue()


class _Representer(SafeRepresenter):
    """Without anchors: what is the same twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_block(self, data: _Block) -> Any:
        return self.represent_scalar("tag:yaml.org,2002:str", str(data), style="|")


_Representer.add_representer(_Block, _Representer.represent_block)


def _written(value: Any, *, raw: bool = False) -> Any:
    """A value as it must stand in the file. raw: in a message that says `template: false`."""
    if isinstance(value, dict):
        raw = "text" in value and value.get("template") is False
        return {key: _written(item, raw=raw) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_written(item) for item in value]
    if not isinstance(value, str):
        return value
    if has_template(value) and not raw:
        quoted = value.encode("unicode_escape").decode().replace('"', '\\"')
        value = '{{ "' + quoted + '" }}'
    return _Block(value) if "\n" in value and _SAFE_IN_BLOCK.fullmatch(value) else value


def explain(loaded: Loaded, path: str) -> str:
    """A line for every value at a path such as `agents.server.type`: what it is, and what set it.

    Raises NotFound if the file has nothing there.
    """
    whole = resolved(loaded)
    whole["vars"] = loaded.tree.near("vars").plain() if loaded.tree.get("vars") else {}
    value: Any = whole
    found: Path_ = ()
    parts = [part for part in re.split(r"\.|\[|\]", path) if part]
    while parts:
        key, used = _step(value, parts)
        if key is None:
            if len(parts) == 1 and parts[0] in fields_at(found):
                return _other_form(loaded, (*found, parts[0]), value)
            options = list(value) if isinstance(value, dict) else []
            near = did_you_mean(parts[0], [*options, *fields_at(found)])
            raise NotFound(f"the file has no {path!r}", hint=near)
        value, found, parts = value[key], (*found, key), parts[used:]
    return _rows(loaded, found, value)


def _rows(loaded: Loaded, path: Path_, value: Any) -> str:
    rows = [
        (".".join(map(str, leaf)) + " = " + shown, _setter(loaded, leaf))
        for leaf, shown in _leaves(value, path)
    ]
    width = max((len(words) for words, _ in rows), default=0)
    return "\n".join(f"{words:<{width}}  {setter}" for words, setter in rows)


def _other_form(loaded: Loaded, path: Path_, above: Any) -> str:
    """What is not shown at its own path: left out, or written in another of the file's forms."""
    if isinstance(above, str) and path[-1] == "text":  # a message that is a plain text
        return _rows(loaded, path, above)
    one = (*path[:2], "message", *path[4:]) if path[2:4] == ("messages", 0) else path
    node = loaded.tree.get(*path) or loaded.tree.get(*one)
    if node is None:
        return ".".join(map(str, path)) + ": not set (default)"
    if path[-1] == "message":  # the one message, without `messages`
        return _rows(loaded, (*path[:-1], "messages", 0), above["messages"][0])
    return _rows(loaded, path, node.plain())


def _step(value: Any, parts: list[str]) -> tuple[str | int | None, int]:
    """The next key and how many parts of the path it takes: a key may hold dots itself."""
    if isinstance(value, dict):
        for used in range(len(parts), 0, -1):
            key = ".".join(parts[:used])
            if key in value:
                return key, used
    elif isinstance(value, list | tuple) and parts[0].isdecimal():
        index = int(parts[0])
        return (index if index < len(value) else None), 1
    return None, 0


def _leaves(value: Any, path: Path_) -> Iterator[tuple[Path_, str]]:
    if isinstance(value, dict) and value and value.keys() != {"secret"}:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list | tuple) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))
    elif isinstance(value, dict | list | tuple) and not value:
        yield path, "{}" if isinstance(value, dict) else "[]"
    elif isinstance(value, dict):
        yield path, f"{{secret: {value['secret']}}}"
    else:
        words = str(value).lower() if value is None or isinstance(value, bool) else str(value)
        first, *more = words.split("\n")
        yield path, first[:60] + (" ..." if more or len(first) > 60 else "")


def _setter(loaded: Loaded, path: Path_) -> str:
    """What set a value: `file:line`, `--var`, or `default`."""
    if path[0] == "vars" and path[1] in loaded.given:
        return f"--var {path[1]}"
    node = _written_at(loaded, path)
    return _shown(node.key) if node else "default"


def _shown(place: Place) -> str:
    return f"{place.source.shown}:{place.line}"


def _written_at(loaded: Loaded, path: Path_) -> Node | None:
    """The node that set a value: at the path, above it, or in the agent's host."""
    tree = loaded.tree
    if len(path) < 3 or path[0] == "vars":
        return tree.get(*path)
    tops = [path[:3]]
    if path[0] == "agents" and path[2] == "messages":
        tops.append((*path[:2], "message"))
    if path[0] == "agents" and path[2] == "env":
        hosts = {name.name: name.host.name for name in loaded.desired.agents}
        if tree.get(*path) is None:
            tops = [("hosts", hosts[str(path[1])], "env")]
    for top in tops:
        if tree.get(*top) is not None:
            return tree.near(*top, *path[3:])
    return None
