//! What was seen of folders in which much is said, remembered until anything changes: adding it up takes a
//! look at each folder that says something.

use std::sync::{Arc, Mutex};

use super::path::FolderPath;
use super::seeing::Children;
use crate::store::sync::lock;

/// Folders that are remembered with all folders in them, over all reaches: some ten megabytes.
const MAX_ROWS: usize = 50_000;

/// Tells one reach from all others of this process.
pub(super) type ReachId = u64;

#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Vec<Seen>>);

/// What lay in a folder when an event was the last. Invariant: asked for in reading transactions only,
/// so no event of a transaction that is rolled back is among them.
#[derive(Debug)]
struct Seen {
    reach: ReachId,
    folder: FolderPath,
    event: u64,
    children: Arc<Children>,
}

impl Memory {
    pub fn recall(&self, reach: ReachId, folder: &FolderPath, event: u64) -> Option<Arc<Children>> {
        let all = lock(&self.0);
        let mut known = all.iter().rev();
        let known = known.find(|seen| seen.reach == reach && seen.folder == *folder)?;
        (known.event == event).then(|| known.children.clone())
    }

    /// Those remembered first are forgotten for it.
    pub fn remember(
        &self,
        reach: ReachId,
        folder: &FolderPath,
        event: u64,
        children: &Arc<Children>,
    ) {
        let mut all = lock(&self.0);
        all.retain(|seen| seen.reach != reach || seen.folder != *folder);
        all.push(Seen {
            reach,
            folder: folder.clone(),
            event,
            children: children.clone(),
        });
        while all.iter().map(|seen| seen.children.rows()).sum::<usize>() > MAX_ROWS {
            all.remove(0);
        }
    }
}
