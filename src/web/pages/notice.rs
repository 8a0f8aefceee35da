//! What a form post did, said once on the page that it leads to.

use askama::Template;
use askama::filters::HtmlSafe;
use serde::{Deserialize, Serialize};

use crate::library::FileId;

/// What was done. It travels in the address as one of these words, so that an address from
/// elsewhere cannot make a page say anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Done {
    Renamed,
    Moved,
    Tagged,
    Trashed,
    Restored,
    Purged,
    VersionRestored,
}

/// The part of an address that carries it.
#[derive(Clone, Copy, Default, Deserialize)]
pub struct Outcome {
    pub done: Option<Done>,
    /// The file it was done to, where that can be undone.
    pub file: Option<FileId>,
}

impl Outcome {
    pub fn notice(self) -> Option<Notice> {
        let undo = self.file.filter(|_| self.done == Some(Done::Trashed));
        self.done.map(|done| Notice {
            sentence: done.sentence(),
            undo,
        })
    }
}

impl Done {
    fn sentence(self) -> &'static str {
        match self {
            Self::Renamed => "Renamed. Search finds it by its new name in a moment.",
            Self::Moved => "Moved, with every file below it.",
            Self::Tagged => "Tags saved.",
            Self::Trashed => "Moved to the trash.",
            Self::Restored => "Restored: the file is back where it was.",
            Self::Purged => "Deleted for good, with all its versions.",
            Self::VersionRestored => "Restored: that content is current again, as a new version.",
        }
    }

    /// The address `page`, saying this.
    pub fn on(self, page: &str) -> String {
        let word = serde_json::to_value(self).unwrap_or_default();
        format!("{page}?done={}", word.as_str().unwrap_or_default())
    }
}

/// The line itself.
#[derive(Template)]
#[template(path = "parts/notice.html")]
pub struct Notice {
    sentence: &'static str,
    undo: Option<FileId>,
}

impl HtmlSafe for Notice {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_only_what_is_known() {
        assert_eq!(
            Done::VersionRestored.on("/files/7"),
            "/files/7?done=version-restored"
        );
        let outcome: Outcome = serde_json::from_str(r#"{"done":"trashed","file":7}"#).unwrap();
        assert_eq!(outcome.notice().unwrap().undo, Some(7));
        assert!(serde_json::from_str::<Outcome>(r#"{"done":"<b>hacked</b>"}"#).is_err());
        assert!(Outcome::default().notice().is_none());
    }
}
