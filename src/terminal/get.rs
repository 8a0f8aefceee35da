//! `get`: fetches files and folders.

use std::collections::HashSet;
use std::path::PathBuf;

use super::account::{Account, Outcome};
use super::crew::work_off;
use super::fetch::{Fetcher, Want};
use super::folders::Pages;
use super::patience::Questions;
use super::place::Place;
use super::progress::Progress;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::library::{FilePath, FolderPath};
use crate::remote::{Address, Found, Server, Trouble};

/// What to fetch, and how.
pub struct Get {
    /// Of files and folders in the library; the empty one is all of it.
    pub paths: Vec<String>,
    pub to: PathBuf,
    pub server: Address,
    /// How many files are fetched at once.
    pub jobs: u8,
    /// Whether other contents with the same name are replaced.
    pub force: bool,
    /// Whether lines are JSON.
    pub json: bool,
}

/// Fetches all of it; false if something is not there in the end.
///
/// # Errors
/// If the address or a path is none, the target is no folder, or nobody answers at the start.
pub fn get(how: &Get) -> Result<bool> {
    let server = Server::at(&how.server, usize::from(how.jobs))?;
    let paths = how.paths.iter().map(|path| FolderPath::typed(path));
    let paths = paths.collect::<Result<Vec<_>>>()?;
    let stop = interrupt::flag()?;
    let progress = Progress::of(0);
    let questions = Questions::new(&server, &progress, &stop).begun_at_any_time();
    let mut wanted = Wanted::default();
    wanted.find(&questions, &progress, &paths)?;
    wanted.tell_apart();
    let place = Place::open(&how.to)?;
    progress.awaits(wanted.files.iter().map(|want| want.found.size).sum());
    let mut account = Account::new(&progress, &stop, how.json);
    for sentence in &wanted.renamed {
        account.note(sentence);
    }
    for sentence in &wanted.left_out {
        account.left_out(sentence);
    }
    let fetcher = Fetcher {
        server: &server,
        questions: &questions,
        place: &place,
        force: how.force,
        stop: &stop,
        progress: &progress,
    };
    let settle = |want: &Want| fetcher.settle(want);
    let unbegun = work_off(wanted.files, how.jobs, &stop, settle, |want, outcome| {
        let file = place.shown(&want.path).display().to_string();
        match outcome {
            Outcome::Done(got) => account.done(&format!("got {file}"), &got, got.size),
            Outcome::Left(why, there) => account.left(why, &file, there.as_ref()),
            Outcome::Skipped(why, other) => account.skipped(why, &file, other),
            Outcome::Failed(trouble) => {
                account.failed(&file, &trouble);
                Ok(())
            }
        }
    });
    Ok(account.end(unbegun?, "got"))
}

/// What is to be fetched, and a sentence for each thing that cannot be.
#[derive(Default)]
struct Wanted {
    files: Vec<Want>,
    left_out: Vec<String>,
    /// A sentence for each file that gets another name here.
    renamed: Vec<String>,
    taken: HashSet<FilePath>,
}

impl Wanted {
    fn find(
        &mut self,
        questions: &Questions<'_>,
        progress: &Progress,
        paths: &[FolderPath],
    ) -> Result<()> {
        let names = paths.iter().filter(|path| !path.is_root());
        let names: Vec<&str> = names.map(FolderPath::as_str).collect();
        let mut files = questions.look_up(&names)?;
        for path in paths {
            match files.iter().position(|file| file.path == path.as_str()) {
                Some(at) => {
                    self.file(files.swap_remove(at), path);
                    // A library may have a folder of the same name beside it.
                    match self.folder(questions, progress, path) {
                        Err(trouble) if trouble.is_gone() && trouble.is_ours => {}
                        listed => listed?,
                    }
                }
                None => match self.folder(questions, progress, path) {
                    Err(trouble) if trouble.is_gone() && trouble.is_ours => {
                        let sentence = format!("{path}: there is no such file and no such folder");
                        self.left_out.push(sentence);
                    }
                    listed => listed?,
                },
            }
        }
        Ok(())
    }

    fn folder(
        &mut self,
        questions: &Questions<'_>,
        progress: &Progress,
        top: &FolderPath,
    ) -> Result<(), Trouble> {
        for page in Pages::of(questions, top, true) {
            for file in page?.files {
                self.file(file, top);
            }
            progress.looking(self.files.len());
        }
        Ok(())
    }

    /// A file, under the name of `top` with what is below that.
    fn file(&mut self, found: Found, top: &FolderPath) {
        let rest = match top.as_str() {
            "" => Some(""),
            top => found.path.strip_prefix(top),
        };
        let is_below = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let above = top.parent().filter(|above| !above.is_root());
        let above = above.map_or(0, |above| above.as_str().len() + 1);
        let below = is_below.then(|| &found.path[above..]);
        let path = below
            .ok_or_else(|| Error::invalid("It is not in the folder that was asked for."))
            .and_then(FilePath::parse);
        match path {
            Err(error) => self.leave_out(&found, error.sentence()),
            Ok(path) if !self.taken.insert(path.clone()) => {
                self.leave_out(&found, &format!("another file of this run goes to {path}"));
            }
            Ok(path) => self.files.push(Want { found, path }),
        }
    }

    /// A file and a folder of one name cannot lie side by side here: the file gets a number.
    fn tell_apart(&mut self) {
        let paths = self.files.iter().map(|want| want.path.folder());
        let folders: HashSet<String> = paths
            .flat_map(|folder| folder.ancestors().map(String::from).collect::<Vec<_>>())
            .collect();
        for want in &mut self.files {
            if !folders.contains(want.path.as_str()) {
                continue;
            }
            let numbered = (2..).map_while(|number| want.path.numbered(number).ok());
            let is_free =
                |path: &FilePath| !folders.contains(path.as_str()) && !self.taken.contains(path);
            if let Some(path) = numbered.take(1_000).find(is_free) {
                self.renamed.push(format!(
                    "{}: there is a folder of that name, too; the file is called {} here",
                    want.found.path,
                    path.name()
                ));
                self.taken.insert(path.clone());
                want.path = path;
            }
        }
    }

    fn leave_out(&mut self, found: &Found, why: &str) {
        self.left_out.push(format!("{}: {why}", found.path));
    }
}
