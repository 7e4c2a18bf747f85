"""The tables, as the steps that lead to them. Pure. A published step never changes: a new one is added behind it.

Times of day are milliseconds since 1970 (UTC); `call` is `calls.seq`; `utterances.seq` see `numbering.py`.
"""

from __future__ import annotations

from ari_bridge.store.numbering import CALL_SHIFT, LEG_SHIFT, MOST_UTTERANCES

APPLICATION_ID = 0x41724272  # "ArBr"

CALLS = """
CREATE TABLE calls (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    client_number TEXT,
    client_key TEXT NOT NULL,
    digits TEXT NOT NULL,
    caller TEXT,
    callee TEXT,
    direction TEXT NOT NULL,
    status TEXT NOT NULL,
    ringing TEXT NOT NULL,
    operator TEXT,
    linkedid TEXT,
    client_channel TEXT,
    started_at BIGINT NOT NULL,
    answered_at BIGINT,
    zero_at BIGINT,
    ended_at BIGINT,
    cause INTEGER,
    reason TEXT,
    duration_ms BIGINT,
    checklist TEXT
)"""

UTTERANCES = """
CREATE TABLE utterances (
    seq INTEGER PRIMARY KEY,
    start_ms BIGINT NOT NULL,
    end_ms BIGINT NOT NULL,
    text TEXT NOT NULL,
    stems TEXT NOT NULL,
    forms TEXT NOT NULL
)"""

COMMON = (
    "CREATE INDEX calls_started ON calls (started_at)",
    "CREATE INDEX calls_client ON calls (client_key)",
    "CREATE INDEX calls_unfinished ON calls (started_at) WHERE ended_at IS NULL",
    """
CREATE TABLE legs (
    call INTEGER NOT NULL REFERENCES calls (seq) ON DELETE CASCADE,
    leg TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    last_utterance INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (call, leg)
)""",
    """
CREATE TABLE participations (
    call INTEGER NOT NULL REFERENCES calls (seq) ON DELETE CASCADE,
    operator TEXT NOT NULL,
    began_at BIGINT NOT NULL,
    ended_at BIGINT,
    PRIMARY KEY (call, began_at, operator)
)""",
    "CREATE INDEX participations_operator ON participations (operator, call)",
    """
CREATE TABLE gaps (
    call INTEGER NOT NULL REFERENCES calls (seq) ON DELETE CASCADE,
    leg TEXT NOT NULL,
    start_ms BIGINT NOT NULL,
    end_ms BIGINT NOT NULL,
    frames TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (call, leg, start_ms, end_ms)
)""",
    """
CREATE TABLE suggestions (
    id TEXT PRIMARY KEY,
    call INTEGER NOT NULL REFERENCES calls (seq) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    folded_title TEXT NOT NULL,
    content TEXT NOT NULL,
    priority TEXT NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    utterance INTEGER,
    quote TEXT NOT NULL,
    verdicts TEXT NOT NULL,
    shown_at BIGINT NOT NULL
)""",
    "CREATE INDEX suggestions_call ON suggestions (call)",
    """
CREATE TABLE feedback (
    suggestion TEXT NOT NULL REFERENCES suggestions (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (suggestion, ordinal)
)""",
    """
CREATE TABLE summaries (
    call INTEGER PRIMARY KEY REFERENCES calls (seq) ON DELETE CASCADE,
    need TEXT NOT NULL,
    outcome TEXT NOT NULL,
    folded_outcome TEXT NOT NULL,
    actions TEXT NOT NULL,
    at BIGINT NOT NULL
)""",
    """
CREATE TABLE incidents (
    at BIGINT NOT NULL,
    number BIGINT NOT NULL,
    call_id TEXT,
    component TEXT,
    leg TEXT,
    state TEXT NOT NULL,
    reason TEXT,
    PRIMARY KEY (at, number)
)""",
    "CREATE INDEX incidents_call ON incidents (call_id) WHERE call_id IS NOT NULL",
    """
CREATE TABLE costs (
    at BIGINT NOT NULL,
    number BIGINT NOT NULL,
    call_id TEXT,
    leg TEXT,
    service TEXT NOT NULL,
    model TEXT NOT NULL,
    unit TEXT NOT NULL,
    amount REAL NOT NULL,
    usd REAL,
    PRIMARY KEY (at, number)
)""",
    "CREATE INDEX costs_call ON costs (call_id) WHERE call_id IS NOT NULL",
)

# The index holds no copy of the words: it reads them from `utterances` where it must (fts5, "external content").
TALK = (
    """
CREATE VIRTUAL TABLE talk USING fts5 (
    stems, forms, content='utterances', content_rowid='seq', columnsize=0, tokenize="unicode61 remove_diacritics 0"
)""",
    """
CREATE TRIGGER utterances_insert AFTER INSERT ON utterances BEGIN
    INSERT INTO talk (rowid, stems, forms) VALUES (new.seq, new.stems, new.forms);
END""",
    """
CREATE TRIGGER utterances_delete AFTER DELETE ON utterances BEGIN
    INSERT INTO talk (talk, rowid, stems, forms) VALUES ('delete', old.seq, old.stems, old.forms);
END""",
)

# Of sessions and tokens only digests are kept. `accounts.version` grows with every change, whichever process makes it.
ACCOUNTS = (
    """
CREATE TABLE users (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    extensions TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL
)""",
    """
CREATE TABLE sessions (
    digest TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
)""",
    """
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    label TEXT NOT NULL,
    created_at BIGINT NOT NULL
)""",
    """
CREATE TABLE audit (
    at BIGINT NOT NULL,
    id TEXT NOT NULL,
    who TEXT NOT NULL,
    deed TEXT NOT NULL,
    address TEXT NOT NULL,
    calls TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (at, id)
)""",
    "CREATE TABLE accounts (version BIGINT NOT NULL)",
    "INSERT INTO accounts (version) VALUES (1)",
)

# Worked out at each call's end (writing.py), so that a report need not read every line that was said.
TALK_MS = f"""
UPDATE legs SET talk_ms = (SELECT coalesce(sum(u.end_ms - u.start_ms), 0) FROM utterances AS u
    WHERE u.seq BETWEEN (legs.call << {CALL_SHIFT}) + CASE legs.leg WHEN 'operator' THEN {1 << LEG_SHIFT} ELSE 0 END
    AND (legs.call << {CALL_SHIFT}) + CASE legs.leg WHEN 'operator' THEN {1 << LEG_SHIFT} ELSE 0 END
        + {MOST_UTTERANCES})"""
AFTER_MS = f"""
UPDATE suggestions SET after_ms = shown_at - (SELECT c.zero_at + u.end_ms FROM calls AS c
    JOIN utterances AS u ON u.seq = (c.seq << {CALL_SHIFT}) + suggestions.utterance WHERE c.seq = suggestions.call)"""

# `legs.talk_ms`: how long the party spoke. `suggestions.after_ms`: from the end of the client's words to the card.
FIGURES = (
    "ALTER TABLE legs ADD COLUMN talk_ms BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE suggestions ADD COLUMN after_ms BIGINT",
    TALK_MS,
    AFTER_MS,
)

PLAYBOOKS = (
    """
CREATE TABLE playbooks (
    at BIGINT NOT NULL,
    version TEXT NOT NULL,
    who TEXT NOT NULL,
    cards INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (at, version)
)""",
)

# `accounts`: a JSON list of the leg's frames, see `writing.frame_row`.
FRAMES = (
    """
CREATE TABLE frames (
    call INTEGER NOT NULL REFERENCES calls (seq) ON DELETE CASCADE,
    leg TEXT NOT NULL,
    accounts TEXT NOT NULL,
    PRIMARY KEY (call, leg)
)""",
)

SQLITE_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (CALLS, UTTERANCES, *COMMON, *TALK),
    ACCOUNTS,
    FIGURES + PLAYBOOKS,
    FRAMES,
)
"""The n-th member leads from `user_version` n to n + 1, in one transaction."""
