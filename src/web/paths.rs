//! Library paths inside addresses.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What a path segment cannot hold as it is (RFC 3986, `pchar`), and `%` itself.
const NOT_PCHAR: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A path for use in an address; its slashes stay.
pub fn encode(path: &str) -> String {
    utf8_percent_encode(path, NOT_PCHAR).to_string()
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn paths_become_addresses() {
        assert_eq!(encode("reports/q3 50%?.pdf"), "reports/q3%2050%25%3F.pdf");
        assert_eq!(encode("資.txt"), "%E8%B3%87.txt");
        assert_eq!(encode("a#b&c+d"), "a%23b&c+d");
    }
}
