//! What a link opens, for people without an account: a file, a folder, or a place to drop files.
//!
//! The link itself is the secret. Behind it its maker looks, with nothing but what it opens.

use askama::Template;
use axum::body::Body;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::request::{At, Sent};
use super::show::{Counted, Size, encode, name};
use super::{Shell, respond_once};
use crate::auth::password;
use crate::error::{Error, Kind, Result};
use crate::library::{
    FilePath, FolderPath, From, Guessed, Happening, Library, Listing, MAX_PAGE, Selection, Share,
    Shared, Sort, Viewer,
};
use crate::web::download::{self, Asked};
use crate::web::problem::Failure;
use crate::web::state::App;
use crate::web::tus::{self, Door, Dropping};
use crate::web::upload;
use crate::web::visitor::{By, Visitor, cookie};
use crate::web::zip;

/// In which headers browsers say that they fetch ahead of what a person asks for.
const PREFETCH: [&str; 3] = ["sec-purpose", "purpose", "x-moz"];

/// The cookie that says that the link's password was given. It is sent to that link only.
const UNLOCKED: &str = "wharfside-link";

#[derive(Deserialize)]
pub struct Given {
    password: String,
}

#[derive(Template)]
#[template(path = "shared.html")]
struct SharedPage {
    shell: Shell,
    problem: Option<String>,
    /// Address of the link.
    base: String,
    title: String,
    opened: Opened,
    stored: Vec<String>,
}

/// What is behind the link.
enum Opened {
    Locked,
    File { size: Size },
    Folder(Box<FolderView>),
    Drop,
}

struct FolderView {
    path: String,
    above: Option<String>,
    folders: Vec<Line>,
    files: Vec<Line>,
    is_cut: bool,
}

struct Line {
    url: String,
    name: String,
    size: Size,
    files: Option<Counted>,
}

/// A link that may be looked through, and the application as its maker sees it there.
struct Link {
    /// As it was asked for.
    secret: String,
    share: Share,
    app: App,
    address: String,
}

impl Link {
    /// # Errors
    /// [`Kind::NotFound`] for a link that opens nothing, [`Kind::Unauthenticated`] for one whose
    /// password has not been given.
    async fn open(app: &App, secret: &str, headers: &HeaderMap) -> Result<Self> {
        Self::find(app, secret).await?.refuse_locked(headers)
    }

    /// The same, for what was begun before the link was used up.
    async fn reopen(app: &App, secret: &str, headers: &HeaderMap) -> Result<Self> {
        let (wanted, everyone) = (secret.to_owned(), app.config().access.everyone());
        let share = app.run(move |library| library.share_in_use(&wanted, everyone));
        Self::of(app, secret, share.await?).refuse_locked(headers)
    }

    fn refuse_locked(self, headers: &HeaderMap) -> Result<Self> {
        match self.is_unlocked(headers) {
            true => Ok(self),
            false => Err(Error::new(
                Kind::Unauthenticated,
                "This link has a password; open its page and give it.",
            )),
        }
    }

    async fn find(app: &App, secret: &str) -> Result<Self> {
        let (wanted, everyone) = (secret.to_owned(), app.config().access.everyone());
        let share = app.run(move |library| library.share_with(&wanted, everyone));
        Ok(Self::of(app, secret, share.await?))
    }

    fn of(app: &App, secret: &str, share: Share) -> Self {
        let origin = app.visitor().origin.clone();
        let address = origin.address.to_string();
        let visitor = Visitor {
            viewer: share
                .viewer(app.config().access.everyone())
                .coming_from(origin.address)
                .into(),
            by: By::Nothing,
            origin,
        };
        Self {
            secret: secret.to_owned(),
            share,
            app: app.visited_by(visitor.into()),
            address,
        }
    }

    /// Where uploads come in by it.
    fn door(&self) -> Result<Door> {
        let Shared::Drop(folder) = self.share.shared.clone() else {
            return Err(nothing());
        };
        Ok(Door::Link(Box::new(Dropping {
            share: self.share.clone(),
            folder,
            base: self.base(),
        })))
    }

    fn is_unlocked(&self, headers: &HeaderMap) -> bool {
        match self.key() {
            None => true,
            Some(key) => cookie(headers, UNLOCKED) == Some(&key),
        }
    }

    /// What only we can make of the link and its password's hash, and only as long as that is
    /// the password.
    fn key(&self) -> Option<String> {
        let kept = self.share.password.as_ref()?;
        let digest = Sha256::digest(format!("unlocked {} {kept}", self.secret));
        Some(URL_SAFE_NO_PAD.encode(digest))
    }

    fn base(&self) -> String {
        format!("/s/{}", self.secret)
    }

    /// What is asked of a file, for which uses of the link are taken.
    fn asked(&self, method: &Method, headers: &HeaderMap, subject: &str) -> Asked {
        let (share, address) = (self.share.clone(), self.address.clone());
        Asked::new(method, headers).by_link(share, address, subject.to_owned())
    }

    /// By a link that is used up, what is missing is told as what is there.
    fn hidden(&self, error: Error) -> Error {
        match self.share.is_used_up() && error.kind() == Kind::NotFound {
            true => Share::is_over(),
            false => error,
        }
    }

    /// The folder that the link opens, and one below it that is asked for.
    fn folder(&self, below: &str) -> Result<FolderPath> {
        let Shared::Folder(folder) = &self.share.shared else {
            return Err(nothing());
        };
        match below {
            "" => Ok(folder.clone()),
            below => FolderPath::parse(folder.join(below)?.as_str()),
        }
    }

    async fn look(&self, below: &str) -> Result<SharedPage> {
        let opened = match &self.share.shared {
            Shared::File(_) => {
                let (share, everyone) = (self.share.clone(), self.app.config().access.everyone());
                let file = self.app.run(move |library| share.file(library, everyone));
                let file = file.await?.ok_or_else(nothing)?;
                return Ok(self.page(
                    name(file.path.name()),
                    Opened::File {
                        size: Size(file.size),
                    },
                ));
            }
            Shared::Drop(_) => Opened::Drop,
            Shared::Folder(_) => {
                let folder = self.folder(below)?;
                let listing = self.app.look(move |library| list(library, &folder)).await?;
                Opened::Folder(FolderView::new(&self.base(), below, &listing).into())
            }
        };
        let title = match &self.share.shared {
            Shared::Folder(folder) if self.share.name.is_empty() => name(folder.name()),
            _ => name(&self.share.name),
        };
        Ok(self.page(title, opened))
    }

    fn page(&self, title: String, opened: Opened) -> SharedPage {
        SharedPage {
            shell: Shell {
                door: matches!(opened, Opened::Drop).then(|| format!("{}/uploads", self.base())),
                ..Shell::of(&self.app)
            },
            problem: None,
            base: self.base(),
            title,
            opened,
            stored: Vec::new(),
        }
    }
}

/// A folder that its maker emptied is still there behind the link.
fn list(library: &Library, folder: &FolderPath) -> Result<Listing> {
    match library.list(folder, Sort::Name, From::Cursor(None), MAX_PAGE) {
        Err(error) if error.kind() == Kind::NotFound => Ok(Listing {
            folder: folder.clone(),
            folders: Vec::new(),
            files: Vec::new(),
            next: None,
        }),
        listing => listing,
    }
}

fn nothing() -> Error {
    Error::not_found("There is nothing of that name behind this link.")
}

pub async fn page(
    app: App,
    At(secret): At<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    show(&app, &secret, "", &headers).await
}

pub async fn folder(
    app: App,
    At((secret, below)): At<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    show(&app, &secret, &below, &headers).await
}

async fn show(
    app: &App,
    secret: &str,
    below: &str,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let link = Link::find(app, secret).await?;
    let page = match link.is_unlocked(headers) {
        true => link.look(below).await?,
        false => link.page(String::new(), Opened::Locked),
    };
    Ok(respond_once(StatusCode::OK, &page))
}

/// Takes the link's password.
pub async fn unlock(
    app: App,
    At(secret): At<String>,
    Sent(Given { password }): Sent<Given>,
) -> Result<Response, Failure> {
    let link = Link::find(&app, &secret).await?;
    let guessed = Guessed::at_link(link.share.id, link.app.visitor().origin.address);
    let kept = link.share.password.clone().unwrap_or_default();
    let (address, subject) = (link.address.clone(), link.share.name.clone());
    let is_right = app.run(move |library| {
        let library = library.seen_by(Viewer::SYSTEM.into());
        library.guess(&guessed)?;
        let is_right = password::verify(&password, &kept)?;
        match is_right {
            true => library.guessed_right(&guessed)?,
            false => library.note(Happening::LinkPasswordWrong, &subject, &address)?,
        }
        Ok(is_right)
    });
    if !is_right.await? {
        let problem = Some("That is not the password of this link.".to_owned());
        let page = link.page(String::new(), Opened::Locked);
        let page = SharedPage { problem, ..page };
        return Ok(respond_once(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    Ok((link.unlocked(), Redirect::to(&link.base())).into_response())
}

impl Link {
    fn unlocked(&self) -> [(HeaderName, HeaderValue); 1] {
        let (key, base) = (self.key().unwrap_or_default(), self.base());
        let secure = if self.app.visitor().origin.is_https {
            "; Secure"
        } else {
            ""
        };
        let cookie = format!("{UNLOCKED}={key}; Path={base}; HttpOnly; SameSite=Lax{secure}");
        let cookie = HeaderValue::try_from(cookie).unwrap_or(HeaderValue::from_static(""));
        [(SET_COOKIE, cookie)]
    }
}

/// The file of a link to one.
pub async fn file(
    app: App,
    At(secret): At<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    refuse_prefetch(&headers)?;
    let link = Link::reopen(&app, &secret, &headers).await?;
    let (share, everyone) = (link.share.clone(), app.config().access.everyone());
    let file = link.app.run(move |library| share.file(library, everyone));
    let file = file.await?.ok_or_else(nothing)?;
    let asked = link.asked(&method, &headers, file.path.as_str());
    download::answer(&link.app, asked, move |library| {
        library.content(file.id, None)
    })
    .await
}

/// A file in the folder of a link to one.
pub async fn file_below(
    app: App,
    At((secret, below)): At<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    refuse_prefetch(&headers)?;
    let link = Link::reopen(&app, &secret, &headers).await?;
    let path = link.folder("")?.join(&below)?;
    let known = path.clone();
    let entry = link.app.run(move |library| library.entry_at(&known)).await;
    entry.map_err(|error| link.hidden(error))?;
    let asked = link.asked(&method, &headers, path.as_str());
    download::answer(&link.app, asked, move |library| library.content_at(&path)).await
}

/// All of a link's folder as one archive.
pub async fn archive(
    app: App,
    At(secret): At<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    refuse_prefetch(&headers)?;
    let link = Link::reopen(&app, &secret, &headers).await?;
    let folder = link.folder("")?;
    let asked = link.asked(&method, &headers, &format!("{folder}/"));
    let selection = Selection {
        folders: vec![folder],
        ..Selection::default()
    };
    zip::answer(link.app, selection, asked).await
}

/// Takes files that are dropped into the folder of a link.
pub async fn dropped(
    app: App,
    At(secret): At<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let link = Link::open(&app, &secret, &headers).await?;
    let Shared::Drop(folder) = link.share.shared.clone() else {
        return Err(nothing().into());
    };
    let names = upload::dropped(&link.app, &link.share, folder, &headers, body).await?;
    let page = link.page(name(&link.share.name), Opened::Drop);
    let stored = names.iter().map(|path| name(path)).collect();
    Ok(respond_once(StatusCode::OK, &SharedPage { stored, ..page }))
}

/// Uploads that go on where they stand, into the folder of a link.
pub async fn uploads(
    app: App,
    At(secret): At<String>,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let link = Link::open(&app, &secret, &headers).await?;
    let door = link.door()?;
    tus::answer_all(link.app, door, method, headers, body).await
}

pub async fn one_upload(
    app: App,
    At((secret, id)): At<(String, String)>,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let link = Link::reopen(&app, &secret, &headers).await?;
    let door = link.door()?;
    tus::answer_one(link.app, door, id, method, headers, body).await
}

/// What nobody has asked for yet takes no use of a link, and is not sent.
fn refuse_prefetch(headers: &HeaderMap) -> Result<()> {
    let is_prefetch = PREFETCH.iter().any(|name| {
        let values = headers.get_all(*name).iter();
        let mut texts = values.filter_map(|value| value.to_str().ok());
        texts.any(|text| text.to_ascii_lowercase().contains("prefetch"))
    });
    match is_prefetch {
        true => Err(Error::unavailable("What a link opens is not sent ahead.")),
        false => Ok(()),
    }
}

impl FolderView {
    fn new(base: &str, below: &str, listing: &Listing) -> Self {
        let inside = |name: &str| match below {
            "" => encode(name),
            below => encode(&format!("{below}/{name}")),
        };
        let folders = listing.folders.iter();
        let files = listing.files.iter();
        Self {
            path: name(below),
            above: (!below.is_empty()).then(|| match below.rsplit_once('/') {
                Some((above, _)) => format!("{base}/in/{}", encode(above)),
                None => base.to_owned(),
            }),
            folders: folders
                .map(|folder| Line {
                    url: format!("{base}/in/{}", inside(folder.path.name())),
                    name: name(folder.path.name()),
                    size: Size(folder.bytes),
                    files: Some(Counted(folder.files, "file")),
                })
                .collect(),
            files: files
                .map(|file| Line {
                    url: format!("{base}/get/{}", inside(FilePath::name(&file.path))),
                    name: name(file.path.name()),
                    size: Size(file.size),
                    files: None,
                })
                .collect(),
            is_cut: listing.next.is_some(),
        }
    }
}
