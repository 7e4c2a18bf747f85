"""deploy/README.md against the code: every setting with its default, every command, every file it names."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from ari_bridge.cli import _parser
from ari_bridge.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
GUIDE = (DEPLOY / "README.md").read_text(encoding="utf-8")


def rows(section: str) -> dict[str, list[str]]:
    """A section's table: the cells after the first, by the name in the first."""
    text = GUIDE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    cells = [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in text.splitlines() if line.startswith("| `")]
    return {re.findall(r"`([^`]+)`", first)[0]: rest for first, *rest in cells}


def shown(value: Any) -> str:
    """A default as the guide writes it."""
    if value is None:
        return "–"
    if isinstance(value, tuple | bool):
        return f"`{json.dumps(value)}`"
    return f"`{value}`"


def test_every_setting_stands_in_the_table_with_its_default() -> None:
    code = {
        f"{section}.{name}": shown(getattr(field.default, name))
        for section, field in Settings.model_fields.items()
        for name in field.annotation.model_fields  # type: ignore[union-attr]
    }
    assert {name: cells[0] for name, cells in rows("Settings").items()} == code


def test_every_command_stands_in_the_table() -> None:
    [commands] = [a for a in _parser([])._actions if isinstance(a, argparse._SubParsersAction)]
    assert set(rows("Commands")) == {f"ari-bridge {name}" for name in commands.choices}


def test_secrets_are_marked_as_credentials() -> None:
    marked = set(re.findall(r"^\| `(\S+)` † \|", GUIDE, re.MULTILINE))
    unit = (DEPLOY / "ari-bridge.service").read_text(encoding="utf-8")
    assert marked == set(re.findall(r"^LoadCredential=(\S+?):", unit, re.MULTILINE))


def test_files_that_it_names_are_there() -> None:
    for name in ("tls/nginx.conf", "tls/Caddyfile", "prometheus/ari-bridge.rules.yml", "grafana/ari-bridge.json"):
        assert name in GUIDE
        assert (DEPLOY / name).is_file()


def test_the_example_configuration_is_one(tmp_path: Path) -> None:
    from ari_bridge.settings import load

    text = (DEPLOY / "config.toml").read_text(encoding="utf-8")
    load(DEPLOY / "config.toml", {})
    everything = tmp_path / "config.toml"  # with all that is commented out
    everything.write_text(re.sub(r"^# (?=[a-z_]+ = )", "", text, flags=re.MULTILINE))
    assert load(everything, {}).hub.trusted_proxies == ("127.0.0.1",)
