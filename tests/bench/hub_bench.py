"""The hub before a whole shift: `python -m tests.bench.hub_bench [--seconds 20]`.

100 live calls tell 300 events a second through recorder and store, as in the daemon; 20 supervisors see all of them,
180 operators their own call. Prints one line of JSON: how long from an event's publication until each entitled page had
it, without and with the wait for the disk, and beside two readers that stop reading; and how late the loop ran when all
200 came back at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from ari_bridge.accounts import AccountStore, ApiToken, AuditEntry, Deed, Role, User, digest_of
from ari_bridge.events import (
    CallEvent,
    CallStarted,
    CallUpdated,
    Event,
    Leg,
    Level,
    Priority,
    Source,
    Suggestion,
    SuggestionKind,
    SuggestionState,
    Transcript,
)
from ari_bridge.hub.doorkeeper import Doorkeeper
from ari_bridge.hub.fanout import Hub
from ari_bridge.hub.gate import Rules
from ari_bridge.hub.server import HubServer
from ari_bridge.interfaces import EventSink
from ari_bridge.settings import AgiSettings, HubSettings, StoreSettings
from ari_bridge.store.opening import open_accounts, open_store
from ari_bridge.store.recorder import Recorder
from tests.bench import hub_pages
from tests.bench.hub_pages import Seen
from tests.bench.process import Helper, resident_bytes
from tests.hub.running import Cards, Dialplan
from tests.store.talk import answered, ringing

BUDGET_MS = 50.0
LAG_BUDGET_MS = 100.0
PROBE_S = 0.005


@dataclass
class Latency:
    """Milliseconds."""

    p50: float
    p99: float
    most: float
    events: int


@dataclass
class Figures:
    calls: int
    people: int
    events_per_s: float = 0.0
    hub_alone: dict[str, Latency] = field(default_factory=dict)  # without the wait for the disk
    calm: dict[str, Latency] = field(default_factory=dict)
    beside_stuck_readers: dict[str, Latency] = field(default_factory=dict)
    stuck_readers_cost_mb: float = 0.0
    all_at_once_loop_lag_ms: float = 0.0
    all_at_once_back_ms_p99: float = 0.0
    calm_loop_lag_ms: float = 0.0
    out_of_order: int = 0
    foreign: int = 0
    connections_lost: int = 0
    finals_missing: int = 0
    cpu_share: float = 0.0  # of one processor, calm


class Talk:
    """Events of all calls in turn: partials, finals, now and then a card, a change of the call, a level."""

    def __init__(self, calls: int, extra: int) -> None:
        """`extra`: of so many calls a second operator's telephone rings too."""
        self.ids = [f"call{n}" for n in range(calls)]
        self._calls = []
        for n, call_id in enumerate(self.ids):
            call = answered(ringing(call_id, f"+7900{n:07}"), operator_of(n))
            self._calls.append(replace(call, ringing=(operator_of(calls + n),) if n < extra else ()))
        self.finals = dict.fromkeys(self.ids, 0)
        self._turn = 0

    def beginning(self) -> Iterator[CallEvent]:
        for call in self._calls:
            yield CallStarted(call)

    def next(self) -> CallEvent:
        number, step = self._turn % len(self._calls), self._turn // len(self._calls)
        self._turn += 1
        call, leg, stamp = self._calls[number], (Leg.CLIENT, Leg.OPERATOR)[step // 3 % 2], f"@{time.monotonic_ns()}@"
        utterance = step // 6 + 1
        match step % 3, step // 3 % 5:
            case (1, 3):
                return replace(_CARD, call_id=call.id, id=f"{call.id}-{utterance % 8}", content=stamp)
            case (1, 4):
                return CallUpdated(replace(call, linkedid=stamp))
            case (2, _):
                self.finals[call.id] += 1
                text = f"Это слишком дорого для нас, давайте обсудим рассрочку {stamp}"
                return Transcript(call.id, leg, utterance, text, "", True, 1000 * step, 1000 * step + 900)
        if self._turn % 7 == 0:
            return Level(call.id, self._turn % 100 / 100, 0.1)
        return Transcript(call.id, leg, utterance, "Это слишком", f" дорого {stamp}", False, 1000 * step, 1000 * step)


_CARD = Suggestion(
    *("", "", SuggestionKind.OBJECTION, "Возражение: дорого", "", Priority.HIGH, Source.PLAYBOOK),
    *(SuggestionState.COMPLETE, 1, "Это слишком дорого"),
)


def operator_of(number: int) -> str:
    return str(1000 + number)


async def make_people(
    accounts: AccountStore, calls: int, supervisors: int, operators: int
) -> list[tuple[str, str | None]]:
    """Their tokens, and which call each may see."""
    now, people = datetime.now(UTC), []
    for number in range(-supervisors, operators):
        own = f"call{number % calls}" if number >= 0 else None
        role, extensions = (Role.OPERATOR, (operator_of(number),)) if own else (Role.SUPERVISOR, ())
        user = User(secrets.token_hex(8), f"person {number}", role, extensions, "no password", now)
        await accounts.add_user(user, AuditEntry(now, "bench", Deed.USER_ADDED, "local"))
        value = secrets.token_urlsafe(24)
        token = ApiToken(secrets.token_hex(4), digest_of(value), user.id, "bench", now)
        await accounts.add_token(token, AuditEntry(now, "bench", Deed.TOKEN_ADDED, "local"))
        people.append((value, own))
    return people


class LoopLag:
    def __init__(self) -> None:
        self._worst = 0.0

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PROBE_S
            await asyncio.sleep(PROBE_S)
            self._worst = max(self._worst, (loop.time() - due) * 1000)

    def take(self) -> float:
        """The worst since the last time, in ms."""
        worst, self._worst = self._worst, 0.0
        return round(worst, 1)


async def publish(tell: EventSink, talk: Talk, rate: float, seconds: float) -> float:
    """At `rate` a second, evenly; events a second as it turned out."""
    began, sent = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - began) < seconds:
        while sent < elapsed * rate:
            tell(talk.next())
            sent += 1
        await asyncio.sleep(1 / rate)
    return sent / elapsed


def latency(late_ms: Sequence[float]) -> Latency:
    ordered = sorted(late_ms)
    at = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99, 1.0)]
    return Latency(*(round(value, 1) for value in at), len(ordered))


async def run(
    hub: Hub, recorder: Recorder, pages: Helper, figures: Figures, *, talk: Talk, rate: float, seconds: float
) -> None:
    lag = LoopLag()
    probe = asyncio.create_task(lag.serve(), name="bench.lag")
    await pages.ask("seen")

    def kept(event: Event) -> None:
        recorder.publish_after(event, hub.publish)

    async def phase(tell: EventSink) -> Seen:
        before = sum(talk.finals.values())
        figures.events_per_s = round(await publish(tell, talk, rate, seconds), 1)
        await asyncio.sleep(0.5)  # what was told last is on its way
        seen: Seen = await pages.ask("seen")
        said = sum(talk.finals.values()) - before
        figures.finals_missing += said * (figures.people // 10) - seen.finals["supervisor"]
        figures.out_of_order += seen.broken
        figures.foreign += seen.foreign
        figures.connections_lost += seen.lost
        return seen

    figures.hub_alone = {role: latency(late) for role, late in (await phase(hub.publish)).late_ms.items()}
    lag.take()
    began, cpu = time.perf_counter(), time.process_time()
    figures.calm = {role: latency(late) for role, late in (await phase(kept)).late_ms.items()}
    figures.cpu_share = round((time.process_time() - cpu) / (time.perf_counter() - began), 2)
    figures.calm_loop_lag_ms = lag.take()
    await pages.ask("stick")
    before = resident_bytes(os.getpid())
    figures.beside_stuck_readers = {role: latency(late) for role, late in (await phase(kept)).late_ms.items()}
    figures.stuck_readers_cost_mb = round((resident_bytes(os.getpid()) - before) / 2**20, 2)
    lag.take()
    talking = asyncio.create_task(publish(kept, talk, rate, 3.0), name="bench.talk")
    back: Seen = await pages.ask("reconnect")
    figures.all_at_once_loop_lag_ms = lag.take()
    figures.all_at_once_back_ms_p99 = latency(back.reopened_ms).p99
    await talking
    probe.cancel()


def figures_of_supervisors(figures: Figures) -> int:
    return figures.people // 10


async def measure(
    folder: Path, *, calls: int = 100, people: int = 200, rate: float = 300.0, seconds: float = 20.0
) -> Figures:
    """A tenth of the people are supervisors."""
    settings = StoreSettings(url=f"sqlite:///{folder}/hub.db")
    store, accounts, hub = open_store(settings), open_accounts(settings), Hub()
    recorder, talk = Recorder(store, lambda component, status: None), Talk(calls, people - people // 10 - calls)
    tokens = await make_people(accounts, calls, people // 10, people - people // 10)
    (folder / "index.html").write_text("<!doctype html>")
    door = Doorkeeper(accounts, Rules())
    server = HubServer(
        HubSettings(port=0),
        AgiSettings(),
        hub,
        notices=Dialplan(),
        suggester=Cards(),
        webui=folder,
        door=door,
        history=store,
    )
    _, port = await server.start()
    figures = Figures(calls, people)
    serving = [
        asyncio.create_task(recorder.serve(), name="recorder"),
        asyncio.create_task(door.serve(), name="door"),
    ]
    for event in talk.beginning():
        recorder.publish_after(event, hub.publish)
    with Helper("pages", hub_pages.serve, port, tokens) as pages:
        await pages.told()
        await run(hub, recorder, pages, figures, talk=talk, rate=rate, seconds=seconds)
    for task in serving:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await recorder.close()
    await server.stop()
    await door.close()
    await store.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each phase")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(Path(folder), seconds=given.seconds))
    print(json.dumps(asdict(figures), ensure_ascii=False))


if __name__ == "__main__":
    main()
