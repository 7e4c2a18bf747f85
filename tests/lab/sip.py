"""As much of SIP as a test's telephone needs (RFC 3261). Pure."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Self

from tests.lab import LabError


class CallRefused(LabError):
    """The other side answered with a failure; `status` is SIP's."""

    def __init__(self, status: int) -> None:
        super().__init__(f"refused with {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Message:
    """One SIP message. `status` is 0 for a request, `method` that of CSeq for a response."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: str

    @classmethod
    def parse(cls, text: str) -> Self:
        head, _, body = text.partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return cls(start, tuple((name.strip().lower(), value.strip()) for name, _, value in pairs), body)

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    @property
    def status(self) -> int:
        return int(self.start.split()[1]) if self.start.startswith("SIP/") else 0

    @property
    def method(self) -> str:
        return self.header("cseq").partition(" ")[2] if self.status else self.start.split()[0]

    @property
    def cseq(self) -> int:
        return int(self.header("cseq").split()[0])

    @property
    def called(self) -> str:
        """The user part of the request's URI."""
        found = re.search(r"sip:([^@;> ]*)@", self.start)
        return found[1] if found else ""


def tag_of(value: str) -> str:
    found = re.search(r";tag=([^;>\s]+)", value)
    return found[1] if found else ""


def uri_of(value: str) -> str:
    found = re.search(r"<([^>]+)>", value)
    return found[1] if found else value


def content(body: str) -> str:
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return f"{kind}Content-Length: {len(body)}\r\n\r\n{body}"


def bare(uri: str) -> str:
    return uri.partition(";")[0]


def branch() -> str:
    return f"z9hG4bK{secrets.token_hex(6)}"
