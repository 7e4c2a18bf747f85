"""Plays a dialogue to a `Director` as a recogniser would tell it: partials that grow and err, then the final. Pure.

Time is simulated: 2.4 words a second, a partial every 200 ms, the final 0.8 s after the last word.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ari_bridge.events import Leg, Source, Suggestion, SuggestionState, Transcript
from ari_bridge.hints.commands import Ask, Command, Decided, Publish
from ari_bridge.hints.compiled import Compiled
from ari_bridge.hints.director import Director
from ari_bridge.hints.governor import Mode
from ari_bridge.hints.limits import Limits
from tests.eval.golden import Dialogue, Turn

WORD_S = 1 / 2.4
PARTIAL_S = 0.2
ENDPOINT_S = 0.8
BETWEEN_S = 1.0
CONFIRM_S = 1.6
MISHEARD = ("дорого", "конкуренты", "подумаю", "срочно", "скидка", "гарантия", "дорога", "цена", "нужно", "стол")

Answerer = Callable[[Ask, float], Sequence[tuple[float, str | None]]]
"""What the model does with a question: (time, piece of text), None as the last piece; empty for no answer."""


@dataclass(slots=True)
class Appearance:
    """A card on the screen: the playbook card (or `llm`), the turn that caused it, and when."""

    card: str
    turn: int
    at: float
    final_at: float
    held: bool  # kept back by the spacing, on purpose
    withdrawn: bool = False


@dataclass(slots=True)
class Screen:
    """What became of one dialogue. `visible[turn]`: cards that stood on the screen after that turn."""

    appearances: list[Appearance] = field(default_factory=list)
    visible: dict[int, frozenset[str]] = field(default_factory=dict)
    suggestions: list[Suggestion] = field(default_factory=list)
    busiest_ms: list[float] = field(default_factory=list)
    refined_after_s: list[float] = field(default_factory=list)  # from the question to the model's first words


@dataclass(slots=True)
class Replay:
    """One dialogue, played from `now` = 0."""

    compiled: Compiled
    seed: int
    errors: float = 0.05
    answerer: Answerer | None = None
    now: float = 0.0
    screen: Screen = field(default_factory=Screen)
    _pending: list[tuple[float, int, str | None]] = field(default_factory=list)
    _asked_at: dict[int, float] = field(default_factory=dict)
    _finals: dict[int, float] = field(default_factory=dict)
    _held: set[str] = field(default_factory=set)

    def play(self, dialogue: Dialogue) -> Screen:
        dice = random.Random(f"{self.seed}:{dialogue.name}")
        director = Director("g", self.compiled, Limits())
        for number, turn in enumerate(dialogue.turns):
            self._turn(director, number, turn, dice)
            self._let_pass(director, self.now + BETWEEN_S)
            self.screen.visible[number] = self._visible(director)
        self._let_pass(director, self.now + 10.0)
        return self.screen

    def _turn(self, director: Director, number: int, turn: Turn, dice: random.Random) -> None:
        leg = Leg.CLIENT if turn.client else Leg.OPERATOR
        start = self.now
        self._finals[number] = start + len(turn.text.split()) * WORD_S + ENDPOINT_S
        for at, text, tail, final in hearings(turn.text, start, dice, self.errors):
            self._let_pass(director, at)
            said = Transcript("g", leg, number, text, tail, final, round(start * 1000), round(at * 1000))
            began = time.perf_counter()
            commands = director.hear(said, at, self._mode)
            self.screen.busiest_ms.append(1000 * (time.perf_counter() - began))
            self._carry_out(director, commands, at)

    @property
    def _mode(self) -> Mode:
        return Mode.FULL if self.answerer else Mode.PLAYBOOK

    def _let_pass(self, director: Director, until: float) -> None:
        """Timers and the model's pieces, in order, up to `until`."""
        while True:
            timer = director.next_timer()
            piece = min(self._pending, default=None)
            due = min((t for t in (timer, piece[0] if piece else None) if t is not None), default=until)
            if due >= until:
                break
            self.now = max(self.now, due)
            if piece is not None and piece[0] <= due:
                self._pending.remove(piece)
                self._carry_out(director, self._piece(director, piece), self.now)
            else:
                self._carry_out(director, director.timer(self.now, self._mode), self.now)
        self.now = max(self.now, until)

    def _piece(self, director: Director, piece: tuple[float, int, str | None]) -> Sequence[Command]:
        at, request, text = piece
        if text is None:
            return director.answered(request, at)[0]
        return director.token(request, text, at)

    def _carry_out(self, director: Director, commands: Sequence[Command], at: float) -> None:
        for command in commands:
            if isinstance(command, Ask) and self.answerer:
                self._asked_at[command.trigger.utterance] = at
                self._pending.extend((t, command.number, text) for t, text in self.answerer(command, at))
            elif isinstance(command, Decided) and command.what == "deferred":
                self._held.add(command.card or "")
            elif isinstance(command, Publish) and isinstance(command.event, Suggestion):
                self._note(command.event, at)

    def _note(self, suggestion: Suggestion, at: float) -> None:
        self.screen.suggestions.append(suggestion)
        if suggestion.source is Source.LLM and (asked := self._asked_at.pop(suggestion.utterance or 0, None)):
            self.screen.refined_after_s.append(at - asked)
        turn, card = suggestion.utterance or 0, suggestion.id.rsplit("-", 1)[1]
        known = [a for a in self.screen.appearances if (a.card, a.turn) == (card, turn)]
        if suggestion.state is SuggestionState.WITHDRAWN:
            for appearance in known:
                appearance.withdrawn = True
        elif not known:
            self.screen.appearances.append(Appearance(card, turn, at, self._finals[turn], suggestion.id in self._held))
        elif known[-1].withdrawn and suggestion.state is SuggestionState.COMPLETE:
            known[-1].withdrawn = False

    def _visible(self, director: Director) -> frozenset[str]:
        return frozenset(card.id.rsplit("-", 1)[1] for card in director.stage.deck.live(self.now))


def hearings(said: str, start: float, dice: random.Random, errors: float) -> Iterator[tuple[float, str, str, bool]]:
    """(time, confirmed text, tail, final) of one utterance; half words at the end and misheard words in tails."""
    spoken = said.split()
    end = start + len(spoken) * WORD_S
    at = start + PARTIAL_S
    told = None
    while at < end + ENDPOINT_S:
        whole, rest = divmod((at - start) / WORD_S, 1)
        heard = spoken[: int(whole)]
        confirmed = min(len(heard), max(0, int((at - start - CONFIRM_S) / WORD_S)))
        tail = heard[confirmed:]
        if tail and dice.random() < errors:
            tail[-1] = dice.choice(MISHEARD)
        if rest > 0.3 and whole < len(spoken):
            word = spoken[int(whole)]
            tail.append(word[: max(1, len(word) // 2)])
        text = " ".join(heard[:confirmed])
        partial = (text, (" " if text and tail else "") + " ".join(tail))
        if partial != told:
            yield at, *partial, False
        told = partial
        at += PARTIAL_S
    yield end + ENDPOINT_S, said, "", True
