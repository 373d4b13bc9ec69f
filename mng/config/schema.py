"""The JSON Schema of the file, for editors. `python -m mng.config.schema` writes it anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mng.config.document import Document

SCHEMA_FILE = Path(__file__).parents[2] / "schemas" / "mng.schema.json"

_NOTHING = {"type": "null"}  # a key without a value is as if it weren't there
_TEMPLATE = r"\{\{|\{%"  # a text that is not yet what it will be


def json_schema() -> dict[str, Any]:
    """What a file may hold, draft 2020-12. A value may also be a template, or nothing."""
    generated = Document.model_json_schema()
    definitions = {name: _mapping(part) for name, part in generated.pop("$defs").items()}
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_mapping(generated)}
    schema["title"] = "mng.yaml"
    return {**schema, "$defs": dict(sorted(definitions.items()))}


def _mapping(model: dict[str, Any]) -> dict[str, Any]:
    """A mapping with our keys: no others but `x-...`."""
    return {
        "title": model["title"],
        "description": model["description"],
        "type": "object",
        "properties": {name: _property(part) for name, part in model["properties"].items()},
        "patternProperties": {"^x-": {}},
        "additionalProperties": False,
    }


def _property(part: dict[str, Any]) -> dict[str, Any]:
    """What stands under a key, or null."""
    about = {key: part[key] for key in ("description", "examples")}
    if part.get("default") not in (None, [], {}):
        about["default"] = part["default"]
    form = _or_template({k: v for k, v in part.items() if k not in ("title", "default", *about)})
    if "anyOf" not in form:
        form = {"anyOf": [form]}
    if _NOTHING not in form["anyOf"]:
        form["anyOf"].append(_NOTHING)
    return {**about, **form}


def _or_template(part: Any) -> Any:
    """The same, where every text with a form may be a template instead."""
    if isinstance(part, list):
        return [_or_template(item) for item in part]
    if not isinstance(part, dict):
        return part
    part = {key: _or_template(value) for key, value in part.items()}
    if isinstance(part.get("pattern"), str):
        part["pattern"] = f"{part['pattern']}|{_TEMPLATE}"
    if "enum" in part:
        return {"anyOf": [part, {"type": "string", "pattern": _TEMPLATE}]}
    if entries := part.get("patternProperties"):  # under names that the user gives
        part["patternProperties"] = {key: _or_empty(entry) for key, entry in entries.items()}
        part["additionalProperties"] = False
    return part


def _or_empty(entry: dict[str, Any]) -> dict[str, Any]:
    """What stands under a name: a host or an agent may be left empty."""
    return {"anyOf": [entry, _NOTHING]} if "$ref" in entry else entry


def write() -> None:
    """Write the schema into the repository."""
    text = json.dumps(json_schema(), indent=2, ensure_ascii=False)
    SCHEMA_FILE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
