//! Reads HTTP/1.1 answers: just enough of RFC 9112 for the servers compared here.

use crate::arguments::Outcome;

/// One complete answer, split off the front of what a connection has received.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub location: Option<String>,
    pub body: Vec<u8>,
    /// The server will close the connection after this answer.
    pub last: bool,
    /// Octets of the received data that this answer took.
    pub length: usize,
}

/// What an answer's head says about the body that follows it.
pub struct Head {
    pub status: u16,
    pub location: Option<String>,
    pub last: bool,
    pub framing: Framing,
    /// Octets up to and including the empty line.
    pub length: usize,
}

pub enum Framing {
    Sized(usize),
    Chunked,
}

impl Answer {
    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// `None` while the answer is not complete. Interim answers (1xx) are skipped.
    pub fn split(received: &[u8]) -> Outcome<Option<Self>> {
        let Some(head) = Head::split(received)? else {
            return Ok(None);
        };
        let rest = &received[head.length..];
        if head.status < 200 {
            let next = Self::split(rest)?;
            return Ok(next.map(|answer| Self {
                length: head.length + answer.length,
                ..answer
            }));
        }
        let Some((body, taken)) = (match head.framing {
            Framing::Sized(size) => rest.get(..size).map(|body| (body.to_vec(), size)),
            Framing::Chunked => dechunk(rest)?,
        }) else {
            return Ok(None);
        };
        Ok(Some(Self {
            status: head.status,
            location: head.location,
            body,
            last: head.last,
            length: head.length + taken,
        }))
    }
}

impl Head {
    pub fn split(received: &[u8]) -> Outcome<Option<Self>> {
        let Some(end) = find(received, b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&received[..end])?;
        let mut lines = text.split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line
            .split(' ')
            .nth(1)
            .and_then(|word| word.parse().ok());
        let status: u16 = status.ok_or_else(|| format!("not an HTTP answer: {status_line:?}"))?;
        let mut head = Self {
            status,
            location: None,
            last: false,
            framing: Framing::Sized(0),
            length: end + 4,
        };
        let mut framed = status < 200 || status == 204 || status == 304;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                head.framing = Framing::Sized(value.parse()?);
                framed = true;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                head.framing = Framing::Chunked;
                framed = true;
            } else if name.eq_ignore_ascii_case("location") {
                head.location = Some(value.to_owned());
            } else if name.eq_ignore_ascii_case("connection") {
                head.last = value.eq_ignore_ascii_case("close");
            }
        }
        if framed {
            Ok(Some(head))
        } else {
            Err("an answer without a length".into())
        }
    }
}

/// The joined chunks and the octets they took; `None` while the last chunk is still missing.
fn dechunk(received: &[u8]) -> Outcome<Option<(Vec<u8>, usize)>> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let Some(line) = find(&received[at..], b"\r\n") else {
            return Ok(None);
        };
        let digits = std::str::from_utf8(&received[at..at + line])?;
        let size = usize::from_str_radix(digits.split(';').next().unwrap_or_default().trim(), 16)?;
        let start = at + line + 2;
        let Some(chunk) = received.get(start..start + size + 2) else {
            return Ok(None);
        };
        body.extend_from_slice(&chunk[..size]);
        at = start + size + 2;
        if size == 0 {
            return Ok(Some((body, at)));
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_only_with_its_last_octet() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 3\r\nConnection: close\r\n\r\nabcHTTP/1.1";
        let end = whole.len() - 8;
        assert_eq!(Answer::split(&whole[..end - 1]).unwrap(), None);
        let expected = Answer {
            status: 200,
            location: None,
            body: b"abc".to_vec(),
            last: true,
            length: end,
        };
        assert_eq!(Answer::split(whole).unwrap(), Some(expected));
    }

    #[test]
    fn chunks_are_joined_and_interim_answers_skipped() {
        let whole = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nLocation: /a\r\n\
            Transfer-Encoding: chunked\r\n\r\n\
            2;x=y\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(
                Answer::split(&whole[..end]).unwrap(),
                None,
                "after {end} octets"
            );
        }
        let expected = Answer {
            status: 201,
            location: Some("/a".to_owned()),
            body: b"abc".to_vec(),
            last: false,
            length: whole.len(),
        };
        assert_eq!(Answer::split(whole).unwrap(), Some(expected));
    }

    #[test]
    fn no_content_needs_no_length_and_anything_else_does() {
        let none = Answer::split(b"HTTP/1.1 204 No Content\r\n\r\n")
            .unwrap()
            .unwrap();
        assert_eq!((none.status, none.body.len()), (204, 0));
        assert!(Answer::split(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(Answer::split(b"SSH-2.0\r\n\r\n").is_err());
    }
}
