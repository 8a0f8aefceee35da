//! Wharfside keeps files, their names, facts about them and a search index in one directory
//! that outlives every release and that two releases may use at the same time.
//!
//! > What a file *contains* lives on the filesystem. What it *is* lives in redb. What it is
//! > *called* lives in SQLite. What it *says* lives in tantivy.
//!
//! This page is the map: the layers, a walk along each path through them, and the promises.
//!
//! # Layers
//!
//! Each imports only from those below it; a test reads the sources and enforces that.
//!
//! | layer | what it is |
//! |---|---|
//! | `main.rs` | the commands, each one call into the library |
//! | [`serve`], [`check`], [`reindex`], [`user`], [`smoke`] | what an operator runs |
//! | [`terminal`] | what people run who keep their files in an installation elsewhere |
//! | [`remote`], [`interrupt`] | an installation over HTTP, from outside; Ctrl-C |
//! | [`web`] | pages, JSON API, uploads, downloads, health; the only place that knows HTTP |
//! | [`worker`], [`upkeep`] | the indexer, and chores in the background |
//! | [`library`] | the app's domain: files, folders, versions, tags, trash, search, receipts |
//! | [`auth`] | proving who somebody is: secrets, passwords, second factors |
//! | [`extract`] | bytes and a name become text, facts, a thumbnail and a preview, in children that can do nothing else |
//! | [`store`] | the kit: four engines made durable and safe to share; knows nothing of files |
//! | [`config`], [`logging`], [`error`] | the environment, the log, and the one error type |
//! | [`heap`] | how the C library keeps memory that was freed |
//!
//! Architecture invariant: `store` and `library` are plain synchronous code on a bounded pool of
//! threads; `web` crosses to it once per request ([`web::state::App::run`]).
//!
//! Architecture invariant: truth is `blobs/` and `catalog.sqlite`. Everything else can be made
//! again from those two, or may be lost (sessions, unfinished uploads).
//!
//! # Walks
//!
//! **Upload.** `web` streams the body into a [`library::Upload`];
//! [`Library::add`](library::Library::add) has [`Blobs::seal`](store::Blobs::seal) make the bytes
//! durable under their digest, then [`Sql::write`](store::Sql::write) commits the file row, its
//! event and its place in the outbox in one transaction. That is the promise; only then is a
//! [`Receipt`](library::Receipt) sent. Nobody is told before the commit.
//!
//! **Index.** [`Steps::step`](worker::Steps::step) takes the next changes from the outbox
//! ([`changed_after`](library::Library::changed_after)), has their contents read
//! by a child ([`Pool::read`](extract::child::Pool::read)), commits the facts, then [`Lease::commit`](store::Lease::commit) commits
//! documents and the highest sequence together. Killed anywhere, the next holder of the lease
//! repeats the batch, which changes nothing that was done.
//!
//! **Search.** [`Library::search`](library::Library::search): the index proposes ids and
//! scores, the catalog decides which of them are there, the facts show the passage.
//!
//! **Scan.** Where this host has tesseract, pages without text are read behind everything else: a
//! child draws them, tesseract reads the picture in a process of its own
//! ([`Pool::recognise`](extract::child::Pool::recognise)), and the content is put into the index and
//! the facts again.
//!
//! **Thumbnail.** [`Library::thumbnail`](library::Library::thumbnail) has it, or it is made now:
//! once, however many ask, in its turn beside the documents that are being read, by a child
//! ([`Pool::draw`](extract::child::Pool::draw)). It is answered first and kept then
//! ([`Library::keep_thumbnails`](library::Library::keep_thumbnails)).
//!
//! **Preview.** A short text is shown as it was meant to be seen if that is kept
//! ([`Library::formatted_text`](library::Library::formatted_text)), or can be had from a child soon
//! ([`Pool::format`](extract::child::Pool::format)); else as it stands.
//!
//! **Start.** [`Config`](config::Config) → [`Mount::prepare`](store::Mount::prepare) →
//! [`Store::open`](store::Store::open), which migrates and takes a boot number → ready. Walking,
//! validating and rebuilding go on in the background: a start takes no longer because there are
//! more files.
//!
//! **Rehearsal.** `wharfside check --preflight` is a start that changes nothing
//! ([`Library::rehearse`](library::Library::rehearse)): migrations are tried on a copy, engines
//! opened as a start opens them. The platform runs it beside the old release and deploys only if
//! it passes.
//!
//! **Stop.** The first SIGTERM gives up the index lease and turns readiness to 503, while
//! everything is still served; after `DRAIN_SECONDS`, or at the second signal, what is in
//! flight is finished and the process ends with 0.
//!
//! # Promises
//!
//! Each is named by at least one test that fails when it breaks.
//!
//! - **P1** An upload that was answered 2xx survives `kill -9` and power loss at the very next
//!   instruction: bytes, name and digest.
//! - **P2** Nothing half-written is ever visible: not in a listing, a search or a download.
//! - **P3** `index/` and `facts.redb` may be deleted or corrupted at any time: the next start
//!   sets the bad one aside and rebuilds it; nothing is lost.
//! - **P4** Two processes on one directory see each other's acknowledged writes at once, and
//!   each finds the other's uploads by search within a second.
//! - **P5** A redeploy under load fails no request and loses no receipt.
//! - **P6** At most one process writes an index at a time; if it dies or is told to go, another
//!   takes over within two seconds.
//! - **P7** A release that cannot run here says so in one plain sentence with the remedy, fails
//!   its health check, and leaves the data and the running release untouched.
//! - **P8** Recovery is idempotent: a second run finds nothing to do.
//!
//! Assumed: one host and a local filesystem, whose fsync does what it says, because flock and
//! SQLite's WAL need shared memory. On a network filesystem, the start warns.

// Denied, not forbidden: two modules cannot do without, and say why (`store/sigbus.rs`, `heap.rs`).
#![deny(unsafe_code)]

pub mod auth;
pub mod check;
pub mod config;
pub mod error;
pub mod extract;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod heap;
pub mod interrupt;
pub mod library;
pub mod logging;
pub mod reindex;
pub mod remote;
pub mod serve;
pub mod smoke;
pub mod store;
pub mod terminal;
pub mod upkeep;
pub mod user;
pub mod web;
pub mod worker;
