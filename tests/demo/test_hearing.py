"""The stand-in hears what arrived intact, and nothing else."""

from __future__ import annotations

import audioop
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.demo.hearing import HeardWord, Hearing
from ari_bridge.demo.lexicon import Lexicon, spread_words
from ari_bridge.demo.samples import BLOCK, RecordedLeg, SpokenWord, load_conversations

CONVERSATIONS = load_conversations()
LEXICON = Lexicon.of(CONVERSATIONS)
LEGS = [leg for c in CONVERSATIONS for leg in (c.client, c.operator)]
SILENCE = b"\xd5"


def hear(audio: bytes, encoding: str = "alaw", rate: int = 8000, chunk: int = 800) -> list[HeardWord]:
    hearing = Hearing(LEXICON, encoding, rate)
    heard = [word for start in range(0, len(audio), chunk) for word in hearing.feed(audio[start : start + chunk])]
    return heard + hearing.flush()


def said(audio: bytes, encoding: str = "alaw", rate: int = 8000) -> list[str]:
    return [word.text for word in hear(audio, encoding, rate)]


def words_of(leg: RecordedLeg) -> list[SpokenWord]:
    return [word for utterance in leg.utterances for word in utterance.words]


def noise(length: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(length)


def is_audible(alaw: bytes) -> bool:
    return audioop.rms(linear(alaw), 2) > 50


def linear(alaw: bytes) -> bytes:
    return audioop.alaw2lin(alaw, 2)


class Passage:
    """A few words of a leg around one of them, cut out of the recording."""

    def __init__(self, leg: RecordedLeg, index: int) -> None:
        words = words_of(leg)
        around = words[max(0, index - 2) : index + 3]
        self.audio = leg.alaw[around[0].start : around[-1].end]
        self.all = [word.text for word in around]
        self.others = [word.text for word in around if word is not words[index]]
        self.word = words[index]
        self.start, self.end = words[index].start - around[0].start, words[index].end - around[0].start
        sounding = [at for at in range(self.start, self.end, BLOCK) if is_audible(self.audio[at : at + BLOCK])]
        self.sound_start, self.sound_end = sounding[0], sounding[-1] + BLOCK

    def with_word(self, audio: bytes) -> bytes:
        return self.audio[: self.start] + audio + self.audio[self.end :]

    def with_gap(self, at: int, gap: bytes) -> bytes:
        return self.audio[: self.start + at] + gap + self.audio[self.start + at :]


PASSAGES = st.sampled_from(LEGS).flatmap(
    lambda leg: st.integers(0, len(words_of(leg)) - 1).map(lambda index: Passage(leg, index))
)
LONG = PASSAGES.filter(lambda passage: passage.end - passage.start >= 8 * BLOCK)


def as_mulaw(alaw: bytes) -> bytes:
    return audioop.lin2ulaw(linear(alaw), 2)


def as_16_khz(alaw: bytes) -> bytes:
    return audioop.ratecv(linear(alaw), 2, 1, 8000, 16000, None)[0]


@pytest.mark.parametrize(
    ("transcode", "encoding", "rate"),
    [
        (bytes, "alaw", 8000),
        (as_mulaw, "mulaw", 8000),
        (linear, "pcm_s16le", 8000),
        (as_16_khz, "pcm_s16le", 16000),
        (lambda alaw: audioop.lin2alaw(audioop.ulaw2lin(as_mulaw(alaw), 2), 2), "alaw", 8000),
    ],
    ids=["alaw", "mulaw", "linear", "16 kHz", "there and back"],
)
@pytest.mark.parametrize("leg", LEGS, ids=lambda leg: leg.utterances[0].words[0].text)
def test_a_whole_leg_is_heard_in_every_encoding(
    leg: RecordedLeg, transcode: Callable[[bytes], bytes], encoding: str, rate: int
) -> None:
    heard = hear(transcode(leg.alaw), encoding, rate)
    assert " ".join(word.text for word in heard) == leg.text
    for word, spoken in zip(heard, words_of(leg), strict=True):
        assert spoken.start / 8 <= word.start_ms + 1 < word.end_ms <= spoken.end / 8 + 1


@given(PASSAGES)
def test_a_muted_word_is_not_said_and_all_others_are(passage: Passage) -> None:
    muted = passage.with_word(SILENCE * (passage.end - passage.start))
    assert said(muted) == passage.others
    assert said(as_mulaw(muted), "mulaw") == passage.others


@given(PASSAGES, st.integers(0, 99))
def test_a_corrupted_word_is_not_said(passage: Passage, seed: int) -> None:
    assert said(passage.with_word(noise(passage.end - passage.start, seed))) == passage.others


@given(PASSAGES, LONG)
def test_another_words_audio_says_the_other_word(passage: Passage, other: Passage) -> None:
    swapped = passage.with_word(other.audio[other.start : other.end])
    where = passage.all.index(passage.word.text)
    heard = said(swapped)
    assert sorted(heard) == sorted([*passage.others, other.word.text])
    assert other.word.text in heard[where - 1 if where else 0 : where + 2]


@given(st.lists(LONG, min_size=2, max_size=6))
def test_words_are_said_in_the_order_of_their_audio(passages: list[Passage]) -> None:
    audio = b"".join(p.audio[p.start : p.end] for p in passages)
    assert said(audio) == [p.word.text for p in passages]


@given(LONG)
def test_a_word_cut_short_is_not_said(passage: Passage) -> None:
    half = (passage.sound_start + passage.sound_end) // 2
    assert said(passage.with_word(passage.audio[passage.start : half])) == passage.others


@given(LONG, st.data())
def test_forty_milliseconds_inserted_are_tolerated_sixty_are_not(passage: Passage, data: st.DataObject) -> None:
    blocks = (passage.end - passage.start) // BLOCK
    at = BLOCK * data.draw(st.integers(1, blocks - 1))
    assert said(passage.with_gap(at, SILENCE * BLOCK)) == passage.all
    assert said(passage.with_gap(at, SILENCE * 2 * BLOCK)) == passage.all
    # the last of a word may be so quiet that silence in it is the same
    if passage.sound_start + 4 * BLOCK <= passage.start + at <= passage.sound_end - 9 * BLOCK and blocks < 30:
        assert said(passage.with_gap(at, SILENCE * 3 * BLOCK)) == passage.others


@pytest.mark.parametrize(
    ("leg", "word", "at", "inserted"),
    [(0, 0, 2, 1), (2, 2, 10, 2), (3, 3, 11, 2), (7, 0, 3, 1), (7, 13, 18, 2), (9, 0, 4, 2), (9, 7, 14, 1)],
)
def test_sound_before_a_gap_counts_however_short_it_is(leg: int, word: int, at: int, inserted: int) -> None:
    passage = Passage(LEGS[leg], word)
    assert said(passage.with_gap(BLOCK * at, SILENCE * BLOCK * inserted)) == passage.all


@given(PASSAGES, st.integers(0, 3000), st.integers(0, 99), st.booleans())
def test_it_may_start_at_any_sample_after_silence_or_noise(
    passage: Passage, samples: int, seed: int, silent: bool
) -> None:
    heard = hear((SILENCE * samples if silent else noise(samples, seed)) + passage.audio)
    assert [word.text for word in heard] == passage.all


@given(st.sampled_from(LEGS), st.data())
def test_a_replay_from_anywhere_says_the_words_that_begin_after_it(leg: RecordedLeg, data: st.DataObject) -> None:
    words = words_of(leg)
    start = data.draw(st.integers(0, words[-1].start))
    end = min(len(leg.alaw), start + 40_000)
    expected = [w.text for w in words if start <= w.start and w.end <= end]
    heard = said(leg.alaw[start:end])
    beyond = len(heard) - len(expected)  # a word whose silent edge alone was cut off is still whole
    assert 0 <= beyond <= 2
    assert expected in (heard[:-1], heard[1:], heard[1:-1], heard)


@given(PASSAGES, st.integers(1, 3000))
def test_it_does_not_matter_how_the_bytes_are_cut(passage: Passage, chunk: int) -> None:
    assert hear(passage.audio, chunk=chunk) == hear(passage.audio)
    wide = as_16_khz(passage.audio)
    assert hear(wide, "pcm_s16le", 16000, chunk) == hear(wide, "pcm_s16le", 16000)


def test_the_same_audio_twice_is_said_twice() -> None:
    utterance = CONVERSATIONS[0].client.utterances[1]
    audio = CONVERSATIONS[0].client.alaw[utterance.start : utterance.end]
    assert said(audio + audio) == utterance.text.split() * 2


def test_unknown_speech_noise_and_silence_say_nothing() -> None:
    rest = Lexicon.of(CONVERSATIONS[1:])
    for audio in (CONVERSATIONS[0].client.alaw, CONVERSATIONS[0].operator.alaw, noise(80_000, 1), SILENCE * 80_000):
        hearing = Hearing(rest, "alaw", 8000)
        assert hearing.feed(audio) + hearing.flush() == []


def test_inverted_or_louder_speech_is_not_the_recorded_one() -> None:
    audio = linear(CONVERSATIONS[0].client.alaw)
    assert said(audioop.mul(audio, 2, -1), "pcm_s16le") == []
    assert said(audioop.mul(audio, 2, 1.5), "pcm_s16le") == []


def test_a_recording_of_unknown_boundaries_is_heard_where_it_arrives_whole() -> None:
    utterance = CONVERSATIONS[0].client.utterances[1]
    leg = spread_words(CONVERSATIONS[0].client.alaw[utterance.start : utterance.end], utterance.text)
    hearing = Hearing(Lexicon((leg,)), "mulaw", 8000)
    assert [w.text for w in hearing.feed(as_mulaw(leg.alaw)) + hearing.flush()] == utterance.text.split()


def test_it_counts_what_it_received_and_where_sound_ended() -> None:
    hearing = Hearing(LEXICON, "pcm_s16le", 16000)
    hearing.feed(b"\0\0" * 160 + b"\0")
    assert hearing.received_ms == 10
    hearing.feed(b"\0" + b"\0\0" * 1600 + b"\x00\x20" * 1600 + b"\0\0" * 8000)
    assert hearing.received_ms == 710
    assert 200 <= hearing.sound_end_ms <= 300
