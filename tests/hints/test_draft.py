from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.events import Priority, SuggestionKind
from ari_bridge.hints.draft import Draft, DraftError, DraftReader
from ari_bridge.hints.licence import licence_of
from tests.hints.playbooks import small

LICENCE = licence_of(small())


def answer(**members: object) -> str:
    full = {"kind": "objection", "priority": "high", "title": "Дорого", "content": "Спросите, с чем сравнивает."}
    return json.dumps(full | members, ensure_ascii=False)


def read(text: str, size: int = 5) -> list[Draft | None]:
    reader = DraftReader(LICENCE)
    return [*(reader.feed(text[at : at + size]) for at in range(0, len(text), size)), reader.finish()]


def test_title_first_then_the_content_word_by_word() -> None:
    drafts = [draft for draft in read(answer(title="Возражение: дорого")) if draft]
    titles = [draft.title for draft in drafts]
    first_content = next(i for i, draft in enumerate(drafts) if draft.content)
    assert titles[first_content] == "Возражение: дорого"
    assert "Возражение:" in titles
    assert drafts[-1] == Draft(
        SuggestionKind.OBJECTION, Priority.HIGH, "Возражение: дорого", "Спросите, с чем сравнивает.", False
    )


@pytest.mark.parametrize("text", [answer(kind="none"), answer(title="", content=""), answer(kind="none", title="x")])
def test_silence(text: str) -> None:
    assert read(text)[-1] is None


@pytest.mark.parametrize(
    "text",
    ["", "Извините, не могу.", answer()[:-5], "null", answer(kind="advice"), answer(priority="urgent"), answer(title=5),
     answer(content="Спросите. " * 100), '{"title":"x","content":"y"}', answer(content=None)],
)  # fmt: skip
def test_what_is_no_suggestion_is_an_error(text: str) -> None:
    with pytest.raises(DraftError):
        read(text)


def test_a_fenced_answer_is_read() -> None:
    assert read(f"```json\n{answer()}\n```")[-1] is not None


def test_what_is_not_licensed_ends_the_content() -> None:
    last = read(answer(content="Спросите, с чем сравнивает. Дайте скидку 90 %."))[-1]
    assert last is not None
    assert (last.content, last.content_blocked) == ("Спросите, с чем сравнивает.", True)


def test_a_title_that_is_not_licensed_is_no_title() -> None:
    last = read(answer(title="Скидка 90 %"))[-1]
    assert last is not None
    assert last.title == ""


def test_long_texts_are_cut_at_a_word() -> None:
    last = read(answer(content="Спросите клиента. " * 20))[-1]
    assert last is not None
    assert len(last.content) <= 300
    assert last.content.endswith("…")


@given(st.text(max_size=200), st.integers(min_value=1, max_value=20))
def test_any_answer_is_a_draft_silence_or_an_error(text: str, size: int) -> None:
    for candidate in (text, answer(content=text or "x")):
        with contextlib.suppress(DraftError):
            read(candidate, size)
