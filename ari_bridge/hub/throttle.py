"""How often somebody may try a password. Pure: `now` (monotonic seconds) is an argument.

A leaky bucket per account and one per address: every try fills both, a right password empties its own share again. An
address from which an account has signed in has a bucket of its own, so that a stranger cannot lock its owner out.
"""

from __future__ import annotations

from dataclasses import dataclass

ACCOUNT_TRIES = 8
ACCOUNT_LEAK_S = 30.0
ADDRESS_TRIES = 40  # a whole office behind one address
ADDRESS_LEAK_S = 5.0
MOST_BUCKETS = 10_000  # policy: the one that was touched longest ago goes
MOST_KNOWN = 10_000

Key = tuple[str, ...]


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float


class Throttle:
    def __init__(self) -> None:
        self._buckets: dict[Key, _Bucket] = {}
        self._known: dict[tuple[str, str], None] = {}

    def take(self, account: str, address: str, now: float) -> float:
        """Take a try: 0 where it may be made, else how many seconds to wait (and nothing is taken)."""
        wanted = self._wanted(account, address)
        wait = max(self._wait(key, tries, leak_s, now) for key, tries, leak_s in wanted)
        if wait > 0:
            return wait
        for key, _, leak_s in wanted:
            level = self._level(key, leak_s, now)
            self._buckets.pop(key, None)
            self._buckets[key] = _Bucket(level + 1, now)
        while len(self._buckets) > MOST_BUCKETS:
            self._buckets.pop(next(iter(self._buckets)))
        return 0.0

    def succeeded(self, account: str, address: str) -> None:
        """The try that was taken had the right password."""
        for key, _, _ in self._wanted(account, address):
            if (bucket := self._buckets.get(key)) is not None:
                bucket.level = max(0.0, bucket.level - 1)
        self._known.pop((account, address), None)
        self._known[account, address] = None
        while len(self._known) > MOST_KNOWN:
            self._known.pop(next(iter(self._known)))

    def _wanted(self, account: str, address: str) -> tuple[tuple[Key, int, float], ...]:
        known = (account, address) in self._known
        return (
            (("account", account, address if known else ""), ACCOUNT_TRIES, ACCOUNT_LEAK_S),
            (("address", address), ADDRESS_TRIES, ADDRESS_LEAK_S),
        )

    def _wait(self, key: Key, tries: int, leak_s: float, now: float) -> float:
        return max(0.0, (self._level(key, leak_s, now) + 1 - tries) * leak_s)

    def _level(self, key: Key, leak_s: float, now: float) -> float:
        bucket = self._buckets.get(key)
        return 0.0 if bucket is None else max(0.0, bucket.level - (now - bucket.at) / leak_s)
