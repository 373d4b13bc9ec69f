"""Messages are an append-only log, like a git branch: `up` only fast-forwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mng.model.spec import MessageSpec, message_name
from mng.model.world import Sent, SentState

Settlement = Literal["send", "accept"]

_UNSURE = "uncertain: its process ended before anything proved that it was taken"
_EDITED = "edited since it was said"
_BEHIND = "waits for the one that is uncertain"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with an agent's messages, each list in order.

    finish: pasted, so only Enter is missing. send: to be typed. record: to be written into the
    ledger untyped. held: with the reason. pasted and adhoc ones may be in no file.
    """

    finish: tuple[MessageSpec, ...] = ()
    send: tuple[MessageSpec, ...] = ()
    record: tuple[MessageSpec, ...] = ()
    held: tuple[tuple[MessageSpec, str], ...] = ()


def settle(
    wanted: Sequence[MessageSpec], sent: Sequence[Sent], consent: Settlement | None = None
) -> Verdict:
    """Compare an agent's messages with its ledger.

    If the last delivered message still stands in the file and every undelivered one stands after
    it, those are sent. Otherwise they are held, until `consent` says to send them as new ones or
    to take them as delivered. A message without a text is known by its key alone: it stands for
    what was said, and can't be said.
    """
    ledger = {entry.key: entry for entry in sent}
    place = {message.key: number for number, message in enumerate(wanted)}
    finish = tuple(
        wanted[place[entry.key]]
        if entry.key in place
        else MessageSpec(entry.key, "", origin="adhoc" if entry.origin == "adhoc" else "file")
        for entry in ledger.values()
        if entry.state is SentState.BEGUN
    )
    doubtful = tuple(
        message
        for message in wanted
        if message.key in ledger
        and ledger[message.key].state is SentState.UNCERTAIN
        and message.text
    )
    undelivered = tuple(message for message in wanted if message.key not in ledger and message.text)
    open_ = tuple(sorted((*doubtful, *undelivered), key=lambda message: place[message.key]))
    why = _UNSURE if doubtful else _why_held(undelivered, sent, place)
    if not open_:
        return Verdict(finish)
    if not why:
        return Verdict(finish, send=open_)
    match consent:
        case "send":
            return Verdict(finish, send=open_)
        case "accept":
            return Verdict(finish, record=open_)
        case None:
            said = {message_name(entry.key) for entry in sent}
            return Verdict(
                finish,
                held=tuple(
                    (message, why)
                    if message in doubtful
                    else (message, _EDITED)
                    if message_name(message.key) in said
                    else (message, _BEHIND if doubtful else why)
                    for message in open_
                ),
            )


def _why_held(
    undelivered: Sequence[MessageSpec], sent: Sequence[Sent], place: dict[str, int]
) -> str:
    """Why the undelivered messages can't simply be appended, or ""."""
    said = [entry for entry in sent if entry.origin == "file" or entry.key in place]
    if not said or not undelivered:
        return ""
    last = place.get(said[-1].key)
    if last is None:
        return "new, but the last one said was edited or removed"
    if any(place[message.key] < last for message in undelivered):
        return "edited, or inserted before what was said"
    return ""
