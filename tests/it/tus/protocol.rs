//! What the protocol demands, and each extension.

use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use super::client::{
    OCTETS, VERSION, begin, checksum, create, head, metadata, offset, patch, patch_with, receipt,
};
use crate::app::TestApp;

#[test]
fn options_tell_what_there_is() {
    let app = TestApp::with(&[("MAX_UPLOAD_BYTES", "1000")]);
    let answer = app.call("OPTIONS", "/uploads", &[], None);
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("tus-version"), "1.0.0");
    assert_eq!(answer.header("tus-resumable"), "1.0.0");
    assert_eq!(answer.header("tus-max-size"), "1000");
    assert!(answer.header("tus-checksum-algorithm").contains("sha256"));
    for extension in [
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "checksum",
        "expiration",
        "termination",
        "concatenation",
    ] {
        let named = answer.header("tus-extension");
        assert!(named.split(',').any(|one| one == extension), "{extension}");
    }
    let refused = create(&app, &[("Upload-Length", "1001")], None);
    assert!(refused.problem(413).contains("1000 bytes"));
}

#[test]
fn another_version_is_refused_everywhere() {
    let app = TestApp::start();
    let upload = begin(&app, "a.txt", 3);
    for (method, target) in [
        ("POST", "/uploads"),
        ("HEAD", &upload),
        ("PATCH", &upload),
        ("DELETE", &upload),
    ] {
        for headers in [&[][..], &[("Tus-Resumable", "0.2.2")]] {
            let answer = app.call(method, target, headers, None);
            assert_eq!(answer.status, 412, "{method}");
            assert_eq!(answer.header("tus-version"), "1.0.0");
        }
    }
}

#[test]
fn an_upload_goes_on_where_it_stands() {
    let app = TestApp::start();
    let text = b"the harbour master keeps the tide table";
    let upload = begin(&app, "tables/tide.txt", text.len());
    let before = head(&app, &upload);
    assert_eq!(before.header("upload-offset"), "0");
    assert_eq!(before.header("upload-length"), "39");
    assert_eq!(before.header("cache-control"), "no-store");
    assert_eq!(
        before.header("upload-metadata"),
        metadata(&[("filename", "tables/tide.txt")])
    );
    let first = patch(&app, &upload, 0, &text[..20]);
    assert_eq!((first.status, first.header("upload-offset")), (204, "20"));
    assert!(first.header("upload-expires").ends_with("GMT"));
    let wrong = patch(&app, &upload, 19, &text[19..]);
    assert!(wrong.problem(409).contains("go on from 20"));
    assert_eq!(offset(&app, &upload), 20);
    assert!(app.entries("").is_empty());
    let last = patch(&app, &upload, 20, &text[20..]);
    assert_eq!((last.status, last.header("upload-offset")), (204, "39"));
    let stored = receipt(&app, &upload);
    app.assert_keeps(&stored, text, "harbour");
    assert_eq!(
        last.header("content-location"),
        format!("/api/v1/entries/{}", stored.id)
    );
    assert!(last.header("repr-digest").starts_with("sha-256=:"));
    // The last answer was lost, and the piece is sent again.
    let again = patch(&app, &upload, 20, &text[20..]);
    assert_eq!((again.status, again.header("upload-offset")), (204, "39"));
    assert_eq!(receipt(&app, &upload).sequence, stored.sequence);
    assert_eq!(app.entry(stored.id)["version"], 1);
    assert_eq!(patch(&app, &upload, 0, text).status, 409);
}

#[test]
fn a_creation_may_bring_all_or_some_of_the_bytes() {
    let app = TestApp::start();
    let named = metadata(&[("filename", "all.txt")]);
    let headers = [OCTETS, ("Upload-Length", "8"), ("Upload-Metadata", &*named)];
    let whole = create(&app, &headers, Some(b"all here"));
    assert_eq!((whole.status, whole.header("upload-offset")), (201, "8"));
    assert_eq!(whole.receipt().path.as_str(), "all.txt");
    assert_eq!(offset(&app, whole.header("location")), 8);
    assert_eq!(
        receipt(&app, whole.header("location")).id,
        whole.receipt().id
    );

    let some = create(&app, &headers, Some(b"some"));
    assert_eq!((some.status, some.header("upload-offset")), (201, "4"));
    let last = patch(&app, some.header("location"), 4, b" now");
    assert_eq!(last.status, 204);
    assert_eq!(app.get("all.txt").text(), "some now");

    let empty = create(
        &app,
        &[("Upload-Length", "0"), ("Upload-Metadata", &*named)],
        None,
    );
    assert_eq!(empty.receipt().size, 0);
    let untyped = create(&app, &[("Upload-Length", "8")], Some(b"all here"));
    assert!(
        untyped
            .problem(415)
            .contains("application/offset+octet-stream")
    );
    let typed = app.call(
        "PATCH",
        some.header("location"),
        &[
            VERSION,
            ("Upload-Offset", "0"),
            ("Content-Type", "text/plain"),
        ],
        Some(b"x"),
    );
    assert_eq!(typed.status, 415);
}

#[test]
fn a_length_may_be_told_with_a_later_piece() {
    let app = TestApp::start();
    let named = metadata(&[("filename", "stream.log")]);
    let headers = [("Upload-Defer-Length", "1"), ("Upload-Metadata", &*named)];
    let upload = create(&app, &headers, None).header("location").to_owned();
    assert_eq!(head(&app, &upload).header("upload-defer-length"), "1");
    assert_eq!(head(&app, &upload).header("upload-length"), "");
    assert_eq!(patch(&app, &upload, 0, b"one ").status, 204);
    let with = |length| [("Upload-Length", length)];
    assert_eq!(
        patch_with(&app, &upload, 4, b"two ", &with("2")).status,
        400
    );
    assert_eq!(
        patch_with(&app, &upload, 4, b"two ", &with("13")).status,
        204
    );
    assert_eq!(
        patch_with(&app, &upload, 8, b"three", &with("14")).status,
        400
    );
    assert_eq!(patch(&app, &upload, 8, b"three").status, 204);
    assert_eq!(receipt(&app, &upload).size, 13);
    for headers in [
        &[("Upload-Defer-Length", "2")][..],
        &[("Upload-Defer-Length", "1"), ("Upload-Length", "1")],
        &[],
    ] {
        assert_eq!(create(&app, headers, None).status, 400, "{headers:?}");
    }
}

#[test]
fn a_piece_that_arrived_altered_is_not_kept() {
    let app = TestApp::start();
    let upload = begin(&app, "checked.txt", 8);
    let sent = |offset, bytes: &[u8], value: &str| {
        patch_with(&app, &upload, offset, bytes, &[("Upload-Checksum", value)])
    };
    let sha1 = checksum("sha1", &Sha1::digest(b"bulk"));
    let sha256 = checksum("sha-256", &Sha256::digest(b"head"));
    assert_eq!(sent(0, b"bulX", &sha1).status, 460);
    assert_eq!(offset(&app, &upload), 0);
    assert_eq!(sent(0, b"bulk", &sha1).status, 204);
    assert_eq!(sent(4, b"hea_", &sha256).status, 460);
    assert_eq!(offset(&app, &upload), 4);
    assert!(sent(4, b"head", "md5 AAAA").problem(400).contains("sha256"));
    assert_eq!(sent(4, b"head", "sha256 ????").status, 400);
    assert_eq!(sent(4, b"head", "sha256 AAAA").status, 400);
    assert_eq!(sent(4, b"head", &sha256).status, 204);
    assert_eq!(app.get("checked.txt").text(), "bulkhead");

    let named = metadata(&[("filename", "whole.txt")]);
    for (value, status) in [(&sha256, 201), (&sha1, 460)] {
        let headers = [
            OCTETS,
            ("Upload-Length", "4"),
            ("Upload-Metadata", &*named),
            ("Upload-Checksum", value),
        ];
        assert_eq!(create(&app, &headers, Some(b"head")).status, status);
    }
}

#[test]
fn a_terminated_upload_is_gone_and_a_stored_one_is_not() {
    let app = TestApp::start();
    let upload = begin(&app, "half.txt", 8);
    patch(&app, &upload, 0, b"half");
    let delete = || app.call("DELETE", &upload, &[VERSION], None).status;
    assert_eq!(delete(), 204);
    assert_eq!(delete(), 410);
    assert_eq!(head(&app, &upload).status, 410);
    assert_eq!(patch(&app, &upload, 4, b"more").status, 410);
    let staged = app.directory().join("staging/pieces");
    assert_eq!(std::fs::read_dir(staged).unwrap().count(), 0);

    let upload = begin(&app, "whole.txt", 1);
    patch(&app, &upload, 0, b"w");
    assert_eq!(app.call("DELETE", &upload, &[VERSION], None).status, 204);
    assert_eq!(head(&app, &upload).status, 404);
    assert_eq!(app.get("whole.txt").text(), "w");
}

#[test]
fn parts_are_joined() {
    let app = TestApp::start();
    let parts: Vec<String> = [&b"fore"[..], b"castle"]
        .iter()
        .map(|bytes| {
            let length = bytes.len().to_string();
            let headers = [
                OCTETS,
                ("Upload-Concat", "partial"),
                ("Upload-Length", &*length),
            ];
            let answer = create(&app, &headers, Some(bytes));
            assert_eq!(answer.status, 201, "{}", answer.text());
            answer.header("location").to_owned()
        })
        .collect();
    assert_eq!(head(&app, &parts[0]).header("upload-concat"), "partial");
    assert!(app.entries("").is_empty());
    // One address whole, as some clients write them.
    let concat = format!("final;{} {}", app.url(&parts[0]), parts[1]);
    let named = metadata(&[("filename", "ship.txt")]);
    let headers = [("Upload-Concat", &*concat), ("Upload-Metadata", &*named)];
    let joined = create(&app, &headers, None);
    assert_eq!(joined.receipt().size, 10);
    assert_eq!(app.get("ship.txt").text(), "forecastle");
    let upload = joined.header("location");
    let state = head(&app, upload);
    assert_eq!(state.header("upload-concat"), concat);
    assert_eq!(
        (state.header("upload-offset"), state.header("upload-length")),
        ("10", "10")
    );
    assert_eq!(patch(&app, upload, 10, b"!").status, 403);
    assert_eq!(head(&app, &parts[0]).status, 410);
    let again = create(&app, &headers, None);
    assert_eq!((again.status, again.receipt().version), (201, 1));
    for wrong in [
        "final;",
        "final;/uploads/none",
        "final;/elsewhere/x",
        "partly",
    ] {
        let answer = create(&app, &[("Upload-Concat", wrong)], None);
        assert!(
            matches!(answer.status, 400 | 404),
            "{wrong}: {}",
            answer.status
        );
    }
}

#[test]
fn a_method_may_be_overridden() {
    let app = TestApp::start();
    let upload = begin(&app, "old-proxy.txt", 4);
    let post = |method, offset| {
        let headers = [
            VERSION,
            OCTETS,
            ("X-HTTP-Method-Override", method),
            ("Upload-Offset", offset),
        ];
        app.call("POST", &upload, &headers, Some(b"bytes".get(..2).unwrap()))
    };
    assert_eq!(post("PATCH", "0").status, 204);
    assert_eq!(post("HEAD", "0").header("upload-offset"), "2");
    assert_eq!(post("DELETE", "0").status, 204);
    let none = post("PUT", "0");
    assert!(!none.problem(405).is_empty());
    assert!(none.header("allow").contains("PATCH"));
    // Whatever the request itself is.
    let upload = begin(&app, "old-client.txt", 4);
    let headers = [VERSION, ("X-HTTP-Method-Override", "DELETE")];
    assert_eq!(app.call("GET", &upload, &headers, None).status, 204);
    assert_eq!(head(&app, &upload).status, 410);
}

#[test]
fn a_piece_that_is_refused_changes_nothing() {
    let app = TestApp::start();
    let named = metadata(&[("filename", "later.txt")]);
    let headers = [("Upload-Defer-Length", "1"), ("Upload-Metadata", &*named)];
    let upload = create(&app, &headers, None).header("location").to_owned();
    assert_eq!(patch(&app, &upload, 0, b"one ").status, 204);
    let wrong = checksum("sha1", &Sha1::digest(b"other"));
    let refused = [
        patch_with(&app, &upload, 3, b"two", &[("Upload-Length", "6")]),
        patch_with(&app, &upload, 4, b"four", &[("Upload-Length", "7")]),
        patch_with(
            &app,
            &upload,
            4,
            b"two",
            &[("Upload-Length", "7"), ("Upload-Checksum", &wrong)],
        ),
    ];
    assert_eq!(
        refused.each_ref().map(|answer| answer.status),
        [409, 413, 460]
    );
    for answer in &refused {
        assert!(answer.header("upload-expires").ends_with("GMT"));
    }
    let stands = head(&app, &upload);
    assert_eq!(stands.header("upload-defer-length"), "1");
    assert_eq!(stands.header("upload-offset"), "4");
    let last = |value: &str| {
        let told = [("Upload-Length", "9"), ("Upload-Checksum", value)];
        patch_with(&app, &upload, 4, b"three", &told).status
    };
    let right = checksum("sha1", &Sha1::digest(b"three"));
    assert_eq!(last(&right), 204);
    // The same once more is compared as well.
    assert_eq!((last(&wrong), last(&right)), (460, 204));
    assert_eq!(app.get("later.txt").text(), "one three");
}

#[test]
fn parts_may_repeat_and_keep_to_the_limit() {
    let app = TestApp::with(&[("MAX_UPLOAD_BYTES", "10")]);
    let headers = [OCTETS, ("Upload-Concat", "partial"), ("Upload-Length", "4")];
    let part = create(&app, &headers, Some(b"tom-"));
    assert_eq!(part.header("upload-concat"), "partial");
    let part = part.header("location");
    let join = |concat: &str| {
        let named = metadata(&[("filename", "drum.txt")]);
        create(
            &app,
            &[("Upload-Concat", concat), ("Upload-Metadata", &*named)],
            None,
        )
    };
    let refused = join(&format!("final;{part} {part} {part}"));
    assert!(refused.problem(413).contains("10 bytes"));
    let twice = format!("final;{part} {part}");
    let joined = join(&twice);
    assert_eq!(
        (joined.status, joined.header("upload-concat")),
        (201, &*twice)
    );
    assert_eq!(app.get("drum.txt").text(), "tom-tom-");
    assert_eq!(patch(&app, joined.header("location"), 8, b"").status, 403);
}

#[test]
fn names_collide_as_the_client_wishes() {
    let app = TestApp::start();
    let store = |wish: &str, text: &[u8]| {
        let named = metadata(&[
            ("folder", "a/b"),
            ("filename", "n.txt"),
            ("ifPresent", wish),
        ]);
        let length = text.len().to_string();
        let headers = [
            OCTETS,
            ("Upload-Length", &*length),
            ("Upload-Metadata", &*named),
        ];
        create(&app, &headers, Some(text))
    };
    assert_eq!(store("version", b"1").receipt().version, 1);
    assert_eq!(store("version", b"22").receipt().version, 2);
    assert_eq!(
        store("keep-both", b"333").receipt().path.as_str(),
        "a/b/n (2).txt"
    );
    assert!(store("skip", b"4444").problem(412).contains("already"));
    assert_eq!(store("panic", b"5").status, 400);
    assert_eq!(app.get("a/b/n.txt").text(), "22");
}

#[test]
fn a_creation_whose_answer_was_lost_is_asked_for_again_by_its_key() {
    let app = TestApp::start();
    let named = metadata(&[
        ("filename", "keyed.txt"),
        ("key", "a-key-made-up-by-the-client"),
    ]);
    let headers = [OCTETS, ("Upload-Length", "5"), ("Upload-Metadata", &*named)];
    let first = create(&app, &headers, Some(b"keyed"));
    let again = create(&app, &headers, Some(b"keyed"));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.receipt().sequence, first.receipt().sequence);
    assert_eq!(app.entry(first.receipt().id)["version"], 1);
}

#[test]
fn every_answer_says_what_the_protocol_asks_for() {
    let app = TestApp::with(&[("MAX_UPLOAD_BYTES", "1000")]);
    let upload = begin(&app, "said.txt", 6);
    let answers = [
        app.call("OPTIONS", "/uploads", &[], None),
        app.call("OPTIONS", &upload, &[], None),
        head(&app, &upload),
        head(&app, "/uploads/none"),
        patch(&app, &upload, 0, b"sai"),
        patch(&app, &upload, 0, b"sai"),
        create(&app, &[("Upload-Length", "1001")], None),
        create(&app, &[], None),
        app.call("PATCH", &upload, &[], None),
    ];
    let statuses = answers.each_ref().map(|answer| answer.status);
    assert_eq!(statuses, [204, 204, 200, 404, 204, 409, 413, 400, 412]);
    for answer in &answers {
        assert_eq!(answer.header("tus-resumable"), "1.0.0", "{}", answer.status);
    }
    // Nobody between may keep an offset.
    assert_eq!(head(&app, &upload).header("cache-control"), "no-store");
    // RFC 9110's date, as Upload-Expires is to be written.
    let expires = head(&app, &upload).header("upload-expires").to_owned();
    let date = httpdate::parse_http_date(&expires).unwrap();
    assert_eq!(httpdate::fmt_http_date(date), expires);
    assert!(date > std::time::SystemTime::now());
    // A HEAD of what is not there tells no offset.
    assert_eq!(head(&app, "/uploads/none").header("upload-offset"), "");
    let nowhere = app.call("PATCH", &upload, &[VERSION, OCTETS], Some(b"d"));
    assert!(nowhere.problem(400).contains("Upload-Offset"));
}

#[test]
fn parts_are_as_they_were_while_others_are_missing() {
    let app = TestApp::start();
    let part = |bytes: &[u8]| {
        let headers = [OCTETS, ("Upload-Concat", "partial"), ("Upload-Length", "4")];
        let answer = create(&app, &headers, Some(bytes));
        answer.header("location").to_owned()
    };
    let (whole, half) = (part(b"hea-"), part(b"de"));
    let concat = format!("final;{whole} {half}");
    let join = |more: &[(&str, &str)]| {
        let named = metadata(&[("filename", "joined.txt")]);
        let own = [("Upload-Concat", &*concat), ("Upload-Metadata", &*named)];
        create(&app, &[&own, more].concat(), None)
    };
    assert!(join(&[]).problem(409).contains("not complete"));
    assert_eq!(join(&[("Upload-Length", "8")]).status, 400);
    assert_eq!((offset(&app, &whole), offset(&app, &half)), (4, 2));
    assert_eq!(patch(&app, &half, 2, b"ep").status, 204);
    assert_eq!(join(&[]).status, 201);
    assert_eq!(app.get("joined.txt").text(), "hea-deep");
}
