"""Alert rules and dashboard against what the daemon exports, and the rules by Prometheus' own tool."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from pathlib import Path

import pytest

from ari_bridge.app import App
from ari_bridge.settings import load
from tests.lab import cache_root
from tests.lab.conftest_plugin import require

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/prometheus/ari-bridge.rules.yml"
DASHBOARD = ROOT / "deploy/grafana/ari-bridge.json"
OURS = re.compile(r"\b((?:ari_bridge|process)_[a-z0-9_]+)\b")


async def exposition(store_url: str) -> str:
    """What `/metrics` answers before anything has happened."""
    app, stop = App(load(None, {"ARI_BRIDGE_STORE__URL": store_url, "ARI_BRIDGE_HUB__PORT": "0"})), asyncio.Event()
    text = app.metrics.render().decode()
    stop.set()
    await app.run(stop)
    return text


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every name a query may use, and its help."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.db'}"
    text = asyncio.run(exposition(url))
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.MULTILINE))
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        if kind == "histogram":
            helps |= {f"{name}_{part}": helps[name] for part in ("bucket", "sum", "count")}
    return helps


def test_every_figure_has_a_help_text_and_a_unit_of_its_own(exported: dict[str, str]) -> None:
    ours = {name: text for name, text in exported.items() if name.startswith("ari_bridge")}
    assert len(ours) > 50
    assert [name for name, text in ours.items() if len(text) < 8] == []


def test_every_figure_of_the_alerts_and_of_the_dashboard_is_exported(exported: dict[str, str]) -> None:
    used = set(OURS.findall(RULES.read_text(encoding="utf-8")))
    queries = [
        target["expr"]
        for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
        for target in panel.get("targets", ())
    ]
    assert len(queries) > 20
    for query in queries:
        used |= set(OURS.findall(query))
    assert used - exported.keys() == set()


def test_every_alert_says_what_people_notice_and_what_to_look_at() -> None:
    text = RULES.read_text(encoding="utf-8")
    assert text.count("- alert:") == text.count("summary:") == text.count("cure:") == text.count("severity:")


def test_promtool_takes_the_rules_and_they_fire_for_their_fault_alone(tmp_path: Path) -> None:
    promtool = cache_root() / "promtool"
    require("promtool", None if promtool.exists() else "no promtool here: run tests/lab/install.sh promtool")
    cases = tmp_path / "alerts.test.yml"
    cases.write_text((ROOT / "tests/ops/alerts.test.yml").read_text(encoding="utf-8").replace("RULES", str(RULES)))
    for command in (["check", "rules", str(RULES)], ["test", "rules", str(cases)]):
        done = subprocess.run([promtool, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
