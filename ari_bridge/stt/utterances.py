"""Tokens → utterances of one leg, over any number of sessions. Pure; times are ms of the leg's tape.

A word is *confirmed* once it is final and known to be whole: the next token begins with a space, or an endpoint
follows. A final token whose word may still go on is *held*: it is shown at the head of the tail. So a session may die
at any point: what is confirmed ends between two words, the rest is heard again from there, and nothing is said twice
or cut in two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ari_bridge.interfaces import Utterance
from ari_bridge.stt.dialect import Token

LIMIT_MS = 30_000  # an utterance that grows longer is cut before the word that passes it
QUIET_MS = 6_000  # so much processed silence ends an utterance whose endpoint never came
CLOSING = frozenset(".,?!…:;»”)]%-")
PATIENCE_MS = 2_000  # recognition lags: what was shown before a seam is not taken back sooner


class UtteranceBuilder:
    """`hear` every message's tokens, `seam` between two sessions, `close` at the end.

    `hear` and `close` return what to tell: for each utterance touched its present state, in order. Tokens given to
    `hear` have times, finals at least an end; `call_ms` turns tape time into call time.
    """

    __slots__ = (
        "_awaited_ms",
        "_call_ms",
        "_confirmed_ms",
        "_heard_ms",
        "_held",
        "_joint",
        "_number",
        "_start_ms",
        "_tail",
        "_text",
        "_told",
        "_total_ms",
    )

    def __init__(self, first_number: int, call_ms: Callable[[int], int]) -> None:
        self._number = first_number
        self._call_ms = call_ms
        self._text = ""  # confirmed words of the open utterance, joined as sent
        self._held: list[Token] = []  # one word: the next word, the endpoint or silence ends it
        self._tail: tuple[Token, ...] = ()
        self._start_ms: int | None = None
        self._confirmed_ms = 0
        self._total_ms = 0  # processed by the present session
        self._heard_ms = 0  # by any
        self._joint = False  # the next token is the first since a seam
        self._awaited_ms = 0  # up to here words were shown before a seam that are yet to be heard again
        self._told: Utterance | None = None

    @property
    def next_number(self) -> int:
        """The number of the open utterance, or of the next one."""
        return self._number

    @property
    def confirmed_ms(self) -> int:
        """End of the last confirmed word: nothing before it is ever needed again."""
        return self._confirmed_ms

    @property
    def open_from_ms(self) -> int | None:
        """Start of the first word heard but not confirmed; None where there is none."""
        unconfirmed = (*self._held, *self._tail)
        return unconfirmed[0].start_ms if unconfirmed else None

    @property
    def idle(self) -> bool:
        """Nothing is open: no words without an end, nothing shown that is yet to be heard again."""
        shown = self._told is not None and bool(self._told.text or self._told.tail)
        return not (self._text or self._held or self._tail or shown)

    @property
    def heard_ms(self) -> int:
        """Up to here audio was processed, or words were shown."""
        return max(self._heard_ms, self._awaited_ms, self._last_ms())

    def hear(self, tokens: Sequence[Token], total_ms: int, *, over: bool = False) -> list[Utterance]:
        """Take one message: its finals in order, its non-finals as the whole new tail; `total_ms` is processed so
        far. The last message of a session (`over`) says nothing of the tail where it holds no tokens.
        """
        changed: list[Utterance] = []
        self._total_ms = total_ms
        self._heard_ms = max(self._heard_ms, total_ms)
        for token in tokens:
            if token.ends_utterance:
                self._end(changed)
            elif token.final:
                self._take(token, changed)
        if tokens or not over:
            self._tail = tuple(token for token in tokens if not token.final)
        if self._held and (self._held[0].start_ms is None or (self._tail and _parts(self._held[-1], self._tail[0]))):
            self._confirm(changed)  # without a start it could not be heard again: it counts as whole
        if not self._tail and self._total_ms > max(self._last_ms(), self._awaited_ms) + QUIET_MS:
            self._end(changed)
        self._tell(changed)
        return changed

    def seam(self) -> None:
        """The session is over; the next one will hear again all that is not confirmed."""
        self._awaited_ms = max(self._awaited_ms, self._last_ms())
        self._joint = True
        self._held.clear()
        self._tail = ()

    def close(self) -> list[Utterance]:
        """Nothing more will come for what is open: the last partial told becomes final."""
        changed: list[Utterance] = []
        told = self._told
        if told is not None and (self._joint or self._total_ms < self._awaited_ms):
            changed.append(replace(told, text=(told.text + told.tail).rstrip(), tail="", final=True))
        elif told is not None or self._text or self._held or self._tail:
            text = (self._text + self._unconfirmed()).strip()
            changed.append(self._utterance(text, "", final=True, end_ms=self._last_ms()))
        self._number += len(changed)
        self._reset()
        self._held.clear()
        self._tail = ()
        self._joint = False
        return changed

    def _take(self, token: Token, changed: list[Utterance]) -> None:
        """A final token: the held word goes on, or is whole and this one begins the next."""
        if self._joint:
            self._joint = False
            if self._text and not _attaches(token):
                token = token._replace(text=" " + token.text)
        if self._held and _parts(self._held[-1], token):
            self._confirm(changed)
        self._held.append(token)

    def _confirm(self, changed: list[Utterance]) -> None:
        """The held word is whole."""
        word = "".join(token.text for token in self._held)
        start_ms = self._confirmed_ms if self._held[0].start_ms is None else self._held[0].start_ms
        end_ms = self._held[-1].end_ms or 0
        if self._start_ms is not None and end_ms - self._start_ms > LIMIT_MS:
            self._finish(changed)
        if self._start_ms is None and word.strip():
            self._start_ms = start_ms
        self._text = self._text + word if self._text else word.lstrip()
        self._confirmed_ms = max(self._confirmed_ms, end_ms)
        self._held.clear()

    def _end(self, changed: list[Utterance]) -> None:
        """An endpoint: what is held is whole, the utterance is final."""
        if self._held:
            self._confirm(changed)
        self._joint = False
        self._finish(changed)

    def _finish(self, changed: list[Utterance]) -> None:
        text = self._text.rstrip()
        if text:
            changed.append(self._utterance(text, "", final=True, end_ms=self._confirmed_ms))
            self._number += 1
            self._reset()

    def _reset(self) -> None:
        self._text = ""
        self._start_ms = None
        self._told = None

    def _tell(self, changed: list[Utterance]) -> None:
        """The open utterance, if it differs from what was told of it; a replay does not flicker through old words."""
        text = self._text.rstrip()
        tail = self._text[len(text) :] + self._unconfirmed()
        patience_ms = 0 if tail.strip() else PATIENCE_MS
        if self._told is not None and self._awaited_ms and self._total_ms < self._awaited_ms + patience_ms:
            return
        if not text:
            tail = tail.lstrip()
        if not (text or tail or self._told):
            return
        told = self._utterance(text, tail.rstrip(), final=False, end_ms=self._last_ms())
        if told != self._told:
            changed.append(told)
            self._told = told

    def _unconfirmed(self) -> str:
        """Held word and tail as sent; the first token since a seam gets the space that its session cannot know of."""
        text = "".join(token.text for token in (*self._held, *self._tail))
        return " " + text if self._joint and self._text and self._tail and not _attaches(self._tail[0]) else text

    def _last_ms(self) -> int:
        """End of the last word heard."""
        return max(self._confirmed_ms, *(token.end_ms or 0 for token in (*self._held, *self._tail)), 0)

    def _utterance(self, text: str, tail: str, *, final: bool, end_ms: int) -> Utterance:
        begin = next((ms for ms in (self._start_ms, self.open_from_ms) if ms is not None), self._confirmed_ms)
        start = self._call_ms(begin)
        return Utterance(self._number, text, tail, final, start, max(start, self._call_ms(end_ms)))


def _parts(before: Token, after: Token) -> bool:
    """Whether a word ends between two tokens."""
    return before.text[-1:].isspace() or after.text[:1].isspace()


def _attaches(token: Token) -> bool:
    """Whether a token joins the text before it without a space of ours: it has its own, or closes what was said."""
    return token.text[:1].isspace() or token.text[:1] in CLOSING
