"""Stasis applications and who of them is told of what. Pure.

A topic is what Asterisk publishes an event on: `channel:ID`, `bridge:ID`, `endpoint:TECH/RES`, `deviceState:NAME`.
Seen on Asterisk 22.10: a channel's events go to the channel's and to its endpoint's subscribers, so an application that
subscribed to both is told twice; with `subscribeAll` once; StasisStart and StasisEnd go to their own application only.
An empty id (`bridge:`) subscribes to all of that kind, `endpoint:PJSIP` to all endpoints of the technology.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ari_bridge.demo.pbx_model import ASTERISK_ID, AriFault, Json

EVERYTHING = {
    "channel": "__AST_CHANNEL_ALL_TOPIC",
    "bridge": "__AST_BRIDGE_ALL_TOPIC",
    "endpoint": "__AST_ENDPOINT_ALL_TOPIC",
    "deviceState": "__AST_DEVICE_STATE_ALL_TOPIC",
}
FILTERS = ("allowed", "disallowed")
UNTOLD_TO_ALL = {"EndpointStateChange"}
"""What `subscribeAll` does not carry although an endpoint subscription does."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one application, as it goes over the WebSocket but for the member `application`."""

    app: str
    event: Json


@dataclass(slots=True)
class Application:
    """One application. `interest` counts how often each topic was subscribed, implicitly or by request."""

    name: str
    all_topics: bool = False
    active: bool = True
    interest: Counter[str] = field(default_factory=Counter)
    allowed: list[Json] = field(default_factory=list)
    disallowed: list[Json] = field(default_factory=list)

    def add(self, topic: str) -> None:
        """Subscribe once more; nothing where all of the kind are subscribed to."""
        kind = topic.partition(":")[0]
        if not self.all_topics and (topic == _whole(kind) or _whole(kind) not in self.interest):
            self.interest[topic] += 1

    def drop(self, topic: str) -> None:
        self.interest[topic] -= 1
        if self.interest[topic] <= 0:
            del self.interest[topic]

    def wants(self, topics: Iterable[str], event_type: str) -> int:
        """How many copies of an event published on `topics` this application is sent."""
        if self._filtered(event_type):
            return 0
        if self.all_topics:
            return 0 if event_type in UNTOLD_TO_ALL else 1
        return sum(1 for topic in topics for source in _sources(topic) if source in self.interest)

    def _filtered(self, event_type: str) -> bool:
        if any(rule.get("type") == event_type for rule in self.disallowed):
            return True
        return bool(self.allowed) and not any(rule.get("type") == event_type for rule in self.allowed)

    def to_json(self) -> Json:
        def ids(kind: str) -> list[str]:
            if self.all_topics:
                return [EVERYTHING[kind]]
            return sorted(topic.partition(":")[2] for topic in self.interest if topic.startswith(kind + ":"))

        return {
            "name": self.name,
            "channel_ids": ids("channel"),
            "bridge_ids": ids("bridge"),
            "endpoint_ids": ids("endpoint"),
            "device_names": ids("deviceState"),
            "events_allowed": self.allowed,
            "events_disallowed": self.disallowed,
        }


class Applications:
    """All applications of one PBX."""

    __slots__ = ("_by_name",)

    def __init__(self) -> None:
        self._by_name: dict[str, Application] = {}

    def register(self, name: str, timestamp: str, *, all_topics: bool) -> list[Delivery]:
        """A WebSocket connects. Whoever served the application before is told ApplicationReplaced."""
        before = self._by_name.get(name)
        event = {"type": "ApplicationReplaced", "timestamp": timestamp, "asterisk_id": ASTERISK_ID}
        replaced = [Delivery(name, event)] if before is not None and before.active else []
        if before is None:
            before = self._by_name[name] = Application(name, all_topics)  # later on, `subscribeAll` changes nothing
        before.active = True
        return replaced

    def clear(self) -> None:
        self._by_name.clear()

    def deactivate(self, name: str) -> None:
        """Its WebSocket is gone, and its subscriptions to all of a kind; where no other is left, it is forgotten."""
        app = self._by_name.get(name)
        if app is None:
            return
        app.active = False
        for kind in EVERYTHING:
            app.interest.pop(_whole(kind), None)
        if not app.interest:
            del self._by_name[name]

    def is_active(self, name: str) -> bool:
        app = self._by_name.get(name)
        return app is not None and app.active

    def get(self, name: str) -> Application:
        if name not in self._by_name:
            raise AriFault(404, "Application not found")
        return self._by_name[name]

    def find(self, name: str | None) -> Application | None:
        return self._by_name.get(name) if name is not None else None

    def all(self) -> list[Application]:
        return [self._by_name[name] for name in sorted(self._by_name)]

    def forget_topic(self, topic: str) -> None:
        """The channel or bridge is no more."""
        for app in self._by_name.values():
            app.interest.pop(topic, None)

    def set_filter(self, name: str, rules: object) -> Application:
        """`{"allowed": [{"type": …}], "disallowed": […]}`: what is absent stays; an empty body clears both."""
        app = self.get(name)
        given = rules if isinstance(rules, dict) else {}
        if any(not _is_rule_list(given[key]) for key in FILTERS if key in given):
            raise AriFault(400, "Invalid format definition")
        if not given:
            app.allowed, app.disallowed = [], []
        app.allowed = given.get("allowed", app.allowed)
        app.disallowed = given.get("disallowed", app.disallowed)
        return app

    def route(self, topics: tuple[str, ...], event: Json) -> list[Delivery]:
        """Who is sent `event`, copies in order."""
        return [
            Delivery(app.name, event)
            for app in self._by_name.values()
            if app.active
            for _ in range(app.wants(topics, event["type"]))
        ]

    def tell(self, name: str, event: Json) -> list[Delivery]:
        """An event for one application alone (StasisStart, StasisEnd)."""
        return [Delivery(name, event)] if self.is_active(name) else []


def _is_rule_list(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(rule, dict) and isinstance(rule.get("type"), str) for rule in value
    )


def _sources(topic: str) -> Iterable[str]:
    """The subscriptions that a topic feeds."""
    kind, _, name = topic.partition(":")
    yield topic
    yield _whole(kind)
    if kind == "endpoint":
        yield f"{kind}:{name.partition('/')[0]}"


def _whole(kind: str) -> str:
    return f"{kind}:{EVERYTHING[kind]}"
