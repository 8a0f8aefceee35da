//! Large uploads by the tus 1.0 protocol, in pieces of one size.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::answer::Answer;
use crate::arguments::{Arguments, Outcome};
use crate::large::read_answer;
use crate::noise::{CHUNK, Noise};
use crate::tally::Tally;

const PATIENCE: Duration = Duration::from_secs(60);

/// Uploads noise, each upload from a thread and over a connection of its own. An exchange is a whole upload.
pub fn pieces(arguments: &Arguments) -> Outcome<Tally> {
    let uploads: u64 = arguments.maybe("uploads")?.unwrap_or(1);
    let seed: u64 = arguments.number("seed")?;
    let target = arguments.text("target")?;
    let bytes = arguments.number("bytes")?;
    let piece = arguments.number("piece")?;
    let mut tally = Tally::start();
    let began = Instant::now();
    let answers: Vec<_> = thread::scope(|scope| {
        let started: Vec<_> = (0..uploads)
            .map(|number| {
                let upload = Upload {
                    address: arguments.address,
                    name: format!("{seed}-{number}.bin"),
                    noise: Noise::new(seed * uploads + number),
                    bytes,
                    piece,
                };
                scope.spawn(move || upload.run(target))
            })
            .collect();
        started.into_iter().map(|upload| upload.join()).collect()
    });
    for answer in answers {
        match answer.map_err(|_| "an upload panicked")?? {
            answer if answer.succeeded() => tally.exchange(began, bytes),
            answer => tally.failure(answer.status, &answer.body),
        }
    }
    Ok(tally)
}

struct Upload {
    address: SocketAddr,
    name: String,
    noise: Noise,
    bytes: u64,
    piece: u64,
}

impl Upload {
    /// The last answer: of the last piece, or the first that is no success.
    fn run(mut self, target: &str) -> Outcome<Answer> {
        let mut connection = TcpStream::connect(self.address)?;
        connection.set_nodelay(true)?;
        // Who refuses a piece in the middle of it may stop reading.
        connection.set_write_timeout(Some(PATIENCE))?;
        let (bytes, name) = (self.bytes, BASE64_STANDARD.encode(&self.name));
        write!(
            connection,
            "POST {target} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Length: {bytes}\r\n\
             Upload-Metadata: filename {name}\r\nContent-Length: 0\r\n\r\n"
        )?;
        let mut answer = read_answer(&mut connection)?;
        let location = answer.location.take().unwrap_or_default();
        let place = path(&location).to_owned();
        let mut offset = 0;
        while answer.succeeded() && offset < bytes {
            let length = self.piece.min(bytes - offset);
            self.patch(&mut connection, &place, offset, length)?;
            answer = read_answer(&mut connection)?;
            offset += length;
        }
        Ok(answer)
    }

    fn patch(
        &mut self,
        connection: &mut TcpStream,
        place: &str,
        offset: u64,
        length: u64,
    ) -> Outcome<()> {
        write!(
            connection,
            "PATCH {place} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\n\
             Content-Type: application/offset+octet-stream\r\nContent-Length: {length}\r\n\r\n"
        )?;
        let mut left = length as usize;
        while left > 0 {
            let part = &self.noise.next()[..left.min(CHUNK)];
            connection.write_all(part)?;
            left -= part.len();
        }
        Ok(())
    }
}

/// Of a URL, or of a reference that has no scheme or no authority.
fn path(location: &str) -> &str {
    let Some((_, rest)) = location.split_once("//") else {
        return location;
    };
    rest.find('/').map_or("/", |at| &rest[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_taken_in_any_form() {
        for location in [
            "http://localhost:1/files/a",
            "//localhost/files/a",
            "/files/a",
        ] {
            assert_eq!(path(location), "/files/a");
        }
    }
}
