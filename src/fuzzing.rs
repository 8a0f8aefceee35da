//! What must hold whatever comes in: one function for each parser of what strangers send.
//!
//! A function takes any bytes at all, has the parser read them, and panics where a promise is broken
//! that callers rely on. `scripts/fuzz` looks for such bytes; `fuzz/seeds` keeps examples of what is
//! ordinary, and whatever was found, and every test run goes through them.
//!
//! Each function lives beside what it calls, which is private there. None is part of a release: this
//! exists under `cfg(test)` and `cfg(fuzzing)` alone.

pub use crate::extract::child::fuzzing::extract_protocol;
pub use crate::library::fuzzing::{path, query};
pub use crate::web::fuzzing::{digest_headers, multipart, range, tus_headers};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    fn folder(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz")
            .join(name)
    }

    fn paths_in(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder)
            .unwrap_or_else(|error| panic!("{} cannot be read: {error}", folder.display()));
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    fn stems_in(folder: &Path) -> BTreeSet<String> {
        let paths = paths_in(folder).into_iter();
        paths
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect()
    }

    fn every_seed_holds(target: &str, check: fn(&[u8])) {
        let seeds = paths_in(&folder("seeds").join(target));
        assert!(!seeds.is_empty(), "{target} has no seeds");
        for seed in seeds {
            // Shown only if the check panics.
            println!("{}", seed.display());
            check(&fs::read(&seed).unwrap());
        }
    }

    macro_rules! targets {
        ($($target:ident),*) => {
            const TARGETS: &[&str] = &[$(stringify!($target)),*];

            $(#[test]
            fn $target() {
                every_seed_holds(stringify!($target), super::$target);
            })*
        };
    }

    targets!(
        digest_headers,
        extract_protocol,
        multipart,
        path,
        query,
        range,
        tus_headers
    );

    #[test]
    fn every_target_is_built_seeded_and_tested() {
        let targets = TARGETS.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(stems_in(&folder("targets")), targets);
        assert_eq!(stems_in(&folder("seeds")), targets);
        let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
        for target in TARGETS {
            let built = format!("name = \"{target}\"\npath = \"targets/{target}.rs\"");
            assert!(manifest.contains(&built), "{target} is not built");
        }
    }
}
