"""One connection to a recogniser, without the connection: what to send next, and whether it still works. Pure.

Positions are bytes of the leg's tape (`ring.AudioRing`); `now` is any monotonic clock in seconds.
"""

from __future__ import annotations

import math
from collections import deque

from ari_bridge.stt.dialect import Dialect, Hearing, Token, WireFrame
from ari_bridge.stt.ring import AudioRing
from ari_bridge.stt.timing import Timing

MAX_FRAME_BYTES = 96_000  # one message: 3 s of 16 kHz PCM, or 12 s of G.711
OUTSTANDING_MS = 1000  # a peer may keep so much unprocessed without being called stalled
RECENT = 128  # finals among which one that is told twice is found
BURST_MS = 1000  # sent at once before pacing begins; never less than the leg's own slice


class Session:
    """Sends the tape from `base` on, paced, and turns the peer's clock into tape time."""

    __slots__ = (
        "_allowance_ms",
        "_base",
        "_cursor",
        "_dialect",
        "_ended",
        "_ending",
        "_ms",
        "_opened_at",
        "_paid_at",
        "_progress_at",
        "_recent",
        "_ring",
        "_sent_at",
        "_started",
        "_timing",
        "answered",
        "ended",
        "final_ms",
        "finished",
        "total_ms",
    )

    def __init__(
        self, dialect: Dialect, ring: AudioRing, *, base: int, bytes_per_ms: int, timing: Timing, now: float
    ) -> None:
        self._dialect = dialect
        self._ring = ring
        self._base = self._cursor = base
        self._ms = bytes_per_ms
        self._timing = timing
        self._opened_at = self._sent_at = self._progress_at = self._paid_at = now
        self._allowance_ms = math.inf  # cut to a burst at first use
        self._started = self._ending = False
        self._recent = _Finals()
        self._ended: deque[Token] = deque(maxlen=RECENT)  # finals that an endpoint followed
        self.finished = False  # the peer told everything of what it was sent
        self.ended = False  # the peer was told that no more audio comes
        self.answered = False  # the peer said anything but an error
        self.final_ms = self.total_ms = base // bytes_per_ms  # tape time up to which all is final, is processed

    @property
    def sent_ms(self) -> int:
        """Tape time up to which audio was sent."""
        return self._cursor // self._ms

    @property
    def lag_ms(self) -> int:
        """Audio that was sent and not processed yet."""
        return max(0, self.sent_ms - self.total_ms)

    def age_s(self, now: float) -> float:
        return now - self._opened_at

    def end(self) -> None:
        """No more audio will be appended: send what is left without pacing, then the end."""
        self._ending = True

    def next_frame(self, now: float, slice_ms: int) -> WireFrame | None:
        """The next message to send now, None where there is none; `slice_ms` is the length the leg is fed in."""
        if not self._started:
            self._started = True
            return self._dialect.start()
        if self.ended or self._cursor < self._ring.first:  # overrun
            return None
        if self._cursor < self._ring.end:
            audio = self._ring.read(self._cursor, self._affordable(now, slice_ms))
            if audio:
                self._advance(len(audio), now)
                return self._dialect.audio(audio)
        elif self._ending:
            self.ended = True
            self._progress_at = now
            return self._dialect.end()
        if now - self._sent_at >= self._timing.keepalive_s:
            self._sent_at = now
            return self._dialect.keepalive()
        return None

    @property
    def overrun(self) -> bool:
        """The peer read so slowly that audio not yet sent left the ring."""
        return self._cursor < self._ring.first

    @property
    def has_more(self) -> bool:
        """Whether there is audio to send, or the end of it."""
        return self._cursor < self._ring.end or (self._ending and not self.ended)

    def due(self, now: float) -> bool:
        """Whether there is audio that pacing held back, or a keepalive is due."""
        return self._cursor < self._ring.end or now - self._sent_at >= self._timing.keepalive_s

    def hear(self, frame: WireFrame, now: float) -> Hearing | None:
        """The message in tape time, every token with times; None for what is unintelligible."""
        heard = self._dialect.parse(frame)
        if heard is None:
            return None
        if heard.fault is None:
            self.answered = True
        before = self.total_ms
        tokens = self._once(self._timed(heard))
        self.final_ms = max(self.final_ms, self._tape_ms(heard.final_ms))
        latest_ms = max((token.end_ms or 0 for token in tokens), default=0)
        self.total_ms = max(self.total_ms, self._tape_ms(heard.total_ms), self.final_ms, latest_ms)
        if heard.finished and (heard.total_ms is None or self.sent_ms - self.total_ms < OUTSTANDING_MS):
            self.finished = self.ended
            self.total_ms = self.sent_ms
        if self.total_ms > before or tokens:
            self._progress_at = now
        return Hearing(tokens, self.final_ms, self.total_ms, heard.finished, heard.fault)

    def excuse(self, until: float) -> None:
        """Nothing was owed until then: what was sent was silence."""
        self._progress_at = max(self._progress_at, until)

    def stalled(self, now: float, patience: float) -> bool:
        """Audio went out and nothing came back for too long (times `patience`), or audio was lost unsent."""
        if self.overrun:
            return True
        if self.ended or self.sent_ms - self.total_ms >= OUTSTANDING_MS:
            return now - self._progress_at > self._timing.stall_s * patience
        return False

    def _affordable(self, now: float, slice_ms: int) -> int:
        """Bytes that pacing allows: a leg's own slice always, a backlog at `catch_up` times real time."""
        if self._ending:
            return MAX_FRAME_BYTES
        burst_ms = max(BURST_MS, slice_ms)
        earned_ms = (now - self._paid_at) * 1000 * self._timing.catch_up
        self._paid_at = now
        self._allowance_ms = min(burst_ms, self._allowance_ms + earned_ms)
        affordable = min(int(self._allowance_ms) * self._ms, MAX_FRAME_BYTES)
        worth_a_frame = min(self._ring.end - self._cursor, slice_ms * self._ms, MAX_FRAME_BYTES)
        return affordable if affordable >= worth_a_frame else 0

    def _advance(self, sent: int, now: float) -> None:
        if self.sent_ms - self.total_ms < OUTSTANDING_MS:
            self._progress_at = max(self._progress_at, now)  # nothing was owed until now
        self._cursor += sent
        self._allowance_ms -= sent / self._ms
        self._sent_at = now

    def _tape_ms(self, session_ms: int | None) -> int:
        """Never past what was sent: a peer's clock may run ahead, our replay must not."""
        return self._base // self._ms if session_ms is None else min(self._base // self._ms + session_ms, self.sent_ms)

    def _timed(self, heard: Hearing) -> tuple[Token, ...]:
        """Tokens in tape time. A missing end is the next token's start, or of a final `final_ms`; a final without
        any time ends there too and keeps no start; a tail without times follows what came before it."""
        timed: list[Token] = []
        last_ms, base_ms, sent_ms = self.final_ms, self._base // self._ms, self.sent_ms
        for index, (text, final, start, own_end, ends_utterance) in enumerate(heard.tokens):
            if start is None and final:
                end_ms = max(last_ms, self._tape_ms(heard.final_ms if own_end is None else own_end))
                timed.append(Token(text, final, None, end_ms, ends_utterance))
                continue
            end = own_end
            if end is None and index + 1 < len(heard.tokens):
                end = heard.tokens[index + 1].start_ms
            if end is None and final:
                end = heard.final_ms
            start_ms = last_ms if start is None else min(base_ms + start, sent_ms)
            last_ms = start_ms if end is None else max(start_ms, min(base_ms + end, sent_ms))
            timed.append(Token(text, final, start_ms, last_ms, ends_utterance))
        return tuple(timed)

    def _once(self, tokens: tuple[Token, ...]) -> tuple[Token, ...]:
        """Without finals that were told before: the same text with the same span of time. (Without a span they cannot
        be told from a word that was said twice.) An endpoint is the same where it follows the same word."""
        kept: list[Token] = []
        before = self._told_before(tokens)
        for token in tokens:
            if token.ends_utterance:
                if before is not None and before in self._ended:
                    continue
                if before is not None:
                    self._ended.append(before)
            elif token.final:
                before = token if _has_span(token) else None
                if before is not None:
                    if before in self._recent:
                        continue
                    self._recent.add(before)
            kept.append(token)
        return tuple(kept)

    def _told_before(self, tokens: tuple[Token, ...]) -> Token | None:
        """The final before the first of a message: the newest one, or another where the message begins with repeats."""
        first = next((token for token in tokens if token.final and _has_span(token)), None)
        return self._recent.before(first) if first is not None and first in self._recent else self._recent.newest


class _Finals:
    """The newest `RECENT` finals, none of them twice, each with the one before it."""

    __slots__ = ("_before", "newest")

    def __init__(self) -> None:
        self._before: dict[Token, Token | None] = {}  # in the order they came
        self.newest: Token | None = None

    def __contains__(self, token: Token) -> bool:
        return token in self._before

    def before(self, token: Token) -> Token | None:
        return self._before[token]

    def add(self, token: Token) -> None:
        self._before[token], self.newest = self.newest, token
        if len(self._before) > RECENT:
            del self._before[next(iter(self._before))]


def _has_span(token: Token) -> bool:
    return token.start_ms is not None and (token.end_ms or 0) > token.start_ms
