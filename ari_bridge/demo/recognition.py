"""From heard words to Soniox' answers: tokens, the tail, finals, endpoints. Pure.

All time here is audio time, so a conversation fed ten times as fast is answered alike. `processed` lags what was
received by `Tuning.lag_ms`, as a recogniser that wants to hear what follows does; a word is shown when `processed` has
passed it, and becomes final at an endpoint, a finalize, the end, or `Tuning.final_after_ms` later.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ari_bridge.demo.hearing import STEP_MS, Ear, HeardWord
from ari_bridge.demo.soniox_protocol import Reply, StartRequest, Token

_SENTENCE_END = ".?!…"
_PUNCTUATION = ".,?!…:;»"
_WORD_GAP_MS = 300  # no word holds a silence as long as this


@dataclass(frozen=True, slots=True)
class Tuning:
    """How the recogniser behaves in time (ms of audio).

    `sentence_end_ms`: silence after which a finished sentence is an endpoint; elsewhere `max_endpoint_delay_ms` holds.
    """

    lag_ms: int = 200
    final_after_ms: int = 1500
    sentence_end_ms: int = 700
    reply_every_ms: int = 200
    endpoints: bool = True


class Recognition:
    """One stream, from its start request to `finished`."""

    def __init__(self, request: StartRequest, hearing: Ear, tuning: Tuning) -> None:
        self._request = request
        self._hearing = hearing
        self._tuning = tuning
        bytes_per_ms = request.sample_rate * (2 if request.encoding == "pcm_s16le" else 1) // 1000
        self._chunk = STEP_MS * bytes_per_ms
        self._unshown: list[HeardWord] = []
        self._tail: list[HeardWord] = []
        self._finals: list[Token] = []  # not yet sent
        self._final_ms = 0
        self._sentence = ""  # the last final word since the last marker; empty: nothing to end
        self._first = True
        self._replied_ms = 0
        self._changed = False

    @property
    def received_ms(self) -> int:
        return self._hearing.received_ms

    def opening(self) -> Reply:
        """The empty answer that the service gives to the start."""
        return Reply((), 0, 0)

    def feed(self, audio: bytes) -> list[Reply]:
        """Answers to more audio; however large a piece it is, as if it had come in real time."""
        replies = []
        for start in range(0, len(audio), self._chunk):
            self._unshown += self._hearing.feed(audio[start : start + self._chunk])
            self._advance(max(0, self.received_ms - self._tuning.lag_ms))
            if self._changed or self._processed_ms - self._replied_ms >= self._tuning.reply_every_ms:
                replies.append(self._reply(self._processed_ms))
        return replies

    def finalize(self) -> Reply:
        """All words so far, final, and the marker `<fin>`."""
        self._all_final()
        self._mark("<fin>")
        return self._reply(self.received_ms)

    def finish(self, *, in_one: bool = False) -> list[Reply]:
        """The last words, then `finished`; `in_one`: both in the same message."""
        self._all_final()
        self._final_ms = self.received_ms
        tokens = tuple(self._finals)
        last = Reply(tokens if in_one else (), self._final_ms, self.received_ms, finished=True)
        return [Reply(tokens, self._final_ms, self.received_ms), last] if tokens and not in_one else [last]

    @property
    def _processed_ms(self) -> int:
        return max(0, self.received_ms - self._tuning.lag_ms)

    def _advance(self, processed_ms: int) -> None:
        shown = [word for word in self._unshown if word.end_ms <= processed_ms]
        if shown:
            self._tail += shown
            self._unshown = self._unshown[len(shown) :]
            self._changed = True
        while self._tail and self._tail[0].end_ms + self._tuning.final_after_ms <= processed_ms:
            self._confirm(self._tail.pop(0))
        silence_ms = processed_ms - self._hearing.sound_end_ms
        last_word = self._tail[-1].text if self._tail else self._sentence
        if not self._unshown and self._is_endpoint(last_word, silence_ms):
            self._confirm_all()
            self._mark("<end>")
        if not self._tail and not self._unshown and silence_ms >= _WORD_GAP_MS:
            self._final_ms = max(self._final_ms, processed_ms)

    def _is_endpoint(self, last_word: str, silence_ms: int) -> bool:
        if not last_word or not self._request.endpoint_detection or not self._tuning.endpoints:
            return False
        longest = self._request.max_endpoint_delay_ms
        ended = last_word.rstrip("»").endswith(tuple(_SENTENCE_END))
        return silence_ms >= (min(self._tuning.sentence_end_ms, longest) if ended else longest)

    def _all_final(self) -> None:
        self._unshown += self._hearing.flush()
        self._tail += self._unshown
        self._unshown = []
        self._confirm_all()
        self._final_ms = max(self._final_ms, self.received_ms)

    def _confirm_all(self) -> None:
        for word in self._tail:
            self._confirm(word)
        self._tail = []

    def _confirm(self, word: HeardWord) -> None:
        self._finals += self._tokens(word, self._first, final=True)
        self._final_ms = max(self._final_ms, word.end_ms)
        self._sentence, self._first, self._changed = word.text, False, True

    def _mark(self, marker: str) -> None:
        self._finals.append(Token(marker, is_final=True))
        self._sentence, self._changed = "", True

    def _reply(self, total_ms: int) -> Reply:
        tail: list[Token] = []
        for index, word in enumerate(self._tail):
            newest = index == len(self._tail) - 1  # punctuation is known only by what follows
            text = word.text.rstrip(_PUNCTUATION) or word.text if newest else word.text
            shown = HeardWord(text, word.start_ms, word.end_ms)
            tail += self._tokens(shown, self._first and index == 0, final=False)
        tokens = (*self._finals, *tail)
        self._finals, self._changed, self._replied_ms = [], False, total_ms
        return Reply(tokens, self._final_ms, total_ms)

    def _tokens(self, word: HeardWord, first: bool, *, final: bool) -> Iterable[Token]:
        pieces = split_word(word.text)
        span = word.end_ms - word.start_ms
        confidence = 0.9 + len(word.text) % 10 / 100
        for index, piece in enumerate(pieces):
            start = word.start_ms + span * index // len(pieces)
            end = word.start_ms + span * (index + 1) // len(pieces)
            text = piece if index or first else " " + piece
            yield Token(text, final, start, end, confidence, "ru" if self._request.language_identification else None)


def split_word(text: str) -> list[str]:
    """One to three sub-words; punctuation at the end is one of them."""
    core = text.rstrip(_PUNCTUATION) or text
    half = (len(core) + 1) // 2
    pieces = [core] if len(core) < 5 else [core[:half], core[half:]]
    return [*pieces, text[len(core) :]] if len(core) < len(text) else pieces
