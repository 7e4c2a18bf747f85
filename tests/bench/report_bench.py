"""The page's questions to a store of years: `python -m tests.bench.report_bench [--utterances 400000]`.

Prints one line of JSON: how long the report of all its calls, of an operator and of a day take, what is known of a
number at the ring, a day's calls for the playbook's preview, and the newest page of the history.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta

from ari_bridge.events import Source, Suggestion, Summary, Verdict
from ari_bridge.history import Cost, HistoryQuery
from ari_bridge.report import ReportQuery
from ari_bridge.settings import StoreSettings
from ari_bridge.store.opening import open_store
from ari_bridge.store.repository import Entry, Store
from tests.bench.store_bench import BATCH, LINES_A_CALL, calls
from tests.store.talk import AT, card

CARDS_A_CALL = 3
CARDS = ("price_too_high", "cheaper_elsewhere", "think_it_over", "no_need", "timing", "llm")
REPEATS = 10
DAY = timedelta(days=1)


def busy_calls(draw: random.Random, utterances: int) -> Iterator[list[Entry]]:
    """As `store_bench.calls`, with cards, a summary and costs."""
    number = 10_000_000  # of the entries, beyond those of the calls
    for index, entries in enumerate(calls(draw, utterances)):
        call_id = f"c{index}"
        extra: list[object] = [_card(draw, call_id, n) for n in range(CARDS_A_CALL)]
        extra.append(Summary(call_id, "кондиционер", "Перезвонить завтра", ("перезвонить", "прислать смету")))
        extra += [Cost(entries[-1].at, "soniox", "stt-rt-v5", "seconds", 90.0, 0.003, call_id) for _ in range(2)]
        middle = entries[-1].at - timedelta(seconds=20)
        *before, end = entries
        added = []
        for item in extra:
            number += 1
            added.append(Entry(middle, number, item))  # type: ignore[arg-type]
        yield [*before, *added, end]


def _card(draw: random.Random, call_id: str, nth: int) -> Suggestion:
    name = draw.choice(CARDS)
    verdicts = draw.choice([(), (), (Verdict.USEFUL,), (Verdict.COPIED,), (Verdict.USELESS,), (Verdict.DISMISSED,)])
    source = Source.LLM if name == "llm" else Source.PLAYBOOK
    utterance = nth + 1
    plain = card(call_id, f"{call_id}-{utterance}-{name}", title=name, verdicts=verdicts)
    return replace(plain, utterance=utterance, source=source)


async def fill(store: Store, utterances: int) -> float:
    began, batch = time.perf_counter(), []
    for entries in busy_calls(random.Random(1), utterances):
        batch += entries
        if len(batch) >= BATCH:
            await store.append(batch)
            batch = []
    await store.append(batch)
    return time.perf_counter() - began


async def took(ask: Callable[[], Awaitable[object]]) -> dict[str, float]:
    """Milliseconds; the first time is not counted (the page cache is cold)."""
    times = []
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        await ask()
        times.append((time.perf_counter() - began) * 1000)
    return {"p50_ms": round(statistics.median(times[1:]), 1), "max_ms": round(max(times[1:]), 1)}


async def measure(url: str, utterances: int) -> dict[str, object]:
    store = open_store(StoreSettings(url=url))
    count = utterances // LINES_A_CALL
    end = AT + timedelta(minutes=count)
    all_of_it = ReportQuery(AT, end)
    last_day = ReportQuery(end - DAY, end)
    try:
        figures: dict[str, object] = {
            "calls": count,
            "utterances": utterances,
            "fill_s": round(await fill(store, utterances), 1),
        }
        record = await store.call(f"c{count // 2}")
        assert record is not None
        report = await store.report(all_of_it)
        assert report.talk.calls == count
        assert report.cards.shown == count * CARDS_A_CALL
        figures["report_all"] = await took(lambda: store.report(all_of_it))
        figures["report_all_of_one_operator"] = await took(lambda: store.report(replace(all_of_it, operator="1007")))
        figures["report_day"] = await took(lambda: store.report(last_day))
        figures["number"] = await took(lambda: store.number(record.call.client_number or "", 5))
        figures["preview_200_calls"] = await took(lambda: store.calls_between(last_day.begin, last_day.end, 200))
        figures["history_newest"] = await took(lambda: store.history(HistoryQuery()))
    finally:
        await store.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=int, default=400_000)
    parser.add_argument("--url", help="an empty database, e.g. postgresql://…; default: SQLite in a new folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.url or f"sqlite:///{folder}/calls.db"
        print(json.dumps(asyncio.run(measure(url, given.utterances)), ensure_ascii=False))


if __name__ == "__main__":
    main()
