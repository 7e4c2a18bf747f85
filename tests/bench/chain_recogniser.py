"""A recogniser that hears marked audio: says a word only if every block of it arrived, once, in order. Pure.

It answers as Soniox does: sub-word tokens, the newest of them not final for a second, `<end>` after a pause; five
messages a second while its leg speaks, one a second while it is silent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from tests.bench.chain_script import BLOCK, HALF_WORD, WORD_BLOCKS, Mark, Part, part_of, read_mark

BLOCK_MS = 20
REPLY_EVERY_MS = 200
IDLE_REPLY_EVERY_MS = 1000
FINAL_AFTER_MS = 1000
ENDPOINT_MS = 400


@dataclass(frozen=True, slots=True)
class Shown:
    """What a message says of the utterance: its length in characters, and whether it is over."""

    utterance: int
    length: int
    final: bool


@dataclass(frozen=True, slots=True)
class Reply:
    json: str
    shown: Shown | None


@dataclass(slots=True)
class _Token:
    text: str
    start_ms: int
    end_ms: int

    def to_json(self, final: bool) -> str:
        return (
            f'{{"text":{json.dumps(self.text, ensure_ascii=False)},"start_ms":{self.start_ms},"end_ms":{self.end_ms},'
            f'"confidence":0.97,"is_final":{"true" if final else "false"}}}'
        )


@dataclass(slots=True)
class Recogniser:
    """One stream. `faults` counts what must never happen."""

    leg: int | None = None
    first_block: int | None = None
    blocks: int = 0
    words: int = 0
    lost: int = 0
    repeated: int = 0
    foreign: int = 0
    _rest: bytes = b""
    _part: Part | None = None
    _next: int = -1
    _word: int = 0  # the word being heard
    _run: int = 0  # of its blocks, in a row from its first
    _said: list[_Token] = field(default_factory=list)  # of the utterance, not final yet
    _half: _Token | None = None
    _length: int = 0  # of the utterance's final tokens
    _utterance: int = 1
    _total_ms: int = 0
    _final_ms: int = 0
    _replied_ms: int = 0
    _quiet_ms: int = 0

    def feed(self, audio: bytes) -> tuple[list[Reply], Mark | None]:
        """The answers to more audio, and the newest block's mark."""
        audio = self._rest + audio
        whole = len(audio) - len(audio) % BLOCK
        replies: list[Reply] = []
        mark = None
        for start in range(0, whole, BLOCK):
            mark = read_mark(audio, start)
            self._total_ms += BLOCK_MS
            self._hear(mark)
            if self._due():
                replies.append(self._reply())
        self._rest = audio[whole:]
        return replies, mark

    def finish(self) -> list[str]:
        """The last words, then `finished`."""
        self._half = None
        replies = [self._reply(end=True).json] if self._said else []
        done = f'"final_audio_proc_ms":{self._total_ms},"total_audio_proc_ms":{self._total_ms}'
        return [*replies, f'{{"tokens":[],{done},"finished":true}}']

    def _hear(self, mark: Mark | None) -> None:
        if mark is None or (self.leg is not None and mark.leg != self.leg):
            self.foreign += 1
            self._run = 0
            return
        if self.leg is None:
            self.leg, self._part, self.first_block = mark.leg, part_of(mark.leg), mark.block
            self._next = mark.block
        if mark.block != self._next:
            self.lost += max(mark.block - self._next, 0)
            self.repeated += mark.block < self._next
            self._run = 0
        self._next = mark.block + 1
        self.blocks += 1
        if mark.word == 0:
            self._quiet_ms += BLOCK_MS
            self._run, self._half = 0, None
            return
        self._quiet_ms = 0
        self._follow(mark)

    def _follow(self, mark: Mark) -> None:
        assert self._part is not None
        if mark.word != self._word:
            self._word, self._run, self._half = mark.word, 0, None
            if self.words + 1 != mark.word:
                self._run = -WORD_BLOCKS  # its beginning, or the word before it, is missing: it will not be said
        self._run += 1
        text, _ = self._part.word(mark.word)
        if self._said or self._length:
            text = " " + text
        begin_ms, middle = self._total_ms - self._run * BLOCK_MS, (len(text) + 1) // 2
        if self._run == HALF_WORD and text[:middle].strip():
            self._half = _Token(text[:middle], begin_ms, self._total_ms)
        elif self._run == WORD_BLOCKS:
            half_ms = begin_ms + HALF_WORD * BLOCK_MS
            self._said += [_Token(text[:middle], begin_ms, half_ms), _Token(text[middle:], half_ms, self._total_ms)]
            self._half, self.words = None, mark.word

    def _due(self) -> bool:
        since_ms = self._total_ms - self._replied_ms
        if self._quiet_ms >= ENDPOINT_MS and self._said:
            return True
        return since_ms >= (REPLY_EVERY_MS if self._said or self._half else IDLE_REPLY_EVERY_MS)

    def _reply(self, *, end: bool = False) -> Reply:
        ended = end or (self._quiet_ms >= ENDPOINT_MS and bool(self._said))
        final = [t for t in self._said if ended or t.end_ms + FINAL_AFTER_MS <= self._total_ms]
        tail = [*self._said[len(final) :], *([self._half] if self._half else [])]
        self._said = self._said[len(final) :]
        self._length += sum(len(t.text) for t in final)
        if final:
            self._final_ms = final[-1].end_ms
        tokens = [t.to_json(True) for t in final if t.text] + [t.to_json(False) for t in tail if t.text]
        if ended:
            tokens.append('{"text":"<end>","is_final":true}')
        self._replied_ms = self._total_ms
        text = (
            f'{{"tokens":[{",".join(tokens)}],"final_audio_proc_ms":{self._final_ms},'
            f'"total_audio_proc_ms":{self._total_ms}}}'
        )
        length = self._length + sum(len(t.text) for t in tail)
        shown = Shown(self._utterance, length, ended) if tokens else None
        if ended:
            self._utterance, self._length = self._utterance + 1, 0
        return Reply(text, shown)
