//! The API against its own description: schemathesis, which others wrote, asks for everything that the OpenAPI
//! document names, in ways that it allows and in ways that it forbids.
//!
//! What it asks and what it makes of the answers is in `tests/clients/schemathesis.toml`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::app::TestApp;
use crate::command::{CLIENTS, eventually, need_clients, run};
use crate::people::Credentials;
use crate::thumbnails::picture;

/// Everything it does follows from this: with another seed, it asks other things.
const SEED: &str = "--seed=20260101";
/// It takes a quarter of that on a machine that has little else to do.
const MOST_SECONDS: &str = "240";

/// What schemathesis tells of all that it did.
struct Report {
    summary: Value,
    statuses: BTreeSet<u64>,
}

#[test]
fn needs_python_schemathesis_finds_no_answer_that_is_not_documented() {
    let (app, owner) = TestApp::with_owner(&[]);
    app.store("harbour.txt", &owner, b"quiet water");
    app.store("harbour.txt", &owner, b"quiet water in the harbour");
    app.store("reports/2026/q3.txt", &owner, b"ballast");
    let crane = app.store("crane.jpg", &owner, &picture([180, 60, 20]));
    let thumbnail = format!("/thumbnail/{crane}");
    // While it is being made, the answer to somebody who asks again and again would be 503.
    eventually("the thumbnail", || {
        (app.look(&thumbnail, &owner).status == 200).then_some(())
    });
    let Credentials(token) = app.token(&owner, "admin", "", "30");
    let authorization = format!("--header=Authorization: {}", token[0].1);

    let report = schemathesis(&app, &[&authorization]);
    let cases = report.summary["test_cases"]["generated"].as_u64().unwrap();
    assert!(cases >= 1000, "it tried {cases} cases only");
    for (operation, phases) in report.summary["valid_rates"].as_object().unwrap() {
        let accepted = |phase: &Value| phase["accepted"].as_u64().unwrap() > 0;
        let ever = phases.as_object().unwrap().values().any(accepted);
        assert!(ever, "{operation} was refused each time: {phases}");
    }
    app.assert_sound();
}

#[test]
fn needs_python_schemathesis_is_answered_nothing_without_a_token() {
    let (app, owner) = TestApp::with_owner(&[]);
    app.store("harbour.txt", &owner, b"quiet water");
    let answers = "--checks=not_a_server_error,status_code_conformance,content_type_conformance,\
                   response_schema_conformance,response_headers_conformance";
    let report = schemathesis(&app, &["--phases=coverage", answers]);
    let refusals = BTreeSet::from([401, 429]);
    assert!(
        report.statuses.is_subset(&refusals),
        "{:?}",
        report.statuses
    );
    assert!(report.statuses.contains(&401));
}

/// Asks for all that the app describes; fails if an answer is not as described, or an operation was left out.
fn schemathesis(app: &TestApp, arguments: &[&str]) -> Report {
    need_clients();
    let here = TempDir::new().unwrap();
    let (summary, answers) = (
        here.path().join("summary.json"),
        here.path().join("answers.har"),
    );
    let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/schemathesis.toml");
    let mut command = Command::new("timeout");
    command
        .args(["--kill-after=5", MOST_SECONDS])
        .arg(Path::new(CLIENTS).join("python/bin/python"))
        .args(["-m", "schemathesis.cli"])
        .arg("--config-file")
        .arg(settings)
        .args(["run", "--no-color", SEED, "--report=json,har"])
        .arg("--report-json-path")
        .arg(&summary)
        .arg("--report-har-path")
        .arg(&answers)
        .args(arguments)
        .arg(app.url("/api/v1/openapi.json"))
        .current_dir(&here)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let ended = run(command, "");
    assert_ne!(
        ended.code,
        Some(124),
        "more than {MOST_SECONDS} s: {}",
        ended.stdout
    );
    assert_eq!(
        ended.code,
        Some(0),
        "{SEED}\n{}{}",
        ended.stdout,
        ended.stderr
    );

    let summary: Value = serde_json::from_slice(&fs::read(summary).unwrap()).unwrap();
    assert_eq!(summary["complete"], true, "{}", ended.stdout);
    assert_eq!(
        summary["operations"]["tested"],
        described(app),
        "{}",
        ended.stdout
    );
    let answers: Value = serde_json::from_slice(&fs::read(answers).unwrap()).unwrap();
    let entries = answers["log"]["entries"].as_array().unwrap();
    let statuses = entries
        .iter()
        .map(|entry| entry["response"]["status"].as_u64().unwrap());
    Report {
        summary,
        statuses: statuses.collect(),
    }
}

/// How many operations the document has.
fn described(app: &TestApp) -> usize {
    let document = app.json("/api/v1/openapi.json");
    let items = document["paths"].as_object().unwrap().values();
    items.map(|item| item.as_object().unwrap().len()).sum()
}
