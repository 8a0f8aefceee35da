//! Who makes a request: where it comes from, and in whose name.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Once};

use axum::http::header::{AUTHORIZATION, COOKIE, HOST, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::base_path::FORWARDED_PREFIX;
use super::problem::Failure;
use super::state::App;
use crate::auth::passkey::Site;
use crate::auth::{PREFIXES, Purpose, Secret};
use crate::config::{Access, BasePath};
use crate::error::{Error, Kind, Result};
use crate::library::{Acting, Credential, Library, Right, Role, Scope, Session, Token, Viewer};

/// Where the connection comes from; put there by whoever accepted it.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// End of the name of the cookie that holds a session. Cookies are shared by all ports of a host, so the
/// name begins with what tells installations apart. Over https it also has the prefix that keeps others,
/// such as a neighbouring subdomain, from setting it (RFC 6265bis, 4.1.3.2).
const COOKIE_NAME: &str = "wharfside";
const HOST_PREFIX: &str = "__Host-";
/// How long a browser keeps the cookie, in seconds; the session itself ends when it is not used for
/// that long.
const COOKIE_SECONDS: u32 = 30 * 24 * 3600;

/// How a request came here, by the connection and, behind a proxy that is trusted, by what that
/// says.
#[derive(Clone, Debug)]
pub struct Origin {
    pub address: IpAddr,
    pub is_https: bool,
    /// The storage that sessions are kept in, once it is open.
    storage: Option<Uuid>,
    host: Option<HeaderValue>,
    /// The host that a trusted proxy was asked for; empty if none says so.
    forwarded_host: String,
    agent: Option<HeaderValue>,
}

/// Who makes a request.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub viewer: Arc<Viewer>,
    pub by: By,
    pub origin: Origin,
}

/// What it was proven by.
#[derive(Clone, Debug)]
pub enum By {
    /// Nothing, and nothing has to be: everybody may everything.
    Openness,
    Nothing,
    Session(Box<Session>),
    Token(Box<Token>),
}

/// What was presented.
enum Credentials {
    None,
    Session(Secret),
    Token(Secret),
    /// Something that can be neither.
    Unknown,
}

impl Origin {
    pub fn of(app: &App, request: &Parts) -> Self {
        let peer = request.extensions.get::<Peer>();
        // Only tests have no connection.
        let peer = peer.map_or(IpAddr::from([127, 0, 0, 1]), |Peer(address)| *address);
        let is_trusted = |address: &IpAddr| app.config().trusts(*address);
        let headers = &request.headers;
        let (host, agent) = (headers.get(HOST).cloned(), headers.get(USER_AGENT).cloned());
        let storage = app.storage();
        if !is_trusted(&peer) {
            if headers.contains_key(FORWARDED_FOR) {
                tell_of_proxy(canonical(peer));
            }
            return Self {
                address: canonical(peer),
                is_https: false,
                storage,
                host,
                forwarded_host: String::new(),
                agent,
            };
        }
        let (forwarded, hops) = forwarded(headers, is_trusted);
        Self {
            address: canonical(forwarded.unwrap_or(peer)),
            is_https: stated(headers, &FORWARDED_PROTO, hops).eq_ignore_ascii_case("https"),
            storage,
            host,
            forwarded_host: stated(headers, &FORWARDED_HOST, hops),
            agent,
        }
    }

    /// The host that was asked for, with its port; as the client says, so good for nothing but what
    /// concerns that client alone.
    pub fn host(&self) -> &str {
        said(self.host.as_ref())
    }

    /// The host that a trusted proxy was asked for, where it says so; else empty.
    pub fn forwarded_host(&self) -> &str {
        &self.forwarded_host
    }

    /// What the client calls itself.
    pub fn agent(&self) -> &str {
        said(self.agent.as_ref())
    }

    /// Where passkeys are made and used, if browsers do that at the address that was asked for.
    pub fn site(&self) -> Option<Site> {
        Site::at(self.is_https, self.host())
    }

    /// The cookie of a session, or what takes it away.
    pub fn session_cookie(&self, secret: Option<&Secret>) -> HeaderValue {
        let (value, seconds) = match secret {
            Some(secret) => (secret.text(), COOKIE_SECONDS),
            None => (String::new(), 0),
        };
        let (name, secure) = (self.cookie(), if self.is_https { "; Secure" } else { "" });
        let cookie =
            format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        // Made of characters that a header takes.
        HeaderValue::try_from(cookie).unwrap_or(HeaderValue::from_static(""))
    }

    fn cookie(&self) -> String {
        let Some(storage) = self.storage else {
            return self.former_cookie();
        };
        let (id, ..) = storage.as_fields();
        format!("{}{id:08x}-{COOKIE_NAME}", self.cookie_prefix())
    }

    /// What earlier releases called the cookie.
    fn former_cookie(&self) -> String {
        format!("{}{COOKIE_NAME}", self.cookie_prefix())
    }

    fn cookie_prefix(&self) -> &'static str {
        if self.is_https { HOST_PREFIX } else { "" }
    }

    /// The secret of the session that a browser presents. The former name counts only where the other
    /// is absent.
    fn session_secret(&self, headers: &HeaderMap) -> Option<Secret> {
        let mut name = self.cookie();
        if values(headers, &name).next().is_none() {
            name = self.former_cookie();
        }
        Secret::parse(Purpose::Session, cookie(headers, &name)?)
    }
}

/// The path below which the client sees the app: as a trusted proxy says it, else as it is configured.
pub fn base_path(app: &App, request: &Parts) -> BasePath {
    let configured = &app.config().base_path;
    let Some(stated) = request.headers.get(FORWARDED_PREFIX) else {
        return configured.clone();
    };
    let peer = request.extensions.get::<Peer>();
    let is_trusted = peer.is_none_or(|Peer(address)| app.config().trusts(*address));
    let stated = stated.to_str().ok().filter(|_| is_trusted);
    let stated = stated.and_then(BasePath::parse);
    let stated = stated.filter(|base| !base.is_root());
    stated.unwrap_or_else(|| configured.clone())
}

/// The client as the nearest proxy that is not ours to trust saw it: each proxy adds at the end
/// who it got the request from. Also how many proxies stand between that one and us.
fn forwarded(headers: &HeaderMap, is_trusted: impl Fn(&IpAddr) -> bool) -> (Option<IpAddr>, usize) {
    let (mut nearest, mut hops) = (None, 0);
    // What stands before the first that is not ours is the client's own say, whatever it is.
    for part in list(headers, &FORWARDED_FOR).into_iter().rev() {
        let Some(address) = node(&part).map(canonical) else {
            return (None, hops);
        };
        let is_first = nearest.replace(address).is_none();
        hops += usize::from(!is_first);
        if !is_trusted(&address) {
            break;
        }
    }
    (nearest, hops)
}

/// The scheme or host by which the client reached the proxy that is `hops` before the last: each adds
/// its own at the end, or the first alone states one.
fn stated(headers: &HeaderMap, name: &HeaderName, hops: usize) -> String {
    let mut stated = list(headers, name);
    let at = stated.len().saturating_sub(hops + 1);
    match stated.is_empty() {
        true => String::new(),
        false => stated.swap_remove(at).trim_matches('"').to_owned(),
    }
}

/// The elements of a header that is a list, over all its lines; bytes that are no text match nothing.
fn list(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let lines = headers.get_all(name).iter();
    let elements = lines.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let texts = elements.map(|part| String::from_utf8_lossy(part).trim().to_owned());
    texts.collect()
}

/// An address as proxies write it: alone or with a port, an IPv6 one perhaps in brackets, and all
/// of it perhaps in quotes.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches('"');
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Ok(with_port) = text.parse::<SocketAddr>() {
        return Some(with_port.ip());
    }
    let bare = text.strip_prefix('[')?.strip_suffix(']')?;
    bare.parse::<Ipv6Addr>().ok().map(IpAddr::from)
}

/// Somebody who is not trusted says for whom they ask. Behind a proxy, all clients are then one.
fn tell_of_proxy(address: IpAddr) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        tracing::warn!(
            %address,
            "X-Forwarded-For is not believed from this address; if it is your proxy's, set TRUSTED_PROXIES to it"
        );
    });
}

/// An IPv4 address that came in the clothes of an IPv6 one is the same client.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

impl Visitor {
    /// Finds out who makes a request. Something that was presented and is worth nothing is an
    /// error, unless it is a session: that has just ended.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] for a token that is none.
    pub async fn of(app: &App, request: &Parts) -> Result<Self, Failure> {
        let origin = Origin::of(app, request);
        let access = app.config().access;
        let everyone = access.everyone();
        if matches!(access, Access::Open | Access::Local) {
            return Ok(Self {
                viewer: Viewer::ANYONE.coming_from(origin.address).into(),
                by: By::Openness,
                origin,
            });
        }
        let presented = Credentials::of(&request.headers, &origin);
        let by = match presented {
            Credentials::None => By::Nothing,
            Credentials::Unknown => return Err(no_token().into()),
            known => app.run(move |library| known.proven(library)).await?,
        };
        Ok(Self {
            viewer: by.viewer(everyone).coming_from(origin.address).into(),
            by,
            origin,
        })
    }

    /// Somebody who is known by nothing, from nowhere; for requests that were refused before.
    pub fn nobody() -> Self {
        Self {
            viewer: Viewer::nobody(Right::None).into(),
            by: By::Nothing,
            origin: Origin {
                address: IpAddr::from([127, 0, 0, 1]),
                is_https: false,
                storage: None,
                host: None,
                forwarded_host: String::new(),
                agent: None,
            },
        }
    }

    pub fn session(&self) -> Option<&Session> {
        match &self.by {
            By::Session(session) => Some(session),
            _ => None,
        }
    }

    /// The session's cookie once more, if the session lasts longer from now on.
    pub fn renewed_cookie(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        self.session().filter(|session| session.is_renewed)?;
        let secret = self.origin.session_secret(headers)?;
        Some(self.origin.session_cookie(Some(&secret)))
    }

    /// What the account may be, unless there is none.
    pub fn role(&self) -> Option<Role> {
        match &self.by {
            By::Openness | By::Nothing => None,
            By::Session(session) => Some(session.role),
            By::Token(token) => Some(token.role),
        }
    }

    /// Whether it may see how the installation stands and who uses it.
    pub fn administers(&self) -> bool {
        match &self.by {
            By::Openness => true,
            By::Nothing => false,
            By::Session(session) => session.role == Role::Owner,
            By::Token(token) => {
                token.role == Role::Owner && token.scope == Scope::Admin && token.folder.is_none()
            }
        }
    }

    /// Whether it may add, change and remove accounts: a token only if its scope says so.
    pub fn manages_accounts(&self) -> bool {
        match &self.by {
            By::Token(token) => {
                token.role == Role::Owner
                    && token.scope == Scope::Accounts
                    && token.folder.is_none()
            }
            _ => self.administers(),
        }
    }

    /// Whether it may change anything at all; where, the library decides.
    pub fn changes(&self) -> bool {
        match &self.by {
            By::Openness => true,
            By::Nothing => false,
            By::Session(session) => session.role > Role::Reader,
            By::Token(token) => token.role > Role::Reader && token.scope >= Scope::Write,
        }
    }

    pub fn is_known(&self) -> bool {
        !matches!(self.by, By::Nothing)
    }
}

impl By {
    /// Whether what was proven still holds: for answers that take long.
    pub fn holds(&self, library: &Library) -> Result<bool> {
        match self {
            Self::Openness | Self::Nothing => Ok(true),
            Self::Session(session) => library.session_holds(session.id),
            Self::Token(token) => library.token_holds(token.id),
        }
    }

    fn viewer(&self, everyone: Right) -> Viewer {
        match self {
            Self::Openness => Viewer::ANYONE,
            Self::Nothing => Viewer::nobody(everyone),
            Self::Session(session) => {
                let acting = Acting {
                    account: session.account,
                    name: session.name.clone(),
                    credential: Credential::Session(session.id),
                    most: Right::Own,
                    within: None,
                };
                Viewer::account(acting, everyone)
            }
            Self::Token(token) => {
                let acting = Acting {
                    account: token.account,
                    name: token.owner.clone(),
                    credential: Credential::Token(token.id),
                    most: token.scope.most(),
                    within: token.folder.clone(),
                };
                Viewer::account(acting, everyone)
            }
        }
    }
}

impl Credentials {
    /// What is none of ours counts as nothing: a proxy that asks for a password of its own passes it on.
    fn of(headers: &HeaderMap, origin: &Origin) -> Self {
        if let Some(text) = headers.get(AUTHORIZATION).and_then(token) {
            return Secret::parse(Purpose::Token, &text).map_or(Self::Unknown, Self::Token);
        }
        let secret = origin.session_secret(headers);
        secret.map_or(Self::None, Self::Session)
    }

    fn proven(self, library: &Library) -> Result<By> {
        match self {
            Self::None | Self::Unknown => Ok(By::Nothing),
            Self::Session(secret) => {
                let session = library.session(secret.hash())?;
                Ok(session.map_or(By::Nothing, |session| By::Session(session.into())))
            }
            Self::Token(secret) => {
                let token = library.token(secret.hash())?;
                token
                    .map(|token| By::Token(token.into()))
                    .ok_or_else(no_token)
            }
        }
    }
}

fn no_token() -> Error {
    Error::new(
        Kind::Unauthenticated,
        "The token is none of this installation's, was revoked or has expired; \
         send Authorization: Bearer wt_… with one that is valid.",
    )
}

/// What looks like a secret of ours: by Bearer (RFC 6750, 2.1), or as the password or the name of Basic
/// (RFC 7617), for programs that know nothing else. The scheme's case does not matter.
fn token(value: &HeaderValue) -> Option<String> {
    let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
    let is_ours = |text: &&str| PREFIXES.iter().any(|prefix| text.starts_with(prefix));
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim()).filter(is_ours).map(str::to_owned);
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = STANDARD.decode(rest.trim()).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (name, password) = pair.split_once(':')?;
    [password, name]
        .into_iter()
        .find(is_ours)
        .map(str::to_owned)
}

/// The one cookie of that name. Two of them are none: somebody else has set one. What other cookies
/// hold does not matter, text or not.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = values(headers, name);
    let first = values.next()?;
    let is_one = values.next().is_none();
    std::str::from_utf8(first).ok().filter(|_| is_one)
}

/// What the cookies of a name hold.
fn values<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(move |pair| {
        let pair = pair.trim_ascii();
        pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
    })
}

/// Empty if it is missing or no text.
fn said(value: Option<&HeaderValue>) -> &str {
    let text = value.and_then(|value| value.to_str().ok());
    text.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn is_private(address: &IpAddr) -> bool {
        matches!(address, IpAddr::V4(v4) if v4.is_private() || v4.is_loopback())
    }

    #[test]
    fn what_a_client_claims_is_not_believed() {
        for (sent, seen) in [
            ("203.0.113.7", Some("203.0.113.7")),
            ("198.51.100.1, 203.0.113.7", Some("203.0.113.7")),
            ("198.51.100.1, 203.0.113.7, 10.0.0.2", Some("203.0.113.7")),
            ("10.0.0.3, 10.0.0.2", Some("10.0.0.3")),
            ("::ffff:203.0.113.7", Some("203.0.113.7")),
            ("somebody, 10.0.0.2", None),
            ("203.0.113.7, unknown", None),
            ("203.0.113.7:4711", Some("203.0.113.7")),
            ("198.51.100.1:1, 203.0.113.7:2", Some("203.0.113.7")),
            ("203.0.113.7:4711, 10.0.0.2:80", Some("203.0.113.7")),
            ("\"203.0.113.7:4711\"", Some("203.0.113.7")),
            ("2001:db8::7", Some("2001:db8::7")),
            ("[2001:db8::7]", Some("2001:db8::7")),
            ("[2001:db8::7]:4711", Some("2001:db8::7")),
            ("\"[2001:db8::7]:4711\"", Some("2001:db8::7")),
            ("[::ffff:203.0.113.7]:4711", Some("203.0.113.7")),
            ("203.0.113.7:port", None),
            ("203.0.113.7:99999", None),
            ("[203.0.113.7]", None),
            ("", None),
        ] {
            let found = forwarded(&headers(&[("x-forwarded-for", sent)]), is_private);
            assert_eq!(found.0, seen.map(|seen| seen.parse().unwrap()), "{sent}");
        }
        let mut odd = HeaderMap::new();
        let value = HeaderValue::from_bytes(b"\xff, 203.0.113.7").unwrap();
        odd.insert("x-forwarded-for", value);
        assert_eq!(forwarded(&odd, is_private).0, "203.0.113.7".parse().ok());
        let twice = headers(&[
            ("x-forwarded-for", "198.51.100.1"),
            ("x-forwarded-for", "203.0.113.7"),
        ]);
        assert_eq!(forwarded(&twice, is_private).0, "203.0.113.7".parse().ok());
    }

    #[test]
    fn the_scheme_is_the_clients_however_it_is_written() {
        for (protos, hops, seen) in [
            (&["https"][..], 0, "https"),
            (&["HTTPS"], 0, "HTTPS"),
            (&[" https "], 3, "https"),
            (&["\"https\""], 0, "https"),
            // The proxy that the client reached said https, the one behind it http.
            (&["https, http"], 1, "https"),
            (&["https", "http"], 1, "https"),
            // What a client says itself stands before what the proxy adds.
            (&["https, http"], 0, "http"),
            (&["http, HTTPS"], 0, "HTTPS"),
            (&[], 0, ""),
            (&[""], 0, ""),
        ] {
            let pairs: Vec<_> = protos
                .iter()
                .map(|value| ("x-forwarded-proto", *value))
                .collect();
            assert_eq!(
                stated(&headers(&pairs), &FORWARDED_PROTO, hops),
                seen,
                "{protos:?}"
            );
        }
        let chain = headers(&[("x-forwarded-for", "203.0.113.7, 10.0.0.3")]);
        assert_eq!(forwarded(&chain, is_private).1, 1);
    }

    #[test]
    fn cookies_are_found_among_others_and_never_twice() {
        let all = headers(&[("cookie", "a=1; wharfside=x"), ("cookie", "b=2")]);
        assert_eq!(cookie(&all, "wharfside"), Some("x"));
        assert_eq!(cookie(&all, "harfside"), None);
        let twice = headers(&[("cookie", "wharfside=x; wharfside=y")]);
        assert_eq!(cookie(&twice, "wharfside"), None);
    }

    #[test]
    fn cookies_of_others_may_hold_anything() {
        let mut all = HeaderMap::new();
        let utf8 = HeaderValue::from_bytes("city=Z\u{fc}rich; wharfside=x; a=\u{1f389}".as_bytes());
        all.append("cookie", utf8.unwrap());
        all.append("cookie", HeaderValue::from_bytes(b"latin=\xfc").unwrap());
        assert_eq!(cookie(&all, "wharfside"), Some("x"));
        let broken = HeaderValue::from_bytes(b"wharfside=\xfc").unwrap();
        let broken = HeaderMap::from_iter([(COOKIE, broken)]);
        assert_eq!(cookie(&broken, "wharfside"), None);
    }

    #[test]
    fn tokens_are_taken_by_bearer_and_by_basic() {
        let taken = |value: &str| token(&value.parse().unwrap());
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        for (value, found) in [
            ("bearer wt_x".to_owned(), Some("wt_x")),
            ("Bearer  wt_x ".to_owned(), Some("wt_x")),
            ("Bearer eyJhbGciOiJI".to_owned(), None),
            ("Bearer wl_x".to_owned(), Some("wl_x")),
            (basic("anybody:wt_x"), Some("wt_x")),
            (basic(":wt_x"), Some("wt_x")),
            (basic("wt_x:"), Some("wt_x")),
            (basic("wt_x:x-oauth-basic"), Some("wt_x")),
            (basic("admin:secret"), None),
            ("basic !".to_owned(), None),
            ("Basic wt_x".to_owned(), None),
            ("wt_x".to_owned(), None),
            ("Digest username=\"a\"".to_owned(), None),
        ] {
            assert_eq!(taken(&value).as_deref(), found, "{value}");
        }
    }
}
