//! How a stored content is shown to a browser that asked for it: its type, its name, and
//! whether it may be displayed at all. Whoever stored it may be hostile.

use axum::http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use unicode_normalization::UnicodeNormalization;

/// What a content may do when it is displayed: nothing. The rest lets a browser's own viewers for
/// pictures, sound and video work.
pub const CONTENT_POLICY: &str = "sandbox; default-src 'none'; img-src 'self' data:; \
     media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'";

/// A sandbox would keep the browser's viewer from working; nothing else may be loaded.
const VIEWER_POLICY: &str = "default-src 'none'; object-src 'self'; plugin-types application/pdf; \
     style-src 'unsafe-inline'; frame-ancestors 'self'";

/// What a browser displays without running any of it.
const SAFE_MEDIA: [&str; 17] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    "image/bmp",
    "image/x-icon",
    "image/vnd.microsoft.icon",
    "audio/mpeg",
    "audio/ogg",
    "audio/wav",
    "audio/flac",
    "audio/mp4",
    "audio/aac",
    "video/mp4",
    "video/webm",
    "video/ogg",
];

/// The `attr-char` of RFC 8187, which need no encoding.
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The headers that say how a content is shown.
#[derive(Debug, PartialEq, Eq)]
pub struct Disposition {
    pub content_type: HeaderValue,
    pub content_disposition: HeaderValue,
}

/// Decides how a content of `media_type` called `name` is shown; `encoding` is how its text is
/// written, if that is known.
///
/// Pictures, sound and video that browsers display safely are inline. Text of any kind is
/// inline as plain text, so that no browser takes it for a script. Everything that can carry
/// scripts (HTML, SVG, XML, PDF) and everything unknown is an attachment.
pub fn disposition(media_type: &str, encoding: Option<&str>, name: &str) -> Disposition {
    let media = media_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let (content_type, inline) = if SAFE_MEDIA.contains(&media.as_str()) {
        (media, true)
    } else if is_plain_text(&media) {
        let charset = encoding.unwrap_or("utf-8").to_ascii_lowercase();
        (format!("text/plain; charset={charset}"), true)
    } else {
        (media, false)
    };
    Disposition {
        content_type: HeaderValue::try_from(content_type)
            .unwrap_or(HeaderValue::from_static("application/octet-stream")),
        content_disposition: named(if inline { "inline" } else { "attachment" }, name),
    }
}

/// Whether browsers show contents of this type by themselves, without running any of it.
pub fn is_shown(media_type: &str) -> bool {
    SAFE_MEDIA.contains(&media_type)
}

/// As [`disposition`], but for the browser's own viewers: a drawing may be shown as the picture it
/// is, and a PDF document in the viewer, which keeps what is in it apart from every page.
pub fn viewed(media_type: &str, name: &str) -> Option<(Disposition, &'static str)> {
    let policy = match media_type {
        "image/svg+xml" => CONTENT_POLICY,
        "application/pdf" => VIEWER_POLICY,
        _ => return None,
    };
    let shown = Disposition {
        content_type: HeaderValue::try_from(media_type).ok()?,
        content_disposition: named("inline", name),
    };
    Some((shown, policy))
}

fn is_plain_text(media: &str) -> bool {
    let marked_up = media.ends_with("html") || media.ends_with("xml") || media == "text/xsl";
    let text = media.starts_with("text/")
        || media.ends_with("+json")
        || matches!(
            media,
            "application/json"
                | "application/javascript"
                | "application/x-javascript"
                | "application/ecmascript"
                | "application/x-sh"
                | "application/toml"
                | "application/x-yaml"
                | "application/yaml"
                | "application/sql"
        );
    text && !marked_up
}

/// `Content-Disposition` as RFC 6266 writes it: the name in `filename`, with what quotes and paths are
/// made of replaced, and, where that is not the whole truth, the exact one as RFC 8187 encodes it.
/// Beyond ASCII, `filename` has UTF-8: whoever reads it alone, such as `curl -OJ`, takes it as it is.
pub fn named(kind: &str, name: &str) -> HeaderValue {
    let plain: String = name
        .nfc()
        .map(|c| match c {
            '"' | '\\' | '%' | '/' => '_',
            c if c.is_control() => '_',
            c => c,
        })
        .collect();
    let mut value = format!("{kind}; filename=\"{plain}\"");
    if plain != name || !name.is_ascii() {
        value.push_str("; filename*=UTF-8''");
        value.extend(utf8_percent_encode(name, NOT_ATTR_CHAR));
    }
    HeaderValue::from_bytes(value.as_bytes()).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(media: &str, name: &str) -> (String, String) {
        let shown = disposition(media, None, name);
        let text = |value: HeaderValue| String::from_utf8(value.as_bytes().to_vec()).unwrap();
        (text(shown.content_type), text(shown.content_disposition))
    }

    #[test]
    fn only_harmless_types_are_inline() {
        for (media, content_type, inline) in [
            ("image/png", "image/png", true),
            ("IMAGE/JPEG", "image/jpeg", true),
            ("video/mp4", "video/mp4", true),
            ("text/plain", "text/plain; charset=utf-8", true),
            ("text/markdown", "text/plain; charset=utf-8", true),
            ("text/javascript", "text/plain; charset=utf-8", true),
            ("text/css", "text/plain; charset=utf-8", true),
            ("application/json", "text/plain; charset=utf-8", true),
            ("application/ld+json", "text/plain; charset=utf-8", true),
            ("text/html", "text/html", false),
            ("text/html; charset=utf-8", "text/html", false),
            ("application/xhtml+xml", "application/xhtml+xml", false),
            ("image/svg+xml", "image/svg+xml", false),
            ("text/xml", "text/xml", false),
            ("application/pdf", "application/pdf", false),
            (
                "application/x-unheard-of",
                "application/x-unheard-of",
                false,
            ),
            ("broken\u{7}type", "application/octet-stream", false),
        ] {
            let (kind, shown) = shown(media, "a");
            assert_eq!(kind, content_type, "{media}");
            assert_eq!(shown.starts_with("inline"), inline, "{media}");
        }
        let german = disposition("text/plain", Some("windows-1252"), "a");
        assert_eq!(german.content_type, "text/plain; charset=windows-1252");
    }

    #[test]
    fn names_survive_whatever_they_are() {
        for (name, value) in [
            ("plan.zip", "attachment; filename=\"plan.zip\""),
            ("a b.zip", "attachment; filename=\"a b.zip\""),
            (
                "q3 überblick.zip",
                "attachment; filename=\"q3 überblick.zip\"; filename*=UTF-8''q3%20%C3%BCberblick.zip",
            ),
            (
                "say \"hi\"\\.zip",
                "attachment; filename=\"say _hi__.zip\"; filename*=UTF-8''say%20%22hi%22%5C.zip",
            ),
            (
                "100%.zip",
                "attachment; filename=\"100_.zip\"; filename*=UTF-8''100%25.zip",
            ),
            (
                "a\r\nb",
                "attachment; filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab",
            ),
            (
                "資料",
                "attachment; filename=\"資料\"; filename*=UTF-8''%E8%B3%87%E6%96%99",
            ),
        ] {
            assert_eq!(shown("application/zip", name).1, value, "{name}");
        }
    }
}
