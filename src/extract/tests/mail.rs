//! Messages as the world's programs write them.

use encoding_rs::{KOI8_R, WINDOWS_1252};

use super::{RUSSIAN, encoded, extracted};

fn text(name: &str, content: &[u8]) -> String {
    extracted(name, content).text
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} in {text:?}");
    }
}

/// A message with this head besides what every message has.
fn message(head: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "From: ada@example.org\r\nDate: Sun, 17 May 2026 09:30:00 +0200\r\nMIME-Version: 1.0\r\n{head}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn texts_are_decoded_whatever_their_head_says() {
    let german = "Große Häfen und schöne Brücken über den Fluß, für alle Städte.";
    for charset in ["", "; charset=us-ascii", "; charset=unknown-8bit"] {
        for kind in ["plain", "html"] {
            let head = format!("Subject: x\r\nContent-Type: text/{kind}{charset}");
            for (text_of, encoding) in [(RUSSIAN, KOI8_R), (german, WINDOWS_1252)] {
                let found = text("a.eml", &message(&head, &encoded(text_of, encoding)));
                has(&found, &[text_of.trim()]);
            }
            has(
                &text("a.eml", &message(&head, german.as_bytes())),
                &[german],
            );
        }
    }
    // UTF-8 that says it is Latin-1, and the other way round.
    let head = "Subject: x\r\nContent-Type: text/plain; charset=iso-8859-1";
    has(&text("a.eml", &message(head, german.as_bytes())), &[german]);
    let head = "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable";
    has(
        &text(
            "a.eml",
            &message(
                head,
                b"Gro=DFe H=E4fen und sch=F6ne Br=FCcken =FCber den Flu=DF",
            ),
        ),
        &["Große Häfen"],
    );
    let head = "Subject: x\r\nContent-Type: text/html";
    let page = "<meta charset=koi8-r><p>пирс";
    has(
        &text("a.eml", &message(head, &encoded(page, KOI8_R))),
        &["пирс"],
    );
}

#[test]
fn heads_are_decoded_whatever_they_are_in() {
    let subject = "Отчет о состоянии причала";
    let head = [
        b"Subject: ",
        &encoded(subject, KOI8_R)[..],
        b"\r\nContent-Type: text/plain; charset=koi8-r",
    ]
    .concat();
    let bytes = [
        b"From: a@example.org\r\nTo: b@example.org\r\nDate: Sun, 17 May 2026 09:30:00 +0200\r\n",
        &head[..],
        b"\r\n\r\nbody",
    ]
    .concat();
    has(&text("a.eml", &bytes), &[&format!("Subject: {subject}")]);
    let raw = format!("Subject: {subject}");
    has(&text("a.eml", &message(&raw, b"body")), &[&raw]);
    let split = "Subject: =?utf-8?B?0J7RgtGH0LXRgiDQ?= =?utf-8?B?viDQv9C40YDRgdC1?=";
    has(
        &text("a.eml", &message(split, b"body")),
        &["Subject: Отчет о пирсе"],
    );
    // What is decoded once is not decoded again.
    let twice = "Subject: =?utf-8?Q?=3D=3Futf-8=3FQ=3Fa=3F=3D?=";
    has(
        &text("a.eml", &message(twice, b"body")),
        &["Subject: =?utf-8?Q?a?="],
    );
    let people = "Reply-To: Bo <bo@example.org>\r\nBcc: Cy <cy@example.org>\r\nTo: The crew: Di <di@example.org>, ed@example.org;\r\nSubject: x";
    has(
        &text("a.eml", &message(people, b"body")),
        &[
            "Reply-To: Bo bo@example.org",
            "Bcc: Cy cy@example.org",
            "To: The crew: Di di@example.org, ed@example.org",
        ],
    );
}

#[test]
fn attached_texts_are_decoded_once() {
    let body = |kind: &str, content: &[u8]| {
        let head = format!(
            "--b\r\nContent-Type: {kind}\r\nContent-Disposition: attachment; filename=\"a.html\"\r\n\r\n"
        );
        [
            b"--b\r\nContent-Type: text/plain\r\n\r\nsee attached\r\n",
            head.as_bytes(),
            content,
            b"\r\n--b--\r\n",
        ]
        .concat()
    };
    let head = "Subject: x\r\nContent-Type: multipart/mixed; boundary=b";
    let page = "<meta charset=shift_jis><p>Große Häfen &amp;lt;b&amp;gt;";
    let found = text(
        "a.eml",
        &message(head, &body("text/html; charset=utf-8", page.as_bytes())),
    );
    has(&found, &["Große Häfen &lt;b&gt;"]);
    let found = text(
        "a.eml",
        &message(
            head,
            &body("text/html", &encoded(&format!("<p>{RUSSIAN}"), KOI8_R)),
        ),
    );
    has(&found, &[RUSSIAN.trim()]);
}

#[test]
fn what_only_the_page_says_is_read() {
    let head = "Subject: x\r\nContent-Type: multipart/alternative; boundary=b";
    let body = "--b\r\nContent-Type: text/plain\r\n\r\nDear Ada, the harbour dues of this year are in the table.\r\n\
        --b\r\nContent-Type: text/html\r\n\r\n<p>Dear Ada, the harbour dues of this year are in the table.<p>Herring 1723\r\n--b--\r\n";
    let found = text("a.eml", &message(head, body.as_bytes()));
    has(&found, &["Herring 1723"]);
    assert_eq!(found.matches("harbour dues").count(), 1, "{found:?}");
}

#[test]
fn many_messages_in_a_file() {
    let one = |subject: &str| {
        format!(
            "From ada@example.org Sun May 17 09:30:00 2026\nFrom: ada@example.org\nTo: bo@example.org\nDate: Sun, 17 May 2026 09:30:00 +0200\nSubject: {subject}\n\n>From the quay: {subject}\n\n"
        )
    };
    let file = one("first") + &one("second");
    for name in ["a.mbox", "Inbox"] {
        let found = extracted(name, file.as_bytes());
        assert_eq!(found.media_type, "application/mbox", "{name}");
        assert_eq!(found.details.pages, Some(2));
        let pages: Vec<&str> = found.text.split('\u{c}').collect();
        has(pages[0], &["Subject: first", "From the quay: first"]);
        has(pages[1], &["Subject: second"]);
    }
    assert_eq!(
        extracted("a.txt", b"From here to there\nit is far\n").media_type,
        "text/plain"
    );
}

#[test]
fn pages_that_are_saved_as_messages() {
    let page = "Date: Sun, 17 May 2026 09:30:00 +0200\r\nMessage-ID: <1>\r\nSubject: Exported\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>H=C3=A4fen\r\n--b--\r\n";
    let found = extracted("page.doc", page.as_bytes());
    assert_eq!(found.media_type, "message/rfc822");
    has(&found.text, &["Häfen"]);
}

#[test]
fn what_outlook_packs_is_unpacked() {
    let attribute = |level: u8, id: u32, data: &[u8]| {
        [
            &[level][..],
            &id.to_le_bytes(),
            &(data.len() as u32).to_le_bytes(),
            data,
            &[0, 0],
        ]
        .concat()
    };
    let wide: Vec<u8> = "Häfen.csv\0"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let string = |kind: u16, id: u16, value: &[u8]| {
        let mut property = [
            &kind.to_le_bytes()[..],
            &id.to_le_bytes(),
            &1u32.to_le_bytes(),
            &(value.len() as u32).to_le_bytes(),
            value,
        ]
        .concat();
        property.resize(property.len().next_multiple_of(4), 0);
        property
    };
    let named = [
        &3u16.to_le_bytes()[..],
        &0x8001u16.to_le_bytes(),
        &[7; 16],
        &1u32.to_le_bytes(),
        &4u32.to_le_bytes(),
        b"a\0\0\0",
        &[9; 4],
    ]
    .concat();
    let body = [
        &2u32.to_le_bytes()[..],
        &named,
        &string(0x102, 0x1013, "<p>Hohe <b>See</b>".as_bytes()),
    ]
    .concat();
    let name = [&1u32.to_le_bytes()[..], &string(0x1f, 0x3707, &wide)].concat();
    let file = [
        b"\x78\x9f\x3e\x22\x01\x00".to_vec(),
        attribute(1, 0x0001_8004, b"Dues\0"),
        attribute(1, 0x0006_9003, &body),
        attribute(2, 0x0006_9002, &[0; 14]),
        attribute(2, 0x0001_8010, b"HFEN~1.CSV\0"),
        attribute(2, 0x0006_800f, b"herring,7"),
        attribute(2, 0x0006_9005, &name),
    ]
    .concat();
    let found = extracted("winmail.dat", &file);
    assert_eq!(
        found.text,
        "Dues\nHohe See\nAttachment: Häfen.csv\nherring\t7"
    );
    for end in 0..file.len() {
        extracted("winmail.dat", &file[..end]);
    }
}

#[test]
fn what_is_uuencoded_is_decoded() {
    use crate::extract::mail::uuencode::tests::encode;
    let html = encode("notes.html", b"<p>a <b>tern</b>");
    let inline = format!("see below\r\n{html}bye");
    let expected = "see below\nbye\nAttachment: notes.html\na tern";
    let found = text("a.eml", &message("Subject: x", inline.as_bytes()));
    assert!(found.ends_with(expected), "{found:?}");
    for kind in ["text/html", "application/octet-stream"] {
        let body = format!(
            "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: {kind}; name=notes.html\r\n\
             Content-Disposition: attachment\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\n{html}\r\n--b--\r\n"
        );
        let head = "Subject: x\r\nContent-Type: multipart/mixed; boundary=b";
        let found = text("a.eml", &message(head, body.as_bytes()));
        assert!(
            found.ends_with("hello\nAttachment: notes.html\na tern"),
            "{found:?}"
        );
    }
    let head = "Subject: x\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: uuencode";
    let body = encode("a", b"common tern");
    let found = text("a.eml", &message(head, body.as_bytes()));
    assert!(found.ends_with("Subject: x\ncommon tern"), "{found:?}");
}

#[test]
fn attachments_are_named_by_whatever_names_them() {
    let head = "Subject: x\r\nContent-Type: multipart/mixed; boundary=b";
    let body = "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n\
        --b\r\nContent-Type: application/octet-stream\r\nContent-Location: http://example.org/a/H%C3%A4fen.csv?x=/1\r\n\
        Content-Description: Dues of the pier\r\n\r\na,b\r\n\
        --b\r\nContent-Type: application/x-pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\nMIAGCSqGSIb3DQEHAqCA\r\n--b--\r\n";
    let found = text("a.eml", &message(head, body.as_bytes()));
    let expected = "hello\nAttachment: Häfen.csv\nDues of the pier\na\tb\nAttachment";
    assert!(found.ends_with(expected), "{found:?}");
}

#[test]
fn fields_that_are_repeated_are_all_read() {
    let head = "Subject: first\r\nSubject: =?utf-8?Q?sec=C3=B6nd?=\r\nSubject: first\r\nTo: a@example.org\r\nTo: b@example.org";
    let found = text("a.eml", &message(head, b"body"));
    has(
        &found,
        &[
            "Subject: first\nSubject: secönd\nbody",
            "To: a@example.org\nTo: b@example.org",
        ],
    );
}

#[test]
fn korean_and_chinese_in_7_bits() {
    let body = b"\x1b$)C\x0e:N;j\x0f ok";
    for kind in ["text/plain", "text/html"] {
        for disposition in ["", "\r\nContent-Disposition: attachment; filename=a"] {
            let head =
                format!("Subject: x\r\nContent-Type: {kind}; charset=iso-2022-kr{disposition}");
            has(&text("a.eml", &message(&head, body)), &["부산 ok"]);
        }
    }
    let head = "Subject: x\r\nContent-Type: text/plain; charset=\"hz-gb-2312\"\r\nContent-Transfer-Encoding: base64";
    has(&text("a.eml", &message(head, b"fns4Wz9afn0=")), &["港口"]);
}

#[test]
fn a_charset_that_nobody_knows_counts_as_none() {
    let text = "灯台守のうた。港の朝は早い。\n";
    let (bytes, _, _) = encoding_rs::SHIFT_JIS.encode(text);
    for label in ["cp932", "SJIS-win", "x-of-somebody", "ansi"] {
        let head = format!(
            "From: a@example.org\r\nSubject: x\r\nContent-Type: text/plain; charset={label}\r\n\
             Content-Transfer-Encoding: 8bit\r\n\r\n"
        );
        let mail = [head.as_bytes(), &bytes].concat();
        let found = super::extracted("a.eml", &mail);
        assert!(found.text.contains(text.trim()), "{label}: {}", found.text);
    }
}
