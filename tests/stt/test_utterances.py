"""Tokens → utterances: exact vectors, and any cut of the same tokens into messages."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.interfaces import Utterance
from ari_bridge.stt.dialect import Token
from ari_bridge.stt.utterances import LIMIT_MS, PATIENCE_MS, QUIET_MS, UtteranceBuilder

END = Token("", True, ends_utterance=True)


def builder(first: int = 1) -> UtteranceBuilder:
    return UtteranceBuilder(first, lambda ms: ms + 1000)


def final(text: str, start_ms: int, end_ms: int) -> Token:
    return Token(text, True, start_ms, end_ms)


def tail(text: str, start_ms: int, end_ms: int) -> Token:
    return Token(text, False, start_ms, end_ms)


def test_a_partial_grows_in_place_and_ends_at_the_endpoint() -> None:
    made = builder(7)
    assert made.hear([tail(" Это", 100, 300)], 400) == [Utterance(7, "", "Это", False, 1100, 1300)]
    assert made.hear([final(" Это", 100, 300), tail(" слиш", 320, 500)], 500) == [
        Utterance(7, "Это", " слиш", False, 1100, 1500)
    ]
    assert made.hear([final(" слиш", 320, 500), tail("ком", 500, 600)], 600) == [
        Utterance(7, "Это", " слишком", False, 1100, 1600)
    ]
    assert made.hear([final("ком", 500, 600), final(" дорого", 620, 900), final(".", 900, 910), END], 2900) == [
        Utterance(7, "Это слишком дорого.", "", True, 1100, 1910)
    ]
    assert made.idle
    assert made.next_number == 8


def test_the_same_state_is_told_once() -> None:
    made = builder()
    assert len(made.hear([tail("да", 0, 100)], 100)) == 1
    assert made.hear([tail("да", 0, 100)], 200) == []
    assert made.hear([], 300) == [Utterance(1, "", "", False, 1000, 1000)]
    assert made.hear([], 400) == []


def test_markers_alone_make_no_utterance() -> None:
    made = builder()
    assert made.hear([END], 100) == []
    assert made.hear([END, END], 200) == []
    assert made.next_number == 1


def test_words_after_an_endpoint_in_the_same_message_are_the_next_utterance() -> None:
    made = builder()
    told = made.hear([final("Да", 0, 100), END, final(" Нет", 900, 1000), tail(" ну", 1010, 1100)], 1200)
    assert told == [
        Utterance(1, "Да", "", True, 1000, 1100),
        Utterance(2, "Нет", " ну", False, 1900, 2100),
    ]


def test_a_final_word_is_confirmed_once_the_next_one_begins() -> None:
    made = builder()
    (told,) = made.hear([final("До", 0, 100)], 100)
    assert (told.text, told.tail, made.confirmed_ms, made.open_from_ms) == ("", "До", 0, 0)
    (told,) = made.hear([final("рого", 100, 300)], 300)
    assert (told.text, told.tail, made.confirmed_ms) == ("", "Дорого", 0)
    (told,) = made.hear([tail(" и", 400, 500)], 500)
    assert (told.text, told.tail, made.confirmed_ms, made.open_from_ms) == ("Дорого", " и", 300, 400)


def test_a_space_at_the_end_of_a_token_ends_the_word_too() -> None:
    made = builder()
    (told,) = made.hear([final("да ", 0, 100), tail("но", 100, 200)], 200)
    assert (told.text, told.tail) == ("да", " но")
    (told,) = made.hear([final("но ", 100, 200), END], 300)
    assert (told.text, told.tail) == ("да но", "")


def test_a_final_without_a_start_counts_as_whole() -> None:
    made = builder()
    (told,) = made.hear([Token("Да", True, None, 500)], 500)
    assert (told.text, told.tail, made.confirmed_ms, made.open_from_ms) == ("Да", "", 500, None)


def test_thirty_seconds_end_an_utterance_between_two_words() -> None:
    made = builder()
    told: list[Utterance] = []
    for number in range(40):
        told += made.hear([final(f" с{number}", number * 1000, number * 1000 + 900)], number * 1000 + 900)
    told += made.hear([END], 40_000)
    finals = [utterance for utterance in told if utterance.final]
    assert [utterance.text.split()[0] for utterance in finals] == ["с0", "с30"]
    assert [utterance.number for utterance in finals] == [1, 2]
    assert all(utterance.end_ms - utterance.start_ms <= LIMIT_MS for utterance in finals)
    assert finals[1].start_ms == 31_000


def test_silence_ends_an_utterance_whose_endpoint_never_came() -> None:
    made = builder()
    made.hear([final("Алло", 0, 300)], 400)
    assert made.hear([], 300 + QUIET_MS) == []
    assert made.hear([], 301 + QUIET_MS) == [Utterance(1, "Алло", "", True, 1000, 1300)]


def test_a_seam_hears_the_unconfirmed_again_and_joins_with_a_space() -> None:
    made = builder()
    made.hear([final("Это", 0, 200), final(" слиш", 250, 400), tail("ком", 400, 500)], 500)
    made.seam()
    assert made.confirmed_ms == 200
    assert made.hear([], 300) == []
    assert made.hear([tail("слишком", 250, 500)], 500) == []
    assert made.hear([final("слиш", 250, 400), final("ком", 400, 500), tail(" дорого", 520, 800)], 800) == [
        Utterance(1, "Это слишком", " дорого", False, 1000, 1800)
    ]


def test_a_seam_gives_a_tail_its_space_too() -> None:
    made = builder()
    made.hear([final("Это", 0, 200), tail(" с", 250, 300)], 300)
    made.seam()
    assert made.hear([tail("слишком", 250, 600)], 600) == [Utterance(1, "Это", " слишком", False, 1000, 1600)]
    made.seam()
    assert made.hear([tail(".", 200, 210)], 900) == [Utterance(1, "Это", ".", False, 1000, 1210)]


def test_an_opening_quote_keeps_its_space_at_a_seam() -> None:
    made = builder()
    made.hear([final("Компания", 0, 200), tail(" «С", 250, 300)], 300)
    made.seam()
    (told,) = made.hear([final("«Север»", 250, 600), END], 900)
    assert told.text == "Компания «Север»"


def test_what_a_lost_session_showed_is_taken_back_only_after_a_while() -> None:
    made = builder()
    made.hear([tail("показалось", 0, 500)], 500)
    made.seam()
    assert made.hear([], 499 + PATIENCE_MS) == []
    assert made.hear([], 500 + PATIENCE_MS) == [Utterance(1, "", "", False, 1000, 1000)]
    assert made.close() == [Utterance(1, "", "", True, 1000, 1000)]


def test_the_endpoint_of_the_next_session_ends_what_was_confirmed() -> None:
    made = builder()
    made.hear([final("Это", 0, 200), tail(" с", 250, 300)], 300)
    made.seam()
    assert made.hear([END], 2600) == [Utterance(1, "Это", "", True, 1000, 1200)]


def test_close_makes_the_last_partial_final() -> None:
    made = builder()
    made.hear([final("Это", 0, 200), final(" слиш", 250, 400), tail("ком дор", 400, 600)], 600)
    assert made.close() == [Utterance(1, "Это слишком дор", "", True, 1000, 1600)]
    assert made.close() == []
    assert made.next_number == 2


def test_close_after_a_seam_keeps_what_was_shown() -> None:
    made = builder()
    made.hear([final("Это", 0, 200), tail(" слишком", 250, 600)], 600)
    made.seam()
    assert made.close() == [Utterance(1, "Это слишком", "", True, 1000, 1600)]


def test_close_in_the_middle_of_a_replay_keeps_what_was_shown() -> None:
    made = builder()
    made.hear([tail("Это слишком дорого", 0, 900)], 900)
    made.seam()
    made.hear([final("Это", 0, 200), tail(" сли", 250, 300)], 400)
    assert made.close() == [Utterance(1, "Это слишком дорого", "", True, 1000, 1900)]


def test_heard_is_what_was_processed_or_shown() -> None:
    made = builder()
    made.hear([tail("да", 0, 700)], 500)
    assert made.heard_ms == 700
    made.hear([], 2000)
    assert made.heard_ms == 2000


PIECES = ("При", "вет", ",", " как", " де", "ла", "?", " Хо", "ро", "шо", ".", " «Да»", " нет")


@st.composite
def spoken(draw: st.DrawFn) -> list[Token]:
    """Final tokens in time order, endpoints between some."""
    tokens: list[Token] = []
    at = 0
    for text in draw(st.lists(st.sampled_from(PIECES), min_size=1, max_size=40)):
        at += draw(st.integers(0, 2000)) if text.startswith(" ") else 0
        tokens.append(final(text, at, at + 100))
        at += 100
        if draw(st.integers(0, 5)) == 0:
            tokens.append(END)
    return tokens


@given(spoken(), st.data())
def test_any_cut_into_messages_gives_the_same_lines(tokens: list[Token], data: st.DataObject) -> None:
    whole = builder()
    together = whole.hear(tokens, 0) + whole.close()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(tokens)), max_size=10)) | {0, len(tokens)})
    made, told, heard_ms = builder(), [], 0
    for start, stop in pairwise(cuts):
        piece = tokens[start:stop]
        shown = tokens[stop : stop + data.draw(st.integers(0, 3))]
        shown = shown[: shown.index(END)] if END in shown else shown
        heard_ms = max([heard_ms, *(token.end_ms or 0 for token in piece)])
        told += made.hear([*piece, *(tail(t.text, t.start_ms or 0, t.end_ms or 0) for t in shown)], heard_ms)
    told += made.close()
    assert [u for u in told if u.final] == [u for u in together if u.final]
    shown_text: dict[int, str] = {}
    for utterance in told:
        assert utterance.text.startswith(shown_text.get(utterance.number, ""))
        shown_text[utterance.number] = utterance.text
