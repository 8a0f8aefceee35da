-- Files with their versions, tags and trash; the events that changed them; and the outbox
-- from which every index follows.

CREATE TABLE file (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    path        TEXT    NOT NULL,
    folder      TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    -- The name without case and accents, so that every tool sorts as the library does.
    sort_name   TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    sha256      BLOB    NOT NULL,
    size        INTEGER NOT NULL,
    media_type  TEXT    NOT NULL,
    created_ms  INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    trashed_ms  INTEGER
) STRICT;

CREATE UNIQUE INDEX file_live_path ON file (path) WHERE trashed_ms IS NULL;
CREATE INDEX file_by_name ON file (folder, sort_name, id) WHERE trashed_ms IS NULL;
CREATE INDEX file_by_time ON file (folder, modified_ms, id) WHERE trashed_ms IS NULL;
CREATE INDEX file_by_size ON file (folder, size, id) WHERE trashed_ms IS NULL;
CREATE INDEX file_recent ON file (modified_ms, id) WHERE trashed_ms IS NULL;
CREATE INDEX file_trashed ON file (trashed_ms, id) WHERE trashed_ms IS NOT NULL;

-- Contents that a file has or had; the current one is among them.
CREATE TABLE version (
    file_id    INTEGER NOT NULL REFERENCES file (id) ON DELETE CASCADE,
    number     INTEGER NOT NULL,
    sha256     BLOB    NOT NULL,
    size       INTEGER NOT NULL,
    media_type TEXT    NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (file_id, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX version_by_content ON version (sha256);

CREATE TABLE tag (
    file_id INTEGER NOT NULL REFERENCES file (id) ON DELETE CASCADE,
    tag     TEXT    NOT NULL,
    PRIMARY KEY (file_id, tag)
) STRICT, WITHOUT ROWID;

-- Derived from the live files' paths, kept in step by the transactions that change them:
-- what lies in each folder at any depth. A folder exists as long as something is in it.
CREATE TABLE folder (
    path      TEXT    NOT NULL PRIMARY KEY,
    parent    TEXT,
    sort_name TEXT    NOT NULL,
    files     INTEGER NOT NULL,
    bytes     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX folder_by_parent ON folder (parent, sort_name, path);

-- Who did what, when.
CREATE TABLE event (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms   INTEGER NOT NULL,
    boot    INTEGER NOT NULL,
    actor   TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    file_id INTEGER NOT NULL,
    path    TEXT    NOT NULL,
    detail  TEXT
) STRICT;

-- One row per file ever changed, moved to the end by each change. An index remembers the
-- highest sequence it has applied and reads on from there, so several indexes (of releases
-- with different schemas) can follow the same outbox, and a new one starts from 0. The row
-- outlives its file: a purged one has to leave the indexes, too.
CREATE TABLE outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    file_id  INTEGER NOT NULL UNIQUE
) STRICT;

-- Contents that no version named any more at some time; removed after a grace period.
CREATE TABLE unnamed (
    sha256   BLOB    NOT NULL PRIMARY KEY,
    since_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
