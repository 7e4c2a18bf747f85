from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from ari_bridge.demo.past import entries_of, past_calls, remember_past
from ari_bridge.demo.run import OPERATORS
from ari_bridge.history import HistoryQuery
from ari_bridge.report import ReportQuery
from ari_bridge.settings import StoreSettings
from ari_bridge.store.opening import open_store
from media.wav import HEADER_BYTES, read_header

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def test_the_same_past_whenever_it_is_made_all_before_now() -> None:
    entries = entries_of(past_calls(NOW, OPERATORS))
    assert entries == entries_of(past_calls(NOW, OPERATORS))
    assert max(entry.at for entry in entries) < NOW


async def test_history_report_and_preview_have_something_to_show(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/demo.db"
    await remember_past(url, OPERATORS)
    store = open_store(StoreSettings(url=url))
    now = datetime.now(UTC)
    report = await store.report(ReportQuery(now - timedelta(days=7), now))
    found = await store.history(HistoryQuery("дорого"))
    yesterday = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    records = await store.calls_between(yesterday, yesterday + timedelta(days=1), 200)
    known = await store.number("+79001234567", 5)
    await store.close()
    sound = read_header((tmp_path / "recordings" / f"{records[0].call.id}.wav").read_bytes()[:HEADER_BYTES])
    assert report.talk.calls >= 30
    assert report.cards.used > 0
    assert {item.source for item in report.latency} == {"playbook", "llm"}
    assert {operator.operator for operator in report.operators} == set(OPERATORS)
    assert len(found.hits) > 5
    assert records
    assert known.total > 2
    assert sound is not None
    assert sound.channels == 2
