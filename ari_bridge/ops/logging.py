"""Structured logs: one configuration for our own loggers (structlog) and for the libraries' (standard logging).

The message is the event's name; everything else is a member. Every line passes `masking.py`, tracebacks included.
Lines go to standard error: journald takes it, and a command's own output stays clean.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection, MutableMapping
from typing import Any, TextIO
from urllib.parse import unquote, urlsplit

import structlog
from pydantic import BaseModel, SecretStr
from structlog.typing import Processor

from ari_bridge.ops.masking import mask_value
from ari_bridge.settings import LogSettings

LIBRARIES = {
    "aiohttp.access": logging.ERROR,
    "aiohttp": logging.WARNING,
    "aioari": logging.WARNING,
    "aioswagger11": logging.WARNING,
    "asyncio": logging.WARNING,
    "websockets": logging.WARNING,
}
UNMASKED = ("timestamp", "level", "logger")
MIN_SECRET = 4  # characters; a shorter one would blacken half the log


def configure(settings: LogSettings, *, secrets: Collection[str] = (), stream: TextIO | None = None) -> None:
    """Set up logging for the process. `secrets` are values that must not appear whatever member they are in."""
    stream = stream or sys.stderr
    as_json = settings.format == "json" or (settings.format == "auto" and not stream.isatty())
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    described: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso" if as_json else "%H:%M:%S", utc=as_json),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *described,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*described, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _masking(secrets),  # last: what it lets pass is written
                _renderer(as_json, colors=stream.isatty()),
            ],
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name, least in LIBRARIES.items():
        logging.getLogger(name).setLevel(max(level, least))


def secrets_of(settings: BaseModel) -> set[str]:
    """Every secret's value within the settings, for `configure`."""
    found: set[str] = set()
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            found |= secrets_of(value)
        elif isinstance(value, SecretStr):
            found.add(value.get_secret_value())
        elif isinstance(value, str) and "://" in value:
            found |= _passwords_in(value)
    return {secret for secret in found if len(secret) >= MIN_SECRET}


def _passwords_in(url: str) -> set[str]:
    """As it is written and as it is meant: a driver may tell either."""
    parts = urlsplit(url)
    asked = (pair.partition("=") for pair in parts.query.split("&"))
    written = [parts.password or "", *(value for name, _, value in asked if name == "password")]
    return {form for password in written for form in (password, unquote(password))}


def _masking(secrets: Collection[str]) -> Processor:
    def mask(logger: Any, name: str, members: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in members.items():
            if key not in UNMASKED:
                members[key] = mask_value(key, value, secrets)
        return members

    return mask


def _renderer(as_json: bool, *, colors: bool) -> Processor:
    if as_json:
        return structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    return structlog.dev.ConsoleRenderer(colors=colors)
