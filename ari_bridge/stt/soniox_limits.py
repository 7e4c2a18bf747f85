"""What `GET /v1/concurrency-limits` says of how many streams the account may have. Pure.

Source: Soniox's guide to concurrency limits: the scopes `project` and `organization`, each with `limits`, whose
`transcribe_concurrent` is null where the scope has none of its own; the lower one holds.
"""

from __future__ import annotations

SCOPES = ("project", "organization")
MEMBER = "transcribe_concurrent"


def read_limits(status: int | str, document: object) -> int | None:
    """Streams at once; None where the answer says nothing that can be understood, or that there is no limit."""
    if status != 200 or not isinstance(document, dict):
        return None
    found = [limit for scope in SCOPES if (limit := _limit(document.get(scope))) is not None]
    return min(found, default=None)


def _limit(scope: object) -> int | None:
    limits = scope.get("limits") if isinstance(scope, dict) else None
    value = limits.get(MEMBER) if isinstance(limits, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
