//! Conditional requests (RFC 9110, section 13): does the client's idea of a file still hold?

use axum::http::HeaderMap;
use axum::http::header::{
    HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
};
use std::time::{Duration, SystemTime};

use crate::error::{Error, Result};
use crate::library::{Millis, Precondition};
use crate::store::Digest;

/// The conditions of one request, as sent.
#[derive(Debug, Default)]
pub struct Conditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
    if_modified_since: Option<SystemTime>,
    if_unmodified_since: Option<SystemTime>,
    if_range: Option<String>,
}

/// What a request's conditions come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Proceed,
    /// The client has it already: 304.
    NotModified,
    /// The client's idea is out of date: 412.
    Failed,
}

/// What a file is compared by.
pub struct Validators {
    pub sha256: Digest,
    /// `None` for what has no date of its own, and while another content may follow within the second
    /// that a date names.
    pub modified: Option<SystemTime>,
}

/// A list of entity tags, or `*`.
#[derive(Debug, PartialEq, Eq)]
enum Tags {
    Any,
    These(Vec<Tag>),
}

#[derive(Debug, PartialEq, Eq)]
struct Tag {
    weak: bool,
    value: String,
}

impl Validators {
    /// HTTP dates know whole seconds only, so the fraction is dropped.
    pub fn new(sha256: Digest, modified_ms: Millis) -> Self {
        let seconds = u64::try_from(modified_ms / 1000).unwrap_or(0);
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        Self {
            sha256,
            modified: Some(modified).filter(|date| is_over(*date)),
        }
    }

    /// Of what is put together for the answer.
    pub fn undated(sha256: Digest) -> Self {
        Self {
            sha256,
            modified: None,
        }
    }

    /// The strong entity tag: equal bytes have equal tags, whatever they are called.
    pub fn etag(&self) -> String {
        format!("\"{}\"", self.sha256)
    }

    pub fn last_modified(&self) -> Option<String> {
        self.modified.map(httpdate::fmt_http_date)
    }

    fn is_strongly(&self, tag: &Tag) -> bool {
        !tag.weak && self.is_weakly(tag)
    }

    fn is_weakly(&self, tag: &Tag) -> bool {
        tag.value
            .parse::<Digest>()
            .is_ok_and(|digest| digest == self.sha256)
    }
}

impl Conditions {
    /// Reads the conditions; a date that cannot be read counts as not sent, as the RFC asks.
    pub fn of(headers: &HeaderMap) -> Self {
        let date =
            |name| joined(headers, &name).and_then(|text| httpdate::parse_http_date(&text).ok());
        Self {
            if_match: joined(headers, &IF_MATCH).map(|text| Tags::parse(&text)),
            if_none_match: joined(headers, &IF_NONE_MATCH).map(|text| Tags::parse(&text)),
            if_modified_since: date(IF_MODIFIED_SINCE),
            if_unmodified_since: date(IF_UNMODIFIED_SINCE),
            if_range: joined(headers, &IF_RANGE),
        }
    }

    /// Weighs the conditions of a GET or HEAD in the order of section 13.2.2. Dates are compared for
    /// equality, as section 13.1.3 allows: an older file that was moved here is another one.
    pub fn weigh(&self, file: &Validators) -> Verdict {
        let still = match (&self.if_match, self.if_unmodified_since) {
            (Some(tags), _) => tags.hold(|tag| file.is_strongly(tag)),
            (None, Some(date)) => file.modified == Some(date),
            (None, None) => true,
        };
        if !still {
            return Verdict::Failed;
        }
        let known = match (&self.if_none_match, self.if_modified_since) {
            (Some(tags), _) => tags.hold(|tag| file.is_weakly(tag)),
            (None, Some(date)) => file.modified == Some(date),
            (None, None) => false,
        };
        if known {
            Verdict::NotModified
        } else {
            Verdict::Proceed
        }
    }

    /// Whether a range is of the content that the client has a part of already.
    pub fn range_holds(&self, file: &Validators) -> bool {
        let Some(text) = &self.if_range else {
            return true;
        };
        match Tags::parse(text) {
            Tags::These(tags) if !tags.is_empty() => tags.iter().any(|tag| file.is_strongly(tag)),
            _ => httpdate::parse_http_date(text).is_ok_and(|date| file.modified == Some(date)),
        }
    }

    /// What must hold when a PUT is committed.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::error::Kind::Invalid) for conditions that a PUT cannot keep.
    pub fn of_a_put(&self) -> Result<Precondition> {
        match (&self.if_match, &self.if_none_match) {
            (None, None) => Ok(match self.if_unmodified_since {
                Some(date) if is_over(date) => Precondition::UnmodifiedSince(millis(date)),
                // No content was ever told to be of that date.
                Some(_) => Precondition::UnmodifiedSince(0),
                None => Precondition::None,
            }),
            (None, Some(Tags::Any)) => Ok(Precondition::Absent),
            (Some(Tags::Any), None) => Ok(Precondition::Present),
            (Some(Tags::These(tags)), None) => Ok(Precondition::Content(
                tags.iter()
                    .filter(|tag| !tag.weak)
                    .filter_map(|tag| tag.value.parse().ok())
                    .collect(),
            )),
            _ => Err(Error::invalid(
                "A PUT takes either If-None-Match: * (only if nothing is there) or If-Match with \"*\" or entity tags.",
            )),
        }
    }
}

/// Whether the second that a date names is over: until then, another content can follow with the same
/// date (RFC 9110, section 8.8.2.2).
fn is_over(date: SystemTime) -> bool {
    let since = SystemTime::now().duration_since(date);
    since.is_ok_and(|since| since >= Duration::from_secs(2))
}

fn millis(time: SystemTime) -> Millis {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as Millis)
}

impl Tags {
    /// Reads a list of entity tags, skipping what is none.
    fn parse(text: &str) -> Self {
        if text.trim() == "*" {
            return Self::Any;
        }
        let mut tags = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('"') {
            let Some((value, next)) = after.split_once('"') else {
                break;
            };
            tags.push(Tag {
                weak: before.ends_with("W/"),
                value: value.to_owned(),
            });
            rest = next;
        }
        Self::These(tags)
    }

    fn hold(&self, is: impl Fn(&Tag) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(is),
        }
    }
}

/// A tag may hold bytes that are no ASCII. It is none of ours, but whoever sends it states a condition.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const EARLIER: &str = "Sat, 05 Nov 1994 08:49:37 GMT";
    const LATER: &str = "Mon, 07 Nov 1994 08:49:37 GMT";

    fn file() -> Validators {
        Validators::new(HEX.parse().unwrap(), 784_111_777_250)
    }

    fn conditions(pairs: &[(&'static str, &str)]) -> Conditions {
        let headers = pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect();
        Conditions::of(&headers)
    }

    #[test]
    fn validators_are_written_as_http_wants_them() {
        assert_eq!(file().etag(), format!("\"{HEX}\""));
        assert_eq!(file().last_modified().unwrap(), THEN);
    }

    #[test]
    fn conditions_are_weighed_in_order() {
        use Verdict::{Failed, NotModified, Proceed};
        let tag = format!("\"{HEX}\"");
        let weak = format!("W/\"{HEX}\"");
        let several = format!("\"other\", {tag}");
        for (sent, verdict) in [
            (vec![], Proceed),
            (vec![("if-none-match", tag.as_str())], NotModified),
            (vec![("if-none-match", &weak)], NotModified),
            (vec![("if-none-match", &several)], NotModified),
            (vec![("if-none-match", "*")], NotModified),
            (vec![("if-none-match", "\"other\"")], Proceed),
            (
                vec![("if-none-match", "\"other\""), ("if-modified-since", THEN)],
                Proceed,
            ),
            (vec![("if-modified-since", THEN)], NotModified),
            (vec![("if-modified-since", EARLIER)], Proceed),
            (vec![("if-modified-since", "yesterday")], Proceed),
            (vec![("if-match", &tag)], Proceed),
            (vec![("if-match", &weak)], Failed),
            (vec![("if-match", "\"other\"")], Failed),
            (vec![("if-match", "*")], Proceed),
            (vec![("if-unmodified-since", EARLIER)], Failed),
            (vec![("if-unmodified-since", THEN)], Proceed),
            (vec![("if-unmodified-since", LATER)], Failed),
            (vec![("if-modified-since", LATER)], Proceed),
            (
                vec![("if-match", &tag), ("if-none-match", &tag)],
                NotModified,
            ),
        ] {
            assert_eq!(conditions(&sent).weigh(&file()), verdict, "{sent:?}");
        }
    }

    #[test]
    fn dates_say_nothing_of_what_has_none() {
        let file = Validators::undated(HEX.parse().unwrap());
        assert_eq!(file.last_modified(), None);
        let epoch = "Thu, 01 Jan 1970 00:00:00 GMT";
        for (sent, verdict) in [
            (("if-modified-since", epoch), Verdict::Proceed),
            (("if-unmodified-since", epoch), Verdict::Failed),
        ] {
            assert_eq!(conditions(&[sent]).weigh(&file), verdict, "{sent:?}");
        }
        assert!(!conditions(&[("if-range", epoch)]).range_holds(&file));
    }

    #[test]
    fn a_range_is_kept_for_the_same_content_only() {
        let tag = format!("\"{HEX}\"");
        let weak = format!("W/{tag}");
        for (sent, holds) in [
            (None, true),
            (Some(tag.as_str()), true),
            (Some(&weak), false),
            (Some("\"other\""), false),
            (Some(THEN), true),
            (Some(EARLIER), false),
            (Some("nonsense"), false),
        ] {
            let pairs: Vec<_> = sent.iter().map(|value| ("if-range", *value)).collect();
            assert_eq!(conditions(&pairs).range_holds(&file()), holds, "{sent:?}");
        }
    }

    #[test]
    fn a_date_proves_nothing_before_its_second_is_over() {
        let now = SystemTime::now();
        let date = httpdate::fmt_http_date(now);
        let file = Validators::new(HEX.parse().unwrap(), millis(now));
        assert_eq!(file.last_modified(), None);
        let sent = |name: &'static str| conditions(&[(name, &date)]);
        assert!(!sent("if-range").range_holds(&file), "{date}");
        assert_eq!(sent("if-modified-since").weigh(&file), Verdict::Proceed);
        let unmodified = sent("if-unmodified-since");
        assert_eq!(unmodified.weigh(&file), Verdict::Failed);
        let put = unmodified.of_a_put().unwrap();
        assert_eq!(put, Precondition::UnmodifiedSince(0));
    }

    #[test]
    fn a_tag_beyond_ascii_is_a_condition_that_does_not_hold() {
        let tag = HeaderValue::from_bytes(b"\"caf\xe9\"").unwrap();
        let with = |name: HeaderName| Conditions::of(&[(name, tag.clone())].into_iter().collect());
        assert_eq!(with(IF_MATCH).weigh(&file()), Verdict::Failed);
        let put = with(IF_MATCH).of_a_put().unwrap();
        assert_eq!(put, Precondition::Content(Vec::new()));
        assert!(!with(IF_RANGE).range_holds(&file()));
        assert!(with(IF_NONE_MATCH).of_a_put().is_err());
    }

    #[test]
    fn a_put_states_what_must_hold() {
        let tag = format!("\"{HEX}\", W/\"{HEX}\", \"not ours\"");
        let put = |pairs: &[(&'static str, &str)]| conditions(pairs).of_a_put();
        assert_eq!(put(&[]).unwrap(), Precondition::None);
        assert_eq!(
            put(&[("if-none-match", "*")]).unwrap(),
            Precondition::Absent
        );
        assert_eq!(put(&[("if-match", "*")]).unwrap(), Precondition::Present);
        assert_eq!(
            put(&[("if-match", &tag)]).unwrap(),
            Precondition::Content(vec![HEX.parse().unwrap()])
        );
        let date = ("if-unmodified-since", "Thu, 01 Jan 1970 00:00:07 GMT");
        assert_eq!(put(&[date]).unwrap(), Precondition::UnmodifiedSince(7_000));
        assert_eq!(
            put(&[date, ("if-match", "*")]).unwrap(),
            Precondition::Present
        );
        assert!(put(&[("if-none-match", "\"x\"")]).is_err());
        assert!(put(&[("if-none-match", "*"), ("if-match", "*")]).is_err());
    }
}
