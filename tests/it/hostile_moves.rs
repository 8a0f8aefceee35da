//! Somebody who may write in one folder tries to get further by moving things about.

use serde_json::json;

use crate::app::{Answer, TestApp, encode, file};
use crate::people::Credentials;

/// Ada owns `Ada`, and lets Bob write in `Ada/team`; Bob owns `Bob`.
struct Team {
    app: TestApp,
    olga: Credentials,
    ada: Credentials,
    bob: Credentials,
}

impl Team {
    fn new() -> Self {
        let (app, olga) = TestApp::with_owner(&[]);
        let ada = app.let_in("Ada", "member");
        let bob = app.let_in("Bob", "member");
        app.store("Ada/team/plan.txt", &ada, b"the plan");
        app.store("Ada/team/sub/part.txt", &ada, b"a part of it");
        app.store("Ada/private/diary.txt", &ada, b"nobody else's");
        app.share("Ada/team", &ada, "none", "Bob", "write");
        Self {
            app,
            olga,
            ada,
            bob,
        }
    }

    fn rename_folder(&self, by: &Credentials, from: &str, to: &str) -> Answer {
        self.app
            .send("/folders/rename", by, &[("from", from), ("to", to)])
    }

    /// Moves a file or folder into another by the page's own form.
    fn move_into(&self, by: &Credentials, chosen: (&str, &str), to: &str) -> Answer {
        self.app
            .send("/selection", by, &[("do", "move"), chosen, ("to", to)])
    }

    fn id(&self, path: &str) -> String {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let target = format!("/api/v1/entries?folder={}", encode(folder));
        let listing = self.app.look_json(&target, &self.olga);
        let files = listing["files"].as_array().unwrap();
        let found = files.iter().find(|entry| entry["path"] == path);
        found.unwrap_or_else(|| panic!("{path} in {listing}"))["id"].to_string()
    }

    fn sees(&self, by: &Credentials, path: &str) -> bool {
        match self.app.look(&file(path), by).status {
            200 => true,
            404 => false,
            other => panic!("{path}: {other}"),
        }
    }

    fn audit(&self) -> String {
        self.app.look("/audit", &self.olga).text()
    }
}

fn guest() -> Credentials {
    Credentials::none()
}

#[test]
fn what_belongs_to_others_is_not_moved_away_by_who_may_only_write() {
    let team = Team::new();
    let plan = team.id("Ada/team/plan.txt");
    for (what, answer) in [
        (
            "a folder",
            team.rename_folder(&team.bob, "Ada/team/sub", "Bob/sub"),
        ),
        (
            "the shared folder",
            team.rename_folder(&team.bob, "Ada/team", "Bob/team"),
        ),
        (
            "a chosen folder",
            team.move_into(&team.bob, ("folder", "Ada/team/sub"), "Bob"),
        ),
        (
            "a chosen file",
            team.move_into(&team.bob, ("id", &plan), "Bob"),
        ),
        (
            "a file by its page",
            team.app.send(
                &format!("/files/{plan}/rename"),
                &team.bob,
                &[("path", "Bob/plan.txt")],
            ),
        ),
        (
            "a file by the API",
            team.app.ask_json(
                "PATCH",
                &format!("/api/v1/entries/{plan}"),
                &team.bob,
                &json!({"path": "Bob/plan.txt"}),
            ),
        ),
    ] {
        assert_eq!(answer.status, 403, "{what}: {}", answer.text());
        assert!(
            answer.text().contains("own both folders"),
            "{what}: {}",
            answer.text()
        );
    }
    for path in ["Ada/team/plan.txt", "Ada/team/sub/part.txt"] {
        assert!(team.sees(&team.ada, path), "{path}");
    }
    // Inside of what Ada owns Bob goes on arranging things.
    let inside = team.rename_folder(&team.bob, "Ada/team/sub", "Ada/team/parts");
    assert_eq!(inside.status, 303, "{}", inside.text());
    assert!(team.sees(&team.ada, "Ada/team/parts/part.txt"));
}

#[test]
fn rules_never_travel_to_where_whoever_moves_could_not_have_made_them() {
    let team = Team::new();
    team.app.store("Bob/sub/own.txt", &team.bob, b"bob's own");
    team.app.share("Bob/sub", &team.bob, "read", "", "");
    for answer in [
        team.rename_folder(&team.bob, "Bob/sub", "Ada/team/sub2"),
        team.move_into(&team.bob, ("folder", "Bob/sub"), "Ada/team"),
    ] {
        assert_eq!(answer.status, 403, "{}", answer.text());
    }
    // The same with a rule deeper down.
    team.app.store("Bob/outer/inner/x.txt", &team.bob, b"x");
    team.app.share("Bob/outer/inner", &team.bob, "read", "", "");
    let answer = team.rename_folder(&team.bob, "Bob/outer", "Ada/team/outer");
    assert_eq!(answer.status, 403, "{}", answer.text());
    // Without rules, his own files may go where he may write, and follow what is said there.
    team.app.store("Bob/plain/y.txt", &team.bob, b"y");
    let answer = team.rename_folder(&team.bob, "Bob/plain", "Ada/team/plain");
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert!(team.sees(&team.ada, "Ada/team/plain/y.txt"));
    team.app.share("Ada/team", &team.ada, "none", "Bob", "none");
    assert!(!team.sees(&team.bob, "Ada/team/plain/y.txt"));
}

#[test]
fn who_owns_both_sides_moves_what_carries_rules_and_it_is_noted() {
    let team = Team::new();
    let moved = team.rename_folder(&team.ada, "Ada/team", "Ada/crew");
    assert_eq!(moved.status, 303, "{}", moved.text());
    assert!(team.sees(&team.bob, "Ada/crew/plan.txt"));
    let audit = team.audit();
    assert!(audit.contains("/Ada/team → /Ada/crew"), "{audit}");
    // A file that leaves a shared folder for a private one is noted, too.
    let id = team.id("Ada/crew/plan.txt");
    let moved = team.move_into(&team.ada, ("id", &id), "Ada/private");
    assert_eq!(moved.status, 303, "{}", moved.text());
    assert!(!team.sees(&team.bob, "Ada/private/plan.txt"));
    assert!(team.audit().contains("/Ada/crew/plan.txt → /Ada/private"));
    // What changes nothing about who sees what is not.
    let id = team.id("Ada/private/plan.txt");
    let renamed = team.app.send(
        &format!("/files/{id}/rename"),
        &team.ada,
        &[("path", "Ada/private/old.txt")],
    );
    assert_eq!(renamed.status, 303, "{}", renamed.text());
    assert!(!team.audit().contains("old.txt"));
}

#[test]
fn a_link_is_judged_when_it_is_used() {
    let team = Team::new();
    let id = team.app.store("Bob/mine.txt", &team.bob, b"mine");
    let link = team
        .app
        .link(&team.bob, &[("kind", "file"), ("file", &id.to_string())]);
    let get = format!("{link}/get");
    assert_eq!(team.app.look(&get, &guest()).status, 200);
    // Moved to where Bob may write but could make no link, it opens nothing.
    let moved = team.move_into(&team.bob, ("id", &id.to_string()), "Ada/team");
    assert_eq!(moved.status, 303, "{}", moved.text());
    for target in [&link, &get] {
        assert_eq!(team.app.look(target, &guest()).status, 404, "{target}");
        assert_eq!(
            team.app.ask("HEAD", target, &guest(), None).status,
            404,
            "{target}"
        );
    }
}

#[test]
fn links_of_a_maker_who_was_demoted_open_nothing() {
    let team = Team::new();
    let id = team.id("Ada/team/plan.txt");
    let links: Vec<String> = ["file", "folder", "drop"]
        .map(|kind| {
            let what = if kind == "file" {
                ("file", id.as_str())
            } else {
                ("folder", "Ada/team")
            };
            team.app.link(&team.ada, &[("kind", kind), what])
        })
        .into();
    let statuses = || -> Vec<u16> {
        links
            .iter()
            .map(|link| team.app.look(link, &guest()).status)
            .collect()
    };
    assert_eq!(statuses(), [200, 200, 200]);
    let catalog = rusqlite::Connection::open(team.app.directory().join("catalog.sqlite")).unwrap();
    catalog
        .execute("UPDATE account SET role = 'reader' WHERE name = 'Ada'", [])
        .unwrap();
    assert_eq!(statuses(), [404, 404, 404]);
    let dropped = team.app.call(
        "POST",
        &format!("{}/uploads", links[2]),
        &[("tus-resumable", "1.0.0"), ("upload-length", "1")],
        None,
    );
    assert_eq!(dropped.status, 404);
}

#[test]
fn links_and_tokens_move_with_their_folder() {
    let team = Team::new();
    team.app.store("Ada/open/seen.txt", &team.ada, b"seen");
    team.app.store("Ada/open/deep/seen.txt", &team.ada, b"seen");
    let link = team
        .app
        .link(&team.ada, &[("kind", "folder"), ("folder", "Ada/open")]);
    let deep = team.app.link(
        &team.ada,
        &[("kind", "folder"), ("folder", "Ada/open/deep")],
    );
    let token = team.app.token(&team.ada, "read", "Ada/open", "");
    for to in ["Ada/renamed", "Ada/below/renamed"] {
        let (from, moved) = match to {
            "Ada/renamed" => ("Ada/open", team.rename_folder(&team.ada, "Ada/open", to)),
            _ => {
                let chosen = ("folder", "Ada/renamed");
                (
                    "Ada/renamed",
                    team.move_into(&team.ada, chosen, "Ada/below"),
                )
            }
        };
        assert_eq!(moved.status, 303, "{}", moved.text());
        // A private folder takes the place that was free.
        let diary = format!("{from}/diary.txt");
        team.app.store(&diary, &team.ada, b"nobody else's");
        for link in [&link, &deep] {
            let get = |name: &str| {
                team.app
                    .look(&format!("{link}/get/{name}"), &guest())
                    .status
            };
            assert_eq!((get("seen.txt"), get("diary.txt")), (200, 404));
        }
        assert!(team.sees(&token, &format!("{to}/seen.txt")));
        assert!(!team.sees(&token, &diary));
    }
}

#[test]
fn links_and_tokens_end_with_their_folder() {
    let team = Team::new();
    let make = || {
        team.app.store("Ada/open/seen.txt", &team.ada, b"seen");
        let link = team
            .app
            .link(&team.ada, &[("kind", "folder"), ("folder", "Ada/open")]);
        (link, team.app.token(&team.ada, "read", "Ada/open", ""))
    };
    // Deleted as a folder.
    let (link, token) = make();
    let gone = team.app.send(
        "/selection",
        &team.ada,
        &[("do", "trash"), ("folder", "Ada/open")],
    );
    assert_eq!(gone.status, 303, "{}", gone.text());
    assert_eq!(team.app.look(&link, &guest()).status, 404);
    assert_eq!(
        team.app.look(&file("Ada/open/seen.txt"), &token).status,
        401
    );
    // Emptied file by file, and then another folder takes its place.
    let (link, token) = make();
    let id = team.id("Ada/open/seen.txt");
    assert_eq!(
        team.app
            .send(&format!("/files/{id}/trash"), &team.ada, &[])
            .status,
        303
    );
    assert_eq!(
        team.app.look(&link, &guest()).status,
        200,
        "an empty folder can be filled again"
    );
    let moved = team.rename_folder(&team.ada, "Ada/private", "Ada/open");
    assert_eq!(moved.status, 303, "{}", moved.text());
    assert_eq!(team.app.look(&link, &guest()).status, 404);
    assert_eq!(
        team.app.look(&file("Ada/open/diary.txt"), &token).status,
        401
    );
}

#[test]
fn links_stop_at_folders_with_permissions_of_their_own() {
    let team = Team::new();
    team.app.store("open.txt", &team.olga, b"open");
    team.app
        .store("told/read.txt", &team.olga, b"for everybody");
    team.app.share("told", &team.olga, "read", "", "");
    team.app
        .store("told/kept/back.txt", &team.olga, b"not for everybody");
    team.app.share("told/kept", &team.olga, "none", "", "");
    team.app.store(
        "told/kept/again/x.txt",
        &team.olga,
        b"for everybody once more",
    );
    team.app
        .share("told/kept/again", &team.olga, "read", "", "");
    let link = team
        .app
        .link(&team.olga, &[("kind", "folder"), ("folder", "")]);
    let page = team.app.look(&link, &guest()).text();
    for (name, is_shown) in [
        ("open.txt", true),
        ("told", true),
        ("Ada", false),
        ("Bob", false),
    ] {
        assert_eq!(
            page.contains(&format!(">{name}<")),
            is_shown,
            "{name}: {page}"
        );
    }
    for (path, status) in [
        ("open.txt", 200),
        ("told/read.txt", 200),
        ("told/kept/back.txt", 404),
        // It stopped above, and goes no further.
        ("told/kept/again/x.txt", 404),
        ("Ada/team/plan.txt", 404),
        ("Ada/private/diary.txt", 404),
    ] {
        let got = team
            .app
            .look(&format!("{link}/get/{path}"), &guest())
            .status;
        assert_eq!(got, status, "{path}");
    }
    let zip = team.app.look(&format!("{link}/zip"), &guest());
    assert_eq!(zip.status, 200);
    assert!(!String::from_utf8_lossy(&zip.body).contains("diary.txt"));
    // A drop link stops likewise.
    let drop = team
        .app
        .link(&team.olga, &[("kind", "drop"), ("folder", "told")]);
    let put = |path: &str| {
        let part = format!(
            "--x\r\ncontent-disposition: form-data; name=\"f\"; filename=\"{path}\"\r\n\r\nhello\r\n--x--\r\n"
        );
        let headers = [("content-type", "multipart/form-data; boundary=x")];
        team.app
            .call(
                "POST",
                &format!("{drop}/drop"),
                &headers,
                Some(part.as_bytes()),
            )
            .status
    };
    assert_eq!(put("new.txt"), 200);
    assert_eq!(put("kept/new.txt"), 404);
    // The sentence stands where links are made.
    let sharing = team.app.look("/sharing/told", &team.olga).text();
    assert!(
        sharing.contains("not show folders in it that have their own permissions"),
        "{sharing}"
    );
}

#[test]
fn links_never_widen_where_two_folders_become_one() {
    let team = Team::new();
    let store = |path: &str| team.app.store(path, &team.ada, path.as_bytes());
    let made = |folder: &str| {
        let link = team
            .app
            .link(&team.ada, &[("kind", "folder"), ("folder", folder)]);
        (link, team.app.token(&team.ada, "read", folder, ""))
    };
    let opens = |(link, token): &(String, Credentials), name: &str, path: &str| {
        let by_link = team
            .app
            .look(&format!("{link}/get/{name}"), &guest())
            .status
            == 200;
        by_link || team.app.look(&file(path), token).status == 200
    };
    // Up into the folder above.
    store("Ada/team/pub/a.txt");
    let public = made("Ada/team/pub");
    assert!(opens(&public, "a.txt", "Ada/team/pub/a.txt"));
    let moved = team.rename_folder(&team.bob, "Ada/team/pub", "Ada/team");
    assert_eq!(moved.status, 303, "{}", moved.text());
    assert!(!opens(&public, "plan.txt", "Ada/team/plan.txt"));
    // Into another that is there.
    store("Ada/team/z/pub/b.txt");
    store("Ada/team/pub/secret.txt");
    let public = made("Ada/team/z/pub");
    let moved = team.move_into(&team.bob, ("folder", "Ada/team/z/pub"), "Ada/team");
    assert_eq!(moved.status, 303, "{}", moved.text());
    assert!(!opens(&public, "secret.txt", "Ada/team/pub/secret.txt"));
    // Over one that was emptied, deep inside of what is there.
    let id = store("Ada/x/pub/c.txt");
    store("Ada/x/other.txt");
    store("Ada/y/pub/private.txt");
    let public = made("Ada/x/pub");
    let trashed = team.app.send(&format!("/files/{id}/trash"), &team.ada, &[]);
    assert_eq!(trashed.status, 303);
    let moved = team.rename_folder(&team.ada, "Ada/y", "Ada/x");
    assert_eq!(moved.status, 303, "{}", moved.text());
    assert!(!opens(&public, "private.txt", "Ada/x/pub/private.txt"));
}

#[test]
fn a_move_leaves_one_row_behind_however_many_folders_have_permissions() {
    let team = Team::new();
    for n in 0..5 {
        team.app
            .share(&format!("Bob/r/{n}"), &team.bob, "read", "", "");
    }
    team.app.store("Bob/r/a.txt", &team.bob, b"a");
    for (from, to) in [("Bob/r", "Bob/s"), ("Bob/s", "Bob/t")] {
        assert_eq!(team.rename_folder(&team.bob, from, to).status, 303);
    }
    let catalog = rusqlite::Connection::open(team.app.directory().join("catalog.sqlite")).unwrap();
    let left = "SELECT count(*) FROM folder_left";
    assert_eq!(
        catalog.query_row(left, [], |row| row.get::<_, u32>(0)),
        Ok(2)
    );
}

#[test]
fn longer_names_that_others_give_do_not_use_up_a_quota() {
    let team = Team::new();
    let catalog = rusqlite::Connection::open(team.app.directory().join("catalog.sqlite")).unwrap();
    let quota = "UPDATE account SET quota_bytes = 1000000 WHERE name = 'Ada'";
    assert_eq!(catalog.execute(quota, []), Ok(1));
    let charged = "UPDATE metadata_usage SET bytes = 2040000
                   WHERE account_id = (SELECT id FROM account WHERE name = 'Ada')";
    assert_eq!(catalog.execute(charged, []), Ok(1));
    let long: Vec<String> = (0..16).map(|_| "x".repeat(230)).collect();
    let to = format!("Ada/team/{}", long.join("/"));
    let moved = team.rename_folder(&team.bob, "Ada/team/sub", &to);
    assert_eq!(moved.status, 507, "{}", moved.text());
    let put = team
        .app
        .ask("PUT", &file("Ada/new.txt"), &team.ada, Some(b"x"));
    assert_eq!(put.status, 201, "{}", put.text());
}

/// What somebody may not see stays where it is when they move what is around it, and so do links and
/// tokens for it.
#[test]
fn nobody_ends_links_of_folders_out_of_sight() {
    let team = Team::new();
    let app = &team.app;
    for way in ["merge", "over", "trash"] {
        let root = format!("Ada/team/{way}");
        let path = |below: &str| format!("{root}/{below}");
        app.store(&path("sub/open.txt"), &team.ada, b"open");
        app.store(&path("sub/private/kept.txt"), &team.ada, b"kept");
        app.store(&path("other/sub/there.txt"), &team.ada, b"there");
        app.share(&path("sub/private"), &team.ada, "none", "", "");
        let private = path("sub/private");
        let link = app.link(&team.ada, &[("kind", "folder"), ("folder", &private)]);
        let inbox = format!("{private}/inbox");
        let drop = app.link(&team.ada, &[("kind", "drop"), ("folder", &inbox)]);
        let token = app.token(&team.ada, "read", &private, "");
        let answer = match way {
            "merge" => {
                let (from, to) = (path("sub"), path("other"));
                let fields = [
                    ("do", "move"),
                    ("folder", &*from),
                    ("to", &*to),
                    ("both", "yes"),
                ];
                app.send("/selection", &team.bob, &fields)
            }
            "trash" => {
                let from = path("sub");
                app.send(
                    "/selection",
                    &team.bob,
                    &[("do", "trash"), ("folder", &from)],
                )
            }
            _ => {
                let open = path("sub/open.txt");
                let id = team.id(&open);
                app.send(&format!("/files/{id}/trash"), &team.bob, &[]);
                team.rename_folder(&team.bob, &path("other"), &path("sub"))
            }
        };
        assert_eq!(answer.status, 303, "{way}: {}", answer.text());
        assert!(team.sees(&team.ada, &path("sub/private/kept.txt")), "{way}");
        for link in [&link, &drop] {
            assert_eq!(app.look(link, &guest()).status, 200, "{way}");
        }
        let kept = app.look(&file(&path("sub/private/kept.txt")), &token);
        assert_eq!(kept.status, 200, "{way}");
    }
}
