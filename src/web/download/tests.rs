//! Answers to every way of asking for a content.

use std::io::Write;

use axum::http::HeaderName;
use http_body_util::BodyExt;

use super::*;
use crate::config::Config;

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const TEN: &[u8] = b"0123456789";

async fn get(bytes: &[u8], pairs: &[(&'static str, &str)]) -> (StatusCode, HeaderMap, Bytes) {
    ask(&Method::GET, bytes, pairs).await
}

async fn ask(
    method: &Method,
    bytes: &[u8],
    pairs: &[(&'static str, &str)],
) -> (StatusCode, HeaderMap, Bytes) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let content = Content {
        id: 1,
        file,
        size: bytes.len() as u64,
        sha256: HEX.parse().unwrap(),
        media_type: "text/html".into(),
        modified_ms: 784_111_777_000,
        name: "page.html".into(),
    };
    let sent = pairs
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect();
    let app = App::new(Config::from_vars([("ACCESS".to_owned(), "local".to_owned())]).unwrap());
    let response = respond(&app, content, None, &Asked::new(method, &sent)).unwrap();
    let (parts, body) = response.into_parts();
    (
        parts.status,
        parts.headers,
        body.collect().await.unwrap().to_bytes(),
    )
}

#[tokio::test]
async fn the_whole_content_is_described() {
    let (status, headers, body) = get(TEN, &[]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body, TEN);
    assert_eq!(headers[ETAG], format!("\"{HEX}\""));
    assert_eq!(headers[LAST_MODIFIED], "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(headers[ACCEPT_RANGES], "bytes");
    assert_eq!(headers[CONTENT_LENGTH], "10");
    assert_eq!(
        headers[CONTENT_DISPOSITION],
        "attachment; filename=\"page.html\""
    );
    assert!(
        headers[CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap()
            .starts_with("sandbox;")
    );
    assert_eq!(headers[REPR_DIGEST], headers[CONTENT_DIGEST]);
}

#[tokio::test]
async fn head_says_the_same_without_the_bytes() {
    let (status, headers, body) = ask(&Method::HEAD, TEN, &[("range", "bytes=0-1")]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[CONTENT_LENGTH], "10");
    assert!(headers.contains_key(REPR_DIGEST));
    assert!(body.is_empty());
}

#[tokio::test]
async fn one_range_is_a_part() {
    let (status, headers, body) = get(TEN, &[("range", "bytes=2-4")]).await;
    assert_eq!(status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(headers[CONTENT_RANGE], "bytes 2-4/10");
    assert_eq!(headers[CONTENT_LENGTH], "3");
    assert_eq!(body, "234");
    assert!(!headers.contains_key(CONTENT_DIGEST));
}

#[tokio::test]
async fn several_ranges_are_parts_of_a_multipart() {
    let bytes: Vec<u8> = (0..1000u32).map(|n| (n % 10) as u8 + b'0').collect();
    let (status, headers, body) = get(&bytes, &[("range", "bytes=0-2,900-901")]).await;
    assert_eq!(status, StatusCode::PARTIAL_CONTENT);
    let kind = headers[CONTENT_TYPE].to_str().unwrap();
    let boundary = kind
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    let expected = format!(
        "\r\n--{boundary}\r\nContent-Type: text/html\r\nContent-Range: bytes 0-2/1000\r\n\r\n012\
         \r\n--{boundary}\r\nContent-Type: text/html\r\nContent-Range: bytes 900-901/1000\r\n\r\n01\
         \r\n--{boundary}--\r\n"
    );
    assert_eq!(body, expected);
    assert_eq!(headers[CONTENT_LENGTH], expected.len().to_string());
    assert!(!headers.contains_key(CONTENT_RANGE));
}

#[tokio::test]
async fn a_range_beyond_the_end_says_where_the_end_is() {
    let (status, headers, _) = get(TEN, &[("range", "bytes=10-")]).await;
    assert_eq!(status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(headers[CONTENT_RANGE], "bytes */10");
}

#[tokio::test]
async fn a_range_of_another_content_gets_the_whole_of_this_one() {
    let tag = format!("\"{HEX}\"");
    for (validator, status) in [
        (tag.as_str(), StatusCode::PARTIAL_CONTENT),
        ("\"other\"", StatusCode::OK),
        ("Sun, 06 Nov 1994 08:49:37 GMT", StatusCode::PARTIAL_CONTENT),
        ("Mon, 07 Nov 1994 08:49:37 GMT", StatusCode::OK),
    ] {
        let sent = [("range", "bytes=0-0"), ("if-range", validator)];
        assert_eq!(get(TEN, &sent).await.0, status, "{validator}");
    }
}

#[tokio::test]
async fn conditions_come_before_ranges() {
    let tag = format!("\"{HEX}\"");
    let (status, headers, body) =
        get(TEN, &[("if-none-match", &tag), ("range", "bytes=50-")]).await;
    assert_eq!(status, StatusCode::NOT_MODIFIED);
    assert_eq!(headers[ETAG], tag);
    assert!(!headers.contains_key(CONTENT_TYPE));
    assert!(body.is_empty());
    let (status, headers, _) = get(TEN, &[("if-match", "\"other\"")]).await;
    assert_eq!(status, StatusCode::PRECONDITION_FAILED);
    assert!(!headers.contains_key(ETAG));
}

#[tokio::test]
async fn an_empty_file_is_an_answer_too() {
    let (status, headers, body) = get(b"", &[]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[CONTENT_LENGTH], "0");
    assert!(body.is_empty());
}
