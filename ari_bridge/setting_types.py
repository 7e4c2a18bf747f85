"""The types of settings' values: what people may write, and what is said of the rest. Pure."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr


def _url(*schemes: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(rf"({'|'.join(schemes)})://\S+", value):
            raise ValueError(f"must be a URL that begins with {' or '.join(s + '://' for s in schemes)}")
        return value.rstrip("/")

    return AfterValidator(check)


def blank_is_none(value: Any) -> Any:
    """An empty value in an environment file means: none."""
    return None if isinstance(value, str) and not value.strip() else value


def _endpoint(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]+/[^\s/]+", value):
        raise ValueError("must be TECHNOLOGY/RESOURCE")
    return value


def _port_range(value: str) -> str:
    match = re.fullmatch(r"\s*(\d{1,5})\s*-\s*(\d{1,5})\s*", value)
    if not match or not 1024 <= int(match[1]) < int(match[2]) <= 65535:
        raise ValueError("must be FIRST-LAST within 1024-65535, FIRST below LAST")
    if len(range(int(match[1]) + int(match[1]) % 2, int(match[2]) + 1, 2)) < 2:
        raise ValueError("must hold two even ports at least: one for each leg of a call")
    return f"{int(match[1])}-{int(match[2])}"


def _call_share(value: str) -> str:
    match = re.fullmatch(r"([1-9]\d?)/([1-9]\d?)", value)
    if not match or int(match[1]) > int(match[2]):
        raise ValueError("must be NUMBER/PARTS, NUMBER from 1 to PARTS, PARTS below 100")
    return value


def _network(value: str) -> str:
    ipaddress.ip_network(value, strict=False)
    return value


def no_colon(value: str | None) -> str | None:
    if value is not None and ":" in value:
        raise ValueError("must not contain a colon (RFC 7617 §2)")
    return value


def _host(value: str) -> str:
    """An address, or a name as RFC 1123 §2.1 has them."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        if not re.fullmatch(r"(?=.{1,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.?)+", value):
            raise ValueError("must be an address or a host name") from None
        return value


def _media_host(value: str) -> str:
    address = ipaddress.ip_address(value)
    if address.is_unspecified:
        raise ValueError("must be an address that Asterisk can send to, not every address of this machine")
    return str(address)


def lower(value: Any) -> Any:
    """People write levels in any case."""
    return value.lower() if isinstance(value, str) else value


HttpUrl = Annotated[str, _url("http", "https")]
WebSocketUrl = Annotated[str, _url("ws", "wss")]
StoreUrl = Annotated[str, _url("sqlite", "postgresql")]
RedisUrl = Annotated[str, _url("redis", "rediss", "unix")]
CallShare = Annotated[str, AfterValidator(_call_share)]
Secret = Annotated[SecretStr | None, BeforeValidator(blank_is_none)]
Host = Annotated[str, AfterValidator(_host)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
Network = Annotated[str, AfterValidator(_network)]
PortRange = Annotated[str, AfterValidator(_port_range)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Days = Annotated[int, Field(ge=1, le=36_500)]
MediaHost = Annotated[str, AfterValidator(_media_host)]
Name = Annotated[str, Field(min_length=1)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$")]
Origin = Annotated[str, Field(pattern=r"^https?://[^/\s]+$")]  # as a browser sends it: no path, no slash at the end


def without_password(url: str) -> str:
    """For people to read."""
    return re.sub(r"(://[^:/@]*:)[^/]*(?=@)", r"\1**********", url)
