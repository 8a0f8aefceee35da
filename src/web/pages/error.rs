//! Error pages: what happened in one sentence, what to do next, and the id to quote.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::{Shell, respond_once};
use crate::config::BUILD_REVISION;

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    shell: Shell,
    status: u16,
    title: &'a str,
    sentence: &'a str,
    advice: Advice,
    request_id: &'a str,
}

/// What a person can do next.
#[derive(Debug, PartialEq, Eq)]
enum Advice {
    /// Something named is not there: look for it.
    Search,
    /// The same request may well succeed in a moment.
    Retry,
    /// The request itself has to change.
    GoBack,
    /// Nothing but to tell whoever runs this.
    Report,
}

impl Advice {
    fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            404 | 410 => Self::Search,
            408 | 429 | 502..=504 => Self::Retry,
            400..=499 => Self::GoBack,
            _ => Self::Report,
        }
    }
}

/// A heading in plain words where the status's own name is a programmer's.
fn heading(status: StatusCode, title: &str) -> &str {
    match status.as_u16() {
        400 => "That could not be read",
        404 | 410 => "Not found",
        408 => "That took too long",
        409 => "Something is in the way",
        413 => "Too large",
        500 => "Something went wrong",
        503 => "Not ready yet",
        507 => "The disk is full",
        _ => title,
    }
}

/// A page for an error: `title` is the status's name, `sentence` explains what happened to a
/// person, and `request_id` is the one under which the log holds the details.
pub fn render(status: StatusCode, title: &str, sentence: &str, request_id: &str) -> Response {
    let page = ErrorPage {
        shell: Shell::new(BUILD_REVISION),
        status: status.as_u16(),
        title: heading(status, title),
        sentence,
        advice: Advice::of(status),
        request_id,
    };
    respond_once(status, &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_says_what_to_do_next() {
        for (status, advice) in [
            (StatusCode::NOT_FOUND, Advice::Search),
            (StatusCode::SERVICE_UNAVAILABLE, Advice::Retry),
            (StatusCode::PAYLOAD_TOO_LARGE, Advice::GoBack),
            (StatusCode::INTERNAL_SERVER_ERROR, Advice::Report),
            (StatusCode::INSUFFICIENT_STORAGE, Advice::Report),
        ] {
            assert_eq!(Advice::of(status), advice, "{status}");
        }
    }
}
