from __future__ import annotations

import pytest

from ari_bridge.demo.pbx_apps import Applications
from ari_bridge.demo.pbx_model import AriFault

CHANNEL_TOPICS = ("channel:1.0", "endpoint:PJSIP/mango")


@pytest.fixture
def apps() -> Applications:
    apps = Applications()
    apps.register("a", "now", all_topics=False)
    return apps


def copies(apps: Applications, topics: tuple[str, ...], event_type: str = "ChannelCreated") -> int:
    return len(apps.route(topics, {"type": event_type}))


def test_nothing_is_told_without_a_subscription(apps: Applications) -> None:
    assert copies(apps, CHANNEL_TOPICS) == 0


@pytest.mark.parametrize(
    ("subscriptions", "expected"),
    [
        (["endpoint:PJSIP/mango"], 1),
        (["endpoint:PJSIP"], 1),
        (["endpoint:PJSIP/mango", "channel:1.0"], 2),  # as Asterisk does: once for each
        (["channel:1.0", "channel:1.0"], 1),
        (["channel:__AST_CHANNEL_ALL_TOPIC", "endpoint:PJSIP/mango"], 2),
        (["channel:__AST_CHANNEL_ALL_TOPIC", "channel:1.0"], 1),
        (["bridge:__AST_BRIDGE_ALL_TOPIC"], 0),
        (["endpoint:PJSIP/1001"], 0),
    ],
)
def test_a_channel_event_comes_once_per_matching_subscription(
    apps: Applications, subscriptions: list[str], expected: int
) -> None:
    for topic in subscriptions:
        apps.get("a").add(topic)
    assert copies(apps, CHANNEL_TOPICS) == expected


def test_subscribe_all_gets_each_event_once_but_no_endpoint_state(apps: Applications) -> None:
    apps.register("all", "now", all_topics=True)
    apps.get("all").add("channel:1.0")
    assert copies(apps, CHANNEL_TOPICS) == 1
    assert copies(apps, ("bridge:b",), "BridgeCreated") == 1
    assert copies(apps, ("endpoint:PJSIP/mango",), "EndpointStateChange") == 0


def test_a_subscription_taken_twice_must_be_dropped_twice(apps: Applications) -> None:
    app = apps.get("a")
    app.add("channel:1.0")
    app.add("channel:1.0")
    app.drop("channel:1.0")
    assert copies(apps, CHANNEL_TOPICS) == 1
    app.drop("channel:1.0")
    assert copies(apps, CHANNEL_TOPICS) == 0


def test_filters_keep_events_away(apps: Applications) -> None:
    apps.get("a").add("channel:1.0")
    apps.set_filter("a", {"disallowed": [{"type": "ChannelVarset"}]})
    assert copies(apps, CHANNEL_TOPICS, "ChannelVarset") == 0
    assert copies(apps, CHANNEL_TOPICS) == 1
    apps.set_filter("a", {"allowed": [{"type": "Dial"}]})
    assert copies(apps, CHANNEL_TOPICS) == 0
    assert copies(apps, CHANNEL_TOPICS, "Dial") == 1


def test_an_unknown_member_leaves_filters_alone_and_an_empty_body_clears_them(apps: Applications) -> None:
    apps.set_filter("a", {"allowed": [{"type": "Dial"}]})
    assert apps.set_filter("a", {"filter": {"allowed": []}}).allowed == [{"type": "Dial"}]
    assert apps.set_filter("a", {}).allowed == []


@pytest.mark.parametrize("rules", [{"disallowed": "x"}, {"allowed": [{"name": "Dial"}]}, {"allowed": ["Dial"]}])
def test_a_malformed_filter_is_refused_and_changes_nothing(apps: Applications, rules: object) -> None:
    with pytest.raises(AriFault) as refused:
        apps.set_filter("a", rules)
    assert refused.value.status == 400
    assert apps.get("a").disallowed == []


def test_a_second_connection_tells_the_first(apps: Applications) -> None:
    told = apps.register("a", "now", all_topics=False)
    assert [(delivery.app, delivery.event["type"]) for delivery in told] == [("a", "ApplicationReplaced")]


def test_an_application_with_subscriptions_outlives_its_connection(apps: Applications) -> None:
    apps.get("a").add("endpoint:PJSIP/mango")
    apps.deactivate("a")
    assert not apps.is_active("a")
    assert copies(apps, CHANNEL_TOPICS) == 0
    assert apps.register("a", "now", all_topics=False) == []
    assert copies(apps, CHANNEL_TOPICS) == 1


@pytest.mark.parametrize("topics", [(), ("channel:__AST_CHANNEL_ALL_TOPIC", "bridge:__AST_BRIDGE_ALL_TOPIC")])
def test_an_application_with_subscriptions_to_whole_kinds_at_most_is_forgotten(
    apps: Applications, topics: tuple[str, ...]
) -> None:
    for topic in topics:
        apps.get("a").add(topic)
    apps.deactivate("a")
    apps.deactivate("never known")
    with pytest.raises(AriFault, match="404"):
        apps.get("a")


def test_what_is_shown_of_an_application(apps: Applications) -> None:
    for topic in ("channel:1.0", "endpoint:PJSIP/mango", "deviceState:PJSIP/1001", "bridge:__AST_BRIDGE_ALL_TOPIC"):
        apps.get("a").add(topic)
    shown = apps.get("a").to_json()
    assert shown["channel_ids"] == ["1.0"]
    assert shown["endpoint_ids"] == ["PJSIP/mango"]
    assert shown["device_names"] == ["PJSIP/1001"]
    assert shown["bridge_ids"] == ["__AST_BRIDGE_ALL_TOPIC"]


def test_a_topic_that_is_no_more_is_forgotten(apps: Applications) -> None:
    apps.get("a").add("channel:1.0")
    apps.forget_topic("channel:1.0")
    assert apps.get("a").to_json()["channel_ids"] == []
