from __future__ import annotations

from datetime import timedelta

from ari_bridge.playbooks import PlaybookVersion, version_of
from ari_bridge.store.repository import Store
from ari_bridge.store.shelf import MOST_VERSIONS
from tests.store.talk import AT


async def test_versions_newest_first_and_their_texts(store: Store) -> None:
    first = PlaybookVersion(version_of("а"), AT, "", 3)
    second = PlaybookVersion(version_of("б"), AT + timedelta(minutes=1), "Ольга", 4)
    await store.keep_playbook(first, "а")
    await store.keep_playbook(second, "б")
    await store.keep_playbook(second, "б")  # told twice
    assert await store.playbooks() == (second, first)
    assert await store.playbook(first.version) == "а"
    assert await store.playbook("none") is None


async def test_a_text_that_comes_back_is_the_same_version(store: Store) -> None:
    for minute, text in enumerate(("а", "б", "а")):
        at = AT + timedelta(minutes=minute)
        await store.keep_playbook(PlaybookVersion(version_of(text), at, "Ольга", 1), text)
    assert [kept.version for kept in await store.playbooks()] == [version_of(t) for t in ("а", "б", "а")]
    assert await store.playbook(version_of("а")) == "а"


async def test_the_oldest_go(store: Store) -> None:
    for minute in range(MOST_VERSIONS + 2):
        kept = PlaybookVersion(version_of(str(minute)), AT + timedelta(minutes=minute), "Ольга", 1)
        await store.keep_playbook(kept, str(minute))
    assert len(await store.playbooks()) == MOST_VERSIONS
    assert await store.playbook(version_of("0")) is None
    assert await store.playbook(version_of("2")) == "2"
