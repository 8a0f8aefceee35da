//! Style sheet, modules and mark: embedded in the binary, served under names that hold their digest.
//!
//! A name changes with its content, so a browser may keep it for ever. During a redeploy a page
//! of one release may ask the other release for its assets: an unknown digest is answered with
//! this release's content, which nobody may keep.

use std::fmt;
use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest as _, Sha256};

use crate::web::compress::{self, BY_ENCODING, GZIP};
use crate::web::state::App;

const FOR_EVER: &str = "public, max-age=31536000, immutable";
const NEVER: &str = "no-store";

/// An embedded file as it lies in `templates/assets`.
struct Source {
    stem: &'static str,
    extension: &'static str,
    text: &'static str,
}

macro_rules! source {
    ($stem:literal . $extension:literal) => {
        Source {
            stem: $stem,
            extension: $extension,
            text: include_str!(concat!("../../templates/assets/", $stem, ".", $extension)),
        }
    };
}

/// Invariant: a module stands after every module that it imports, because its own digest
/// covers the hashed names of those.
const SOURCES: &[Source] = &[
    source!("app"."css"),
    source!("mark"."svg"),
    source!("base"."js"),
    source!("copy"."js"),
    source!("visit"."js"),
    source!("find"."js"),
    source!("blocks"."js"),
    source!("choose"."js"),
    source!("parts"."js"),
    source!("peek"."js"),
    source!("entries"."js"),
    source!("searchable"."js"),
    source!("tray"."js"),
    source!("sha256"."js"),
    source!("pieces"."js"),
    source!("tus"."js"),
    source!("kept"."js"),
    source!("transfer"."js"),
    source!("upload"."js"),
    source!("drop"."js"),
    source!("keys"."js"),
    source!("faces"."js"),
    source!("passkey"."js"),
    source!("app"."js"),
];

/// A file as it is served.
pub struct Asset {
    stem: &'static str,
    extension: &'static str,
    hash: String,
    text: String,
    /// The same, compressed; absent if that failed, so that the text itself still serves.
    gzipped: Option<Vec<u8>>,
}

impl Asset {
    fn content_type(&self) -> &'static str {
        match self.extension {
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => "text/javascript; charset=utf-8",
        }
    }
}

/// The URL path, such as `/assets/app.0123456789abcdef.css`.
impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/assets/{}.{}.{}", self.stem, self.hash, self.extension)
    }
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    SOURCES.iter().fold(Vec::new(), |mut served, source| {
        let text = with_hashed_imports(&without_comments(source.text), &served);
        let digest = Sha256::digest(text.as_bytes());
        let hash = digest[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let Source {
            stem, extension, ..
        } = *source;
        served.push(Asset {
            stem,
            extension,
            hash,
            gzipped: compress::smallest(text.as_bytes()).ok(),
            text,
        });
        served
    })
});

/// Comments are for whoever reads the repository; a sixth of what travels would be theirs.
/// Invariant: a comment has lines of its own, and no text in a module has a line like one.
fn without_comments(text: &str) -> String {
    let mut is_inside = false;
    let lines = text.lines().filter(|line| {
        let line = line.trim();
        let is_comment = is_inside || line.starts_with("//") || line.starts_with("/*");
        is_inside = (is_inside || line.starts_with("/*")) && !line.ends_with("*/");
        !is_comment
    });
    lines.fold(String::with_capacity(text.len()), |text, line| {
        text + line + "\n"
    })
}

/// Modules import each other by their plain names (`"./tray.js"`); what is served names the
/// hashed ones.
fn with_hashed_imports(text: &str, earlier: &[Asset]) -> String {
    earlier
        .iter()
        .filter(|asset| asset.extension == "js")
        .fold(text.to_owned(), |text, asset| {
            let plain = format!("\"./{}.js\"", asset.stem);
            text.replace(&plain, &format!("\"./{}.{}.js\"", asset.stem, asset.hash))
        })
}

/// What every page's head links to.
pub struct Links {
    pub style: &'static Asset,
    pub mark: &'static Asset,
    /// The module that a page runs.
    pub script: &'static Asset,
    /// Those it imports, named early so that they are fetched side by side.
    pub modules: Vec<&'static Asset>,
}

pub static LINKS: LazyLock<Links> = LazyLock::new(|| {
    let (mut style, mut mark, mut script) = (&ASSETS[0], &ASSETS[0], &ASSETS[0]);
    let mut modules = Vec::new();
    for asset in ASSETS.iter() {
        match (asset.stem, asset.extension) {
            (_, "css") => style = asset,
            (_, "svg") => mark = asset,
            ("app", _) => script = asset,
            _ => modules.push(asset),
        }
    }
    Links {
        style,
        mark,
        script,
        modules,
    }
});

/// `GET /assets/{name}`; needs no library, so it also serves pages that explain a start.
pub fn router() -> Router<App> {
    Router::new().route("/assets/{name}", get(serve))
}

async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let mut parts = name.split('.');
    let (stem, hash, extension) = (parts.next(), parts.next(), parts.next());
    let asset = ASSETS
        .iter()
        .find(|asset| Some(asset.stem) == stem && Some(asset.extension) == extension);
    match asset {
        Some(asset) if parts.next().is_none() => {
            let keep = if hash == Some(&asset.hash) {
                FOR_EVER
            } else {
                NEVER
            };
            answer(asset, keep, compress::is_taken(&headers))
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn answer(asset: &'static Asset, keep: &'static str, takes_gzip: bool) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(asset.content_type())),
        (CACHE_CONTROL, HeaderValue::from_static(keep)),
        (VARY, BY_ENCODING),
    ];
    match &asset.gzipped {
        Some(gzipped) if takes_gzip => {
            (headers, [(CONTENT_ENCODING, GZIP)], gzipped.as_slice()).into_response()
        }
        _ => (headers, asset.text.as_str()).into_response(),
    }
}

/// Bytes that travel of everything that a page loads besides itself.
#[cfg(test)]
pub fn weight() -> usize {
    let travels = |asset: &Asset| asset.gzipped.as_ref().map_or(asset.text.len(), Vec::len);
    ASSETS.iter().map(travels).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn fetch(name: &str) -> Response {
        serve(Path(name.to_owned()), HeaderMap::new()).await
    }

    #[tokio::test]
    async fn a_hashed_name_may_be_kept_for_ever_and_a_strange_hash_never() {
        let url = LINKS.style.to_string();
        let name = url.strip_prefix("/assets/").unwrap();
        let own = fetch(name).await;
        assert_eq!(own.headers()[CACHE_CONTROL], FOR_EVER);
        assert_eq!(own.headers()[CONTENT_TYPE], "text/css; charset=utf-8");

        let of_another_release = fetch("app.0000000000000000.css").await;
        assert_eq!(of_another_release.status(), StatusCode::OK);
        assert_eq!(of_another_release.headers()[CACHE_CONTROL], NEVER);

        for unknown in ["app.css", "nothing.00.js", "app.00.css.css", ""] {
            assert_eq!(
                fetch(unknown).await.status(),
                StatusCode::NOT_FOUND,
                "{unknown}"
            );
        }
    }

    #[tokio::test]
    async fn whoever_takes_gzip_gets_it() {
        let url = LINKS.style.to_string();
        let name = url.strip_prefix("/assets/").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("accept-encoding", HeaderValue::from_static("gzip, br"));
        let squeezed = serve(Path(name.to_owned()), headers).await;
        assert_eq!(squeezed.headers()[CONTENT_ENCODING], GZIP);
        assert_eq!(squeezed.headers()[VARY], BY_ENCODING);
        let plain = fetch(name).await;
        assert!(!plain.headers().contains_key(CONTENT_ENCODING));
        assert_eq!(plain.headers()[VARY], BY_ENCODING);
    }

    #[test]
    fn every_import_names_a_module_that_is_served() {
        for asset in ASSETS.iter().filter(|asset| asset.extension == "js") {
            for import in asset.text.split("from \"").skip(1) {
                let target = import
                    .split('"')
                    .next()
                    .unwrap()
                    .replacen("./", "/assets/", 1);
                assert!(
                    ASSETS.iter().any(|served| served.to_string() == target),
                    "{} imports {target}, which is not served",
                    asset.stem
                );
            }
        }
    }

    #[test]
    fn comments_do_not_travel() {
        let text = "// why\na();\n/** what\n    it does */\n  // inside\nb(\"//c\");\n/* one line */\nd();";
        assert_eq!(without_comments(text), "a();\nb(\"//c\");\nd();\n");
    }

    #[test]
    fn assets_leave_most_of_a_page_to_its_content() {
        assert!(weight() <= 40 * 1024, "{} bytes", weight());
    }
}
