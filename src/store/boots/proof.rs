//! The proof: what earlier boots left in each store, read back the way the app reads its data.

use std::path::Path;

use serde::Serialize;

use super::{Boot, IN_KV, file};
use crate::error::{Error, Kind, Result};
use crate::store::kv::Json;
use crate::store::sql::ledger::{self, Earlier};
use crate::store::{Blobs, Digest, Index, Kv, Sql, now_ms};

/// Earlier boots that are read back at each check, besides the very first one.
const CHECKED: u32 = 10;

/// What could be read back from one store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct StoreProof {
    /// `blobs`, `boots`, `catalog`, `facts` or `index`.
    pub store: &'static str,
    pub state: ProofState,
    /// The oldest earlier boot whose sentinel was read back.
    pub written_by: Option<Boot>,
    /// How many boots there were since, this one included.
    pub boots_ago: u64,
    pub sentence: String,
}

impl StoreProof {
    fn older_catalog(boot: u64) -> Self {
        Self {
            store: "catalog",
            state: ProofState::Missing,
            written_by: None,
            boots_ago: 0,
            sentence: format!(
                "Boot {boot} left its mark in boots/, but is not in the catalog: the catalog is an older copy, and what was stored since is not in it."
            ),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProofState {
    /// Every sentinel that should be there was read back.
    Proven,
    /// There was no boot before this one.
    First,
    /// The store was built anew after the previous boot, and holds what was written since.
    Rebuilt,
    /// A sentinel that should be there is not.
    Missing,
    /// The store cannot be asked at the moment.
    Unavailable,
}

/// Reads back what the boots before number `before` left in every store.
pub(super) fn verify(
    folder: &Path,
    before: u64,
    sql: &Sql,
    kv: &Kv,
    index: &Index,
    blobs: &Blobs,
) -> Result<Vec<StoreProof>> {
    let earlier = sql.read(|c| ledger::earlier(c, before, CHECKED))?;
    // Later than what the ledger says of it; a commit that cannot be followed yet shows as damage.
    if let Err(error) = index.refresh() {
        tracing::debug!(%error, "the index could not be refreshed yet");
    }
    Ok(vec![
        prove("blobs", before, &earlier, |one| match &one.blob {
            Some(digest) => same(read_blob(blobs, digest)? == one.sentinel.content()),
            None => Ok(Found::NotExpected),
        }),
        prove("boots", before, &earlier, |one| match &one.blob {
            Some(_) => same(file::read(folder, one.boot.number)?.as_ref() == Some(&one.sentinel)),
            None => Ok(Found::NotExpected),
        }),
        match unknown_boot(folder, before, &earlier)? {
            Some(boot) => StoreProof::older_catalog(boot),
            None => prove("catalog", before, &earlier, |_| Ok(Found::Same)),
        },
        prove("facts", before, &earlier, |one| {
            let key = one.sentinel.number.to_be_bytes();
            match kv.get(&IN_KV, &key)? {
                Some(Json(found)) => same(found == one.sentinel),
                None => Ok(absent(one, one.in_kv, kv.born_ms()?)),
            }
        }),
        prove("index", before, &earlier, |one| {
            if index.holds(&one.sentinel)? {
                Ok(Found::Same)
            } else {
                Ok(absent(one, one.in_index, index.payload().born_ms))
            }
        }),
    ])
}

enum Found {
    Same,
    Lost,
    /// That boot was killed before it got there.
    NotExpected,
    /// The store was begun anew after that boot had ended.
    Rebuilt,
}

/// What it means that a sentinel is not in the store that was begun at `born_ms`: the ledger says
/// when the one was begun that it was left in. If another has taken its place since, a boot that
/// lives on leaves it again.
fn absent(one: &Earlier, left_in: i64, born_ms: i64) -> Found {
    let in_another = left_in > 1 && left_in != born_ms;
    if left_in == 0 {
        Found::NotExpected
    } else if in_another || one.boot.last_seen_ms < born_ms {
        Found::Rebuilt
    } else {
        Found::Lost
    }
}

fn same(equal: bool) -> Result<Found> {
    Ok(if equal { Found::Same } else { Found::Lost })
}

/// The latest boot that left a file but is not in the ledger: the catalog is an older copy.
fn unknown_boot(folder: &Path, before: u64, earlier: &[Earlier]) -> Result<Option<u64>> {
    let known: Vec<u64> = earlier.iter().map(|one| one.boot.number).collect();
    let numbers = file::numbers(folder)?;
    let recent = numbers.filter(|&n| n < before && n + u64::from(CHECKED) >= before);
    Ok(recent.filter(|number| !known.contains(number)).max())
}

/// Asks one store for each earlier sentinel, oldest first; the first loss ends it.
fn prove(
    store: &'static str,
    before: u64,
    earlier: &[Earlier],
    find: impl Fn(&Earlier) -> Result<Found>,
) -> StoreProof {
    let mut proof = StoreProof {
        store,
        state: ProofState::First,
        written_by: None,
        boots_ago: 0,
        sentence: "Nothing from an earlier boot to read back yet.".into(),
    };
    for one in earlier {
        let boot = &one.boot;
        let (state, sentence) = match find(one) {
            Ok(Found::NotExpected) => continue,
            Ok(Found::Same) => {
                if proof.written_by.is_none() {
                    proof.boots_ago = before - boot.number;
                    proof.written_by = Some(boot.clone());
                }
                (ProofState::Proven, "Read back.".to_owned())
            }
            Ok(Found::Rebuilt) => (
                ProofState::Rebuilt,
                format!(
                    "Built anew after boot {}; nothing older is in it.",
                    boot.number
                ),
            ),
            Err(error) if !matches!(error.kind(), Kind::NotFound | Kind::Damaged) => {
                (ProofState::Unavailable, error.sentence().to_owned())
            }
            Ok(Found::Lost) | Err(_) => (
                ProofState::Missing,
                format!(
                    "What boot {} (release {}) wrote is not there any more.",
                    boot.number, boot.release
                ),
            ),
        };
        proof.state = state;
        proof.sentence = sentence;
        if matches!(state, ProofState::Missing | ProofState::Unavailable) {
            break;
        }
    }
    if let (ProofState::Proven, Some(boot)) = (proof.state, &proof.written_by) {
        proof.sentence = format!(
            "Written at start {} by release {}, {}, and read back.",
            boot.number,
            boot.release,
            since(now_ms() - boot.started_ms)
        );
    }
    proof
}

/// `41 days ago`. How many deploys that were cannot be said: a deploy may start several processes.
fn since(age_ms: i64) -> String {
    match age_ms / 86_400_000 {
        ..=0 => "less than a day ago".to_owned(),
        1 => "a day ago".to_owned(),
        days => format!("{days} days ago"),
    }
}

fn read_blob(blobs: &Blobs, digest: &Digest) -> Result<String> {
    let mut text = String::new();
    let mut file = blobs.open_blob(digest)?;
    std::io::Read::read_to_string(&mut file, &mut text)
        .map_err(|e| Error::damaged("A boot's blob cannot be read.").because(e))?;
    Ok(text)
}
