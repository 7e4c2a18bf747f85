"""What a CRM is told when a call is over: body, signature, and when to try again. Pure.

    POST url
    X-Ari-Bridge-Delivery: the call's id, the same in every attempt
    X-Ari-Bridge-Signature: t=UNIX_SECONDS,v1=HEX     HMAC-SHA256 of "UNIX_SECONDS.BODY" with the shared secret

The receiver computes the same over the raw body, compares in constant time and refuses an old `t`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from ari_bridge.events import Call, CallEnded, CallStarted, CallUpdated, Event, Suggestion, Summary

RETRY_AFTER_S = (2.0, 10.0, 60.0, 300.0, 1800.0)
RETRYABLE = frozenset({408, 425, 429})
MAX_CALLS = 2000  # calls whose end has not come; the oldest are forgotten


@dataclass(frozen=True, slots=True)
class Delivery:
    """One call's report; `attempt` counts from 0."""

    call_id: str
    body: bytes
    attempt: int = 0


@dataclass(slots=True)
class Reports:
    """Gathers what is told of a call until it is over. `finish` gives the delivery, with or without a summary."""

    _calls: OrderedDict[str, Call] = field(default_factory=OrderedDict)
    _cards: dict[str, dict[str, Suggestion]] = field(default_factory=dict)
    _ended: dict[str, CallEnded] = field(default_factory=dict)

    def hear(self, event: Event) -> str | None:
        """The id of the call that this event ends, None for any other event."""
        match event:
            case CallStarted() | CallUpdated():
                self._calls[event.call.id] = event.call
                while len(self._calls) > MAX_CALLS:
                    self._forget(next(iter(self._calls)))
            case Suggestion() if event.call_id in self._calls:
                self._cards.setdefault(event.call_id, {})[event.id] = event
            case CallEnded() if event.call_id in self._calls:
                self._ended[event.call_id] = event
                return event.call_id
        return None

    def finish(self, call_id: str, summary: Summary | None) -> Delivery | None:
        """None where the call is unknown or was reported already."""
        call, end = self._calls.get(call_id), self._ended.get(call_id)
        cards = self._cards.get(call_id, {})
        self._forget(call_id)
        if call is None or end is None:
            return None
        shown = [card for card in cards.values() if card.state != "withdrawn"]
        members = {
            "type": "call_end",
            "call": call.to_json(),
            "end": end.to_json(),
            "summary": summary.to_json() if summary else None,
            "suggestions": [{"kind": c.kind, "title": c.title, "verdicts": list(c.verdicts)} for c in shown],
        }
        return Delivery(call_id, json.dumps(members, ensure_ascii=False).encode())

    def _forget(self, call_id: str) -> None:
        self._calls.pop(call_id, None)
        self._cards.pop(call_id, None)
        self._ended.pop(call_id, None)


def headers(delivery: Delivery, secret: str | None, at: int) -> Mapping[str, str]:
    """`at` is the time of this attempt in UNIX seconds. Without a secret there is no signature."""
    found = {"Content-Type": "application/json", "X-Ari-Bridge-Delivery": delivery.call_id}
    if secret:
        signed = hmac.new(secret.encode(), f"{at}.".encode() + delivery.body, hashlib.sha256).hexdigest()
        found["X-Ari-Bridge-Signature"] = f"t={at},v1={signed}"
    return found


def retry_after(delivery: Delivery, status: int | None) -> float | None:
    """Seconds until the next attempt after an answer (None: there was none), or None for no further attempt."""
    hopeless = status is not None and status < 500 and status not in RETRYABLE
    if hopeless or delivery.attempt >= len(RETRY_AFTER_S):
        return None
    return RETRY_AFTER_S[delivery.attempt]
