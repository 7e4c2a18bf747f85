from __future__ import annotations

from pathlib import Path

import pytest

from ari_bridge.errors import ConfigError
from ari_bridge.settings import StoreSettings
from ari_bridge.store.opening import open_accounts, open_store, sqlite_path
from ari_bridge.store.repository import Fault, StoreError


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///var/ari-bridge.db", "var/ari-bridge.db"),
        ("sqlite:////var/lib/ari-bridge/calls.db", "/var/lib/ari-bridge/calls.db"),
        ("sqlite:////srv/%D0%B7%D0%B2%D0%BE%D0%BD%D0%BA%D0%B8.db", "/srv/звонки.db"),
    ],
)
def test_three_slashes_are_relative_four_absolute(url: str, path: str) -> None:
    assert sqlite_path(url) == Path(path)


@pytest.mark.parametrize(
    "url", ["sqlite://var/x.db", "sqlite:///", "sqlite:////", "sqlite:///:memory:", "sqlite:///x?a=1"]
)
def test_what_names_no_file_says_how_to(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^store\.url: must name a file .*e\.g\. ARI_BRIDGE_STORE__URL='sqlite:"):
        sqlite_path(url)


async def test_folders_are_made(tmp_path: Path) -> None:
    store = open_store(StoreSettings(url=f"sqlite:///{tmp_path}/a/b/calls.db"))
    assert (tmp_path / "a/b/calls.db").exists()
    assert store.place == f"{tmp_path}/a/b/calls.db"
    await store.close()


def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"^store\.url: .*(File exists|Not a directory); e\.g\. "):
        open_store(StoreSettings(url=f"sqlite:///{tmp_path}/file/calls.db"))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://bridge:se:cr@et@db:5432/calls", "postgresql://bridge:**********@db:5432/calls"),
        ("postgresql://bridge@db/calls", "postgresql://bridge@db/calls"),
        ("sqlite:///var/ari-bridge.db", "sqlite:///var/ari-bridge.db"),
    ],
)
def test_a_password_in_the_url_is_shown_to_nobody(url: str, shown: str) -> None:
    assert StoreSettings(url=url).model_dump(mode="json")["url"] == shown


AWAY = "postgresql://bridge:secret@127.0.0.1:1/calls"  # nobody listens on port 1


def test_users_of_a_server_that_is_away_are_one_line_with_its_own_example() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(ConfigError, match=r"^store\.url: users cannot be read: .*e\.g\. .*'postgresql://") as caught:
        open_accounts(StoreSettings(url=AWAY))
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_server_that_is_only_away_is_waited_for_by_the_daemon() -> None:
    pytest.importorskip("psycopg")
    accounts = open_accounts(StoreSettings(url=AWAY), patient=True)
    with pytest.raises(StoreError) as caught:
        await accounts.directory()
    await accounts.close()
    assert caught.value.fault is Fault.AWAY


def test_patience_does_not_help_a_damaged_file(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(ConfigError, match=r"^store\.url: .*e\.g\. ARI_BRIDGE_STORE__URL='sqlite:"):
        open_accounts(StoreSettings(url=f"sqlite:///{path}"), patient=True)
