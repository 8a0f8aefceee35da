-- Uploads that arrive in pieces, and what became of them. The bytes of an unfinished one lie in
-- staging/; a row that has ended is kept for a while, so that whoever missed the answer gets it
-- again and nothing is stored twice.

CREATE TABLE upload (
    id          TEXT    NOT NULL PRIMARY KEY,
    -- Made up by the client, so that it can ask again without knowing the id.
    key         TEXT    UNIQUE,
    actor       TEXT    NOT NULL,
    -- Where it goes; NULL for a part that others are joined with.
    path        TEXT,
    if_present  TEXT    NOT NULL DEFAULT 'version',
    -- The digest that was announced for it.
    expected    BLOB,
    -- Bytes in all; NULL until they are known.
    length      INTEGER,
    metadata    TEXT,
    -- As sent: 'partial', or 'final;' and the parts.
    concat      TEXT,
    created_ms  INTEGER NOT NULL,
    -- Set once all bytes are there, before they get their name.
    sha256      BLOB,
    -- Where the piece began that completed it.
    last_piece  INTEGER,
    -- 'stored', 'joined', 'expired' or 'terminated'.
    ended       TEXT,
    ended_ms    INTEGER,
    -- Bytes that an end without a file has freed.
    freed       INTEGER,
    -- What was answered when it was stored.
    file_id     INTEGER,
    version     INTEGER,
    sequence    INTEGER,
    boot        INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX upload_open ON upload (created_ms) WHERE ended IS NULL;
CREATE INDEX upload_ended ON upload (ended_ms) WHERE ended IS NOT NULL;
