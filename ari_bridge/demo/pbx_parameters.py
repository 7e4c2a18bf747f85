"""An ARI request's parameters and its answer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ari_bridge.demo.pbx_model import AriFault

Answer = tuple[int, Any]
"""Status and JSON value; None for an empty body."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """A request's parameters; query and body members are one to Asterisk, so they are here."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any = None

    def __getitem__(self, name: str) -> str:
        """A parameter's text, empty where it is absent."""
        if name in self.path:
            return self.path[name]
        if name in self.query:
            return self.query[name]
        value = self.body.get(name) if isinstance(self.body, dict) else None
        return value if isinstance(value, str) else ""

    def many(self, name: str) -> list[str]:
        """A comma-separated list; `AriFault` 400 where it is absent."""
        if not self[name]:
            raise AriFault(400, f"Missing parameter {name}")
        return self[name].split(",")


Handler = Callable[[Parameters], Answer]
"""Carries a request out; raises `AriFault` where Asterisk refuses."""
