//! What a form post did, said once on the page that it leads to.

use askama::Template;
use askama::filters::HtmlSafe;
use serde::{Deserialize, Serialize};

use super::show::Counted;
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
    SearchSaved,
    SearchForgotten,
    PasswordSet,
    Confirmed,
    PauseLifted,
    FactorRemoved,
    PasskeyAdded,
    PasskeyRemoved,
    SessionEnded,
    SessionsEnded,
    TokenRevoked,
    AccountChanged,
    AccountRemoved,
    FolderShared,
    LinkMade,
    LinkRevoked,
    UploadEnded,
    /// Many at once; how many says the address.
    AllMoved,
    AllTagged,
    AllTrashed,
    AllRestored,
    AllPurged,
}

/// The part of an address that carries it.
#[derive(Clone, Copy, Default, Deserialize)]
pub struct Outcome {
    pub done: Option<Done>,
    /// The file it was done to, where that can be undone.
    pub file: Option<FileId>,
    /// How many files it was done to.
    pub files: Option<u64>,
    /// The first and the last of the events that tell of it, where they can be undone together.
    pub first: Option<u64>,
    pub last: Option<u64>,
}

impl Outcome {
    pub fn notice(self) -> Option<Notice> {
        let done = self.done?;
        let undo = match (done, self.file, self.first, self.last) {
            (Done::Trashed, Some(file), ..) => Some(Undo::File(file)),
            (Done::AllTrashed, _, Some(first), Some(last)) => Some(Undo::Events { first, last }),
            _ => None,
        };
        Some(Notice {
            sentence: done.sentence(self.files.unwrap_or(0)),
            undo,
        })
    }
}

/// What the button beside the notice takes back.
pub enum Undo {
    File(FileId),
    Events { first: u64, last: u64 },
}

impl Done {
    fn sentence(self, files: u64) -> String {
        let files = Counted(files, "file");
        match self {
            Self::Renamed => "Renamed. Search finds it by its new name in a moment.".into(),
            Self::Moved => "Moved, with every file below it.".into(),
            Self::Tagged => "Tags saved.".into(),
            Self::Trashed => "Moved to the trash.".into(),
            Self::Restored => "Restored: the file is back where it was.".into(),
            Self::Purged => "Deleted for good, with all its versions.".into(),
            Self::VersionRestored => {
                "Restored: that content is current again, as a new version.".into()
            }
            Self::SearchSaved => {
                "Saved. The search page lists it whenever nothing is asked for.".into()
            }
            Self::SearchForgotten => "Removed from the saved searches.".into(),
            Self::PasswordSet => {
                "The password is changed; everywhere else you are signed out.".into()
            }
            Self::Confirmed => "Confirmed: nothing asks for it again for ten minutes.".into(),
            Self::PauseLifted => "Lifted: the next try is looked at right away.".into(),
            Self::FactorRemoved => "Signing in does not ask for a code of the app any more.".into(),
            Self::PasskeyAdded => "The passkey is added.".into(),
            Self::PasskeyRemoved => "Removed: the passkey lets nobody in any more.".into(),
            Self::SessionEnded => "Signed out there.".into(),
            Self::SessionsEnded => "Signed out everywhere else.".into(),
            Self::TokenRevoked => "Revoked: the token lets nobody in any more.".into(),
            Self::AccountChanged => "Saved.".into(),
            Self::AccountRemoved => "The account is gone; its files are still there.".into(),
            Self::FolderShared => "Saved. It counts from now on.".into(),
            Self::LinkMade => "The link is made.".into(),
            Self::LinkRevoked => "Revoked: the link opens nothing any more.".into(),
            Self::UploadEnded => "Ended: what had arrived of it is removed.".into(),
            Self::AllMoved => format!("{files} moved."),
            Self::AllTagged => format!("{files} tagged."),
            Self::AllTrashed => format!("{files} moved to the trash."),
            Self::AllRestored => format!("{files} restored."),
            Self::AllPurged => format!("{files} deleted for good, with all versions."),
        }
    }

    /// The address `page`, saying this.
    pub fn on(self, page: &str) -> String {
        let word = serde_json::to_value(self).unwrap_or_default();
        let mark = if page.contains('?') { '&' } else { '?' };
        format!("{page}{mark}done={}", word.as_str().unwrap_or_default())
    }
}

/// The line itself.
#[derive(Template)]
#[template(path = "parts/notice.html")]
pub struct Notice {
    sentence: String,
    undo: Option<Undo>,
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
        assert!(matches!(
            outcome.notice().unwrap().undo,
            Some(Undo::File(7))
        ));
        assert!(serde_json::from_str::<Outcome>(r#"{"done":"<b>hacked</b>"}"#).is_err());
        assert!(Outcome::default().notice().is_none());
    }
}
