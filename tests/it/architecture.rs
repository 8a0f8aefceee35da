//! What ARCHITECTURE.md says of the code is so.

use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../../ARCHITECTURE.md");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files and functions of a step such as "1. `src/a.rs` → `f`: does this."
fn places(line: &str) -> Vec<(&str, &str)> {
    let mut parts = line.split('`').skip(1);
    let mut places = Vec::new();
    while let (Some(file), Some(" → "), Some(function)) = (parts.next(), parts.next(), parts.next())
    {
        places.push((file, function));
        parts.next();
    }
    places
}

fn defines(source: &str, function: &str) -> bool {
    let start = format!("fn {function}");
    let mut places = source.match_indices(&start);
    places.any(|(at, found)| source[at + found.len()..].starts_with(['(', '<']))
}

#[test]
fn each_step_is_where_it_is_said_to_be() {
    let steps = PAGE
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    let mut checked = 0;
    for step in steps {
        let places = places(step);
        assert!(!places.is_empty(), "no function in: {step}");
        for (file, function) in places {
            let source = fs::read_to_string(root().join(file));
            let source = source.unwrap_or_else(|error| panic!("{file}: {error}: {step}"));
            assert!(
                defines(&source, function),
                "{file} has no {function}: {step}"
            );
            checked += 1;
        }
    }
    assert!(checked > 30, "{checked}");
}

#[test]
fn each_layer_is_there() {
    let layers = PAGE.lines().skip_while(|line| *line != "|---|---|").skip(1);
    let layers: Vec<&str> = layers.take_while(|line| line.starts_with('|')).collect();
    assert!(layers.len() > 8);
    for layer in layers {
        let names = layer.split('|').nth(1).unwrap();
        for name in names.split('`').skip(1).step_by(2) {
            let candidates = [
                name.to_owned(),
                format!("src/{name}.rs"),
                format!("src/{name}/mod.rs"),
            ];
            let is_there = candidates.iter().any(|path| root().join(path).is_file());
            assert!(is_there, "{name}");
        }
    }
}
