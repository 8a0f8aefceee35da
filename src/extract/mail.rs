//! Messages as they are sent (RFC 5322, MIME): their head as people know it, the text, and what is
//! attached.

use mail_parser::{Address, DateTime, Message, MessageParser, MessagePart, MimeHeaders, PartType};

use super::flow::Flow;
use super::sink::{Sink, Unreadable};
use super::{MAX_TEXT_BYTES, attachment, html};

/// A page that says so many times as much as the plain text beside it says something else.
const MUCH_MORE: usize = 2;

pub fn read(bytes: &[u8], out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let message = MessageParser::default()
        .parse(bytes)
        .ok_or_else(|| Unreadable::Broken("it is no message".into()))?;
    out.details.title = message.subject().map(str::to_owned);
    out.details.author = message.from().and_then(first);
    out.details.date = message.date().map(date);
    out.tell();
    write(&message, out);
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
            PartType::Text(text) | PartType::Html(text) => {
                attachment::read(name, text.as_bytes(), out);
            }
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
        ("To", people(message.to())),
        ("Cc", people(message.cc())),
        ("Date", message.date().map(DateTime::to_rfc822)),
        ("Subject", message.subject().map(str::to_owned)),
    ] {
        attachment::field(name, value, out);
    }
}

/// What a message says. What it says as plain text and as a page is the same; but there are senders
/// whose plain text is no more than that there is a page.
fn texts(message: &Message<'_>) -> Vec<String> {
    let plain: Vec<String> = message.text_bodies().filter_map(text_of).collect();
    let page: Vec<String> = message.html_bodies().filter_map(text_of).collect();
    let length = |texts: &[String]| texts.iter().map(String::len).sum::<usize>();
    match length(&page) > MUCH_MORE * length(&plain) {
        true => plain.into_iter().chain(page).collect(),
        false => plain,
    }
}

fn text_of(part: &MessagePart<'_>) -> Option<String> {
    match &part.body {
        PartType::Text(text) => Some(text.clone().into_owned()),
        PartType::Html(page) => {
            let mut flow = Flow::new(MAX_TEXT_BYTES);
            html::text(page, &mut flow);
            Some(flow.into_text())
        }
        _ => None,
    }
}

fn everybody(people: &Address<'_>) -> Vec<String> {
    let one = |person: &mail_parser::Addr<'_>| {
        let parts = [person.name(), person.address()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    people.iter().map(one).collect()
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
