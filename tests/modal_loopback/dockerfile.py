"""Dockerfiles, as far as images of sandboxes need them: read into instructions."""

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its word in capitals, and the rest of it."""

    word: str
    rest: str

    def command(self) -> list[str]:
        """What RUN, CMD or ENTRYPOINT start: a list as it is, else a line for sh."""
        if self.rest.startswith("["):
            return [str(word) for word in json.loads(self.rest)]
        return ["/bin/sh", "-c", self.rest]

    def paths(self) -> tuple[list[str], str]:
        """The sources and the target of COPY or ADD."""
        words = json.loads(self.rest) if self.rest.startswith("[") else shlex.split(self.rest)
        *sources, target = [word for word in words if not word.startswith("--")]
        return sources, target

    def variables(self, known: Mapping[str, str]) -> dict[str, str]:
        """What ENV or ARG set; `$NAME` stands for a known value."""
        words = shlex.split(self.rest)
        if words and "=" not in words[0]:
            words = ["=".join(self.rest.split(None, 1))]
        pairs = dict(word.partition("=")[::2] for word in words)
        return {name: substitute(value, known) for name, value in pairs.items()}


def substitute(text: str, known: Mapping[str, str]) -> str:
    """Put in the values of `$NAME` and `${NAME}`; of unknown ones nothing."""
    return re.sub(r"\$\{?(\w+)\}?", lambda found: known.get(found[1], ""), text)


def read(lines: Iterable[str]) -> Iterator[Instruction]:
    """The instructions of a Dockerfile, without comments, with lines joined at a backslash."""
    joined = ""
    for line in "\n".join(lines).splitlines():
        if line.lstrip().startswith("#"):
            continue
        if line.rstrip().endswith("\\"):
            joined += line.rstrip()[:-1]
            continue
        word, _, rest = (joined + line).strip().partition(" ")
        joined = ""
        if word:
            yield Instruction(word.upper(), rest.strip())
