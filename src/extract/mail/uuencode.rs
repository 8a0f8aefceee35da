//! Files in the middle of a text, as they were sent before MIME (uuencode, POSIX.1-2017).

/// More files than these in one text stay as they are.
const MAX_FILES: usize = 1000;

/// A file with its name.
pub struct File {
    pub name: String,
    pub content: Vec<u8>,
}

/// The text without the files in it, and the files.
pub fn split(text: &str) -> (String, Vec<File>) {
    let mut rest = String::new();
    let mut files = Vec::new();
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let next = lines.peek().copied().unwrap_or_default();
        let name = begin(line).filter(|_| decode_line(next, true).is_some());
        let Some(name) = name.filter(|_| files.len() < MAX_FILES) else {
            rest.push_str(line);
            continue;
        };
        let mut content = Vec::new();
        while let Some(line) = lines.peek() {
            let line = line.trim_end_matches(['\r', '\n']);
            if line.eq_ignore_ascii_case("end") {
                lines.next();
                break;
            }
            let Some(bytes) = decode_line(line, false) else {
                break;
            };
            content.extend(bytes);
            lines.next();
        }
        let name = name.to_owned();
        files.push(File { name, content });
    }
    (rest, files)
}

/// What is encoded in the body of a part; all of them, if there are several.
pub fn decode(body: &[u8]) -> Option<Vec<u8>> {
    let (_, files) = split(&String::from_utf8_lossy(body));
    let contents: Vec<Vec<u8>> = files.into_iter().map(|file| file.content).collect();
    (!contents.is_empty()).then(|| contents.concat())
}

/// The name in a line that begins a file: `begin 644 name`.
fn begin(line: &str) -> Option<&str> {
    let (mode, name) = line.trim_end().strip_prefix("begin ")?.split_once(' ')?;
    let is_mode = matches!(mode.len(), 3 | 4) && mode.bytes().all(|byte| byte.is_ascii_digit());
    (is_mode && !name.trim().is_empty()).then_some(name.trim())
}

/// The bytes of a line. Blanks at its end may be lost; of the first of a file nothing may be.
fn decode_line(line: &str, is_first: bool) -> Option<Vec<u8>> {
    let line = line.trim_end_matches(['\r', '\n']).as_bytes();
    let (length, digits) = line.split_first()?;
    let is_digit = |byte: &u8| (b' '..=b'`').contains(byte);
    let length = usize::from(length.checked_sub(b' ').filter(|length| *length <= 64)? & 63);
    let expected = length.div_ceil(3) * 4;
    let is_exact = length > 0 && digits.len() >= expected;
    // A sum may stand behind the digits.
    if !digits.iter().all(is_digit) || digits.len() > expected + 2 || (is_first && !is_exact) {
        return None;
    }
    let value = |at: usize| digits.get(at).map_or(0, |byte| (byte - b' ') & 63);
    let mut bytes = Vec::with_capacity(expected);
    for at in (0..expected).step_by(4) {
        let (a, b, c, d) = (value(at), value(at + 1), value(at + 2), value(at + 3));
        bytes.extend([a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
    }
    bytes.truncate(length);
    Some(bytes)
}

#[cfg(test)]
pub mod tests {
    use super::{decode, split};

    pub fn encode(name: &str, content: &[u8]) -> String {
        let mut text = format!("begin 644 {name}\r\n");
        let digit = |value: u8| char::from(if value == 0 { b'`' } else { value + b' ' });
        for line in content.chunks(45) {
            text.push(digit(line.len() as u8));
            for part in line.chunks(3) {
                let at = |at: usize| part.get(at).copied().unwrap_or(0);
                let (a, b, c) = (at(0), at(1), at(2));
                for value in [
                    a >> 2,
                    (a & 3) << 4 | b >> 4,
                    (b & 15) << 2 | c >> 6,
                    c & 63,
                ] {
                    text.push(digit(value));
                }
            }
            text.push_str("\r\n");
        }
        text.push_str("`\r\nend\r\n");
        text
    }

    #[test]
    fn files_are_found_in_the_middle_of_a_text() {
        let content: Vec<u8> = (0..=255).collect();
        let file = encode("a b.bin", &content);
        for file in [file.clone(), file.replace('`', " ")] {
            let text = format!("before\r\n{file}after\r\n{file}");
            let (rest, files) = split(&text);
            assert_eq!(rest, "before\r\nafter\r\n");
            assert_eq!(files.len(), 2);
            for file in files {
                assert_eq!((file.name.as_str(), &file.content), ("a b.bin", &content));
            }
            assert_eq!(decode(file.as_bytes()), Some(content.clone()));
        }
        for text in [
            "begin 644 the work\r\nSoon it is done.\r\nend",
            "begin 644\r\n",
            "begin 644 a",
            "begin now please\r\n#0V%T\r\n",
            "",
        ] {
            assert_eq!(split(text).0, text);
        }
        // Cut off, or followed by something else.
        let (rest, files) = split("begin 644 a\n#0V%T\nwords, then\nend\n");
        assert_eq!(
            (rest.as_str(), files[0].content.as_slice()),
            ("words, then\nend\n", &b"Cat"[..])
        );
    }
}
