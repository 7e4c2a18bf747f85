"""Single utterances against the bundled playbook, without the pace of talk: how much the phrases hear."""

from __future__ import annotations

import re
from collections import defaultdict

from ari_bridge.hints.compiled import compile_playbook
from ari_bridge.hints.playbook_file import read_playbook
from ari_bridge.hints.stems import words
from tests.eval.golden import FOLDER, load_ordinary

COMPILED = compile_playbook(read_playbook(None))


def first_card(text: str) -> str | None:
    return next((hit.owner for hit in COMPILED.cards_in(words(text))), None)


def spoken() -> dict[str, list[str]]:
    found, card = defaultdict[str, list[str]](list), ""
    for line in (FOLDER / "spoken.txt").read_text(encoding="utf-8").splitlines()[1:]:
        if re.fullmatch("[a-z_]+", line):
            card = line
        elif line:
            found[card].append(line)
    return found


def test_every_card_is_heard_in_many_ways() -> None:
    by_card = spoken()
    assert by_card.keys() == COMPILED.cards.keys()
    missed = {card: [text for text in texts if first_card(text) != card] for card, texts in by_card.items()}
    assert sum(map(len, missed.values())) <= 0.04 * sum(map(len, by_card.values())), missed
    assert all(len(missed[card]) <= 0.15 * len(texts) for card, texts in by_card.items()), missed


def test_ordinary_talk_brings_no_card() -> None:
    lines = load_ordinary(("spoken_ordinary.txt",))
    false = [(line, card) for line in lines if (card := first_card(line))]
    assert (len(lines) > 400, len(false) <= 0.01 * len(lines)) == (True, True), false
