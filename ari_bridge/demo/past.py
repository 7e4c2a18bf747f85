"""Two weeks of calls that the demo's history begins with: the sample conversations, as they would have been kept.

Made from the same parts as live ones (the playbook's director brings the cards, the rule makes the summary); who took
a call, what he did with a card and when is drawn with a fixed seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from ari_bridge.demo.past_sound import keep_sound
from ari_bridge.demo.samples import SAMPLE_RATE, Conversation, SpokenUtterance, load_conversations
from ari_bridge.events import (
    Call,
    CallEnded,
    CallEvent,
    CallStarted,
    CallStatus,
    CallUpdated,
    Direction,
    Gap,
    Leg,
    LegState,
    LegStatus,
    Source,
    Suggestion,
    Transcript,
    Verdict,
)
from ari_bridge.hints.compiled import Compiled, compile_playbook
from ari_bridge.hints.conversation import Line
from ari_bridge.hints.playbook_file import read_playbook
from ari_bridge.hints.rehearsal import rehearse
from ari_bridge.hints.summary import Findings, rule_summary
from ari_bridge.history import Cost
from ari_bridge.settings import RecordingSettings, StoreSettings
from ari_bridge.store.opening import open_recordings, open_store
from ari_bridge.store.repository import Entry

DAYS: Final = 14
CALLS_A_DAY: Final = (5, 12)
FIRST_NUMBER: Final = 1 << 40  # entries of the running daemon are numbered from 0
OWN_NUMBER: Final = "+74950000000"
MISSED: Final = 0.12
CALLS_AGAIN: Final = 0.4  # the sample's own number: the client whom the live demo shows too
SONIOX_USD_A_SECOND: Final = 0.12 / 3600
VERDICTS: Final = (
    *((), (), ()),
    *((Verdict.USEFUL,), (Verdict.USEFUL,), (Verdict.COPIED, Verdict.USEFUL), (Verdict.COPIED,)),
    *((Verdict.PINNED,), (Verdict.USELESS,), (Verdict.DISMISSED,)),
)
CLOSED: Final = LegStatus(LegState.CLOSED)
PROMISES: Final = ((), (), ("Перезвонить в среду после обеда",), ("Прислать смету на почту", "Уточнить дату замера"))

Noted = tuple[datetime, CallEvent | Cost]


async def remember_past(url: str, operators: Sequence[str]) -> None:
    """Into the demo's store and its recordings, before the daemon opens them."""
    calls = past_calls(datetime.now(UTC), operators)
    settings = StoreSettings(url=url)
    store, recordings = open_store(settings), open_recordings(settings, RecordingSettings(enabled=True))
    try:
        entries = entries_of(calls)
        await store.append(entries)
        talked = {entry.what.call_id for entry in entries if isinstance(entry.what, Transcript)}
        keep_sound(recordings, ((call.id, talk) for call, talk in calls if call.id in talked))
    finally:
        await store.close()
        recordings.close()


def past_calls(now: datetime, operators: Sequence[str], seed: int = 7) -> list[tuple[Call, Conversation]]:
    """Calls as they first rang, all of them over by `now`, with what was said in each."""
    draw, conversations = random.Random(seed), load_conversations()
    calls = []
    for number, started_at in enumerate(_starts(draw, now)):
        talk = draw.choice(conversations)
        client = talk.client_number if draw.random() < CALLS_AGAIN else f"+79{draw.randrange(10**9):09}"
        ringing = (draw.choice(operators),)
        call = Call(f"demo-{number:03}", client, client, OWN_NUMBER, Direction.INBOUND, started_at, ringing=ringing)
        calls.append((call, talk))
    return calls


def entries_of(calls: Sequence[tuple[Call, Conversation]], seed: int = 7) -> list[Entry]:
    """All that would have been written down of them, in its order."""
    draw, compiled = random.Random(seed), compile_playbook(read_playbook(None))
    noted = [item for call, talk in calls for item in _call(draw, compiled, talk, call)]
    return [Entry(at, FIRST_NUMBER + n, what) for n, (at, what) in enumerate(noted)]


def _starts(draw: random.Random, now: datetime) -> list[datetime]:
    """Working hours of Moscow, none in the last minutes, some in each of the last two days."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    starts = []
    for day in range(DAYS, -1, -1):
        for _ in range(draw.randint(*CALLS_A_DAY)):
            starts.append(midnight - timedelta(days=day) + timedelta(minutes=draw.randint(6 * 60, 15 * 60)))
    return sorted(start for start in starts if start < now - timedelta(minutes=10))


def _call(draw: random.Random, compiled: Compiled, talk: Conversation, ringing: Call) -> Iterator[Noted]:
    call_id, started_at = ringing.id, ringing.started_at
    yield started_at, CallStarted(ringing)
    if draw.random() < MISSED:
        end = started_at + timedelta(seconds=draw.randint(12, 40))
        yield end, CallUpdated(replace(ringing, status=CallStatus.ENDED, ringing=()))
        yield end, CallEnded(call_id, 16, "Клиент не дождался ответа", 0)
        return
    zero = started_at + timedelta(seconds=draw.randint(4, 15))
    answered = _answered(ringing, zero)
    yield zero, CallUpdated(answered)
    yield from _said(draw, compiled, talk, call_id, zero)
    length = timedelta(milliseconds=talk.duration_ms)
    end = zero + length
    for leg in Leg:
        amount = length.total_seconds()
        yield end, Cost(end, "soniox", "stt-rt-v5", "seconds", amount, amount * SONIOX_USD_A_SECOND, call_id, leg)
    yield end, Cost(end, "openrouter", "claude-haiku", "tokens", 2400.0, draw.uniform(0.0005, 0.002), call_id)
    yield end, CallUpdated(replace(answered, status=CallStatus.ENDED, legs=dict.fromkeys(Leg, CLOSED)))
    who = draw.choice(("Клиент", "Оператор"))
    yield end, CallEnded(call_id, 16, f"{who} положил трубку", talk.duration_ms)


def _answered(call: Call, zero: datetime) -> Call:
    (operator,) = call.ringing
    return replace(call, status=CallStatus.ANSWERED, ringing=(), operator=operator, answered_at=zero, zero_at=zero)


def _said(draw: random.Random, compiled: Compiled, talk: Conversation, call_id: str, zero: datetime) -> Iterator[Noted]:
    """Lines, cards and sometimes a gap, in the order they came; the summary."""
    lines = _lines(talk, call_id)
    ends = {line.utterance: line.end_ms for line in lines if line.leg is Leg.CLIENT}
    noted: list[Noted] = [(_at(zero, line.end_ms + 300), line) for line in lines]
    cards = rehearse(compiled, call_id, lines)
    for card in cards:
        refined = draw.random() < 0.4
        late_ms = draw.randint(900, 2600) if refined else draw.randint(-700, 350)
        shown = replace(card, verdicts=draw.choice(VERDICTS), source=Source.LLM if refined else card.source)
        noted.append((_at(zero, ends[card.utterance or 1] + late_ms), shown))
    if draw.random() < 0.15:
        start = draw.randrange(1000, talk.duration_ms - 3000)
        noted.append((_at(zero, start + 1400), Gap(call_id, Leg.CLIENT, start, start + 1400, (), "потеря пакетов")))
    yield from sorted(noted, key=lambda item: item[0])
    summary = rule_summary(_findings(call_id, lines, cards))
    yield _at(zero, talk.duration_ms), replace(summary, actions=summary.actions or draw.choice(PROMISES))


def _lines(talk: Conversation, call_id: str) -> list[Transcript]:
    def line(leg: Leg, number: int, said: SpokenUtterance) -> Transcript:
        start, end = (sample * 1000 // SAMPLE_RATE for sample in (said.start, said.end))
        return Transcript(call_id, leg, number, said.text, "", True, start, end)

    spoken = ((Leg.CLIENT, talk.client), (Leg.OPERATOR, talk.operator))
    lines = [line(leg, n, said) for leg, party in spoken for n, said in enumerate(party.utterances, 1)]
    return sorted(lines, key=lambda line: line.start_ms)


def _findings(call_id: str, lines: Sequence[Transcript], cards: Sequence[Suggestion]) -> Findings:
    return Findings(call_id, [Line(line.leg, line.utterance, line.text, line.start_ms) for line in lines], cards)


def _at(zero: datetime, ms: int) -> datetime:
    return zero + timedelta(milliseconds=ms)
