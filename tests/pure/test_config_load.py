"""What a file means: defaults, references, paths."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mng.config.load import load
from mng.config.starter import starter
from mng.hosts.provider import PROVIDERS
from mng.model.spec import Desired, HostSpec, Owner, Secret, WantedAgent
from tests.pure.config_files import Files, agent_name, host_name

README = """\
name: auth
vars:
  feature: JWT authentication
hosts:
  auth-host:
    provider: modal
    source: .
    work_dir: /work
    setup: |
      pip install -r requirements.txt
    env: {PYTHONUNBUFFERED: "1"}
    timeout: 8h
    idle_timeout: 30m
    modal:
      image: {python: "3.12", apt: [git, tmux], pip: [fastapi], dockerfile: null, run: []}
      cpu: 2
      memory: 4GiB
      gpu: null
      secrets: [anthropic]
      volumes: {/cache: my-volume}
      block_network: false
agents:
  impl-agent:
    host: auth-host
    args: [--model, opus]
    message: |
      Implement {{ feature }} for this FastAPI app.
  server:
    type: command
    after: impl-agent
    command: uvicorn app.main:app --reload
    env: {API_KEY: {secret: API_KEY}}
    ready: {screen: listening}
"""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_a_host_is_resolved(files: Files) -> None:
    """Durations are seconds, sizes MiB, the source absolute, options only what was set."""
    host = files.host(README)

    assert host.spec == HostSpec(
        source=str(files.directory),
        work_dir="/work",
        setup="pip install -r requirements.txt\n",
        env={"PYTHONUNBUFFERED": "1"},
        timeout=28800,
        idle_timeout=1800,
        options={
            "image": {"python": "3.12", "apt": ["git", "tmux"], "pip": ["fastapi"], "run": []},
            "cpu": 2,
            "memory": 4096,
            "secrets": ["anthropic"],
            "volumes": {"/cache": "my-volume"},
            "block_network": False,
        },
    )
    assert (host.at, host.owner) == (
        "team.yaml:5", Owner("auth", str(files.directory / "team.yaml"))
    )  # fmt: skip


def test_agents_are_resolved(files: Files) -> None:
    """An agent has the host's environment under its own; a secret keeps its name alone."""
    agents = files.load(README).desired.agents
    lead = agents[agent_name("impl-agent", "auth-host", "modal")]
    server = agents[agent_name("server", "auth-host", "modal")]

    assert (lead.spec.type, lead.spec.args, lead.at) == (
        "claude",
        ("--model", "opus"),
        "team.yaml:23",
    )
    assert lead.messages[0].text == "Implement JWT authentication for this FastAPI app."
    assert lead.messages[0].at == "team.yaml:26"
    assert server.spec.env == {"PYTHONUNBUFFERED": "1", "API_KEY": Secret("API_KEY")}
    assert (server.spec.after, server.spec.ready) == ({"impl-agent": "ready"}, "listening")


def wants(files: Files, text: str) -> Desired:
    return files.load(text).desired


def test_without_hosts_agents_live_on_a_local_one(files: Files) -> None:
    """No host declared: one local host named `local`, by default and by name."""
    desired = wants(files, "agents: {a: {}, b: {host: local}}\n")

    assert list(desired.hosts) == [host_name("local")]
    assert list(desired.agents) == [agent_name("a"), agent_name("b")]


def test_the_only_host_is_the_default(files: Files) -> None:
    """One host: nobody needs to say which."""
    assert list(wants(files, "hosts: {h: }\nagents: {a: }\n").agents) == [agent_name("a", "h")]


def test_two_hosts_must_be_told_apart(files: Files) -> None:
    """Several hosts: an agent must say which."""
    faults = files.faults("hosts: {h: , i: }\nagents: {a: {host: i}, b: {}}\n")

    assert faults == ["team.yaml:2:24: agent 'b' needs 'host': h or i"]


@pytest.mark.parametrize(
    ("name", "team"),
    [
        ("auth.yaml", "auth"),
        ("My Team.yaml", "my-team"),
        ("proj/mng.yaml", "proj"),
        ("_.yaml", "mng"),
    ],
)
def test_the_team_is_called_after_the_file(files: Files, name: str, team: str) -> None:
    """The stem, or for mng.yaml its directory, made into a name."""
    assert load([files.write("hosts: {}\n", name)]).desired.owner.team == team


def test_the_source_is_the_repository_around_the_file(files: Files) -> None:
    """Unset: the repository that holds the file, or nothing; null: nothing; a path: that path."""
    (files.directory / "repo/.git").mkdir(parents=True)
    (files.directory / "repo/sub").mkdir()

    def source(text: str) -> str | None:
        file = files.write(f"hosts: {{h: {{{text}}}}}\n", "repo/sub/team.yaml")
        (host,) = load([file], environ={"HOME": str(files.directory)}).desired.hosts.values()
        return host.spec.source

    assert source("") == str(files.directory / "repo")
    assert source("source: null") is None
    assert source("source: ..") == str(files.directory / "repo")
    assert source("source: ~/repo") == str(files.directory / "repo")
    assert files.host("hosts: {h: {}}\n").spec.source is None


def test_a_missing_source_is_a_fault(files: Files) -> None:
    """A path that isn't there, or is no directory, is told at its line."""
    faults = files.faults("hosts: {h: {source: nowhere}, i: {source: team.yaml}}\n")

    assert faults == [
        "team.yaml:1:21: source 'nowhere' does not exist",
        "team.yaml:1:43: source 'team.yaml' is not a directory",
    ]


def test_only_the_own_providers_section_counts(files: Files) -> None:
    """Sections of other providers are allowed; a plug-in's is plain JSON."""
    host = files.host(
        "hosts: {h: {provider: pod, modal: {cpu: 1}, pod: {size: 1_0, deep: {a: [0x2]}}}}\n"
    )

    assert host.spec.options == {"size": 10, "deep": {"a": [2]}}


def test_another_plugins_section_is_an_unknown_key(files: Files) -> None:
    """Only a section that the host's own provider could read is allowed."""
    assert files.faults("hosts: {h: {provider: pod, pot: {}}}\n") == [
        "team.yaml:1:28: unknown key 'pot'"
    ]


def test_providers_are_checked_where_they_are_known(files: Files) -> None:
    """A caller that knows what is installed gets a misspelt provider told with the rest."""
    text = "hosts: {h: {provider: pod}}\n"

    assert files.load(text, known_providers=("local", "pod")).desired.hosts
    assert files.load(text).desired.hosts


def test_types_of_plugins_are_known_by_the_caller(files: Files) -> None:
    """An installed type is as good as ours."""
    (agent,) = files.load(
        "agents: {a: {type: aider}}\n", known_types=("aider",)
    ).desired.agents.values()

    assert agent.spec.type == "aider"
    assert files.faults("agents: {a: {type: aider}}\n") == ["team.yaml:1:20: no agent type 'aider'"]


@pytest.mark.parametrize(
    ("written", "seconds"), [("90s", 90), ("1h30m", 5400), ("1d", 86400), ("45", 45), ("'45'", 45)]
)
def test_durations(files: Files, written: str, seconds: int) -> None:
    """`90s 20m 8h 1d`, put together, or seconds."""
    assert files.host(f"hosts: {{h: {{timeout: {written}}}}}\n").spec.timeout == seconds


@pytest.mark.parametrize(
    ("written", "size"),
    [("512MiB", 512), ("4GiB", 4096), ("2GB", 1908), ("1.5GiB", 1536), ("64", 64)],
)
def test_sizes(files: Files, written: str, size: int) -> None:
    """Sizes are MiB, rounded up."""
    host = files.host(f"hosts: {{h: {{provider: modal, modal: {{memory: {written}}}}}}}\n")

    assert host.spec.options == {"memory": size}


@pytest.mark.parametrize("written", ["b", "[b]", "{b: ready}"])
def test_after_has_three_forms(files: Files, written: str) -> None:
    """A name or a list of names means ready."""
    desired = wants(files, f"agents: {{a: {{after: {written}}}, b: }}\n")

    assert desired.agents[agent_name("a")].spec.after == {"b": "ready"}


def test_renaming_keeps_the_old_name(files: Files) -> None:
    """`was` reaches the want; it can't name what the file still has."""
    agent: WantedAgent = files.agent("agents: {a: {was: old}}\n")

    assert agent.was == "old"
    assert files.faults("agents: {a: {was: b}, b: }\n") == [
        "team.yaml:1:19: 'was' names 'b', which the file still has"
    ]


def test_an_external_host_has_no_source_by_default(files: Files) -> None:
    """What belongs to another team is only named."""
    (files.directory / ".git").mkdir()
    host = files.host("hosts: {h: {external: true}}\n")

    assert (host.external, host.spec.source) == (True, None)


def test_the_starter_file_offers_what_is_installed() -> None:
    """No provider that `mng plan` would refuse."""
    (offered,) = re.findall(r"provider: local +# (.*)", starter("x"))

    assert offered.split(" | ") == ["local", "modal"]
    assert {*offered.split(" | ")} <= {*PROVIDERS}


@pytest.mark.parametrize("name", ["auth", "42", "true", "null"])
def test_the_starter_file_is_valid(files: Files, name: str) -> None:
    """`mng init` writes what `mng up` takes."""
    loaded = files.load(starter(name))

    assert loaded.desired.owner.team == name
    (agent,) = loaded.desired.agents.values()
    assert (agent.spec.type, len(agent.messages)) == ("demo", 1)
