//! The orders in which matches come.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Matches that are equal in it come by id, so that each order is total and pages follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Best first; of equals the newest.
    #[default]
    Relevance,
    Newest,
    Oldest,
    /// Case and accents do not matter.
    Name,
    NameReversed,
    Largest,
    Smallest,
}

impl Order {
    pub const ALL: [Self; 7] = [
        Self::Relevance,
        Self::Newest,
        Self::Oldest,
        Self::Name,
        Self::NameReversed,
        Self::Largest,
        Self::Smallest,
    ];

    /// As addresses, cursors and the API write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Relevance => "relevance",
            Self::Newest => "newest",
            Self::Oldest => "oldest",
            Self::Name => "name",
            Self::NameReversed => "name-reversed",
            Self::Largest => "largest",
            Self::Smallest => "smallest",
        }
    }

    pub fn is_by_name(self) -> bool {
        matches!(self, Self::Name | Self::NameReversed)
    }

    /// The other direction; relevance has none.
    pub fn reversed(self) -> Self {
        match self {
            Self::Relevance => Self::Relevance,
            Self::Newest => Self::Oldest,
            Self::Oldest => Self::Newest,
            Self::Name => Self::NameReversed,
            Self::NameReversed => Self::Name,
            Self::Largest => Self::Smallest,
            Self::Smallest => Self::Largest,
        }
    }
}
