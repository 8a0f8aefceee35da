//! The audit log, for owners.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::show::{Moment, encode, name};
use super::{PAGE_LENGTH, Shell, respond};
use crate::error::Result;
use crate::library::{Audited, Happening, Happenings};
use crate::web::input::Query;
use crate::web::problem::Failure;
use crate::web::state::App;

#[derive(Clone, Default, Deserialize)]
pub struct Asking {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    about: String,
    before: Option<u64>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    shell: Shell,
    kinds: Vec<Kind>,
    about: String,
    is_filtered: bool,
    rows: Vec<Row>,
    older: Option<String>,
}

struct Kind {
    word: &'static str,
    sentence: &'static str,
    is_chosen: bool,
}

struct Row {
    at: Moment,
    what: String,
    actor: String,
    address: String,
    subject: String,
}

pub async fn page(app: App, Query(asking): Query<Asking>) -> Result<Response, Failure> {
    let wanted = asking.wanted();
    let found = app.look(move |library| library.audit(&wanted, PAGE_LENGTH));
    let found = found.await?;
    let page = AuditPage {
        shell: Shell::of(&app),
        kinds: asking.kinds(),
        is_filtered: !asking.kind.is_empty() || !asking.about.is_empty(),
        rows: found.items.iter().map(Row::new).collect(),
        older: found.next.map(|before| asking.older(&before)),
        about: asking.about,
    };
    Ok(respond(StatusCode::OK, &page))
}

impl Asking {
    fn wanted(&self) -> Happenings {
        let filled = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Happenings {
            kind: filled(&self.kind),
            about: filled(&self.about),
            before: self.before,
        }
    }

    fn kinds(&self) -> Vec<Kind> {
        let all = Happening::ALL.iter();
        all.map(|kind| Kind {
            word: kind.word(),
            sentence: kind.sentence(),
            is_chosen: kind.word() == self.kind,
        })
        .collect()
    }

    fn older(&self, before: &str) -> String {
        let (kind, about) = (encode(&self.kind), encode(&self.about));
        format!("/audit?kind={kind}&about={about}&before={before}")
    }
}

impl Row {
    fn new(audited: &Audited) -> Self {
        let known = Happening::ALL.iter();
        let known = known.clone().find(|kind| kind.word() == audited.kind);
        Self {
            at: Moment(audited.at_ms),
            what: known.map_or(audited.kind.clone(), |kind| kind.sentence().to_owned()),
            actor: name(&audited.actor),
            address: name(&audited.address),
            subject: name(&audited.subject),
        }
    }
}
