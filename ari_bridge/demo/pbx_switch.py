"""The switchboard: every change of channels and bridges, with the events that Asterisk 22 publishes for it. Pure.

Events gather in `news` until the shell takes them after each change. The order of events follows traces of
real calls. What ARI requests lead to raises `AriFault` where Asterisk refuses.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime

from ari_bridge.demo.pbx_announcer import Announcer
from ari_bridge.demo.pbx_model import (
    CAUSES,
    AriFault,
    Bridge,
    CallerId,
    Channel,
    Dialplan,
    Json,
    Speech,
)

SOFT_HANGUP = 32
"""The cause of a ChannelHangupRequest that ARI asked for."""
OUTGOING_LINE = "(Outgoing Line)"


class Switchboard:
    """All channels and bridges of one PBX. `endpoints` are names such as `PJSIP/1001`.

    `channelvars` are shown in every channel object, as ari.conf's option of that name does. `tick` counts 20 ms blocks
    of audio; the shell moves it, and the time of day of `news`, on before each change.
    """

    def __init__(self, endpoints: Iterable[str], now: datetime, channelvars: tuple[str, ...] = ()) -> None:
        self.endpoints = tuple(endpoints)
        self.channels: dict[str, Channel] = {}
        self.bridges: dict[str, Bridge] = {}
        self.news = Announcer(self.channels, now, channelvars)
        self.apps = self.news.apps
        self.started_at = self.news.time()
        self.tick = 0
        self._unique = itertools.count()
        self._lines = itertools.count()
        self._snoops = itertools.count()

    def reset(self) -> None:
        """As after a restart: no channel, no bridge, no application, and nobody is told."""
        self.channels.clear()
        self.bridges.clear()
        self.apps.clear()
        self.news.take()
        self.started_at = self.news.time()

    # ---- reading

    def channel(self, channel_id: str, missing: str = "Channel not found") -> Channel:
        if channel_id not in self.channels:
            raise AriFault(404, missing)
        return self.channels[channel_id]

    def bridge(self, bridge_id: str) -> Bridge:
        if bridge_id not in self.bridges:
            raise AriFault(404, "Bridge not found")
        return self.bridges[bridge_id]

    def heard_by(self, channel: Channel) -> Iterator[Channel]:
        """The other channels of its bridge."""
        bridge = self.bridges.get(channel.bridge_id or "")
        for other in bridge.channels if bridge else ():
            if other != channel.id:
                yield self.channels[other]

    # ---- channels of telephones and trunks

    def line(self, endpoint: str, state: str, dialplan: Dialplan, caller: CallerId, linkedid: str | None) -> Channel:
        """A new channel of an endpoint. `linkedid` is None for the first channel of a call."""
        channel_id = self.unique_id()
        channel = Channel(
            id=channel_id,
            name=f"{endpoint}-{next(self._lines):08x}",
            state=state,
            created_at=self.news.time(),
            dialplan=dialplan,
            linkedid=linkedid or channel_id,
            endpoint=endpoint,
            caller=caller,
        )
        self._add(channel)
        channel.protocol_id = str(uuid.uuid5(uuid.NAMESPACE_OID, channel.name))
        return channel

    def inner_channel(self, channel_id: str, name: str, state: str, dialplan: Dialplan) -> Channel:
        """A new channel that belongs to no endpoint: a snoop or external media."""
        channel = Channel(channel_id, name, state, self.news.time(), dialplan, linkedid=channel_id)
        self._add(channel)
        return channel

    def next_snoop(self) -> int:
        return next(self._snoops)

    def _add(self, channel: Channel) -> None:
        """ChannelCreated, and the endpoint's new list of channels before it."""
        self.channels[channel.id] = channel
        self.news.endpoint(channel)
        self.news.channel(channel, "ChannelCreated")

    def set_state(self, channel: Channel, state: str) -> None:
        if channel.state != state:
            channel.state = state
            self.news.channel(channel, "ChannelStateChange")
            self.news.device(channel)

    def set_variable(self, channel: Channel, name: str, value: str) -> None:
        channel.variables[name] = value
        self.news.channel(channel, "ChannelVarset", variable=name, value=value)

    def run_app(self, channel: Channel, app_name: str, app_data: str) -> None:
        """The dialplan reaches an application."""
        channel.dialplan.app_name, channel.dialplan.app_data = app_name, app_data
        self.news.channel(channel, "ChannelDialplan", dialplan_app=app_name, dialplan_app_data=app_data)

    def dial(self, peer: Channel, status: str, caller: Channel | None, dialstring: str = "") -> None:
        """A Dial event: on the caller's topic where there is a caller."""
        self.news.dial(peer, status, caller, dialstring)

    def speak(self, channel: Channel, audio: bytes | None) -> None:
        """From the next tick on its telephone sends `audio`, then silence."""
        channel.speech = Speech(audio, self.tick + 1)

    def hangup_requested(self, channel: Channel, cause: int, *, soft: bool, tech_cause: int | None = None) -> None:
        members: Json = {"cause": cause} | ({"soft": True} if soft else {})
        self.news.channel(channel, "ChannelHangupRequest", **members | _tech(tech_cause))

    def destroy(self, channel: Channel, cause: int, tech_cause: int | None = None) -> None:
        """The end of a channel: out of its bridge and of Stasis, its snoops with it."""
        snoops = [other for other in self.channels.values() if other.spy and other.spy.tapped == channel.id]
        for one in (*snoops, channel):
            self.leave_bridge(one)
            self.leave_stasis(one)
        for one, own_cause in ((channel, cause), *((snoop, 16) for snoop in snoops)):
            del self.channels[one.id]
            members = {"cause": own_cause, "cause_txt": CAUSES.get(own_cause, "Unknown")}
            self.news.channel(one, "ChannelDestroyed", **members | _tech(tech_cause))
            self.news.endpoint(one)
            self.apps.forget_topic(f"channel:{one.id}")

    # ---- Stasis

    def enter_stasis(self, channel: Channel, app: str, args: tuple[str, ...]) -> bool:
        """StasisStart; False (and STASISSTATUS=FAILED) where no such application is connected."""
        app_data = ",".join((app, *args))
        if channel.target is None:  # external media is put into Stasis without a step of the dialplan
            self.run_app(channel, "Stasis", app_data)
        self.set_variable(channel, "STASISSTATUS", "")
        if not self.apps.is_active(app):
            self.set_variable(channel, "STASISSTATUS", "FAILED")
            return False
        channel.dialplan.app_name, channel.dialplan.app_data = "Stasis", app_data
        channel.stasis = app
        self.apps.get(app).add(f"channel:{channel.id}")
        self.news.tell(app, "StasisStart", {"args": list(args), "channel": self.news.describe(channel)})
        return True

    def leave_stasis(self, channel: Channel) -> None:
        """StasisEnd, and the application's implicit subscription ends. Nothing where it is in none."""
        name, channel.stasis = channel.stasis, None
        app = self.apps.find(name)
        if name is None:
            return
        self.news.tell(name, "StasisEnd", {"channel": self.news.describe(channel)})
        if app is not None:
            app.drop(f"channel:{channel.id}")
        if channel.endpoint is None:
            media = channel.target is not None
            channel.dialplan.app_name, channel.dialplan.app_data = ("AppDial2", OUTGOING_LINE) if media else ("", "")
        self.set_variable(channel, "STASISSTATUS", "SUCCESS")

    # ---- bridges

    def create_bridge(self, kind: str, bridge_id: str | None = None, name: str = "") -> Bridge:
        bridge_id = bridge_id or str(uuid.uuid5(uuid.NAMESPACE_OID, f"bridge {self.unique_id()}"))
        if bridge_id in self.bridges:
            raise AriFault(409, f"Bridge with id '{bridge_id}' already exists")
        bridge = self.bridges[bridge_id] = Bridge(bridge_id, kind, self.news.time(), name)
        self.news.bridge(bridge, "BridgeCreated")
        return bridge

    def enter_bridge(self, bridge: Bridge, channel: Channel) -> None:
        """ChannelEnteredBridge. The channel's application follows the bridge; all in it share the oldest linkedid."""
        self.leave_bridge(channel)
        app = self.apps.find(channel.stasis)
        if app is not None and f"bridge:{bridge.id}" not in app.interest:
            app.add(f"bridge:{bridge.id}")
        bridge.channels.append(channel.id)
        channel.bridge_id = bridge.id
        together = [one for one in self.channels.values() if one.bridge_id == bridge.id]
        for one in together:
            one.linkedid = together[0].linkedid
        self.news.bridge(bridge, "ChannelEnteredBridge", channel)
        for other in self.heard_by(channel):
            self.set_variable(channel, "BRIDGEPEER", other.name)
            self.set_variable(other, "BRIDGEPEER", channel.name)

    def leave_bridge(self, channel: Channel) -> None:
        bridge = self.bridges.get(channel.bridge_id or "")
        if bridge is None:
            return
        bridge.channels.remove(channel.id)
        channel.bridge_id = None
        self.news.bridge(bridge, "ChannelLeftBridge", channel)

    def destroy_bridge(self, bridge: Bridge) -> None:
        for channel_id in tuple(bridge.channels):
            self.leave_bridge(self.channels[channel_id])
        del self.bridges[bridge.id]
        self.news.bridge(bridge, "BridgeDestroyed")
        self.apps.forget_topic(f"bridge:{bridge.id}")

    def unique_id(self) -> str:
        return f"{self.news.epoch()}.{next(self._unique)}"


def _tech(tech_cause: int | None) -> Json:
    return {} if tech_cause is None else {"tech_cause": tech_cause}
