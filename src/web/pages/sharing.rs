//! Who may see a folder: what it says of itself, and links to it.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::links::LinkRow;
use super::notice::{Done, Notice, Outcome};
use super::request::{At, Sent};
use super::rows::Crumbs;
use super::show::{encode, name};
use super::{Shell, respond_once};
use crate::error::Result;
use crate::library::{FolderPath, FolderRule, Grant, Right, Share, Shared};
use crate::web::input::Query;
use crate::web::problem::Failure;
use crate::web::state::App;

#[derive(Default, Deserialize)]
pub struct Asking {
    done: Option<Done>,
}

/// The form. A person is named in `person` with what he may in `may`; that of the others is
/// kept as they are listed.
#[derive(Deserialize)]
pub struct Wanted {
    /// `inherit`, or what everybody may.
    everyone: String,
    #[serde(default)]
    person: String,
    #[serde(default)]
    may: String,
    /// Who is not to be named any more.
    #[serde(default)]
    without: String,
}

#[derive(Template)]
#[template(path = "sharing.html")]
struct SharingPage {
    shell: Shell,
    notice: Option<Notice>,
    problem: Option<String>,
    crumbs: Crumbs,
    folder: String,
    action: String,
    rule: FolderRule,
    said_by: Option<String>,
    people: Vec<Person>,
    others: Vec<String>,
    links: Vec<LinkRow>,
}

struct Person {
    name: String,
    may: &'static str,
    is_owner: bool,
}

pub async fn root(app: App, query: Query<Asking>) -> Result<Response, Failure> {
    show(app, FolderPath::default(), query).await
}

pub async fn page(
    app: App,
    At(folder): At<String>,
    query: Query<Asking>,
) -> Result<Response, Failure> {
    show(app, FolderPath::parse(&folder)?, query).await
}

async fn show(
    app: App,
    folder: FolderPath,
    Query(Asking { done }): Query<Asking>,
) -> Result<Response, Failure> {
    let outcome = Outcome {
        done,
        ..Outcome::default()
    };
    let page = SharingPage::read(&app, folder).await?;
    let notice = outcome.notice();
    Ok(respond_once(
        StatusCode::OK,
        &SharingPage { notice, ..page },
    ))
}

pub async fn say_root(app: App, wanted: Sent<Wanted>) -> Result<Response, Failure> {
    change(app, FolderPath::default(), wanted).await
}

pub async fn say(
    app: App,
    At(folder): At<String>,
    wanted: Sent<Wanted>,
) -> Result<Response, Failure> {
    change(app, FolderPath::parse(&folder)?, wanted).await
}

async fn change(
    app: App,
    folder: FolderPath,
    Sent(wanted): Sent<Wanted>,
) -> Result<Response, Failure> {
    let said = folder.clone();
    let done = app.run(move |library| {
        let rule = library.folder_rule(&said)?;
        match Right::parse(&wanted.everyone) {
            Some(everyone) => library.set_folder_rule(&said, everyone, &wanted.grants(&rule)),
            None => library.forget_folder_rule(&said),
        }
    });
    match done.await {
        Ok(()) => {
            let page = Done::FolderShared.on(&sharing_url(&folder));
            Ok(Redirect::to(&page).into_response())
        }
        Err(error) => match super::change::refusal(&error) {
            Some(status) => {
                let page = SharingPage::read(&app, folder).await?;
                let problem = Some(error.sentence().to_owned());
                Ok(respond_once(status, &SharingPage { problem, ..page }))
            }
            None => Err(error.into()),
        },
    }
}

impl Wanted {
    /// Those whom the folder names already, with whom the form adds and without whom it removes.
    /// A folder that said nothing begins with nobody.
    fn grants(&self, rule: &FolderRule) -> Vec<Grant> {
        let mut grants = match rule.is_own {
            true => rule.grants.clone(),
            false => Vec::new(),
        };
        let person = self.person.trim();
        grants.retain(|grant| grant.name != self.without && grant.name != person);
        if let Some(may) = Right::parse(&self.may).filter(|_| !person.is_empty()) {
            grants.push(Grant {
                name: person.to_owned(),
                may,
            });
        }
        grants
    }
}

impl SharingPage {
    async fn read(app: &App, folder: FolderPath) -> Result<Self> {
        let read = app.run(move |library| {
            Ok((
                library.folder_rule(&folder)?,
                library.others()?,
                library.shares()?,
            ))
        });
        let (rule, others, shares) = read.await?;
        let folder = &rule.folder;
        let is_here = |share: &&Share| match &share.shared {
            Shared::Folder(shared) | Shared::Drop(shared) => shared == folder,
            Shared::File(_) => false,
        };
        let grants = rule.grants.iter();
        Ok(Self {
            shell: Shell::of(app).in_folder(folder.as_str()),
            notice: None,
            problem: None,
            crumbs: Crumbs::to_folder(folder),
            folder: name(folder.as_str()),
            action: sharing_url(folder),
            said_by: rule.said_by.as_ref().map(|folder| match folder.is_root() {
                true => "the whole library".to_owned(),
                false => name(folder.as_str()),
            }),
            people: grants
                .map(|grant| Person {
                    name: name(&grant.name),
                    may: grant.may.word(),
                    is_owner: grant.may == Right::Own,
                })
                .collect(),
            others,
            links: shares.iter().filter(is_here).map(LinkRow::new).collect(),
            rule,
        })
    }

    fn may_change(&self) -> bool {
        self.rule.may >= Right::Own
    }

    fn says(&self, word: &str) -> bool {
        match word {
            "inherit" => !self.rule.is_own,
            word => self.rule.is_own && self.rule.everyone.word() == word,
        }
    }

    fn everyone(&self) -> &'static str {
        match self.rule.everyone {
            Right::None => "nothing",
            Right::Read => "see it",
            Right::Write | Right::Own => "see and change it",
        }
    }
}

pub fn sharing_url(folder: &FolderPath) -> String {
    format!("/sharing/{}", encode(folder.as_str()))
}
