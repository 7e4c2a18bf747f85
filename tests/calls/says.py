"""Short words for what Asterisk says, so that a test reads like the call it tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ari_bridge.asterisk import events as ari
from ari_bridge.asterisk.events import Bridge, Channel

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def channel(
    channel_id: str,
    name: str | None = None,
    state: str = "Up",
    *,
    caller: str | None = None,
    exten: str | None = None,
    app: str | None = None,
    born: float = 0.0,
) -> Channel:
    """`name` is `PJSIP/mango` or so, without the suffix; None: the id says it (`mango.1` → `PJSIP/mango-1`)."""
    endpoint = name or "PJSIP/" + channel_id.partition(".")[0]
    return Channel(
        id=channel_id,
        name=endpoint if ";" in endpoint else f"{endpoint}-{channel_id}",
        state=state,
        caller_number=caller,
        caller_name=None,
        connected_number=None,
        exten=exten,
        app_name=app,
        app_data=None,
        linkedid=None,
        created_at=NOON + timedelta(seconds=born),
    )


def seen(one: Channel) -> ari.ChannelSeen:
    return ari.ChannelSeen(one)


def gone(one: Channel, cause: int | None = 16) -> ari.ChannelGone:
    return ari.ChannelGone(one, cause)


def dials(caller: Channel | None, peer: Channel, status: str = "", dialstring: str = "") -> ari.Dialled:
    return ari.Dialled(caller, peer, status, dialstring)


def enters(bridge_id: str, one: Channel, *others: Channel) -> ari.BridgeEntered:
    """`others` are in the bridge already."""
    return ari.BridgeEntered(one, Bridge(bridge_id, (*(other.id for other in others), one.id)))


def leaves(bridge_id: str, one: Channel, *others: Channel) -> ari.BridgeLeft:
    """`others` stay."""
    return ari.BridgeLeft(one, Bridge(bridge_id, tuple(other.id for other in others)))


def merged(into: str, gone_id: str) -> ari.BridgesMerged:
    return ari.BridgesMerged(Bridge(into, ()), Bridge(gone_id, ()))


def hangs_up(one: Channel, *, soft: bool = False) -> ari.HangupRequested:
    return ari.HangupRequested(one, 16, soft)


def holds(one: Channel) -> ari.HoldChanged:
    return ari.HoldChanged(one, held=True)


def resumes(one: Channel) -> ari.HoldChanged:
    return ari.HoldChanged(one, held=False)


def snapshot(*channels: Channel, bridges: dict[str, tuple[Channel, ...]] | None = None) -> ari.Snapshot:
    return ari.Snapshot(
        channels, tuple(Bridge(name, tuple(one.id for one in inside)) for name, inside in (bridges or {}).items())
    )
