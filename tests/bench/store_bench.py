"""The store at the size of years: `python -m tests.bench.store_bench [--utterances 400000]`.

Prints one line of JSON: how fast entries are written (through the recorder, each final line awaited), how long searches
take in the grown database, what a deletion with its scrub costs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from itertools import accumulate

from ari_bridge.events import CallStarted, Event, Transcript
from ari_bridge.history import HistoryQuery
from ari_bridge.settings import StoreSettings
from ari_bridge.store.opening import open_store
from ari_bridge.store.recorder import Recorder
from ari_bridge.store.repository import Entry, Store
from tests.store.talk import AT, Diary, ringing, said

LINES_A_CALL = 20
WORDS_A_LINE = 9
BATCH = 2_000
BUDGET_MS = 50.0
FREQUENT = re.findall(
    r"\w+", "и да я вы не это ну что в на а мы как так вот есть можно нужно хорошо сколько цена стоит дорого скидка"
)
SYLLABLES = re.findall(r"\w+", "во да ро ти ка ле мо не пра сто ви ла ну го ре за ми ко лу те ва ня по ду")
ENDINGS = re.findall(r"\w+", "а ы е у ой ами ах ов ый ого ому ыми ть л ла ли ет ют")

QUERIES = {
    "two words in every third line": "я не",
    "two frequent words": "скидка дорого",
    "two words, other forms": "скидками дороже",
    "a rare and a frequent word": "аквариумы цена",
    "nowhere together": "аквариум телескоп",
    "phrase": '"стоит дорого"',
    "prefix and word": "скид* сколько",
    "short prefixes": "с* ц*",
    "number": "+7 900 000 12-34",
}


@dataclass(slots=True)
class Figures:
    utterances: int
    database: str
    fill_per_s: float = 0.0
    live_writes_per_s: float = 0.0
    live_told_after_ms_p50: float = 0.0
    live_told_after_ms_p99: float = 0.0
    live_told_after_ms_max: float = 0.0
    search_ms_p50: dict[str, float] = field(default_factory=dict)
    search_ms_p95: dict[str, float] = field(default_factory=dict)
    search_ms_max: dict[str, float] = field(default_factory=dict)
    search_cpu_ms: dict[str, float] = field(default_factory=dict)
    erase_a_number_s: float = 0.0
    erased_and_scrubbed: bool = False


def vocabulary(draw: random.Random, size: int = 20_000) -> tuple[list[str], list[float]]:
    """Words with Zipf's weights, added up: the frequent ones are real, the rest is made of syllables."""
    made = ("".join(draw.choices(SYLLABLES, k=draw.randint(2, 4))) + draw.choice(ENDINGS) for _ in range(size))
    words = [*FREQUENT, *made]
    return words, list(accumulate(1.0 / (rank + 5) for rank in range(len(words))))


def calls(draw: random.Random, utterances: int) -> Iterator[list[Entry]]:
    """Calls one after another; `аквариум` and `телескоп` are said once in 5,000 lines."""
    words, weights = vocabulary(draw)
    for number in range(utterances // LINES_A_CALL):
        texts = [" ".join(draw.choices(words, cum_weights=weights, k=WORDS_A_LINE)) for _ in range(LINES_A_CALL)]
        if number % 250 == 0:
            texts[3] += f" {('аквариум', 'телескоп')[number // 250 % 2]}"
        call = ringing(f"c{number}", f"+79{draw.randrange(10**9):09}", AT + timedelta(minutes=number))
        yield Diary().conversation(call, *texts, operator=f"10{draw.randrange(40):02}")


async def fill(store: Store, utterances: int) -> float:
    """Utterances written a second, without waiting for each."""
    began = time.perf_counter()
    batch: list[Entry] = []
    for entries in calls(random.Random(1), utterances):
        batch += entries
        if len(batch) >= BATCH:
            await store.append(batch)
            batch = []
    await store.append(batch)
    return utterances / (time.perf_counter() - began)


async def write_live(store: Store, rate: int, seconds: float) -> tuple[float, list[float]]:
    """Final lines at `rate` a second through the recorder; written a second, and how many ms each waited."""
    recorder = Recorder(store, lambda component, status: None)
    task = asyncio.create_task(recorder.serve(), name="recorder")
    asked: dict[tuple[str, int], float] = {}
    waited: list[float] = []

    def tell(event: Event) -> None:
        if isinstance(event, Transcript):
            waited.append((time.perf_counter() - asked[event.call_id, event.utterance]) * 1000)

    for call in range(100):
        recorder.publish_after(CallStarted(ringing(f"live{call}")), tell)
    began, sent = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - began) < seconds:
        for number in range(sent, int(elapsed * rate)):
            line = said("Сколько это стоит и когда привезёте", number // 100 + 1, f"live{number % 100}")
            asked[line.call_id, line.utterance] = time.perf_counter()
            recorder.publish_after(line, tell)
        sent = int(elapsed * rate)
        await asyncio.sleep(0.005)
    while len(waited) < sent:
        await asyncio.sleep(0.005)
    per_s = sent / (time.perf_counter() - began)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await recorder.close()
    return per_s, sorted(waited)


async def search(store: Store, repeats: int, figures: Figures) -> None:
    """Milliseconds of each query; the first of each is not counted (the page cache is cold)."""
    for name, text in QUERIES.items():
        took, cpu = [], []
        for _ in range(repeats + 1):
            began, cpu_began = time.perf_counter(), time.process_time()
            await store.history(HistoryQuery(text))
            took.append((time.perf_counter() - began) * 1000)
            cpu.append((time.process_time() - cpu_began) * 1000)
        figures.search_ms_p50[name] = round(statistics.median(took[1:]), 1)
        figures.search_ms_p95[name] = round(_quantile(sorted(took[1:]), 0.95), 1)
        figures.search_ms_max[name] = round(max(took[1:]), 1)
        figures.search_cpu_ms[name] = round(statistics.median(cpu[1:]), 1)


async def measure(url: str, utterances: int, rate: int, seconds: float, repeats: int = 40) -> Figures:
    figures = Figures(utterances, url.partition(":")[0])
    store = open_store(StoreSettings(url=url))
    try:
        figures.fill_per_s = round(await fill(store, utterances))
        await search(store, repeats, figures)
        per_s, waited = await write_live(store, rate, seconds)
        figures.live_writes_per_s = round(per_s)
        figures.live_told_after_ms_p50 = round(_quantile(waited, 0.5), 1)
        figures.live_told_after_ms_p99 = round(_quantile(waited, 0.99), 1)
        figures.live_told_after_ms_max = round(waited[-1], 1)
        began = time.perf_counter()
        record = await store.call("c7")
        assert record is not None
        erased = await store.erase_number(record.call.client_number or "")
        figures.erased_and_scrubbed = erased.calls == 1 and erased.scrubbed
        figures.erase_a_number_s = round(time.perf_counter() - began, 2)
    finally:
        await store.close()
    return figures


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=int, default=400_000)
    parser.add_argument("--url", help="an empty database, e.g. postgresql://…; default: SQLite in a new folder")
    parser.add_argument("--rate", type=int, default=1_100, help="final lines a second offered to the recorder")
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.url or f"sqlite:///{folder}/calls.db"
        figures = asyncio.run(measure(url, given.utterances, given.rate, given.seconds))
    print(json.dumps(asdict(figures), ensure_ascii=False))


if __name__ == "__main__":
    main()
