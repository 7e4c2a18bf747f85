"""nftables rules on what reaches this machine."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator

TABLE = ("inet", f"ari_bridge_test_{os.getpid()}")  # others test on this machine too


@contextlib.contextmanager
def firewall(*rules: str) -> Iterator[None]:
    """These rules, e.g. `udp dport 40000-40999 drop`, while the block runs; one block at a time."""
    _nft("add", "table", *TABLE)
    try:
        _nft("add", "chain", *TABLE, "input", "{ type filter hook input priority 0 ; }")
        for rule in rules:
            _nft("add", "rule", *TABLE, "input", *rule.split())
        yield
    finally:
        _nft("delete", "table", *TABLE)


def _nft(*arguments: str) -> None:
    subprocess.run(["nft", *arguments], check=True)
