-- Searches that somebody has given a name to; everybody sees them.

CREATE TABLE saved_search (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL,
    -- The name without case and accents: there is one of each.
    sort_name  TEXT    NOT NULL UNIQUE,
    -- What is searched for, as it stands behind the question mark of the page's address.
    search     TEXT    NOT NULL,
    actor      TEXT    NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
