//! Messages as they are sent (RFC 5322, MIME): who to whom, the text, and what is attached.

use mail_parser::{Address, DateTime, Message, MessageParser, MimeHeaders, PartType};

use super::flow::Flow;
use super::sink::{Sink, Unreadable};
use super::{MAX_TEXT_BYTES, attachment, html};

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
    for people in [message.from(), message.to(), message.cc()]
        .into_iter()
        .flatten()
    {
        let line: Vec<String> = everybody(people);
        out.paragraph(&line.join(", "));
    }
    for part in message.text_bodies() {
        out.line();
        match &part.body {
            PartType::Text(text) => out.text(text),
            PartType::Html(page) => {
                let mut flow = Flow::new(MAX_TEXT_BYTES);
                html::text(page, &mut flow);
                out.text(&flow.into_text());
            }
            _ => {}
        }
        out.line();
    }
    for part in message.attachments() {
        if out.is_full() {
            return;
        }
        let name = part.attachment_name().unwrap_or_default();
        match &part.body {
            PartType::Text(text) | PartType::Html(text) => {
                attachment::read(name, text.as_bytes(), out);
            }
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                attachment::read(name, bytes, out);
            }
            PartType::Message(message) => {
                out.paragraph(name);
                out.inside(|out| {
                    out.paragraph(message.subject().unwrap_or_default());
                    write(message, out);
                });
            }
            PartType::Multipart(_) => {}
        }
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
