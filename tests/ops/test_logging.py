"""What a line looks like, and what never stands in one."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from pydantic import SecretStr

from ari_bridge.ops.logging import configure, secrets_of
from ari_bridge.ops.masking import MASK
from ari_bridge.settings import AriSettings, LogSettings, Settings, SonioxSettings, StandbySettings, StoreSettings


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_our_lines_and_the_libraries_lines_look_alike() -> None:
    stream = io.StringIO()
    configure(LogSettings(format="json"), stream=stream)
    structlog.contextvars.bind_contextvars(call_id="c1")
    structlog.get_logger("ari_bridge.calls").info("call started", trunk="PJSIP/mango")
    logging.getLogger("some.library").warning("lost %s", "line", extra={"tries": 3})
    ours, theirs = lines(stream)
    assert ours | {"timestamp": ""} == {
        "event": "call started",
        "level": "info",
        "logger": "ari_bridge.calls",
        "call_id": "c1",
        "trunk": "PJSIP/mango",
        "timestamp": "",
    }
    assert str(ours["timestamp"]).endswith("Z")
    assert theirs | {"timestamp": ""} == {
        "event": "lost line",
        "level": "warning",
        "logger": "some.library",
        "call_id": "c1",
        "tries": 3,
        "timestamp": "",
    }


def test_libraries_are_quiet_and_the_level_holds() -> None:
    stream = io.StringIO()
    configure(LogSettings(format="json", level="info"), stream=stream)
    logging.getLogger("aioari.client").info("chatter")
    logging.getLogger("aiohttp.access").warning("GET /")
    structlog.get_logger("ari_bridge").debug("detail")
    assert stream.getvalue() == ""
    configure(LogSettings(format="json", level="error"), stream=stream)
    structlog.get_logger("ari_bridge").warning("not now")
    logging.getLogger("websockets.client").warning("not now")
    assert stream.getvalue() == ""


def test_configuring_again_does_not_double_the_lines() -> None:
    stream = io.StringIO()
    configure(LogSettings(format="json"), stream=io.StringIO())
    configure(LogSettings(format="json"), stream=stream)
    structlog.get_logger("x").info("once")
    assert len(lines(stream)) == 1


@pytest.mark.parametrize("output", ["json", "console"])
def test_secrets_and_numbers_never_appear(output: str) -> None:
    stream = io.StringIO()
    configure(LogSettings.model_validate({"format": output}), secrets={"s3cret-key"}, stream=stream)
    log = structlog.get_logger("ari_bridge")
    log.info("call from +79001234567", url="ws://h/ari/events?api_key=user:s3cret-key&app=x", caller="89001234567")
    log.info("settings", soniox={"api_key": SecretStr("s3cret-key")}, password="abcdefgh", body=b"s3cret-key")
    logging.getLogger("lib").error("failed for %s with %s", "tel:+79001234567", {"Authorization": "Bearer s3cret-key"})
    try:
        raise ValueError("no s3cret-key for +79001234567")
    except ValueError:
        log.exception("failed")
    text = stream.getvalue()
    assert "+7900…67" in text
    assert "Traceback" in text
    for forbidden in ("s3cret-key", "9001234567", "abcdefgh"):
        assert forbidden not in text


def test_auto_is_json_where_nobody_watches() -> None:
    stream = io.StringIO()
    configure(LogSettings(format="auto"), stream=stream)
    structlog.get_logger("x").info("hello")
    assert lines(stream)[0]["event"] == "hello"


def test_secrets_are_found_at_any_depth() -> None:
    settings = Settings(
        ari=AriSettings(username="asterisk", password=SecretStr("ari-password")),
        soniox=SonioxSettings(api_key=SecretStr("soniox-key")),
    )
    assert secrets_of(settings) == {"ari-password", "soniox-key"}


def test_passwords_within_addresses_are_secrets_too() -> None:
    settings = Settings(
        store=StoreSettings(url="postgresql://bridge:d%40tabase@db/calls"),
        standby=StandbySettings(redis="redis://:lease-word@127.0.0.1:6379/0"),
    )
    stream = io.StringIO()
    configure(LogSettings(format="json"), secrets=secrets_of(settings), stream=stream)
    structlog.get_logger("x").error("failed", error="d%40tabase is d@tabase, lease-word")
    assert lines(stream)[0]["error"] == f"{MASK} is {MASK}, {MASK}"
    assert secrets_of(Settings(store=StoreSettings(url="postgresql://db/calls?user=a&password=in-the-query"))) == {
        "in-the-query"
    }
