"""Publishes what happens on a PBX to the applications that want to know, as ARI events. Pure."""

from __future__ import annotations

from datetime import datetime

from ari_bridge.demo.pbx_apps import Applications, Delivery
from ari_bridge.demo.pbx_model import ASTERISK_ID, Bridge, Channel, Json, ari_time, read_variable


class Announcer:
    """Makes and routes events; they gather until the shell takes them. `channels` is the switchboard's own."""

    def __init__(self, channels: dict[str, Channel], now: datetime, channelvars: tuple[str, ...]) -> None:
        self.apps = Applications()
        self._channels = channels
        self._channelvars = channelvars
        self._now = now
        self._outbox: list[Delivery] = []
        self._devices: dict[str, str] = {}

    def at(self, now: datetime) -> None:
        """What happens next happens at `now`."""
        self._now = now

    def time(self) -> str:
        """The time of day as ARI writes it."""
        return ari_time(self._now)

    def epoch(self) -> int:
        """Whole seconds, as unique ids begin with them."""
        return int(self._now.timestamp())

    def take(self) -> list[Delivery]:
        """The events since the last time, in order."""
        taken, self._outbox = self._outbox, []
        return taken

    def describe(self, channel: Channel) -> Json:
        """A channel object, `channelvars` included."""
        shown = channel.to_json()
        if self._channelvars:
            shown["channelvars"] = {name: read_variable(channel, name) or "" for name in self._channelvars}
        return shown

    def describe_endpoint(self, name: str) -> Json:
        technology, _, resource = name.partition("/")
        held = [channel.id for channel in self._channels.values() if channel.endpoint == name]
        return {"technology": technology, "resource": resource, "state": "online", "channel_ids": held}

    def channel(self, channel: Channel, event_type: str, **members: object) -> None:
        """An event of a channel, on its own topic and its endpoint's."""
        self._publish(_topics(channel), event_type, {**members, "channel": self.describe(channel)})

    def bridge(self, bridge: Bridge, event_type: str, channel: Channel | None = None) -> None:
        members: Json = {"bridge": bridge.to_json()}
        if channel is not None:
            members["channel"] = self.describe(channel)
        self._publish((f"bridge:{bridge.id}",), event_type, members)

    def dial(self, peer: Channel, status: str, caller: Channel | None, dialstring: str) -> None:
        """A Dial event, on the caller's topics where there is a caller."""
        parties = {"caller": self.describe(caller)} if caller else {}
        members = {
            "dialstatus": status,
            "forward": "",
            "dialstring": dialstring,
            **parties,
            "peer": self.describe(peer),
        }
        self._publish(_topics(caller or peer), "Dial", members)

    def endpoint(self, channel: Channel) -> None:
        """The channel's endpoint has one channel more or less."""
        if channel.endpoint is not None:
            topics = (f"endpoint:{channel.endpoint}",)
            self._publish(topics, "EndpointStateChange", {"endpoint": self.describe_endpoint(channel.endpoint)})
            self.device(channel)

    def device(self, channel: Channel) -> None:
        """DeviceStateChanged where the channel's endpoint has another state than was told last."""
        device = channel.endpoint
        if device is None:
            return
        states = {one.state for one in self._channels.values() if one.endpoint == device} - {"Down"}
        state = "RINGING" if states == {"Ringing"} else "INUSE" if states else "NOT_INUSE"
        if self._devices.get(device, "NOT_INUSE") != state:
            self._devices[device] = state
            members = {"device_state": {"name": device, "state": state}}
            self._publish((f"deviceState:{device}",), "DeviceStateChanged", members)

    def tell(self, app: str, event_type: str, members: Json) -> None:
        """An event for one application alone."""
        self._outbox += self.apps.tell(app, self._stamped(event_type, members))

    def _publish(self, topics: tuple[str, ...], event_type: str, members: Json) -> None:
        self._outbox += self.apps.route(topics, self._stamped(event_type, members))

    def _stamped(self, event_type: str, members: Json) -> Json:
        return {"type": event_type, "timestamp": self.time(), **members, "asterisk_id": ASTERISK_ID}


def _topics(channel: Channel) -> tuple[str, ...]:
    own = (f"channel:{channel.id}",)
    return own if channel.endpoint is None else (*own, f"endpoint:{channel.endpoint}")
