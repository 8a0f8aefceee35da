//! Accounts, what they may, and what ends with them.

use std::sync::atomic::{AtomicU8, Ordering};

use super::*;
use crate::library::tests::Bench;
use crate::library::{Acting, Credential, Viewer};
use crate::store::now_ms;

fn acting(account: &Account, credential: Credential) -> Viewer {
    let acting = Acting {
        account: account.id,
        name: account.name.clone(),
        most: Right::Own,
        within: None,
        credential,
    };
    Viewer::account(acting, Right::None)
}

impl Bench {
    /// The library by a new session, confirmed just now or never.
    fn by_session(&self, account: &Account, is_confirmed: bool) -> Library {
        let hash = secret();
        let new = NewSession {
            account: account.id,
            hash,
            address: "",
            agent: "",
            by: "password",
            is_confirmed,
        };
        self.library.begin_session(&new).unwrap();
        let session = self.library.session(hash).unwrap().unwrap();
        let viewer = acting(account, Credential::Session(session.id));
        self.library.seen_by(viewer.into())
    }

    fn by_token(&self, account: &Account, scope: Scope) -> Library {
        let by = self.by_session(account, true);
        let hash = secret();
        by.add_token(token(hash, scope)).unwrap();
        let id = by.token(hash).unwrap().unwrap().id;
        // As if it reached as far as any: the row decides.
        let viewer = acting(account, Credential::Token(id));
        self.library.seen_by(viewer.into())
    }
}

/// Another each time.
fn secret() -> [u8; 32] {
    static LAST: AtomicU8 = AtomicU8::new(100);
    [LAST.fetch_add(1, Ordering::Relaxed); 32]
}

fn session_of(by: &Library) -> Option<i64> {
    match by.viewer().acting()?.credential {
        Credential::Session(id) => Some(id),
        Credential::Token(_) | Credential::Account => None,
    }
}

fn token(hash: [u8; 32], scope: Scope) -> NewToken {
    NewToken {
        hash,
        name: "of a test".to_owned(),
        scope,
        folder: None,
        expires_ms: None,
    }
}

type Changes = [(&'static str, Result<()>); 4];

/// Everything that changes accounts of others.
fn change_others(by: &Library, other: AccountId) -> Changes {
    [
        ("add", by.add_account("Eve", Role::Owner).map(drop)),
        ("link", by.make_password_link(other, [1; 32])),
        (
            "change",
            by.change_account(other, Role::Member, Quota::default()),
        ),
        ("remove", by.remove_account(other)),
    ]
}

/// Everything that changes how the viewer signs in.
fn change_own(by: &Library, own: AccountId) -> Vec<(&'static str, Result<()>)> {
    let passkey = NewPasskey {
        credential: vec![1],
        state: vec![1],
        name: "key".to_owned(),
        codes: Vec::new(),
    };
    vec![
        ("token", by.add_token(token([9; 32], Scope::Read))),
        ("factor", by.add_factor(vec![1], 1, vec![[2; 32]])),
        ("codes", by.replace_codes(vec![[3; 32]])),
        ("passkey", by.add_passkey(passkey)),
        ("no passkey", by.remove_passkey(1)),
        ("no factor", by.remove_factor()),
        (
            "password",
            by.set_password(own, "hash".to_owned(), session_of(by)),
        ),
        ("sessions", by.end_sessions(session_of(by)).map(drop)),
    ]
}

/// Whatever the surface lets through, the transaction looks at session and token.
#[test]
fn the_transaction_asks_for_what_an_act_is_confirmed_by() {
    let bench = Bench::new();
    let owner = bench.library.add_account("Olga", Role::Owner).unwrap();
    let other = bench.library.add_account("Mia", Role::Member).unwrap();
    bench
        .library
        .set_password(owner.id, "hash".to_owned(), None)
        .unwrap();

    let left_open = bench.by_session(&owner, false);
    let all = change_others(&left_open, other.id).into_iter();
    for (what, done) in all.chain(change_own(&left_open, owner.id)) {
        assert_eq!(done.unwrap_err().kind(), Kind::Unconfirmed, "{what}");
    }
    for scope in [Scope::Read, Scope::Write, Scope::Admin, Scope::Accounts] {
        let by = bench.by_token(&owner, scope);
        for (what, done) in change_own(&by, owner.id) {
            assert_eq!(
                done.unwrap_err().kind(),
                Kind::Forbidden,
                "{what} by {scope:?}"
            );
        }
        if scope == Scope::Accounts {
            continue;
        }
        for (what, done) in change_others(&by, other.id) {
            assert_eq!(
                done.unwrap_err().kind(),
                Kind::Forbidden,
                "{what} by {scope:?}"
            );
        }
    }
    let link = acting(&owner, Credential::Account).through_link(1);
    let by_link = bench.library.seen_by(link.into());
    let all = change_others(&by_link, other.id).into_iter();
    for (what, done) in all.chain(change_own(&by_link, owner.id)) {
        assert_eq!(
            done.unwrap_err().kind(),
            Kind::Forbidden,
            "{what} by a link"
        );
    }

    let confirmed = bench.by_session(&owner, true);
    let foreign = confirmed.set_password(other.id, "hash".to_owned(), None);
    assert_eq!(foreign.unwrap_err().kind(), Kind::Forbidden);
    let own_link = confirmed.make_password_link(owner.id, [1; 32]);
    assert_eq!(own_link.unwrap_err().kind(), Kind::Forbidden);
    // What is confirmed, or says so by name, is done.
    for (what, done) in change_others(&bench.by_token(&owner, Scope::Accounts), other.id) {
        assert!(done.is_ok(), "{what}: {done:?}");
    }
    for (what, done) in change_own(&confirmed, owner.id) {
        assert!(done.is_ok(), "{what}: {done:?}");
    }
}

#[test]
fn a_session_confirms_itself_and_no_other() {
    let bench = Bench::new();
    let owner = bench.library.add_account("Olga", Role::Owner).unwrap();
    let [one, other] = [(); 2].map(|()| bench.by_session(&owner, false));
    one.confirm_session().unwrap();
    assert!(one.add_account("Mia", Role::Member).is_ok());
    let refused = other.add_account("Max", Role::Member);
    assert_eq!(refused.unwrap_err().kind(), Kind::Unconfirmed);
    // Ended, it is worth nothing, however lately it was confirmed.
    one.end_session(session_of(&one).unwrap()).unwrap();
    let ended = one.add_account("Max", Role::Member);
    assert_eq!(ended.unwrap_err().kind(), Kind::Unauthenticated);
}

#[test]
fn a_token_for_accounts_ends_with_its_owners_role_and_its_time() {
    let bench = Bench::new();
    let owner = bench.library.add_account("Olga", Role::Owner).unwrap();
    let by = bench.by_token(&owner, Scope::Accounts);
    let expire = now_ms() - 1;
    bench
        .library
        .store
        .sql
        .write(move |c| {
            c.execute("UPDATE token SET expires_ms = ?1", [expire])?;
            Ok(())
        })
        .unwrap();
    let late = by.add_account("Mia", Role::Member);
    assert_eq!(late.unwrap_err().kind(), Kind::Forbidden);
    let by = bench.by_token(&owner, Scope::Accounts);
    bench
        .library
        .change_account(owner.id, Role::Member, Quota::default())
        .unwrap();
    let demoted = by.add_account("Mia", Role::Member);
    assert_eq!(demoted.unwrap_err().kind(), Kind::Forbidden);
}

/// The index has files where they were; what somebody may, the catalog knows.
#[test]
fn an_index_that_is_behind_tells_of_nothing_hidden() {
    let bench = Bench::new();
    let mia = bench.library.add_account("Mia", Role::Member).unwrap();
    let folder = |path: &str| FolderPath::parse(path).unwrap();
    let team = [Grant {
        name: "Mia".to_owned(),
        may: Right::Write,
    }];
    for path in [
        "team/private/plan.txt",
        "team/out/list.txt",
        "team/open.txt",
    ] {
        bench.put(path, "the combination of the vault");
    }
    let everybody = |path: &str, right| {
        bench
            .library
            .set_folder_rule(&folder(path), right, &[])
            .unwrap();
    };
    bench
        .library
        .set_folder_rule(&folder("team"), Right::None, &team)
        .unwrap();
    everybody("team/private", Right::None);
    everybody("team/out", Right::None);
    bench.index();
    let by_mia = bench.by_session(&mia, true);
    let found = |query: &str| {
        let request = crate::library::search::Request {
            query: query.to_owned(),
            limit: 1,
            ..Default::default()
        };
        let found = by_mia.search(&request).unwrap();
        let folders: u64 = found.facets.folders.iter().map(|count| count.count).sum();
        (found.total, found.hits.len(), folders, found.next)
    };
    let expected = found("vault");
    assert_eq!((expected.0, expected.1), (1, 1));
    // A folder takes its rule along, and a file leaves one that then says nothing any more.
    bench
        .library
        .rename_folder(&folder("team/private"), &folder("team/secret"))
        .unwrap();
    let id = bench
        .library
        .entry_at(&crate::library::FilePath::parse("team/out/list.txt").unwrap());
    let elsewhere = crate::library::FilePath::parse("elsewhere/list.txt").unwrap();
    bench.library.rename(id.unwrap().id, &elsewhere).unwrap();
    bench
        .library
        .forget_folder_rule(&folder("team/out"))
        .unwrap();
    for query in ["vault", "\"combination of\"", "the v*", "list", "plan"] {
        let now = found(query);
        assert!(now.0 <= 1 && now.3.is_none(), "{query}: {now:?}");
    }
    assert_eq!(found("vault"), expected);
    bench.index();
    assert_eq!(found("vault"), expected);
}

#[test]
fn members_change_many_folders_in_parts() {
    let bench = Bench::new();
    let mia = bench.library.add_account("Mia", Role::Member).unwrap();
    let by_mia = bench.by_session(&mia, true);
    let folder = |path: &str| FolderPath::parse(path).unwrap();
    // As many folders as can lie above one file each, without their bytes.
    let deep = "d/".repeat(50);
    for number in 0..410 {
        bench.put(&format!("Mia/many/{number}/{deep}x.txt"), "x");
    }
    let refused = by_mia.rename_folder(&folder("Mia/many"), &folder("Mia/other"));
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind(), Kind::Invalid);
    assert!(refused.sentence().contains("20000 folders"), "{refused}");
    let moved = bench
        .library
        .rename_folder(&folder("Mia/many"), &folder("Mia/other"));
    assert_eq!(moved.unwrap(), 410);
}
