"""What the model of the OpenRouter stand-in answers: simple Russian key words over what it was sent. Pure.

It knows nothing but the request. It reads the last words of the client from the last user message, names no number,
price or promise of its own, and fills whatever JSON schema it is given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

_CLIENT = re.compile(r"^\W*клиент\W*[:—-]\s*(.+)$", re.IGNORECASE | re.MULTILINE)
_SENTENCE_END = re.compile(r"(?<=[.!?»])\s+(?![^«]*»)")  # not within a quotation
_ADVISED = re.compile(r"советует:\s*(?P<title>[^.\n]+)\.\s*(?P<say>.+)$", re.IGNORECASE | re.MULTILINE)
_LONGEST = 200
_GREETING = 3  # words
_QUOTES = "«»\"' "
_SILENCE = ("none", "silent", "silence", "null")


@dataclass(frozen=True, slots=True)
class Advice:
    """An answer before it has a form. `kinds` in order of preference; no `kinds`: nothing to say."""

    kinds: tuple[str, ...]
    priority: str
    title: str
    content: str

    @property
    def closing(self) -> tuple[str, str]:
        """Of a call that ends so: what came of it, and what the operator promised."""
        return _CLOSINGS.get(self.title, ("Клиент получил ответы на вопросы.", ""))


_CLOSINGS = {
    "Хочет подумать": ("Клиент взял время подумать.", "Перезвонить клиенту"),
    "Решает не один": ("Клиент посоветуется и вернётся.", "Прислать расчёт, чтобы показать дома"),
    "Готов договориться": ("Клиент готов заказать.", "Подтвердить день и адрес"),
    "Важен срок": ("Клиенту важен срок.", "Узнать ближайшую свободную дату"),
    "Есть опасение": ("Клиент сомневается.", "Пригласить послушать модель в работе"),
}
_NOTHING = Advice((), "low", "", "")
_RULES: tuple[tuple[re.Pattern[str], Advice], ...] = tuple(
    (re.compile(pattern), Advice(kinds, priority, title, content))
    for pattern, kinds, priority, title, content in (
        (
            r"конкурент|сосед|друг(ая|ой|ую) (фирм|компан)|в друг(ом|их) мест",
            ("competitor", "objection"),
            "high",
            "Сравнивает с другими",
            "Спросите, что входит в их цену, и сравните состав работ по пунктам.",
        ),
        (
            r"дорог|не по карману|слишком много",
            ("objection", "price"),
            "high",
            "Возражение: дорого",
            "Уточните, с чем клиент сравнивает, и объясните, что входит в стоимость.",
        ),
        (
            r"подума|перезвоню сам",
            ("objection",),
            "high",
            "Хочет подумать",
            "Спросите, что именно смущает, и договоритесь о времени следующего звонка.",
        ),
        (
            r"посовет|спросить у (муж|жен)|решает (муж|жен)",
            ("objection",),
            "medium",
            "Решает не один",
            "Предложите прислать расчёт, чтобы его было легко показать дома.",
        ),
        (
            r"срочно|долго|не успе|когда.*(сможете|привез|постав|приед)",
            ("timing", "objection"),
            "high",
            "Важен срок",
            "Проверьте график бригад и назовите ближайшую свободную дату.",
        ),
        (
            r"боюсь|сомнева|шум|не уверен",
            ("objection", "risk"),
            "medium",
            "Есть опасение",
            "Признайте опасение и предложите посмотреть или послушать модель в работе.",
        ),
        (
            r"запишите|договорились|оформля|мы готовы|беру|давайте замер",
            ("closing",),
            "high",
            "Готов договориться",
            "Закрепите договорённость: повторите день, адрес и имя.",
        ),
        (
            r"рассрочк|скидк|сколько стоит|цен[аыу]|стоимост",
            ("price", "question"),
            "medium",
            "Спрашивает о цене",
            "Ответьте прямо, затем объясните, что входит в стоимость.",
        ),
    )
)
_QUESTION = Advice(
    ("question",), "medium", "Вопрос клиента", "Ответьте на вопрос прямо и уточните, что ещё важно клиенту."
)


def advise(messages: Sequence[Mapping[str, Any]]) -> Advice:
    """Advice on the last words of the client in the last user message, with what a playbook there advises."""
    plain = last_client_words(messages).lower().replace("ё", "е")
    rule = next((advice for pattern, advice in _RULES if pattern.search(plain)), None)
    if rule is None:
        return _QUESTION if plain.endswith("?") else _NOTHING
    given = _ADVISED.search(_last_user_text(messages))
    content = rule.content
    for sentence in _SENTENCE_END.split(given["say"]) if given else ():
        if len(content) + len(sentence) < _LONGEST:
            content += f" {sentence}"
    return replace(rule, content=content)


def last_client_words(messages: Sequence[Mapping[str, Any]]) -> str:
    """The last line that begins with the client's name; the whole message where no line does."""
    text = _last_user_text(messages)
    lines = _CLIENT.findall(text)
    return str(lines[-1] if lines else text).strip(_QUOTES)


def first_client_words(messages: Sequence[Mapping[str, Any]]) -> str:
    """The client's first line of more than a greeting."""
    lines = [line.strip(_QUOTES) for line in _CLIENT.findall(_last_user_text(messages))]
    return next((line for line in lines if len(line.split()) > _GREETING), lines[0] if lines else "")


def compose(messages: Sequence[Mapping[str, Any]], response_format: Mapping[str, Any] | None) -> str:
    """The answer's content: JSON by the request's `response_format`, plain words without one."""
    advice = advise(messages)
    kind = (response_format or {}).get("type", "text")
    if kind == "text":
        return advice.content or "Подсказать нечего."
    schema = (response_format or {}).get("json_schema", {}).get("schema") or _DEFAULT_SCHEMA
    outcome, promise = advice.closing
    named = {
        "": last_client_words(messages),
        "kind": advice.kinds[0] if advice.kinds else _SILENCE[0],
        "priority": advice.priority,
        "title": advice.title,
        "content": advice.content,
        "need": first_client_words(messages),
        "outcome": outcome,
        "actions": promise,
        "next_step": "",
        "objections": advice.title if "objection" in advice.kinds else "",
        "objection": advice.title,
        "answer": advice.content,
    }
    return json.dumps(_fill(schema, advice, named, ""), ensure_ascii=False)


_DEFAULT_SCHEMA = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("kind", "priority", "title", "content")},
}


def _fill(schema: Mapping[str, Any], advice: Advice, named: Mapping[str, str], name: str) -> Any:
    """A value that the schema allows: what is `named` like the property, else the client's words."""
    kind = schema.get("type")
    kind = next((one for one in kind if one != "null"), "null") if isinstance(kind, list) else kind
    if "enum" in schema:
        return _choose([str(value) for value in schema["enum"]], advice, name)
    match kind:
        case "object":
            return {key: _fill(part, advice, named, key) for key, part in schema.get("properties", {}).items()}
        case "array":
            items = schema.get("items", {"type": "string"})
            return [_fill(items, advice, named, name)] if advice.kinds and named.get(name, name) else []
        case "boolean":
            return bool(advice.kinds)
        case "integer" | "number":
            return 0
        case "null":
            return None
    return named.get(name, named[""])


def _choose(allowed: Sequence[str], advice: Advice, name: str) -> str:
    wanted = (advice.priority,) if name == "priority" else (*advice.kinds, "other") if advice.kinds else _SILENCE
    return next((value for value in wanted if value in allowed), allowed[-1])


def _last_user_text(messages: Sequence[Mapping[str, Any]]) -> str:
    texts = [_text(message.get("content")) for message in messages if message.get("role") == "user"]
    return texts[-1] if texts else ""


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))
