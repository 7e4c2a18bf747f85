"""pytest fixtures for what a machine may lack: the real Asterisk and the real browser.

Where one cannot be had its tests are skipped with the reason; `TEST_REQUIRE=asterisk,browser,…` turns such a skip
into a failure. Import the fixtures by name into a conftest.py.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.lab import asterisk_root
from tests.lab.asterisk import Asterisk

CHROMIUM_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_TOOLS = ("sipp", "tcpdump", "espeak-ng", "sox", "unshare", "nsenter", "chroot", "nft")


def why_no_asterisk(release: str = "22") -> str | None:
    """What keeps the laboratory from running here, None when nothing does."""
    if os.geteuid() != 0:
        return "Asterisk's own root folder needs the rights of root"
    absent = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if absent or not (asterisk_root(release) / "usr/sbin/asterisk").exists():
        named = f" ({', '.join(absent)} absent)" if absent else ""
        return f"no Asterisk {release} laboratory here{named}: run tests/lab/install.sh asterisk-{release}"
    return None


def why_no_browser() -> str | None:
    """What keeps the page's tests from running here, None when nothing does."""
    return None if chromium_path() else "no Chromium here: run tests/lab/install.sh browser"


def chromium_path() -> str | None:
    """Debian's own Chromium, which Playwright takes as `executable_path`; launch it with CHROMIUM_FLAGS."""
    return shutil.which("chromium")


def require(name: str, missing: str | None) -> None:
    """Skips the test when something is missing, or fails it when `TEST_REQUIRE` lists the name."""
    if missing is None:
        return
    required = {word.strip() for word in os.environ.get("TEST_REQUIRE", "").split(",")}
    if name in required:
        pytest.fail(f"TEST_REQUIRE={name}: {missing}", pytrace=False)
    pytest.skip(missing)


@pytest.fixture(scope="session")
def shared_asterisk() -> Iterator[Asterisk]:
    """One Asterisk 22 for the whole session."""
    require("asterisk", why_no_asterisk())
    with Asterisk() as asterisk:
        yield asterisk


@pytest.fixture
def asterisk(shared_asterisk: Asterisk) -> Iterator[Asterisk]:
    """The session's Asterisk; the test fails if it leaves a channel or a bridge behind."""
    yield shared_asterisk
    try:
        shared_asterisk.wait_idle()
    except AssertionError:
        # what one test left must not fail the next ones
        shared_asterisk.restart()
        raise


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a real Chromium."""
    require("browser", why_no_browser())
    path = chromium_path()
    assert path is not None
    return path
