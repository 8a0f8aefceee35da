-- Whose right an act goes by, and bounds on what one account can leave behind.

-- What all folders say, as one value that is another after each change: random, so that a change that
-- was rolled back never shares it with one that was not. Releases cache rules by it.
CREATE TABLE folder_rule_revision (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    revision BLOB    NOT NULL
) STRICT;

INSERT INTO folder_rule_revision (id, revision) VALUES (1, randomblob(16));

CREATE TRIGGER folder_rule_added AFTER INSERT ON folder_rule BEGIN
    UPDATE folder_rule_revision SET revision = randomblob(16);
END;
CREATE TRIGGER folder_rule_changed AFTER UPDATE ON folder_rule BEGIN
    UPDATE folder_rule_revision SET revision = randomblob(16);
END;
CREATE TRIGGER folder_rule_removed AFTER DELETE ON folder_rule BEGIN
    UPDATE folder_rule_revision SET revision = randomblob(16);
END;
CREATE TRIGGER folder_grant_added AFTER INSERT ON folder_grant BEGIN
    UPDATE folder_rule_revision SET revision = randomblob(16);
END;
CREATE TRIGGER folder_grant_changed AFTER UPDATE ON folder_grant BEGIN
    UPDATE folder_rule_revision SET revision = randomblob(16);
END;
CREATE TRIGGER folder_grant_removed AFTER DELETE ON folder_grant BEGIN
    UPDATE folder_rule_revision SET revision = randomblob(16);
END;

-- Who made a rule, for counting them; NULL from before, and for homes.
ALTER TABLE folder_rule ADD COLUMN account_id INTEGER REFERENCES account (id) ON DELETE SET NULL;
CREATE INDEX folder_rule_by_account ON folder_rule (account_id) WHERE account_id IS NOT NULL;

-- Links and tokens move with their folder, or end with it.
CREATE INDEX share_link_by_folder ON share_link (folder) WHERE folder IS NOT NULL;
CREATE INDEX token_by_folder ON token (folder) WHERE folder IS NOT NULL;

-- Who made a folder's row; NULL from before, and where nobody has an account.
ALTER TABLE folder ADD COLUMN account_id INTEGER REFERENCES account (id) ON DELETE SET NULL;
CREATE INDEX folder_by_account ON folder (account_id) WHERE account_id IS NOT NULL;

-- What the catalog itself takes for files, versions, folders and tags, in bytes, by account; 0 is everybody.
-- Names count as often as tables and indexes hold them. Beyond an allowance it counts against quotas,
-- so that small files with long names are not free. Kept in step by triggers, like `usage`.
CREATE TABLE metadata_usage (
    account_id INTEGER NOT NULL PRIMARY KEY,
    bytes      INTEGER NOT NULL
) STRICT;

CREATE TRIGGER file_named AFTER INSERT ON file BEGIN
    INSERT INTO metadata_usage (account_id, bytes)
        SELECT owner, 600 + 4 * octet_length(new.path) FROM (SELECT 0 AS owner UNION ALL SELECT new.account_id)
        WHERE owner IS NOT NULL
        ON CONFLICT (account_id) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER file_moved AFTER UPDATE OF path ON file BEGIN
    UPDATE metadata_usage SET bytes = bytes + 4 * (octet_length(new.path) - octet_length(old.path))
        WHERE account_id IN (0, new.account_id);
END;
CREATE TRIGGER file_unnamed AFTER DELETE ON file BEGIN
    UPDATE metadata_usage SET bytes = bytes - 600 - 4 * octet_length(old.path)
        WHERE account_id IN (0, old.account_id);
END;
CREATE TRIGGER version_added AFTER INSERT ON version BEGIN
    INSERT INTO metadata_usage (account_id, bytes)
        SELECT owner, 200 FROM (SELECT 0 AS owner UNION ALL SELECT new.account_id) WHERE owner IS NOT NULL
        ON CONFLICT (account_id) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER version_removed AFTER DELETE ON version BEGIN
    UPDATE metadata_usage SET bytes = bytes - 200 WHERE account_id IN (0, old.account_id);
END;
CREATE TRIGGER folder_made AFTER INSERT ON folder BEGIN
    INSERT INTO metadata_usage (account_id, bytes)
        SELECT owner, 200 + 5 * octet_length(new.path) FROM (SELECT 0 AS owner UNION ALL SELECT new.account_id)
        WHERE owner IS NOT NULL
        ON CONFLICT (account_id) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER folder_ended AFTER DELETE ON folder BEGIN
    UPDATE metadata_usage SET bytes = bytes - 200 - 5 * octet_length(old.path)
        WHERE account_id IN (0, old.account_id);
END;
-- A file's tags go with it, when nobody can be asked any more whose it was.
CREATE TRIGGER tag_added AFTER INSERT ON tag BEGIN
    UPDATE metadata_usage SET bytes = bytes + 50 + octet_length(new.tag)
        WHERE account_id IN (SELECT 0 UNION ALL SELECT account_id FROM file WHERE id = new.file_id);
END;
CREATE TRIGGER tag_removed AFTER DELETE ON tag WHEN EXISTS (SELECT 1 FROM file WHERE id = old.file_id) BEGIN
    UPDATE metadata_usage SET bytes = bytes - 50 - octet_length(old.tag)
        WHERE account_id IN (SELECT 0 UNION ALL SELECT account_id FROM file WHERE id = old.file_id);
END;
CREATE TRIGGER tags_ended BEFORE DELETE ON file BEGIN
    UPDATE metadata_usage SET bytes = bytes
            - (SELECT coalesce(sum(50 + octet_length(tag)), 0) FROM tag WHERE file_id = old.id)
        WHERE account_id IN (0, old.account_id);
END;
CREATE TRIGGER account_removed_metadata AFTER DELETE ON account BEGIN
    DELETE FROM metadata_usage WHERE account_id = old.id;
END;

INSERT INTO metadata_usage (account_id, bytes)
    SELECT 0, (SELECT coalesce(sum(600 + 4 * octet_length(path)), 0) FROM file)
            + (SELECT 200 * count(*) FROM version)
            + (SELECT coalesce(sum(50 + octet_length(tag)), 0) FROM tag)
            + (SELECT coalesce(sum(200 + 5 * octet_length(path)), 0) FROM folder);
INSERT INTO metadata_usage (account_id, bytes)
    SELECT id, (SELECT coalesce(sum(600 + 4 * octet_length(path)), 0) FROM file WHERE account_id = account.id)
             + (SELECT 200 * count(*) FROM version WHERE account_id = account.id)
             + (SELECT coalesce(sum(50 + octet_length(tag)), 0) FROM tag JOIN file ON file.id = tag.file_id
                WHERE file.account_id = account.id)
    FROM account;

-- Secrets of links. With a key in the environment, a link is found by the SHA-256 of its secret and
-- shown again from what the key has sealed; `secret` then holds a placeholder that opens nothing,
-- and `expires_ms` is 0, so that releases that know no sealing take the link for one that is over.
-- When it expires is then in `sealed_expires_ms`.
ALTER TABLE share_link ADD COLUMN hash BLOB;
ALTER TABLE share_link ADD COLUMN sealed BLOB;
ALTER TABLE share_link ADD COLUMN sealed_expires_ms INTEGER;
CREATE UNIQUE INDEX share_link_by_hash ON share_link (hash) WHERE hash IS NOT NULL;

-- Downloads by links: what went out of one content to one address within an hour is one use,
-- whole or in pieces. The row without an address counts what has not become anybody's use, for as
-- long as the link lives; at most 1,000 rows of each kind are kept for a link.
CREATE TABLE share_download (
    link_id  INTEGER NOT NULL REFERENCES share_link (id) ON DELETE CASCADE,
    sha256   BLOB    NOT NULL,
    address  TEXT    NOT NULL,
    begun_ms INTEGER NOT NULL,
    -- Bytes of the content that went out.
    sent     INTEGER NOT NULL,
    -- Whether a use was taken for it.
    is_use   INTEGER NOT NULL,
    PRIMARY KEY (link_id, sha256, address)
) STRICT, WITHOUT ROWID;

CREATE INDEX share_download_by_time ON share_download (begun_ms) WHERE address <> '';

-- ---- Whose rights an upload goes by, and how much of uploads and events is kept.

-- Whoever began the upload: an account, by itself or by a token, or a link. It is completed by what
-- they may then. NULL in all three where everybody is let in, and where a release wrote the row that
-- knows the name in `actor` only.
ALTER TABLE upload ADD COLUMN account_id INTEGER;
ALTER TABLE upload ADD COLUMN token_id INTEGER;
ALTER TABLE upload ADD COLUMN share_id INTEGER;

CREATE INDEX upload_open_of ON upload (account_id, share_id) WHERE ended IS NULL;
CREATE INDEX upload_ended_of ON upload (account_id, share_id, ended_ms) WHERE ended IS NOT NULL;

-- Bytes of all events, in one row. Triggers keep it in step, whichever release writes.
CREATE TABLE event_size (
    id    INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    bytes INTEGER NOT NULL
) STRICT;

INSERT INTO event_size (id, bytes)
    SELECT 1, coalesce(sum(octet_length(path) + octet_length(ifnull(detail, ''))), 0) FROM event;

CREATE TRIGGER event_recorded AFTER INSERT ON event BEGIN
    UPDATE event_size
        SET bytes = bytes + octet_length(new.path) + octet_length(ifnull(new.detail, ''));
END;

CREATE TRIGGER event_trimmed AFTER DELETE ON event BEGIN
    UPDATE event_size
        SET bytes = bytes - octet_length(old.path) - octet_length(ifnull(old.detail, ''));
END;

-- Confirming that a session is still its account's, names that look alike, and who has to wait.

-- When password and second factor were last given in this session; NULL for never.
ALTER TABLE session ADD COLUMN confirmed_ms INTEGER;

-- What the name looks like (UTS 39): the same for names that cannot be told apart. NULL from a release
-- that does not know it, until the next account is added.
ALTER TABLE account ADD COLUMN skeleton TEXT;
CREATE INDEX account_by_skeleton ON account (skeleton);

-- The key of a guess is a hash; this is what owners are shown of it while guesses have to wait.
-- 'account', 'link' or 'network', and NULL from a release that does not say.
ALTER TABLE guess ADD COLUMN kind TEXT;
ALTER TABLE guess ADD COLUMN shown TEXT;
-- Since when guesses have to wait.
ALTER TABLE guess ADD COLUMN since_ms INTEGER;

-- CRC-32 of the content, which archives state before it; NULL from a release that keeps none, until
-- the content has been read once more.
ALTER TABLE version ADD COLUMN crc32 INTEGER;
CREATE INDEX version_without_crc32 ON version (sha256) WHERE crc32 IS NULL;

-- What was deleted out of a folder moves with it.
CREATE INDEX file_trashed_path ON file (path) WHERE trashed_ms IS NOT NULL;
