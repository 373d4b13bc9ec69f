"""The JSON Schema for editors: current, complete, and true."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from mng.config.document import Agent, Document, Host, Image, Message, Modal, Ready, SharedTree
from mng.config.schema import SCHEMA_FILE, json_schema

MODELS: dict[str, type[BaseModel]] = {
    model.__name__: model
    for model in (Document, Host, SharedTree, Modal, Image, Agent, Message, Ready)
}


def definitions() -> dict[str, Any]:
    schema = json_schema()
    return {"Document": schema, **schema["$defs"]}


def test_the_committed_schema_is_current() -> None:
    """`python -m mng.config.schema` writes it anew."""
    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"

    assert SCHEMA_FILE.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", MODELS)
def test_every_key_is_described_with_examples_that_are_valid(name: str) -> None:
    """What an editor shows is there, and works."""
    part = definitions()[name]

    assert part["additionalProperties"] is False
    assert "^x-" in part["patternProperties"]
    for key, about in part["properties"].items():
        assert about["description"], key
        assert about["examples"], key
        for example in about["examples"]:
            MODELS[name].model_validate({key: example})


def test_every_definition_is_a_model() -> None:
    """Nothing is in the schema that isn't checked above."""
    assert definitions().keys() == MODELS.keys()


def test_the_schema_takes_what_the_model_takes() -> None:
    """A file with everything in it, templates and empty keys included, is valid in an editor."""
    validator = jsonschema.Draft202012Validator(json_schema())
    validator.check_schema(json_schema())
    document: Any = {
        "name": "a",
        "x-y": 1,
        "hosts": {"h": None, "i": {"timeout": "{{ t }}", "source": None, "modal": {"cpu": 2}}},
        "agents": {"a": {"restart": "{{ r }}", "after": "b", "messages": ["x", {"text": "y"}]}},
    }

    assert list(validator.iter_errors(document)) == []
    assert list(validator.iter_errors({"agents": {"a": {"typ": "claude"}}}))
    assert list(validator.iter_errors({"agents": {"A": {}}}))
