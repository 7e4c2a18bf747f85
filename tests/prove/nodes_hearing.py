"""A recogniser's ear that costs nothing: it says its sentences by the clock of the audio, whatever that holds."""

from __future__ import annotations

import itertools
from typing import Final

from ari_bridge.demo.hearing import HeardWord

SENTENCES: Final = (
    "Добрый день, слушаю вас.",
    "Это для нас слишком дорого.",
    "Мне надо подумать и посоветоваться.",
    "Пришлите мне предложение на почту.",
    "У конкурентов это стоит дешевле.",
    "Хорошо, давайте тогда договоримся.",
)
WORD_MS: Final = 300
EVERY_MS: Final = 4000

_turns = itertools.count()


class ClockHearing:
    """As `demo.hearing.Hearing`; each stream begins at another sentence."""

    def __init__(self, encoding: str, sample_rate: int) -> None:
        self._bytes_a_ms = sample_rate * (2 if encoding == "pcm_s16le" else 1) // 1000
        self._bytes = 0
        self._said_ms = 0
        self._sentences = itertools.islice(itertools.cycle(SENTENCES), next(_turns) % len(SENTENCES), None)
        self._coming: list[HeardWord] = []
        self._next_at = 500

    @property
    def received_ms(self) -> int:
        return self._bytes // self._bytes_a_ms

    @property
    def sound_end_ms(self) -> int:
        return self._said_ms

    def feed(self, audio: bytes) -> list[HeardWord]:
        self._bytes += len(audio)
        while self._next_at < self.received_ms:
            for at, word in enumerate(next(self._sentences).split()):
                begin = self._next_at + at * WORD_MS
                self._coming.append(HeardWord(word, begin, begin + WORD_MS))
            self._next_at += EVERY_MS
        heard = [word for word in self._coming if word.end_ms <= self.received_ms]
        del self._coming[: len(heard)]
        self._said_ms = max(self._said_ms, *(word.end_ms for word in heard), 0)
        return heard

    def flush(self) -> list[HeardWord]:
        return []
