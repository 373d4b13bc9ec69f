"""Messages are an append-only log: what was said is never said again, and nothing is lost."""

from __future__ import annotations

import pytest

from mng.model.action import AwaitAgent, RecordMessages, SendMessage, StartAgent
from mng.model.spec import MessageSpec
from mng.model.world import Sent, SentState
from mng.reconcile.builder import thing_of
from tests.pure.worlds import (
    a_world,
    agent,
    begun,
    by_hand,
    key,
    planned,
    rows,
    said,
    uncertain,
    want,
    wants,
)

HELD = "held (--messages send | --messages accept)"


def test_a_new_agent_gets_its_messages_in_order() -> None:
    """Create, wait until ready, the first, then the second."""
    desired = wants(want("a", says=["A", "B"]))
    plan = planned(desired, a_world())

    assert rows(desired, a_world()) == [
        "+ host h.local not found",
        "+ agent a@h not found",
        '> agent a@h message 1 "A" auth.yaml:1',
        '> agent a@h message 2 "B" auth.yaml:2',
    ]
    assert [step.after for step in plan.steps] == [(), (1,), (2,), (3,)]


def test_the_first_message_waits_for_ready_and_the_later_ones_for_idle() -> None:
    """`when` is `now` for the first message and `idle` for the others, unless the file says so."""
    texts: list[str | MessageSpec] = ["A", "B", said("C", when="now")]
    plan = planned(wants(want("a", says=texts)), a_world())
    sends = [step.action for step in plan.steps if isinstance(step.action, SendMessage)]

    assert [send.wait for send in sends] == ["ready", "idle", "ready"]


def test_up_again_does_nothing() -> None:
    """What the ledger holds is not planned again."""
    world = a_world(agent("a", sent=["A", "B"]))

    assert rows(wants(want("a", says=["A", "B"])), world) == []


@pytest.mark.parametrize("state", ["STARTING", "RUNNING", "WAITING", "BLOCKED"])
def test_an_appended_message_goes_to_the_running_agent(state: str) -> None:
    """[A, B] -> [A, B, C] delivers C, and nobody is restarted."""
    world = a_world(agent("a", sent=["A", "B"], state=state))

    assert rows(wants(want("a", says=["A", "B", "C"])), world) == [
        '> agent a@h message 3 "C" auth.yaml:3'
    ]


def test_an_edited_message_is_held() -> None:
    """The last thing said is not in the file any more."""
    world = a_world(agent("a", sent=["A", "B"]))

    assert rows(wants(want("a", says=["A", "B, better"])), world) == [
        f'> agent a@h message 2 "B, better" new, but the last one said was edited or removed {HELD}'
    ]


def test_a_message_inserted_before_a_delivered_one_is_held() -> None:
    """What comes before something that was said can't be said in order any more."""
    world = a_world(agent("a", sent=["A", "B"]))

    assert rows(wants(want("a", says=["A", "X", "B"])), world) == [
        f'> agent a@h message 2 "X" edited, or inserted before what was said {HELD}'
    ]


def test_an_earlier_edit_is_held() -> None:
    """An edit of a message that is not the last looks like one put before it."""
    world = a_world(agent("a", sent=["A", "B"]))

    assert rows(wants(want("a", says=["A!", "B"])), world) == [
        f'> agent a@h message 1 "A!" edited, or inserted before what was said {HELD}'
    ]


def test_a_message_that_is_held_holds_no_other_agent() -> None:
    """Every other agent goes on; the exit status is 3."""
    world = a_world(agent("a", sent=["A"]), agent("b", sent=["A"]))
    desired = wants(want("a", says=["A!"]), want("b", says=["A", "B"]))

    assert rows(desired, world) == [
        f'> agent a@h message 1 "A!" new, but the last one said was edited or removed {HELD}',
        '> agent b@h message 2 "B" auth.yaml:2',
    ]
    assert planned(desired, world).exit_status == 3


def test_a_message_behind_an_edited_one_is_held_with_it() -> None:
    """The order of the file is kept, so the rest waits for the settlement."""
    world = a_world(agent("a", sent=["A"]))

    assert rows(wants(want("a", says=["A!", "B"])), world) == [
        f'> agent a@h message {n} "{text}" new, but the last one said was edited or removed {HELD}'
        for n, text in ((1, "A!"), (2, "B"))
    ]


def test_messages_send_delivers_what_is_held_as_new() -> None:
    """`--messages send` settles it for good."""
    world = a_world(agent("a", sent=["A", "B"]))
    desired = wants(want("a", says=["A!", "B"]))

    assert rows(desired, world, messages="send") == ['> agent a@h message 1 "A!" auth.yaml:1']


def test_messages_accept_records_what_is_held_and_sends_nothing() -> None:
    """`--messages accept` settles it for good."""
    world = a_world(agent("a", sent=["A", "B"]))
    desired = wants(want("a", says=["A!", "B"]))

    assert rows(desired, world, messages="accept") == [
        '~ agent a@h message 1 "A!" recorded as delivered'
    ]


@pytest.mark.parametrize("messages", ["send", "accept"])
def test_a_consent_about_messages_changes_nothing_where_none_is_held(messages: str) -> None:
    """An appended message is sent, whatever the user says about held ones."""
    world = a_world(agent("a", sent=["A"]))

    assert rows(wants(want("a", says=["A", "B"])), world, messages=messages) == [
        '> agent a@h message 2 "B" auth.yaml:2'
    ]


def test_an_edit_while_pending_is_the_new_text_once() -> None:
    """What was never said can be edited freely."""
    world = a_world(agent("a", sent=["A"]))

    assert rows(wants(want("a", says=["A", "B, better"])), world) == [
        '> agent a@h message 2 "B, better" auth.yaml:2'
    ]


@pytest.mark.parametrize(
    "says",
    [["B"], ["A"], [], ["B", "A"], ["A  ", "B\n\n"], ["A\r\n", "B"]],
    ids=["first removed", "last removed", "all removed", "reordered", "re-indented", "line ends"],
)
def test_what_was_said_cant_be_unsaid(says: list[str]) -> None:
    """Removed, reordered and re-quoted messages are nothing to do."""
    assert rows(wants(want("a", says=says)), a_world(agent("a", sent=["A", "B"]))) == []


def test_the_same_text_twice_is_two_messages() -> None:
    """Each is said once."""
    desired = wants(want("a", says=["A", "A"]))

    assert rows(desired, a_world(agent("a", sent=["A"]))) == [
        '> agent a@h message 2 "A" auth.yaml:2'
    ]
    assert rows(desired, a_world(agent("a", sent=["A", "A"]))) == []


def test_an_id_lets_a_text_change() -> None:
    """A message with an id that was said stays said, whatever its text is now."""
    world = a_world(agent("a", sent=[Sent("focus", SentState.SUBMITTED)]))

    assert rows(wants(want("a", says=[said("another text", id_="focus")])), world) == []


def test_an_agent_that_is_done_is_left_as_it_is() -> None:
    """It ended with 0, and has been told all."""
    world = a_world(agent("a", sent=["A"], state="DONE"))

    assert rows(wants(want("a", says=["A"])), world) == []


def test_a_new_message_resumes_an_agent_that_is_done() -> None:
    """A type that can resume goes on with its conversation and gets only what is new."""
    world = a_world(agent("a", sent=["A"], state="DONE", resumes=True))
    desired = wants(want("a", says=["A", "B"]))
    start = planned(desired, world).steps[0].action

    assert rows(desired, world) == [
        "+ agent a@h resumed for a new message",
        '> agent a@h message 2 "B" auth.yaml:2',
    ]
    assert isinstance(start, StartAgent)
    assert (start.resume, start.replaces) == (True, "a-1")
    assert [entry.key for entry in start.carried] == [key("A")]


def test_a_new_message_for_one_that_cant_resume_is_held() -> None:
    """It would have to be told everything again."""
    world = a_world(agent("a", sent=["A"], state="DONE"))

    assert rows(wants(want("a", says=["A", "B"])), world) == [
        "> agent a@h ended with 0, and 1 message not said "
        "held: says all its messages again (--recreate a)"
    ]


def test_an_edited_message_of_one_that_is_done_is_settled_like_any_other() -> None:
    """Where it can resume, sending is the resumption, and accepting needs no process."""
    world = a_world(agent("a", sent=["A"], state="DONE", resumes=True))
    desired = wants(want("a", says=["A!"]))

    assert rows(desired, world) == [
        f'> agent a@h message 1 "A!" new, but the last one said was edited or removed {HELD}'
    ]
    assert rows(desired, world, messages="send") == [
        "+ agent a@h resumed for a new message",
        '> agent a@h message 1 "A!" auth.yaml:1',
    ]
    assert rows(desired, world, messages="accept") == [
        '~ agent a@h message 1 "A!" recorded as delivered'
    ]


def test_accepting_works_without_a_process() -> None:
    """Nothing is sent, so nothing has to be alive."""
    world = a_world(agent("a", sent=["A"], state="DONE"))
    desired = wants(want("a", says=["A!"]))

    assert rows(desired, world, messages="accept") == [
        '~ agent a@h message 1 "A!" recorded as delivered'
    ]


@pytest.mark.parametrize("reason", ["ended with 1", "its session vanished"])
def test_a_failed_agent_that_resumes_gets_only_the_rest(reason: str) -> None:
    """A new incarnation, the same conversation."""
    lost = agent("a", sent=["A"], state="FAILED", reason=reason, resumes=True)

    assert rows(wants(want("a", says=["A", "B"])), a_world(lost)) == [
        f"+ agent a@h {reason}",
        '> agent a@h message 2 "B" auth.yaml:2',
    ]


@pytest.mark.parametrize("reason", ["ended with 1", "its session vanished"])
def test_a_failed_agent_that_cant_resume_gets_all_again(reason: str) -> None:
    """A new incarnation knows nothing of what the old one was told."""
    lost = agent("a", sent=["A"], state="FAILED", reason=reason)

    assert rows(wants(want("a", says=["A", "B"])), a_world(lost)) == [
        f"+ agent a@h {reason}",
        '> agent a@h message 1 "A" auth.yaml:1',
        '> agent a@h message 2 "B" auth.yaml:2',
    ]


def test_a_message_that_was_accepted_on_the_way_is_carried_along() -> None:
    """`--messages accept` holds for a conversation that is resumed in the same plan."""
    world = a_world(agent("a", sent=["A"], state="FAILED", resumes=True))
    plan = planned(wants(want("a", says=["A!"])), world, messages="accept")
    start = plan.steps[0].action

    assert [type(step.action) for step in plan.steps] == [StartAgent, AwaitAgent]
    assert isinstance(start, StartAgent)
    assert start.carried[-1] == Sent(key("A!"), SentState.RECORDED)


def test_death_before_the_paste_is_paste_and_enter() -> None:
    """Nothing was begun, so all is to do."""
    send = planned(wants(want("a", says=["A"])), a_world(agent("a"))).steps[0].action

    assert isinstance(send, SendMessage)
    assert not send.pasted


def test_death_between_paste_and_enter_is_only_enter() -> None:
    """The text stands in the terminal; it is never typed twice."""
    world = a_world(agent("a", sent=["A", begun("B")]))
    desired = wants(want("a", says=["A", "B"]))
    send = planned(desired, world).steps[0].action

    assert rows(desired, world) == [
        '> agent a@h message 2 "B" pasted, not submitted auth.yaml:2',
    ]
    assert isinstance(send, SendMessage)
    assert (send.pasted, send.incarnation) == (True, "a-1")


def test_what_stands_pasted_is_called_as_any_message() -> None:
    """`pasted, not submitted to a@h held: blocked` said nothing that anybody understood."""
    plan = planned(wants(want("a", says=["A"])), a_world(agent("a", sent=[begun("A")])))

    assert thing_of(plan.steps[0]) == 'message 1 "A" to a@h'


def test_what_stands_pasted_is_submitted_before_anything_else_is_typed() -> None:
    """Two texts would run together."""
    world = a_world(agent("a", sent=["A", begun("B")]))
    plan = planned(wants(want("a", says=["A", "B", "C"])), world)

    assert [step.after for step in plan.steps] == [(), (1,)]


def test_what_stands_pasted_is_submitted_though_the_file_has_it_no_more() -> None:
    """It can't be taken out of the terminal again, and the next text would be glued to it."""
    world = a_world(agent("a", sent=["A", begun("B")]))

    assert rows(wants(want("a", says=["A"])), world) == [
        f"> agent a@h message {key('B')} pasted, not submitted"
    ]


def test_a_paste_that_died_with_its_process_was_never_said() -> None:
    """The Enter was missing when the process ended, so the next incarnation gets the text."""
    lost = agent("a", sent=["A", begun("B")], state="FAILED", resumes=True)

    assert rows(wants(want("a", says=["A", "B"])), a_world(lost)) == [
        "+ agent a@h ended with 1",
        '> agent a@h message 2 "B" auth.yaml:2',
    ]


UNSURE = "uncertain: its process ended before anything proved that it was taken"


def test_an_uncertain_message_is_never_sent_again_by_itself() -> None:
    """It is held, and what comes behind it waits."""
    lost = agent("a", sent=["A", uncertain("B")], state="FAILED", resumes=True)

    assert rows(wants(want("a", says=["A", "B", "C"])), a_world(lost)) == [
        "+ agent a@h ended with 1",
        f'> agent a@h message 2 "B" {UNSURE} {HELD}',
        f'> agent a@h message 3 "C" waits for the one that is uncertain {HELD}',
    ]


def test_an_uncertain_message_is_sent_when_the_user_says_so() -> None:
    """The user has looked, and knows."""
    world = a_world(agent("a", sent=["A", uncertain("B")]))

    assert rows(wants(want("a", says=["A", "B"])), world, messages="send") == [
        '> agent a@h message 2 "B" auth.yaml:2'
    ]
    assert rows(wants(want("a", says=["A", "B"])), world, messages="accept") == [
        '~ agent a@h message 2 "B" recorded as delivered'
    ]


def test_a_delivery_is_meant_for_one_incarnation() -> None:
    """Of two or eight `up`s at once one delivers: the ledger of this incarnation decides."""
    plan = planned(wants(want("a", says=["A"])), a_world(agent("a")))
    sends = [step.action for step in plan.steps if isinstance(step.action, SendMessage)]

    assert [send.incarnation for send in sends] == ["a-1"]


def test_a_message_by_hand_is_never_drift() -> None:
    """`mng message` leaves the file's messages where they were."""
    world = a_world(agent("a", sent=["A", by_hand("adhoc-1")]))

    assert rows(wants(want("a", says=["A"])), world) == []
    assert rows(wants(want("a", says=["A", "B"])), world) == [
        '> agent a@h message 2 "B" auth.yaml:2'
    ]


def test_a_message_by_hand_satisfies_a_declared_one_by_its_id() -> None:
    """Only the same `--id` makes them one."""
    world = a_world(agent("a", sent=[by_hand("focus")]))

    assert rows(wants(want("a", says=[said("look here", id_="focus")])), world) == []
    assert rows(wants(want("a", says=["look here"])), world) == [
        '> agent a@h message 1 "look here" auth.yaml:1'
    ]


def test_recording_names_every_message_that_is_taken_as_said() -> None:
    """One step, in the order of the file."""
    world = a_world(agent("a", sent=["Z"]))
    plan = planned(wants(want("a", says=["A", "B"])), world, messages="accept")
    record = plan.steps[0].action

    assert isinstance(record, RecordMessages)
    assert [message.text for message in record.messages] == ["A", "B"]


def test_a_long_message_is_shortened_to_one_line() -> None:
    """The plan shows how it begins."""
    text = "Implement JWT\n  authentication for this FastAPI app."

    assert rows(wants(want("a", says=[text])), a_world(agent("a"))) == [
        '> agent a@h message 1 "Implement JWT authenticat..." auth.yaml:1'
    ]
