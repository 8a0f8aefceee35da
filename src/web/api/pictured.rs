//! Files, with the addresses of their thumbnails.

use serde::Serialize;
use utoipa::ToSchema;

use crate::library::Entry;
use crate::web::thumbnail;

/// An entry, and where its thumbnail is.
#[derive(Serialize, ToSchema)]
pub struct Pictured {
    #[serde(flatten)]
    entry: Entry,
    /// Such as `/thumbnail/7?version=2`; absent if files of its type have none. One that is damaged
    /// may have none either.
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail: Option<String>,
}

impl From<Entry> for Pictured {
    fn from(entry: Entry) -> Self {
        Self {
            thumbnail: thumbnail::address(entry.id, entry.version, &entry.media_type),
            entry,
        }
    }
}
