"""Faults that tests switch on: what becomes of the n-th request. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

FAULT_TEXTS = {
    401: "Authentication required",
    404: "Resource not found",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(slots=True)
class Fault:
    """Answer with `status` instead (None: leave the answer as it is), `delay_s` late; `carried_out`: done all the same.

    It strikes matching requests from the `nth` (1 is the next one) on, `times` of them; `path` is a glob over what
    follows `/ari`, such as `/channels/*/snoop/*`.
    """

    status: int | None = None
    delay_s: float = 0.0
    method: str = "*"
    path: str = "*"
    nth: int = 1
    times: int = 1
    carried_out: bool = False
    seen: int = 0

    def strikes(self, method: str, path: str) -> bool:
        """Count this request where it matches; whether the fault hits it."""
        if not (fnmatchcase(method, self.method) and fnmatchcase(path, self.path)):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


@dataclass(slots=True)
class Request:
    """A request that arrived; `status` is what it was answered with, 0 while it was not."""

    method: str
    path: str
    query: str
    status: int = 0


@dataclass(slots=True)
class FaultBoard:
    """All faults that are on, and the last 10,000 requests in order of arrival, for tests to read."""

    faults: list[Fault] = field(default_factory=list)
    requests: deque[Request] = field(default_factory=lambda: deque(maxlen=10_000))

    def add(self, fault: Fault) -> Callable[[], None]:
        """Switch a fault on; the result switches it off."""
        self.faults.append(fault)
        return lambda: self.faults.remove(fault) if fault in self.faults else None

    def clear(self) -> None:
        self.faults.clear()

    def meet(self, request: Request) -> Fault | None:
        """Note a request; the first fault that hits it. Every fault counts it."""
        self.requests.append(request)
        hits = [fault for fault in self.faults if fault.strikes(request.method, request.path)]
        return hits[0] if hits else None
