from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Set
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.asterisk import events as ari
from ari_bridge.calls.registry import MOST_NOTICED, CallRegistry, Change, Changed, Closed, Conversation, Opened
from ari_bridge.calls.world import MOST_GONE, World
from ari_bridge.events import Call, CallStatus, Direction
from tests.asterisk.traces import NAMES, messages
from tests.calls.says import (
    NOON,
    channel,
    dials,
    enters,
    gone,
    hangs_up,
    holds,
    leaves,
    merged,
    resumes,
    seen,
    snapshot,
)

MANGO = ("PJSIP/mango",)


@dataclass
class Story:
    """Tells a registry what happens, and keeps what it says to it. Checks what must hold of every sequence."""

    trunks: tuple[str, ...] = MANGO
    remembered: dict[str, Call] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    registry: CallRegistry = field(init=False)

    def __post_init__(self) -> None:
        numbers = itertools.count(1)
        self.registry = CallRegistry(self.trunks, lambda: f"call{next(numbers)}", self.remembered)

    def tell(self, *events: ari.TelephonyEvent) -> list[Change]:
        """What changed by these events."""
        new: list[Change] = []
        for event in events:
            new += self.registry.apply(event, NOON)
        self.changes += new
        self.check()
        return new

    def check(self) -> None:
        """Every call is opened once, closed once at most, and told of in between only."""
        alive: dict[str, Conversation] = {}
        for change in self.changes:
            call_id = change.conversation.call.id
            if isinstance(change, Opened):
                assert call_id not in alive
            else:
                assert call_id in alive, f"{change} of a call that is not open"
            alive[call_id] = change.conversation
            if isinstance(change, Closed):
                assert change.conversation.call.status is CallStatus.ENDED
                assert change.reason
                del alive[call_id]
        assert sorted(alive) == sorted(c.call.id for c in self.registry.conversations)

    @property
    def closed(self) -> list[Closed]:
        return [change for change in self.changes if isinstance(change, Closed)]

    @property
    def now(self) -> Conversation:
        """The only call there is."""
        [conversation] = self.registry.conversations
        return conversation

    def statuses(self, call_id: str = "call1") -> list[str]:
        """The call's statuses in order, repeats left out."""
        every = [c.conversation.call.status.value for c in self.changes if c.conversation.call.id == call_id]
        return [status for status, _ in itertools.groupby(every)]

    def left(self) -> dict[str, int]:
        """What registry and picture still keep, but for the ids of those that went last."""
        parts = {**vars(self.registry), **vars(self.registry.world)}
        kept = {name: value for name, value in parts.items() if hasattr(value, "__len__") and len(value)}
        return {name: len(value) for name, value in kept.items() if name not in ("_trunks", "_gone")}


# Real calls


def told_in(name: str) -> list[ari.TelephonyEvent]:
    """A trace's events, as the daemon gets them."""
    found: list[ari.TelephonyEvent] = []
    for message in messages(name):
        if message["type"] != "notice":
            event = ari.parse(message)
            assert not isinstance(event, ari.Unknown), message
            found.append(event)
        elif message["kind"] == "start":
            found.append(ari.Noticed(message["id"], message["caller"]))
    return found


WAYS = ("passive", "stasis", "notice")
TALKED = ["ringing", "answered", "ended"]
MISSED = ["ringing", "ended"]
PASSED_ON = ["ringing", "answered", "ringing", "answered", "ended"]
IN = Direction.INBOUND
OUT = Direction.OUTBOUND


@pytest.mark.parametrize("trunks", [MANGO, ()])
@pytest.mark.parametrize(
    ("trace", "direction", "operator", "statuses", "reason"),
    [
        *((f"{way}_in", IN, "1001", TALKED, "Клиент положил трубку") for way in WAYS),
        *((f"{way}_out", OUT, "1001", TALKED, "Оператор положил трубку") for way in ("passive", "stasis", "notice")),
        *(
            (f"{way}_in_busy", IN, None, ["ringing", "ended"], "Оператор занят")
            for way in ("passive", "stasis", "notice")
        ),
        *(
            (f"{way}_out_busy", OUT, "1001", ["ringing", "ended"], "Клиент занят")
            for way in ("passive", "stasis", "notice")
        ),
    ],
)
def test_a_real_call_in_each_way(
    *, trace: str, direction: Direction, operator: str | None, statuses: list[str], reason: str, trunks: tuple[str, ...]
) -> None:
    story = Story(trunks)
    story.tell(*told_in(trace))
    if trace.startswith("passive") and not trunks:
        assert story.changes == [], "nobody told of it, and no trunk is followed"
        return
    [closed] = story.closed
    call = closed.conversation.call
    assert (call.direction, call.operator, call.client_number) == (direction, operator, "+79001234567")
    assert (closed.reason, story.statuses()) == (reason, statuses)
    if direction is OUT:
        assert (call.caller, call.callee) == ("1001", "+79001234567")
    else:
        assert (call.caller, (call.callee or "")[:5]) == ("+79001234567", "+7495")
    assert story.left() == {}


@pytest.mark.parametrize(
    ("trace", "operators", "statuses", "reason"),
    [
        ("operator_ends", ["1001"], TALKED, "Оператор положил трубку"),
        ("gives_up", [], MISSED, "Клиент не дождался ответа"),
        ("next_operator", ["1002"], TALKED, "Клиент положил трубку"),
        ("ring_all", ["1002"], TALKED, "Клиент положил трубку"),
        ("local", ["1001"], TALKED, "Клиент положил трубку"),
        ("local_kept", ["1001"], TALKED, "Клиент положил трубку"),
        ("queue", ["1002"], TALKED, "Клиент положил трубку"),
        ("queue_local", ["1001"], TALKED, "Клиент положил трубку"),
        ("mobile", ["+79005554433"], TALKED, "Клиент положил трубку"),
        ("pickup", ["1002"], TALKED, "Клиент положил трубку"),
        ("hold", ["1001"], ["ringing", "answered", "held", "answered", "ended"], "Клиент положил трубку"),
        (
            "transfer",
            ["1001", "1002"],
            ["ringing", "answered", "ringing", "answered", "ended"],
            "Клиент положил трубку",
        ),
        ("transfer_outside", ["1001", "+79005554433"], PASSED_ON, "Клиент положил трубку"),
        (
            "transfer_attended",
            ["1001", "1002"],
            ["ringing", "answered", "held", "answered", "ended"],
            "Клиент положил трубку",
        ),
    ],
)
def test_every_shape_of_a_real_call_is_one_card(
    *, trace: str, operators: list[str], statuses: list[str], reason: str
) -> None:
    story = Story()
    story.tell(*told_in(trace))
    [closed] = story.closed
    assert (story.statuses(), closed.reason) == (statuses, reason)
    spoke = [c.conversation.call.operator for c in story.changes if c.conversation.operators]
    assert [operator for operator, _ in itertools.groupby(spoke)] == operators
    assert story.left() == {}


def test_an_internal_call_is_nobodys_business() -> None:
    story = Story()
    story.tell(*told_in("internal"))
    assert story.changes == []
    assert story.left() == {}


def test_after_an_attended_transfer_to_the_outside_the_older_card_stays() -> None:
    story = Story()
    story.tell(*told_in("transfer_attended_outside"))
    consultation, call = story.closed
    assert consultation.reason == "Переведён: разговор продолжается в другой карточке"
    assert consultation.conversation.call.client_number == "+79005554433"
    assert call.conversation.call.client_number == "+79001234567"
    assert story.statuses("call1") == ["ringing", "answered", "held", "answered", "ended"]
    assert [c.conversation.call.operator for c in story.changes if c.conversation.operators][-1] == "+79005554433"
    assert story.left() == {}


# Calls made by hand

CLIENT = channel("mango.1", state="Ring", caller="79001234567", exten="74950000001", born=0)
ANNA = channel("1001.2", born=1)
OLGA = channel("1002.3", born=2)
MOBILE = channel("mango.4", app="AppDial", born=3)


def answered(story: Story, client: ari.Channel = CLIENT, operator: ari.Channel = ANNA, bridge: str = "b") -> None:
    story.tell(seen(client), dials(client, operator, "", operator.resource), dials(client, operator, "ANSWER"))
    story.tell(enters(bridge, operator), enters(bridge, client, operator))


def test_a_blind_transfer_changes_the_operator_and_nothing_else() -> None:
    story = Story()
    answered(story)
    story.tell(leaves("b", CLIENT, ANNA), leaves("b", ANNA), gone(ANNA))
    assert (story.now.call.operator, story.now.operators) == ("1001", ()), "until somebody is rung"
    story.tell(dials(CLIENT, OLGA, "RINGING"))
    assert (story.now.call.status, story.now.call.operator) == (CallStatus.RINGING, None)
    assert (story.now.call.ringing, story.now.expected) == (("1002",), (OLGA.id,))
    story.tell(enters("c", OLGA), enters("c", CLIENT, OLGA))
    assert (story.now.call.status, story.now.call.operator) == (CallStatus.ANSWERED, "1002")
    assert story.now.call.answered_at == NOON
    assert story.closed == []


def test_a_transfer_of_an_outbound_call_goes_the_same_way() -> None:
    story = Story()
    client = channel("mango.9", state="Down", app="AppDial", born=2)
    story.tell(seen(ANNA), seen(client), dials(ANNA, client, "", "89001234567@mango"))
    assert (story.now.call.operator, story.now.expected) == ("1001", (ANNA.id,))
    story.tell(enters("b", client), enters("b", ANNA, client), leaves("b", ANNA, client), gone(ANNA))
    story.tell(dials(client, OLGA, "RINGING"), enters("c", OLGA), enters("c", client, OLGA))
    assert (story.now.call.operator, story.now.call.direction) == ("1002", OUT)
    assert (story.now.call.caller, story.now.call.callee) == ("1001", "+79001234567")


def test_an_attended_transfer_by_a_telephone_with_two_lines() -> None:
    """SIP REFER with Replaces: the operator's second channel is swapped for the client's."""
    story = Story()
    answered(story)
    line_two = channel("1001.5", born=4)
    story.tell(holds(ANNA), seen(line_two), dials(line_two, OLGA), enters("c", OLGA), enters("c", line_two, OLGA))
    assert story.now.call.status is CallStatus.HELD
    assert (story.now.operators, story.now.muted) == ((ANNA.id,), {ANNA.id})
    story.tell(leaves("b", CLIENT, ANNA), leaves("c", line_two, OLGA), enters("c", CLIENT, OLGA))
    story.tell(hangs_up(ANNA), leaves("b", ANNA), gone(ANNA), gone(line_two))
    assert (story.now.call.operator, story.now.call.status) == ("1002", CallStatus.ANSWERED)
    [closed] = story.tell(hangs_up(CLIENT), gone(CLIENT))
    assert isinstance(closed, Closed)
    assert closed.reason == "Клиент положил трубку", "the transferer hung up before, and the call went on"


def test_who_hung_up_is_forgotten_when_the_call_goes_on() -> None:
    story = Story()
    answered(story)
    story.tell(hangs_up(ANNA), leaves("b", CLIENT, ANNA), gone(ANNA), enters("c", OLGA), enters("c", CLIENT, OLGA))
    story.tell(hangs_up(CLIENT), hangs_up(OLGA), gone(CLIENT))
    assert story.closed[0].reason == "Клиент положил трубку"


def test_merged_bridges_bring_the_parties_together() -> None:
    story = Story()
    answered(story)
    line_two = channel("1001.5", born=4)
    story.tell(dials(line_two, OLGA), enters("c", OLGA), enters("c", line_two, OLGA))
    story.tell(merged("b", "c"), leaves("b", ANNA, CLIENT, OLGA), gone(ANNA), gone(line_two))
    assert (story.now.call.operator, story.now.operators) == ("1002", (OLGA.id,))


def test_forwarding_to_a_mobile_makes_no_second_call() -> None:
    story = Story()
    story.tell(seen(CLIENT), seen(replace(MOBILE, state="Down", app_name=None)), seen(replace(MOBILE, state="Ringing")))
    story.tell(dials(CLIENT, MOBILE, "RINGING", "89005554433@mango"))
    assert story.now.call.ringing == ("+79005554433",)
    story.tell(enters("b", MOBILE), enters("b", CLIENT, MOBILE))
    assert (story.now.call.operator, story.now.operators) == ("+79005554433", (MOBILE.id,))
    story.tell(hangs_up(MOBILE), leaves("b", MOBILE, CLIENT), gone(CLIENT), leaves("b", CLIENT), gone(MOBILE))
    assert [closed.reason for closed in story.closed] == ["Оператор положил трубку"]


@pytest.mark.parametrize("first", [CLIENT, MOBILE])
def test_a_forwarded_call_found_after_a_restart_has_the_right_client(first: ari.Channel) -> None:
    second = MOBILE if first is CLIENT else CLIENT
    up = replace(CLIENT, state="Up")
    story = Story()
    story.tell(snapshot(*(up if c is CLIENT else c for c in (first, second)), bridges={"b": (up, MOBILE)}))
    assert (story.now.client, story.now.operators) == (CLIENT.id, (MOBILE.id,))


def test_two_trunk_calls_brought_together_are_one_card_and_stay_one() -> None:
    story = Story()
    answered(story)
    other = channel("mango.7", state="Ring", caller="79110000000", born=5)
    line_two = channel("1001.8", born=6)
    answered(story, other, line_two, bridge="c")
    assert len(story.registry.conversations) == 2
    story.tell(merged("b", "c"), leaves("b", line_two, CLIENT, ANNA, other), gone(line_two))
    story.tell(seen(other), seen(CLIENT), leaves("b", ANNA, CLIENT, other), gone(ANNA))
    assert [closed.conversation.client for closed in story.closed] == [other.id]
    assert (story.now.client, story.now.operators) == (CLIENT.id, (other.id,))


def test_the_dialled_side_of_a_consultation_is_not_opened_again_after_the_merge() -> None:
    story = Story()
    answered(story)
    line_two = channel("1001.5", born=4)
    outside = channel("mango.6", app="AppDial", born=5)
    story.tell(seen(line_two), dials(line_two, outside, "", "89005554433@mango"))
    story.tell(enters("c", outside), enters("c", line_two, outside))
    assert len(story.registry.conversations) == 2
    story.tell(enters("c", CLIENT, line_two, outside), seen(outside), leaves("c", line_two, outside, CLIENT))
    assert [type(change) for change in story.changes].count(Opened) == 2
    assert (story.now.client, story.now.call.operator) == (CLIENT.id, "+79005554433")


def test_hold_from_either_side_mutes_the_holder() -> None:
    for holder, other in ((CLIENT, ANNA), (ANNA, CLIENT)):
        story = Story()
        answered(story)
        story.tell(holds(holder))
        assert (story.now.call.status, story.now.muted) == (CallStatus.HELD, {holder.id})
        story.tell(holds(other), resumes(holder))
        assert story.now.muted == {other.id}
        story.tell(resumes(other))
        assert (story.now.call.status, story.now.muted) == (CallStatus.ANSWERED, frozenset())


def test_ringing_in_a_queue_is_not_answered_though_asterisk_has_answered() -> None:
    story = Story()
    up = replace(CLIENT, state="Up")
    story.tell(seen(CLIENT), seen(up))
    for operator in (ANNA, OLGA):
        story.tell(dials(up, operator, "RINGING"))
    assert (story.now.call.status, story.now.call.answered_at) == (CallStatus.RINGING, None)
    assert story.now.call.ringing == ("1001", "1002")
    story.tell(dials(up, ANNA, "NOANSWER"), gone(ANNA, 26), dials(up, OLGA, "ANSWER"))
    story.tell(enters("b", OLGA), enters("b", up, OLGA))
    assert (story.now.call.status, story.now.call.operator) == (CallStatus.ANSWERED, "1002")


def test_an_operator_who_refuses_has_not_ended_the_call() -> None:
    story = Story()
    story.tell(
        seen(CLIENT), dials(CLIENT, ANNA, "RINGING"), hangs_up(ANNA), dials(CLIENT, ANNA, "BUSY"), gone(ANNA, 17)
    )
    story.tell(hangs_up(CLIENT, soft=True), gone(CLIENT, 17))
    assert story.closed[0].reason == "Оператор занят"


def test_how_the_dialling_of_a_client_failed_is_known() -> None:
    """What the provider answered comes as the status of the dialling; the cause may say nothing."""
    story = Story()
    client = channel("mango.2", born=2)
    story.tell(seen(ANNA), dials(ANNA, client, dialstring="89001234567@mango"), dials(ANNA, client, "CONGESTION"))
    story.tell(hangs_up(client), gone(client, 0))
    assert story.closed[0].reason == "Клиент недоступен"


def test_the_number_that_was_dialled_is_known_though_a_subroutine_tells_of_the_call() -> None:
    """In `Gosub(notice,start,1)` the channel's extension is `start`; what the client dialled came before."""
    for first in ("74951234567", "s"):
        story = Story(())
        created = channel("mango.1", exten=first)
        story.tell(seen(created), seen(replace(created, exten="74951234567")), seen(replace(created, exten="start")))
        story.tell(ari.Noticed(created.id, "79001234567"))
        assert story.now.call.callee == "+74951234567"


def test_who_rings_when_the_line_comes_up_is_known_by_whom_the_call_began_with() -> None:
    story = Story()
    rings = replace(channel("1001.2", state="Ringing", app="AppDial", born=1), linkedid=CLIENT.id)
    story.tell(snapshot(CLIENT, rings, replace(channel("1003.3", born=2), linkedid=CLIENT.id)))
    assert (story.now.call.ringing, story.now.expected) == (("1001",), (rings.id,))
    story.tell(enters("b", rings), enters("b", CLIENT, rings))
    assert (story.now.call.status, story.now.call.operator) == (CallStatus.ANSWERED, "1001")


def test_a_client_who_is_dialled_when_the_line_comes_up_has_his_card() -> None:
    client = channel("mango.2", state="Ringing", app="AppDial", caller="89001234567", born=1)
    story = Story()
    story.tell(snapshot(ANNA, replace(client, linkedid=ANNA.id)))
    assert (story.now.call.direction, story.now.call.operator, story.now.expected) == (OUT, "1001", (ANNA.id,))
    assert story.now.call.callee == story.now.call.client_number == "+79001234567"


def test_two_calls_of_one_operator_are_two_cards() -> None:
    story = Story()
    answered(story)
    other, line_two = channel("mango.7", state="Ring", born=5), channel("1001.8", born=6)
    answered(story, other, line_two, bridge="c")
    assert [c.call.operator for c in story.registry.conversations] == ["1001", "1001"]
    story.tell(gone(CLIENT))
    assert story.now.client == other.id


def test_two_trunks_and_a_call_from_one_to_the_other() -> None:
    story = Story(("PJSIP/mango", "pjsip/BEELINE"))
    out = channel("beeline.2", app="AppDial", born=1)
    story.tell(seen(CLIENT), dials(CLIENT, out, "", "89005554433@beeline"), enters("b", out), enters("b", CLIENT, out))
    assert (story.now.client, story.now.call.operator) == (CLIENT.id, "+79005554433")
    story.tell(seen(channel("beeline.3", state="Ring", born=7)))
    assert len(story.registry.conversations) == 2


def test_an_originated_call_belongs_to_whom_it_is_connected_with() -> None:
    """Click to call: Asterisk rings the client first, then the dialplan dials the operator."""
    story = Story()
    client = channel("mango.1", state="Ringing", app="AppDial2", caller="79001234567")
    story.tell(seen(client), dials(None, client, "", "89001234567@mango"))
    assert story.changes == []
    story.tell(dials(replace(client, state="Up"), ANNA, "ANSWER"), enters("b", ANNA), enters("b", client, ANNA))
    assert (story.now.call.direction, story.now.call.operator, story.now.call.callee) == (OUT, "1001", "+79001234567")


def test_an_outbound_call_found_after_a_restart() -> None:
    story = Story()
    client = channel("mango.9", app="AppDial", caller="89001234567", born=2)
    story.tell(snapshot(ANNA, client, bridges={"b": (ANNA, client)}))
    call = story.now.call
    assert (call.direction, call.operator, call.client_number) == (OUT, "1001", "+79001234567")
    assert call.status is CallStatus.ANSWERED


# Told by the dialplan


def test_without_trunks_only_what_the_dialplan_tells_of_is_followed() -> None:
    story = Story(())
    story.tell(seen(CLIENT), ari.Noticed(CLIENT.id, "89001112233"), seen(channel("mango.5", state="Ring")))
    assert story.now.client == CLIENT.id
    assert story.now.call.client_number == "+79001234567", "what Asterisk knows goes before what the notice says"


def test_the_notices_caller_helps_where_asterisk_knows_none() -> None:
    story = Story(())
    story.tell(seen(replace(CLIENT, caller_number=None)), ari.Noticed(CLIENT.id, "89001112233"))
    assert (story.now.call.client_number, story.now.call.caller) == ("+79001112233", "+79001112233")


def test_the_clients_number_may_come_later() -> None:
    story = Story()
    story.tell(seen(replace(CLIENT, caller_number=None)))
    assert (story.now.call.client_number, story.now.call.caller) == (None, None)
    story.tell(seen(CLIENT))
    assert (story.now.call.client_number, story.now.call.caller) == ("+79001234567", "+79001234567")


def test_a_notified_operator_whose_telephone_has_a_name_is_known_by_his_number() -> None:
    story = Story(())
    anna, client = channel("anna.1", caller="1001"), channel("beeline.2", born=1)
    story.tell(seen(anna), ari.Noticed(anna.id, "1001"))
    assert not story.registry.conversations
    story.tell(dials(anna, client, dialstring="89001234567@beeline"), enters("b", client), enters("b", anna, client))
    assert (story.now.client, story.now.call.direction, story.now.call.operator) == (client.id, OUT, "anna")


def test_a_notified_operator_is_an_operator_and_whom_he_dials_is_the_client() -> None:
    story = Story(())
    client, colleague = channel("mango.9", state="Down"), channel("1002.8", state="Down")
    story.tell(seen(ANNA), ari.Noticed(ANNA.id), dials(ANNA, colleague))
    assert story.changes == []
    story.tell(dials(ANNA, client, "", "89001234567@mango"))
    assert (story.now.client, story.now.call.operator, story.now.call.client_number) == (
        client.id,
        "1001",
        "+79001234567",
    )


def test_a_call_learnt_of_in_three_ways_is_one_call() -> None:
    story = Story()
    story.tell(ari.Noticed(CLIENT.id, "1"), seen(CLIENT), ari.StasisEntered(CLIENT, ()), ari.Noticed(CLIENT.id))
    assert [type(change) for change in story.changes] == [Opened]


def test_a_notice_of_a_channel_that_is_gone_is_not_kept() -> None:
    story = Story()
    story.tell(seen(CLIENT), gone(CLIENT), ari.Noticed(CLIENT.id, "1"), ari.StasisEntered(CLIENT, ()))
    assert story.left() == {}


def test_foreign_notices_do_not_pile_up() -> None:
    story = Story()
    for number in range(MOST_NOTICED + 5):
        story.registry.apply(ari.Noticed(f"nobody.{number}"), NOON)
    assert story.left() == {"_callers": MOST_NOTICED}


def test_a_notice_that_comes_before_its_channel_outlasts_nothing_but_a_list_without_it() -> None:
    story = Story(())
    story.tell(ari.Noticed(CLIENT.id), snapshot(CLIENT))
    assert story.now.client == CLIENT.id
    story.tell(snapshot())
    assert story.left() == {}


# After a restart


def remembered(**members: object) -> dict[str, Call]:
    call = Call("old", "+79001234567", "+79001234567", None, IN, NOON, operator="1001", client_channel=CLIENT.id)
    return {CLIENT.id: replace(call, **members)}  # type: ignore[arg-type]


def test_a_remembered_call_goes_on_under_its_id() -> None:
    story = Story(remembered=remembered(answered_at=NOON, status=CallStatus.ANSWERED))
    story.tell(snapshot(replace(CLIENT, state="Up"), ANNA, bridges={"b": (CLIENT, ANNA)}))
    assert (story.now.call.id, story.now.call.operator, story.now.call.answered_at) == ("old", "1001", NOON)


def test_a_remembered_call_that_still_rings_goes_on_too() -> None:
    story = Story(remembered=remembered(direction=OUT))
    story.tell(snapshot(replace(CLIENT, state="Ringing", app_name="AppDial"), ANNA))
    assert story.now.call.id == "old"


def test_what_the_first_list_does_not_show_is_remembered_no_more() -> None:
    story = Story(remembered=remembered())
    story.tell(snapshot(), seen(CLIENT))
    assert story.now.call.id == "call1"


# Whatever comes


def strange_orders() -> st.SearchStrategy[list[ari.TelephonyEvent]]:
    traces = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)

    def mixed(names: list[str]) -> st.SearchStrategy[list[ari.TelephonyEvent]]:
        every = [event for name in names for event in told_in(name)]
        return st.lists(st.sampled_from(every), max_size=60) | st.permutations(every)

    return traces.flatmap(mixed)


@given(strange_orders(), st.sampled_from([MANGO, (), ("PJSIP/1001",)]))
def test_loss_repeats_and_any_order_close_every_call_once(
    events: list[ari.TelephonyEvent], trunks: tuple[str, ...]
) -> None:
    story = Story(trunks)
    story.tell(*events)
    story.tell(snapshot())
    assert len(story.closed) == [type(change) for change in story.changes].count(Opened)
    assert story.left().keys() <= {"_callers"}, "a notice whose channel never came is kept a while"


class _AllConcerned(World):
    """A picture in which every event concerns everybody."""

    def apply(self, event: ari.TelephonyEvent) -> Set[str]:
        before = set(self.channels)
        return super().apply(event) | before | self.channels.keys()


@given(strange_orders())
def test_asking_the_concerned_calls_alone_changes_nothing(events: list[ari.TelephonyEvent]) -> None:
    sparing, thorough = Story(), Story()
    thorough.registry.world = _AllConcerned()
    for event in events:
        assert sparing.tell(event) == thorough.tell(event)


def calls_at_once(count: int, wave: str = "") -> Iterable[ari.TelephonyEvent]:
    """So many calls, all ringing before the first is answered, all answered before the first ends."""
    sides = [
        (channel(f"mango.{wave}{2 * n}", state="Ring", born=n), channel(f"1001.{wave}{2 * n + 1}", born=n))
        for n in range(count)
    ]
    for client, operator in sides:
        yield from (seen(client), seen(operator), dials(client, operator), dials(client, operator, "RINGING"))
    for n, (client, operator) in enumerate(sides):
        yield from (dials(client, operator, "ANSWER"), enters(f"b{n}", operator), enters(f"b{n}", client, operator))
    for n, (client, operator) in enumerate(sides):
        yield from (hangs_up(client), leaves(f"b{n}", client, operator), leaves(f"b{n}", operator), gone(operator))
        yield gone(client)


def test_what_an_event_costs_does_not_grow_with_the_number_of_calls() -> None:
    def seconds_per_call(count: int) -> float:
        story = Story()
        events = list(calls_at_once(count))
        started = time.process_time()
        for event in events:
            story.changes += story.registry.apply(event, NOON)
        spent = time.process_time() - started
        assert len(story.closed) == count
        return spent / count

    few = min(seconds_per_call(20) for _ in range(5))
    many = min(seconds_per_call(400) for _ in range(2))
    assert many < 4 * few


def test_thousands_of_calls_leave_nothing_behind() -> None:
    story = Story()
    closed = 0
    for wave in range(30):
        for event in calls_at_once(100, f"{wave}_"):
            closed += sum(isinstance(change, Closed) for change in story.registry.apply(event, NOON))
    assert closed == 3_000
    assert story.left() == {}
    assert len(vars(story.registry.world)["_gone"]) == MOST_GONE


def test_the_registry_knows_who_lives() -> None:
    story = Story()
    story.tell(seen(CLIENT))
    assert story.registry.knows(CLIENT.id)
    story.tell(gone(CLIENT))
    assert not story.registry.knows(CLIENT.id)


def test_a_change_is_told_only_where_something_changed() -> None:
    story = Story()
    answered(story)
    assert story.tell(seen(replace(CLIENT, state="Up")), seen(ANNA)) == []
    assert all(not isinstance(change, Changed) or change.conversation.call for change in story.changes)
