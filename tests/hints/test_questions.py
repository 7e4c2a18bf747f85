from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ari_bridge.events import ComponentState
from ari_bridge.hints.governor import Governor, Mode
from ari_bridge.hints.limits import Limits
from ari_bridge.hints.llm import Prompt
from ari_bridge.hints.openrouter import OpenRouter
from ari_bridge.hints.questions import Account, Questions, WholeAnswer
from tests.hints.desk import Desk
from tests.hints.peer import Reply, answer, chunk, openrouter_peer

PROMPT = Prompt("rules", "talk", "suggestion", {}, "c1", 100)


@dataclass(slots=True)
class Box:
    """What came of an answer."""

    text: str | None = None
    gave_up: bool = False
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, text: str) -> bool:
        self.text = text
        self.done.set()
        return text != "плохо"

    def give_up(self) -> None:
        self.gave_up = True
        self.done.set()


@asynccontextmanager
async def asking(url: str, desk: Desk) -> AsyncIterator[Questions]:
    questions = Questions(OpenRouter(url, "k", ["m"]), Governor(Limits()), desk.report)

    async def own() -> None:
        async with asyncio.TaskGroup() as tasks:
            questions.open(tasks)
            await asyncio.Event().wait()

    owner = asyncio.create_task(own(), name="owner")
    await asyncio.sleep(0)
    try:
        yield questions
    finally:
        owner.cancel()
        await asyncio.gather(owner, return_exceptions=True)
        await questions.close()


async def ask(
    reply: Reply, desk: Desk, account: Account, meanwhile: Callable[[Questions, asyncio.Task[None]], None]
) -> Box:
    box = Box()
    async with openrouter_peer(reply) as peer, asking(peer.url, desk) as questions:
        task = questions.ask("ask", PROMPT, account, WholeAnswer(box.take, box.give_up))
        assert task is not None
        async with asyncio.timeout(5):
            while not peer.bodies:
                await asyncio.sleep(0.01)
            meanwhile(questions, task)
            await asyncio.gather(task, return_exceptions=True)
    return box


async def test_an_answer_is_paid_for_and_the_provider_is_up() -> None:
    desk, account = Desk(), Account("c1")
    box = await ask(answer("хорошо"), desk, account, lambda _, __: None)
    assert (box.text, box.gave_up) == ("хорошо", False)
    assert account.spent_usd == 0.0014
    assert desk.state is ComponentState.UP


async def test_a_bad_answer_is_paid_for_and_is_the_provider_s_fault() -> None:
    desk, account = Desk(), Account("c1")
    box = await ask(answer("плохо"), desk, account, lambda _, __: None)
    assert box.gave_up
    assert account.spent_usd == 0.0014
    assert desk.state is ComponentState.DEGRADED


async def test_a_cancelled_question_is_paid_for_by_estimate_and_is_nobody_s_fault() -> None:
    desk, account = Desk(), Account("c1")
    box = await ask(Reply([chunk("x"), 5.0]), desk, account, lambda q, task: q.cancel(task, account, ""))
    assert (box.text, box.gave_up) == (None, False)
    assert account.spent_usd == Limits().guessed_cost_usd
    assert desk.state is ComponentState.UP


async def test_a_late_question_is_the_provider_s_fault() -> None:
    desk, account = Desk(), Account("c1")
    await ask(Reply([5.0]), desk, account, lambda q, task: q.cancel(task, account, "llm_timeout"))
    assert desk.state is ComponentState.DEGRADED


async def test_a_sink_that_breaks_takes_nobody_down() -> None:
    desk, account = Desk(), Account("c1")

    def broken(text: str) -> bool:
        raise RuntimeError(text)

    async with openrouter_peer(answer("x")) as peer, asking(peer.url, desk) as questions:
        first = questions.ask("one", PROMPT, account, WholeAnswer(broken, lambda: None))
        assert first is not None
        await asyncio.gather(first)
        box = Box()
        assert questions.ask("two", PROMPT, account, WholeAnswer(box.take, box.give_up)) is not None
        async with asyncio.timeout(5):
            await box.done.wait()
    assert box.text == "x"


async def test_without_a_key_or_an_owner_nothing_is_asked() -> None:
    desk = Desk()
    keyless = Questions(None, Governor(Limits(), has_model=False), desk.report)
    assert keyless.mode(Account("c1"), 0.0) == (Mode.PLAYBOOK, "no_key")
    assert keyless.ask("x", PROMPT, Account("c1"), WholeAnswer(lambda _: True, lambda: None)) is None
    idle = Questions(OpenRouter("http://127.0.0.1:9", "k", ["m"]), Governor(Limits()), desk.report)
    assert idle.mode(Account("c1"), 0.0) == (Mode.PLAYBOOK, "not_serving")
