"""What a playbook would have shown in a call that is over: its lines are heard again, without any model. Pure.

The same director decides as in a live call, so spacing, repeats and exceptions count; only partials are missing, which
bring a card earlier but no other one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ari_bridge.events import Leg, Source, Suggestion, SuggestionState, Transcript
from ari_bridge.hints.commands import Command, Publish
from ari_bridge.hints.compiled import Compiled
from ari_bridge.hints.director import Director
from ari_bridge.hints.governor import Mode
from ari_bridge.hints.limits import Limits
from ari_bridge.history import CallRecord
from ari_bridge.playbooks import Previewed, Shown, card_of

AFTERWARDS_S = 60.0  # a card that its spacing held back when the last word was said


def rehearse(compiled: Compiled, call_id: str, transcript: Iterable[Transcript]) -> tuple[Suggestion, ...]:
    """The playbook's cards, in the order they would have come."""
    director = Director(call_id, compiled, Limits())
    lines = sorted(transcript, key=lambda line: (line.end_ms, line.start_ms))
    cards: dict[str, Suggestion] = {}
    for line in lines:
        now = line.end_ms / 1000
        _note(cards, _until(director, now))
        _note(cards, director.hear(line, now, Mode.PLAYBOOK))
    if lines:
        _note(cards, _until(director, lines[-1].end_ms / 1000 + AFTERWARDS_S))
    return tuple(cards.values())


def compare(compiled: Compiled, record: CallRecord) -> Iterator[Previewed]:
    """The client's lines with a card on either side, in the order they were said."""
    would = _by_line(rehearse(compiled, record.call.id, record.transcript))
    shown = _by_line(record.suggestions)
    for line in record.transcript:
        if line.leg is not Leg.CLIENT:
            continue
        before, after = shown.get(line.utterance, ()), would.get(line.utterance, ())
        if before or after:
            yield Previewed(record.call, line.utterance, line.start_ms, line.text, tuple(before), tuple(after))


def _by_line(cards: Sequence[Suggestion]) -> dict[int, list[Shown]]:
    found: dict[int, list[Shown]] = {}
    for card in cards:
        if card.utterance is None or card.source is Source.SUPERVISOR or card.state is SuggestionState.WITHDRAWN:
            continue
        verdicts = tuple(verdict.value for verdict in card.verdicts)
        item = Shown(card_of(card), card.title, card.content, card.source.value, verdicts)
        found.setdefault(card.utterance, []).append(item)
    return found


def _until(director: Director, now: float) -> Iterator[Command]:
    while (due := director.next_timer()) is not None and due <= now:
        yield from director.timer(due, Mode.PLAYBOOK)


def _note(cards: dict[str, Suggestion], commands: Iterable[Command]) -> None:
    for command in commands:
        if isinstance(command, Publish) and isinstance(command.event, Suggestion):
            card = command.event
            if card.state is SuggestionState.WITHDRAWN:
                cards.pop(card.id, None)
            else:
                cards[card.id] = card
