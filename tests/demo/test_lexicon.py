from __future__ import annotations

import numpy as np
import pytest

from ari_bridge.demo.g711 import decode_alaw
from ari_bridge.demo.lexicon import WINDOW, Lexicon, sign_keys, spread_words
from ari_bridge.demo.samples import BLOCK, RecordedLeg, SpokenUtterance, SpokenWord, load_conversations
from ari_bridge.errors import IllegalInput

PRICE = load_conversations()[0]
LEXICON = Lexicon((PRICE.client,))
SILENCE = b"\xd5"


def test_words_stand_on_sound_and_need_nine_tenths_of_it() -> None:
    assert [word.text for word in LEXICON.words] == PRICE.client.text.split()
    for index, word in enumerate(LEXICON.words):
        assert LEXICON.audible[word.first]
        assert LEXICON.audible[word.end - 1]
        assert set(LEXICON.word_of[word.first : word.end]) == {index}
        assert word.needed / (word.end - word.first) >= 0.9
        assert (word.needed - 1) / (word.end - word.first) < 0.9


def test_no_word_could_pass_on_silence() -> None:
    """What stays of a muted word is fewer blocks than it needs."""
    for word in LEXICON.words:
        assert (word.end - word.first) - np.count_nonzero(LEXICON.audible[word.first : word.end]) < word.needed


def test_blocks_match_themselves_and_not_one_another() -> None:
    sounding = np.flatnonzero(LEXICON.audible)
    assert LEXICON.match(0, LEXICON.blocks).all()
    shifted = np.roll(LEXICON.blocks.reshape(-1), 3).reshape(LEXICON.blocks.shape)
    assert np.count_nonzero(LEXICON.match(0, shifted)[sounding]) < 0.02 * len(sounding)
    assert not LEXICON.match(0, np.zeros_like(LEXICON.blocks))[sounding].any()


def test_a_piece_of_audio_is_located_at_its_place_also_inverted_in_nothing() -> None:
    word = PRICE.client.utterances[1].words[1]
    piece = decode_alaw(PRICE.client.alaw[word.start : word.start + 2 * BLOCK]).astype(np.float32)
    found = list(LEXICON.locate(piece, 8))
    assert (0, word.start) in found
    assert not list(LEXICON.locate(-piece[: WINDOW // 2], 8))


def test_keys_tell_the_signs_of_a_whole_window() -> None:
    samples = np.ones(3 * WINDOW, np.float32)
    samples[2 * WINDOW] = -1
    keys = sign_keys(samples)
    assert len(keys) == 2 * WINDOW + 1
    assert len(set(keys[: WINDOW + 1].tolist())) == 1
    assert len(set(keys[WINDOW:].tolist())) == WINDOW + 1


def test_a_word_without_sound_is_refused() -> None:
    leg = RecordedLeg(SILENCE * 1600, (SpokenUtterance("тихо", (SpokenWord("тихо", 0, 1600),)),))
    with pytest.raises(IllegalInput, match="тихо"):
        Lexicon((leg,))


def test_an_empty_lexicon_locates_nothing() -> None:
    assert not list(Lexicon(()).locate(np.ones(1000, np.float32), 8))


def test_a_text_is_spread_over_the_sound_of_its_recording() -> None:
    utterance = PRICE.client.utterances[0]
    leg = spread_words(PRICE.client.alaw[utterance.start - 1600 : utterance.end], utterance.text)
    assert leg.text == utterance.text
    assert leg.utterances[0].start >= 1600
    assert [word.text for word in Lexicon((leg,)).words] == utterance.text.split()
    with pytest.raises(IllegalInput, match="short"):
        spread_words(SILENCE * 8000, "слово")
