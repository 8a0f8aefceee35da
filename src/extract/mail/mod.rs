//! Messages as they are sent (RFC 5322, MIME), and files of many of them (mbox, RFC 4155): their head
//! as people know it, the text, and what is attached.

mod head;
mod seven_bit;
pub mod tnef;
pub mod uuencode;

use std::collections::HashSet;

use encoding_rs::{Encoding, UTF_8};
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::mailbox::mbox::MessageIterator;
use mail_parser::{
    Address, DateTime, Encoding as Transfer, HeaderName, Message, MessageParser, MessagePart,
    MimeHeaders, PartType,
};
use percent_encoding::percent_decode_str;

use super::flow::Flow;
use super::sink::{Sink, Unreadable};
use super::{MAX_TEXT_BYTES, attachment, decode, html};

/// Messages of one file.
const MAX_MESSAGES: usize = 100_000;
/// Fields of one name in a head.
const MAX_REPEATED: usize = 100;
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
    let mut files = Vec::new();
    for text in texts(message) {
        let (text, inside) = uuencode::split(&text);
        out.line();
        out.text(&text);
        out.line();
        files.extend(inside);
    }
    for part in message.attachments() {
        if out.is_full() {
            return;
        }
        let name = name_of(part);
        attachment::announce(&name, out);
        // What it says to those that do not open it.
        if let Some(description) = part.content_description().filter(|it| *it != name) {
            out.paragraph(description);
        }
        match &part.body {
            // Of signed mail each has one.
            _ if is_signature(part) => {}
            PartType::Text(text) | PartType::Html(text) => match raw(message, part) {
                Some(bytes) => {
                    let (bytes, declared) = recoded(part, bytes);
                    attachment::read_declared(&name, &bytes, declared, out);
                }
                None => attachment::read(&name, text.as_bytes(), out),
            },
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                let decoded = is_uuencoded(part).then(|| raw(message, part)).flatten();
                attachment::read(&name, decoded.as_deref().unwrap_or(bytes), out);
            }
            PartType::Message(message) => {
                out.inside(|out| write(message, out));
            }
            PartType::Multipart(_) => {}
        }
    }
    for file in files {
        if out.is_full() {
            return;
        }
        attachment::announce(&file.name, out);
        attachment::read(&file.name, &file.content, out);
    }
}

/// The name of an attachment: its own, or the last part of the address it was saved from.
fn name_of(part: &MessagePart<'_>) -> String {
    if let Some(name) = part.attachment_name() {
        return name.to_owned();
    }
    let address = part.content_location().unwrap_or_default();
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let name = path.trim_end_matches('/').rsplit('/').next();
    let name = percent_decode_str(name.unwrap_or_default()).decode_utf8_lossy();
    name.trim().to_owned()
}

fn is_signature(part: &MessagePart<'_>) -> bool {
    let subtype = part.content_type().and_then(|kind| kind.subtype());
    subtype.is_some_and(|subtype| {
        ["pkcs7-signature", "x-pkcs7-signature", "pgp-signature"]
            .iter()
            .any(|signature| subtype.eq_ignore_ascii_case(signature))
    })
}

/// The fields that people look for, each on a line of its own.
fn head(message: &Message<'_>, out: &mut Sink<'_>) {
    // Programs on the way repeat fields, and only some of them say the same.
    let fields = |name: HeaderName<'static>| {
        let headers = message.parts.first().map(|part| &part.headers[..]);
        let headers = headers.unwrap_or_default().iter();
        headers.filter(move |header| header.name == name)
    };
    let mut people = |name: HeaderName<'static>| {
        let label = name.as_str().to_owned();
        let mut known = Vec::new();
        for people in fields(name).filter_map(|header| header.value.as_address()) {
            let people = everybody(people).join(", ");
            if !known.contains(&people) && known.len() < MAX_REPEATED {
                attachment::field(&label, Some(people.clone()), out);
                known.push(people);
            }
        }
    };
    people(HeaderName::From);
    people(HeaderName::ReplyTo);
    people(HeaderName::To);
    people(HeaderName::Cc);
    people(HeaderName::Bcc);
    attachment::field("Date", message.date().map(DateTime::to_rfc822), out);
    let mut known = Vec::new();
    for subject in fields(HeaderName::Subject).filter_map(|header| header.value.as_text()) {
        if !known.contains(&subject) && known.len() < MAX_REPEATED {
            attachment::field("Subject", Some(subject.to_owned()), out);
            known.push(subject);
        }
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
    let is_known = declared(part).is_some() || label(part).is_none_or(is_unknown);
    // What the parser does not decode.
    let is_encoded = is_uuencoded(part) || label(part).and_then(seven_bit::wider).is_some();
    let bytes = raw(message, part).map(|bytes| recoded(part, bytes));
    let bytes = bytes.filter(|(bytes, _)| is_encoded || (is_known && !bytes.is_ascii()));
    let text = match bytes {
        Some((bytes, declared)) => {
            let declared = declared.or_else(|| {
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

/// Whether a label says nothing of the encoding: one that no decoder knows is as good as none.
fn is_unknown(label: &str) -> bool {
    let says_nothing = |unknown: &&str| unknown.eq_ignore_ascii_case(label.trim());
    let is_utf_7 = label.to_ascii_lowercase().contains("utf-7");
    let has_decoder =
        encoding_called(label).is_some() || seven_bit::wider(label).is_some() || is_utf_7;
    UNKNOWN.iter().any(says_nothing) || !has_decoder
}

/// The encoding of a label, also of those that only some programs write.
fn encoding_called(label: &str) -> Option<&'static Encoding> {
    const OTHERS: [(&str, &str); 14] = [
        ("cp932", "shift_jis"),
        ("sjis-win", "shift_jis"),
        ("ms932", "shift_jis"),
        ("eucjp-ms", "euc-jp"),
        ("eucjp-win", "euc-jp"),
        ("iso-2022-jp-ms", "iso-2022-jp"),
        ("iso-2022-jp-2", "iso-2022-jp"),
        ("iso-2022-jp-3", "iso-2022-jp"),
        ("cp949", "euc-kr"),
        ("uhc", "euc-kr"),
        ("cp936", "gbk"),
        ("cp950", "big5"),
        ("windows1251", "windows-1251"),
        ("win-1251", "windows-1251"),
    ];
    let label = label.trim();
    let mut others = OTHERS.iter();
    let other = others.find(|(other, _)| other.eq_ignore_ascii_case(label));
    let label = other.map_or(label, |(_, label)| label);
    Encoding::for_label_no_replacement(label.as_bytes())
}

/// What a part calls the encoding of its text.
fn label<'a>(part: &'a MessagePart<'_>) -> Option<&'a str> {
    part.content_type()?.attribute("charset")
}

/// The encoding that a part says it has, if it is one.
fn declared(part: &MessagePart<'_>) -> Option<&'static Encoding> {
    let label = label(part)?;
    encoding_called(label).filter(|_| !is_unknown(label))
}

/// A text's bytes in an encoding that has a decoder, and which one it is.
fn recoded(part: &MessagePart<'_>, bytes: Vec<u8>) -> (Vec<u8>, Option<&'static Encoding>) {
    match label(part).and_then(|label| seven_bit::decode(label, &bytes)) {
        Some(text) => (text.into_bytes(), Some(UTF_8)),
        None => (bytes, declared(part)),
    }
}

fn is_uuencoded(part: &MessagePart<'_>) -> bool {
    let encoding = part.content_transfer_encoding().unwrap_or_default().trim();
    ["x-uuencode", "uuencode", "x-uue", "uue"]
        .iter()
        .any(|name| encoding.eq_ignore_ascii_case(name))
}

/// The bytes of a text as they were before they were encoded for the way.
fn raw(message: &Message<'_>, part: &MessagePart<'_>) -> Option<Vec<u8>> {
    let (start, end) = (part.offset_body as usize, part.offset_end as usize);
    let bytes = message.raw_message.get(start..end)?;
    match part.encoding {
        Transfer::None if is_uuencoded(part) => uuencode::decode(bytes),
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
