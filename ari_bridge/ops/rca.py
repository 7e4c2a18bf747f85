"""The cause of one bad call: its time line from store and log, and a verdict for each thing that went wrong.

Pure: what is known goes in as an argument. Verdicts are ordered by what hurts most: no audio, no text, lost words, no
hints. A call without any says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from ari_bridge.events import Component, Leg, LegState, rfc3339
from ari_bridge.history import CallRecord, Incident

LogLine = Mapping[str, Any]

WHO: Final = {Leg.CLIENT: "клиент", Leg.OPERATOR: "оператор"}
COMPONENTS: Final = {
    Component.ARI: "связи с Asterisk",
    Component.STT: "распознавания",
    Component.LLM: "нейросети",
    Component.STORE: "записи в базу",
}
TROUBLED: Final = (LegState.NO_AUDIO, LegState.STT_DOWN, LegState.STT_WAITING)
WELL: Final = frozenset({"up", "off", "live", "silent", "closed"})
STATES: Final = {
    LegState.NO_AUDIO: "нет звука",
    LegState.STT_DOWN: "нет распознавания",
    LegState.STT_WAITING: "распознавание ждёт очереди",
}
LOST_SHARE: Final = 0.01
LEAST_MS: Final = 1000
QUIET_DBFS: Final = -60.0
NO_HINTS: Final = {
    "no_key": "ключ OpenRouter не задан",
    "day_budget": "исчерпан дневной бюджет hints.budget_per_day_usd",
    "call_budget": "исчерпан бюджет звонка hints.budget_per_call_usd",
    "breaker": "нейросеть не отвечала, и её перестали спрашивать",
    "switched_off": "выключено для этого звонка настройкой policy.switches",
    "settings": "выключено настройкой hints.mode",
}
WORTH_TELLING: Final = {
    "tap_failed": "голос не снять",
    "tap_renewed": "кодек сменился после ответа",
    "stt_connected": "распознавание подключено",
    "stt_dropped": "распознавание оборвалось",
    "stt_gap": "речь не распознана",
    "leg_failed": "внутренняя ошибка ноги",
    "speech_failed": "внутренняя ошибка распознавания",
    "call_failed": "внутренняя ошибка звонка",
    "llm_failed": "нейросеть не ответила",
    "leg_finished": "нога закрыта",
    "stt_finished": "распознавание закрыто",
}
LEFT_OUT: Final = frozenset({"event", "timestamp", "level", "logger", "call_id", "leg", "channel"})


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """One line of the time line. `at` is None for what has no time of its own."""

    at: datetime
    what: str = field(compare=False)
    leg: Leg | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    call_id: str
    moments: tuple[Moment, ...]
    verdicts: tuple[str, ...]

    @property
    def well(self) -> bool:
        return not self.verdicts

    def to_json(self) -> dict[str, Any]:
        return {
            "call_id": self.call_id,
            "verdicts": list(self.verdicts),
            "timeline": [{"at": rfc3339(m.at), "leg": m.leg, "what": m.what} for m in self.moments],
        }


@dataclass(frozen=True, slots=True)
class Span:
    """A fault from its beginning to its end."""

    state: str
    reason: str
    begin: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        return max(0.0, (self.end - self.begin).total_seconds())


def diagnose(record: CallRecord, around: Sequence[Incident], log: Sequence[LogLine]) -> Diagnosis:
    """`around`: incidents of dependencies near the call; `log`: the daemon's lines of this call, where at hand."""
    end = ended_at(record)
    return Diagnosis(
        record.call.id,
        tuple(sorted(_moments(record, around, log, end))),
        tuple(_verdicts(record, around, log, end)),
    )


def ended_at(record: CallRecord) -> datetime:
    """When the call was over; for one in progress the latest that is known of it."""
    call = record.call
    if record.end is not None:
        return (call.answered_at or call.started_at) + timedelta(milliseconds=record.end.duration_ms)
    zero = call.zero_at or call.started_at
    last_ms = max([0, *(line.end_ms for line in record.transcript), *(gap.end_ms for gap in record.gaps)])
    return max([zero + timedelta(milliseconds=last_ms), *(incident.at for incident in record.incidents)])


def _verdicts(record: CallRecord, around: Sequence[Incident], log: Sequence[LogLine], end: datetime) -> Iterator[str]:
    call = record.call
    if call.answered_at is None:
        yield f"на звонок не ответили: {record.end.reason if record.end else 'он ещё звонит'}"
        return
    yield from _audio(record, log, end)
    yield from _recognition(record, around, end)
    yield from _lost(record, log)
    yield from _hints(record, around, log, end)
    for span in spans((i for i in around if i.component in (Component.ARI, Component.STORE)), call.started_at, end):
        yield f"во время звонка {span.seconds:.0f} с не было {span.state}: {span.reason}"
    broken = sorted({str(line["event"]) for line in log if line.get("level") == "error"})
    if broken:
        yield f"внутренняя ошибка ari_bridge ({', '.join(broken)}): сообщите нам, подробности в журнале"


def _audio(record: CallRecord, log: Sequence[LogLine], end: datetime) -> Iterator[str]:
    answered = record.call.answered_at or record.call.started_at
    for leg in Leg:
        quiet = [s for s in leg_spans(record, leg, answered, end) if s.state == LegState.NO_AUDIO]
        seconds = sum(span.seconds for span in quiet)
        if quiet and seconds >= 1:
            yield f"{WHO[leg]}: нет звука {seconds:.0f} с: {quiet[-1].reason}"
            continue
        if not _of(log, "leg_finished", leg):
            continue
        if sum(int(line.get("packets", 0)) for line in _of(log, "leg_finished", leg)) == 0:
            yield f"{WHO[leg]}: ни одного пакета RTP: брандмауэр, media.host или media.ports"
        elif not _spoke(record, leg) and _loudest(record, leg) < QUIET_DBFS:
            yield f"{WHO[leg]}: только тишина за весь разговор: микрофон выключен или не тот"


def _recognition(record: CallRecord, around: Sequence[Incident], end: datetime) -> Iterator[str]:
    answered = record.call.answered_at or record.call.started_at
    told: set[str] = set()
    for leg in Leg:
        for state in (LegState.STT_DOWN, LegState.STT_WAITING):
            found = [span for span in leg_spans(record, leg, answered, end) if span.state == state]
            seconds = sum(span.seconds for span in found)
            if seconds >= 1:
                told.add(found[-1].reason)
                yield f"{WHO[leg]}: {STATES[state]} {seconds:.0f} с: {found[-1].reason}"
    for span in spans((i for i in around if i.component is Component.STT), answered, end):
        if span.reason not in told:
            yield f"{span.seconds:.0f} с не было {span.state}: {span.reason}"
    for leg in Leg:
        if not _spoke(record, leg) and sum(f.speech_ms for f in record.frames if f.leg is leg) > 3 * LEAST_MS:
            yield f"{WHO[leg]}: речь была слышна, а текста нет: смотрите stt_finished в журнале"


def _lost(record: CallRecord, log: Sequence[LogLine]) -> Iterator[str]:
    for leg in Leg:
        missing: Counter[str] = Counter()
        for gap in record.gaps:
            if gap.leg is leg:
                missing[gap.reason] += gap.end_ms - gap.start_ms
        for reason, lost_ms in missing.most_common():
            if lost_ms >= LEAST_MS:
                yield f"{WHO[leg]}: потеряно {lost_ms / 1000:.1f} с речи: {reason}"
        finished = _of(log, "leg_finished", leg)
        packets, lost = (sum(int(line.get(key, 0)) for line in finished) for key in ("packets", "lost"))
        if packets and lost / (packets + lost) > LOST_SHARE:
            yield f"{WHO[leg]}: потеряно {lost / (packets + lost):.1%} пакетов RTP: перегружена сеть или машина"
        if any(int(line.get("kernel_drops", 0)) for line in finished):
            yield f"{WHO[leg]}: ядро отбрасывало пакеты: машина перегружена, поднимите net.core.rmem_max"


def _hints(record: CallRecord, around: Sequence[Incident], log: Sequence[LogLine], end: datetime) -> Iterator[str]:
    answered = record.call.answered_at or record.call.started_at
    for span in spans((i for i in around if i.component is Component.LLM), answered, end):
        yield f"{span.seconds:.0f} с не было {span.state}, карточки только из плейбука: {span.reason}"
    if record.suggestions or not _spoke(record, Leg.CLIENT):
        return
    why = Counter(str(line.get("why")) for line in _of(log, "hint_decision") if line.get("what") == "suppressed")
    for cause in why:
        if cause in NO_HINTS:
            yield f"подсказок не было: {NO_HINTS[cause]}"
            return
    if why:
        listed = ", ".join(f"{cause} {count}" for cause, count in why.most_common(3))
        yield f"подсказок не было: клиент не сказал ничего, на что есть карточка ({listed})"


def spans(incidents: Iterable[Incident], begin: datetime, end: datetime) -> Iterator[Span]:
    """The faults of dependencies, as far as they lie within `begin` … `end`; `state` names what was missing.

    One that changes its reason goes on, with the reason that it lasted with.
    """
    open_: dict[Component, Incident] = {}
    for incident in sorted(incidents, key=lambda i: i.at):
        if incident.component is None:
            continue
        started = open_.pop(incident.component, None)
        if incident.state not in WELL:
            open_[incident.component] = incident if started is None else replace(incident, at=started.at)
        elif started is not None:
            yield from _within(started, incident.at, begin, end)
    for started in open_.values():
        yield from _within(started, end, begin, end)


def _within(started: Incident, until: datetime, begin: datetime, end: datetime) -> Iterator[Span]:
    first, last = max(started.at, begin), min(until, end)
    if last > first and started.component is not None:
        yield Span(COMPONENTS[started.component], started.reason or "причина неизвестна", first, last)


def leg_spans(record: CallRecord, leg: Leg, begin: datetime, end: datetime) -> Iterator[Span]:
    """The troubles of one leg, as far as they lie within `begin` … `end`."""
    started: Incident | None = None
    for incident in sorted((i for i in record.incidents if i.leg is leg), key=lambda i: i.at):
        if started is not None:
            yield _span(started, incident.at, begin, end)
        started = incident if incident.state in TROUBLED else None
    if started is not None:
        yield _span(started, end, begin, end)


def _span(started: Incident, until: datetime, begin: datetime, end: datetime) -> Span:
    first = max(started.at, begin)
    return Span(started.state, started.reason or "причина неизвестна", first, max(first, min(until, end)))


def _moments(record: CallRecord, around: Sequence[Incident], log: Sequence[LogLine], end: datetime) -> Iterator[Moment]:
    call = record.call
    who = call.client_number or "номер скрыт"
    yield Moment(call.started_at, f"звонок {'от' if call.direction == 'inbound' else 'на'} {who}")
    if call.answered_at:
        yield Moment(call.answered_at, f"ответил {call.operator or '?'}")
    for part in record.participations[1:]:
        yield Moment(part.began_at, f"дальше говорит {part.operator}")
    zero = call.zero_at or call.answered_at or call.started_at
    for gap in record.gaps:
        length = (gap.end_ms - gap.start_ms) / 1000
        yield Moment(zero + timedelta(milliseconds=gap.start_ms), f"пропуск {length:.1f} с: {gap.reason}", gap.leg)
    for incident in record.incidents:
        state = STATES.get(LegState(incident.state), "снова слышно")
        yield Moment(incident.at, f"{state}{f': {incident.reason}' if incident.reason else ''}", incident.leg)
    for incident in around:
        if call.started_at <= incident.at <= end and incident.component is not None:
            what = COMPONENTS[incident.component]
            yield Moment(incident.at, f"состояние {what}: {incident.state}{_because(incident.reason)}")
    for line in log:
        if line.get("event") in WORTH_TELLING and (at := moment_of(line)) is not None:
            leg = Leg(line["leg"]) if line.get("leg") in tuple(Leg) else None
            yield Moment(at, f"{WORTH_TELLING[line['event']]} ({_members(line)})", leg)
    if record.end is not None:
        yield Moment(end, f"{record.end.reason} ({record.end.duration_ms / 1000:.0f} с разговора)")


def moment_of(line: LogLine) -> datetime | None:
    """A log line's time; None where it has none that can be read."""
    try:
        return datetime.fromisoformat(str(line.get("timestamp")))
    except ValueError:
        return None


def _of(log: Sequence[LogLine], event: str, leg: Leg | None = None) -> list[LogLine]:
    return [line for line in log if line.get("event") == event and (leg is None or line.get("leg") == leg.value)]


def _spoke(record: CallRecord, leg: Leg) -> bool:
    return any(line.leg is leg for line in record.transcript)


def _loudest(record: CallRecord, leg: Leg) -> float:
    return max((frame.loudness_dbfs for frame in record.frames if frame.leg is leg), default=0.0)


def _because(reason: str | None) -> str:
    return f" ({reason})" if reason else ""


def _members(line: LogLine) -> str:
    return ", ".join(f"{key} {value}" for key, value in line.items() if key not in LEFT_OUT and value not in (None, ""))
