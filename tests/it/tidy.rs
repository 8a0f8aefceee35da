//! The house rules that a machine can check, by reading the sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which layers a layer may name, beside itself. Imports go downward only.
const LAYERS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("store", &["error"]),
    ("extract", &["error"]),
    ("auth", &["error"]),
    ("library", &["error", "store", "extract"]),
    // Says what the library is opened with; nothing below the surfaces reads it.
    ("config", &["error", "store", "extract", "library"]),
    ("logging", &["error", "config", "auth"]),
    ("worker", &["error", "store", "extract", "library"]),
    ("upkeep", &["error", "store", "library"]),
    ("check", &["error", "config", "store", "extract", "library"]),
    ("user", &["error", "config", "auth", "library"]),
    (
        "reindex",
        &["error", "config", "store", "library", "worker"],
    ),
    ("heap", &[]),
    ("interrupt", &["error"]),
    ("remote", &["error", "store", "library"]),
    (
        "smoke",
        &["error", "interrupt", "store", "library", "remote"],
    ),
    (
        "terminal",
        &["error", "interrupt", "store", "library", "remote"],
    ),
    ("web", &["error", "config", "auth", "store", "library"]),
    // What parsers promise, for tests and fuzzing alone.
    ("fuzzing", &["extract", "library", "web"]),
    // Puts the parts of one running release together.
    (
        "serve",
        &[
            "error", "config", "auth", "logging", "store", "library", "worker", "upkeep", "web",
        ],
    ),
];

/// Where a crate may be named at all: path prefixes below `src/`.
const ENGINES: &[(&str, &[&str])] = &[
    ("axum", &["web"]),
    ("redb", &["store/kv"]),
    ("rusqlite", &["store/sql", "library"]),
    ("tantivy", &["store/index", "library"]),
    ("std::env", &["config", "heap"]),
];

/// Where unsafe code is, each with the reason in the file: what survives an index file that is cut
/// short, and the one call that tells the C library how to keep memory.
const UNSAFE: [&str; 2] = ["src/store/sigbus.rs", "src/heap.rs"];

const MOST_LINES: usize = 600;
const MEDIAN_LINES: usize = 200;
const HANDLER_LINES: usize = 25;

/// A source file of ours.
struct Source {
    /// Relative to the package.
    path: String,
    text: String,
}

impl Source {
    /// Unit tests in a file of their own.
    fn is_tests(&self) -> bool {
        self.path.starts_with("src/")
            && (self.path.ends_with("tests.rs") || self.path.contains("/tests/"))
    }

    /// Everything before the unit tests, and nothing that is only a comment.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self.is_tests();
        self.text
            .lines()
            .take_while(move |line| !tests && line.trim() != "mod tests {")
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn lines_without_tests(&self) -> usize {
        self.text
            .lines()
            .take_while(|line| *line != "#[cfg(test)]")
            .count()
    }

    /// Below `src/`, without the extension: `store/sql/writer`.
    fn module(&self) -> Option<&str> {
        let path = self.path.strip_prefix("src/")?.strip_suffix(".rs")?;
        Some(path.strip_suffix("/mod").unwrap_or(path))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    for folder in ["src", "tests", "benches", "examples", "fuzz/targets"] {
        collect(&root().join(folder), &mut sources);
    }
    assert!(sources.len() > 10, "the sources were not found");
    sources
}

fn collect(folder: &Path, sources: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(Source {
                path: path
                    .strip_prefix(root())
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned(),
                text: fs::read_to_string(&path).unwrap(),
            });
        }
    }
}

/// Whether `line` names the crate or module `name` as the first part of a path.
fn names(line: &str, name: &str) -> bool {
    let begins_word =
        |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
    let ends_word =
        |at: usize| !line[at + name.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
    line.match_indices(name).any(|(at, _)| {
        begins_word(at)
            && ends_word(at)
            && (line[at + name.len()..].starts_with("::") || line.trim_start().starts_with("use "))
    })
}

fn report(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}\n{}", broken.join("\n"));
}

#[test]
fn every_file_says_what_it_is_in_its_first_line() {
    let broken: Vec<_> = sources()
        .into_iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path)
        .collect();
    report("a file opens with a //! line", &broken);
}

#[test]
fn files_are_of_a_size_to_be_read() {
    let mut sizes: Vec<(usize, String)> = sources()
        .into_iter()
        .filter(|source| source.module().is_some() && !source.is_tests())
        .map(|source| (source.lines_without_tests(), source.path))
        .collect();
    sizes.sort();
    let median = sizes[sizes.len() / 2].0;
    assert!(median <= MEDIAN_LINES, "the median file has {median} lines");
    let broken: Vec<_> = sizes
        .iter()
        .filter(|(lines, _)| *lines > MOST_LINES)
        .map(|size| format!("{size:?}"))
        .collect();
    report("a file has at most 600 lines beside its tests", &broken);
}

#[test]
fn layers_import_downward_only() {
    let allowed: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let mut broken = Vec::new();
    for source in sources() {
        let Some(module) = source.module() else {
            continue;
        };
        let layer = module.split('/').next().unwrap();
        if matches!(layer, "lib" | "main") {
            continue;
        }
        let Some(below) = allowed.get(layer) else {
            broken.push(format!(
                "{}: the layer {layer} has no place in LAYERS",
                source.path
            ));
            continue;
        };
        for (number, line) in source.code() {
            for target in targets(line) {
                if target != layer && allowed.contains_key(target) && !below.contains(&target) {
                    broken.push(format!("{}:{number}: {layer} names {target}", source.path));
                }
            }
        }
    }
    report(
        "store <- library <- {worker, check, web}; extract stands beside store",
        &broken,
    );
}

/// The layers that a line names after `crate::`, also inside braces.
fn targets(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, prefix) in line.match_indices("crate::") {
        let rest = &line[at + prefix.len()..];
        let first_parts: Vec<&str> = match rest.strip_prefix('{') {
            Some(list) => list.split(',').collect(),
            None => vec![rest],
        };
        for part in first_parts {
            let part = part.trim_start();
            let end = part
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(part.len());
            found.push(&part[..end]);
        }
    }
    found
}

#[test]
fn engines_and_the_environment_stay_where_they_belong() {
    let mut broken = Vec::new();
    for source in sources() {
        let Some(module) = source.module() else {
            continue;
        };
        for (engine, homes) in ENGINES {
            let at_home = homes.iter().any(|home| {
                module == *home
                    || module
                        .strip_prefix(home)
                        .is_some_and(|rest| rest.starts_with('/'))
            });
            if at_home {
                continue;
            }
            for (number, line) in source.code() {
                if names(line, engine) {
                    broken.push(format!(
                        "{}:{number}: {engine} outside {homes:?}",
                        source.path
                    ));
                }
            }
        }
    }
    report("each engine has its home", &broken);
}

#[test]
fn names_say_what_a_module_is_for() {
    let broken: Vec<_> = sources()
        .into_iter()
        .map(|source| source.path)
        .filter(|path| {
            let path = path.trim_end_matches(".rs");
            path.split('/')
                .any(|part| ["utils", "util", "common", "helpers", "services"].contains(&part))
        })
        .collect();
    report("no utils, common, helpers, services", &broken);
}

#[test]
fn handlers_fit_on_a_screen() {
    let mut broken = Vec::new();
    for source in sources() {
        if !source
            .module()
            .is_some_and(|module| module.starts_with("web/"))
        {
            continue;
        }
        let lines: Vec<(usize, &str)> = source.code().collect();
        for (index, (number, line)) in lines.iter().enumerate() {
            if !line.trim_start().contains("async fn ") {
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            let close = format!("{}}}", " ".repeat(indent));
            let body = lines[index..].iter().take_while(|(_, line)| *line != close);
            let signature_and_body: Vec<_> = body.collect();
            let handler = signature_and_body
                .iter()
                .any(|(_, line)| line.contains("State("));
            if handler && signature_and_body.len() > HANDLER_LINES {
                broken.push(format!(
                    "{}:{number}: {} lines",
                    source.path,
                    signature_and_body.len()
                ));
            }
        }
    }
    report("a handler has at most 25 lines", &broken);
}

#[test]
fn no_trait_has_a_single_implementation() {
    let sources: Vec<Source> = sources()
        .into_iter()
        .filter(|source| source.module().is_some())
        .collect();
    let mut broken = Vec::new();
    for source in &sources {
        for (number, line) in source.code() {
            let Some((before, after)) = line.split_once("trait ") else {
                continue;
            };
            if !matches!(before.trim(), "" | "pub" | "pub(crate)" | "pub(super)") {
                continue;
            }
            let name: String = after.chars().take_while(|c| c.is_alphanumeric()).collect();
            let implementations = sources
                .iter()
                .flat_map(Source::code)
                .filter(|(_, line)| {
                    line.trim_start().starts_with("impl")
                        && (line.contains(&format!("{name} for "))
                            || line.contains(&format!("{name}> for ")))
                })
                .count();
            if implementations < 2 {
                broken.push(format!("{}:{number}: {name}", source.path));
            }
        }
    }
    report("a trait has more than one implementation", &broken);
}

#[test]
fn input_and_locks_are_never_unwrapped() {
    let mut broken = Vec::new();
    for source in sources() {
        if source.module().is_none() {
            continue;
        }
        for (number, line) in source.code() {
            let trusts = line.contains(".unwrap()") || line.contains(".expect(");
            if trusts {
                broken.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    report("no unwrap or expect outside tests", &broken);
}

#[test]
fn unsafe_code_has_two_places() {
    let word = "uns".to_owned() + "afe";
    let marks = ["{", "fn ", "impl ", "extern "].map(|after| format!("{word} {after}"));
    let allowed = format!("allow({word}_code)");
    let is_unsafe =
        |line: &str| line.contains(&allowed) || marks.iter().any(|mark| line.contains(mark));
    let mut broken = Vec::new();
    for source in sources() {
        for (index, line) in source.text.lines().enumerate() {
            if !UNSAFE.contains(&source.path.as_str()) && is_unsafe(line) {
                broken.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
            }
        }
    }
    report("what the compiler cannot check has two places", &broken);
}

#[test]
fn nothing_is_left_for_later() {
    let marks = [
        "TO".to_owned() + "DO",
        "FIX".to_owned() + "ME",
        "todo".to_owned() + "!(",
        "unimple".to_owned() + "mented!",
    ];
    let mut broken = Vec::new();
    for source in sources() {
        for (index, line) in source.text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                broken.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
            }
        }
    }
    report("no stub and no note to do it later", &broken);
}

#[test]
fn every_promise_is_named_by_a_test() {
    let tests: String = sources()
        .into_iter()
        .flat_map(|source| {
            let mut lines: Vec<String> = source.text.lines().map(str::to_owned).collect();
            lines.retain(|line| {
                line.trim_start().starts_with("fn ") || line.trim_start().starts_with("async fn ")
            });
            lines
        })
        .collect::<Vec<_>>()
        .join("\n");
    let broken: Vec<_> = (1..=8)
        .map(|n| format!("p{n}_"))
        .filter(|promise| !tests.contains(promise.as_str()))
        .collect();
    report("each promise has a test whose name begins with it", &broken);
}
