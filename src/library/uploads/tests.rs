//! Uploads in pieces, through the library alone: what is stored, once, and what is not.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::library::{
    Account, Acting, Credential, FolderPath, Generation, Grant, NewShare, Right, Role, Settings,
    Shared, Sort, Viewer,
};

struct Bench {
    dir: TempDir,
    library: Library,
}

impl Bench {
    fn new() -> Self {
        Self::with(Reserve::Bytes(0))
    }

    fn with(reserve: Reserve) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let library = open(dir.path(), reserve);
        Self { dir, library }
    }

    fn reopen(self) -> Self {
        self.library.close();
        let library = open(self.dir.path(), Reserve::Bytes(0));
        Self { library, ..self }
    }

    fn begin(&self, path: &str, length: u64) -> UploadId {
        self.library.begin_upload(file(path, length)).unwrap().id
    }

    fn piece(&self, id: UploadId, offset: u64, bytes: &[u8]) -> Result<UploadState> {
        self.piece_of(id, offset, bytes, None)
    }

    fn piece_of(
        &self,
        id: UploadId,
        offset: u64,
        bytes: &[u8],
        length: Option<u64>,
    ) -> Result<UploadState> {
        let size = Some(bytes.len() as u64);
        match self.library.resume_upload(id, offset, size, length)? {
            Resumed::Writing(mut writing) => {
                writing.append(bytes)?;
                self.library.pause_upload(*writing)
            }
            Resumed::Known(state) | Resumed::Closed(state) => Ok(state),
        }
    }

    fn state(&self, id: UploadId) -> UploadState {
        self.library.upload_state(id).unwrap()
    }

    fn paths(&self) -> Vec<String> {
        let listing = self
            .library
            .list(&FolderPath::default(), Sort::Name, None, 100)
            .unwrap();
        let paths = listing.files.into_iter().map(|entry| entry.path.into());
        paths.collect()
    }

    /// As a library whose clock is that much ahead.
    fn expiring(&self, expiry: Duration) -> Library {
        let mut library = self.library.clone();
        Arc::make_mut(&mut library.common).limits.expiry = expiry;
        library
    }

    fn staged(&self) -> usize {
        self.files_below("staging")
    }

    fn files_below(&self, folder: &str) -> usize {
        fn count(folder: &Path) -> usize {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let count = |path: &Path| if path.is_dir() { count(path) } else { 1 };
            entries.map(|entry| count(&entry.path())).sum()
        }
        count(&self.dir.path().join(folder))
    }
}

fn open(root: &Path, reserve: Reserve) -> Library {
    Library::open(&Settings {
        root: root.to_owned(),
        release: "test".into(),
        index_memory: 16 << 20,
        facts_cache: 4 << 20,
        grace: Duration::ZERO,
        uploads: Limits {
            expiry: Duration::from_secs(3600),
            reserve,
            quota: crate::library::Quota::default(),
        },
        keys: crate::library::SealingKeys::default(),
        everyone: crate::library::Right::None,
        extraction: crate::extract::child::tests::options(),
        generation: Generation::CURRENT,
    })
    .unwrap()
}

fn file(path: &str, length: u64) -> NewUpload {
    NewUpload {
        purpose: Purpose::File(Destination {
            path: FilePath::parse(path).unwrap(),
            if_present: IfPresent::Version,
            expected: None,
        }),
        length: Some(length),
        metadata: None,
        key: None,
    }
}

fn if_present(path: &str, length: u64, if_present: IfPresent) -> NewUpload {
    let mut new = file(path, length);
    if let Purpose::File(destination) = &mut new.purpose {
        destination.if_present = if_present;
    }
    new
}

fn part(length: u64) -> NewUpload {
    NewUpload {
        purpose: Purpose::Part,
        ..file("unused", length)
    }
}

fn stored(state: &UploadState) -> Receipt {
    match &state.outcome {
        Outcome::Stored(receipt) => receipt.clone(),
        other => panic!("not stored: {other:?}"),
    }
}

fn kind<T>(result: Result<T>) -> Kind {
    match result {
        Ok(_) => panic!("it was accepted"),
        Err(error) => error.kind(),
    }
}

#[test]
fn pieces_become_one_file_and_the_last_answer_can_be_had_again() {
    let bench = Bench::new();
    let id = bench.begin("log/voyage.txt", 9);
    assert!(matches!(bench.state(id).outcome, Outcome::Open));
    assert_eq!(bench.piece(id, 0, b"outw").unwrap().offset, 4);
    let bench = bench.reopen();
    assert_eq!(bench.state(id).offset, 4);
    assert_eq!(kind(bench.piece(id, 3, b"x")), Kind::Conflict);
    let receipt = stored(&bench.piece(id, 4, b"bound").unwrap());
    assert_eq!((receipt.size, receipt.version), (9, 1));

    for again in [
        bench.state(id),
        bench.piece(id, 4, b"bound").unwrap(),
        bench.piece(id, 9, b"").unwrap(),
    ] {
        assert_eq!(stored(&again).sequence, receipt.sequence);
        assert_eq!(again.offset, 9);
    }
    assert_eq!(kind(bench.piece(id, 0, b"outwbound")), Kind::Conflict);
    assert_eq!(
        bench.library.versions(receipt.id, None, 10).unwrap().len(),
        1
    );
    assert_eq!(bench.staged(), 0);
}

#[test]
fn an_empty_file_is_complete_from_its_beginning() {
    let bench = Bench::new();
    let state = bench.library.begin_upload(file("empty", 0)).unwrap();
    assert_eq!(stored(&state).size, 0);
}

#[test]
fn a_key_names_one_upload_however_often_it_is_begun() {
    let bench = Bench::new();
    let new = NewUpload {
        key: Some("0123456789abcdef".into()),
        ..file("once.txt", 4)
    };
    let first = bench.library.begin_upload(new.clone()).unwrap();
    bench.piece(first.id, 0, b"on").unwrap();
    let again = bench.library.begin_upload(new.clone()).unwrap();
    assert_eq!((again.id, again.offset), (first.id, 2));
    bench.piece(first.id, 2, b"ce").unwrap();
    let mut upload = bench.library.upload(0).unwrap();
    upload.append(b"once").unwrap();
    let whole = bench.library.add_whole(upload, new).unwrap();
    assert_eq!((whole.id, stored(&whole).version), (first.id, 1));
}

#[test]
fn a_taken_path_gets_a_version_a_neighbour_or_nothing() {
    let bench = Bench::new();
    let store = |asked: NewUpload| {
        let id = bench.library.begin_upload(asked)?.id;
        bench.piece(id, 0, b"abc").map(|state| stored(&state))
    };
    assert_eq!(store(file("a.tar.gz", 3)).unwrap().version, 1);
    assert_eq!(store(file("a.tar.gz", 3)).unwrap().version, 2);
    let beside = store(if_present("a.tar.gz", 3, IfPresent::KeepBoth)).unwrap();
    assert_eq!((beside.path.as_str(), beside.version), ("a.tar (2).gz", 1));
    let skipped = store(if_present("a.tar.gz", 3, IfPresent::Skip));
    assert_eq!(kind(skipped), Kind::Precondition);
    // Taken meanwhile.
    let skip = if_present("late.txt", 3, IfPresent::Skip);
    let id = bench.library.begin_upload(skip).unwrap().id;
    store(file("late.txt", 3)).unwrap();
    assert_eq!(kind(bench.piece(id, 0, b"new")), Kind::Precondition);
    assert!(matches!(bench.state(id).outcome, Outcome::Gone(_)));
    assert_eq!(
        bench.paths(),
        ["a (2).gz", "a.tar.gz", "late.txt"].map(|p| if p == "a (2).gz" {
            "a.tar (2).gz".to_owned()
        } else {
            p.to_owned()
        })
    );
    assert_eq!(bench.staged(), 0);
}

#[test]
fn a_length_may_be_said_later_once() {
    let bench = Bench::new();
    let new = NewUpload {
        length: None,
        ..file("stream.txt", 0)
    };
    let id = bench.library.begin_upload(new).unwrap().id;
    bench.piece(id, 0, b"flow").unwrap();
    assert_eq!(bench.state(id).length, None);
    assert_eq!(kind(bench.piece_of(id, 4, b"", Some(3))), Kind::Invalid);
    bench.piece_of(id, 4, b"in", Some(7)).unwrap();
    assert_eq!(kind(bench.piece_of(id, 6, b"", Some(9))), Kind::Invalid);
    assert_eq!(stored(&bench.piece(id, 6, b"g").unwrap()).size, 7);
}

#[test]
fn a_piece_past_the_end_is_refused_and_leaves_nothing() {
    let bench = Bench::new();
    let id = bench.begin("short.txt", 4);
    bench.piece(id, 0, b"ab").unwrap();
    assert_eq!(kind(bench.piece(id, 2, b"cde")), Kind::TooLarge);
    // Of a size that nobody said beforehand.
    let Resumed::Writing(mut writing) = bench.library.resume_upload(id, 2, None, None).unwrap()
    else {
        panic!("the upload is open");
    };
    writing.append(b"c").unwrap();
    assert_eq!(kind(writing.append(b"de")), Kind::TooLarge);
    drop(writing);
    assert_eq!(bench.state(id).offset, 2);
    assert_eq!(stored(&bench.piece(id, 2, b"cd").unwrap()).size, 4);
}

#[test]
fn one_piece_at_a_time() {
    let bench = Bench::new();
    let id = bench.begin("once.txt", 4);
    let first = bench.library.resume_upload(id, 0, Some(4), None).unwrap();
    assert_eq!(kind(bench.piece(id, 0, b"abcd")), Kind::Busy);
    assert_eq!(kind(bench.library.terminate_upload(id)), Kind::Busy);
    drop(first);
    assert!(bench.piece(id, 0, b"abcd").is_ok());
}

#[test]
fn another_content_than_announced_ends_the_upload() {
    let bench = Bench::new();
    let mut new = file("pinned.txt", 3);
    if let Purpose::File(destination) = &mut new.purpose {
        destination.expected = Some(Digest::from_bytes([7; 32]));
    }
    let id = bench.library.begin_upload(new).unwrap().id;
    assert_eq!(kind(bench.piece(id, 0, b"abc")), Kind::Invalid);
    assert!(matches!(bench.state(id).outcome, Outcome::Gone(_)));
    assert!(bench.paths().is_empty());
}

#[test]
fn uploads_belong_to_who_began_them() {
    let bench = Bench::new();
    let id = bench.begin("mine.txt", 3);
    let other = bench.library.seen_by(Viewer::ANYONE.into());
    assert_eq!(kind(other.upload_state(id)), Kind::NotFound);
    assert_eq!(kind(other.resume_upload(id, 0, None, None)), Kind::NotFound);
    assert_eq!(kind(other.terminate_upload(id)), Kind::NotFound);
}

#[test]
fn a_terminated_upload_leaves_no_bytes_and_a_stored_one_stays() {
    let bench = Bench::new();
    let id = bench.begin("half.txt", 8);
    bench.piece(id, 0, b"half").unwrap();
    bench.library.terminate_upload(id).unwrap();
    assert!(matches!(bench.state(id).outcome, Outcome::Gone(_)));
    assert!(matches!(
        bench.library.resume_upload(id, 4, None, None).unwrap(),
        Resumed::Closed(_)
    ));
    assert_eq!(bench.staged(), 0);
    let id = bench.begin("whole.txt", 1);
    bench.piece(id, 0, b"w").unwrap();
    bench.library.terminate_upload(id).unwrap();
    assert_eq!(
        kind(bench.library.upload_state(id).map(drop)),
        Kind::NotFound
    );
    assert_eq!(bench.paths(), ["whole.txt"]);
    assert_eq!(bench.staged(), 0);
}

#[test]
fn parts_are_joined_in_the_order_asked_for_and_once() {
    let bench = Bench::new();
    let parts = [&b"fore"[..], b"mid", b"aft"].map(|bytes| {
        let id = bench
            .library
            .begin_upload(part(bytes.len() as u64))
            .unwrap()
            .id;
        (id, bytes)
    });
    let ids = parts.map(|(id, _)| id);
    let join = || {
        bench
            .library
            .join_uploads(&ids, "final;…".into(), file("ship.txt", 0), None)
    };
    assert_eq!(kind(join()), Kind::Conflict);
    for (id, bytes) in parts {
        assert!(matches!(
            bench.piece(id, 0, bytes).unwrap().outcome,
            Outcome::Open
        ));
    }
    let first = stored(&join().unwrap());
    assert_eq!(first.size, 10);
    let again = stored(&join().unwrap());
    assert_eq!((again.id, again.version), (first.id, 1));
    let content = bench.library.content(first.id, None).unwrap();
    assert_eq!(std::io::read_to_string(content.file).unwrap(), "foremidaft");
    assert_eq!(bench.staged(), 0);
    let whole = bench.begin("no-part.txt", 2);
    assert_eq!(
        kind(
            bench
                .library
                .join_uploads(&[whole], String::new(), file("x", 0), None)
        ),
        Kind::Invalid
    );
}

#[test]
fn what_nobody_goes_on_with_expires_and_is_counted() {
    let bench = Bench::new();
    let id = bench.begin("left.txt", 100);
    bench.piece(id, 0, b"left behind").unwrap();
    bench.begin("never.txt", 100);
    let unfinished = bench.library.unfinished_uploads().unwrap();
    assert_eq!((unfinished.open, unfinished.bytes), (2, 11));
    assert_eq!(bench.library.expire_uploads().unwrap(), 0);

    let file = bench
        .dir
        .path()
        .join("staging/pieces")
        .join(id.simple().to_string());
    age(&file, Duration::from_secs(7200));
    assert_eq!(bench.library.expire_uploads().unwrap(), 1);
    assert!(matches!(bench.state(id).outcome, Outcome::Gone(_)));
    let unfinished = bench.library.unfinished_uploads().unwrap();
    assert_eq!(
        (unfinished.open, unfinished.expired, unfinished.freed),
        (1, 1, 11)
    );
    assert_eq!(bench.staged(), 0);
}

#[test]
fn a_clock_that_steps_back_expires_nothing() {
    let bench = Bench::new();
    let id = bench.begin("early.txt", 100);
    bench.piece(id, 0, b"from the future").unwrap();
    let file = bench
        .dir
        .path()
        .join("staging/pieces")
        .join(id.simple().to_string());
    let ahead = std::fs::File::open(&file).unwrap();
    ahead
        .set_modified(SystemTime::now() + Duration::from_secs(90_000))
        .unwrap();
    assert_eq!(bench.library.expire_uploads().unwrap(), 0);
    assert_eq!(bench.expiring(Duration::ZERO).expire_uploads().unwrap(), 0);
    assert_eq!(bench.state(id).offset, 15);
}

#[test]
fn a_complete_upload_whose_process_died_is_stored_without_its_client() {
    let bench = Bench::new();
    let id = bench.begin("orphan.txt", 4);
    let claim = bench.library.store.blobs.claim(id).unwrap().unwrap();
    let mut pieces = claim.resume().unwrap();
    pieces.append(b"done").unwrap();
    drop(pieces);
    let file = bench
        .dir
        .path()
        .join("staging/pieces")
        .join(id.simple().to_string());
    age(&file, Duration::from_secs(120));
    bench.library.expire_uploads().unwrap();
    assert_eq!(bench.paths(), ["orphan.txt"]);
    assert_eq!(stored(&bench.state(id)).version, 1);
}

/// Somebody with a library of their own eyes.
fn somebody(bench: &Bench, name: &str) -> (Account, Library) {
    let account = bench.library.add_account(name, Role::Member).unwrap();
    let acting = Acting {
        account: account.id,
        name: name.to_owned(),
        credential: Credential::Account,
        most: Right::Own,
        within: None,
    };
    let viewer = Viewer::account(acting, Right::None);
    let library = bench.library.seen_by(viewer.into());
    (account, library)
}

/// Begins an upload of four bytes, all of which are there, as after a kill.
fn complete(bench: &Bench, library: &Library, path: &str) -> UploadId {
    let id = library.begin_upload(file(path, 4)).unwrap().id;
    let claim = bench.library.store.blobs.claim(id).unwrap().unwrap();
    let mut pieces = claim.resume().unwrap();
    pieces.append(b"done").unwrap();
    drop(pieces);
    let name = id.simple().to_string();
    let staged = bench.dir.path().join("staging/pieces").join(name);
    age(&staged, Duration::from_secs(120));
    id
}

fn is_refused(bench: &Bench, id: UploadId) {
    bench.library.expire_uploads().unwrap();
    let row = bench.library.store.sql.read(|c| row::any(c, id)).unwrap();
    assert_eq!(row.end, Some(End::Terminated));
    assert_eq!(bench.staged(), 0);
    assert_eq!(bench.files_below("blobs"), bench.files_below("boots"));
}

#[test]
fn the_upkeep_stores_by_the_rights_of_whoever_began_it() {
    let bench = Bench::new();
    let (_, ada) = somebody(&bench, "Ada");
    let (_, bob) = somebody(&bench, "Bob");
    let team = FolderPath::parse("Ada/team").unwrap();
    let grant = |may| {
        let name = "Bob".to_owned();
        ada.set_folder_rule(&team, Right::None, &[Grant { name, may }])
            .unwrap();
    };
    grant(Right::Write);
    let taken_off = complete(&bench, &bob, "Ada/team/plan.txt");
    let stays = complete(&bench, &bob, "Bob/own.txt");
    grant(Right::Read);
    bench.library.expire_uploads().unwrap();
    let state = bob.upload_state(taken_off).unwrap();
    assert!(matches!(state.outcome, Outcome::Gone(_)), "{state:?}");
    assert!(matches!(
        bob.upload_state(stays).unwrap().outcome,
        Outcome::Stored(_)
    ));
    let entry = bob.entry_at(&FilePath::parse("Bob/own.txt").unwrap());
    assert!(entry.is_ok());
    assert_eq!(bench.staged(), 0);
}

#[test]
fn the_upkeep_stores_nothing_for_what_has_ended() {
    let bench = Bench::new();
    let (account, ada) = somebody(&bench, "Ada");
    let none = crate::library::Quota::default();
    let id = complete(&bench, &ada, "Ada/a.txt");
    bench
        .library
        .change_account(account.id, Role::Reader, none)
        .unwrap();
    is_refused(&bench, id);
    bench
        .library
        .change_account(account.id, Role::Member, none)
        .unwrap();
    // A release that knows nothing of it has taken the link away.
    let link = ada.share(NewShare {
        secret: "wl_x".into(),
        shared: Shared::Drop(FolderPath::parse("Ada").unwrap()),
        name: String::new(),
        password: None,
        expires_ms: None,
        uses: None,
    });
    let through = ada.viewer().clone().through_link(link.unwrap());
    let stranger = bench.library.seen_by(through.into());
    let id = complete(&bench, &stranger, "Ada/b.txt");
    let forget = |sql| {
        let write = bench
            .library
            .store
            .sql
            .write(move |c| Ok(c.execute(sql, [])?));
        assert_eq!(write.unwrap(), 1);
    };
    forget("DELETE FROM share_link");
    is_refused(&bench, id);
    let id = complete(&bench, &ada, "Ada/c.txt");
    bench.library.remove_account(account.id).unwrap();
    is_refused(&bench, id);
    // Where everybody was let in, and is not any more.
    let anyone = bench.library.seen_by(Viewer::ANYONE.into());
    let id = complete(&bench, &anyone, "d.txt");
    is_refused(&bench, id);
    assert_eq!(bench.paths(), [""; 0]);
}

/// What is past a quota when it is complete is not tried for ever, and does not keep others waiting.
#[test]
fn what_is_complete_and_past_a_quota_ends() {
    let bench = Bench::new();
    let (account, ada) = somebody(&bench, "Ada");
    let id = complete(&bench, &ada, "Ada/a.txt");
    let quota = crate::library::Quota {
        bytes: Some(3),
        files: None,
    };
    bench
        .library
        .change_account(account.id, Role::Member, quota)
        .unwrap();
    let behind = complete(&bench, &bench.library, "behind.txt");
    bench.library.expire_uploads().unwrap();
    assert!(matches!(bench.state(behind).outcome, Outcome::Stored(_)));
    let row = bench.library.store.sql.read(|c| row::any(c, id)).unwrap();
    assert_eq!(row.end, Some(End::Terminated));
    assert_eq!(bench.staged(), 0);
}

#[test]
fn what_has_no_byte_lapses_long_before_the_rest() {
    let bench = Bench::new();
    let (none, some) = (bench.begin("none.txt", 4), bench.begin("some.txt", 4));
    bench.piece(some, 0, b"so").unwrap();
    let age_all = |c: &rusqlite::Connection| {
        Ok(c.execute("UPDATE upload SET created_ms = created_ms - 2400000", [])?)
    };
    bench.library.store.sql.write(age_all).unwrap();
    assert_eq!(bench.library.expire_uploads().unwrap(), 1);
    assert!(matches!(bench.state(none).outcome, Outcome::Gone(_)));
    assert_eq!(bench.state(some).offset, 2);
}

#[test]
fn beginnings_without_bytes_are_bounded() {
    let bench = Bench::new();
    let mut refused = 0;
    for number in 0..row::MOST_OPEN + 20 {
        let new = file(&format!("{number}.txt"), 10);
        match bench.library.begin_upload(new) {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.kind(), Kind::Unavailable);
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 20);
    // Those that wait longest without a byte make room.
    bench
        .library
        .store
        .sql
        .write(|c| {
            let sql = "UPDATE upload SET created_ms = created_ms - 3600000 WHERE path LIKE '1%'";
            c.execute(sql, [])?;
            Ok(())
        })
        .unwrap();
    assert!(bench.library.begin_upload(file("room.txt", 10)).is_ok());
}

#[test]
fn a_reserve_is_kept_before_any_byte_travels() {
    let bench = Bench::with(Reserve::Bytes(u64::MAX / 2));
    assert_eq!(
        kind(bench.library.begin_upload(file("a", 1))),
        Kind::NoSpace
    );
    let bench = bench.reopen();
    let error = bench.library.begin_upload(file("a", 1 << 60)).unwrap_err();
    assert_eq!(error.kind(), Kind::NoSpace);
    assert!(error.sentence().contains("STORAGE_RESERVE"), "{error}");
}

fn age(path: &Path, by: Duration) {
    let file = std::fs::File::open(path).unwrap();
    file.set_modified(SystemTime::now() - by).unwrap();
}
