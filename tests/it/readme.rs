//! What the README says of the code is so.

use wharfside::config::VARIABLES;

const README: &str = include_str!("../../README.md");

#[test]
fn the_readme_asks_for_the_rust_that_the_manifest_asks_for() {
    let sentence = format!("Rust {} or newer", env!("CARGO_PKG_RUST_VERSION"));
    assert!(
        README.contains(&sentence),
        "the README does not say: {sentence}"
    );
}

#[test]
fn the_readme_lists_every_variable_as_the_code_has_it() {
    let rows = README
        .lines()
        .skip_while(|line| *line != "| variable | default | meaning |")
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let listed: Vec<String> = rows.map(str::to_owned).collect();
    let expected: Vec<String> = VARIABLES
        .iter()
        .map(|v| format!("| `{}` | {} | {} |", v.name, v.default, v.help))
        .collect();
    assert!(
        listed == expected,
        "the README's table should read:\n{}",
        expected.join("\n")
    );
}
