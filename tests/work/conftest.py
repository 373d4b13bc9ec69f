"""Each test has its own home directory, so that nobody's git configuration takes part."""

from __future__ import annotations

from pathlib import Path

import pytest

from .workbench import Desk


@pytest.fixture(autouse=True)
def _own_git_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "gitconfig"
    config.write_text(
        '[user]\n name = U\n email = u@example.invalid\n[protocol "file"]\n allow = always\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture(params=["by path", "by stream"])
def local(request: pytest.FixtureRequest) -> bool:
    """Whether the host reads the source itself or is sent its history."""
    return bool(request.param == "by path")


@pytest.fixture(params=["dash", "bash"])
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
