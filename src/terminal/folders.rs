//! A folder of the library, page by page, alone or with all below it.

use super::patience::Questions;
use crate::library::FolderPath;
use crate::remote::{Listed, Trouble};

/// The pages of a folder; then, if it goes deep, those of each folder in it.
pub struct Pages<'a> {
    questions: &'a Questions<'a>,
    is_deep: bool,
    /// The folder that is read, and where its next page begins.
    at: Option<(FolderPath, Option<String>)>,
    /// Folders still to be read, the next one last.
    ahead: Vec<FolderPath>,
    is_begun: bool,
}

impl<'a> Pages<'a> {
    pub fn of(questions: &'a Questions<'a>, folder: &FolderPath, is_deep: bool) -> Self {
        Self {
            questions,
            is_deep,
            at: Some((folder.clone(), None)),
            ahead: Vec::new(),
            is_begun: false,
        }
    }

    fn page(
        &mut self,
        folder: FolderPath,
        cursor: Option<String>,
    ) -> Result<Option<Listed>, Trouble> {
        let list = |server: &crate::remote::Server| server.list(folder.as_str(), cursor.as_deref());
        let mut listed = match self.questions.ask(list) {
            // Its last file has left since the folder above was listed.
            Err(trouble) if self.is_begun && trouble.is_gone() => return Ok(None),
            listed => listed?,
        };
        self.is_begun = true;
        if self.is_deep {
            for found in listed.folders.iter().rev() {
                let below = FolderPath::parse(&found.path).ok();
                let below = below.filter(|below| below.parent().as_ref() == Some(&folder));
                self.ahead.push(below.ok_or_else(|| {
                    Trouble::lasting(format!("The server lists {:?} in {folder:?}.", found.path))
                })?);
            }
        }
        self.at = listed.next.take().map(|next| (folder, Some(next)));
        Ok(Some(listed))
    }
}

impl Iterator for Pages<'_> {
    type Item = Result<Listed, Trouble>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (folder, cursor) = match self.at.take() {
                Some(at) => at,
                None => (self.ahead.pop()?, None),
            };
            if let Some(page) = self.page(folder, cursor).transpose() {
                return Some(page);
            }
        }
    }
}
