//! Micro-benchmark of folder rules: what looking and storing cost a member among 100,000 folders,
//! without rules and with 10,000, in turns. Run with `cargo bench --bench rules`.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use wharfside::config::Config;
use wharfside::library::search::Request;
use wharfside::library::{
    Acting, Credential, FilePath, FolderPath, From, Library, NewFile, Precondition, Right, Role,
    Selection, Sort, Viewer,
};

const TOP: usize = 1_000;
const IN_EACH: usize = 100;
const RULES: usize = 10_000;
const ROUNDS: usize = 15;

/// One library, with what a member does in it.
struct Place {
    _directory: tempfile::TempDir,
    library: Library,
}

/// Where the rules are.
#[derive(Clone, Copy)]
enum Rules {
    None,
    /// One in ten of the folders below the top ones is closed.
    Below,
    /// Ten thousand closed folders lie side by side in the root.
    InRoot,
    /// Closed folders below the top, with an open one in each.
    Nested,
}

impl Place {
    fn new(rules: Rules) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let vars = [
            ("STORAGE_DIR", directory.path().to_str().unwrap()),
            ("ACCESS", "public-read"),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = Config::from_vars(vars).unwrap();
        let library = Library::open(&config.library()).unwrap();
        let id = library.add_account("Mia", Role::Member).unwrap().id;
        fill(directory.path(), rules);
        let acting = Acting {
            account: id,
            name: "Mia".to_owned(),
            credential: Credential::Account,
            most: Right::Own,
            within: None,
        };
        let library = library.seen_by(Viewer::account(acting, Right::Read).into());
        Self {
            _directory: directory,
            library,
        }
    }
}

/// Writes the catalog's rows as storing would; a commit for each would take an hour.
fn fill(directory: &Path, rules: Rules) {
    let mut catalog = Connection::open(directory.join("catalog.sqlite")).unwrap();
    let transaction = catalog.transaction().unwrap();
    {
        let c = &transaction;
        let mut file = c
            .prepare(
                "INSERT INTO file (path, folder, name, sort_name, version, sha256, size, media_type, created_ms,
                 modified_ms) VALUES (?1, ?2, 'f.txt', 'f.txt', 1, zeroblob(32), 1, 'text/plain', ?3, ?3)",
            )
            .unwrap();
        let mut outbox = c
            .prepare("INSERT INTO outbox (file_id) VALUES (?1)")
            .unwrap();
        let mut folder = c
            .prepare(
                "INSERT INTO folder (path, parent, sort_name, files, bytes) VALUES (?1, ?2, ?1, ?3, ?3)
                 ON CONFLICT (path) DO NOTHING",
            )
            .unwrap();
        let mut rule = c
            .prepare("INSERT INTO folder_rule (path, everyone) VALUES (?1, ?2)")
            .unwrap();
        let count = TOP * IN_EACH;
        folder.execute(("", None::<&str>, count)).unwrap();
        for top in 0..TOP {
            let above = format!("t{top:04}");
            folder.execute((&above, Some(""), IN_EACH)).unwrap();
            for n in 0..IN_EACH {
                let path = format!("{above}/s{n:03}");
                folder.execute((&path, Some(&above), 1)).unwrap();
                file.execute((format!("{path}/f.txt"), &path, (top * IN_EACH + n) as i64))
                    .unwrap();
                outbox.execute([c.last_insert_rowid()]).unwrap();
                let at = top * IN_EACH + n;
                match rules {
                    Rules::Below if at % (count / RULES) == 5 => {
                        rule.execute((&path, "none")).unwrap();
                    }
                    Rules::Nested if at % (2 * count / RULES) == 5 => {
                        rule.execute((&path, "none")).unwrap();
                        rule.execute((format!("{path}/open"), "read")).unwrap();
                    }
                    _ => {}
                }
            }
        }
        if matches!(rules, Rules::InRoot) {
            for n in 0..RULES {
                let path = format!("home {n}");
                folder.execute((&path, Some(""), 1)).unwrap();
                rule.execute((&path, "none")).unwrap();
            }
        }
    }
    transaction.commit().unwrap();
}

type Work = fn(&Library, usize);

fn put(library: &Library, round: usize) {
    let mut upload = library.upload(0).unwrap();
    upload.append(format!("{round}").as_bytes()).unwrap();
    let file = NewFile {
        path: FilePath::parse(&format!("Mia/{round}.txt")).unwrap(),
        precondition: Precondition::None,
        expected: None,
        keep_both: false,
    };
    library.add(upload, file).unwrap();
}

fn list(library: &Library, folder: &str) {
    let folder = FolderPath::parse(folder).unwrap();
    library
        .list(&folder, Sort::Name, From::Cursor(None), 100)
        .unwrap();
    library.rows_in(&folder, false).unwrap();
}

fn main() {
    let work: &[(&str, Work)] = &[
        ("PUT of a small file", put),
        ("list the root", |library, _| list(library, "")),
        ("list a folder", |library, round| {
            list(library, &format!("t{round:04}"));
        }),
        ("list all files by time", |library, _| {
            let root = FolderPath::default();
            library
                .list_deep(&root, Sort::Time, From::Cursor(None), 100)
                .unwrap();
        }),
        ("newest files", |library, _| {
            library.recent(50).unwrap();
        }),
        ("count all files", |library, _| {
            library.rows_in(&FolderPath::default(), true).unwrap();
        }),
        ("select all", |library, _| {
            let selection = Selection {
                folders: vec![FolderPath::default()],
                ..Selection::default()
            };
            library.select(&selection, |_| Ok(())).unwrap();
        }),
        ("search for nothing", |library, _| {
            library.search(&Request::default()).unwrap();
        }),
    ];
    let plain = Place::new(Rules::None);
    for (name, rules) in [
        ("10,000 closed folders among 100,000", Rules::Below),
        ("10,000 closed folders in the root", Rules::InRoot),
        ("5,000 closed folders, one open in each", Rules::Nested),
    ] {
        let ruled = Place::new(rules);
        println!("{name}");
        for (what, work) in work {
            let (mut without, mut with) = (Vec::new(), Vec::new());
            for round in 0..ROUNDS {
                without.push(timed(|| work(&plain.library, round)));
                with.push(timed(|| work(&ruled.library, round)));
            }
            let (without, with) = (median(without), median(with));
            println!(
                "  {what:<24} without {without:>10.3?}  with {with:>10.3?}  {:.2} ×",
                with.as_secs_f64() / without.as_secs_f64()
            );
        }
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
