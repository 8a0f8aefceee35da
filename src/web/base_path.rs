//! Serving below a path, as `https://host/files/` in place of `https://host/`.
//!
//! Inside, every address begins at the root. They are translated at the edge and nowhere else: what comes
//! in loses the path, and addresses in headers and pages get it.

use std::borrow::Cow;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_LOCATION, LOCATION, SET_COOKIE};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderName, HeaderValue, Uri};
use axum::response::Response;

use super::access::RULES;
use super::compress::Page;
use crate::config::BasePath;

/// What a proxy says that it has taken off the beginning of the path.
pub const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
/// Attributes of our pages that hold addresses.
const ATTRIBUTES: [&str; 6] = [
    "href",
    "src",
    "action",
    "formaction",
    "data-uploads",
    "data-base",
];

impl BasePath {
    /// The same request within the app. The platform asks for health without the path. A proxy that states
    /// it has mostly taken it off already: where an address of our own could begin with it, it is left.
    pub fn strip(&self, mut request: Request) -> Request {
        let stated = request.headers().get(FORWARDED_PREFIX);
        if stated.is_some_and(|prefix| !prefix.is_empty()) && self.begins_like_ours() {
            return request;
        }
        if let Some(uri) = self.within(request.uri()) {
            *request.uri_mut() = uri;
        }
        request
    }

    fn begins_like_ours(&self) -> bool {
        let own = first_segment(self.as_str());
        RULES
            .iter()
            .any(|(_, route, _)| first_segment(route) == own)
    }

    fn within(&self, uri: &Uri) -> Option<Uri> {
        let whole = uri.path_and_query()?.as_str();
        let rest = whole.strip_prefix(self.as_str())?;
        let rest: Cow<'_, str> = match rest.as_bytes().first() {
            Some(b'/') => rest.into(),
            None | Some(b'?') => format!("/{rest}").into(),
            Some(_) => return None,
        };
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(&*rest).ok()?);
        Uri::from_parts(parts).ok()
    }

    /// Puts the path before the addresses that an answer has in its headers and, if it is a page of ours,
    /// in its text.
    pub async fn add_to(&self, mut response: Response) -> Response {
        if self.is_root() {
            return response;
        }
        let headers = response.headers_mut();
        for name in [LOCATION, CONTENT_LOCATION] {
            if let Some(value) = headers.get(&name).and_then(|value| self.below(value)) {
                headers.insert(name, value);
            }
        }
        let cookies: Vec<HeaderValue> = headers.get_all(SET_COOKIE).iter().cloned().collect();
        headers.remove(SET_COOKIE);
        for cookie in cookies {
            let narrowed = self.cookie(&cookie).unwrap_or(cookie);
            headers.append(SET_COOKIE, narrowed);
        }
        match response.extensions().get::<Page>() {
            Some(_) => self.page(response).await,
            None => response,
        }
    }

    fn below(&self, value: &HeaderValue) -> Option<HeaderValue> {
        let address = value.to_str().ok()?;
        let is_ours = address.starts_with('/') && !address.starts_with("//");
        HeaderValue::try_from(format!("{}{address}", self.as_str()))
            .ok()
            .filter(|_| is_ours)
    }

    /// Others on the host do not get the cookie, except where its name promises the root to browsers.
    fn cookie(&self, value: &HeaderValue) -> Option<HeaderValue> {
        let cookie = value.to_str().ok()?;
        let narrowed = cookie.replacen("; Path=/", &format!("; Path={}/", self.as_str()), 1);
        HeaderValue::try_from(narrowed)
            .ok()
            .filter(|_| !cookie.starts_with("__Host-"))
    }

    async fn page(&self, response: Response) -> Response {
        let (mut parts, body) = response.into_parts();
        // A page is in memory already.
        let html = to_bytes(body, usize::MAX).await.unwrap_or_default();
        let html = self.rewrite(&String::from_utf8_lossy(&html));
        if parts.headers.contains_key(CONTENT_LENGTH) {
            parts.headers.insert(CONTENT_LENGTH, html.len().into());
        }
        Response::from_parts(parts, Body::from(html))
    }

    /// Text that people wrote has no quotes in pages, so it holds none of these.
    fn rewrite(&self, html: &str) -> String {
        let mut rewritten = String::with_capacity(html.len() + html.len() / 32);
        let mut rest = html;
        while let Some(at) = rest.find("=\"/") {
            let (before, after) = rest.split_at(at + 2);
            rewritten.push_str(before);
            let name = before[..at].rsplit(' ').next().unwrap_or_default();
            if ATTRIBUTES.contains(&name) && !after.starts_with("//") {
                rewritten.push_str(self.as_str());
            }
            rest = after;
        }
        rewritten.push_str(rest);
        rewritten
    }
}

fn first_segment(path: &str) -> &str {
    path.split('/').nth(1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> BasePath {
        BasePath::parse("/files").unwrap()
    }

    #[test]
    fn requests_lose_it_where_they_have_it() {
        for (sent, within) in [
            ("/files/search?q=a", Some("/search?q=a")),
            ("/files", Some("/")),
            ("/files?q=a", Some("/?q=a")),
            ("/files/", Some("/")),
            ("/filesystem", None),
            ("/health/ready", None),
            ("/files/files/7", Some("/files/7")),
        ] {
            let uri: Uri = sent.parse().unwrap();
            let found = files().within(&uri).map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), within, "{sent}");
        }
    }

    #[test]
    fn pages_get_it_in_their_addresses_alone() {
        let html = r#"<a href="/x?a=/b">"/y" = /z</a><form action="/search" data-base="/"><img alt="/a" src="/b"><a href="//c"><i data-row="/d">"#;
        let expected = r#"<a href="/files/x?a=/b">"/y" = /z</a><form action="/files/search" data-base="/files/"><img alt="/a" src="/files/b"><a href="//c"><i data-row="/d">"#;
        assert_eq!(files().rewrite(html), expected);
    }

    #[tokio::test]
    async fn headers_get_it() {
        let answer = |name: HeaderName, value: &'static str| {
            let mut response = Response::new(Body::empty());
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
            response
        };
        for (name, value, expected) in [
            (LOCATION, "/uploads/1", "/files/uploads/1"),
            (LOCATION, "//evil.example", "//evil.example"),
            (LOCATION, "https://a.example/", "https://a.example/"),
            (
                SET_COOKIE,
                "a=b; Path=/; HttpOnly",
                "a=b; Path=/files/; HttpOnly",
            ),
            (
                SET_COOKIE,
                "a=b; Path=/s/wl_x; HttpOnly",
                "a=b; Path=/files/s/wl_x; HttpOnly",
            ),
            (
                SET_COOKIE,
                "__Host-a=b; Path=/; Secure",
                "__Host-a=b; Path=/; Secure",
            ),
        ] {
            let answer = files().add_to(answer(name.clone(), value)).await;
            assert_eq!(answer.headers()[name], expected);
        }
    }
}
