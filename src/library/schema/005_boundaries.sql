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

-- What the catalog itself takes for files, versions and folders, in bytes, by account; 0 is everybody.
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
CREATE TRIGGER account_removed_metadata AFTER DELETE ON account BEGIN
    DELETE FROM metadata_usage WHERE account_id = old.id;
END;

INSERT INTO metadata_usage (account_id, bytes)
    SELECT 0, (SELECT coalesce(sum(600 + 4 * octet_length(path)), 0) FROM file)
            + (SELECT 200 * count(*) FROM version)
            + (SELECT coalesce(sum(200 + 5 * octet_length(path)), 0) FROM folder);
INSERT INTO metadata_usage (account_id, bytes)
    SELECT id, (SELECT coalesce(sum(600 + 4 * octet_length(path)), 0) FROM file WHERE account_id = account.id)
             + (SELECT 200 * count(*) FROM version WHERE account_id = account.id)
    FROM account;

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
