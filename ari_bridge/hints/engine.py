"""The engine of hints: fed with every event, publishes suggestions. The shell around this room's pure cores.

Everything it does is a command of a call's `Director`; it owns the calls, the timers, the clock and the log.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from ari_bridge.events import (
    CallEnded,
    CallStarted,
    CallStatus,
    CallUpdated,
    Event,
    Suggestion,
    Transcript,
    Verdict,
)
from ari_bridge.hints.commands import Ask, Cancel, Command, Decided, Publish
from ari_bridge.hints.compiled import Compiled, compile_playbook
from ari_bridge.hints.counters import LlmCounters
from ari_bridge.hints.director import Director
from ari_bridge.hints.governor import Governor, Mode
from ari_bridge.hints.limits import Limits
from ari_bridge.hints.llm import Llm
from ari_bridge.hints.playbook import Playbook, PlaybookError
from ari_bridge.hints.prompt import suggestion_prompt
from ari_bridge.hints.questions import Account, Questions, WholeAnswer
from ari_bridge.hints.summary import Findings, read_summary, rule_summary, summary_prompt, worth_summing_up
from ari_bridge.history import CallRecord, CostSink
from ari_bridge.interfaces import EventSink, StatusSink
from ari_bridge.switches import Service

log = structlog.get_logger(__name__)

REMEMBERED_CALLS = 50  # ended calls whose cards still take feedback; the oldest go first
RELOAD_S = 2.0
_LESS = {Mode.FULL: 0, Mode.PLAYBOOK: 1, Mode.TEXT: 2}


@dataclass(slots=True)
class _CallHints:
    """One call. It is its own `AnswerSink`: `engine` carries out what the director makes of an answer."""

    engine: HintEngine
    director: Director
    account: Account
    nonce: str
    request: int = 0
    task: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None
    timer_at: float | None = None
    counts: Counter[str] = field(default_factory=Counter)
    ceiling: Mode = Mode.FULL  # what the settings allow for this call

    def on_text(self, text: str) -> None:
        self.engine.carry_out(self, self.director.token(self.request, text, time.monotonic()))

    def on_finished(self) -> str:
        commands, code = self.director.answered(self.request, time.monotonic())
        self.engine.carry_out(self, commands)
        return code

    def on_failed(self, code: str, retryable: bool) -> None:
        self.engine.carry_out(self, self.director.failed(self.request, code, retryable, time.monotonic()))

    def disarm(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.timer = self.timer_at = None


class HintEngine:
    """A `Suggester`. Every task belongs to the TaskGroup of `serve`; before it only playbook cards are made."""

    def __init__(
        self,
        publish: EventSink,
        report: StatusSink,
        playbook: Playbook,
        llm: Llm | None,
        *,
        limits: Limits | None = None,
        ceiling: Mode = Mode.FULL,
        reload: Callable[[], Playbook | None] | None = None,
        nonce: Callable[[], str] = lambda: secrets.token_hex(8),
        pay: CostSink = lambda cost: None,
    ) -> None:
        """`reload` gives a changed playbook, None for an unchanged one, or raises `PlaybookError`."""
        self._publish = publish
        self._compiled: Compiled = compile_playbook(playbook)
        self._limits = limits or Limits()
        self._reload = reload
        self._nonce = nonce
        self._questions = Questions(llm, Governor(self._limits, ceiling, has_model=llm is not None), report, pay)
        self.decisions: Counter[str] = Counter()  # by what was decided
        self.suppressed: Counter[str] = Counter()  # by why nothing was asked or shown
        self._calls: dict[str, _CallHints] = {}
        self._ended: OrderedDict[str, _CallHints] = OrderedDict()
        self._past: dict[str, CallRecord] = {}  # by call id, until the call goes on or its end is told

    @property
    def questions(self) -> LlmCounters:
        """What the model was asked, and what it cost."""
        return self._questions.counters

    def remember(self, records: Iterable[CallRecord]) -> None:
        """Calls that an earlier run left open, before the first event: those that go on are known from their start."""
        self._past = {record.call.id: record for record in records}

    def remember_spent(self, usd: float) -> None:
        """What an earlier run of the daemon spent on the model today: the day's budget goes on."""
        self._questions.remember(usd)

    def set_spent(self, usd: float) -> None:
        """What all daemons spent on the model today, this one included."""
        self._questions.set_spent(usd)

    def observe_answers(self, observe: Callable[[float], None]) -> None:
        """`observe` gets the seconds that each answer of the model took."""
        self._questions.observe = observe

    async def serve(self) -> None:
        """Own all questions to the model, the timers and the watch over the playbook, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._questions.open(tasks)
                tasks.create_task(self._watch_playbook(), name="hints.playbook")
        finally:
            for call in self._calls.values():
                call.disarm()
            await self._questions.close()

    def on_event(self, event: Event) -> None:
        """Returns at once: matching and deciding take well under a millisecond, all else is a task."""
        match event:
            case Transcript():
                call = self._call(event.call_id)
                now = time.monotonic()
                self.carry_out(call, call.director.hear(event, now, *self._mode(call, now)))
            case CallStarted():
                self._call(event.call.id).ceiling = _ceiling(event.call.off)
            case CallUpdated() if event.call.status is not CallStatus.ENDED and event.call.id in self._calls:
                self._calls[event.call.id].ceiling = _ceiling(event.call.off)
            case CallUpdated() if event.call.id in self._calls:
                call = self._calls[event.call.id]
                self.carry_out(call, call.director.hang_up(time.monotonic()))
            case CallEnded() if event.call_id in self._calls:
                self._end(self._calls.pop(event.call_id))
            case CallEnded():
                self._past.pop(event.call_id, None)

    def feedback(self, suggestion_id: str, verdict: Verdict) -> Suggestion | None:
        """Also publishes the card, so that every page that shows it learns of the verdict."""
        for call in (*self._calls.values(), *reversed(self._ended.values())):
            card, commands = call.director.feedback(suggestion_id, verdict)
            if card is not None:
                self.carry_out(call, commands)
                return card
        return None

    def carry_out(self, call: _CallHints, commands: Sequence[Command]) -> None:
        """Do what a director decided, in order, and set the call's timer anew."""
        for command in commands:
            match command:
                case Publish():
                    self._publish(command.event)
                case Ask():
                    self._ask(call, command)
                case Cancel() if call.task is not None and call.request == command.number:
                    self._questions.cancel(call.task, call.account, command.fault)
                case Decided():
                    call.counts[command.what] += 1
                    self._count(command)
                    log.info("hint_decision", call_id=call.account.call_id, **_fields(command))
        self._arm(call)

    def _count(self, decided: Decided) -> None:
        self.decisions[decided.what] += 1
        if decided.what == "suppressed":
            self.suppressed[decided.why] += 1

    def _call(self, call_id: str) -> _CallHints:
        call = self._calls.get(call_id)
        if call is None:
            self._ended.pop(call_id, None)
            director = Director(call_id, self._compiled, self._limits)
            if (past := self._past.pop(call_id, None)) is not None:
                director.recall(past, time.monotonic(), _call_s(past))
            call = self._calls[call_id] = _CallHints(self, director, Account(call_id), self._nonce())
            self.carry_out(call, director.begin())
        return call

    def _end(self, call: _CallHints) -> None:
        self.carry_out(call, call.director.hang_up(time.monotonic()))
        call.disarm()
        self._ended[call.account.call_id] = call
        while len(self._ended) > REMEMBERED_CALLS:
            self._ended.popitem(last=False)
        log.info(
            "hints_finished",
            call_id=call.account.call_id,
            cost_usd=round(call.account.spent_usd, 6),
            **dict(call.counts),
        )
        self._sum_up(call)

    def _mode(self, call: _CallHints, now: float) -> tuple[Mode, str]:
        """The mode of a call, and why it is not full."""
        mode, why = self._questions.mode(call.account, now)
        return (call.ceiling, "switched_off") if _LESS[call.ceiling] > _LESS[mode] else (mode, why)

    def _arm(self, call: _CallHints) -> None:
        """One timer per call, at the director's next; without `serve` there is nobody to wake."""
        due = call.director.next_timer() if self._questions.serving else None
        if due == call.timer_at:
            return
        call.disarm()
        if due is not None:
            call.timer_at = due
            delay = max(0.0, due - time.monotonic())
            call.timer = asyncio.get_running_loop().call_later(delay, self._on_timer, call)

    def _on_timer(self, call: _CallHints) -> None:
        call.timer = call.timer_at = None
        now = time.monotonic()
        self.carry_out(call, call.director.timer(now, *self._mode(call, now)))

    def _ask(self, call: _CallHints, ask: Ask) -> None:
        call.request = ask.number
        prompt = suggestion_prompt(
            call.director.compiled.system,
            ask.lines,
            ask.card,
            nonce=call.nonce,
            session=call.account.call_id,
            reason=ask.trigger.reason,
        )
        name = f"call[{call.account.call_id}].ask[{ask.number}]"
        call.task = self._questions.ask(name, prompt, call.account, call)

    def _sum_up(self, call: _CallHints) -> None:
        """The summary: the model's within its deadline, else the one made by rule."""
        findings = call.director.findings()
        if not worth_summing_up(findings.lines):
            return
        if self._mode(call, time.monotonic())[0] is not Mode.FULL:
            self._publish(rule_summary(findings))
            return
        call_id = call.account.call_id
        prompt = summary_prompt(findings.lines, self._nonce(), call_id)
        sink = WholeAnswer(
            lambda text: self._take_summary(text, findings), lambda: self._publish(rule_summary(findings))
        )
        task = self._questions.ask(f"call[{call_id}].summary", prompt, call.account, sink)
        if task is not None:
            asyncio.get_running_loop().call_later(self._limits.summary_s, self._summary_late, call, task, findings)

    def _take_summary(self, text: str, findings: Findings) -> bool:
        summary = read_summary(text, findings)
        if summary is not None:
            self._publish(summary)
        return summary is not None

    def _summary_late(self, call: _CallHints, task: asyncio.Task[None], findings: Findings) -> None:
        if not task.done():
            self._questions.cancel(task, call.account, "llm_timeout")
            self._publish(rule_summary(findings))

    async def _watch_playbook(self) -> None:
        while True:
            await asyncio.sleep(RELOAD_S)
            if self._reload is None:
                continue
            try:
                compiled = await asyncio.to_thread(_reloaded, self._reload)
            except PlaybookError as error:
                log.error("playbook_refused", line=error.line, reason=error.reason, kept="the one before")
                continue
            if compiled is not None:
                self.adopt(compiled)

    def adopt(self, compiled: Compiled) -> None:
        """Another playbook, from the next words on."""
        self._compiled = compiled
        log.info("playbook_loaded", cards=len(compiled.cards))
        for call in self._calls.values():
            self.carry_out(call, call.director.adopt(compiled))


def _ceiling(off: Sequence[str]) -> Mode:
    if Service.HINTS in off:
        return Mode.TEXT
    return Mode.PLAYBOOK if Service.LLM in off else Mode.FULL


def _call_s(record: CallRecord) -> float | None:
    """Seconds since the call's zero, by the time of day: there is no other clock that outlives a restart."""
    zero_at = record.call.zero_at
    return None if zero_at is None else (datetime.now(UTC) - zero_at).total_seconds()


def _reloaded(reload: Callable[[], Playbook | None]) -> Compiled | None:
    """The changed playbook, ready for use: that takes a good part of a second, so it is another thread's."""
    playbook = reload()
    return None if playbook is None else compile_playbook(playbook)


def _fields(decided: Decided) -> dict[str, object]:
    named = {"what": decided.what, "why": decided.why, "utterance": decided.utterance, "card": decided.card}
    return {key: value for key, value in named.items() if value not in ("", None)}
