//! Names the build: the short git hash where there is a checkout, else the package version; and
//! the version of redb, which does not tell its own.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed=.git/logs/HEAD");
    let hash = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok());
    let revision = match hash.as_deref().map(str::trim) {
        Some(hash) if !hash.is_empty() => hash.to_owned(),
        _ => std::env::var("CARGO_PKG_VERSION").unwrap_or_default(),
    };
    println!("cargo:rustc-env=WHARFSIDE_BUILD_REVISION={revision}");
    println!("cargo:rerun-if-changed=Cargo.lock");
    let redb = locked_version("redb").unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=WHARFSIDE_REDB_VERSION={redb}");
}

/// The version of a package in `Cargo.lock`.
fn locked_version(package: &str) -> Option<String> {
    let lock = std::fs::read_to_string("Cargo.lock").ok()?;
    let entry = lock
        .split_once(&format!("name = \"{package}\"\nversion = \""))?
        .1;
    entry.split_once('"').map(|(version, _)| version.to_owned())
}
