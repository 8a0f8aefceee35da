//! Changes of many files at once, from the ticks in a list.

use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::change::{refusal, split_tags};
use super::library;
use super::notice::Done;
use super::request::Sent;
use super::view::View;
use crate::error::{Error, Kind, Result};
use crate::library::{Changes, FolderPath, IfPresent, Library, Selection};
use crate::web::problem::Failure;
use crate::web::selection::{Fields, selection};
use crate::web::state::App;

/// What is to be done with a selection.
struct Order {
    what: What,
    selection: Selection,
    /// The page that it came from.
    page: Page,
}

enum What {
    Trash,
    Move {
        to: FolderPath,
        if_present: IfPresent,
    },
    Rename(String),
    Tag(Vec<String>),
    Restore,
    Purge,
}

/// A page with a list to choose from.
#[derive(Clone)]
enum Page {
    Folder(FolderPath, View),
    Trash,
}

#[derive(Deserialize)]
pub struct Events {
    first: u64,
    last: u64,
}

/// `POST /selection`: the selection, `do`, and what that needs: `to` and `both`, `name`, or `tags`.
pub async fn change(app: App, Sent(fields): Sent<Fields>) -> Result<Response, Failure> {
    let order = Order::read(fields)?;
    let (page, done) = (order.page.clone(), order.what.done());
    match app.run_bulk(move |library| order.carry_out(library)).await {
        Ok(changes) => Ok(Redirect::to(&told(&page.url(), done, &changes)).into_response()),
        Err(error) => match (refusal(&error), page) {
            (Some(status), Page::Folder(folder, view)) => {
                library::refuse(&app, status, folder, view, error.sentence().into()).await
            }
            _ => Err(error.into()),
        },
    }
}

/// `POST /selection/undo`: takes back what was moved to the trash together.
pub async fn undo(
    app: App,
    Sent(Events { first, last }): Sent<Events>,
) -> Result<Response, Failure> {
    let restored = app
        .run_bulk(move |library| {
            let (told, _) = library.events_after(first.saturating_sub(1), 1)?;
            let folder = told.first().map(|event| event.path.folder());
            let changes = library.undo_trash(first..=last)?;
            Ok((changes, folder.unwrap_or_default()))
        })
        .await;
    match restored {
        Ok((changes, folder)) => {
            let page = View::default().of(&folder);
            Ok(Redirect::to(&told(&page, Done::AllRestored, &changes)).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// The page, saying what was done and how it is taken back.
fn told(page: &str, done: Done, changes: &Changes) -> String {
    let (first, last) = (changes.events.start(), changes.events.end());
    let page = format!("{}&files={}", done.on(page), changes.files);
    match done {
        Done::AllTrashed => format!("{page}&first={first}&last={last}"),
        _ => page,
    }
}

impl Order {
    fn read(fields: Fields) -> Result<Self> {
        let (selection, others) = selection(fields)?;
        let value = |wanted: &str| {
            let found = others.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let what = match value("do") {
            "trash" => What::Trash,
            "move" => What::Move {
                to: FolderPath::typed(value("to"))?,
                if_present: match value("both") {
                    "yes" => IfPresent::KeepBoth,
                    _ => IfPresent::Version,
                },
            },
            "rename" => What::Rename(value("name").trim().to_owned()),
            "tag" => What::Tag(split_tags(value("tags"))),
            "restore" => What::Restore,
            "purge" => What::Purge,
            other => {
                return Err(Error::invalid(format!(
                    "do is {other:?}, but must be trash, move, rename, tag, restore or purge."
                )));
            }
        };
        let page = match what {
            What::Restore | What::Purge => Page::Trash,
            _ => Page::Folder(FolderPath::parse(value("here"))?, View::among(&others)),
        };
        Ok(Self {
            what,
            selection,
            page,
        })
    }

    fn carry_out(self, library: &Library) -> Result<Changes> {
        let selection = &self.selection;
        match self.what {
            What::Trash => library.trash_all(selection),
            What::Move { to, if_present } => library
                .move_all(selection, &to, if_present)
                .map_err(with_a_way_out),
            What::Rename(name) => {
                let files = library.rename_chosen(selection, &name)?;
                Ok(Changes {
                    files,
                    events: 0..=0,
                })
            }
            What::Tag(tags) => library.tag_all(selection, &tags),
            What::Restore => library.restore_all(&selection.files),
            What::Purge => library.purge_all(&selection.files),
        }
    }
}

fn with_a_way_out(error: Error) -> Error {
    if error.kind() != Kind::Conflict {
        return error;
    }
    let sentence =
        "Nothing was moved. Choose again, and tick \"keep both\" to have it stand beside.";
    Error::conflict(format!("{} {sentence}", error.sentence()))
}

impl What {
    fn done(&self) -> Done {
        match self {
            Self::Trash => Done::AllTrashed,
            Self::Move { .. } => Done::AllMoved,
            Self::Rename(_) => Done::Renamed,
            Self::Tag(_) => Done::AllTagged,
            Self::Restore => Done::AllRestored,
            Self::Purge => Done::AllPurged,
        }
    }
}

impl Page {
    fn url(&self) -> String {
        match self {
            Self::Folder(folder, view) => view.of(folder),
            Self::Trash => "/trash".to_owned(),
        }
    }
}
