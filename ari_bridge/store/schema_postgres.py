"""The tables in PostgreSQL: the same as in SQLite but for types and the index of words. Pure."""

from __future__ import annotations

import re

from ari_bridge.store.schema import ACCOUNTS, CALLS, COMMON, FIGURES, FRAMES, PLAYBOOKS, UTTERANCES

# The words of a line with their places: stems carry the weight A; forms follow them and carry B. "simple" changes no
# word and leaves none out; where its parser parts one otherwise than we do, it does so in the question as well.
WORDS = (
    """
ALTER TABLE utterances ADD COLUMN words tsvector GENERATED ALWAYS AS (
    setweight(to_tsvector('simple', stems), 'A') || setweight(to_tsvector('simple', forms), 'B')
) STORED""",
    "CREATE INDEX utterances_words ON utterances USING gin (words)",
)


def of_postgres(sql: str) -> str:
    """A statement of `schema.py` with PostgreSQL's types."""
    sql = sql.replace("    seq INTEGER PRIMARY KEY,\n    id TEXT", "    seq BIGSERIAL PRIMARY KEY,\n    id TEXT")
    return re.sub(r"\bREAL\b", "DOUBLE PRECISION", re.sub(r"\bINTEGER\b", "BIGINT", sql))


POSTGRES_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    tuple(map(of_postgres, (CALLS, UTTERANCES, *COMMON, *ACCOUNTS))) + WORDS,
    tuple(map(of_postgres, (*FIGURES, *PLAYBOOKS))),
    tuple(map(of_postgres, FRAMES)),
)
"""As `SQLITE_MIGRATIONS`; the number reached stands in the table `ari_bridge_schema`."""
