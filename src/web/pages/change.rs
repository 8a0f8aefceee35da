//! Changes made by forms: each answers with a redirect to the page that shows what it did, or
//! with the page it came from and the reason why nothing was done.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::file::{Field, Problem};
use super::notice::Done;
use super::request::{At, Sent};
use super::show::{file_url, folder_url};
use super::view::View;
use super::{file, library};
use crate::error::{Error, Kind, Result};
use crate::library::{FileId, FilePath, FolderPath};
use crate::web::problem::Failure;
use crate::web::state::App;

type Answer = Result<Response, Failure>;

#[derive(Deserialize)]
pub struct NewPath {
    path: String,
}

#[derive(Deserialize)]
pub struct NewTags {
    #[serde(default)]
    tags: String,
}

#[derive(Deserialize)]
pub struct FolderMove {
    from: String,
    to: String,
}

pub async fn rename(app: App, At(id): At<FileId>, Sent(NewPath { path }): Sent<NewPath>) -> Answer {
    let typed = path.clone();
    let renamed = app
        .run(move |library| library.rename(id, &FilePath::parse(&path)?))
        .await;
    match renamed {
        Ok(_) => Ok(see(&Done::Renamed.on(&file_url(id)))),
        Err(error) => explain(&app, id, Field::Path, typed, error).await,
    }
}

pub async fn tags(
    app: App,
    At(id): At<FileId>,
    Sent(NewTags { tags: typed }): Sent<NewTags>,
) -> Answer {
    let tags = split_tags(&typed);
    match app.run(move |library| library.set_tags(id, &tags)).await {
        Ok(_) => Ok(see(&Done::Tagged.on(&file_url(id)))),
        Err(error) => explain(&app, id, Field::Tags, typed, error).await,
    }
}

pub async fn trash(app: App, At(id): At<FileId>) -> Answer {
    let entry = app.run(move |library| library.trash(id)).await?;
    let folder = folder_url(&entry.path.folder());
    Ok(see(&format!("{}&file={id}", Done::Trashed.on(&folder))))
}

pub async fn restore(app: App, At(id): At<FileId>) -> Answer {
    match app.run(move |library| library.restore(id)).await {
        Ok(_) => Ok(see(&Done::Restored.on(&file_url(id)))),
        Err(error) => explain(&app, id, Field::None, String::new(), error).await,
    }
}

pub async fn restore_version(app: App, At((id, number)): At<(FileId, u32)>) -> Answer {
    match app
        .run(move |library| library.restore_version(id, number))
        .await
    {
        Ok(_) => Ok(see(&Done::VersionRestored.on(&file_url(id)))),
        Err(error) => explain(&app, id, Field::None, String::new(), error).await,
    }
}

pub async fn purge(app: App, At(id): At<FileId>) -> Answer {
    match app.run(move |library| library.purge(id)).await {
        Ok(()) => Ok(see(&Done::Purged.on("/trash"))),
        Err(error) => explain(&app, id, Field::None, String::new(), error).await,
    }
}

pub async fn rename_folder(app: App, Sent(FolderMove { from, to }): Sent<FolderMove>) -> Answer {
    let from = FolderPath::parse(&from)?;
    let source = from.clone();
    let moved = app
        .run_bulk(move |library| {
            let target = FolderPath::typed(&to)?;
            library.rename_folder(&source, &target)?;
            Ok(target)
        })
        .await;
    match moved {
        Ok(target) => Ok(see(&Done::Moved.on(&folder_url(&target)))),
        Err(error) => match refusal(&error) {
            Some(status) => {
                let sentence = error.sentence().into();
                library::refuse(&app, status, from, View::default(), sentence).await
            }
            None => Err(error.into()),
        },
    }
}

fn see(url: &str) -> Response {
    Redirect::to(url).into_response()
}

/// The status for what a person can put right on the page it came from; everything else has
/// an error page.
pub fn refusal(error: &Error) -> Option<StatusCode> {
    match error.kind() {
        Kind::Invalid => Some(StatusCode::BAD_REQUEST),
        Kind::Conflict => Some(StatusCode::CONFLICT),
        _ => None,
    }
}

async fn explain(app: &App, id: FileId, field: Field, typed: String, error: Error) -> Answer {
    match refusal(&error) {
        Some(status) => {
            let problem = Problem {
                field,
                sentence: error.sentence().to_owned(),
                typed,
            };
            file::refuse(app, status, id, problem).await
        }
        None => Err(error.into()),
    }
}

/// Tags as people type them: separated by commas, blanks around them meaning nothing.
pub fn split_tags(text: &str) -> Vec<String> {
    let tags = text.split(',').map(str::trim).filter(|tag| !tag.is_empty());
    tags.fold(Vec::new(), |mut seen, tag| {
        if !seen.iter().any(|known| known == tag) {
            seen.push(tag.to_owned());
        }
        seen
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_split_at_commas_and_kept_once() {
        assert_eq!(
            split_tags(" invoice, 2026 ,,invoice , two words"),
            ["invoice", "2026", "two words"]
        );
        assert!(split_tags(" , ").is_empty());
    }

    #[test]
    fn only_what_a_person_can_mend_stays_on_the_page() {
        assert_eq!(
            refusal(&Error::conflict("taken")),
            Some(StatusCode::CONFLICT)
        );
        assert_eq!(refusal(&Error::not_found("gone")), None);
        assert_eq!(refusal(&Error::internal("broken")), None);
    }
}
