from __future__ import annotations

from dataclasses import dataclass, field

from ari_bridge.ops.metrics import Metrics


@dataclass
class Room:
    legs: int = field(default=2, metadata={"help": "Open legs"})
    packets_total: int = 5
    name: str = "not a number"


def test_a_rooms_figures_are_read_when_asked() -> None:
    metrics, room = Metrics(), Room()
    metrics.watch("media", lambda: room)
    room.packets_total = 7
    text = metrics.render().decode()
    assert (
        "# HELP ari_bridge_media_legs Open legs\n# TYPE ari_bridge_media_legs gauge\nari_bridge_media_legs 2.0" in text
    )
    assert "# TYPE ari_bridge_media_packets_total counter\nari_bridge_media_packets_total 7.0" in text
    assert "not a number" not in text


def test_labelled_gauges_and_latencies() -> None:
    metrics = Metrics()
    metrics.watch_labelled("calls", "Calls by status", "status", lambda: {"ringing": 1, "answered": 4})
    metrics.watch_labelled("unknown_total", "Unknown events", "type", lambda: {"Dial": 3})
    observe = metrics.latency("hint", "Speech to hint")
    metrics.latency("painted_seconds", "Card to screen")
    observe(0.3)
    text = metrics.render().decode()
    assert 'ari_bridge_calls{status="answered"} 4.0' in text
    assert 'ari_bridge_unknown_total{type="Dial"} 3.0' in text
    assert "# TYPE ari_bridge_painted_seconds histogram" in text
    assert 'ari_bridge_hint_seconds_bucket{le="0.5"} 1.0' in text
