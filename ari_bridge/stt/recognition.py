"""One leg's recognition over any number of sessions: ring, replay, utterances, gaps. Pure.

The *safe* position is the tape up to which every word is confirmed, or nothing was heard for long. Of the latter our
own ears may think otherwise: a new session replays from the first sound after what the peer itself called final; the
ring keeps what follows that. What left the ring before it was heard is a gap, told once when a session is answered
again (or at the end).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ari_bridge.interfaces import SpeechSpec, Utterance
from ari_bridge.stt.dialect import Dialect, Hearing, WireFrame
from ari_bridge.stt.onset import may_be_speech, onset
from ari_bridge.stt.patience import Patience
from ari_bridge.stt.ring import AudioFormat, AudioRing
from ari_bridge.stt.session import Session
from ari_bridge.stt.timing import Timing
from ari_bridge.stt.utterances import UtteranceBuilder

LEAD_MS = 300  # a word is heard again with so much of the pause before it
QUIET_MARGIN_MS = 10_000  # processed so long ago without a word: no loss, even where the peer never said "final"
BLOCK_MS = 100  # our own ears look for speech in pieces of this length
FLEETING_MS = 200  # of a ring that overflows, and a slice: gone before it could be sent
REST_MS = 60  # a rest of the tape too short for a word
PREROLL_MS = 2_000  # before the first speech after a silence
UNHEARD_MS = 500  # the end of a leg cut off while it was being heard: less is the recogniser's own delay


@dataclass(frozen=True, slots=True)
class SpeechGap:
    """Audio that will never be recognised, in call time."""

    start_ms: int
    end_ms: int


Telling = Utterance | SpeechGap


class LegRecognition:
    """`feed` audio at any time; `open` a session, pass frames both ways, `drop` it; `finish`, then `conclude`."""

    __slots__ = (
        "_builder",
        "_format",
        "_gap",
        "_lively_at",
        "_patience",
        "_replay_ms",
        "_ring",
        "_safe_ms",
        "_session",
        "_settled_ms",
        "_slice_ms",
        "_timing",
        "dormant",
        "finishing",
        "gap_ms",
        "sessions",
        "unintelligible",
    )

    def __init__(self, spec: SpeechSpec, ring_ms: int, timing: Timing) -> None:
        self._format = AudioFormat(spec.encoding, spec.sample_rate)
        self._ring = AudioRing(self._format, ring_ms)
        self._builder = UtteranceBuilder(spec.first_utterance, partial(_call_ms, self._ring, self._format))
        self._timing = timing
        self._session: Session | None = None
        self._safe_ms = 0
        self._settled_ms = 0  # the same by the peer's own word alone; never past `_safe_ms`
        self._slice_ms = 0
        self._gap: tuple[int, int] | None = None  # tape ms lost before the present session
        self._replay_ms = 0
        self._lively_at = 0.0  # when somebody spoke last
        self._patience = Patience(timing, partial(_sound_ms, self._ring, self._format))
        self.dormant = False  # no session: the leg is silent, by our own ears
        self.finishing = False
        self.gap_ms = 0
        self.sessions = 0
        self.unintelligible = 0

    @property
    def audio_ms(self) -> int:
        """Length of the tape so far."""
        return self._ring.end // self._format.bytes_per_ms

    @property
    def next_number(self) -> int:
        return self._builder.next_number

    @property
    def answered(self) -> bool:
        return self._session is not None and self._session.answered

    @property
    def replay_ms(self) -> int:
        """Audio that the open session was behind the tape when it began."""
        return self._replay_ms

    @property
    def lag_ms(self) -> int:
        """Audio that the open session was sent and has not processed; 0 where none is open."""
        return self._session.lag_ms if self._session is not None else 0

    def presume_answered(self) -> None:
        """The peer has not refused, and was given nothing to answer."""
        if self._session is not None:
            self._session.answered = True

    @property
    def finished(self) -> bool:
        """The open session was told that no more audio comes, and has told everything."""
        return self._session is not None and self._session.finished

    @property
    def complete(self) -> bool:
        """Every word of what was fed is confirmed: no session is needed for it any more."""
        return self.dormant or (self._builder.idle and self.audio_ms - self._safe_ms < REST_MS)

    def feed(self, audio: bytes, start_ms: int, now: float) -> None:
        """Contiguous audio of the leg; `start_ms` is call time and may jump forward. Speech ends dormancy."""
        made = self._ring.append(audio, start_ms)
        self._slice_ms = max(self._slice_ms, len(audio) // self._format.bytes_per_ms)
        if self._timing.idle_close_s and audio and may_be_speech(audio, self._format.encoding):
            self._lively_at = now
            if self.dormant:
                self.dormant = False
                before_ms = (self._ring.end - made) // self._format.bytes_per_ms
                self._safe_ms = max(self._safe_ms, before_ms - PREROLL_MS)
                self._settled_ms = self._safe_ms

    def open(self, dialect: Dialect, now: float) -> None:
        """A connection is up: send from the safe position on (a sound before it included), or from where the ring
        still has audio.
        """
        base_ms = self._replay_from_ms()
        self._gap = (self._safe_ms, base_ms) if base_ms > self._safe_ms else None
        per_ms = self._format.bytes_per_ms
        self._session = Session(
            dialect, self._ring, base=base_ms * per_ms, bytes_per_ms=per_ms, timing=self._timing, now=now
        )
        self._replay_ms = self.audio_ms - base_ms
        self._patience.begin()
        self._lively_at = max(self._lively_at, now)
        self.sessions += 1
        if self.finishing:
            self._session.end()

    def next_frame(self, now: float) -> WireFrame | None:
        """The next message for the open session, None where there is nothing to send now."""
        return self._session.next_frame(now, self._slice_ms) if self._session else None

    @property
    def has_more(self) -> bool:
        """Whether the open session has anything yet to say but keepalives."""
        return self._session is not None and self._session.has_more

    def due(self, now: float) -> bool:
        """Whether `next_frame` may have something without any more audio."""
        return self._session is not None and self._session.due(now)

    def hear(self, frame: WireFrame, now: float) -> tuple[Hearing | None, list[Telling]]:
        """A message of the open session: what it says (None: unintelligible) and what to tell."""
        session = self._session
        heard = session.hear(frame, now) if session else None
        if session is None or heard is None:
            self.unintelligible += 1
            return None, []
        if not session.answered:
            return heard, []
        told = self._tell_gap()
        if heard.tokens:
            self._patience.reward()
            self._lively_at = now
        told += self._builder.hear(heard.tokens, session.total_ms, over=heard.finished or heard.fault is not None)
        if session.finished:
            told += self._builder.close()
            self._safe_ms = self._settled_ms = session.sent_ms
        self._note_safe(session)
        self._ring.release(self._kept_from_ms() * self._format.bytes_per_ms)
        return heard, told

    def drop(self) -> None:
        """The session is gone, for whatever reason."""
        if self._session is not None:
            self._session = None
            self._gap = None
            self._builder.seam()

    def stalled(self, now: float) -> bool:
        """The open session takes audio and gives nothing back."""
        return self._session is not None and self._patience.is_over(self._session, now)

    def fell_silent(self, now: float) -> bool:
        """The same, with the little patience there is when the leg ends."""
        return self._session is not None and self._patience.is_short(self._session, now)

    def due_for_roll_over(self, now: float) -> bool:
        """The session nears the peer's longest duration: change it in a pause, or at the latest when the grace is
        over.
        """
        if self._session is None:
            return False
        late_s = self._session.age_s(now) - self._timing.roll_over_s
        return late_s >= 0 and (self._builder.idle or late_s >= self._timing.roll_over_grace_s)

    def due_for_sleep(self, now: float) -> bool:
        """Neither the recogniser nor our own ears heard speech for long, and nothing is open."""
        longest_s = self._timing.idle_close_s
        if longest_s <= 0 or self._session is None or now - self._lively_at < longest_s:
            return False
        return self._builder.idle

    def sleep(self) -> None:
        """No session until somebody speaks."""
        self.dormant = True

    def finish(self) -> None:
        """No more audio will be fed."""
        self.finishing = True
        if self._session is not None:
            self._session.end()

    def conclude(self) -> list[Telling]:
        """Nothing more will be recognised: what is open becomes final, what was not heard a gap."""
        told: list[Telling] = [*self._builder.close()]
        lost_from = self.audio_ms if self.dormant else max(self._safe_ms, self._builder.heard_ms)
        self._gap = (lost_from, self.audio_ms) if self.audio_ms - lost_from >= UNHEARD_MS else None
        told += self._tell_gap()
        self._safe_ms = self.audio_ms
        return told

    def _tell_gap(self) -> list[Telling]:
        """The gap before the present session, once. A word shown in it stays as it was shown."""
        if self._gap is None:
            return []
        (start_ms, end_ms), self._gap = self._gap, None
        self._safe_ms = max(self._safe_ms, end_ms)
        self._settled_ms = max(self._settled_ms, end_ms)
        gap = SpeechGap(self._call_ms(start_ms), self._call_ms(end_ms))
        self.gap_ms += gap.end_ms - gap.start_ms
        return [*self._builder.close(), gap] if gap.end_ms > gap.start_ms else []

    def _note_safe(self, session: Session) -> None:
        """Tape (ms) up to which no word can be lost any more: by the peer's word, and for all we know."""
        confirmed_ms, open_ms = self._builder.confirmed_ms, self._builder.open_from_ms
        final_ms = session.final_ms if open_ms is None else min(open_ms - LEAD_MS, session.final_ms)
        quiet_ms = (session.total_ms if open_ms is None else open_ms) - QUIET_MARGIN_MS
        self._settled_ms = max(self._settled_ms, confirmed_ms, final_ms)
        self._safe_ms = max(self._safe_ms, self._settled_ms, quiet_ms)

    def _kept_from_ms(self) -> int:
        """Tape (ms) before which nothing is ever replayed: a word may begin a little before what was called final."""
        return max(self._builder.confirmed_ms, self._settled_ms - LEAD_MS)

    def _replay_from_ms(self) -> int:
        """Where the next session begins."""
        first_ms = -(-self._ring.first // self._format.bytes_per_ms)
        if first_ms > self._safe_ms:
            return min(first_ms + self._slice_ms + FLEETING_MS, self.audio_ms)
        from_ms = max(self._kept_from_ms(), first_ms)
        sound_ms = self._sound_ms(from_ms, self._safe_ms)
        return self._safe_ms if sound_ms is None else max(sound_ms - LEAD_MS, from_ms)

    def _sound_ms(self, from_ms: int, until_ms: int) -> int | None:
        return _sound_ms(self._ring, self._format, from_ms, until_ms)

    def _call_ms(self, tape_ms: int) -> int:
        return _call_ms(self._ring, self._format, tape_ms)


# No methods: whoever keeps one of these must not keep the whole leg, or its tape would outlive it until the collector
# comes round.


def _sound_ms(ring: AudioRing, audio: AudioFormat, from_ms: int, until_ms: int) -> int | None:
    """Where the first sound of that span of the tape is, to our own ears; what left the ring is taken as silent."""
    per_ms = audio.bytes_per_ms
    begin = max(from_ms * per_ms, ring.first)
    if begin >= until_ms * per_ms:
        return None
    found = onset(ring.read(begin, until_ms * per_ms - begin), audio.encoding, BLOCK_MS * per_ms)
    return None if found is None else (begin + found) // per_ms


def _call_ms(ring: AudioRing, audio: AudioFormat, tape_ms: int) -> int:
    return ring.call_ms(tape_ms * audio.bytes_per_ms)
