"""The canonical log lines of a finished call: one for each of its taps, one for the call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import structlog

from ari_bridge.events import Call, Leg, LegState
from media.receiver import LegReport

log = structlog.get_logger(__name__)

ILL: Final = frozenset({LegState.NO_AUDIO, LegState.SILENT})


class Heard(Protocol):
    """A voice whose taps have ended."""

    leg: Leg
    channel_id: str
    reports: list[LegReport]


@dataclass(frozen=True, slots=True)
class Ending:
    """How the call ended, and when: the last words come later."""

    cause: int | None
    reason: str
    at: datetime


def note_health(before: Call, now: Call) -> None:
    """A line for each leg that falls ill, or recovers: no audio, or nobody says a word. Of the recogniser's states the
    status board tells, once for all calls."""
    for leg, status in now.legs.items():
        was = before.legs[leg].state
        if status.state is was or status.state is LegState.CLOSED or not ILL & {was, status.state}:
            continue
        if status.state is LegState.NO_AUDIO:
            log.warning("leg_health", call_id=now.id, leg=leg, state=status.state, reason=status.reason)
        else:
            log.info("leg_health", call_id=now.id, leg=leg, state=status.state, reason=status.reason)


def account_for(call: Call, voices: Iterable[Heard], utterances: Mapping[Leg, int], ending: Ending | None) -> None:
    """`ending` is None where the call outlives the daemon."""
    for voice in voices:
        for report in voice.reports:
            log.info(
                "leg_finished",
                call_id=call.id,
                leg=voice.leg,
                channel=voice.channel_id,
                packets=report.packets,
                lost=report.lost_packets,
                lost_ms=report.lost_ms,
                jitter_ms=round(report.jitter_ms, 2),
                audio_ms=report.audio_ms,
                speech_ms=report.speech_ms,
                malformed=report.malformed,
                ssrc_changes=report.ssrc_changes,
                kernel_drops=report.kernel_drops,
                frames=report.frames,
                delivery_error=report.delivery_error,
            )
    log.info(
        "call_finished",
        call_id=call.id,
        direction=call.direction,
        operator=call.operator,
        answered=call.answered_at is not None,
        utterances={leg.value: count for leg, count in utterances.items()},
        cause=ending.cause if ending else None,
        reason=ending.reason if ending else "daemon stopped",
    )
