-- Who may do what: accounts and how they sign in, what their folders allow, links for others.
-- Secrets are 256 random bits and kept as their SHA-256; only links that are shown again to whoever
-- made them are kept as they are, since what they open lies beside this file.

CREATE TABLE account (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT    NOT NULL,
    -- Without case and accents: two people must not be mistaken for each other.
    sort_name   TEXT    NOT NULL UNIQUE,
    -- 'owner', 'member' or 'reader'.
    role        TEXT    NOT NULL,
    -- A PHC string; NULL until a link has been used to choose one.
    password    TEXT,
    -- The shared secret of a second factor, and the last step whose code was taken.
    totp        BLOB,
    totp_step   INTEGER,
    -- Most bytes and files it may have stored, the trash and older versions included.
    quota_bytes INTEGER,
    quota_files INTEGER,
    created_ms  INTEGER NOT NULL
) STRICT;

CREATE TABLE recovery_code (
    account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    hash       BLOB    NOT NULL,
    PRIMARY KEY (account_id, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE passkey (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    credential BLOB    NOT NULL UNIQUE,
    state      BLOB    NOT NULL,
    name       TEXT    NOT NULL,
    created_ms INTEGER NOT NULL,
    used_ms    INTEGER
) STRICT;

CREATE INDEX passkey_by_account ON passkey (account_id);

-- What was begun and is finished by another request, perhaps in another process.
CREATE TABLE ceremony (
    hash       BLOB    NOT NULL PRIMARY KEY,
    account_id INTEGER REFERENCES account (id) ON DELETE CASCADE,
    kind       TEXT    NOT NULL,
    state      BLOB    NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    hash       BLOB    NOT NULL UNIQUE,
    account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    created_ms INTEGER NOT NULL,
    seen_ms    INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    address    TEXT    NOT NULL,
    agent      TEXT    NOT NULL
) STRICT;

CREATE INDEX session_by_account ON session (account_id);

CREATE TABLE token (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    hash       BLOB    NOT NULL UNIQUE,
    account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    -- 'read', 'write' or 'admin'.
    scope      TEXT    NOT NULL,
    -- Only there and below; NULL for wherever the account may.
    folder     TEXT,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    used_ms    INTEGER
) STRICT;

CREATE INDEX token_by_account ON token (account_id);

-- Links that let somebody choose a password, once: the owner's first (no account yet), and those
-- by which an owner lets others in.
CREATE TABLE one_time_link (
    hash       BLOB    NOT NULL PRIMARY KEY,
    account_id INTEGER REFERENCES account (id) ON DELETE CASCADE,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a folder says of itself. It counts for everything below, up to folders that say something
-- themselves. A row outlives its folder, which is there only as long as something is in it.
CREATE TABLE folder_rule (
    path     TEXT NOT NULL PRIMARY KEY,
    -- What everybody may who may see anything at all: 'none', 'read' or 'write'.
    everyone TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE folder_grant (
    path       TEXT    NOT NULL REFERENCES folder_rule (path) ON DELETE CASCADE ON UPDATE CASCADE,
    account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    -- 'read', 'write', or 'own': also whatever folders below say.
    may        TEXT    NOT NULL,
    PRIMARY KEY (path, account_id)
) STRICT, WITHOUT ROWID;

-- Folders whose rules have moved elsewhere with them. Events up to that one are of a time in which
-- the place was somebody's, and are told to nobody else.
CREATE TABLE folder_left (
    path  TEXT    NOT NULL PRIMARY KEY,
    event INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX folder_grant_by_account ON folder_grant (account_id);

-- Links for people without an account. They reach no further than whoever made them.
CREATE TABLE share_link (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    secret     TEXT    NOT NULL UNIQUE,
    account_id INTEGER REFERENCES account (id) ON DELETE CASCADE,
    -- 'file', 'folder', or 'drop': a folder that others put files into without seeing it.
    kind       TEXT    NOT NULL,
    file_id    INTEGER REFERENCES file (id) ON DELETE CASCADE,
    folder     TEXT,
    name       TEXT    NOT NULL,
    password   TEXT,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    -- Downloads, or files dropped, that are left; NULL for any number.
    uses_left  INTEGER,
    uses       INTEGER NOT NULL DEFAULT 0,
    used_ms    INTEGER
) STRICT;

CREATE INDEX share_link_by_account ON share_link (account_id);

-- Guesses that went wrong lately, by account and by address, counted for all processes together.
CREATE TABLE guess (
    key     TEXT    NOT NULL PRIMARY KEY,
    wrong   INTEGER NOT NULL,
    last_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX guess_by_time ON guess (last_ms);

-- What happened that is not about one file: sign-ins, failures, accounts, links, exports.
CREATE TABLE audit (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms   INTEGER NOT NULL,
    boot    INTEGER NOT NULL,
    actor   TEXT    NOT NULL,
    address TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    subject TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_by_kind ON audit (kind, number);

-- Who made the file, and who stored each content: whose quota it counts against. NULL from before
-- there were accounts, and once the account is gone.
ALTER TABLE file ADD COLUMN account_id INTEGER REFERENCES account (id) ON DELETE SET NULL;
ALTER TABLE version ADD COLUMN account_id INTEGER REFERENCES account (id) ON DELETE SET NULL;
CREATE INDEX version_by_account ON version (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX file_by_account ON file (account_id) WHERE account_id IS NOT NULL;

-- Files and bytes of all their versions, by account; 0 is everybody. Triggers keep them in step, so
-- that releases that know nothing of quotas do as well.
CREATE TABLE usage (
    account_id INTEGER NOT NULL PRIMARY KEY,
    files      INTEGER NOT NULL,
    bytes      INTEGER NOT NULL
) STRICT;

INSERT INTO usage (account_id, files, bytes)
    SELECT 0, (SELECT count(*) FROM file), (SELECT coalesce(sum(size), 0) FROM version);

CREATE TRIGGER version_stored AFTER INSERT ON version BEGIN
    UPDATE usage SET files = files + (new.number = 1), bytes = bytes + new.size WHERE account_id = 0;
    INSERT INTO usage (account_id, files, bytes)
        SELECT new.account_id, 0, new.size WHERE new.account_id IS NOT NULL
        ON CONFLICT (account_id) DO UPDATE SET bytes = bytes + excluded.bytes;
    INSERT INTO usage (account_id, files, bytes)
        SELECT account_id, 1, 0 FROM file
        WHERE id = new.file_id AND account_id IS NOT NULL AND new.number = 1
        ON CONFLICT (account_id) DO UPDATE SET files = files + 1;
END;

CREATE TRIGGER file_purged BEFORE DELETE ON file BEGIN
    UPDATE usage SET bytes = bytes - (SELECT coalesce(sum(size), 0) FROM version
                                      WHERE file_id = old.id AND version.account_id = usage.account_id)
        WHERE account_id IN (SELECT account_id FROM version WHERE file_id = old.id);
    UPDATE usage SET files = files - 1 WHERE account_id = old.account_id;
    UPDATE usage SET files = files - 1,
        bytes = bytes - (SELECT coalesce(sum(size), 0) FROM version WHERE file_id = old.id)
        WHERE account_id = 0;
END;

CREATE TRIGGER account_removed AFTER DELETE ON account BEGIN
    DELETE FROM usage WHERE account_id = old.id;
END;
