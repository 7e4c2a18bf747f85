"""Prometheus metrics: the only file that imports prometheus_client.

Rooms count in plain dataclasses of their own and know nothing of this; `watch` reads them when Prometheus asks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

PREFIX = "ari_bridge"
LATENCY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)


class Metrics:
    """One registry of the daemon; `render` is the answer of `/metrics`."""

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)  # resident memory, CPU seconds, file descriptors

    def watch(self, room: str, counters: Callable[[], Any]) -> None:
        """Show every number of the dataclass that `counters` returns as `ari_bridge_{room}_{field}`.

        A field that ends in `_total` is a counter, any other a gauge; `metadata["help"]` explains it.
        """
        self._registry.register(_DataclassCollector(f"{PREFIX}_{room}", counters))

    def watch_labelled(self, name: str, help_text: str, label: str, values: Callable[[], Mapping[str, float]]) -> None:
        """`ari_bridge_{name}` with one label; a counter where the name ends in `_total`, else a gauge."""
        self._registry.register(_LabelledCollector(f"{PREFIX}_{name}", help_text, label, values))

    def latency(self, name: str, help_text: str) -> Callable[[float], None]:
        """A histogram `ari_bridge_{name}_seconds`; the function takes seconds."""
        full_name = f"{PREFIX}_{name.removesuffix('_seconds')}_seconds"
        histogram = Histogram(full_name, help_text, buckets=LATENCY_BUCKETS, registry=self._registry)
        return histogram.observe

    def render(self) -> bytes:
        return generate_latest(self._registry)


class _DataclassCollector(Collector):
    def __init__(self, prefix: str, counters: Callable[[], Any]) -> None:
        self._prefix = prefix
        self._counters = counters

    def collect(self) -> Iterable[Metric]:
        counters = self._counters()
        for item in dataclasses.fields(counters):
            value = getattr(counters, item.name)
            if not isinstance(value, int | float):
                continue
            family = _family(item.name)
            help_text = item.metadata.get("help", item.name.replace("_", " "))
            yield family(f"{self._prefix}_{item.name}", help_text, value=float(value))


class _LabelledCollector(Collector):
    def __init__(self, name: str, help_text: str, label: str, values: Callable[[], Mapping[str, float]]) -> None:
        self._name, self._help, self._label, self._values = name, help_text, label, values

    def collect(self) -> Iterable[Metric]:
        family = _family(self._name)(self._name, self._help, labels=[self._label])
        for label, value in self._values().items():
            family.add_metric([label], value)
        yield family


def _family(name: str) -> type[CounterMetricFamily] | type[GaugeMetricFamily]:
    return CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
