//! Which routes are for whom: the one table of it, which every request passes.
//!
//! Invariant: what is not in the table is answered to nobody, so a route cannot be added without
//! saying whom it is for. What may be seen and changed behind a route is for the library to decide,
//! by [`Viewer`](crate::library::Viewer).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Uri};
use axum::response::{IntoResponse, Redirect, Response};

use super::pages::encode;
use super::problem::{Asked, Failure};
use super::state::App;
use super::visitor::{By, Origin, Visitor};
use crate::config::Access;
use crate::error::{Error, Kind};

/// What a route asks of whoever comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Nothing: it says nothing of what is stored, or checks a secret of its own.
    Nothing,
    /// To be let in: with an account, or where everybody may look.
    Look,
    /// An account that may change something, or where everybody may.
    Change,
    /// To be signed in with an account in a browser.
    SignIn,
    /// To be an owner, or where everybody may everything.
    Administer,
    /// The same, or a token that manages accounts.
    SeeAccounts,
    /// To be an owner in a browser, or a token that manages accounts: no other token is enough.
    ChangeAccounts,
}

use Need::{Administer, Change, ChangeAccounts, Look, Nothing, SeeAccounts, SignIn};

/// Method, route, and what it asks for. `GET` stands for `HEAD`, too.
pub const RULES: &[(&str, &str, Need)] = &[
    ("GET", "/assets/{name}", Nothing),
    ("GET", "/health/live", Nothing),
    ("GET", "/health/ready", Nothing),
    ("GET", "/.well-known/security.txt", Nothing),
    ("GET", "/metrics", Administer),
    // Pages.
    ("GET", "/", Look),
    ("GET", "/browse/", Look),
    ("GET", "/browse/{*folder}", Look),
    ("GET", "/search", Look),
    ("POST", "/searches", SignIn),
    ("POST", "/searches/{id}/remove", SignIn),
    ("GET", "/files/{id}", Look),
    ("GET", "/trash", Change),
    ("GET", "/persistence", Administer),
    ("GET", "/unfinished", SignIn),
    ("POST", "/unfinished/{id}/end", SignIn),
    ("POST", "/selection", Change),
    ("POST", "/selection/undo", Change),
    ("POST", "/folders/rename", Change),
    ("POST", "/files/{id}/rename", Change),
    ("POST", "/files/{id}/tags", Change),
    ("POST", "/files/{id}/trash", Change),
    ("POST", "/files/{id}/restore", Change),
    ("POST", "/files/{id}/purge", Change),
    ("POST", "/files/{id}/versions/{number}/restore", Change),
    ("POST", "/upload", Change),
    ("GET", "/download/{id}", Look),
    ("GET", "/shown/{id}", Look),
    ("GET", "/thumbnail/{id}", Look),
    ("GET", "/download.zip", Look),
    ("POST", "/download.zip", Look),
    // Signing in and accounts.
    ("GET", "/sign-in", Nothing),
    ("POST", "/sign-in", Nothing),
    ("POST", "/sign-in/second", Nothing),
    ("POST", "/sign-in/passkey", Nothing),
    ("POST", "/sign-in/passkey/used", Nothing),
    ("POST", "/sign-out", SignIn),
    ("GET", "/welcome/{secret}", Nothing),
    ("POST", "/welcome/{secret}", Nothing),
    ("GET", "/account", SignIn),
    ("GET", "/account/confirm", SignIn),
    ("POST", "/account/confirm", SignIn),
    ("POST", "/account/password", SignIn),
    ("POST", "/account/sessions/end", SignIn),
    ("POST", "/account/sessions/{id}/end", SignIn),
    ("GET", "/account/factor", SignIn),
    ("POST", "/account/factor", SignIn),
    ("POST", "/account/factor/remove", SignIn),
    ("POST", "/account/codes", SignIn),
    ("POST", "/account/passkeys", SignIn),
    ("POST", "/account/passkeys/made", SignIn),
    ("POST", "/account/passkeys/{id}/remove", SignIn),
    ("POST", "/account/tokens", SignIn),
    ("POST", "/account/tokens/{id}/revoke", SignIn),
    ("GET", "/accounts", SeeAccounts),
    ("POST", "/accounts", ChangeAccounts),
    ("POST", "/accounts/{id}/change", ChangeAccounts),
    ("POST", "/accounts/{id}/link", ChangeAccounts),
    ("POST", "/accounts/{id}/remove", ChangeAccounts),
    ("GET", "/audit", Administer),
    ("GET", "/pauses", Administer),
    ("POST", "/pauses/{key}/lift", ChangeAccounts),
    // Sharing.
    ("GET", "/sharing/{*folder}", Change),
    ("GET", "/sharing/", Change),
    ("POST", "/sharing/{*folder}", Change),
    ("POST", "/sharing/", Change),
    ("GET", "/links", SignIn),
    ("POST", "/links", SignIn),
    ("POST", "/links/{id}/revoke", SignIn),
    // A link is a secret of its own.
    ("GET", "/s/{secret}", Nothing),
    ("POST", "/s/{secret}", Nothing),
    ("GET", "/s/{secret}/in/{*path}", Nothing),
    ("GET", "/s/{secret}/get", Nothing),
    ("GET", "/s/{secret}/get/{*path}", Nothing),
    ("GET", "/s/{secret}/zip", Nothing),
    ("POST", "/s/{secret}/drop", Nothing),
    ("POST", "/s/{secret}/uploads", Nothing),
    ("POST", "/s/{secret}/uploads/", Nothing),
    ("GET", "/s/{secret}/uploads/{id}", Nothing),
    ("POST", "/s/{secret}/uploads/{id}", Nothing),
    ("PATCH", "/s/{secret}/uploads/{id}", Nothing),
    ("DELETE", "/s/{secret}/uploads/{id}", Nothing),
    // The programs' side.
    ("GET", "/api/v1/openapi.json", Nothing),
    ("PUT", "/api/v1/files/{*path}", Change),
    ("GET", "/api/v1/files/{*path}", Look),
    ("DELETE", "/api/v1/files/{*path}", Change),
    ("GET", "/api/v1/entries", Look),
    ("POST", "/api/v1/entries/lookup", Look),
    ("GET", "/api/v1/entries/{id}", Look),
    ("PATCH", "/api/v1/entries/{id}", Change),
    ("GET", "/api/v1/entries/{id}/versions", Look),
    ("GET", "/api/v1/events", Look),
    ("GET", "/api/v1/search", Look),
    ("GET", "/api/v1/persistence", Administer),
    // tus 1.0: what it can is no secret.
    ("OPTIONS", "/uploads", Nothing),
    ("OPTIONS", "/uploads/", Nothing),
    ("OPTIONS", "/uploads/{id}", Nothing),
    ("GET", "/uploads", Change),
    ("POST", "/uploads", Change),
    ("GET", "/uploads/", Change),
    ("POST", "/uploads/", Change),
    ("GET", "/uploads/{id}", Change),
    ("POST", "/uploads/{id}", Change),
    ("PATCH", "/uploads/{id}", Change),
    ("DELETE", "/uploads/{id}", Change),
];

/// Routes whose changes ask a session for password and second factor within the last minutes; the
/// library does so again, in the transaction that changes.
pub const CONFIRMED: &[&str] = &[
    "/account/password",
    "/account/sessions/end",
    "/account/sessions/{id}/end",
    "/account/factor",
    "/account/factor/remove",
    "/account/codes",
    "/account/passkeys",
    "/account/passkeys/made",
    "/account/passkeys/{id}/remove",
    "/account/tokens",
    "/accounts",
    "/accounts/{id}/change",
    "/accounts/{id}/link",
    "/accounts/{id}/remove",
    "/pauses/{key}/lift",
];

/// Whether an address is that of a route whose changes are confirmed.
pub fn is_confirmed(path: &str) -> bool {
    CONFIRMED.iter().any(|route| is_at(route, path))
}

fn is_at(route: &str, path: &str) -> bool {
    let (parts, given): (Vec<_>, Vec<_>) = (route.split('/').collect(), path.split('/').collect());
    let is_same = |(part, given): (&&str, &&str)| match *part {
        "{id}" => !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_digit()),
        "{key}" => !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_hexdigit()),
        part => part == *given,
    };
    parts.len() == given.len() && parts.iter().zip(&given).all(is_same)
}

/// What a request asks for by its method and route: as much as all of the route's methods for one
/// that it does not take, and nothing where there is no route at all.
fn need(method: &Method, route: Option<&str>) -> Option<Need> {
    let Some(route) = route else {
        return Some(Nothing);
    };
    let method = match method.as_str() {
        "HEAD" => "GET",
        other => other,
    };
    let methods = BY_ROUTE.get(route)?.iter();
    let exact = methods.clone().find(|(name, _)| *name == method);
    let found = exact.or_else(|| methods.max_by_key(|(_, need)| *need as u8));
    found.map(|(_, need)| *need)
}

/// The rules once more, for every request to find its own: methods and what they ask for, by route.
static BY_ROUTE: LazyLock<HashMap<&str, Vec<(&str, Need)>>> = LazyLock::new(|| {
    let mut routes: HashMap<_, Vec<_>> = HashMap::new();
    for (method, route, need) in RULES {
        routes.entry(*route).or_default().push((*method, *need));
    }
    routes
});

/// Whether a route lets in whoever comes, without an account.
pub fn is_for_everybody(access: Access, method: &Method, route: &str) -> bool {
    match need(method, Some(route)) {
        Some(Nothing) => true,
        Some(Look) => access != Access::Private,
        Some(_) => matches!(access, Access::Open | Access::Local),
        None => false,
    }
}

/// Finds out who makes a request, and whether the route is for him.
pub async fn admit(app: &App, request: &Parts) -> Result<Visitor, Failure> {
    let route = request.extensions.get::<MatchedPath>();
    let need = need(&request.method, route.map(MatchedPath::as_str));
    // Nothing has to be known of who looks at an asset or asks for health.
    if need == Some(Nothing) && !app.is_open() {
        return Ok(Visitor::nobody());
    }
    let visitor = Visitor::of(app, request).await;
    let is_known = visitor.as_ref().is_ok_and(Visitor::is_known);
    if !is_known && !is_of_the_platform(request.uri.path()) {
        app.pace().keep(Origin::of(app, request).address)?;
    }
    let visitor = visitor?;
    let is_met = match need {
        None => return Err(Error::not_found("There is nothing at this address.").into()),
        Some(Nothing) => true,
        Some(Look) => visitor.is_known() || app.config().access == Access::PublicRead,
        Some(Change) => visitor.changes(),
        Some(SignIn) => visitor.session().is_some() || matches!(visitor.by, By::Openness),
        Some(Administer) => visitor.administers(),
        Some(SeeAccounts) => visitor.administers() || visitor.manages_accounts(),
        Some(ChangeAccounts) => visitor.manages_accounts(),
    };
    match (is_met, visitor.is_known()) {
        (true, _) => Ok(visitor),
        (false, false) => Err(who_are_you().into()),
        (false, true) => Err(Error::forbidden(match need {
            Some(ChangeAccounts) if visitor.administers() => {
                "A token changes accounts only if its scope is accounts."
            }
            Some(Administer | SeeAccounts | ChangeAccounts) => "Only an owner may do that.",
            Some(SignIn) => "This takes a browser that is signed in, not a token.",
            _ => "Your account may look, but not change anything.",
        })
        .into()),
    }
}

/// Health checks must never wait, and assets cost nothing.
fn is_of_the_platform(path: &str) -> bool {
    path.starts_with("/health/") || path.starts_with("/assets/")
}

fn who_are_you() -> Error {
    Error::new(
        Kind::Unauthenticated,
        "Sign in first; programs send Authorization: Bearer with a token.",
    )
}

/// A person who has to sign in is taken there and back again.
pub fn refuse(failure: Failure, method: &Method, asked: &Asked) -> Response {
    let is_unknown = failure.status() == axum::http::StatusCode::UNAUTHORIZED;
    if is_unknown && asked.wants_page && method == Method::GET {
        return Redirect::to(&sign_in(&asked.uri)).into_response();
    }
    let mut response = failure.into_response();
    if is_unknown {
        let bearer = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
    }
    response
}

fn sign_in(uri: &Uri) -> String {
    match uri.path_and_query().map(|whole| whole.as_str()) {
        None | Some("/") => "/sign-in".to_owned(),
        Some(whole) => format!("/sign-in?next={}", encode(whole)),
    }
}

/// First segments of the routes that have a secret in them.
const SECRET: [&str; 2] = ["s", "welcome"];

/// Whether an address is one with a secret in it, or looks like one.
pub fn has_secret(path: &str) -> bool {
    let first = path.split('/').find(|part| !part.is_empty());
    first.is_some_and(|first| SECRET.contains(&first))
}

/// A name for the span of a request, in which no secret is: routes with one are named by their
/// pattern, and what only looks like one of them, such as a link with a slash too many, as well.
pub fn logged_path(request: &Request) -> Cow<'_, str> {
    let path = request.uri().path();
    let first = path.split('/').nth(1).unwrap_or_default();
    if !SECRET.contains(&first) {
        return path.into();
    }
    match request.extensions().get::<MatchedPath>() {
        Some(route) => route.as_str().into(),
        None => format!("/{first}/{{secret}}/…").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_without_a_rule_is_for_nobody() {
        assert_eq!(need(&Method::GET, Some("/forgotten")), None);
        assert_eq!(need(&Method::HEAD, Some("/")), Some(Look));
        assert_eq!(need(&Method::PUT, Some("/uploads")), Some(Change));
        assert_eq!(need(&Method::GET, None), Some(Nothing));
    }

    /// Said twice on purpose: whoever opens one of these to more people has to say so here, too.
    #[test]
    fn what_is_for_nobody_or_for_owners_is_said_twice() {
        let of = |wanted: Need| {
            let rules = RULES.iter().filter(move |(.., need)| *need == wanted);
            rules.map(|(_, route, _)| *route)
        };
        let for_owners = [
            "/metrics",
            "/persistence",
            "/accounts",
            "/audit",
            "/pauses",
            "/api/v1/persistence",
        ];
        for (method, route, need) in RULES {
            let is_owners = for_owners.iter().any(|start| route.starts_with(start));
            assert_eq!(is_owners, *need >= Administer, "{method} {route}");
        }
        let for_nobody = [
            "/assets/",
            "/health/",
            "/sign-in",
            "/welcome/{secret}",
            "/s/{secret}",
            "/.well-known/security.txt",
        ];
        for route in of(Nothing) {
            let is_known = for_nobody.iter().any(|start| route.starts_with(start));
            let tells_how = [
                "/api/v1/openapi.json",
                "/uploads",
                "/uploads/",
                "/uploads/{id}",
            ];
            assert!(is_known || tells_how.contains(&route), "{route}");
        }
        for (method, route, need) in RULES {
            let changes = !matches!(*method, "GET" | "OPTIONS");
            let looks = ["/api/v1/entries/lookup", "/download.zip"].contains(route);
            assert!(!changes || looks || *need != Look, "{method} {route}");
        }
    }

    /// Whoever adds one that changes how people sign in has to say whether it is confirmed.
    #[test]
    fn changes_of_accounts_are_confirmed_but_for_these() {
        let without = ["/account/confirm", "/account/tokens/{id}/revoke"];
        for (method, route, need) in RULES {
            let is_of_owners = *need >= Administer;
            if *method == "POST" && (route.starts_with("/account") || is_of_owners) {
                let is_confirmed = CONFIRMED.contains(route);
                assert_ne!(is_confirmed, without.contains(route), "{route}");
            }
        }
        assert!(is_confirmed("/accounts/7/link"));
        for path in [
            "/accounts//link",
            "/accounts/7/link/",
            "/accounts/x/link",
            "/",
            "//evil",
        ] {
            assert!(!is_confirmed(path), "{path}");
        }
    }

    #[test]
    fn who_has_no_account_is_let_in_where_the_installation_says_so() {
        use Access::{Local, Open, Private, PublicRead};
        let lets = |access, method, route| is_for_everybody(access, &method, route);
        for access in [Open, Local] {
            assert!(lets(access, Method::PUT, "/api/v1/files/{*path}"));
            assert!(lets(access, Method::GET, "/api/v1/persistence"));
        }
        assert!(lets(PublicRead, Method::HEAD, "/api/v1/files/{*path}"));
        assert!(!lets(PublicRead, Method::PUT, "/api/v1/files/{*path}"));
        assert!(!lets(PublicRead, Method::GET, "/api/v1/persistence"));
        assert!(!lets(Private, Method::GET, "/api/v1/search"));
        assert!(lets(Private, Method::GET, "/api/v1/openapi.json"));
        assert!(!lets(Open, Method::GET, "/forgotten"));
    }

    #[test]
    fn routes_with_a_secret_are_known_by_how_they_begin() {
        for (_, route, _) in RULES {
            let first = route.split('/').nth(1).unwrap_or_default();
            let has_secret = route.contains("{secret}");
            assert_eq!(has_secret, SECRET.contains(&first), "{route}");
        }
    }

    #[test]
    fn each_rule_is_stated_once() {
        let mut seen = std::collections::BTreeSet::new();
        for (method, route, _) in RULES {
            assert!(seen.insert((method, route)), "{method} {route}");
        }
    }
}
