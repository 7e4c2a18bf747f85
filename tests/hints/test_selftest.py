from __future__ import annotations

from ari_bridge.hints.playbook_file import read_playbook
from ari_bridge.hints.playbook_yaml import parse_playbook
from ari_bridge.hints.selftest import playbook_selftest
from tests.hints.playbooks import SMALL, small


def test_the_bundled_playbook_does_what_it_says() -> None:
    playbook = read_playbook(None)
    assert playbook_selftest(playbook) == ()
    assert all(card.examples and card.counterexamples for card in playbook.cards)
    assert all(step.examples for step in playbook.checklist)


def test_faults_are_found_and_named() -> None:
    assert playbook_selftest(small()) == ()
    findings = playbook_selftest(
        parse_playbook(
            SMALL.replace("examples: [это дорого]", "examples: [кусается]")
            .replace("counterexamples: [это недорого]", "counterexamples: [дорого]")
            .replace("say: Гарантия 3 года на окна.", "say: Пожизненная гарантия!")
        )
    )
    assert [finding.owner for finding in findings] == ["dear", "dear", "warranty"]
    assert "кусается" in findings[0].reason
