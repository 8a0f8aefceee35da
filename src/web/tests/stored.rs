//! Files through the routes, on a real library.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header::{ETAG, LOCATION};
use tempfile::TempDir;

use super::*;
use crate::library::Library;

const FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=x");

/// An application with a library of its own; both end with it.
struct Open {
    app: App,
    directory: Arc<TempDir>,
}

impl Open {
    fn with(vars: &[(&str, &str)]) -> Self {
        Self::in_directory(Arc::new(TempDir::new().unwrap()), vars)
    }

    fn in_directory(directory: Arc<TempDir>, vars: &[(&str, &str)]) -> Self {
        let mut vars: Vec<_> = vars
            .iter()
            .map(|(n, v)| (n.to_string(), v.to_string()))
            .collect();
        vars.push(("ACCESS".into(), "local".into()));
        vars.push((
            "STORAGE_DIR".into(),
            directory.path().to_str().unwrap().into(),
        ));
        let app = App::new(Config::from_vars(vars).unwrap());
        app.open(Library::open(&app.config().library()).unwrap());
        Self { app, directory }
    }

    async fn ask(&self, request: Request) -> Answered {
        ask(&self.app, request).await
    }

    async fn put(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answered {
        let uri = format!("/api/v1/files/{path}");
        self.ask(with_body(Method::PUT, &uri, headers, body)).await
    }

    /// Uploads that were begun and neither stored nor removed.
    fn staged(&self) -> usize {
        std::fs::read_dir(self.directory.path().join("staging"))
            .unwrap()
            .count()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Ok(library) = self.app.library() {
            library.close();
        }
    }
}

fn open() -> Open {
    Open::with(&[])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_is_given_back() {
    let open = open();
    let new = open.put("a%20b/c.txt", &[], "first").await;
    assert_eq!(new.status, StatusCode::CREATED, "{}", new.text);
    assert_eq!(new.headers[LOCATION], "/api/v1/files/a%20b/c.txt");
    assert_eq!(new.json()["path"], "a b/c.txt");
    let large = vec![b'x'; 700_000];
    let next = open.put("a%20b/c.txt", &[], large.clone()).await;
    assert_eq!(
        (next.status, next.json()["version"].as_u64()),
        (StatusCode::OK, Some(2))
    );
    let back = open.ask(get("/api/v1/files/a%20b/c.txt")).await;
    assert_eq!(back.text.as_bytes(), large);
    assert_eq!(back.headers[ETAG], next.headers[ETAG]);
    let id = new.json()["id"].as_i64().unwrap();
    let older = open.ask(get(&format!("/download/{id}?version=1"))).await;
    assert_eq!(older.text, "first");
    assert_eq!(open.staged(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_uploads_leave_nothing() {
    let open = Open::with(&[("MAX_UPLOAD_BYTES", "200000")]);
    let digest = [(
        "repr-digest",
        "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
    )];
    let altered = open.put("a", &digest, "not empty").await;
    assert_eq!(altered.status, StatusCode::BAD_REQUEST);
    let announced = open.put("a", &[("content-length", "200001")], "").await;
    assert_eq!(announced.status, StatusCode::PAYLOAD_TOO_LARGE);
    let chunks = futures_util::stream::iter(
        (0..5).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![0; 50_000]))),
    );
    let unannounced = open.put("a", &[], Body::from_stream(chunks)).await;
    assert_eq!(unannounced.status, StatusCode::PAYLOAD_TOO_LARGE);
    let cut = futures_util::stream::iter([
        Ok(Bytes::from(vec![0; 150_000])),
        Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof)),
    ]);
    assert_eq!(
        open.put("a", &[], Body::from_stream(cut)).await.status,
        StatusCode::REQUEST_TIMEOUT
    );
    assert_eq!(
        open.put("a/../b", &[], "x").await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        open.ask(get("/api/v1/files/a")).await.status,
        StatusCode::NOT_FOUND
    );
    // A broken upload is dropped on the blocking pool, after the answer.
    while open.staged() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_guard_what_is_there() {
    let open = open();
    let etag = open.put("a", &[], "mine").await.headers[ETAG]
        .to_str()
        .unwrap()
        .to_owned();
    for (headers, status) in [
        (("if-none-match", "*"), StatusCode::PRECONDITION_FAILED),
        (("if-match", "\"other\""), StatusCode::PRECONDITION_FAILED),
        (("if-none-match", "\"other\""), StatusCode::BAD_REQUEST),
        (("if-match", etag.as_str()), StatusCode::OK),
    ] {
        assert_eq!(
            open.put("a", &[headers], "theirs").await.status,
            status,
            "{headers:?}"
        );
    }
    let stale = request(Method::DELETE, "/api/v1/files/a", &[("if-match", &etag)]);
    assert_eq!(
        open.ask(stale).await.status,
        StatusCode::PRECONDITION_FAILED
    );
    let trashed = open
        .ask(request(Method::DELETE, "/api/v1/files/a", &[]))
        .await;
    assert!(trashed.json()["trashed_ms"].is_number(), "{}", trashed.text);
    assert_eq!(
        open.ask(get("/api/v1/files/a")).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_listed_and_changed() {
    let open = open();
    let id = open.put("a/b.txt", &[], "x").await.json()["id"]
        .as_i64()
        .unwrap();
    let uri = format!("/api/v1/entries/{id}");
    let patch = |json: &'static str| {
        with_body(
            Method::PATCH,
            &uri,
            &[("content-type", "application/json")],
            json,
        )
    };
    let moved = open.ask(patch(r#"{"path":"c/d.txt"}"#)).await.json();
    assert_eq!(
        (&moved["path"], moved["searchable"].is_boolean()),
        (&"c/d.txt".into(), true)
    );
    let listed = open
        .ask(get("/api/v1/entries?folder=c&limit=1&sort=time"))
        .await
        .json();
    assert_eq!(listed["files"][0]["id"], id);
    assert_eq!(open.ask(patch("{}")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        open.ask(patch(r#"{"paht":"x"}"#)).await.status,
        StatusCode::BAD_REQUEST
    );
    let untyped = with_body(Method::PATCH, &uri, &[], "{}");
    assert_eq!(
        open.ask(untyped).await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    let versions = open.ask(get(&format!("{uri}/versions"))).await.json();
    assert_eq!(versions.as_array().unwrap().len(), 1);
    for (uri, word) in [
        ("/api/v1/entries?limit=0", "from 1 to 1000"),
        ("/api/v1/entries?sort=colour", "colour"),
        ("/api/v1/entries?fodler=a", "fodler"),
        ("/api/v1/entries/seven", "\"seven\""),
        ("/api/v1/search", "`q`"),
    ] {
        let refused = open.ask(get(uri)).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{uri}");
        assert!(
            refused.json()["detail"].as_str().unwrap().contains(word),
            "{}",
            refused.text
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_stores_what_it_can() {
    let open = open();
    let part = |name: &str, rest: &str, body: &str| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"{rest}\r\n\r\n{body}\r\n")
    };
    let form = [
        part("folder", "", "in/"),
        part("file", "; filename=\"\"", ""),
        part("file", "; filename=\"trip/a.txt\"", "one"),
        part("file", "; filename=\"../b.txt\"", "two"),
        part("path", "", "deep/c.txt"),
        part(
            "file",
            "; filename=\"ignored.txt\"",
            &"three".repeat(50_000),
        ),
        "--x--\r\n".to_owned(),
    ]
    .concat();
    let answer = open
        .ask(with_body(Method::POST, "/upload", &[FORM], form.clone()))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let outcome = answer.json();
    assert_eq!(outcome["receipts"][0]["path"], "in/trip/a.txt");
    assert_eq!(outcome["receipts"][1]["path"], "in/deep/c.txt");
    assert_eq!(outcome["receipts"][1]["size"], 250_000);
    assert_eq!(outcome["failures"][0]["path"], "../b.txt");

    // A form that breaks off names what was stored before it did.
    let torn = &form[..form.len() - 200_000];
    let answer = open
        .ask(with_body(Method::POST, "/upload", &[FORM], torn.to_owned()))
        .await
        .json();
    assert_eq!(answer["receipts"].as_array().unwrap().len(), 1);
    assert_eq!(answer["failures"][1]["path"], "in/deep/c.txt");

    let plain = [
        part("folder", "", "in"),
        part("file", "; filename=\"d\"", "x"),
        "--x--".to_owned(),
    ]
    .concat();
    let page = with_body(
        Method::POST,
        "/upload",
        &[FORM, ("accept", "text/html")],
        plain,
    );
    let page = open.ask(page).await;
    assert_eq!(
        (page.status, page.headers[LOCATION].to_str().unwrap()),
        (StatusCode::SEE_OTHER, "/browse/in")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_the_stores_until_the_process_is_told_to_go() {
    let open = open();
    let ready = open.ask(get("/health/ready")).await;
    assert_eq!(
        (ready.status, &ready.json()["status"]),
        (StatusCode::OK, &"ready".into())
    );
    assert_eq!(ready.json()["stores"].as_array().unwrap().len(), 4);
    assert_eq!(ready.json()["boot"], 1);
    open.app.drain();
    let draining = open.ask(get("/health/ready")).await;
    assert_eq!(draining.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(draining.json()["status"], "draining");
    assert_eq!(
        open.put("still.txt", &[], "served").await.status,
        StatusCode::CREATED
    );
    let metrics = open.ask(get("/metrics")).await.text;
    assert!(
        metrics.contains("wharfside_store_ok{store=\"catalog\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("wharfside_ready 0"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_are_given_while_the_facts_are_away() {
    let directory = open().directory.clone();
    // As another release does while it creates or repairs the facts store.
    let held = std::fs::File::open(directory.path().join("facts.lock")).unwrap();
    held.lock().unwrap();
    let open = Open::in_directory(directory, &[]);
    let id = open.put("a.txt", &[], "words").await.json()["id"].clone();
    let text = open.ask(get(&format!("/download/{id}"))).await;
    assert_eq!((text.status, &*text.text), (StatusCode::OK, "words"));
    let by_path = open.ask(get("/api/v1/files/a.txt")).await;
    assert_eq!(by_path.status, StatusCode::OK, "{}", by_path.text);
    let page = open.ask(get(&format!("/files/{id}"))).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains("a.txt"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_content_that_is_gone_from_disk_is_our_fault() {
    let open = open();
    let id = open.put("a.txt", &[], "words").await.json()["id"].clone();
    std::fs::remove_dir_all(open.directory.path().join("blobs")).unwrap();
    for uri in ["/api/v1/files/a.txt".to_owned(), format!("/download/{id}")] {
        let gone = open.ask(get(&uri)).await;
        assert_eq!(gone.status, StatusCode::INTERNAL_SERVER_ERROR, "{uri}");
        let detail = gone.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("wharfside check --deep"), "{detail}");
    }
}
