//! What holds for every route, without a library behind it.

use axum::http::header::{ACCEPT, ALLOW, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER};

use super::*;

#[tokio::test]
async fn before_the_stores_are_open_only_health_answers() {
    let app = app();
    app.wait_for("The release that is leaving still holds the facts.");
    let live = ask(&app, get("/health/live")).await;
    assert_eq!(live.status, StatusCode::OK);
    let ready = ask(&app, get("/health/ready")).await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.json()["status"], "starting");
    assert_eq!(
        ready.json()["reason"],
        "The release that is leaving still holds the facts."
    );
    let other = ask(&app, get("/api/v1/entries")).await;
    assert_eq!(other.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(other.headers[RETRY_AFTER], "1");
    assert_eq!(
        other.json()["detail"],
        "The release that is leaving still holds the facts."
    );
    assert_eq!(ask(&app, get("/metrics")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_failure_is_a_problem_for_programs_and_a_page_for_people() {
    let app = app();
    let program = ask(&app, get("/api/v1/entries?x=1")).await;
    assert_eq!(program.headers[CONTENT_TYPE], "application/problem+json");
    let problem = program.json();
    assert_eq!(problem["type"], "about:blank");
    assert_eq!(problem["status"], 503);
    assert_eq!(problem["instance"], "/api/v1/entries");
    assert_eq!(
        problem["request_id"],
        program.headers[X_REQUEST_ID].to_str().unwrap()
    );

    let html = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let person = ask(&app, request(Method::GET, "/browse/x", &[("accept", html)])).await;
    assert_eq!(person.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        person.headers[CONTENT_TYPE]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    assert!(
        person
            .text
            .contains(person.headers[X_REQUEST_ID].to_str().unwrap())
    );
    let api = ask(
        &app,
        request(Method::GET, "/api/v1/search?q=a", &[("accept", html)]),
    )
    .await;
    assert_eq!(api.headers[CONTENT_TYPE], "application/problem+json");
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_protect() {
    let app = app();
    for uri in ["/health/live", "/", "/nowhere"] {
        let answer = ask(&app, get(uri)).await;
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{uri}");
        let policy = answer.headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(
            policy.contains("script-src 'self'") && !policy.contains("unsafe"),
            "{uri}"
        );
        assert!(answer.headers.contains_key(X_REQUEST_ID), "{uri}");
        assert!(!answer.headers.contains_key(CONNECTION), "{uri}");
    }
    app.drain();
    assert_eq!(
        ask(&app, get("/health/live")).await.headers[CONNECTION],
        "close"
    );
}

#[tokio::test]
async fn unknown_methods_name_those_that_exist() {
    let answer = ask(&app(), request(Method::DELETE, "/health/live", &[])).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.headers[ALLOW], "GET,HEAD");
    assert!(answer.json()["detail"].as_str().unwrap().contains("method"));
}

#[tokio::test]
async fn other_sites_change_nothing() {
    let foreign = [("host", "localhost"), ("sec-fetch-site", "cross-site")];
    let answer = ask(&app(), request(Method::POST, "/upload", &foreign)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let rebound = request(Method::GET, "/health/live", &[("host", "files.example")]);
    assert_eq!(
        ask(&app(), rebound).await.status,
        StatusCode::MISDIRECTED_REQUEST
    );
}

#[tokio::test]
async fn a_panic_is_an_answer_without_its_words() {
    let app = app();
    async fn panics() -> &'static str {
        panic!("secret")
    }
    let response = Router::new()
        .route("/health/live", axum::routing::get(panics))
        .layer(from_fn_with_state(app.clone(), front))
        .oneshot(request(
            Method::GET,
            "/health/live",
            &[(ACCEPT.as_str(), "application/json")],
        ))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    assert!(!String::from_utf8_lossy(&bytes).contains("secret"));
}

#[tokio::test]
async fn the_page_that_asks_for_patience_has_its_style() {
    let app = app();
    let page = ask(&app, request(Method::GET, "/", &[("accept", "text/html")])).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    let assets: Vec<_> = page
        .text
        .split('"')
        .filter(|text| text.starts_with("/assets/"))
        .collect();
    assert!(
        assets.iter().any(|url| url.ends_with(".css")),
        "{}",
        page.text
    );
    for url in assets {
        assert_eq!(ask(&app, get(url)).await.status, StatusCode::OK, "{url}");
    }
}
