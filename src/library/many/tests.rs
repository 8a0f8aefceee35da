//! Changes of many files: all or nothing, and back again.

use super::*;
use crate::error::Kind;
use crate::library::tests::Bench;
use crate::library::{FilePath, From, Sort};

impl Bench {
    fn selection(&self, files: &[&str], folders: &[&str]) -> Selection {
        let id = |path: &&str| self.library.entry_at(&FilePath::parse(path).unwrap());
        Selection {
            within: None,
            files: files.iter().map(|path| id(path).unwrap().id).collect(),
            folders: folders.iter().map(|path| parsed(path)).collect(),
        }
    }

    fn all(&self) -> Vec<String> {
        let root = FolderPath::default();
        let listing = self.library.list_deep(&root, Sort::Name, None, 100);
        let files = listing.unwrap().files.into_iter();
        files.map(|entry| entry.path.into()).collect()
    }
}

fn parsed(path: &str) -> FolderPath {
    FolderPath::parse(path).unwrap()
}

fn bench(paths: &[&str]) -> Bench {
    let bench = Bench::new();
    for path in paths {
        bench.put(path, path);
    }
    bench
}

#[test]
fn files_and_folders_move_together_and_keep_their_names() {
    let bench = bench(&["a/x.txt", "a/deep/y.txt", "b/z.txt", "b/stays.txt"]);
    let selection = bench.selection(&["b/z.txt", "a/x.txt"], &["a"]);
    let moved = bench
        .library
        .move_all(&selection, &parsed("to"), IfPresent::Version)
        .unwrap();
    assert_eq!(moved.files, 3);
    assert_eq!(
        bench.all(),
        ["b/stays.txt", "to/a/deep/y.txt", "to/a/x.txt", "to/z.txt"]
    );
    assert_eq!(bench.folder("to").folders[0].files, 2);
}

#[test]
fn a_name_that_is_taken_moves_nothing_unless_both_are_kept() {
    let bench = bench(&["a.txt", "b.txt", "to/b.txt"]);
    let selection = bench.selection(&["a.txt", "b.txt"], &[]);
    let refused = bench
        .library
        .move_all(&selection, &parsed("to"), IfPresent::Version);
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    assert!(error.sentence().contains("to/b.txt"), "{error}");
    assert_eq!(bench.all(), ["a.txt", "b.txt", "to/b.txt"]);
    bench
        .library
        .move_all(&selection, &parsed("to"), IfPresent::KeepBoth)
        .unwrap();
    assert_eq!(bench.all(), ["to/a.txt", "to/b (2).txt", "to/b.txt"]);
}

#[test]
fn a_folder_does_not_move_into_itself_and_stays_where_it_is() {
    let bench = bench(&["a/b/x.txt", "a/y.txt"]);
    let selection = bench.selection(&[], &["a"]);
    for to in ["a", "a/b/c"] {
        let refused = bench
            .library
            .move_all(&selection, &parsed(to), IfPresent::Version);
        assert_eq!(refused.unwrap_err().kind(), Kind::Invalid, "{to}");
    }
    let stays = bench.selection(&[], &["a/b"]);
    let moved = bench
        .library
        .move_all(&stays, &parsed("a"), IfPresent::Version);
    assert_eq!(moved.unwrap().files, 0);
    assert_eq!(bench.all(), ["a/b/x.txt", "a/y.txt"]);
}

#[test]
fn what_was_trashed_together_comes_back_together() {
    let bench = bench(&["a/x.txt", "a/b/y.txt", "z.txt", "other.txt"]);
    let other = bench.selection(&["other.txt"], &[]);
    bench.library.trash_all(&other).unwrap();
    let selection = bench.selection(&["z.txt"], &["a", "a/b"]);
    let trashed = bench.library.trash_all(&selection).unwrap();
    assert_eq!(trashed.files, 3);
    assert_eq!(bench.all(), [""; 0]);
    let restored = bench.library.undo_trash(trashed.events.clone());
    assert_eq!(restored.unwrap().files, 3);
    assert_eq!(bench.all(), ["a/b/y.txt", "a/x.txt", "z.txt"]);
    let again = bench.library.undo_trash(trashed.events);
    assert_eq!(again.unwrap().files, 0);
}

#[test]
fn tags_are_added_to_those_that_are_there() {
    let bench = bench(&["a/x.txt", "y.txt"]);
    let one = bench.selection(&["y.txt"], &[]);
    bench.library.tag_all(&one, &["old".into()]).unwrap();
    let both = bench.selection(&["y.txt"], &["a"]);
    bench.library.tag_all(&both, &["new".into()]).unwrap();
    assert_eq!(bench.folder("").files[0].tags, ["new", "old"]);
    assert_eq!(bench.folder("a").files[0].tags, ["new"]);
    let none = bench.library.tag_all(&both, &[" ".into()]);
    assert_eq!(none.unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn nothing_and_everything_cannot_be_chosen() {
    let bench = bench(&["a.txt"]);
    for selection in [Selection::default(), bench.selection(&[], &[""])] {
        let refused = bench.library.trash_all(&selection);
        assert_eq!(refused.unwrap_err().kind(), Kind::Invalid);
    }
    assert_eq!(bench.all(), ["a.txt"]);
}

#[test]
fn a_listing_can_be_entered_anywhere() {
    let paths: Vec<String> = (0..7).map(|n| format!("{}/{n}.txt", n % 3)).collect();
    let bench = bench(
        &paths
            .iter()
            .map(String::as_str)
            .chain(["x.txt", "y.txt"])
            .collect::<Vec<_>>(),
    );
    let root = FolderPath::default();
    let names = |offset, limit| {
        let listing = bench
            .library
            .list(&root, Sort::Name, From::Offset(offset), limit)
            .unwrap();
        let folders = listing.folders.iter().map(|folder| folder.path.to_string());
        let files = listing.files.iter().map(|entry| entry.path.to_string());
        (
            folders.chain(files).collect::<Vec<_>>(),
            listing.next.is_some(),
        )
    };
    assert_eq!(names(0, 2), (vec!["0".into(), "1".into()], true));
    assert_eq!(names(2, 2), (vec!["2".into(), "x.txt".into()], true));
    assert_eq!(names(4, 2), (vec!["y.txt".into()], false));
    assert_eq!(names(9, 2), (vec![], false));
    let rows = bench.library.rows_in(&root, false).unwrap();
    assert_eq!((rows.folders, rows.files), (3, 2));
    assert_eq!(bench.library.rows_in(&root, true).unwrap().files, 9);
    for (folder, sort) in [
        ("", Sort::Name),
        ("", Sort::Time),
        ("", Sort::Size),
        ("1", Sort::Name),
        ("1", Sort::Time),
        ("1", Sort::Size),
    ] {
        let folder = parsed(folder);
        let whole = bench
            .library
            .list_deep(&folder, sort, None, 100)
            .unwrap()
            .files;
        let mut paged = Vec::new();
        let mut cursor = None;
        loop {
            let page = bench
                .library
                .list_deep(&folder, sort, cursor.as_deref(), 2)
                .unwrap();
            let at = bench
                .library
                .list_deep(&folder, sort, From::Offset(paged.len() as u64), 2)
                .unwrap();
            let ids = |files: &[Entry]| files.iter().map(|entry| entry.id).collect::<Vec<_>>();
            assert_eq!(ids(&at.files), ids(&page.files));
            paged.extend(ids(&page.files));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(
            paged,
            whole.iter().map(|entry| entry.id).collect::<Vec<_>>()
        );
    }
}

#[test]
fn everything_in_a_folder_is_what_lies_in_it_then() {
    let bench = bench(&["a/x.txt", "a/deep/y.txt", "a/deep/z.txt", "b.txt"]);
    let everything = |folder: &str, flat: bool| Selection {
        within: Some(Within {
            folder: parsed(folder),
            flat,
            but_files: Default::default(),
            but_folders: Default::default(),
        }),
        ..Selection::default()
    };
    let tagged = bench
        .library
        .tag_all(&everything("", false), &["seen".into()]);
    assert_eq!(tagged.unwrap().files, 4);
    let to = |selection: &Selection, folder| {
        bench
            .library
            .move_all(selection, &parsed(folder), IfPresent::Version)
    };
    assert_eq!(to(&everything("a", false), "to").unwrap().files, 3);
    assert_eq!(
        bench.all(),
        ["b.txt", "to/deep/y.txt", "to/deep/z.txt", "to/x.txt"]
    );
    // From the view of all files, each goes for itself.
    assert_eq!(to(&everything("to", true), "flat").unwrap().files, 3);
    assert_eq!(
        bench.all(),
        ["b.txt", "flat/x.txt", "flat/y.txt", "flat/z.txt"]
    );
    assert!(to(&everything("", false), "flat").is_err());
    // All but one file and one folder.
    let mut most = everything("", false);
    let within = most.within.as_mut().unwrap();
    within.but_files = bench.selection(&["b.txt"], &[]).files.into_iter().collect();
    within.but_folders = [parsed("flat")].into();
    assert_eq!(to(&most, "other").unwrap_err().kind(), Kind::Invalid);
    bench.put("c.txt", "c");
    assert_eq!(to(&most, "other").unwrap().files, 1);
    assert_eq!(
        bench.all(),
        [
            "b.txt",
            "flat/x.txt",
            "flat/y.txt",
            "flat/z.txt",
            "other/c.txt"
        ]
    );
    let trashed = bench.library.trash_all(&everything("", true));
    assert_eq!(trashed.unwrap().files, 5);
    let nothing = bench.library.trash_all(&everything("", true));
    assert_eq!(nothing.unwrap_err().kind(), Kind::NotFound);
}

#[test]
fn one_thing_is_renamed_where_it_is() {
    let bench = bench(&["a/x.txt", "a/deep/y.txt", "b.txt"]);
    let rename = |selection: &Selection, name| bench.library.rename_chosen(selection, name);
    let file = bench.selection(&["a/x.txt"], &[]);
    assert_eq!(rename(&file, "z.txt").unwrap(), 1);
    let folder = bench.selection(&[], &["a/deep"]);
    assert_eq!(rename(&folder, "deeper").unwrap(), 1);
    assert_eq!(bench.all(), ["a/deeper/y.txt", "a/z.txt", "b.txt"]);
    bench.put("a/other/y.txt", "y");
    let taken = rename(&bench.selection(&[], &["a/deeper"]), "other");
    assert_eq!(taken.unwrap_err().kind(), Kind::Conflict);
    bench
        .library
        .trash_all(&bench.selection(&[], &["a/other"]))
        .unwrap();
    for (selection, name) in [
        (&file, "b/z.txt"),
        (&file, ".."),
        (&file, ""),
        (&bench.selection(&["b.txt"], &["a"]), "c"),
        (&Selection::default(), "c"),
    ] {
        let refused = rename(selection, name).unwrap_err();
        assert_eq!(refused.kind(), Kind::Invalid, "{name:?}");
    }
    assert_eq!(bench.all(), ["a/deeper/y.txt", "a/z.txt", "b.txt"]);
}

#[test]
fn tags_are_added_in_steps_and_all_or_none_can_be() {
    let paths: Vec<String> = (0..120).map(|n| format!("a/{n}.txt")).collect();
    let bench = bench(&paths.iter().map(String::as_str).collect::<Vec<_>>());
    let tags = |count: usize| (0..count).map(|n| format!("tag {n}")).collect::<Vec<_>>();
    let all = bench.selection(&[], &["a"]);
    let more: Vec<String> = (0..10).map(|n| format!("more {n}")).collect();
    let one = bench.selection(&["a/7.txt"], &[]);
    assert_eq!(bench.library.tag_all(&one, &more).unwrap().files, 1);
    // One of them would have 55: none gets any.
    let refused = bench.library.tag_all(&all, &tags(45)).unwrap_err();
    assert_eq!(refused.kind(), Kind::Invalid);
    let tagged = |count: usize| {
        let entries = paths.iter().map(|path| FilePath::parse(path).unwrap());
        let entries = entries.map(|path| bench.library.entry_at(&path).unwrap());
        entries.filter(|entry| entry.tags.len() == count).count()
    };
    assert_eq!(tagged(0), 119);
    assert_eq!(bench.library.tag_all(&all, &tags(40)).unwrap().files, 120);
    assert_eq!((tagged(40), tagged(50)), (119, 1));
}

#[test]
fn counts_of_deep_folders_are_right_after_each_change_of_many() {
    let bench = bench(&[
        "a/b/c/1.txt",
        "a/b/c/2.txt",
        "a/b/3.txt",
        "a/4.txt",
        "z/5.txt",
    ]);
    let counts = |path: &str| {
        let listing = bench.folder(path);
        let folders = listing.folders.iter();
        folders
            .map(|folder| (folder.path.to_string(), folder.files, folder.bytes))
            .collect::<Vec<_>>()
    };
    let size = "a/b/c/1.txt".len() as u64;
    assert_eq!(counts("a"), [("a/b".to_owned(), 3, 2 * size + 9)]);
    let chosen = bench.selection(&["a/4.txt"], &["a/b"]);
    let moved = bench
        .library
        .move_all(&chosen, &parsed("z/y"), IfPresent::Version);
    assert_eq!(moved.unwrap().files, 4);
    assert_eq!(counts(""), [("z".to_owned(), 5, 2 * size + 9 + 7 + 7)]);
    assert_eq!(counts("z/y"), [("z/y/b".to_owned(), 3, 2 * size + 9)]);
    let deleted = bench
        .library
        .trash_all(&bench.selection(&[], &["z/y/b/c"]))
        .unwrap();
    assert_eq!(counts("z/y"), [("z/y/b".to_owned(), 1, 9)]);
    assert_eq!(bench.library.undo_trash(deleted.events).unwrap().files, 2);
    assert_eq!(counts("z/y/b"), [("z/y/b/c".to_owned(), 2, 2 * size)]);
    bench
        .library
        .rename_folder(&parsed("z/y/b"), &parsed("q/r/s"))
        .unwrap();
    assert_eq!(counts("q/r"), [("q/r/s".to_owned(), 3, 2 * size + 9)]);
    assert_eq!(counts("z"), [("z/y".to_owned(), 1, 7)]);
}
