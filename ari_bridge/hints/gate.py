"""The local gate: is an utterance worth a question to the model? Pure, no network, no cost."""

from __future__ import annotations

from ari_bridge.hints.phrases import FILLERS
from ari_bridge.hints.stems import stem, words

MIN_WORDS = 4
_QUESTION_WORDS = """
    сколько почем какой какая какие какое каков когда где куда откуда кто что чем почему зачем как можно есть
    будет сможете можете умеете делаете работаете входит подскажите расскажите объясните
"""
QUESTIONS = frozenset(_QUESTION_WORDS.split())
_QUESTION_STARTS = frozenset({"а", "ну", "и", "или", "так", "скажите", "подскажите", "слушайте"})
_SMALL_TALK = """
    да нет не хорошо ладно понятно ясно спасибо пожалуйста алло здравствуйте привет добрый доброе день вечер утро
    свидания всего доброго до слушаю слушаем конечно верно правильно точно отлично договорились давайте минутку
    секунду секундочку сейчас вам вас вы я мы у нас меня мне
"""
_SMALL = frozenset(stem(word) for word in _SMALL_TALK.split())


def is_question(text: str) -> bool:
    """Asked for something: by its mark, or by a question word among the first."""
    if "?" in text:
        return True
    head = [word.form for word in words(text)][:5]
    while head and head[0] in _QUESTION_STARTS:
        head = head[1:]
    return any(form in QUESTIONS for form in head[:2])


def worth_asking(text: str, *, matched: bool) -> str | None:
    """Why to ask (`playbook`, `question`, `substance`), or None for small talk and fragments."""
    if matched:
        return "playbook"
    content = [w.form for w in words(text) if w.form not in FILLERS and stem(w.form) not in _SMALL]
    if is_question(text) and content:
        return "question"
    return "substance" if len(content) >= MIN_WORDS else None
