//! One large body in one exchange, up or down.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use crate::answer::{Answer, Framing, Head};
use crate::arguments::{Arguments, Outcome};
use crate::noise::{CHUNK, Noise};
use crate::tally::Tally;

const BOUNDARY: &str = "----------------------5d0c7a14e2f94b6b";

/// Uploads noise. Each seed gives other content in each chunk, so that nothing can be deduplicated.
pub fn send(arguments: &Arguments) -> Outcome<Tally> {
    let target = arguments.text("target")?;
    let bytes: usize = arguments.number("bytes")?;
    let form: Option<String> = arguments.maybe("form")?;
    let mut noise = Noise::new(arguments.number("seed")?);
    let mut connection = TcpStream::connect(arguments.address)?;
    connection.set_nodelay(true)?;

    let (method, kind, before, after) = match form {
        None => (
            "PUT",
            "application/octet-stream".to_owned(),
            String::new(),
            String::new(),
        ),
        Some(name) => (
            "POST",
            format!("multipart/form-data; boundary={BOUNDARY}"),
            format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"path\"; filename=\"{name}\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n"
            ),
            format!("\r\n--{BOUNDARY}--\r\n"),
        ),
    };
    let length = before.len() + bytes + after.len();
    let mut tally = Tally::start();
    let began = Instant::now();
    write!(
        connection,
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{before}"
    )?;
    let mut left = bytes;
    while left > 0 {
        let chunk = noise.next();
        let part = &chunk[..left.min(CHUNK)];
        connection.write_all(part)?;
        left -= part.len();
    }
    connection.write_all(after.as_bytes())?;
    let answer = read_answer(&mut connection)?;
    // A form's answer is a redirection back to the page in some servers.
    if answer.status < 400 {
        tally.exchange(began, bytes as u64);
    } else {
        tally.failure(answer.status, &answer.body);
    }
    Ok(tally)
}

pub fn read_answer(connection: &mut TcpStream) -> Outcome<Answer> {
    let mut received = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        if let Some(answer) = Answer::split(&received)? {
            return Ok(answer);
        }
        match connection.read(&mut buffer)? {
            0 => return Err("the server closed the connection before it answered".into()),
            count => received.extend_from_slice(&buffer[..count]),
        }
    }
}

/// Downloads and discards.
pub fn receive(arguments: &Arguments) -> Outcome<Tally> {
    let target = arguments.text("target")?;
    let mut connection = TcpStream::connect(arguments.address)?;
    connection.set_nodelay(true)?;
    let mut tally = Tally::start();
    let began = Instant::now();
    write!(
        connection,
        "GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    )?;
    let mut buffer = vec![0; CHUNK];
    let mut filled = 0;
    let head = loop {
        if let Some(head) = Head::split(&buffer[..filled])? {
            break head;
        }
        match connection.read(&mut buffer[filled..])? {
            0 => return Err("the server closed the connection before it answered".into()),
            count => filled += count,
        }
    };
    let Framing::Sized(size) = head.framing else {
        return Err("a download of unknown length".into());
    };
    let mut got = filled - head.length;
    while got < size {
        match connection.read(&mut buffer)? {
            0 => return Err(format!("the download ended after {got} of {size} octets").into()),
            count => got += count,
        }
    }
    if head.status == 200 {
        tally.exchange(began, size as u64);
    } else {
        tally.failure(head.status, b"");
    }
    Ok(tally)
}
