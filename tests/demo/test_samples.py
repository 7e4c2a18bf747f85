"""The recordings are what the demo and the tests believe them to be."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ari_bridge.demo.g711 import decode_alaw
from ari_bridge.demo.samples import BLOCK, SAMPLE_RATE, Conversation, RecordedLeg, load_conversations

CONVERSATIONS = load_conversations()
LEGS = [
    pytest.param(leg, id=f"{c.id}.{name}")
    for c in CONVERSATIONS
    for name, leg in (("client", c.client), ("operator", c.operator))
]


def test_there_are_five_and_they_are_small() -> None:
    assert len({c.id for c in CONVERSATIONS}) == len(CONVERSATIONS) == 5
    assert all(c.client_number.startswith("+7") and len(c.client_number) == 12 for c in CONVERSATIONS)
    assert sum(len(c.client.alaw) + len(c.operator.alaw) for c in CONVERSATIONS) <= 3_000_000


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda c: c.id)
def test_the_parties_take_turns(conversation: Conversation) -> None:
    assert len(conversation.client.alaw) == len(conversation.operator.alaw)
    assert 20_000 <= conversation.duration_ms <= 45_000
    turns = sorted((u.start, u.end) for leg in (conversation.client, conversation.operator) for u in leg.utterances)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(turns))


@pytest.mark.parametrize("leg", LEGS)
def test_every_word_stands_on_packets_of_its_own_and_can_be_heard(leg: RecordedLeg) -> None:
    position = 0
    for word in (word for utterance in leg.utterances for word in utterance.words):
        assert position <= word.start < word.end <= len(leg.alaw)
        assert word.start % BLOCK == word.end % BLOCK == 0
        assert word.text.split() == [word.text]
        assert loudness(leg.alaw[word.start : word.end]) > 50, word
        position = word.end


@pytest.mark.parametrize("leg", LEGS)
def test_it_is_silent_between_utterances(leg: RecordedLeg) -> None:
    edges = [0, *(edge for u in leg.utterances for edge in (u.start, u.end)), len(leg.alaw)]
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        assert loudness(leg.alaw[start : end - SAMPLE_RATE // 50]) < 50


def loudness(alaw: bytes) -> float:
    """RMS of the decoded samples."""
    return float(np.sqrt(np.mean(decode_alaw(alaw).astype(float) ** 2))) if alaw else 0.0
