//! Tantivy alone over a list of files: id, name and body with positions, two indexing threads.
//!
//! The floor that indexing is compared with: no catalog, no facts, no encodings, no second field for
//! stems. It drops HTML's tags, since indexing those as words would make the floor slower than it is.

#![forbid(unsafe_code)]

use std::error::Error;
use std::path::Path;
use std::time::Instant;
use std::{env, fs};

use tantivy::schema::{STORED, STRING, Schema, TEXT};
use tantivy::{Index, IndexWriter, TantivyDocument};

const THREADS: usize = 2;
const MEMORY: usize = 128 * 1024 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [list, folder, every] = arguments.as_slice() else {
        return Err("usage: bare_tantivy LIST FOLDER COMMIT_EVERY (0: once, at the end)".into());
    };
    let every: usize = every.parse()?;
    let listed = fs::read_to_string(list)?;
    fs::create_dir_all(folder)?;

    let mut schema = Schema::builder();
    let id = schema.add_text_field("id", STRING | STORED);
    let name = schema.add_text_field("name", TEXT);
    let body = schema.add_text_field("body", TEXT);
    let index = Index::create_in_dir(folder, schema.build())?;
    let mut writer: IndexWriter = index.writer_with_num_threads(THREADS, MEMORY)?;

    let began = Instant::now();
    let mut documents: usize = 0;
    let mut bytes = 0;
    for line in listed.lines() {
        let (target, path) = line
            .split_once('\t')
            .ok_or("a line without a tab in LIST")?;
        let content = fs::read(path)?;
        bytes += content.len();
        let mut document = TantivyDocument::new();
        document.add_text(id, documents.to_string());
        document.add_text(name, target);
        document.add_text(
            body,
            if is_html(path) {
                without_tags(&content)
            } else {
                lossy(&content)
            },
        );
        writer.add_document(document)?;
        documents += 1;
        if every > 0 && documents.is_multiple_of(every) {
            writer.commit()?;
        }
    }
    writer.commit()?;
    let seconds = began.elapsed().as_secs_f64();
    println!("{{\"documents\": {documents}, \"bytes\": {bytes}, \"seconds\": {seconds:.4}}}");
    // Merges still under way are left to finish outside the measured time.
    writer.wait_merging_threads()?;
    Ok(())
}

fn is_html(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("html"))
}

fn lossy(content: &[u8]) -> String {
    String::from_utf8_lossy(content).into_owned()
}

/// The text between tags, without scripts and styles; a tag leaves a space, and entities stay as they are.
fn without_tags(content: &[u8]) -> String {
    let mut text = Vec::with_capacity(content.len());
    let mut rest = content;
    while let Some(open) = rest.iter().position(|&byte| byte == b'<') {
        text.extend_from_slice(&rest[..open]);
        text.push(b' ');
        rest = &rest[open..];
        let raw = [("<script", "</script"), ("<style", "</style")];
        if let Some((_, end)) = raw.iter().find(|(start, _)| starts_with(rest, start)) {
            let close = rest
                .iter()
                .enumerate()
                .position(|(at, &byte)| byte == b'<' && starts_with(&rest[at..], end));
            rest = &rest[close.unwrap_or(rest.len())..];
        }
        let close = rest
            .iter()
            .position(|&byte| byte == b'>')
            .map_or(rest.len(), |at| at + 1);
        rest = &rest[close..];
    }
    text.extend_from_slice(rest);
    lossy(&text)
}

fn starts_with(content: &[u8], word: &str) -> bool {
    content
        .get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_scripts_and_styles_are_dropped() {
        let page =
            b"<p class=x>one<b>two</b></p><SCRIPT>if (a<b) c()</Script>three<style>p{}</style><br";
        let text = without_tags(page);
        assert_eq!(
            text.split_whitespace().collect::<Vec<_>>(),
            ["one", "two", "three"]
        );
    }
}
