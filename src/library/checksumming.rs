//! CRC-32 of contents that a former release has stored, so that archives can state them.

use super::{Library, catalog};
use crate::error::Result;
use crate::store::Digest;
use crate::store::blobs::Verified;

/// Bytes that are read in one round of the chores, so that the disk is never busy with them for long.
const ROUND_BYTES: u64 = 8 << 30;

impl Library {
    /// Reads contents whose CRC-32 is unknown, in the order of their digests from the one behind
    /// `last` on, as many as one round may; answers how many became known. Those that cannot be
    /// read stay unknown. `go_on` may end it early.
    ///
    /// # Errors
    /// Those of the catalog.
    pub fn fill_checksums(
        &self,
        last: &mut Option<Digest>,
        go_on: impl Fn() -> bool,
    ) -> Result<u64> {
        let (mut filled, mut left) = (0, ROUND_BYTES);
        while let Some((digest, size)) = self.next_unknown(*last)? {
            if !go_on() || left < size && left < ROUND_BYTES {
                break;
            }
            left = left.saturating_sub(size);
            *last = Some(digest);
            let read = self.store.blobs.verify(&digest, |_| {});
            if let Ok(Verified::Intact { crc32, .. }) = read {
                self.store.sql.write(move |c| {
                    c.prepare_cached("UPDATE version SET crc32 = ?2 WHERE sha256 = ?1")?
                        .execute((digest.as_bytes(), crc32))?;
                    Ok(())
                })?;
                filled += 1;
            }
        }
        Ok(filled)
    }

    /// The next content, in the order of digests, and its size in bytes.
    fn next_unknown(&self, last: Option<Digest>) -> Result<Option<(Digest, u64)>> {
        let last = last.map_or_else(Vec::new, |digest| digest.as_bytes().to_vec());
        self.store.sql.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT sha256, size FROM version WHERE crc32 IS NULL AND sha256 > ?1
                 ORDER BY sha256 LIMIT 1",
            )?;
            let mut rows = statement.query([last])?;
            let row = rows.next()?;
            row.map(|row| Ok((catalog::digest_of(row, 0)?, row.get(1)?)))
                .transpose()
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::library::tests::Bench;

    fn unknown(bench: &Bench) -> u64 {
        let sql = "SELECT count(*) FROM version WHERE crc32 IS NULL";
        let count = |c: &rusqlite::Connection| Ok(c.query_row(sql, [], |row| row.get(0))?);
        bench.library.store.sql.read(count).unwrap()
    }

    #[test]
    fn what_a_former_release_stored_is_read_once_and_known() {
        let bench = Bench::new();
        for text in ["one", "two", "one"] {
            bench.put("a.txt", text);
        }
        let damaged = bench.put("damaged.txt", "three").sha256;
        assert_eq!(unknown(&bench), 0);
        bench
            .library
            .store
            .sql
            .write(|c| Ok(c.execute("UPDATE version SET crc32 = NULL", [])?))
            .unwrap();
        assert!(bench.library.store.blobs.remove(&damaged).unwrap());
        let mut last = None;
        let none = bench.library.fill_checksums(&mut last, || false).unwrap();
        assert_eq!((none, unknown(&bench)), (0, 4));
        let filled = bench.library.fill_checksums(&mut last, || true).unwrap();
        assert_eq!((filled, unknown(&bench)), (2, 1));
        // What is missing is not tried again before everything is gone through anew.
        let again = bench.library.fill_checksums(&mut last, || true).unwrap();
        assert_eq!(again, 0);
        let sql = "SELECT crc32 FROM version WHERE file_id = 1 ORDER BY number";
        let known: Vec<u32> = bench
            .library
            .store
            .sql
            .read(|c| {
                let mut statement = c.prepare(sql)?;
                let rows = statement.query_map([], |row| row.get(0))?;
                Ok(rows.collect::<std::result::Result<_, _>>()?)
            })
            .unwrap();
        let [one, two] = [b"one", b"two"].map(|text| crc32fast::hash(text));
        assert_eq!(known, [one, two, one]);
    }
}
