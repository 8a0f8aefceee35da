//! Blobs on a real filesystem, beside a second handle that stands for another process.

use std::fs;
use std::io::Read;
use std::process::Command;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::*;

const OLD: Duration = Duration::from_secs(3600);
const NOW: Duration = Duration::ZERO;

fn blobs() -> (TempDir, Blobs) {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path()).unwrap();
    (dir, blobs)
}

fn staged(blobs: &Blobs, bytes: &[u8]) -> Stage {
    let mut stage = blobs.stage().unwrap();
    stage.append(bytes).unwrap();
    stage
}

fn sealed(blobs: &Blobs, bytes: &[u8]) -> Sealed {
    blobs.seal(staged(blobs, bytes), None).unwrap()
}

fn read(blobs: &Blobs, digest: &Digest) -> Vec<u8> {
    let mut bytes = Vec::new();
    blobs
        .open_blob(digest)
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

fn names(dir: &Path) -> Vec<String> {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn found(blobs: &Blobs) -> Vec<Found> {
    blobs.iter().map(|item| item.unwrap()).collect()
}

fn age(path: &Path, by: Duration) {
    let file = File::open(path).unwrap();
    file.set_modified(SystemTime::now() - by).unwrap();
}

#[test]
fn a_sealed_content_stands_under_its_sha256() {
    let (dir, blobs) = blobs();
    let mut stage = staged(&blobs, b"a");
    stage.append(b"bc").unwrap();
    assert_eq!(stage.len(), 3);
    let sealed = blobs.seal(stage, None).unwrap();
    // FIPS 180-4, the one-block example.
    let name = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(sealed.digest.to_string(), name);
    assert_eq!(sealed.size, 3);
    let path = dir.path().join("blobs/ba/78").join(name);
    assert_eq!(fs::read(path).unwrap(), b"abc");
    assert_eq!(read(&blobs, &sealed.digest), b"abc");
    assert!(names(&dir.path().join("staging")).is_empty());
}

#[test]
fn nothing_is_visible_before_the_seal_and_nothing_stays_without_it() {
    let (dir, blobs) = blobs();
    let stage = staged(&blobs, b"never finished");
    assert_eq!(found(&blobs), []);
    assert_eq!(names(&dir.path().join("staging")).len(), 1);
    drop(stage);
    assert!(names(&dir.path().join("staging")).is_empty());
    assert_eq!(found(&blobs), []);
}

#[test]
fn another_content_than_announced_is_refused_and_not_kept() {
    let (dir, blobs) = blobs();
    let expected = Digest::from_bytes([7; 32]);
    let error = blobs
        .seal(staged(&blobs, b"something else"), Some(expected))
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(
        error.sentence().contains(&expected.to_string()),
        "{}",
        error.sentence()
    );
    assert!(names(&dir.path().join("staging")).is_empty());
    assert_eq!(found(&blobs), []);
}

#[test]
fn equal_contents_are_one_blob_whose_age_starts_again() {
    let (_dir, blobs) = blobs();
    let first = sealed(&blobs, b"twice");
    age(&blobs.0.shelves.path(&first.digest), OLD);
    let before = blobs.modified(&first.digest).unwrap();
    let second = sealed(&blobs, b"twice");
    assert_eq!(first.digest, second.digest);
    assert_eq!(found(&blobs).len(), 1);
    assert!(blobs.modified(&first.digest).unwrap() > before);
}

#[test]
fn a_decayed_blob_is_noticed_and_mended_by_the_next_equal_upload() {
    let (_dir, blobs) = blobs();
    let digest = sealed(&blobs, b"precious").digest;
    fs::write(blobs.0.shelves.path(&digest), b"precioos").unwrap();
    assert!(matches!(
        blobs.verify(&digest, |_| ()).unwrap(),
        Verified::Damaged { size: 8, found } if found != digest
    ));
    sealed(&blobs, b"precious");
    let mut progress = 0;
    let verified = blobs.verify(&digest, |bytes| progress += bytes).unwrap();
    let crc32 = Some(crc32fast::hash(b"precious"));
    assert_eq!(verified, Verified::Intact { size: 8, crc32 });
    assert_eq!(progress, 8);
}

#[test]
fn a_large_content_is_written_back_on_the_way_and_whole() {
    let (_dir, blobs) = blobs();
    let mut stage = blobs.stage().unwrap();
    let mut hasher = Sha256::new();
    let mut chunk = vec![0u8; 1 << 20];
    for number in 0..70u8 {
        chunk.fill(number);
        hasher.update(&chunk);
        stage.append(&chunk).unwrap();
    }
    let expected = Digest::from_bytes(hasher.finalize().into());
    let sealed = blobs.seal(stage, Some(expected)).unwrap();
    let size = 70 << 20;
    let crc32 = sealed.crc32;
    assert_eq!(
        blobs.verify(&sealed.digest, |_| ()).unwrap(),
        Verified::Intact { size, crc32 }
    );
}

#[test]
fn the_empty_content_is_a_content() {
    let (_dir, blobs) = blobs();
    let sealed = blobs.seal(blobs.stage().unwrap(), None).unwrap();
    assert_eq!(sealed.size, 0);
    assert!(read(&blobs, &sealed.digest).is_empty());
}

#[test]
fn what_is_absent_is_not_found() {
    let (_dir, blobs) = blobs();
    let digest = Digest::from_bytes([1; 32]);
    assert!(!blobs.contains(&digest).unwrap());
    assert_eq!(blobs.open_blob(&digest).unwrap_err().kind(), Kind::NotFound);
    assert_eq!(blobs.modified(&digest).unwrap_err().kind(), Kind::NotFound);
    assert_eq!(
        blobs.verify(&digest, |_| ()).unwrap_err().kind(),
        Kind::NotFound
    );
    assert!(!blobs.remove(&digest).unwrap());
}

#[test]
fn a_removed_content_stays_readable_for_those_who_hold_it() {
    let (_dir, blobs) = blobs();
    let digest = sealed(&blobs, b"held").digest;
    let mut held = blobs.open_blob(&digest).unwrap();
    assert!(blobs.remove(&digest).unwrap());
    assert!(!blobs.contains(&digest).unwrap());
    let mut bytes = String::new();
    held.read_to_string(&mut bytes).unwrap();
    assert_eq!(bytes, "held");
}

#[test]
fn a_content_collected_between_seal_and_commit_is_put_back() {
    let (dir, blobs) = blobs();
    let content: Vec<u8> = (0..READ_BYTES * 2 + 5).map(|n| n as u8).collect();
    let sealed = sealed(&blobs, &content);
    blobs.restore(&sealed).unwrap();
    let collector = Blobs::open(dir.path()).unwrap();
    collector.remove(&sealed.digest).unwrap();
    blobs.restore(&sealed).unwrap();
    assert_eq!(read(&blobs, &sealed.digest), content);
    blobs.restore(&sealed).unwrap();
    assert_eq!(found(&blobs).len(), 1);
    assert!(names(&dir.path().join("staging")).is_empty());
}

#[test]
fn a_shelf_that_an_operator_removed_is_built_again() {
    let (dir, blobs) = blobs();
    let digest = sealed(&blobs, b"shelved").digest;
    fs::remove_dir_all(dir.path().join("blobs").join(&digest.to_string()[..2])).unwrap();
    sealed(&blobs, b"shelved");
    assert_eq!(read(&blobs, &digest), b"shelved");
}

#[test]
fn the_walk_is_in_order_and_names_what_is_foreign() {
    let (dir, blobs) = blobs();
    let mut digests: Vec<Digest> = (0..300u32)
        .map(|n| sealed(&blobs, &n.to_le_bytes()).digest)
        .collect();
    digests.sort_unstable();
    let root = dir.path().join("blobs");
    let name = digests[0].to_string();
    let shelf = root.join(&name[..2]).join(&name[2..4]);
    let misplaced = shelf.join("f".repeat(64));
    let shouted = shelf.join(name.to_uppercase());
    let link = shelf.join(name.replace('0', "1"));
    let mut foreign = vec![
        root.join("lost+found"),
        root.join("README"),
        misplaced,
        shouted,
    ];
    fs::create_dir(&foreign[0]).unwrap();
    for path in &foreign[1..] {
        fs::write(path, "not ours").unwrap();
    }
    if link != shelf.join(&name) {
        std::os::unix::fs::symlink("elsewhere", &link).unwrap();
        foreign.push(link);
    }

    let mut walked = Vec::new();
    let mut strange = Vec::new();
    for found in found(&blobs) {
        match found {
            Found::Blob(entry) => {
                assert_eq!(entry.size, 4);
                assert_eq!(entry.modified, blobs.modified(&entry.digest).unwrap());
                walked.push(entry.digest);
            }
            Found::Foreign(path) => strange.push(path),
        }
    }
    assert_eq!(walked, digests);
    strange.sort_unstable();
    foreign.sort_unstable();
    assert_eq!(strange, foreign);
}

#[test]
fn a_sweep_takes_orphans_and_spares_what_is_young_or_being_written() {
    let (dir, blobs) = blobs();
    let staging = dir.path().join("staging");
    let stage = staged(&blobs, b"in flight");
    age(&staging.join(&names(&staging)[0]), OLD * 2);
    for (name, by) in [("orphan", OLD * 2), ("young", NOW)] {
        fs::write(staging.join(name), b"left behind").unwrap();
        age(&staging.join(name), by);
    }

    let sweeper = Blobs::open(dir.path()).unwrap();
    let swept = sweeper.sweep_staging(OLD).unwrap();
    assert_eq!(
        swept,
        Swept {
            files: 1,
            bytes: 11
        }
    );
    assert!(!staging.join("orphan").exists() && staging.join("young").exists());

    // A second run finds nothing to do, and the upload in flight arrives.
    assert_eq!(sweeper.sweep_staging(OLD).unwrap(), Swept::default());
    let digest = blobs.seal(stage, None).unwrap().digest;
    assert_eq!(read(&blobs, &digest), b"in flight");
}

#[test]
fn many_seals_at_once_all_arrive() {
    let (_dir, blobs) = blobs();
    std::thread::scope(|scope| {
        for thread in 0..8u32 {
            let blobs = &blobs;
            scope.spawn(move || {
                for number in 0..25u32 {
                    // Half of them are the same content in every thread.
                    let from = if number % 2 == 0 { 0 } else { thread };
                    sealed(blobs, format!("{from} {number}").as_bytes());
                }
            });
        }
    });
    let mut seen = 0;
    for found in found(&blobs) {
        let Found::Blob(entry) = found else {
            panic!("{found:?}")
        };
        let verified = blobs.verify(&entry.digest, |_| ()).unwrap();
        assert!(matches!(verified, Verified::Intact { size, .. } if size == entry.size));
        seen += 1;
    }
    assert_eq!(seen, 13 + 12 * 8);
}

/// A filesystem of one mebibyte, unmounted when dropped.
struct Tiny(TempDir);

impl Tiny {
    /// `None` where this user may not mount.
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tiny"])
            .arg(dir.path())
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then_some(Self(dir))
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn needs_mount_a_full_disk_keeps_nothing_of_the_upload_and_everything_else() {
    let Some(tiny) = Tiny::mount() else {
        eprintln!("DID NOT RUN: this user may not mount a tmpfs");
        return;
    };
    let blobs = Blobs::open(tiny.0.path()).unwrap();
    let before = sealed(&blobs, &[1; 100_000]).digest;
    let beside = staged(&blobs, &[2; 100_000]);

    let mut stage = blobs.stage().unwrap();
    let error = (0..40)
        .find_map(|_| stage.append(&[3; 50_000]).err())
        .expect("two megabytes do not fit into one mebibyte");
    assert_eq!(error.kind(), Kind::NoSpace);
    assert!(error.sentence().contains("full"), "{}", error.sentence());
    assert!(
        !error
            .sentence()
            .contains(&tiny.0.path().display().to_string()),
        "clients are not told our paths: {}",
        error.sentence()
    );
    // The space is free again at once, and what failed cannot be sealed by mistake.
    assert!(stage.append(b"more").is_err());
    let after = sealed(&blobs, &[4; 300_000]).digest;
    assert!(blobs.seal(stage, None).is_err());
    assert_eq!(names(&tiny.0.path().join("staging")).len(), 1);

    let beside = blobs.seal(beside, None).unwrap().digest;
    for (digest, byte, size) in [
        (before, 1, 100_000),
        (beside, 2, 100_000),
        (after, 4, 300_000),
    ] {
        assert_eq!(read(&blobs, &digest), vec![byte; size]);
    }
}

#[cfg(feature = "crash-points")]
mod crashes {
    use std::io::Write;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Stdio;

    use super::*;

    const CONTENT: &[u8] = b"written when the process died";

    /// Uploads a content twice and removes it, in a process that dies at `point`.
    fn die_at(point: &str, root: &Path) {
        let mut child = Command::new("/proc/self/exe")
            .args([
                "--ignored",
                "--exact",
                "store::blobs::tests::crashes::victim",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let orders = format!("{point}\n{}", root.display());
        child
            .stdin
            .take()
            .unwrap()
            .write_all(orders.as_bytes())
            .unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9), "at {point}");
    }

    #[test]
    #[ignore = "run by the test below, in a process that may die"]
    fn victim() {
        let orders = std::io::read_to_string(std::io::stdin()).unwrap();
        let (point, root) = orders.split_once('\n').unwrap();
        crash::arm(Some(point.to_owned()), 0).unwrap();
        let blobs = Blobs::open(Path::new(root)).unwrap();
        sealed(&blobs, CONTENT);
        let again = sealed(&blobs, CONTENT);
        blobs.remove(&again.digest).unwrap();
    }

    #[test]
    fn a_kill_between_any_two_steps_leaves_a_whole_content_or_none() {
        let mut whole = 0;
        for point in crash::POINTS
            .iter()
            .filter(|name| name.starts_with("blob."))
        {
            let dir = tempfile::tempdir().unwrap();
            die_at(point, dir.path());
            let blobs = Blobs::open(dir.path()).unwrap();
            for found in found(&blobs) {
                let Found::Blob(entry) = found else {
                    panic!("{found:?} after {point}")
                };
                let verified = blobs.verify(&entry.digest, |_| ()).unwrap();
                let is_whole = matches!(verified, Verified::Intact { size: 29, .. });
                assert!(is_whole, "after {point}: {verified:?}");
                whole += 1;
            }
            // The dead process holds no lock: its leftovers go, and only once.
            blobs.sweep_staging(NOW).unwrap();
            assert_eq!(blobs.sweep_staging(NOW).unwrap(), Swept::default());
            assert!(
                names(&dir.path().join("staging")).is_empty(),
                "after {point}"
            );
            sealed(&blobs, CONTENT);
            assert_eq!(found(&blobs).len(), 1, "after {point}");
        }
        // Named at blob.renamed, blob.durable and, of the second upload, at blob.synced; gone
        // again at blob.removed.
        assert_eq!(whole, 3);
    }
}
