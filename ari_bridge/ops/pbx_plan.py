"""What an Asterisk beside the daemon needs to know of the trunk and the operators: typed, and safe to write into its
configuration. Every value is of a narrow alphabet, so none can open a section, a comment or a dialplan expression."""

from __future__ import annotations

import ipaddress
import re
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from ari_bridge.errors import ConfigError
from ari_bridge.setting_types import Host

MOST_OPERATORS = 60  # Dial() takes them all in one line

RESERVED = ("general", "global", "system", "transport-udp", "acl", "domain_alias", "anonymous", "default", "operators")
"""Names that mean something of their own in pjsip.conf, or here."""


class Way(StrEnum):
    """How the daemon learns of a call."""

    PASSIVE = "passive"
    STASIS = "stasis"
    NOTICE = "notice"


def _listed(value: Any) -> Any:
    """`1001,1002` as a list; spaces do not matter."""
    if isinstance(value, str):
        return tuple(part for part in (part.strip() for part in value.split(",")) if part)
    return value


def _port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 65536


def _host_and_port(value: str) -> str:
    host, colon, port = value.partition(":")
    try:
        if (colon and not _port(port)) or "_" in host:
            raise ValueError(port)
        TypeAdapter(Host).validate_python(host)
    except ValueError:
        raise ValueError("must be a host name or IPv4 address, with or without :PORT") from None
    return value


def _trunk(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,31}", value) or value.lower() in RESERVED:
        raise ValueError("must be a short name of letters, digits, - and _ that means nothing else to Asterisk")
    return value


def _user(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.+-]{1,64}(@[A-Za-z0-9.-]{1,128})?", value):
        raise ValueError("must be a SIP user name: letters, digits and . _ + -, perhaps with @domain")
    return value


def _password(value: str) -> str:
    if not value or value != value.strip() or not value.isascii() or not value.isprintable() or len(value) > 256:
        raise ValueError("must be 1 to 256 printable ASCII characters without blanks around them")
    return value


def _bind(value: str) -> str:
    address, _, port = value.rpartition(":")
    try:
        ipaddress.IPv4Address(address)
    except ValueError:
        port = ""
    if not _port(port):
        raise ValueError("must be ADDRESS:PORT, such as 0.0.0.0:5060")
    return value


Number = Annotated[str, Field(pattern=r"^\+?[0-9]{5,15}$")]
Extension = Annotated[str, Field(pattern=r"^[0-9]{2,8}$")]


class PbxPlan(BaseModel):
    """`host` may carry a port, `user` a domain. `numbers` are those under which clients call; the first is shown to
    whom operators call."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    trunk: Annotated[str, AfterValidator(_trunk)] = "mango"
    host: Annotated[str, AfterValidator(_host_and_port)]
    user: Annotated[str, AfterValidator(_user)]
    numbers: Annotated[tuple[Number, ...], BeforeValidator(_listed), Field(min_length=1, max_length=100)]
    operators: Annotated[
        tuple[Extension, ...], BeforeValidator(_listed), Field(min_length=1, max_length=MOST_OPERATORS)
    ]
    way: Way = Way.PASSIVE
    record: bool = False
    bind: Annotated[str, AfterValidator(_bind)] = "0.0.0.0:5060"
    external_address: Host | None = None
    trunk_password: Annotated[str, AfterValidator(_password)] | None = None

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for name, values in (("did", self.numbers), ("operators", self.operators)):
            twice = next((value for value in values if values.count(value) > 1), None)
            if twice:
                raise ValueError(f"{name}: {twice} is there twice")
        return self

    @property
    def host_name(self) -> str:
        return self.host.partition(":")[0]

    @property
    def user_name(self) -> str:
        return self.user.partition("@")[0]

    @property
    def domain(self) -> str:
        return self.user.partition("@")[2] or self.host_name


OPTIONS = {"numbers": "did", "trunk_password": "password-file"}
"""Where a field's option has another name."""

EXAMPLES = {
    "trunk": "mango",
    "host": "vpbx400000000.mangosip.ru",
    "user": "user1",
    "numbers": "79918987423",
    "operators": "1001,1002",
    "way": "passive",
    "bind": "0.0.0.0:5060",
    "external_address": "203.0.113.10",
}


def plan_of(**values: Any) -> PbxPlan:
    """The plan. Raises `ConfigError`: one line with the option, its fault and an example; no password stands in it."""
    try:
        return PbxPlan(**{name: value for name, value in values.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        fault = first["msg"].removeprefix("Value error, ")
        if first["type"] == "string_pattern_mismatch":
            fault = f"{first['input']!r:.40} is no {'telephone' if field == 'numbers' else 'internal'} number"
        elif first["type"] == "missing":
            fault = "is needed"
        option = f"--{OPTIONS.get(field, field).replace('_', '-')}: " if field else "--"
        example = f", e.g. {EXAMPLES[field]}" if field in EXAMPLES else ""
        raise ConfigError(f"{option}{fault}{example}") from None
