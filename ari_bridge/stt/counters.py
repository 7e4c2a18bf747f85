"""What `/metrics` shows of recognition."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class SttCounters:
    """Names ending in `_total` only grow; those of audio and gaps are added when a leg ends."""

    legs: int = field(default=0, metadata={"help": "Legs that want to be recognised"})
    legs_live: int = field(default=0, metadata={"help": "Legs with a session that the recogniser answered"})
    lag_seconds: float = field(default=0.0, metadata={"help": "Audio sent and not processed yet, of the worst leg"})
    sessions_total: int = field(default=0, metadata={"help": "Sessions that the recogniser answered"})
    drops_total: int = field(default=0, metadata={"help": "Sessions that broke or were ended by the recogniser"})
    replayed_seconds_total: float = field(default=0.0, metadata={"help": "Audio behind the line when a session began"})
    billed_seconds_total: float = field(default=0.0, metadata={"help": "Duration of sessions, as it is billed"})
    audio_seconds_total: float = field(default=0.0, metadata={"help": "Audio of legs"})
    gap_seconds_total: float = field(default=0.0, metadata={"help": "Audio that was never recognised"})
    unintelligible_total: int = field(
        default=0, metadata={"help": "Messages of the recogniser that are no JSON object"}
    )
