//! Files that others put into a folder by a link, piece by piece: they arrive, and nothing is told of
//! the folder.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::app::{Answer, TestApp, file};
use crate::people::Credentials;

const KEY: &str = "a-key-of-one-upload";

/// Creates an upload by a link; `fields` are its metadata.
fn create(app: &TestApp, link: &str, length: &str, fields: &[(&str, &str)]) -> Answer {
    let metadata: Vec<_> = fields
        .iter()
        .map(|(key, value)| format!("{key} {}", STANDARD.encode(value)))
        .collect();
    let metadata = metadata.join(",");
    let headers = [
        ("tus-resumable", "1.0.0"),
        ("upload-length", length),
        ("upload-metadata", &metadata),
    ];
    app.call("POST", &format!("{link}/uploads"), &headers, Some(b""))
}

fn patch(app: &TestApp, upload: &str, offset: &str, bytes: &[u8]) -> Answer {
    let headers = [
        ("tus-resumable", "1.0.0"),
        ("upload-offset", offset),
        ("content-type", "application/offset+octet-stream"),
    ];
    app.call("PATCH", upload, &headers, Some(bytes))
}

fn inbox() -> (TestApp, Credentials, String) {
    let (app, olga) = TestApp::with_owner(&[]);
    app.store("inbox/cv.txt", &olga, b"the first");
    let link = app.link(
        &olga,
        &[("kind", "drop"), ("folder", "inbox"), ("uses", "2")],
    );
    (app, olga, link)
}

#[test]
fn pieces_arrive_beside_what_is_there_and_tell_nothing_of_it() {
    let (app, olga, link) = inbox();
    let fields = [
        ("filename", "cv.txt"),
        ("key", KEY),
        ("ifPresent", "version"),
    ];
    let created = create(&app, &link, "8", &fields);
    assert_eq!(created.status, 201, "{}", created.text());
    let upload = created.header("location").to_owned();
    assert!(upload.starts_with(&format!("{link}/uploads/")), "{upload}");
    // A creation whose answer was lost takes no second use.
    assert_eq!(create(&app, &link, "8", &fields).header("location"), upload);
    assert_eq!(patch(&app, &upload, "0", b"mine").status, 204);
    // Another takes the last use; what was begun goes on all the same.
    assert_eq!(
        create(&app, &link, "1", &[("filename", "b.txt")]).status,
        201
    );
    assert_eq!(
        create(&app, &link, "1", &[("filename", "c.txt")]).status,
        404
    );
    let last = patch(&app, &upload, "4", b"too!");
    assert_eq!((last.status, last.header("content-location")), (204, ""));
    let shown = app.fetch(&upload).json();
    assert_eq!(shown["path"], json!(null));
    let told: Vec<_> = shown["receipt"].as_object().unwrap().keys().collect();
    assert_eq!(told, ["sha256", "size"]);
    assert_eq!(app.look(&file("inbox/cv.txt"), &olga).body, b"the first");
    assert_eq!(app.look(&file("inbox/cv (2).txt"), &olga).body, b"minetoo!");
    let log = app.look("/audit?kind=dropped", &olga).text();
    assert_eq!(log.matches("<td>Files dropped by link").count(), 2, "{log}");
}

#[test]
fn a_drop_link_leads_into_its_folder_and_nowhere_else() {
    let (app, olga, link) = inbox();
    for name in ["../out.txt", "/../out.txt", "a/../../out.txt", "..", ""] {
        let answer = create(&app, &link, "0", &[("filename", name), ("folder", "../..")]);
        assert_eq!(answer.status, 400, "{name:?}: {}", answer.text());
    }
    let deep = create(
        &app,
        &link,
        "0",
        &[("filename", "in.txt"), ("folder", "deep")],
    );
    assert_eq!(deep.status, 201, "{}", deep.text());
    assert_eq!(app.look(&file("inbox/deep/in.txt"), &olga).status, 200);
    // Parts would be joined past the link.
    let headers = [
        ("tus-resumable", "1.0.0"),
        ("upload-length", "1"),
        ("upload-concat", "partial"),
    ];
    let part = app.call("POST", &format!("{link}/uploads"), &headers, Some(b""));
    assert_eq!(part.status, 400, "{}", part.text());
    // A link to look through takes nothing.
    let look = app.link(&olga, &[("kind", "folder"), ("folder", "inbox")]);
    assert_eq!(create(&app, &look, "0", &[("filename", "x")]).status, 404);
}

#[test]
fn a_revoked_link_ends_what_was_begun_by_it() {
    let (app, olga, link) = inbox();
    let created = create(&app, &link, "8", &[("filename", "late.txt")]);
    let upload = created.header("location").to_owned();
    assert_eq!(patch(&app, &upload, "0", b"mine").status, 204);
    // Nor is the upload to be had at another address.
    let (_, id) = upload.rsplit_once('/').unwrap();
    let elsewhere = format!("/uploads/{id}");
    assert_eq!(app.look(&elsewhere, &olga).status, 404);
    assert_eq!(app.fetch(&elsewhere).status, 401);
    let page = app.look("/links", &olga).text();
    let at = page.find("/links/").unwrap();
    let revoke = &page[at..at + page[at..].find('"').unwrap()];
    assert_eq!(app.send(revoke, &olga, &[]).status, 303);
    assert_eq!(patch(&app, &upload, "4", b"too!").status, 404);
    assert_eq!(app.look(&file("inbox/late.txt"), &olga).status, 404);
}
