//! Contents in pieces, through everything that may happen between two of them.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::*;
use crate::error::Kind;
use crate::store::Digest;

const NAME: PiecesName = Uuid::from_u128(0x77);

fn blobs() -> (TempDir, Blobs) {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path()).unwrap();
    (dir, blobs)
}

fn resumed(blobs: &Blobs) -> Pieces {
    blobs.claim(NAME).unwrap().unwrap().resume().unwrap()
}

/// As after the machine went down and came back.
fn rebooted(blobs: &Blobs) -> Claim {
    Claim::take(blobs.pieces_path(NAME), Uuid::from_u128(2))
        .unwrap()
        .unwrap()
}

fn offset(blobs: &Blobs) -> u64 {
    blobs.arrived(NAME).unwrap().bytes
}

fn sealed(blobs: &Blobs, pieces: Pieces) -> Digest {
    let (staged, claim) = pieces.finish().unwrap();
    let sealed = blobs.settle(staged).unwrap();
    claim.remove().unwrap();
    sealed.digest
}

fn digest(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

#[test]
fn pieces_become_the_content_that_they_are_together() {
    let (dir, blobs) = blobs();
    assert_eq!(offset(&blobs), 0);
    for (at, piece) in [(0, "bill "), (5, "of "), (8, "lading")] {
        let mut pieces = resumed(&blobs);
        assert_eq!(pieces.offset(), at);
        pieces.append(piece.as_bytes()).unwrap();
        pieces.pause().unwrap();
    }
    assert_eq!(offset(&blobs), 14);
    assert_eq!(sealed(&blobs, resumed(&blobs)), digest(b"bill of lading"));
    assert!(blobs.contains(&digest(b"bill of lading")).unwrap());
    assert_eq!(
        fs::read_dir(dir.path().join("staging/pieces"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn one_writer_at_a_time() {
    let (_dir, blobs) = blobs();
    let claim = blobs.claim(NAME).unwrap().unwrap();
    assert!(blobs.claim(NAME).unwrap().is_none());
    let pieces = claim.resume().unwrap();
    assert!(blobs.claim(NAME).unwrap().is_none());
    let claim = pieces.pause().unwrap();
    assert!(blobs.claim(NAME).unwrap().is_none());
    claim.remove().unwrap();
    assert!(blobs.claim(NAME).unwrap().is_some());
}

#[test]
fn bytes_of_a_killed_writer_count_and_are_hashed_again() {
    let (_dir, blobs) = blobs();
    let mut pieces = resumed(&blobs);
    pieces.append(b"quay").unwrap();
    pieces.pause().unwrap();
    let mut pieces = resumed(&blobs);
    pieces.append(b"side").unwrap();
    drop(pieces);
    assert_eq!(offset(&blobs), 8);
    assert_eq!(sealed(&blobs, resumed(&blobs)), digest(b"quayside"));
}

#[test]
fn an_unverified_piece_counts_only_once_it_is_accepted() {
    let (_dir, blobs) = blobs();
    let mut pieces = resumed(&blobs);
    pieces.append(b"hull").unwrap();
    pieces.begin_unverified().unwrap();
    pieces.append(b"XXXX").unwrap();
    assert_eq!(offset(&blobs), 4);
    pieces.take_back().unwrap();
    pieces.begin_unverified().unwrap();
    pieces.append(b"YY").unwrap();
    // Killed: what was not verified is gone for whoever goes on.
    drop(pieces);
    assert_eq!(offset(&blobs), 4);
    let mut pieces = resumed(&blobs);
    assert_eq!(pieces.offset(), 4);
    pieces.begin_unverified().unwrap();
    pieces.append(b" and keel").unwrap();
    pieces.accept();
    pieces.pause().unwrap();
    assert_eq!(offset(&blobs), 13);
    assert_eq!(sealed(&blobs, resumed(&blobs)), digest(b"hull and keel"));
}

#[test]
fn after_a_power_cut_only_synced_bytes_count() {
    let (_dir, blobs) = blobs();
    let mut pieces = resumed(&blobs);
    let piece = vec![7; PUSH_BYTES as usize];
    pieces.append(&piece).unwrap();
    // Pushes what came before it.
    pieces.append(b"tail").unwrap();
    pieces.settle_pushes().unwrap();
    pieces.pause().unwrap();
    assert_eq!(offset(&blobs), PUSH_BYTES + 4);
    let pieces = rebooted(&blobs).resume().unwrap();
    assert_eq!(pieces.offset(), PUSH_BYTES);
    assert_eq!(sealed(&blobs, pieces), digest(&piece));

    let mut pieces = resumed(&blobs);
    pieces.append(b"never synced").unwrap();
    pieces.pause().unwrap();
    assert_eq!(rebooted(&blobs).resume().unwrap().offset(), 0);
}

#[test]
fn a_push_goes_on_behind_a_piece_and_its_failure_is_noticed_by_the_last() {
    let (_dir, blobs) = blobs();
    let mut pieces = resumed(&blobs);
    pieces.append(&vec![7; PUSH_BYTES as usize]).unwrap();
    pieces.append(b"tail").unwrap();
    drop(pieces.pause().unwrap());
    let claim = blobs.claim(NAME).unwrap().expect("no push holds the lock");
    let pieces = claim.resume().unwrap();
    assert_eq!(pieces.now.pushed, PUSH_BYTES);
    // As a push does that fails.
    fs::remove_file(state_path(&blobs.pieces_path(NAME))).unwrap();
    assert!(pieces.finish().is_err());
    assert_eq!(offset(&blobs), 0);
}

#[test]
fn bytes_that_were_taken_back_are_not_what_is_durable() {
    let (_dir, blobs) = blobs();
    let mut pieces = resumed(&blobs);
    pieces.append(b"kept").unwrap();
    pieces.pause().unwrap();
    let mut pieces = resumed(&blobs);
    pieces.append(&vec![7; PUSH_BYTES as usize]).unwrap();
    pieces.append(b"pushes what came before").unwrap();
    pieces.take_back().unwrap();
    pieces.append(&vec![8; 2 * PUSH_BYTES as usize]).unwrap();
    drop(pieces);
    let pieces = rebooted(&blobs).resume().unwrap();
    assert_eq!(sealed(&blobs, pieces), digest(b"kept"));
}

#[test]
fn without_its_state_nothing_of_a_content_is_trusted() {
    let (_dir, blobs) = blobs();
    let mut pieces = resumed(&blobs);
    pieces.append(b"flotsam").unwrap();
    pieces.pause().unwrap();
    let state = state_path(&blobs.pieces_path(NAME));
    fs::write(&state, [0xff; 700]).unwrap();
    assert_eq!(offset(&blobs), 0);
    fs::remove_file(&state).unwrap();
    assert_eq!(offset(&blobs), 0);
    assert_eq!(resumed(&blobs).offset(), 0);
}

#[test]
fn a_content_that_was_cut_short_from_outside_begins_where_it_can() {
    let (_dir, blobs) = blobs();
    let mut pieces = resumed(&blobs);
    pieces.append(b"0123456789").unwrap();
    pieces.pause().unwrap();
    let file = OpenOptions::new()
        .write(true)
        .open(blobs.pieces_path(NAME))
        .unwrap();
    file.set_len(4).unwrap();
    assert_eq!(resumed(&blobs).offset(), 0);
}

#[test]
fn a_sweep_of_staging_leaves_pieces_alone() {
    let (_dir, blobs) = blobs();
    let mut pieces = resumed(&blobs);
    pieces.append(b"patience").unwrap();
    pieces.pause().unwrap();
    blobs.sweep_staging(Duration::ZERO).unwrap();
    assert_eq!(offset(&blobs), 8);
    let found = blobs.in_pieces().unwrap();
    assert!(found.iter().all(|(name, _)| *name == NAME) && !found.is_empty());
}

#[test]
fn a_content_that_got_its_name_before_a_kill_is_adopted() {
    let (_dir, blobs) = blobs();
    let mut pieces = resumed(&blobs);
    pieces.append(b"named").unwrap();
    let (staged, claim) = pieces.finish().unwrap();
    let expected = staged.digest;
    drop((blobs.settle(staged).unwrap(), claim));
    let adopted = blobs.adopt(&expected).unwrap().unwrap();
    assert_eq!((adopted.digest, adopted.size), (expected, 5));
    assert_eq!(adopted.head(3).unwrap(), b"nam");
    assert!(blobs.adopt(&digest(b"elsewhere")).unwrap().is_none());
}

#[test]
fn what_is_not_the_announced_content_is_refused() {
    let (_dir, blobs) = blobs();
    let mut pieces = resumed(&blobs);
    pieces.append(b"one").unwrap();
    let (staged, _claim) = pieces.finish().unwrap();
    let error = staged
        .refuse_other_than(Some(digest(b"other")))
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(staged.refuse_other_than(Some(digest(b"one"))).is_ok());
}
