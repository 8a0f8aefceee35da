//! `wharfside user …`: accounts from a terminal, while the application runs.

use std::io::{self, BufRead, Write};

use crate::auth::{Purpose, Secret, password};
use crate::config::{self, Config};
use crate::error::{Error, Result};
use crate::library::{Account, Library, Role};

/// What is to be done.
pub enum Order {
    Add {
        name: String,
        role: Role,
        /// Whether the password comes on stdin, in place of a link to choose one.
        from_stdin: bool,
    },
    List {
        json: bool,
    },
    /// Sets a password, or prints a link to choose one.
    Passwd {
        name: String,
        from_stdin: bool,
    },
    Remove {
        name: String,
    },
    SetupLink,
}

/// Runs an order on the installation whose directory the configuration names.
///
/// # Errors
/// Those of the library, and [`Kind::NotFound`](crate::error::Kind::NotFound) for a name that
/// nobody has.
pub fn run(config: &Config, order: Order) -> Result<()> {
    let library = Library::attach(&config.library())?;
    let done = obey(&library, order);
    library.detach();
    done
}

fn obey(library: &Library, order: Order) -> Result<()> {
    match order {
        Order::Add {
            name,
            role,
            from_stdin,
        } => {
            let chosen = from_stdin.then(|| read_password(&name)).transpose()?;
            let account = library.add_account(&name, role)?;
            let_in(library, &account, chosen)
        }
        Order::List { json } => list(library, json),
        Order::Passwd { name, from_stdin } => {
            let account = named(library, &name)?;
            let chosen = from_stdin.then(|| read_password(&name)).transpose()?;
            let_in(library, &account, chosen)
        }
        Order::Remove { name } => {
            library.remove_account(named(library, &name)?.id)?;
            say("The account is removed; its files stay.")
        }
        Order::SetupLink => {
            let secret = Secret::new(Purpose::OneTime)?;
            library.make_setup_link(secret.hash())?;
            print_link(&secret)
        }
    }
}

fn named(library: &Library, name: &str) -> Result<Account> {
    library.account_named(name)?.ok_or_else(|| {
        Error::not_found(format!(
            "There is no account called {name:?}; `wharfside user list` shows those there are."
        ))
    })
}

/// Sets the password that was given, or prints a link by which one is chosen.
fn let_in(library: &Library, account: &Account, chosen: Option<String>) -> Result<()> {
    if let Some(chosen) = chosen {
        library.set_password(account.id, password::hash(&chosen)?, None)?;
        return say("The password is set.");
    }
    let secret = Secret::new(Purpose::OneTime)?;
    library.make_password_link(account.id, secret.hash())?;
    print_link(&secret)
}

fn print_link(secret: &Secret) -> Result<()> {
    let path = format!("/welcome/{}", secret.text());
    match config::named_server()? {
        Some(server) => print(&format!("{}{path}\n", server.trim_end_matches('/')))?,
        None => {
            print(&format!("{path}\n"))?;
            say(
                "Open this path at the address of the installation (WHARFSIDE_SERVER, if set, is put before it).",
            )?;
        }
    }
    say("The link works once, for three days.")
}

fn read_password(name: &str) -> Result<String> {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Error::invalid(format!("The password cannot be read: {error}.")))?;
    let chosen = line.trim_end_matches(['\r', '\n']).to_owned();
    password::refuse_weak(&chosen, &[name])?;
    Ok(chosen)
}

fn list(library: &Library, json: bool) -> Result<()> {
    let mut text = String::new();
    for account in library.accounts()? {
        let usage = library.usage(account.id)?;
        if json {
            let line = serde_json::json!({
                "name": account.name,
                "role": account.role.word(),
                "has_password": account.password.is_some(),
                "has_second_factor": account.has_factor(),
                "bytes": usage.bytes,
                "files": usage.files,
            });
            text.push_str(&format!("{line}\n"));
            continue;
        }
        let invited = if account.password.is_none() {
            "  has not come in yet"
        } else {
            ""
        };
        text.push_str(&format!(
            "{:<8} {}  {} files, {} bytes{invited}\n",
            account.role.word(),
            account.name.escape_debug(),
            usage.files,
            usage.bytes
        ));
    }
    print(&text)
}

fn print(text: &str) -> Result<()> {
    let printed = io::stdout().write_all(text.as_bytes());
    printed.map_err(|error| Error::internal(format!("stdout cannot be written: {error}.")))
}

/// What is no result goes to stderr.
fn say(sentence: &str) -> Result<()> {
    let said = writeln!(io::stderr(), "{sentence}");
    said.map_err(|error| Error::internal(format!("stderr cannot be written: {error}.")))
}
