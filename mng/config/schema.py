"""The JSON Schema of the file, for editors. `python -m mng.config.schema` writes it anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mng.config.document import Document

SCHEMA_FILE = Path(__file__).parents[2] / "schemas" / "mng.schema.json"
TEMPLATE = r"\{\{|\{%"  # a text that is not yet what it will be


def json_schema() -> dict[str, Any]:
    """What a file may hold, draft 2020-12. A value may also be a template, or nothing."""
    generated = Document.model_json_schema()
    definitions = {name: _mapping(part) for name, part in generated.pop("$defs").items()}
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_mapping(generated)}
    schema["title"] = "mng.yaml"
    return {**schema, "$defs": dict(sorted(definitions.items()))}


def _mapping(model: dict[str, Any]) -> dict[str, Any]:
    """A mapping with our keys: no others but `x-...`."""
    properties = {name: _property(part) for name, part in model["properties"].items()}
    return {
        "title": model["title"],
        "description": model["description"],
        "type": "object",
        "properties": properties,
        "patternProperties": {"^x-": {}},
        "additionalProperties": False,
    }


def _property(part: dict[str, Any]) -> dict[str, Any]:
    about = {key: part[key] for key in ("description", "examples")}
    default = {"default": part["default"]} if part.get("default") not in (None, [], {}) else {}
    rest = {k: v for k, v in part.items() if k not in ("title", "default", *about)}
    return {**about, **default, **_or_nothing(_or_template(rest))}


def _or_nothing(part: dict[str, Any]) -> dict[str, Any]:
    """The same, or null: a key without a value is as if it weren't there."""
    options = part.get("anyOf", [part])
    others = {} if options == [part] else {k: v for k, v in part.items() if k != "anyOf"}
    if {"type": "null"} not in options:
        options = [*options, {"type": "null"}]
    return {**others, "anyOf": options}


def _or_template(part: Any) -> Any:
    """The same, where every text with a form may be a template instead."""
    if isinstance(part, list):
        return [_or_template(item) for item in part]
    if not isinstance(part, dict):
        return part
    part = {key: _or_template(value) for key, value in part.items()}
    for key in ("patternProperties", "additionalProperties"):
        if key not in part or not isinstance(part[key], dict):
            continue
        if key == "patternProperties":
            part[key] = {name: _entry(value) for name, value in part[key].items()}
            part["additionalProperties"] = False
    if isinstance(part.get("pattern"), str):
        part["pattern"] = f"{part['pattern']}|{TEMPLATE}"
    if "enum" in part:
        return {"anyOf": [part, {"type": "string", "pattern": TEMPLATE}]}
    return part


def _entry(part: dict[str, Any]) -> dict[str, Any]:
    """What stands under a name that the user gives: a host or an agent may be left empty."""
    return {"anyOf": [part, {"type": "null"}]} if "$ref" in part else part


def write() -> None:
    """Write the schema into the repository."""
    text = json.dumps(json_schema(), indent=2, ensure_ascii=False)
    SCHEMA_FILE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
