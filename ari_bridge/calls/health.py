"""Health of a leg's audio: what can be told from what arrived, and when. Pure.

A snoop channel sends silence from its first moment, also when the telephone sends nothing; so "no audio" is either no
RTP (nothing reaches us) or nothing but all-zero samples (nothing reaches Asterisk), and the two have different cures.
Zeros alone prove nothing: a muted microphone sends them too. So Asterisk is asked how many packets the telephone sent
(`rtp_statistics`), and only when these do not grow is the telephone said to be silent.
"""

from __future__ import annotations

from typing import Final

from ari_bridge.events import LegState, LegStatus

NO_AUDIO_AFTER_S: Final = 3.0
SILENT_AFTER_S: Final = 8.0

NO_RTP = LegStatus(
    LegState.NO_AUDIO, "нет RTP от Asterisk: проверьте ARI_BRIDGE_MEDIA__HOST, брандмауэр и ARI_BRIDGE_MEDIA__PORTS"
)
ONLY_ZEROS = LegStatus(LegState.NO_AUDIO, "телефон не присылает звук: микрофон выключен или RTP до Asterisk не доходит")
SILENT = LegStatus(LegState.SILENT, f"нет речи дольше {SILENT_AFTER_S:g} с")


class AudioHealth:
    """Fed with what arrived; times are monotonic seconds of one clock."""

    def __init__(self, now: float) -> None:
        self._last_audio_at = now  # any RTP at all
        self._since = now
        self._sounded = False  # any sample that is not zero
        self._received: int | None = None  # packets that the telephone sent, when Asterisk was asked last
        self._stalled = False
        self._last_speech_at = now

    def feed(self, now: float, *, all_zero: bool, speech: bool) -> None:
        """One slice of audio."""
        self._last_audio_at = now
        if not all_zero:
            self._sounded, self._stalled = True, False
        if speech:
            self._last_speech_at = now

    def restart(self, now: float) -> None:
        """Count anew: the leg has just been answered, or taken back from hold."""
        self._last_audio_at = self._since = self._last_speech_at = now
        self._sounded = self._stalled = False

    def should_ask(self, now: float) -> bool:
        """Whether only zeros have come for so long that Asterisk should be asked for `received`."""
        return not self._sounded and now - self._since >= NO_AUDIO_AFTER_S > now - self._last_audio_at

    def received(self, packets: int) -> None:
        """What the telephone has sent so far; 0 at first, or the same twice in a row, means that it sends nothing."""
        self._stalled = packets == (self._received or 0)
        self._received = packets

    def status(self, now: float) -> LegStatus | None:
        """What is wrong, None where nothing is."""
        if now - self._last_audio_at >= NO_AUDIO_AFTER_S:
            return NO_RTP
        if not self._sounded and self._stalled:
            return ONLY_ZEROS
        if now - self._last_speech_at >= SILENT_AFTER_S:
            return SILENT
        return None
