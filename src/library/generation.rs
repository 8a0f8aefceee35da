//! What a release knows of the formats on disk: how far its schema goes, and how it indexes.
//!
//! Two generations meet on one directory at a deploy. Builds for tests can pretend to be the
//! next one, so that the meeting is tried before there is a next one.

use super::finding;
use crate::store::sql::Migration;

/// The catalog's schema, step by step; each only adds.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        sql: include_str!("schema/001_files.sql"),
        compatible_back_to: 0,
    },
    Migration {
        sql: include_str!("schema/002_uploads.sql"),
        compatible_back_to: 0,
    },
    Migration {
        sql: include_str!("schema/003_searches.sql"),
        compatible_back_to: 0,
    },
    Migration {
        sql: include_str!("schema/004_access.sql"),
        compatible_back_to: 0,
    },
    Migration {
        sql: include_str!("schema/005_boundaries.sql"),
        compatible_back_to: 0,
    },
];

/// The formats of one release.
#[derive(Clone, Copy, Debug)]
pub struct Generation {
    pub migrations: &'static [Migration],
    /// Another number is another folder under `index/`.
    pub index_revision: u32,
}

impl Generation {
    /// This release's.
    pub const CURRENT: Self = Self {
        migrations: MIGRATIONS,
        index_revision: finding::REVISION,
    };
}

#[cfg(feature = "crash-points")]
pub use pretended::PRETENDED;

#[cfg(feature = "crash-points")]
mod pretended {
    use super::{Generation, MIGRATIONS, Migration};

    /// Releases that do not exist, by the names under which a test asks for them.
    pub const PRETENDED: &[&str] = &["next", "contract", "breaking", "failing"];

    /// What a real one might add: a column, a table and an index over what is there.
    const NEXT: &str = "
        ALTER TABLE file ADD COLUMN language TEXT NOT NULL DEFAULT '';
        CREATE TABLE share (
            token      TEXT    NOT NULL PRIMARY KEY,
            file_id    INTEGER NOT NULL REFERENCES file (id) ON DELETE CASCADE,
            created_ms INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX file_by_language ON file (language, id) WHERE trashed_ms IS NULL;";

    /// The triggers name the column, so SQLite would not drop it beside them.
    const BREAKING: &str = "
        DROP TRIGGER event_recorded;
        DROP TRIGGER event_trimmed;
        ALTER TABLE event DROP COLUMN detail;";

    impl Generation {
        /// A release after this one; `None` if there is none of that name.
        ///
        /// `next` only adds. `contract` says that this release cannot run after it. `breaking`
        /// says that it can, which is not so. `failing` has a migration that no catalog with
        /// two files survives.
        pub fn pretended(name: &str) -> Option<Self> {
            let known = MIGRATIONS.len() as u32;
            let (sql, compatible_back_to) = match name {
                "next" => (NEXT, known),
                "contract" => (NEXT, known + 1),
                "breaking" => (BREAKING, known),
                "failing" => ("CREATE UNIQUE INDEX one_version ON file (version)", known),
                _ => return None,
            };
            let added = Migration {
                sql,
                compatible_back_to,
            };
            Some(Self {
                // A process pretends once, at its start.
                migrations: [MIGRATIONS, &[added]].concat().leak(),
                index_revision: Self::CURRENT.index_revision + 1_000,
            })
        }
    }
}
