from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ari_bridge.demo.hearing import Hearing
from ari_bridge.demo.lexicon import Lexicon
from ari_bridge.demo.recognition import Recognition, Tuning, split_word
from ari_bridge.demo.samples import RecordedLeg, load_conversations
from ari_bridge.demo.soniox_protocol import Reply, StartRequest, parse_start

CONVERSATIONS = load_conversations()
LEXICON = Lexicon.of(CONVERSATIONS)
LEGS = [leg for c in CONVERSATIONS for leg in (c.client, c.operator)]
REQUEST = parse_start(
    json.dumps(
        {
            "model": "stt-rt-v5",
            "audio_format": "alaw",
            "sample_rate": 8000,
            "num_channels": 1,
            "enable_endpoint_detection": True,
            "max_endpoint_delay_ms": 2000,
        }
    )
)
MARKERS = ("<end>", "<fin>")


def recognition(request: StartRequest = REQUEST, tuning: Tuning | None = None) -> Recognition:
    return Recognition(request, Hearing(LEXICON, request.encoding, request.sample_rate), tuning or Tuning())


def run(leg: RecordedLeg, chunk: int = 800, request: StartRequest = REQUEST) -> list[Reply]:
    stream = recognition(request)
    parts = [leg.alaw[start : start + chunk] for start in range(0, len(leg.alaw), chunk)]
    return [stream.opening(), *(reply for part in parts for reply in stream.feed(part)), *stream.finish()]


def finals(replies: list[Reply], *, markers: bool = False) -> str:
    tokens = [token for reply in replies for token in reply.tokens if token.is_final]
    return "".join(token.text for token in tokens if markers or token.text not in MARKERS)


@pytest.mark.parametrize("leg", LEGS, ids=lambda leg: leg.utterances[0].words[0].text)
def test_finals_concatenate_to_the_text_with_an_endpoint_after_each_utterance(leg: RecordedLeg) -> None:
    replies = run(leg)
    assert finals(replies) == leg.text
    ended = [part.strip() for part in finals(replies, markers=True).split("<end>")]
    assert ended[0] == leg.utterances[0].text
    assert [part for part in ended if part] == [utterance.text for utterance in leg.utterances]


@pytest.mark.parametrize("leg", LEGS[:4], ids=lambda leg: leg.utterances[0].words[0].text)
def test_clocks_never_run_backwards_and_finals_stay_within_them(leg: RecordedLeg) -> None:
    final_ms = total_ms = spoken_ms = 0
    for reply in run(leg):
        assert final_ms <= reply.final_audio_proc_ms <= max(reply.total_audio_proc_ms, reply.final_audio_proc_ms)
        assert total_ms <= reply.total_audio_proc_ms
        final_ms, total_ms = reply.final_audio_proc_ms, reply.total_audio_proc_ms
        for token in reply.tokens:
            if token.is_final and token.end_ms is not None and token.start_ms is not None:
                assert spoken_ms <= token.start_ms <= token.end_ms <= final_ms
                spoken_ms = token.end_ms
    assert final_ms == total_ms == len(leg.alaw) // 8


@pytest.mark.parametrize("leg", LEGS[:4], ids=lambda leg: leg.utterances[0].words[0].text)
def test_a_replay_from_any_final_position_says_the_rest_and_nothing_twice(leg: RecordedLeg) -> None:
    confirmed = ""
    for reply in run(leg)[::9]:
        confirmed = finals(run(leg)[: run(leg).index(reply) + 1])
        rest = replace(leg, alaw=leg.alaw[reply.final_audio_proc_ms * 8 :])
        assert (confirmed + " " + finals(run(rest))).split() == leg.text.split()


def test_a_word_is_shown_soon_and_final_soon_after() -> None:
    leg = CONVERSATIONS[0].client
    word = leg.utterances[1].words[2]
    stream = recognition()
    shown_ms = final_ms = 0
    for start in range(0, len(leg.alaw), 160):
        for reply in stream.feed(leg.alaw[start : start + 160]):
            for token in reply.tokens:
                if token.start_ms is not None and abs(token.start_ms - word.start / 8) <= 40:
                    shown_ms = shown_ms or start // 8
                    final_ms = final_ms or (start // 8 if token.is_final else 0)
    assert 0 < shown_ms - word.end / 8 <= 400
    assert shown_ms < final_ms <= word.end / 8 + 2000


def test_the_tail_is_whole_in_every_message_and_its_newest_word_has_no_punctuation() -> None:
    seen = set()
    for reply in run(CONVERSATIONS[0].client):
        tail = "".join(token.text for token in reply.tokens if not token.is_final)
        assert not tail.endswith((".", "?", ","))
        seen.add(tail.strip())
    assert "Это слишком дорого" in seen


def test_finalize_makes_all_final_and_says_fin() -> None:
    leg = CONVERSATIONS[0].client
    utterance = leg.utterances[0]
    stream = recognition()
    replies = stream.feed(leg.alaw[: utterance.end + 800])
    answer = stream.finalize()
    assert finals([*replies, answer]) == utterance.text
    assert answer.tokens[-1].text == "<fin>"
    assert answer.final_audio_proc_ms == answer.total_audio_proc_ms == (utterance.end + 800) // 8
    assert [token.text for token in stream.finalize().tokens] == ["<fin>"]
    later = stream.feed(leg.alaw[utterance.end + 800 : leg.utterances[1].start])
    assert "<end>" not in finals(later, markers=True), "a finalized utterance is ended already"


def test_without_endpoint_detection_there_are_no_endpoints() -> None:
    replies = run(CONVERSATIONS[0].client, request=replace(REQUEST, endpoint_detection=False))
    assert finals(replies, markers=True) == CONVERSATIONS[0].client.text


def test_an_unfinished_sentence_waits_for_the_longest_delay() -> None:
    leg = CONVERSATIONS[0].client
    words = leg.utterances[1].words[:3]
    audio = leg.alaw[words[0].start : words[-1].end] + b"\xd5" * 40_000
    ends = {}
    for delay_ms in (500, 3000):
        stream = recognition(replace(REQUEST, max_endpoint_delay_ms=delay_ms))
        for start in range(0, len(audio), 800):
            if any(
                token.text == "<end>" for reply in stream.feed(audio[start : start + 800]) for token in reply.tokens
            ):
                ends[delay_ms] = start // 8
    assert 2300 <= ends[3000] - ends[500] <= 2700


def test_last_words_may_stand_in_finished_itself() -> None:
    leg = CONVERSATIONS[0].client
    stream = recognition()
    replies = stream.feed(leg.alaw[: leg.utterances[0].end])
    (last,) = stream.finish(in_one=True)
    assert last.finished
    assert finals([last]).endswith("для офиса.")
    assert finals([*replies, last]) == leg.utterances[0].text


def test_words_split_into_at_most_three_pieces() -> None:
    assert split_word("и") == ["и"]
    assert split_word("Это") == ["Это"]
    assert split_word("дорого") == ["дор", "ого"]
    assert split_word("гарантия.") == ["гара", "нтия", "."]
    assert split_word("ветер»,") == ["вет", "ер", "»,"]
    assert split_word("…") == ["…"]
