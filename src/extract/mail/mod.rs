//! Messages as they are sent (RFC 5322, MIME), and files of many of them (mbox, RFC 4155): their head
//! as people know it, the text, and what is attached.

mod head;
pub mod tnef;

use std::collections::HashSet;

use encoding_rs::Encoding;
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::mailbox::mbox::MessageIterator;
use mail_parser::{
    Address, DateTime, Encoding as Transfer, Message, MessageParser, MessagePart, MimeHeaders,
    PartType,
};

use super::flow::Flow;
use super::sink::{Sink, Unreadable};
use super::{MAX_TEXT_BYTES, attachment, decode, html};

/// Messages of one file.
const MAX_MESSAGES: usize = 100_000;
/// Names of encodings that say nothing: they stand where a program did not know.
const UNKNOWN: [&str; 7] = [
    "us-ascii",
    "ascii",
    "ansi_x3.4-1968",
    "unknown-8bit",
    "x-unknown",
    "unknown",
    "default",
];

pub fn read(bytes: &[u8], out: &mut Sink<'_>) -> Result<(), Unreadable> {
    if bytes.starts_with(b"From ") {
        return read_all(bytes, out);
    }
    let bytes = head::readable(bytes);
    let message = MessageParser::default()
        .parse(bytes.as_ref())
        .ok_or_else(|| Unreadable::Broken("it is no message".into()))?;
    out.details.title = message.subject().map(str::to_owned);
    out.details.author = message.from().and_then(first);
    out.details.date = message.date().map(date);
    out.tell();
    write(&message, out);
    Ok(())
}

/// One message after the other, each on a page.
fn read_all(bytes: &[u8], out: &mut Sink<'_>) -> Result<(), Unreadable> {
    out.tell();
    let mut count = 0;
    for message in MessageIterator::new(bytes).take(MAX_MESSAGES).flatten() {
        if out.is_full() {
            break;
        }
        let contents = head::readable(message.contents());
        if let Some(message) = MessageParser::default().parse(contents.as_ref()) {
            write(&message, out);
        }
        out.end_page();
        count += 1;
    }
    out.details.pages = Some(count);
    Ok(())
}

fn write(message: &Message<'_>, out: &mut Sink<'_>) {
    head(message, out);
    for text in texts(message) {
        out.line();
        out.text(&text);
        out.line();
    }
    for part in message.attachments() {
        if out.is_full() {
            return;
        }
        let name = part.attachment_name().unwrap_or_default();
        attachment::announce(name, out);
        match &part.body {
            PartType::Text(text) | PartType::Html(text) => match raw(message, part) {
                Some(bytes) => attachment::read_declared(name, &bytes, declared(part), out),
                None => attachment::read(name, text.as_bytes(), out),
            },
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                attachment::read(name, bytes, out);
            }
            PartType::Message(message) => {
                out.inside(|out| write(message, out));
            }
            PartType::Multipart(_) => {}
        }
    }
}

/// The fields that people look for, each on a line of its own.
fn head(message: &Message<'_>, out: &mut Sink<'_>) {
    let people = |people: Option<&Address<'_>>| people.map(|them| everybody(them).join(", "));
    for (name, value) in [
        ("From", people(message.from())),
        ("Reply-To", people(message.reply_to())),
        ("To", people(message.to())),
        ("Cc", people(message.cc())),
        ("Bcc", people(message.bcc())),
        ("Date", message.date().map(DateTime::to_rfc822)),
        ("Subject", message.subject().map(str::to_owned)),
    ] {
        attachment::field(name, value, out);
    }
}

/// What a message says: its plain text, and what only the page beside it says. Most say the same
/// twice, but there are senders whose plain text is a part of it, or that there is a page.
fn texts(message: &Message<'_>) -> Vec<String> {
    let text = |part| text_of(message, part);
    let mut texts: Vec<String> = message.text_bodies().filter_map(text).collect();
    if message.html_body == message.text_body {
        return texts;
    }
    let words: HashSet<String> = texts.iter().flat_map(|text| words_of(text)).collect();
    let is_new = |line: &&str| words_of(line).any(|word| !words.contains(&word));
    for page in message.html_bodies().filter(|part| part.is_text_html()) {
        let page = text(page).unwrap_or_default();
        let new: Vec<&str> = page.lines().filter(is_new).collect();
        if !new.is_empty() && !texts.contains(&page) {
            texts.push(new.join("\n"));
        }
    }
    texts
}

fn words_of(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_lowercase)
}

fn text_of(message: &Message<'_>, part: &MessagePart<'_>) -> Option<String> {
    let (text, is_page) = match &part.body {
        PartType::Text(text) => (text, false),
        PartType::Html(page) => (page, true),
        _ => return None,
    };
    let label = part
        .content_type()
        .and_then(|kind| kind.attribute("charset"));
    let is_known = declared(part).is_some() || label.is_none_or(is_unknown);
    let text = match raw(message, part).filter(|bytes| is_known && !bytes.is_ascii()) {
        Some(bytes) => {
            let declared = declared(part).or_else(|| {
                let of_page = is_page.then(|| html::declared_encoding(&bytes));
                of_page.flatten()
            });
            decode::Bytes::whole(bytes)
                .decode(declared, MAX_TEXT_BYTES)
                .text
        }
        None => text.clone().into_owned(),
    };
    if !is_page {
        return Some(text);
    }
    let mut flow = Flow::new(MAX_TEXT_BYTES);
    html::text(&text, &mut flow);
    Some(flow.into_text())
}

fn is_unknown(label: &str) -> bool {
    UNKNOWN
        .iter()
        .any(|unknown| unknown.eq_ignore_ascii_case(label.trim()))
}

/// The encoding that a part says it has, if it is one.
fn declared(part: &MessagePart<'_>) -> Option<&'static Encoding> {
    let label = part.content_type()?.attribute("charset")?;
    Encoding::for_label(label.as_bytes()).filter(|_| !is_unknown(label))
}

/// The bytes of a text as they were before they were encoded for the way.
fn raw(message: &Message<'_>, part: &MessagePart<'_>) -> Option<Vec<u8>> {
    let (start, end) = (part.offset_body as usize, part.offset_end as usize);
    let bytes = message.raw_message.get(start..end)?;
    match part.encoding {
        Transfer::None => Some(bytes.to_vec()),
        Transfer::QuotedPrintable => quoted_printable_decode(bytes),
        Transfer::Base64 => base64_decode(bytes),
    }
    // A text that is empty is more likely not understood than empty.
    .filter(|bytes| !bytes.is_empty())
}

/// People with their addresses, and the names of the groups they are in.
fn everybody(people: &Address<'_>) -> Vec<String> {
    let one = |person: &mail_parser::Addr<'_>| {
        let parts = [person.name(), person.address()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    match people {
        Address::List(people) => people.iter().map(one).collect(),
        Address::Group(groups) => groups
            .iter()
            .flat_map(|group| {
                let name = group.name.as_ref().map(|name| format!("{name}:"));
                let people = group.addresses.iter().map(one);
                let people = people.collect::<Vec<_>>().join(", ");
                let all = [name, Some(people)].into_iter().flatten();
                let all = all.filter(|part| !part.is_empty()).collect::<Vec<_>>();
                (!all.is_empty()).then(|| all.join(" "))
            })
            .collect(),
    }
}

fn first(people: &Address<'_>) -> Option<String> {
    let person = people.first()?;
    person.name().or(person.address()).map(str::to_owned)
}

/// As its sender's clock showed it.
fn date(date: &DateTime) -> String {
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        date.year, date.month, date.day, date.hour, date.minute, date.second
    )
}
