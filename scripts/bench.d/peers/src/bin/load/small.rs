//! Many small exchanges over a few kept-alive connections.

use std::fs;
use std::io::Write;
use std::time::Instant;

use crate::answer::Answer;
use crate::arguments::{Arguments, Outcome};
use crate::pool::run;
use crate::slices::{Slices, unique_word};
use crate::tally::Tally;
use crate::watcher::Watcher;

pub fn get(arguments: &Arguments) -> Outcome<Tally> {
    let listed = fs::read_to_string(arguments.text("targets")?)?;
    let targets: Vec<&str> = listed.lines().collect();
    if targets.is_empty() {
        return Err("--targets names an empty file".into());
    }
    let count: Option<u64> = arguments.maybe("count")?;
    let limit: Option<f64> = arguments.maybe("seconds")?;
    if count.is_none() && limit.is_none() {
        return Err("--count or --seconds is missing".into());
    }
    // Counted from the first request: opening the connections is not part of what is measured.
    let mut began = None;
    let request = |number: u64, request: &mut Vec<u8>| {
        let began = *began.get_or_insert_with(Instant::now);
        let over = count.is_some_and(|count| number >= count)
            || limit.is_some_and(|limit| began.elapsed().as_secs_f64() >= limit);
        if over {
            return Ok(false);
        }
        let target = targets[number as usize % targets.len()];
        write!(request, "GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        Ok(true)
    };
    let expected: Option<usize> = arguments.maybe("expect")?;
    let answered = |number, answer: &Answer| match expected {
        Some(size) if answer.body.len() != size => Err(format!(
            "answer {number} has {} octets, not {size}",
            answer.body.len()
        )
        .into()),
        _ => Ok(()),
    };
    let connections = arguments.maybe("connections")?.unwrap_or(1);
    run(arguments.address, connections, None, request, answered)
}

pub fn files(arguments: &Arguments) -> Outcome<Tally> {
    let listed = fs::read_to_string(arguments.text("list")?)?;
    let mut lines = listed.lines();
    let request = |_, request: &mut Vec<u8>| {
        let Some(line) = lines.next() else {
            return Ok(false);
        };
        let (target, path) = line
            .split_once('\t')
            .ok_or("a line without a tab in --list")?;
        put_request(request, target, &fs::read(path)?)?;
        Ok(true)
    };
    let connections = arguments.maybe("connections")?.unwrap_or(8);
    run(arguments.address, connections, None, request, |_, _| Ok(()))
}

pub fn put(arguments: &Arguments) -> Outcome<Tally> {
    let mut slices = Slices::read(arguments)?;
    let prefix: String = arguments.maybe("prefix")?.unwrap_or_else(|| "/".to_owned());
    let sample: Option<u64> = arguments.maybe("sample")?;
    let watcher = match sample {
        Some(_) => Some(Watcher::start(arguments.address, arguments.text("search")?)),
        None => None,
    };
    let tag = arguments.text("tag")?;
    let request = |number: u64, request: &mut Vec<u8>| {
        let Some(slice) = slices.take(number) else {
            return Ok(false);
        };
        // Five hundred to a folder, as a person might keep them.
        let target = format!("{prefix}{tag}/{:03}/{number:06}.txt", number / 500);
        put_request(request, &target, slice)?;
        Ok(true)
    };
    let answered = |number: u64, _: &Answer| {
        if let (Some(watcher), Some(every)) = (&watcher, sample)
            && number.is_multiple_of(every)
        {
            watcher.announce(unique_word(tag, number));
        }
        Ok(())
    };
    let connections = arguments.maybe("connections")?.unwrap_or(8);
    let mut tally = run(
        arguments.address,
        connections,
        arguments.maybe("rate")?,
        request,
        answered,
    )?;
    if let Some(watcher) = watcher {
        tally.searchable = watcher.finish()?;
    }
    Ok(tally)
}

/// The tus 1.0 protocol's creation-with-upload extension: one request for each file.
pub fn tus(arguments: &Arguments) -> Outcome<Tally> {
    let mut slices = Slices::read(arguments)?;
    let prefix = arguments.text("prefix")?;
    let request = |number: u64, request: &mut Vec<u8>| {
        let Some(slice) = slices.take(number) else {
            return Ok(false);
        };
        let length = slice.len();
        write!(
            request,
            "POST {prefix} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Length: {length}\r\n\
             Upload-Metadata: filename bm90ZS50eHQ=\r\nContent-Type: application/offset+octet-stream\r\n\
             Content-Length: {length}\r\n\r\n"
        )?;
        request.extend_from_slice(slice);
        Ok(true)
    };
    let connections = arguments.maybe("connections")?.unwrap_or(8);
    run(
        arguments.address,
        connections,
        arguments.maybe("rate")?,
        request,
        |_, _| Ok(()),
    )
}

/// Without a type, as `curl -T` sends it: the server tells by name and content.
fn put_request(request: &mut Vec<u8>, target: &str, body: &[u8]) -> Outcome<()> {
    let length = body.len();
    write!(
        request,
        "PUT {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
    )?;
    request.extend_from_slice(body);
    Ok(())
}
