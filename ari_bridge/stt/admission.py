"""Who may have a stream: the account's places, its requests a minute, and a closed gate. Pure.

Order: legs that are ending (they have seconds), then clients before operators, then the oldest call first. A client
that waits takes the place of the operator who comes last in that order; nobody else loses a place. While the service
cannot be reached, or refuses for a reason that needs a person, the gate is closed: one leg at a time tries, all
others wait.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from ari_bridge.events import Leg
from ari_bridge.stt.backoff import Backoff
from ari_bridge.stt.timing import Timing

MAX_TRYING = 16  # connections made at the same time


class Wait(StrEnum):
    """Why a leg has no stream."""

    LIMIT = "limit"  # all places are taken
    RATE = "rate"  # too many requests in this minute
    GATE = "gate"  # the service is away or refuses us


@dataclass(slots=True, eq=False)
class Place:
    """One leg's wish for a stream; the admission alone writes to it."""

    leg: Leg
    started_at: float
    serial: int
    finishing: bool = False
    not_before: float = field(default=0.0, init=False)
    tried_at: float = field(default=float("-inf"), init=False)

    @property
    def order(self) -> tuple[bool, bool, float, int]:
        """Smaller comes first."""
        return not self.finishing, self.leg is not Leg.CLIENT, self.started_at, self.serial


@dataclass(frozen=True, slots=True)
class Decision:
    """`start`: may connect now. `evict`: must give up their stream. `waiting`: why each other leg waits.
    `wake_at`: ask again then, even if nothing happens (None: no need)."""

    start: tuple[Place, ...]
    evict: tuple[Place, ...]
    waiting: tuple[tuple[Place, Wait], ...]
    wake_at: float | None


class Admission:
    """Tell it what happened, ask it to `decide`. A place is waiting, trying (granted, not yet answered), or live."""

    def __init__(self, max_streams: int, requests_per_minute: int, timing: Timing, draw: Random) -> None:
        self._max = max_streams
        self._limit = max_streams  # learnt from the peer's refusals
        self._raise_at = 0.0
        self._per_minute = requests_per_minute
        self._timing = timing
        self._waiting: set[Place] = set()
        self._trying: set[Place] = set()
        self._live: set[Place] = set()
        self._evicted: set[Place] = set()
        self._requests: deque[float] = deque(maxlen=requests_per_minute)
        self._gate_until: float | None = None  # None: open; else when the next attempt may be made
        self._gate_wait = Backoff(timing.retry_first_s, timing.gate_max_s, draw)
        self._limit_wait = Backoff(timing.limit_probe_s, timing.limit_probe_max_s, draw, at_once=False)

    @property
    def live(self) -> int:
        """Legs whose stream was answered."""
        return len(self._live)

    @property
    def used(self) -> int:
        """Places that are taken."""
        return len(self._trying) + len(self._live) + len(self._evicted)

    @property
    def wanted(self) -> int:
        """Places that are taken or waited for."""
        return self.used + len(self._waiting)

    @property
    def gate_closed(self) -> bool:
        return self._gate_until is not None

    def allow(self, max_streams: int) -> None:
        """The account's limit has become known."""
        self._limit = max_streams if self._limit == self._max else min(self._limit, max_streams)
        self._max = max_streams

    def ask(self, place: Place, not_before: float) -> None:
        """The leg wants a stream, not before that time; it has none now."""
        self.leave(place)
        place.not_before = not_before
        self._waiting.add(place)

    def leave(self, place: Place) -> None:
        """The leg has no stream and wants none. A place given up may go to the next at once."""
        for group in (self._waiting, self._trying, self._live, self._evicted):
            group.discard(place)

    def hurry(self, place: Place, now: float) -> None:
        """The leg is ending: whatever it waits for by itself, it waits no longer."""
        place.finishing = True
        place.not_before = min(place.not_before, now)

    def accepted(self, place: Place) -> None:
        """The recogniser answered the leg's stream."""
        if place not in self._trying:
            return
        self._trying.remove(place)
        self._live.add(place)
        self._gate_until = None
        self._gate_wait.reset()
        if self._limit >= self._max:
            self._limit_wait.reset()

    def unreachable(self, now: float) -> None:
        """The attempt failed before any answer: the network or the service is away. Attempts that fail together count
        once."""
        if self._gate_until is None or now >= self._gate_until:
            self._gate_until = now + self._gate_wait.next_s()

    def stopped(self, place: Place, now: float, *, alone: bool) -> None:
        """Refused for a reason that needs a person. With `alone` (the fault may be this leg's own) and others live, the
        leg alone waits."""
        until = now + self._timing.stop_probe_s
        place.not_before = until
        if not (alone and self._live - {place}):
            self._gate_until = until

    def full(self, place: Place, now: float) -> None:
        """The peer has no place left: as many as are live now is the limit, until a later try shows more. Soniox says
        the same of too many requests a minute, and the same wait cures it."""
        self._limit = min(self._max, len(self._live - {place}))
        self._raise_at = now + self._limit_wait.next_s()

    def decide(self, now: float) -> Decision:
        """What may happen now. Those told to start count as trying from here on."""
        self._learn_more(now)
        start: list[Place] = []
        held: dict[Place, Wait] = {}
        for place in sorted(self._waiting, key=lambda place: place.order):
            if place.not_before > now:
                continue
            wait = self._obstacle(place, now)
            if wait is not None:
                held[place] = wait
            elif len(self._trying) < MAX_TRYING and self._may_request(now):
                self._grant(place, now)
                start.append(place)
        evict = self._evict(held)
        return Decision(tuple(start), evict, tuple(held.items()), self._wake_at(now, held))

    def _obstacle(self, place: Place, now: float) -> Wait | None:
        if self._gate_until is not None:
            probing = now >= self._gate_until and not self._trying and self._budget(now)
            return None if probing and place is self._next_probe(now) else Wait.GATE
        if self.used >= self._limit:
            return Wait.LIMIT
        return None if self._budget(now) else Wait.RATE

    def _next_probe(self, now: float) -> Place:
        """Who tries while the gate is closed: the one who has not for longest, so that one bad leg blocks nobody."""
        ready = [place for place in self._waiting if place.not_before <= now]
        return min(ready, key=lambda place: (place.tried_at, place.order))

    def _grant(self, place: Place, now: float) -> None:
        self._waiting.remove(place)
        self._trying.add(place)
        place.tried_at = now
        self._requests.append(now)

    def _evict(self, held: dict[Place, Wait]) -> tuple[Place, ...]:
        """One operator for each client that waits for a place and has none on its way."""
        clients = sum(wait is Wait.LIMIT and place.leg is Leg.CLIENT for place, wait in held.items())
        operators = [place for place in self._live if place.leg is not Leg.CLIENT and not place.finishing]
        operators.sort(key=lambda place: place.order, reverse=True)
        chosen = tuple(operators[: max(clients - len(self._evicted), 0)])
        self._live.difference_update(chosen)
        self._evicted.update(chosen)
        return chosen

    def _budget(self, now: float) -> bool:
        """Whether this minute has a request left."""
        return now >= self._next_budget()

    def _next_budget(self) -> float:
        """When the minute has a request again."""
        full = len(self._requests) == self._per_minute
        return self._requests[0] + self._timing.minute_s if full else 0.0

    def _may_request(self, now: float) -> bool:
        return not self._requests or now - self._requests[-1] >= self._timing.spacing_s

    def _learn_more(self, now: float) -> None:
        if self._limit < self._max and now >= self._raise_at:
            self._limit += 1
            self._raise_at = now + self._limit_wait.next_s()

    def _wake_at(self, now: float, held: dict[Place, Wait]) -> float | None:
        """The next moment at which `decide` could say something else by itself."""
        times = [place.not_before for place in self._waiting if place.not_before > now]
        waits = set(held.values())
        if self._waiting - held.keys() and self._requests:
            times.append(self._requests[-1] + self._timing.spacing_s)
        if Wait.GATE in waits and self._gate_until is not None:
            times.append(self._gate_until)
            times.append(self._next_budget())
        if Wait.LIMIT in waits:
            times.append(self._raise_at)
        if Wait.RATE in waits:
            times.append(self._next_budget())
        later = [moment for moment in times if moment > now]
        return min(later, default=None)
