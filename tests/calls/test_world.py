from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from ari_bridge.asterisk import events as ari
from ari_bridge.calls.world import MOST_GONE, World
from tests.asterisk.traces import NAMES, messages
from tests.calls.says import (
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

CLIENT = channel("mango.1", state="Ring", born=0)
ANNA = channel("1001.2", born=1)
OLGA = channel("1002.3", born=2)


def world(*told: ari.TelephonyEvent) -> World:
    picture = World()
    for event in told:
        picture.apply(event)
    return picture


def everything(picture: World) -> dict[str, int]:
    """What a picture keeps, without the ids of those that went last."""
    parts = {name: value for name, value in vars(picture).items() if name != "_gone"}
    return {name: len(value) for name, value in parts.items() if len(value)}


# Channels


@pytest.mark.parametrize("technology", ["Snoop/1", "UnicastRTP/127.0.0.1:4000", "Recorder/ARI", "CBAnn/1", "Message/a"])
def test_helpers_are_no_parties(technology: str) -> None:
    helper = channel("x.1", technology)
    assert not world(seen(helper)).is_party(helper.id)


def test_half_a_local_channel_is_no_party_and_a_telephone_is() -> None:
    half = channel("l.1", "Local/1001@office-1;1")
    picture = world(seen(half), seen(ANNA))
    assert (picture.is_party(half.id), picture.is_party(ANNA.id), picture.is_party("unheard of")) == (
        False,
        True,
        False,
    )


def test_who_is_gone_stays_gone_whatever_comes_late() -> None:
    late = [
        leaves("b", CLIENT, ANNA),
        enters("b", CLIENT, ANNA),
        holds(CLIENT),
        hangs_up(CLIENT),
        seen(CLIENT),
        dials(ANNA, CLIENT, "BUSY"),
        dials(CLIENT, ANNA, "CANCEL"),
        merged("b", "c"),
    ]
    for event in late:
        picture = world(seen(CLIENT), seen(ANNA), gone(CLIENT), event)
        assert CLIENT.id not in picture.channels
        assert picture.is_gone(CLIENT.id)
        assert picture.connected(ANNA.id) == ()
        assert not picture.is_holding(CLIENT.id)
        picture.apply(gone(ANNA))
        picture.apply(ari.BridgeGone(ari.Bridge("b", ())))
        assert everything(picture) == {}


def test_the_list_of_the_gone_is_bounded() -> None:
    picture = World()
    for number in range(MOST_GONE + 10):
        picture.apply(gone(channel(f"mango.{number}")))
    assert not picture.is_gone("mango.9")
    assert picture.is_gone("mango.10")


# Bridges


def test_parties_in_one_bridge_hear_each_other_the_oldest_first() -> None:
    snoop = channel("s.9", "Snoop/1")
    picture = world(*map(seen, (OLGA, ANNA, CLIENT, snoop)), enters("b", CLIENT, OLGA, ANNA, snoop))
    assert picture.connected(CLIENT.id) == (ANNA.id, OLGA.id)
    assert picture.connected(OLGA.id) == (CLIENT.id, ANNA.id)


def test_local_channels_are_looked_through_however_many() -> None:
    one, two = (channel(f"l.{n}", f"Local/a@office-1;{n}") for n in (1, 2))
    three, four = (channel(f"m.{n}", f"Local/b@office-2;{n}") for n in (1, 2))
    picture = world(*map(seen, (CLIENT, ANNA, one, two, three, four)))
    picture.apply(enters("x", CLIENT, one))
    picture.apply(enters("y", two, three))
    assert picture.connected(CLIENT.id) == ()
    picture.apply(enters("z", four, ANNA))
    assert picture.connected(CLIENT.id) == (ANNA.id,)
    assert picture.connected(ANNA.id) == (CLIENT.id,)
    picture.apply(gone(two))
    assert picture.connected(CLIENT.id) == ()


def test_a_ring_of_local_channels_ends() -> None:
    one, two = (channel(f"l.{n}", f"Local/a@office-1;{n}") for n in (1, 2))
    picture = world(seen(one), seen(two), enters("x", one, two), dials(one, two), dials(two, one))
    assert picture.connected(one.id) == ()
    assert picture.dialled_by(one.id) is None
    assert picture.ringing_for(one.id) == ()


def test_merged_bridges_are_one() -> None:
    picture = world(enters("a", CLIENT), enters("b", ANNA), merged("a", "b"))
    assert picture.connected(CLIENT.id) == (ANNA.id,)
    picture.apply(leaves("b", ANNA))  # its late farewell to the bridge that is no more
    assert picture.connected(CLIENT.id) == (ANNA.id,)


def test_events_of_two_bridges_in_the_wrong_order_do_no_harm() -> None:
    picture = world(enters("a", CLIENT), enters("a", ANNA, CLIENT), enters("b", ANNA, OLGA), seen(OLGA))
    picture.apply(enters("a", channel("1003.4"), CLIENT, ANNA))  # said before Anna left, heard afterwards
    picture.apply(leaves("a", ANNA, CLIENT))
    assert picture.connected(ANNA.id) == (OLGA.id,)


def test_a_bridge_that_is_destroyed_parts_its_channels() -> None:
    picture = world(enters("a", CLIENT), enters("a", ANNA, CLIENT), ari.BridgeGone(ari.Bridge("a", ())))
    assert picture.connected(CLIENT.id) == ()


def test_a_masquerade_renames_without_confusing_who_is_who() -> None:
    """Two channels swap names; the news of one comes before that of the other (`ast_channel_masquerade`)."""
    one, two = (channel(f"l.{n}", f"Local/a@office-1;{n}") for n in (1, 2))
    taker = channel("t.3", "Local/a@office-1;1")
    picture = world(seen(one), seen(two), seen(taker), seen(channel(one.id, "Local/a@office-1;1<ZOMBIE>")))
    picture.apply(enters("x", CLIENT, taker))
    picture.apply(enters("y", ANNA, two))
    assert picture.connected(CLIENT.id) == (ANNA.id,)


# Dialling


def test_who_rings_for_whom() -> None:
    picture = world(
        seen(CLIENT), dials(CLIENT, OLGA), dials(CLIENT, ANNA, "RINGING"), dials(CLIENT, channel("1003.4"), "BUSY")
    )
    assert picture.ringing_for(CLIENT.id) == (ANNA.id, OLGA.id)
    assert picture.dialled_by(ANNA.id) == CLIENT.id
    assert picture.failed_for(CLIENT.id) == "BUSY"


def test_dialling_is_looked_through_local_channels() -> None:
    one, two = (channel(f"l.{n}", f"Local/1001@office-1;{n}", "Ring") for n in (1, 2))
    picture = world(seen(CLIENT), seen(one), seen(two), dials(CLIENT, one), dials(two, ANNA, "RINGING", "1001"))
    assert picture.ringing_for(CLIENT.id) == (ANNA.id,)
    assert picture.dialled_by(ANNA.id) == CLIENT.id
    assert picture.dialstring(ANNA.id) == "1001"
    picture.apply(dials(two, ANNA, "BUSY"))
    assert picture.failed_for(CLIENT.id) == "BUSY"


def test_an_originated_local_channel_dials_for_whom_it_has_been_connected_with() -> None:
    """A CRM's click: Asterisk calls `Local/1001@office`, and its other half dials the client."""
    one, two = (channel(f"l.{n}", f"Local/1001@office-1;{n}") for n in (1, 2))
    client = channel("mango.9", state="Ringing", born=3)
    picture = world(seen(one), seen(two), dials(two, ANNA), enters("b", ANNA), enters("b", two, ANNA))
    picture.apply(dials(one, client, "RINGING", "89001234567@mango"))
    assert picture.dialled_by(client.id) == ANNA.id


def test_the_failure_of_a_party_that_is_gone_already_is_noted() -> None:
    picture = world(seen(CLIENT), dials(CLIENT, ANNA, "RINGING"), gone(ANNA), dials(CLIENT, ANNA, "BUSY"))
    assert picture.failed_for(CLIENT.id) == "BUSY"
    assert picture.ringing_for(CLIENT.id) == ()


def test_who_has_been_connected_rings_no_more() -> None:
    picture = world(dials(CLIENT, ANNA, "ANSWER"), enters("a", ANNA))
    assert picture.ringing_for(CLIENT.id) == (ANNA.id,)
    picture.apply(enters("a", CLIENT, ANNA))
    assert picture.ringing_for(CLIENT.id) == ()


@pytest.mark.parametrize(
    ("one", "called"),
    [
        (channel("a.1", state="Ring"), False),
        (channel("a.1", state="Up"), False),
        (channel("a.1", state="Down"), True),
        (channel("a.1", state="Ringing"), True),
        (channel("a.1", state="Up", app="AppDial"), True),
        (channel("a.1", state="Up", app="AppQueue"), True),
    ],
)
def test_whether_asterisk_called_shows_in_the_channel_itself(one: ari.Channel, called: bool) -> None:
    assert world(seen(one)).is_called(one.id) is called


def test_whether_asterisk_called_is_known_from_the_dialling() -> None:
    assert world(dials(None, ANNA)).is_called(ANNA.id)
    assert world(dials(None, ANNA)).dialled_by(ANNA.id) is None
    assert not world().is_called(ANNA.id)
    assert world().dialstring(ANNA.id) == ""


# Holds


def test_a_hold_lasts_until_it_is_taken_back() -> None:
    picture = world(enters("a", CLIENT), enters("a", ANNA, CLIENT), holds(ANNA))
    assert picture.is_holding(ANNA.id)
    picture.apply(leaves("a", ANNA, CLIENT))
    assert picture.is_holding(ANNA.id), "who asks a colleague before a transfer still holds the client"
    picture.apply(enters("a", ANNA, CLIENT))
    picture.apply(resumes(ANNA))
    assert not picture.is_holding(ANNA.id)


def test_who_holds_one_and_enters_another_bridge_speaks_there() -> None:
    picture = world(enters("a", CLIENT), enters("a", ANNA, CLIENT), holds(ANNA), enters("b", ANNA, OLGA))
    assert not picture.is_holding(ANNA.id)


def test_a_hold_of_unknown_place_outlasts_the_news_of_the_bridge() -> None:
    assert world(holds(ANNA), enters("a", ANNA)).is_holding(ANNA.id)


# Snapshots


def test_a_snapshot_replaces_everything() -> None:
    picture = world(enters("a", CLIENT), enters("a", ANNA, CLIENT), holds(ANNA), dials(CLIENT, ANNA))
    picture.apply(snapshot(CLIENT, OLGA, bridges={"c": (CLIENT, OLGA, ANNA)}))
    assert set(picture.channels) == {CLIENT.id, OLGA.id}
    assert picture.connected(CLIENT.id) == (OLGA.id,)
    assert not picture.is_holding(ANNA.id)
    picture.apply(snapshot())
    assert everything(picture) == {}


def test_after_a_snapshot_the_list_is_right_about_who_lives() -> None:
    picture = world(seen(ANNA), gone(ANNA), snapshot(ANNA))
    assert ANNA.id in picture.channels


# Who is concerned


def test_an_event_concerns_the_relatives_and_nobody_else() -> None:
    far, near = channel("mango.7"), channel("1007.8")
    picture = world(dials(CLIENT, ANNA), enters("x", far), enters("x", near, far), seen(OLGA))
    assert picture.apply(seen(ANNA)) == {ANNA.id, CLIENT.id}
    assert picture.apply(seen(far)) == {far.id, near.id}
    assert picture.apply(enters("x", ANNA, far, near)) == {ANNA.id, CLIENT.id, far.id, near.id}
    assert picture.apply(leaves("x", ANNA, far, near)) == {ANNA.id, CLIENT.id, far.id, near.id}
    assert picture.apply(gone(far)) == {far.id, near.id}
    assert picture.apply(ari.BridgeGone(ari.Bridge("x", ()))) == {near.id}
    assert picture.apply(ari.Noticed("new")) == {"new"}
    assert picture.apply(ari.Replaced()) == set()
    assert picture.apply(snapshot(CLIENT)) == {CLIENT.id, ANNA.id, near.id, OLGA.id}


# Real calls


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_left_of_a_real_call(name: str) -> None:
    picture = World()
    for message in messages(name):
        if message["type"] != "notice":
            event = ari.parse(message)
            assert not isinstance(event, ari.Unknown), event
            picture.apply(event)
    assert everything(picture) == {}


def topic_of(message: dict[str, Any]) -> str:
    """Whose events these are: within a topic Asterisk keeps their order, between two it does not."""
    subjects = (message.get(kind) for kind in ("bridge", "caller", "channel", "peer", "transferer_first_leg"))
    return str(next(filter(None, subjects))["id"])


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_left_in_whatever_order_events_of_different_topics_come(name: str) -> None:
    for seed in range(20):
        topics: dict[str, list[ari.TelephonyEvent]] = {}
        for message in messages(name):
            if message["type"] != "notice":
                event = ari.parse(message)
                assert not isinstance(event, ari.Unknown)
                topics.setdefault(topic_of(message), []).append(event)
        draw = random.Random(f"{name}{seed}")
        picture = World()
        while topics:
            topic = draw.choice(sorted(topics))
            picture.apply(topics[topic].pop(0))
            if not topics[topic]:
                del topics[topic]
        assert everything(picture) == {}, f"seed {seed}"


def test_who_is_moved_into_a_dial_is_for_whom_it_rings() -> None:
    """The same without a Local channel, as Asterisk 22 does it: an event of the transfer is all there is."""
    line_two = channel("1001.5", born=4)
    picture = world(seen(CLIENT), enters("a", ANNA), enters("a", CLIENT, ANNA), seen(line_two))
    picture.apply(dials(line_two, OLGA, "RINGING", "1002"))
    concerned = picture.apply(ari.TookOver(CLIENT, line_two))
    assert concerned >= {CLIENT.id, OLGA.id}
    for event in (leaves("a", CLIENT, ANNA), leaves("a", ANNA), gone(ANNA), gone(line_two)):
        picture.apply(event)
    assert (picture.ringing_for(CLIENT.id), picture.dialled_by(OLGA.id)) == ((OLGA.id,), CLIENT.id)
    assert picture.dialstring(OLGA.id) == "1002"


def test_who_is_rung_behind_a_local_channel_in_the_clients_bridge_rings_for_him() -> None:
    """A transfer while the colleague's telephone rings: the dialling channel becomes the other half of a Local one."""
    line_two = channel("1001.5", born=4)
    one, two = (channel(f"l.{n}", f"Local/1002@office-1;{n}") for n in (1, 2))
    picture = world(seen(CLIENT), seen(line_two), dials(line_two, OLGA, "RINGING"), seen(one), seen(two))
    for event in (enters("b", CLIENT), enters("b", one, CLIENT), gone(replace(two, name=f"{line_two.name}<ZOMBIE>"))):
        picture.apply(event)
    renamed = replace(line_two, name=two.name)  # Asterisk has not said so
    assert picture.ringing_for(CLIENT.id) == (OLGA.id,)
    assert picture.connected(CLIENT.id) == ()
    picture.apply(enters("c", OLGA))
    picture.apply(enters("c", renamed, OLGA))
    assert (picture.ringing_for(CLIENT.id), picture.connected(CLIENT.id)) == ((), (OLGA.id,))
