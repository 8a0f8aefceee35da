//! The path below which everything is served.

/// Longest path, in bytes.
const MAX_BYTES: usize = 200;

/// Nothing, or segments with a slash before each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasePath(String);

impl BasePath {
    /// Reads `/files`, `files` or `/files/`; nothing for what is no path of plain segments.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let path = text.strip_prefix('/').unwrap_or(text);
        let path = path.strip_suffix('/').unwrap_or(path);
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let is_segment =
            |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(is_plain);
        if path.is_empty() {
            return Some(Self::default());
        }
        let is_path = path.len() <= MAX_BYTES && path.split('/').all(is_segment);
        is_path.then(|| Self(format!("/{path}")))
    }

    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// As addresses begin with it: empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_a_path_of_plain_segments() {
        for (text, read) in [
            ("", Some("")),
            ("/", Some("")),
            ("/files", Some("/files")),
            ("files/", Some("/files")),
            ("/a/b-c_d.e~f", Some("/a/b-c_d.e~f")),
            ("/a//b", None),
            ("/..", None),
            ("/a b", None),
            ("//evil.example/\"x", None),
            ("/%2e", None),
        ] {
            let found = BasePath::parse(text);
            assert_eq!(found.as_ref().map(BasePath::as_str), read, "{text}");
        }
        assert_eq!(BasePath::parse(&"a/".repeat(150)), None);
    }
}
