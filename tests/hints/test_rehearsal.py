from __future__ import annotations

from dataclasses import replace

from ari_bridge.events import Leg, Source, Suggestion, SuggestionState, Transcript, Verdict
from ari_bridge.hints.compiled import compile_playbook
from ari_bridge.hints.playbook_yaml import parse_playbook
from ari_bridge.hints.rehearsal import compare, rehearse
from ari_bridge.history import CallRecord
from ari_bridge.playbooks import Shown, card_of
from tests.hints.playbooks import SMALL
from tests.hub.calls import call, card

COMPILED = compile_playbook(parse_playbook(SMALL))


def line(text: str, utterance: int, at_s: float, leg: Leg = Leg.CLIENT) -> Transcript:
    return Transcript("c1", leg, utterance, text, "", True, int(at_s * 1000) - 900, int(at_s * 1000))


def titles(*lines: Transcript) -> list[str]:
    return [card_of(suggestion) for suggestion in rehearse(COMPILED, "c1", lines)]


def test_cards_come_as_in_a_live_call() -> None:
    assert titles(line("это дорого", 1, 5), line("а гарантия есть", 2, 40)) == ["dear", "warranty"]


def test_spacing_and_repeats_count() -> None:
    assert titles(line("это дорого", 1, 5), line("правда дорого", 2, 9)) == ["dear"]
    assert titles(line("а гарантия", 1, 5), line("какой срок", 2, 8)) == ["warranty"]  # held back, then stale
    assert titles(line("а гарантия", 1, 5), line("какой срок", 2, 12)) == ["warranty", "term"]  # held back, then shown


def test_what_the_operator_says_brings_no_card() -> None:
    assert titles(line("это дорого", 1, 5, Leg.OPERATOR)) == []


def test_lines_are_heard_in_the_order_they_ended() -> None:
    late, early = line("а гарантия есть", 2, 40), line("это дорого", 1, 5)
    assert titles(late, early) == ["dear", "warranty"]


def test_shown_beside_what_would_be() -> None:
    shown = (
        suggestion(1, "dear", verdicts=(Verdict.USEFUL,)),
        suggestion(2, "llm", source=Source.LLM),
        suggestion(3, "term", state=SuggestionState.WITHDRAWN),
        replace(suggestion(4, "x"), source=Source.SUPERVISOR, utterance=None),
    )
    lines = (
        line("это дорого", 1, 5),
        line("ну не знаю", 2, 20),
        line("гарантия есть?", 3, 40),
        line("до свидания", 4, 60),
    )
    found = list(compare(COMPILED, CallRecord(call(), lines, suggestions=shown)))
    assert [(f.utterance, [s.card for s in f.shown], [w.card for w in f.would]) for f in found] == [
        (1, ["dear"], ["dear"]),
        (2, ["llm"], []),
        (3, [], ["warranty"]),
    ]
    assert found[0].shown == (Shown("dear", "Возражение: дорого", "Предложите скидку 10 %.", "playbook", ("useful",)),)


def suggestion(utterance: int, name: str, **changes: object) -> Suggestion:
    return card(f"c1-{utterance}-{name}", utterance=utterance, **changes)
