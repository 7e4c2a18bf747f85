"""The day's budget over restarts: what the engine pays is kept by the store, and the next run goes on from there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ari_bridge.app import App
from ari_bridge.events import Component, ComponentState
from ari_bridge.hints.engine import HintEngine
from ari_bridge.hints.openrouter import OpenRouter
from ari_bridge.history import Cost
from ari_bridge.settings import load
from ari_bridge.store.opening import open_store
from ari_bridge.store.repository import Entry
from tests.hints.desk import Desk, serving
from tests.hints.peer import answer, openrouter_peer, suggestion
from tests.hints.playbooks import heard, small
from tests.hints.test_engine import PATIENT


async def test_each_answer_is_paid_for_once_with_its_model_and_call() -> None:
    desk, paid = Desk(), list[Cost]()
    async with openrouter_peer(answer(suggestion())) as peer:
        llm = OpenRouter(peer.url, "demo", ("m",))
        engine = HintEngine(desk.publish, desk.report, small(), llm, limits=PATIENT, pay=paid.append)
        async with serving(engine):
            engine.on_event(heard("это слишком дорого для нас"))
            await desk.until(lambda: bool(paid))
    assert [(cost.service, cost.unit, cost.amount, cost.usd, cost.call_id) for cost in paid] == [
        ("openrouter", "tokens", 940, 0.0014, "c1")
    ]


async def test_what_an_earlier_run_spent_today_counts() -> None:
    desk = Desk()
    async with openrouter_peer(answer(suggestion())) as peer:
        llm = OpenRouter(peer.url, "demo", ("m",))
        engine = HintEngine(desk.publish, desk.report, small(), llm, limits=replace(PATIENT, day_budget_usd=1.0))
        engine.remember_spent(1.0)
        async with serving(engine):
            engine.on_event(heard("это слишком дорого для нас"))
            await desk.until(lambda: bool(desk.cards and desk.states))
        assert (peer.bodies, desk.state) == ([], ComponentState.DEGRADED)


async def test_the_daemon_goes_on_with_the_day_s_budget(tmp_path: Path) -> None:
    settings = load(
        None,
        {
            "ARI_BRIDGE_STORE__URL": f"sqlite:///{tmp_path / 'store.db'}",
            "ARI_BRIDGE_HUB__PORT": "0",
            "ARI_BRIDGE_OPENROUTER__API_KEY": "demo",
            "ARI_BRIDGE_HINTS__BUDGET_PER_DAY_USD": "1.5",
        },
    )
    store, now = open_store(settings.store), datetime.now(UTC)
    costs = [Cost(now, service, "m", "tokens", 10, 0.8, "c1") for service in ("openrouter", "openrouter", "soniox")]
    assert await store.append([Entry(now, number, cost) for number, cost in enumerate(costs)]) == 0
    await store.close()
    app, stop = App(settings), asyncio.Event()
    running = asyncio.create_task(app.run(stop), name="app")
    async with asyncio.timeout(20):
        while app.board.snapshot()[Component.LLM].state is not ComponentState.DEGRADED:
            await asyncio.sleep(0.02)
        status = app.board.snapshot()[Component.LLM]
        stop.set()
        await running
    assert (status.state, "бюджет" in (status.reason or "")) == (ComponentState.DEGRADED, True)
