from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.asterisk import events as ari
from tests.asterisk.traces import NAMES, messages

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
MEMBERS = (
    *("channel", "bridge", "bridge_from", "peer", "caller", "args", "cause", "soft", "dialstatus", "dialstring"),
    *("id", "name", "state", "connected", "number", "dialplan", "exten", "app_name", "channels", "channelvars"),
    *("creationtime", "transferer_second_leg", "transferee", "destination_type"),
)


def first(trace: str, kind: str) -> dict[str, Any]:
    """A copy of the first message of that type in a trace."""
    found = next(message for message in messages(trace) if message["type"] == kind)
    copy: dict[str, Any] = json.loads(json.dumps(found))
    return copy


def parsed(trace: str, kind: str) -> Any:
    return ari.parse(first(trace, kind))


# Real messages


@pytest.mark.parametrize("name", NAMES)
def test_every_message_of_a_real_call_is_understood(name: str) -> None:
    for message in messages(name):
        if message["type"] != "notice":
            assert message["type"] in ari.NEEDED
            assert not isinstance(ari.parse(message), ari.Unknown), message


def test_a_channel_as_asterisk_describes_it() -> None:
    channel = parsed("passive_in", "ChannelCreated").channel
    assert channel.name.startswith("PJSIP/mango-")
    assert (channel.endpoint, channel.resource, channel.state) == ("PJSIP/mango", "mango", "Ring")
    assert (channel.caller_number, channel.caller_name, channel.connected_number) == ("79001234567", "Иван", None)
    assert (channel.exten, channel.app_name, channel.app_data) == ("74950011001", None, None)
    assert channel.created_at is not None
    assert channel.created_at.tzinfo is UTC
    assert channel.linkedid is None, "ari.conf has no channelvars"


def test_the_linkedid_is_taken_where_ari_conf_lists_it() -> None:
    message = first("passive_in", "ChannelCreated")
    message["channel"]["channelvars"] = {"CHANNEL(linkedid)": "1795406708.12"}
    assert ari.parse_channel(message["channel"]).linkedid == "1795406708.12"


def test_dialling() -> None:
    dialled = [ari.parse(m) for m in messages("passive_out") if m["type"] == "Dial"]
    assert [d.status for d in dialled if isinstance(d, ari.Dialled)] == ["", "RINGING", "ANSWER"]
    begun = dialled[0]
    assert isinstance(begun, ari.Dialled)
    assert begun.caller is not None
    assert (begun.caller.resource, begun.peer.resource) == ("1001", "mango")
    assert begun.dialstring == "89001234567@mango"
    assert begun.peer.app_name == "AppDial"


def test_a_dial_without_a_caller() -> None:
    message = first("passive_in", "Dial")
    del message["caller"]
    event = ari.parse(message)
    assert isinstance(event, ari.Dialled)
    assert event.caller is None


def test_bridges() -> None:
    entered = parsed("passive_in", "ChannelEnteredBridge")
    assert entered.channel.id in entered.bridge.channels
    left = parsed("passive_in", "ChannelLeftBridge")
    assert left.channel.id not in left.bridge.channels
    assert isinstance(parsed("passive_in", "BridgeDestroyed"), ari.BridgeGone)
    merged = parsed("transfer_attended", "BridgeMerged")
    told = first("transfer_attended", "BridgeMerged")
    assert (merged.bridge.id, merged.gone.id) == (told["bridge"]["id"], told["bridge_from"]["id"])
    assert merged.bridge.channels == tuple(told["bridge"]["channels"])
    assert merged.gone.channels == tuple(told["bridge_from"]["channels"])
    assert not set(merged.bridge.channels) & set(merged.gone.channels)


def test_ends() -> None:
    requests = [ari.parse(m) for m in messages("passive_in_busy") if m["type"] == "ChannelHangupRequest"]
    assert [r.soft for r in requests if isinstance(r, ari.HangupRequested)] == [False, True]
    gone = parsed("passive_in_busy", "ChannelDestroyed")
    assert gone.cause == 17


def test_holds() -> None:
    assert parsed("hold", "ChannelHold").held is True
    assert parsed("hold", "ChannelUnhold").held is False


def test_stasis() -> None:
    entered = parsed("stasis_in", "StasisStart")
    assert (entered.channel.app_name, entered.args) == ("Stasis", ())
    assert isinstance(parsed("stasis_in", "StasisEnd"), ari.StasisLeft)


def test_transfers_refresh_the_channel_that_transferred() -> None:
    assert parsed("transfer", "BridgeBlindTransfer").channel.resource == "1001"
    assert parsed("transfer_attended", "BridgeAttendedTransfer").channel.resource == "1001"


def test_another_connection_took_over() -> None:
    assert ari.parse({"type": "ApplicationReplaced"}) == ari.Replaced()


# Malformed ones


@pytest.mark.parametrize("message", [None, 5, "x", [], {}, {"type": 5}, {"type": None}])
def test_what_is_no_event_is_malformed(message: object) -> None:
    assert ari.parse(message) == ari.Unknown("", malformed=True)


def test_an_unknown_type_is_no_fault_and_its_name_is_kept_short() -> None:
    assert ari.parse({"type": "PlaybackStarted"}) == ari.Unknown("PlaybackStarted")
    assert ari.parse({"type": "x" * 1000}) == ari.Unknown("x" * 80)


@pytest.mark.parametrize("kind", [kind for kind in ari.NEEDED if kind != "ApplicationReplaced"])
@pytest.mark.parametrize("channel", [None, 5, {}, {"id": "1"}, {"id": "", "name": "a"}, {"id": 1, "name": "a"}])
def test_an_event_without_what_it_is_about_is_malformed(kind: str, channel: object) -> None:
    about = dict.fromkeys(("channel", "peer", "transferer_second_leg", "bridge", "bridge_from"), channel)
    if kind in ("BridgeDestroyed", "BridgeMerged") and channel == {"id": "1"}:
        assert not isinstance(ari.parse({"type": kind, **about}), ari.Unknown), "a bridge needs no name"
    else:
        assert ari.parse({"type": kind, **about}) == ari.Unknown(kind, malformed=True)


def test_a_list_leaves_out_what_it_cannot_read() -> None:
    good = first("passive_in", "ChannelCreated")["channel"]
    assert [c.id for c in ari.parse_channels([good, {"id": "x"}, 5])] == [good["id"]]
    assert ari.parse_channels({"message": "x"}) == ()
    assert [
        b.channels for b in ari.parse_bridges([{"id": "b", "channels": ["a", 5]}, {"id": "c", "channels": 7}, {}])
    ] == [
        ("a",),
        (),
    ]
    with pytest.raises(ValueError, match="without id or name"):
        ari.parse_channel({"id": "x"})


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T04:37:03.799+0000", datetime(2026, 11, 23, 4, 37, 3, 799_000, tzinfo=UTC)),
        ("2026-11-23T07:37:03.799+0300", datetime(2026, 11, 23, 4, 37, 3, 799_000, tzinfo=UTC)),
        ("yesterday", None),
        ("0001-01-01T00:00:00.000+2359", None),
        (5, None),
    ],
)
def test_times(text: object, moment: datetime | None) -> None:
    channel = {"id": "1", "name": "PJSIP/a-1", "creationtime": text}
    assert ari.parse_channel(channel).created_at == moment


@given(JSON)
def test_no_json_raises(message: object) -> None:
    ari.parse(message)
    ari.parse_channels(message)
    ari.parse_bridges(message)


@given(st.sampled_from(ari.NEEDED), st.dictionaries(st.sampled_from(MEMBERS), JSON))
def test_no_members_of_a_known_event_raise(kind: str, members: dict[str, Any]) -> None:
    assert ari.parse({**members, "type": kind}) is not None


@given(st.data())
def test_no_damage_to_a_real_message_raises(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    message: Any = json.loads(json.dumps(data.draw(st.sampled_from(messages(name)))))
    part = message
    while True:
        key = data.draw(st.sampled_from(sorted(part)))
        if not isinstance(part[key], dict) or not part[key] or data.draw(st.booleans()):
            break
        part = part[key]
    part[key] = data.draw(JSON)
    ari.parse(message)


def test_a_transfer_into_an_application_tells_who_took_whose_place() -> None:
    client = {"id": "1.1", "name": "PJSIP/mango-1"}
    line_two = {"id": "1.2", "name": "PJSIP/1001-2"}
    message = {"type": "BridgeAttendedTransfer", "transferee": client, "transferer_second_leg": line_two}
    event = ari.parse(message | {"destination_type": "application", "destination_application": "Dial"})
    assert isinstance(event, ari.TookOver)
    assert (event.channel.id, event.place.id) == ("1.1", "1.2")
    assert isinstance(ari.parse(message | {"destination_type": "bridge"}), ari.ChannelSeen)
    assert ari.parse(message | {"destination_type": "application", "transferer_second_leg": 5}) == ari.Unknown(
        "BridgeAttendedTransfer", malformed=True
    )
