//! Who has to wait because of wrong guesses, for owners: listed, and let go on.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::notice::{Done, Notice, Outcome};
use super::request::At;
use super::show::{Counted, Moment, name};
use super::{Shell, respond};
use crate::library::{Pause, Paused};
use crate::web::input::Query;
use crate::web::problem::Failure;
use crate::web::state::App;

#[derive(Deserialize)]
pub struct PausesQuery {
    done: Option<Done>,
}

#[derive(Template)]
#[template(path = "pauses.html")]
struct PausesPage {
    shell: Shell,
    notice: Option<Notice>,
    rows: Vec<PauseRow>,
}

struct PauseRow {
    id: String,
    kind: &'static str,
    name: String,
    /// What has to be known beside it.
    remark: Option<String>,
    wrong: Counted,
    since: Option<Moment>,
    until: Moment,
}

pub async fn page(
    app: App,
    Query(PausesQuery { done }): Query<PausesQuery>,
) -> Result<Response, Failure> {
    let pauses = app.look(|library| library.pauses()).await?;
    let outcome = Outcome {
        done,
        ..Outcome::default()
    };
    let page = PausesPage {
        shell: Shell::of(&app),
        notice: outcome.notice(),
        rows: pauses.into_iter().map(PauseRow::new).collect(),
    };
    Ok(respond(StatusCode::OK, &page))
}

pub async fn lift(app: App, At(id): At<String>) -> Result<Response, Failure> {
    app.run(move |library| library.lift_pause(id)).await?;
    Ok(Redirect::to(&Done::PauseLifted.on("/pauses")).into_response())
}

impl PauseRow {
    fn new(pause: Pause) -> Self {
        let (kind, shown, remark) = match pause.paused {
            Paused::Account {
                name,
                exists: true,
                address: Some(address),
            } => ("Account", name, Some(format!("only from {address}"))),
            Paused::Account { name, exists, .. } => {
                let remark = (!exists).then(|| "there is no such account".to_owned());
                ("Account", name, remark)
            }
            Paused::Link(name) => ("Link", name, None),
            Paused::Network(address) if address.contains(':') => {
                ("Network", format!("{address}/64"), None)
            }
            Paused::Network(address) => ("Address", address, None),
            Paused::Unknown => {
                let remark =
                    Some("counted by an earlier release, which did not say what".to_owned());
                ("Account or address", String::new(), remark)
            }
        };
        Self {
            id: pause.id,
            kind,
            name: name(&shown),
            remark,
            wrong: Counted(pause.wrong.into(), "failed attempt"),
            since: pause.since_ms.map(Moment),
            until: Moment(pause.until_ms),
        }
    }
}
