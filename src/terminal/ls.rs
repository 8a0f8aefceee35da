//! `ls`: what is in a folder.

use jiff::Timestamp;

use super::folders::Pages;
use super::output::Output;
use super::patience::Questions;
use super::progress::{Progress, escaped};
use crate::error::Result;
use crate::interrupt;
use crate::library::{FolderPath, Millis};
use crate::remote::{Address, Folder, Found, Server, Trouble};

/// What to list, and how.
pub struct Ls {
    /// A folder, or a file; the empty one is all of the library.
    pub folder: String,
    pub server: Address,
    /// Whether sizes and times are shown.
    pub long: bool,
    /// Whether the files of all folders below are listed instead of the folders.
    pub recursive: bool,
    pub json: bool,
}

/// Lists it, folders first, by name; false if there is no such folder.
///
/// # Errors
/// If the address or the folder is none, or nobody answers.
pub fn ls(how: &Ls) -> Result<bool> {
    let server = Server::at(&how.server, 1)?;
    let folder = FolderPath::typed(&how.folder)?;
    let stop = interrupt::flag()?;
    let progress = Progress::of(0);
    let questions = Questions::new(&server, &progress, &stop);
    let mut list = List {
        how,
        above: folder.clone(),
        output: Output::new(&progress),
    };
    for page in Pages::of(&questions, &folder, how.recursive) {
        let page = match page {
            Err(trouble) if trouble.is_gone() && trouble.is_ours => {
                return list.file(&questions, &progress, &trouble);
            }
            page => page?,
        };
        for folder in page.folders.iter().filter(|_| !how.recursive) {
            list.folder_line(folder)?;
        }
        for file in &page.files {
            list.file_line(file)?;
        }
        if !list.output.print()? {
            break;
        }
    }
    Ok(true)
}

struct List<'a> {
    how: &'a Ls,
    /// What names are shown below of.
    above: FolderPath,
    output: Output<'a>,
}

impl List<'_> {
    /// There is no such folder; maybe it is a file.
    fn file(
        &mut self,
        questions: &Questions<'_>,
        progress: &Progress,
        trouble: &Trouble,
    ) -> Result<bool> {
        let found = questions.look_up(&[self.above.as_str()])?.pop();
        let Some(file) = found else {
            progress.say(&escaped(&trouble.sentence));
            return Ok(false);
        };
        self.above = self.above.parent().unwrap_or_default();
        self.file_line(&file)?;
        self.output.print().map(|_| true)
    }

    fn file_line(&mut self, file: &Found) -> Result<()> {
        if self.how.json {
            return self.output.json(file);
        }
        let name = self.name(&file.path);
        let line = match self.how.long {
            true => format!("{:>15} {} {name}", file.size, time(file.modified_ms)),
            false => name,
        };
        self.output.line(line);
        Ok(())
    }

    fn folder_line(&mut self, folder: &Folder) -> Result<()> {
        if self.how.json {
            return self.output.json(folder);
        }
        let name = self.name(&folder.path);
        let line = match self.how.long {
            true => {
                let files = format!("{} files", folder.files);
                format!("{:>15} {files:>20} {name}/", folder.bytes)
            }
            false => format!("{name}/"),
        };
        self.output.line(line);
        Ok(())
    }

    fn name(&self, path: &str) -> String {
        let below = path.strip_prefix(self.above.as_str());
        let below = below.map_or(path, |below| below.strip_prefix('/').unwrap_or(below));
        escaped(below)
    }
}

/// In UTC, to the second.
fn time(ms: Millis) -> String {
    let time = Timestamp::from_millisecond(ms).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
