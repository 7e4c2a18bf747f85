"""`docs/websocket.md`, made from the code: `python -m ari_bridge.hub.document > docs/websocket.md`.

Fields, types and values come from `events.py`, the examples from the hub's own serialisation. Only what a field means
is written here, and a test holds that each field has its line and each line its field.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from ari_bridge import events
from ari_bridge.events import (
    Call,
    CallEnded,
    CallStarted,
    CallStatus,
    CallUpdated,
    Checklist,
    ChecklistStep,
    Component,
    ComponentState,
    ComponentStatus,
    Direction,
    Event,
    Gap,
    Leg,
    LegStatus,
    Level,
    Priority,
    Source,
    Suggestion,
    SuggestionKind,
    SuggestionState,
    Summary,
    SystemChanged,
    Transcript,
    Verdict,
)
from ari_bridge.hub.access import LOCAL, Role
from ari_bridge.hub.protocol import encode, heartbeat, hidden, resumed
from ari_bridge.hub.schema import components, described, object_schema
from ari_bridge.hub.state import HubState

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
CALL = Call(
    id="01JD9V7Q3S",
    client_number="+79001234567",
    caller="+79001234567",
    callee="+79918987423",
    direction=Direction.INBOUND,
    started_at=AT,
    ringing=("1001", "1002"),
    linkedid="1732269600.41",
)
ANSWERED = replace(CALL, status=CallStatus.ANSWERED, ringing=(), operator="1001", answered_at=AT)
UP = ComponentStatus(ComponentState.UP)
NO_KEY = ComponentStatus(ComponentState.OFF, "Нет ключа распознавания.", "Задайте ARI_BRIDGE_SONIOX__API_KEY.")
EXAMPLES: tuple[Event, ...] = (
    CallStarted(CALL),
    CallUpdated(ANSWERED),
    Transcript(CALL.id, Leg.CLIENT, 3, "Это слишком", " дорого", False, 5120, 6480),
    Gap(CALL.id, Leg.CLIENT, 8000, 9400, (2, 3), "Нет связи с распознаванием"),
    Suggestion(
        CALL.id,
        "s7",
        SuggestionKind.OBJECTION,
        "Возражение: дорого",
        "Предложите скидку 10 %.",
        Priority.HIGH,
        Source.PLAYBOOK,
        SuggestionState.COMPLETE,
        3,
        "Это слишком дорого",
        (Verdict.USEFUL,),
    ),
    Checklist(CALL.id, (ChecklistStep("greeting", "Поздороваться", True),)),
    Level(CALL.id, 0.62, 0.03),
    CallEnded(CALL.id, 16, "Клиент положил трубку", 61_230),
    Summary(CALL.id, "Тариф на 10 номеров", "Перезвонить в среду", ("Выслать счёт",)),
    SystemChanged({c: NO_KEY if c is Component.STT else UP for c in Component}),
)

CALL_ID = "The call."
SPAN = "Call time, milliseconds from the call's zero."
MEANINGS = {
    "Call.id": "Ours: minted at first sight, stable, unique across PBXs.",
    "Call.client_number": "The client's number, whoever dialled; E.164 where that can be known.",
    "Call.caller": "Who dialled.",
    "Call.callee": "Who was dialled.",
    "Call.direction": "Seen from us.",
    "Call.started_at": "When the call was first seen.",
    "Call.status": "`answered`: an operator's channel is bridged with the client's.",
    "Call.ringing": "Extensions that ring.",
    "Call.operator": "Extension that is on the call, or the number of a party reached over the trunk.",
    "Call.answered_at": "When the first operator answered.",
    "Call.zero_at": "The call's zero: the first audio of either leg.",
    "Call.legs": "Health of both legs.",
    "Call.linkedid": "Asterisk's; may change (merge, attended transfer).",
    "Call.off": "What the settings switch off for this call: `stt`, `llm`, `hints`, `recording`.",
    "LegStatus.state": "Health of the leg.",
    "LegStatus.reason": "Why, in Russian, for people.",
    "ComponentStatus.state": "State of a dependency; `off` is not configured.",
    "ComponentStatus.reason": "Why, in Russian, for people.",
    "ComponentStatus.action": "The cure, in Russian.",
    "CallStarted.call": "The whole call.",
    "CallUpdated.call": "The whole call.",
    "Transcript.call_id": CALL_ID,
    "Transcript.leg": "Who speaks.",
    "Transcript.utterance": "Number within the leg, from 1.",
    "Transcript.text": "Confirmed; only grows.",
    "Transcript.tail": "May still change; appended to `text` as it stands.",
    "Transcript.final": "No tail, and the line never changes again.",
    "Transcript.start_ms": SPAN,
    "Transcript.end_ms": SPAN,
    "Gap.call_id": CALL_ID,
    "Gap.leg": "Whose audio.",
    "Gap.start_ms": SPAN,
    "Gap.end_ms": SPAN,
    "Gap.frames": "Numbers of the frames it touches.",
    "Gap.reason": "Why, in Russian.",
    "Suggestion.call_id": CALL_ID,
    "Suggestion.id": "The card; a known one is replaced.",
    "Suggestion.kind": "What it is about.",
    "Suggestion.title": "Its heading.",
    "Suggestion.content": "What to say or do.",
    "Suggestion.priority": "How much it should be seen.",
    "Suggestion.source": "Who made it.",
    "Suggestion.state": "`streaming`: more follows; `withdrawn`: take the card away.",
    "Suggestion.utterance": "The client's utterance that caused it.",
    "Suggestion.quote": "The client's words that caused it.",
    "Suggestion.verdicts": "What the operator did with it, oldest first.",
    "Checklist.call_id": CALL_ID,
    "Checklist.steps": "All steps.",
    "ChecklistStep.id": "The step.",
    "ChecklistStep.title": "Its text.",
    "ChecklistStep.done": "Whether it is done.",
    "Level.call_id": CALL_ID,
    "Level.client": "0 (silence) to 1 (full scale).",
    "Level.operator": "0 (silence) to 1 (full scale).",
    "CallEnded.call_id": CALL_ID,
    "CallEnded.cause": "Q.850 cause of the hang-up.",
    "CallEnded.reason": "The same in Russian.",
    "CallEnded.duration_ms": "From the answer; 0 for a call nobody answered.",
    "Summary.call_id": CALL_ID,
    "Summary.need": "What the client needs.",
    "Summary.outcome": "What came of it.",
    "Summary.actions": "What is to be done.",
    "SystemChanged.ari": "Asterisk.",
    "SystemChanged.stt": "Speech recognition.",
    "SystemChanged.llm": "The language model.",
    "SystemChanged.store": "The database.",
}

INTRO = """\
# The WebSocket

<!-- Generated by `python -m ari_bridge.hub.document > docs/websocket.md`; a test holds it current. -->

`GET /ws`: JSON text frames, no compression. The browser's `Origin` must be the daemon's own address or one of
`hub.origins`. Where there are users it needs a session's cookie (`POST /api/login`) or `Authorization: Bearer` with an
API token, else the answer is 401. A client's frame may have 4096 bytes.

The first message is a `snapshot`; then events follow. Every message has

| member | |
|---|---|
| `type` | which of the messages below |
| `cursor` | where the stream stands after this message; opaque |
| `prev` | the cursor of the message last sent to **this** client (a `snapshot` has none) |
| `at` | when the event was published, UTC, RFC 3339 with milliseconds |

A client keeps the last `cursor`. Where a message's `prev` is another one, or where the connection was lost, it opens
`/ws?epoch=…&cursor=…` with the snapshot's `epoch` and the last `cursor`: the first message is then `resumed`, and what
was missed follows; or it is a new `snapshot`, where that is no longer at hand (the daemon was restarted, too much was
missed, or the account sees only some of the calls).

A long snapshot holds its calls empty from some size on; their transcripts, gaps and suggestions follow as ordinary
messages. Messages are idempotent: each names what it replaces.

For a slow reader a newer `transcript` replaces the older one of the same line as long as that is not final, a newer
`level` the older one of the same call; nothing else is ever dropped. Supervisors and administrators get at most two
transcripts that are not final per second and call. A reader that is too slow all the same is closed with 1013 (try
again later); when the daemon stops or the account's rights have changed, 1012 (come back); when the session has ended,
the user is removed or the token taken back, 4401 (sign in). A client that answers no ping for 15 s is cut off.
"""
CLIENT = """\
## Client to server

Anything else is counted and ignored.

| message | |
|---|---|
| `{"type":"pong"}` | answer to a `heartbeat` |
| `{"type":"painted","cursor":"45"}` | the first card of an utterance is on screen; the cursor is its message's |
| `{"type":"feedback","id":"s7","verdict":"useful"}` | what the operator did with a card |
"""
HUB_MESSAGES = {
    "snapshot": "Everything there is to know now. A call holds what its messages said (see there) and `end` and "
    "`summary` (null until they come); it leaves the snapshot five minutes after its end, or "
    "when fifty others have ended since. `mode` is `live` or `demo`. "
    "`me.open`: the daemon has no users, and whoever sits at the machine is a supervisor.",
    "resumed": "The connection goes on after `cursor`; what was missed follows.",
    "call_hidden": "The call is no longer this client's to see: answered elsewhere, or transferred away.",
    "heartbeat": "Every 5 s. It moves nothing: `cursor` equals `prev`.",
}


def document() -> str:
    """The whole page, with a newline at its end."""
    return "\n".join([INTRO, "## Server to client", "", *_server_messages(), CLIENT, *_types()]).rstrip() + "\n"


def field_names() -> set[str]:
    """Every field that the page has to explain, as in `MEANINGS`."""
    return {f"{cls.__name__}.{name}" for cls in _dataclasses() for name in object_schema(cls)["properties"]}


def _server_messages() -> Iterator[str]:
    examples = _hub_examples()
    yield from _message("snapshot", HUB_MESSAGES["snapshot"], examples["snapshot"])
    yield from _message("resumed", HUB_MESSAGES["resumed"], examples["resumed"])
    for number, event in enumerate(EXAMPLES, 42):
        frame = encode(event, number, AT, 0.0).frame(str(number), str(number - 1))
        yield from _message(event.type, _meaning(type(event)), frame, type(event))
    yield from _message("call_hidden", HUB_MESSAGES["call_hidden"], examples["call_hidden"])
    yield from _message("heartbeat", HUB_MESSAGES["heartbeat"], examples["heartbeat"])


def _hub_examples() -> dict[str, bytes]:
    state = HubState()
    for number, event in enumerate(EXAMPLES, 1):
        state.fold(event, encode(event, number, AT, 0.0), 0.0)
    first, _ = state.snapshot("k3Jd9s0aQ", 41, AT, LOCAL, state.visible(lambda call: True))
    return {
        "snapshot": first,
        "resumed": resumed("k3Jd9s0aQ", "41", AT),
        "call_hidden": hidden(CALL.id, 52, AT, 0.0).frame("52", "51"),
        "heartbeat": heartbeat("52", AT),
    }


def _message(name: str, meaning: str, example: bytes, cls: type[Any] | None = None) -> Iterator[str]:
    yield f"### `{name}`\n\n{meaning}\n"
    if cls is not None:
        yield _table(cls)
    indent = 1 if name == "snapshot" else None
    yield f"```json\n{json.dumps(json.loads(example), ensure_ascii=False, indent=indent)}\n```\n"


def _types() -> Iterator[str]:
    yield "## Types\n"
    for cls in (Call, LegStatus, ComponentStatus, ChecklistStep):
        yield "\n\n".join(part for part in (f"### {cls.__name__}", _meaning(cls), _table(cls)) if part)
    yield "### Values\n\n| type | values |\n|---|---|"
    named: list[type[StrEnum]] = [*_enums(), Role]
    for enum in named:
        yield f"| {enum.__name__} | {', '.join(f'`{member.value}`' for member in enum)} |"


def _table(cls: type[Any]) -> str:
    rows = ["| field | type | |", "|---|---|---|"]
    for name, schema in object_schema(cls)["properties"].items():
        rows.append(f"| `{name}` | {described(schema)} | {MEANINGS[f'{cls.__name__}.{name}']} |")
    return "\n".join(rows) + "\n"


def _meaning(cls: type[Any]) -> str:
    """The class's docstring without the message's name; nothing where a dataclass has only a generated one."""
    text = re.sub(r"\s+", " ", cls.__doc__ or "").strip()
    if text.startswith(f"{cls.__name__}("):
        return ""
    text = re.sub(r"^`\w+`: ", "", text)
    return text[:1].upper() + text[1:]


def _dataclasses() -> tuple[type[Any], ...]:
    return (Call, LegStatus, ComponentStatus, ChecklistStep, *(type(event) for event in EXAMPLES))


def _enums() -> list[type[StrEnum]]:
    named = components(*_dataclasses())
    return [getattr(events, name) for name, schema in named.items() if "enum" in schema]


if __name__ == "__main__":
    sys.stdout.write(document())
