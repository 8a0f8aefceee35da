//! What every request must satisfy before a handler sees it, and what every answer carries.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, LOCATION, ORIGIN, REFERRER_POLICY,
    SET_COOKIE, STRICT_TRANSPORT_SECURITY, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;

use super::access;
use super::problem::Failure;
use super::state::App;
use super::visitor::Origin;
use crate::config::Access;

/// Longest address, in bytes: a path of 4,096 bytes with every byte percent-encoded, and a query.
const MAX_URI_BYTES: usize = 16 << 10;
/// Most bytes of header names and values together.
const MAX_HEADER_BYTES: usize = 32 << 10;

/// In seconds, and for this host alone: what else its domain serves is not ours to say.
const A_YEAR: &str = "max-age=31536000";

const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     media-src 'self'; frame-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Refuses what no handler should see: absurd lengths, foreign hosts, requests that another
/// site made a browser send, and everything but health while the library is not open.
pub fn admit(app: &App, request: &Parts) -> Result<(), Failure> {
    refuse_absurd_lengths(&request.uri, &request.headers)?;
    if app.config().access == Access::Local {
        refuse_foreign_host(&request.headers)?;
    }
    refuse_transfer_coding(&request.headers)?;
    refuse_cross_site(&request.method, &request.headers, || {
        Origin::of(app, request).forwarded_host().to_owned()
    })?;
    if !app.is_open() && !answers_while_opening(request.uri.path()) {
        app.library()?;
    }
    Ok(())
}

fn refuse_absurd_lengths(uri: &Uri, headers: &HeaderMap) -> Result<(), Failure> {
    let address = uri.path_and_query().map_or(0, |whole| whole.as_str().len());
    if address > MAX_URI_BYTES {
        let sentence = format!("The address is {address} bytes long; {MAX_URI_BYTES} is the most.");
        return Err(Failure::new(StatusCode::URI_TOO_LONG, sentence));
    }
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if bytes > MAX_HEADER_BYTES {
        let sentence =
            format!("The headers are {bytes} bytes long; {MAX_HEADER_BYTES} is the most.");
        return Err(Failure::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            sentence,
        ));
    }
    Ok(())
}

/// A site that points its own name at 127.0.0.1 would otherwise be same-origin with an
/// installation that trusts everyone on this machine.
fn refuse_foreign_host(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(host) = text(headers, &HOST) else {
        return Ok(());
    };
    if is_loopback(host) {
        return Ok(());
    }
    Err(Failure::new(
        StatusCode::MISDIRECTED_REQUEST,
        "This installation serves its own machine only, under localhost or 127.0.0.1; \
         set ACCESS=open to serve it under another name.",
    ))
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    match name.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

/// A coding that is not undone would be stored as the content (RFC 9112, section 6.1).
fn refuse_transfer_coding(headers: &HeaderMap) -> Result<(), Failure> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |value: &HeaderValue| {
        let coding = value.as_bytes().trim_ascii();
        coding.eq_ignore_ascii_case(b"chunked")
    };
    match codings.all(is_chunked) {
        true => Ok(()),
        false => Err(Failure::new(
            StatusCode::NOT_IMPLEMENTED,
            "The only transfer coding that is understood here is chunked; send the body without another one.",
        )),
    }
}

/// Browsers say which site made them send a request: by `Sec-Fetch-Site`, and older ones by
/// `Origin`. Programs say neither, and no other site can make them send anything. A proxy that
/// is trusted can say for which host it asks, if it does not pass that on.
fn refuse_cross_site(
    method: &Method,
    headers: &HeaderMap,
    forwarded_host: impl FnOnce() -> String,
) -> Result<(), Failure> {
    if method.is_safe() {
        return Ok(());
    }
    let same = match text(headers, &HeaderName::from_static("sec-fetch-site")) {
        Some(site) => site == "same-origin" || site == "none",
        None => match text(headers, &ORIGIN) {
            Some(origin) => {
                is_host_of(origin, text(headers, &HOST).unwrap_or_default())
                    || is_host_of(origin, &forwarded_host())
            }
            None => !headers.contains_key(ORIGIN),
        },
    };
    if same {
        return Ok(());
    }
    Err(Failure::new(
        StatusCode::FORBIDDEN,
        "Another site made this request; changes are only accepted from the pages of this one. If it was \
         this one, behind a proxy, the proxy hides its host; in nginx, add: proxy_set_header Host $http_host;",
    ))
}

/// Schemes are not compared: in front of us, a proxy may have ended TLS.
fn is_host_of(origin: &str, host: &str) -> bool {
    let without_default_port = |authority: &str| {
        let authority = authority.to_ascii_lowercase();
        match authority
            .strip_suffix(":80")
            .or_else(|| authority.strip_suffix(":443"))
        {
            Some(name) => name.to_owned(),
            None => authority,
        }
    };
    origin
        .split_once("://")
        .is_some_and(|(_, authority)| without_default_port(authority) == without_default_port(host))
}

fn answers_while_opening(path: &str) -> bool {
    path.starts_with("/health/") || path.starts_with("/assets/") || path == "/metrics"
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// What is said of a request's answer beside what every answer carries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sealed {
    /// Browsers are told to come by https only, which is heard only there (RFC 6797, 7.2).
    is_https: bool,
    /// Under an address with a secret: search engines are told to leave it out.
    is_secret: bool,
}

impl Sealed {
    pub fn new(app: &App, request: &Parts) -> Self {
        Self {
            is_https: Origin::of(app, request).is_https,
            is_secret: access::has_secret(request.uri.path()),
        }
    }
}

/// Adds the headers that every answer carries; what a handler set already stays.
pub fn seal(response: &mut Response, sealed: Sealed) {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    let headers = response.headers_mut();
    let mut default = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    default(CONTENT_SECURITY_POLICY, PAGE_POLICY);
    default(X_CONTENT_TYPE_OPTIONS, "nosniff");
    // Not "no-referrer": that would also blank the Origin of our own forms.
    default(REFERRER_POLICY, "same-origin");
    default(CACHE_CONTROL, "private, no-cache");
    default(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    default(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    if sealed.is_https {
        default(STRICT_TRANSPORT_SECURITY, A_YEAR);
    }
    if sealed.is_secret {
        default(HeaderName::from_static("x-robots-tag"), "noindex");
    }
    // The cookie is the session, and an address to go to can be a secret.
    let has_secret = headers.contains_key(SET_COOKIE)
        || text(headers, &LOCATION).is_some_and(access::has_secret);
    if has_secret || is_error {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn changes_are_taken_from_this_site_and_from_programs_only() {
        let host = ("host", "files.example:8080");
        for (extra, allowed) in [
            (vec![], true),
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("sec-fetch-site", "none")], true),
            (vec![("sec-fetch-site", "same-site")], false),
            (vec![("sec-fetch-site", "cross-site")], false),
            (vec![("origin", "http://files.example:8080")], true),
            (vec![("origin", "HTTPS://FILES.example:8080")], true),
            (vec![("origin", "http://files.example")], false),
            (vec![("origin", "http://evil.example")], false),
            (vec![("origin", "null")], false),
            (
                vec![
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "http://files.example:8080"),
                ],
                false,
            ),
        ] {
            let mut all = vec![host];
            all.extend(extra);
            let headers = headers(&all);
            assert_eq!(
                refuse_cross_site(&Method::POST, &headers, String::new).is_ok(),
                allowed,
                "{all:?}"
            );
            assert!(refuse_cross_site(&Method::GET, &headers, String::new).is_ok());
        }
    }

    #[test]
    fn a_default_port_may_be_left_out() {
        assert!(is_host_of("https://files.example", "files.example:443"));
        assert!(is_host_of("http://files.example:80", "files.example"));
        assert!(!is_host_of("files.example", "files.example"));
    }

    #[test]
    fn loopback_has_several_names() {
        for host in [
            "localhost",
            "LOCALHOST:5000",
            "a.localhost:1",
            "127.0.0.1:5000",
            "127.9.9.9",
            "[::1]:5000",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "example.org",
            "localhost.example.org",
            "10.0.0.1:5000",
            "127.0.0.1.example.org",
            "",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn absurd_lengths_are_refused() {
        let uri: Uri = format!("/?q={}", "(".repeat(20_000)).parse().unwrap();
        let failure = refuse_absurd_lengths(&uri, &HeaderMap::new()).unwrap_err();
        assert_eq!(failure.status(), StatusCode::URI_TOO_LONG);
        let large = "x".repeat(40_000);
        let failure =
            refuse_absurd_lengths(&Uri::from_static("/"), &headers(&[("cookie", &large)]))
                .unwrap_err();
        assert_eq!(
            failure.status(),
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        );
    }

    #[test]
    fn what_a_handler_set_stays() {
        let mut response = Response::default();
        let policy = HeaderValue::from_static("sandbox");
        response
            .headers_mut()
            .insert(CONTENT_SECURITY_POLICY, policy);
        seal(&mut response, Sealed::default());
        assert_eq!(response.headers()["content-security-policy"], "sandbox");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(response.headers()["cache-control"], "private, no-cache");
        *response.status_mut() = StatusCode::NOT_FOUND;
        seal(&mut response, Sealed::default());
        assert_eq!(response.headers()["cache-control"], "no-store");
    }
}
