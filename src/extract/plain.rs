//! Text as it stands, without what only a terminal or a printer understands.

/// Bytes with which something begins that may have to go: controls, and the leads of C1 controls
/// and the soft hyphen (U+0080 to U+00BF) and of the byte order mark (U+F000 to U+FFFF).
fn is_suspect(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\n' && byte != b'\t') || matches!(byte, 0x7f | 0xc2 | 0xef)
}

/// Looks at whole blocks first, without a branch in them, so that the compiler can use vectors.
pub fn first_suspect(bytes: &[u8]) -> Option<usize> {
    const BLOCK: usize = 64;
    let clean_blocks = bytes
        .chunks_exact(BLOCK)
        .take_while(|block| {
            !block
                .iter()
                .fold(false, |any, byte| any | is_suspect(*byte))
        })
        .count();
    let start = clean_blocks * BLOCK;
    let within = bytes[start..].iter().position(|byte| is_suspect(*byte));
    within.map(|at| start + at)
}

/// Ends lines in `\n`; drops other controls, soft hyphens, byte order marks and the escape
/// sequences of terminals; applies overstrikes (as in old manual pages). Most texts pass through
/// without a copy.
pub fn clean(text: String) -> String {
    let Some(first) = first_suspect(text.as_bytes()) else {
        return text;
    };
    let mut out = String::with_capacity(text.len());
    out.push_str(&text[..first]);
    push_clean(&text[first..], &mut out);
    out
}

/// Appends `text`, cleaned, to `out`.
pub fn push_clean(mut text: &str, out: &mut String) {
    while let Some(at) = first_suspect(text.as_bytes()) {
        out.push_str(&text[..at]);
        text = replace(&text[at..], out);
    }
    out.push_str(text);
}

/// Deals with the suspect character that `text` begins with, and returns what follows.
fn replace<'a>(text: &'a str, out: &mut String) -> &'a str {
    let mut chars = text.chars();
    let Some(suspect) = chars.next() else {
        return text;
    };
    let rest = chars.as_str();
    match suspect {
        '\r' if rest.starts_with('\n') => {}
        '\r' | '\u{b}' | '\u{c}' | '\u{85}' => out.push('\n'),
        '\u{8}' => {
            // A character printed over another replaces it; a line end stays.
            if out.ends_with(|last| last != '\n') {
                out.pop();
            }
        }
        '\u{1b}' => return after_escape(rest),
        // At the end of a line it shows, and says that the word goes on.
        '\u{ad}' if rest.starts_with(['\r', '\n']) => out.push('-'),
        '\u{ad}' | '\u{feff}' => {}
        other if other.is_control() => {}
        other => out.push(other),
    }
    rest
}

/// What follows a terminal's control sequence (ECMA-48): `[`, parameters, intermediates and one
/// final byte. Any other escape character is dropped alone.
fn after_escape(text: &str) -> &str {
    let Some(sequence) = text.strip_prefix('[') else {
        return text;
    };
    let length = sequence
        .bytes()
        .position(|byte| !(0x20..=0x3f).contains(&byte));
    match length {
        Some(at) if sequence.as_bytes()[at].is_ascii() => &sequence[at + 1..],
        Some(at) => &sequence[at..],
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::clean;

    fn cleaned(text: &str) -> String {
        clean(text.to_owned())
    }

    #[test]
    fn ordinary_text_keeps_its_memory() {
        let text = "naïve café\n\tindented 日本語 😀".to_owned();
        let before = text.as_ptr();
        let after = clean(text);
        assert_eq!(after.as_ptr(), before);
        assert_eq!(after, "naïve café\n\tindented 日本語 😀");
    }

    #[test]
    fn line_ends_become_one_kind() {
        assert_eq!(cleaned("a\r\nb\rc\u{c}d\u{85}e"), "a\nb\nc\nd\ne");
    }

    #[test]
    fn invisible_characters_go() {
        assert_eq!(
            cleaned("soft\u{ad}ware\u{feff} \0\u{7}\u{9f}end"),
            "software end"
        );
        assert_eq!(cleaned("do\u{ad}\r\nnau"), "do-\nnau");
        assert_eq!(cleaned("10\u{a0}€ «½» \u{fb01}"), "10\u{a0}€ «½» \u{fb01}");
    }

    #[test]
    fn terminal_colours_do_not_glue_words() {
        assert_eq!(cleaned("\x1b[1;31mERROR\x1b[0m disk"), "ERROR disk");
        assert_eq!(cleaned("end\x1b["), "end");
        assert_eq!(cleaned("\x1b[é\x1b"), "é");
    }

    #[test]
    fn overstrikes_read_as_printed() {
        assert_eq!(cleaned("N\u{8}NA\u{8}AM\u{8}ME\u{8}E _\u{8}a"), "NAME a");
        assert_eq!(cleaned("\u{8}\u{8}x\n\u{8}y"), "x\ny");
    }
}
