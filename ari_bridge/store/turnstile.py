"""Who must wait until what he tells is written, and who behind him. Pure: tickets and `now` are arguments.

A passage with a ticket may leave once everything up to that ticket is durable; whatever of the same call comes after it
leaves after it. Passages of other calls pass by. Nobody waits longer than `hold_s`: then the caller lets all pass.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

Passage = TypeVar("Passage")


class Turnstile(Generic[Passage]):
    """Bound: what arrives within `hold_s`; it is emptied by `durable` or `open`."""

    def __init__(self, hold_s: float) -> None:
        self._hold_s = hold_s
        self._waiting: dict[str, deque[tuple[int | None, Passage]]] = {}
        self._tickets: deque[tuple[int, str, float]] = deque()  # in the order of tickets and of deadlines

    def enter(self, call_id: str, ticket: int | None, passage: Passage, now: float) -> bool:
        """True: it may pass at once and is not kept. Tickets only grow."""
        line = self._waiting.get(call_id)
        if ticket is None and line is None:
            return True
        if line is None:
            line = self._waiting[call_id] = deque()
        line.append((ticket, passage))
        if ticket is not None:
            self._tickets.append((ticket, call_id, now + self._hold_s))
        return False

    def durable(self, ticket: int) -> list[Passage]:
        """Everything up to `ticket` is written: who leaves, in order."""
        leaving: list[Passage] = []
        while self._tickets and self._tickets[0][0] <= ticket:
            _, call_id, _ = self._tickets.popleft()
            line = self._waiting[call_id]
            leaving.append(line.popleft()[1])
            while line and line[0][0] is None:
                leaving.append(line.popleft()[1])
            if not line:
                del self._waiting[call_id]
        return leaving

    def deadline(self) -> float | None:
        """When the first of those who wait has waited long enough."""
        return self._tickets[0][2] if self._tickets else None

    def open(self) -> list[Passage]:
        """Let all pass, written or not; each call's in order."""
        return self.durable(self._tickets[-1][0]) if self._tickets else []
