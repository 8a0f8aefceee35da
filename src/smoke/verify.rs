//! `smoke verify`: holds an installation to the receipts it gave.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead, Write};
use std::thread;
use std::time::{Duration, Instant};

use super::client::{Client, Found};
use super::{Line, count, say};
use crate::error::{Error, Result};
use crate::library::FileId;
use crate::remote::Address;

/// How long a file may take to be found by search after the check began.
pub const SEARCHABLE_WITHIN: Duration = Duration::from_secs(15);
/// Small enough that a folder of a run needs several pages.
const PAGE: usize = 5;

/// Checks each receipt on stdin: the file downloads byte for byte, is listed in its folder and
/// is found by its word; and the boot that answers is newer than those that took the files,
/// unless `same_boot`. One line per finding on stderr; false if there was any.
///
/// # Errors
/// If the installation does not answer, or stdin holds something that is not a receipt.
pub fn verify(place: &Address, same_boot: bool) -> Result<bool> {
    let client = Client::new(place)?;
    let lines = read(io::stdin().lock())?;
    let boot = client.boot()?;
    let mut findings = Vec::new();
    let mut find = |finding: Option<String>| {
        if let Some(finding) = finding {
            say(&finding);
            findings.push(finding);
        }
    };
    if !same_boot {
        find(check_boot(boot, &lines));
    }
    for line in &lines {
        find(check_bytes(&client, line));
    }
    for finding in check_listings(&client, &lines) {
        find(Some(finding));
    }
    let deadline = Instant::now() + SEARCHABLE_WITHIN;
    for line in &lines {
        find(check_search(&client, line.receipt.id, &line.word, deadline));
    }
    let summary = format!(
        "{} checked against boot {boot}: {}.",
        count(lines.len(), "receipt"),
        if findings.is_empty() {
            "all well".to_owned()
        } else {
            count(findings.len(), "finding")
        }
    );
    let _ = writeln!(io::stdout(), "{summary}");
    Ok(findings.is_empty())
}

fn read(input: impl BufRead) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (index, text) in input.lines().enumerate() {
        let number = index + 1;
        let text = text.map_err(|error| {
            Error::invalid(format!(
                "Line {number} of the receipts cannot be read: {error}."
            ))
        })?;
        if text.trim().is_empty() {
            continue;
        }
        lines.push(serde_json::from_str(&text).map_err(|error| {
            Error::invalid(format!(
                "Line {number} is not a receipt ({error}); pass what `wharfside smoke put` printed."
            ))
        })?);
    }
    if lines.is_empty() {
        return Err(Error::invalid(
            "There is no receipt on stdin; pass what `wharfside smoke put` printed.",
        ));
    }
    Ok(lines)
}

fn check_boot(boot: u64, lines: &[Line]) -> Option<String> {
    let last = lines
        .iter()
        .map(|line| line.receipt.boot)
        .max()
        .unwrap_or(0);
    (boot <= last).then(|| {
        format!(
            "Boot {boot} answers, and boot {last} took the files: nothing was restarted in between \
             (or the directory is another one). Use --same-boot if that is meant."
        )
    })
}

fn check_bytes(client: &Client, line: &Line) -> Option<String> {
    let receipt = &line.receipt;
    match client.download(receipt.path.as_str()) {
        Ok((sha256, size)) if sha256 == receipt.sha256 && size == receipt.size => None,
        Ok((sha256, size)) => Some(format!(
            "{} holds {size} bytes with SHA-256 {sha256}, but {} bytes with {} were acknowledged.",
            receipt.path, receipt.size, receipt.sha256
        )),
        Err(error) => Some(format!("{} cannot be downloaded: {error}", receipt.path)),
    }
}

fn check_listings(client: &Client, lines: &[Line]) -> Vec<String> {
    let mut folders: BTreeMap<String, Vec<&Line>> = BTreeMap::new();
    for line in lines {
        folders
            .entry(line.receipt.path.folder().into())
            .or_default()
            .push(line);
    }
    let mut findings = Vec::new();
    for (folder, lines) in folders {
        match list_all(client, &folder, PAGE) {
            Ok(listed) => {
                findings.extend(lines.iter().filter_map(|line| check_listed(&listed, line)))
            }
            Err(error) => findings.push(format!("{folder} cannot be listed: {error}")),
        }
    }
    findings
}

/// The files directly in `folder`, asked for `page` at a time.
pub fn list_all(client: &Client, folder: &str, page: usize) -> Result<HashMap<FileId, Found>> {
    let mut all = HashMap::new();
    let mut cursor: Option<String> = None;
    loop {
        let listed = client.list(folder, page, cursor.as_deref())?;
        all.extend(listed.files.into_iter().map(|found| (found.id, found)));
        if listed.next.is_none() {
            return Ok(all);
        }
        if listed.next == cursor {
            return Err(Error::internal(format!(
                "the listing of {folder} goes on for ever."
            )));
        }
        cursor = listed.next;
    }
}

fn check_listed(listed: &HashMap<FileId, Found>, line: &Line) -> Option<String> {
    let receipt = &line.receipt;
    match listed.get(&receipt.id) {
        None => Some(format!("{} is not listed in its folder.", receipt.path)),
        Some(found)
            if found.path != receipt.path.as_str()
                || found.size != receipt.size
                || found.sha256 != receipt.sha256 =>
        {
            Some(format!(
                "{} is listed as {} with {} bytes and SHA-256 {}.",
                receipt.path, found.path, found.size, found.sha256
            ))
        }
        Some(_) => None,
    }
}

/// Asks again until the deadline: indexing follows the acknowledgement. An error is a finding
/// at once, for only "not yet" is allowed to pass.
pub fn check_search(client: &Client, id: FileId, word: &str, deadline: Instant) -> Option<String> {
    loop {
        match client.search(word) {
            Ok(ids) if ids.contains(&id) => return None,
            Ok(_) if Instant::now() >= deadline => {
                return Some(format!("File {id} is not found by its word {word}."));
            }
            Ok(_) => thread::sleep(Duration::from_millis(50)),
            Err(error) => return Some(format!("File {id} cannot be searched for: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIPT: &str = r#"{"id":1,"path":"a/b.txt","version":1,"size":0,"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","sequence":3,"boot":2,"time":"2026-01-01T00:00:00Z","word":"kelp"}"#;

    #[test]
    fn a_line_that_is_no_receipt_is_named() {
        let error = read(format!("{RECEIPT}\n\n{{\"id\":1}}\n").as_bytes()).unwrap_err();
        assert!(
            error.sentence().starts_with("Line 3 is not a receipt"),
            "{error}"
        );
        assert!(
            read("\n".as_bytes())
                .unwrap_err()
                .sentence()
                .contains("no receipt")
        );
        assert!(
            read(&b"\xff\n"[..])
                .unwrap_err()
                .sentence()
                .contains("Line 1")
        );
    }

    #[test]
    fn the_answering_boot_must_be_newer() {
        let lines = read(RECEIPT.as_bytes()).unwrap();
        assert!(check_boot(2, &lines).is_some());
        assert!(check_boot(3, &lines).is_none());
    }
}
