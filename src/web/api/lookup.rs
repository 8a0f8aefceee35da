//! `/api/v1/entries/lookup`: which of many paths are taken, asked at once.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::pictured::Pictured;
use crate::error::{Error, Result};
use crate::library::{FilePath, FolderPath};
use crate::web::input;
use crate::web::problem::{self, Problem};
use crate::web::state::App;

/// Paths in one question.
const MOST_PATHS: usize = 1000;

/// Paths of files, inside a folder or inside the library itself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Such as `reports/2026`; the root when it is absent.
    #[serde(default)]
    folder: String,
    /// At most 1000, each relative to the folder.
    #[schema(max_items = 1000)]
    paths: Vec<String>,
}

/// The files that are there.
#[derive(Serialize, ToSchema)]
pub struct Found {
    /// In the order in which they were asked for; paths with no file are left out. A path is
    /// answered in Unicode NFC, however it was asked for.
    present: Vec<Pictured>,
}

/// Tells which of many paths have a file
#[utoipa::path(
    post,
    path = "/api/v1/entries/lookup",
    operation_id = "lookUpEntries",
    tag = "entries",
    request_body = Asked,
    responses(
        (status = 200, body = Found),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "Too many paths, or one that no file can have"),
        (status = 408, body = Problem, content_type = "application/problem+json", description = "The body stopped arriving"),
        (status = 413, body = Problem, content_type = "application/problem+json", description = "The body is larger than any question"),
        (status = 415, body = Problem, content_type = "application/problem+json", description = "The body is no JSON"),
    )
)]
pub async fn look_up(
    app: App,
    input::Json(asked): input::Json<Asked>,
) -> problem::Result<Json<Found>> {
    let paths = asked.paths()?;
    let present = app.look(move |library| library.present(&paths)).await?;
    let present = present.into_iter().map(Pictured::from).collect();
    Ok(Json(Found { present }))
}

impl Asked {
    fn paths(&self) -> Result<Vec<FilePath>> {
        if self.paths.len() > MOST_PATHS {
            return Err(Error::invalid(format!(
                "{} paths are too many for one question; ask for at most {MOST_PATHS} at a time.",
                self.paths.len()
            )));
        }
        let folder = FolderPath::parse(&self.folder)?;
        let within = |path: &String| {
            folder.join(path).map_err(|error| {
                Error::new(
                    error.kind(),
                    format!("{path:?} is no path of a file. {}", error.sentence()),
                )
            })
        };
        self.paths.iter().map(within).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(folder: &str, paths: &[&str]) -> Result<Vec<String>> {
        let asked = Asked {
            folder: folder.to_owned(),
            paths: paths.iter().map(ToString::to_string).collect(),
        };
        Ok(asked.paths()?.into_iter().map(String::from).collect())
    }

    #[test]
    fn paths_are_relative_to_the_folder_and_each_is_checked() {
        assert_eq!(
            paths("a/b/", &["x.txt", "sub/y.txt"]).unwrap(),
            ["a/b/x.txt", "a/b/sub/y.txt"]
        );
        assert_eq!(paths("", &["x.txt"]).unwrap(), ["x.txt"]);
        let error = paths("a", &["fine", "../etc/passwd"]).unwrap_err();
        assert!(error.sentence().contains("\"../etc/passwd\""), "{error}");
        assert!(paths("a/../b", &[]).is_err());
        assert!(paths("", &[""]).is_err());
    }

    #[test]
    fn a_question_has_an_end() {
        assert!(paths("", &["x"; MOST_PATHS]).is_ok());
        let error = paths("", &["x"; MOST_PATHS + 1]).unwrap_err();
        assert!(error.sentence().contains("at most 1000"), "{error}");
    }
}
