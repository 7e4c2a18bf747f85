"""Questions to the model: their tasks, what they cost, and what they tell of the provider. A shell."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import structlog

from ari_bridge.errors import BridgeError
from ari_bridge.events import Component
from ari_bridge.hints.counters import LlmCounters
from ari_bridge.hints.governor import Governor, Mode
from ari_bridge.hints.llm import Finished, Llm, Prompt, TextDelta, Usage
from ari_bridge.history import Cost, CostSink
from ari_bridge.interfaces import StatusSink

log = structlog.get_logger(__name__)

DAY_S = 86_400
SERVICE = "openrouter"
ESTIMATED = "estimated"  # stands for the model of a request that was left before it told its price


@dataclass(slots=True)
class Account:
    """What one call has cost so far."""

    call_id: str
    spent_usd: float = 0.0


class AnswerSink(Protocol):
    """Takes an answer as it comes; each method returns at once."""

    def on_text(self, text: str) -> None: ...

    def on_finished(self) -> str:
        """The answer is whole; the code of what is wrong with it, "" for a proper one."""

    def on_failed(self, code: str, retryable: bool) -> None: ...


class Questions:
    """Owns a task per question, in the TaskGroup given to `open`; without one, or without a key, it asks nothing."""

    def __init__(
        self, llm: Llm | None, governor: Governor, report: StatusSink, pay: CostSink = lambda cost: None
    ) -> None:
        self._llm = llm
        self._governor = governor
        self._report = report
        self._pay = pay
        self._tasks: asyncio.TaskGroup | None = None
        self.counters = LlmCounters()
        self.observe: Callable[[float], None] = lambda seconds: None

    def open(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        self._governor.turn_day(_today())
        self._tell_state()

    def remember(self, spent_usd: float) -> None:
        """What an earlier run, or the daemon that stood here before, spent today."""
        self._governor.turn_day(_today())
        self._governor.spent_today_usd += spent_usd
        if self.serving:
            self._tell_state()

    def set_spent(self, usd: float) -> None:
        """What all daemons spent today."""
        before = self._governor.status()
        self._governor.turn_day(_today())
        self._governor.spent_today_usd = usd
        if self.serving and self._governor.status() != before:
            self._tell_state()

    async def close(self) -> None:
        """After the TaskGroup has ended."""
        self._tasks = None
        if self._llm is not None:
            await self._llm.aclose()

    @property
    def serving(self) -> bool:
        return self._tasks is not None

    def mode(self, account: Account, now: float) -> tuple[Mode, str]:
        """The mode of a call, and why it is not full."""
        if self._governor.turn_day(_today()):
            self._tell_state()
        mode, why = self._governor.mode(account.spent_usd, now)
        return (Mode.PLAYBOOK, "not_serving") if mode is Mode.FULL and self._tasks is None else (mode, why)

    def ask(self, name: str, prompt: Prompt, account: Account, sink: AnswerSink) -> asyncio.Task[None] | None:
        """None where nothing can be asked now. Deadlines are the caller's: `cancel` the task."""
        if self._tasks is None or self._llm is None:
            return None
        self._governor.asked()
        self.counters.requests_total += 1
        return self._tasks.create_task(self._run(self._llm, prompt, account, sink), name=name)

    def cancel(self, task: asyncio.Task[None], account: Account, fault: str) -> None:
        """End a question; it is paid for by estimate. `fault` is the provider's, "" for none."""
        if task.done():
            return
        task.cancel()
        self._charge(account, None)
        if fault:
            self._fail(fault)
        else:
            self.counters.cancelled_total += 1
            self._governor.dropped()

    async def _run(self, llm: Llm, prompt: Prompt, account: Account, sink: AnswerSink) -> None:
        started, spoke = time.monotonic(), False
        try:
            async for event in llm.stream(prompt):
                if isinstance(event, TextDelta):
                    spoke = True
                    sink.on_text(event.text)
                else:
                    self._finish(event, account, sink, prompt.name, started)
        except BridgeError as error:
            log.warning("llm_failed", call_id=account.call_id, code=error.code, retryable=error.retryable)
            if spoke:
                self._charge(account, None)
            self._fail(error.code)
            sink.on_failed(error.code, error.retryable)
        except Exception as error:  # boundary: one answer must not take down the hints of the other calls
            log.exception("llm_broken", call_id=account.call_id, error=type(error).__name__)
            self._fail("llm_error")
            sink.on_failed("llm_error", False)

    def _finish(self, answer: Finished, account: Account, sink: AnswerSink, what: str, started: float) -> None:
        self._charge(account, answer.usage, answer.model)
        code = sink.on_finished()
        if code:
            self._fail(code)
        else:
            self._governor.succeeded()
            self._tell_state()
        self._count(answer.usage)
        seconds = time.monotonic() - started
        self.observe(seconds)
        log.info(
            "llm_answered",
            call_id=account.call_id,
            what=what,
            model=answer.model,
            generation=answer.generation,
            took_ms=round(1000 * seconds),
            prompt_tokens=answer.usage.prompt_tokens,
            cached_tokens=answer.usage.cached_tokens,
            completion_tokens=answer.usage.completion_tokens,
            cost_usd=answer.usage.cost_usd,
            fault=code or None,
        )

    def _charge(self, account: Account, usage: Usage | None, model: str = ESTIMATED) -> None:
        usd = self._governor.charge(usage)
        account.spent_usd += usd
        tokens = usage.prompt_tokens + usage.completion_tokens if usage else 0
        self._pay(Cost(datetime.now(UTC), SERVICE, model or ESTIMATED, "tokens", tokens, usd, account.call_id))

    def _count(self, usage: Usage) -> None:
        counters = self.counters
        counters.answers_total += 1
        counters.prompt_tokens_total += usage.prompt_tokens
        counters.cached_tokens_total += usage.cached_tokens
        counters.completion_tokens_total += usage.completion_tokens
        counters.cost_usd_total += usage.cost_usd or 0.0

    def _fail(self, code: str) -> None:
        self.counters.failures_total += 1
        self._governor.failed(code, time.monotonic())
        self._tell_state()

    def _tell_state(self) -> None:
        self._report(Component.LLM, self._governor.status())


@dataclass(slots=True)
class WholeAnswer:
    """An `AnswerSink` for an answer that is of use only whole; `take` says whether it was a proper one."""

    take: Callable[[str], bool]
    give_up: Callable[[], None]
    text: str = ""

    def on_text(self, text: str) -> None:
        self.text += text

    def on_finished(self) -> str:
        if self.take(self.text):
            return ""
        self.give_up()
        return "llm_bad_answer"

    def on_failed(self, code: str, retryable: bool) -> None:
        self.give_up()


def _today() -> int:
    """A number that changes at local midnight."""
    return int((time.time() + time.localtime().tm_gmtoff) // DAY_S)
