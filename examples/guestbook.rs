//! A guestbook on the kit: the message in SQLite, counted in redb, found with tantivy, its
//! author's picture a blob. It survives restarts, and any number may run at once:
//! `guestbook DIR sign NAME MESSAGE [PICTURE]`, `guestbook DIR find WORDS`.

use std::path::Path;
use std::time::Duration;

use wharfside::error::{Error, Result};
use wharfside::store::index::tantivy::{self, schema::TEXT};
use wharfside::store::index::{Change, KEY, Spec};
use wharfside::store::kv::{Batch, Json, Table};
use wharfside::store::sql::Migration;
use wharfside::store::{Digest, Options, Store};

const MIGRATIONS: &[Migration] = &[Migration {
    sql: "CREATE TABLE message (id INTEGER PRIMARY KEY, name TEXT, text TEXT, picture BLOB) STRICT",
    compatible_back_to: 0,
}];
const COUNTS: Table<Json<u64>> = Table::new("messages_by_name");

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [dir, "sign", name, text, ref picture @ ..] => {
            at_work(dir, |store| sign(store, name, text, picture.first()))
        }
        [dir, "find", words] => at_work(dir, |store| find(store, words)),
        _ => Err(Error::invalid("say DIR sign NAME TEXT, or DIR find WORDS")),
    }
}

fn at_work(dir: &str, work: impl FnOnce(&Store) -> Result<()>) -> Result<()> {
    let mut index = Spec::default();
    index.schema.add_text_field("text", TEXT);
    let (store, _report) = Store::open(Options {
        root: Path::new(dir),
        release: env!("CARGO_PKG_VERSION"),
        migrations: MIGRATIONS,
        index,
        index_memory: 16 << 20,
        kv_cache: 1 << 20,
        staging_grace: Duration::from_secs(3600),
    })?;
    let outcome = work(&store);
    store.close();
    outcome
}

/// The picture first, so that no row names what is not there; the row is the promise.
fn sign(store: &Store, name: &str, text: &str, picture: Option<&&str>) -> Result<()> {
    let kept = picture.map(|path| keep(store, path)).transpose()?;
    let picture = kept.map(|digest| *digest.as_bytes());
    let row = (name.to_owned(), text.to_owned(), picture);
    let sql = "INSERT INTO message (name, text, picture) VALUES (?1, ?2, ?3)";
    store.sql.write(move |c| Ok(c.execute(sql, row)?))?;
    let mut batch = Batch::default();
    batch.update(&COUNTS, name.as_bytes(), |count: Option<Json<u64>>| {
        Some(Json(count.map_or(1, |Json(count)| count + 1)))
    });
    store.kv.write(batch)?;
    follow(store)
}

fn keep(store: &Store, path: &str) -> Result<Digest> {
    let bytes = std::fs::read(path).map_err(|e| Error::io("reading", path.as_ref(), e))?;
    let mut stage = store.blobs.stage()?;
    stage.append(&bytes)?;
    Ok(store.blobs.seal(stage, None)?.digest)
}

/// Whoever gets the lease indexes what is new, whoever wrote it. How far it came is part of the
/// index's commit, so a killed process leaves nothing undone.
fn follow(store: &Store) -> Result<()> {
    let Some(mut lease) = store.index.lease()? else {
        return Ok(());
    };
    let text = store.index.schema().get_field("text")?;
    let applied = lease.applied();
    let new: Vec<(u64, String)> = store.sql.read(|c| {
        let mut rows = c.prepare("SELECT id, text FROM message WHERE id > ?1 ORDER BY id")?;
        let rows = rows.query_map([applied], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    })?;
    let through = new.last().map_or(applied, |(id, _)| *id);
    let put = |(key, words)| Change::Put {
        key,
        document: tantivy::doc!(text => words),
    };
    lease.apply(new.into_iter().map(put), through)
}

fn find(store: &Store, words: &str) -> Result<()> {
    follow(store)?;
    let ids: Vec<u64> = store.index.read(|searcher| {
        let text = searcher.schema().get_field("text")?;
        let parser = tantivy::query::QueryParser::for_index(searcher.index(), vec![text]);
        let query = parser.parse_query_lenient(words).0;
        let best = tantivy::collector::TopDocs::with_limit(10).order_by_score();
        let mut ids = Vec::new();
        for (_, at) in searcher.search(&query, &best)? {
            let segment = searcher.segment_reader(at.segment_ord);
            let keys = segment.fast_fields().u64(KEY)?;
            ids.extend(keys.first(at.doc_id));
        }
        Ok(ids)
    })?;
    for id in ids {
        let (name, text, picture): (String, String, Option<Vec<u8>>) = store.sql.read(|c| {
            let sql = "SELECT name, text, picture FROM message WHERE id = ?1";
            Ok(c.query_row(sql, [id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?)
        })?;
        let Json(n) = store.kv.get(&COUNTS, name.as_bytes())?.unwrap_or(Json(0));
        println!("{id}. {name}, who signed {n} times: {text}");
        if let Some(digest) = picture {
            println!("   with a picture, sha256 {}", Digest::from_slice(&digest)?);
        }
    }
    Ok(())
}
