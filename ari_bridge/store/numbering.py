"""The number of a line in the store, made of its call, its leg and its number there. Pure.

The full-text index knows nothing but this number; so call and leg can be read from what it finds without a join, a
call's lines are a range, and the same line twice is the same row.
"""

from __future__ import annotations

from ari_bridge.events import Leg

CALL_SHIFT = 20
LEG_SHIFT = 19
MOST_UTTERANCES = (1 << LEG_SHIFT) - 1

_LEGS = (Leg.CLIENT, Leg.OPERATOR)


def line_key(leg: Leg, utterance: int) -> int:
    """The line's part below the call's: add `call << CALL_SHIFT`. Raises ValueError for a number that cannot be."""
    if not 0 <= utterance <= MOST_UTTERANCES:
        raise ValueError(f"utterance number {utterance}")
    return _LEGS.index(leg) << LEG_SHIFT | utterance


def line_of(seq: int) -> tuple[int, Leg, int]:
    """The call's row number, the leg and the utterance number."""
    return seq >> CALL_SHIFT, _LEGS[seq >> LEG_SHIFT & 1], seq & MOST_UTTERANCES


def lines_of_call(call: int) -> tuple[int, int]:
    """First and last possible number of a call's lines."""
    return call << CALL_SHIFT, (call + 1 << CALL_SHIFT) - 1
