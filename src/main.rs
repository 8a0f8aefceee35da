//! The `wharfside` command: each subcommand is one call into the library.
//!
//! Results go to stdout, everything said about them to stderr. Exit status: 0 fine, 1 the
//! check failed, 2 usage or environment.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use wharfside::config::{self, Config};
use wharfside::error::{Error, Result};
use wharfside::logging;
use wharfside::remote::Address;
use wharfside::{check, extract, heap, reindex, serve, smoke, store, terminal, user};

/// A file library in one directory that outlives every release: drop files in, find them by
/// the words inside them.
#[derive(Parser)]
#[command(
    name = "wharfside",
    after_help = "Without a command, it serves. Configuration comes from the environment: \
                  `wharfside serve --help` lists every variable.\n\n\
                  Exit status: 0 fine, 1 the check failed, 2 usage or environment.",
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Name this release and the engines in it
    #[arg(short = 'V', long)]
    version: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the library over HTTP until told to stop
    #[command(after_help = config::help())]
    Serve,
    /// Send files and folders to an installation; what is there already is left out
    #[command(
        after_help = "Run it again after an interruption, and it goes on where it stood:\n  \
        wharfside put photos report.pdf --to 2026 --server https://files.example.org\n\n\
        Links that are named are followed. Those inside folders are not: each is named and left out,\n\
        and so is what has a name that no file may have here; the rest is sent, and the exit status\n\
        is 1. Folders are kept by the files in them, so empty ones are not.\n\
        Exit status: 0 all is stored, 1 something is not, 2 usage or environment."
    )]
    Put(SendArgs),
    /// Fetch files and folders from an installation; what is here already is left out
    #[command(
        after_help = "Run it again after an interruption, and it goes on where it stood:\n  \
        wharfside get 2026/photos 2026/report.pdf --to ~/Pictures\n\n\
        Each file has its name only once all of it is here and its SHA-256 is the server's.\n\
        Exit status: 0 all is here, 1 something is not, 2 usage or environment."
    )]
    Get(GetArgs),
    /// List a folder of an installation
    #[command(
        after_help = "Folders end in a slash. Names are those below the folder, control characters \
        in them are escaped, and times are in UTC.\n\
        Exit status: 0 fine, 1 there is no such folder, 2 usage or environment."
    )]
    Ls(LsArgs),
    /// Find files of an installation by the words inside them
    #[command(
        after_help = "Words, phrases, exclusions and filters work as on the page:\n  \
        wharfside find 'harbour \"quiet water\" -crane type:pdf after:2025'\n\n\
        Each line has the path, and after a tab the passage that matches best.\n\
        Exit status, as of grep: 0 something was found, 1 nothing was, 2 usage or environment."
    )]
    Find(FindArgs),
    /// Check the directory, the four stores and the boots; prints one line per finding
    Check {
        /// Also read every stored byte again, and compare catalog, contents, facts and index
        #[arg(long)]
        deep: bool,
        /// Rehearse the start of this release beside the one that runs, and change nothing
        #[arg(long, conflicts_with = "deep")]
        preflight: bool,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Prove over HTTP that an installation keeps what it acknowledged
    #[command(subcommand)]
    Smoke(Smoke),
    /// Let people in and out, while the app runs
    #[command(subcommand)]
    User(User),
    /// Read documents on behalf of a server, which starts this itself
    #[command(hide = true)]
    Extract,
    /// Build the search index anew from the stored files; the running app answers meanwhile
    Reindex,
}

#[derive(Subcommand)]
enum User {
    /// Add an account and print a link by which its password is chosen
    Add {
        name: String,
        /// What it is for: an owner may everything, a member has a folder and what others share, a
        /// reader sees what is shared
        #[arg(long, default_value = "member")]
        role: Role,
        /// Read the password from stdin, one line, instead of printing a link
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the accounts
    List {
        /// Print a line of JSON for each
        #[arg(long)]
        json: bool,
    },
    /// Print a link by which an account chooses another password, or set one
    Passwd {
        name: String,
        /// Read the password from stdin, one line, instead of printing a link
        #[arg(long)]
        password_stdin: bool,
    },
    /// Remove an account; its files stay
    Remove { name: String },
    /// Print a link that makes the first owner
    SetupLink,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Role {
    Owner,
    Member,
    Reader,
}

impl From<Role> for wharfside::library::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Owner => Self::Owner,
            Role::Member => Self::Member,
            Role::Reader => Self::Reader,
        }
    }
}

impl From<User> for user::Order {
    fn from(order: User) -> Self {
        match order {
            User::Add {
                name,
                role,
                password_stdin,
            } => Self::Add {
                name,
                role: role.into(),
                from_stdin: password_stdin,
            },
            User::List { json } => Self::List { json },
            User::Passwd {
                name,
                password_stdin,
            } => Self::Passwd {
                name,
                from_stdin: password_stdin,
            },
            User::Remove { name } => Self::Remove { name },
            User::SetupLink => Self::SetupLink,
        }
    }
}

#[derive(Subcommand)]
enum Smoke {
    /// Upload varied files and print one receipt per line
    #[command(after_help = "Keep the receipts, redeploy, then check them:\n  \
        wharfside smoke put https://files.example.org > receipts.jsonl\n  \
        git push dokku main\n  \
        wharfside smoke verify https://files.example.org < receipts.jsonl")]
    Put(PutArgs),
    /// Check the receipts on stdin: each file is there byte for byte, listed and searchable
    Verify {
        /// Where the installation answers, such as https://files.example.org
        url: String,
        /// Accept that the boot which took the files answers; without it, a newer one must
        #[arg(long)]
        same_boot: bool,
    },
    /// Keep a mixed load going, as while redeploying, and report what failed or was lost
    #[command(
        after_help = "Every request is made once and never retried: one that is refused, \
        broken off or answered with an error counts as a failure."
    )]
    Watch {
        /// Where the installation answers, such as https://files.example.org
        url: String,
        /// Stop after this many seconds; without it, Ctrl-C stops
        #[arg(long = "for", value_name = "SECONDS")]
        seconds: Option<u64>,
        /// How many clients work at once
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
        clients: u8,
        /// Send no file above this, such as 900kB where a proxy refuses more
        #[arg(long, value_name = "SIZE", value_parser = largest)]
        largest: Option<usize>,
        /// Open a connection for each request: reloading proxies cut off kept ones
        #[arg(long)]
        reconnect: bool,
        /// Print the summary as one line of JSON, with the time of each failure
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
struct PutArgs {
    /// Where the installation answers, such as https://files.example.org
    url: String,
    /// How many files
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    files: u32,
    /// Make the same sizes and contents as another run with this seed
    #[arg(long)]
    seed: Option<u64>,
    /// Send no file above this, such as 900kB where a proxy refuses more
    #[arg(long, value_name = "SIZE", value_parser = largest)]
    largest: Option<usize>,
}

#[derive(Args)]
struct SendArgs {
    /// Files and folders; a folder keeps its name and structure
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Put them below this folder of the library
    #[arg(
        long,
        value_name = "FOLDER",
        default_value = "",
        hide_default_value = true
    )]
    to: String,
    #[command(flatten)]
    server: ServerArg,
    /// How many files are sent at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    /// What becomes of a name that is taken by another content: a new version of it, a free name
    /// beside it, or nothing
    #[arg(long, default_value = "version")]
    if_present: IfPresent,
    /// Print the receipt of each stored file as one line of JSON, and what the server says of a
    /// file that is there already
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct GetArgs {
    /// Files and folders of the library; a folder keeps its name and structure, and / is all of it
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Put them into this folder, which is made if it is missing
    #[arg(long, value_name = "DIR", default_value = ".")]
    to: PathBuf,
    #[command(flatten)]
    server: ServerArg,
    /// How many files are fetched at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    /// Replace files here that have another content
    #[arg(long)]
    force: bool,
    /// Print a line of JSON for each file that was fetched
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct LsArgs {
    /// A folder, or a file; without one, what is in no folder
    #[arg(default_value = "", hide_default_value = true)]
    folder: String,
    #[command(flatten)]
    server: ServerArg,
    /// Show bytes, and when files were stored or how many are in folders
    #[arg(short, long)]
    long: bool,
    /// List the files of all folders below instead of the folders
    #[arg(short, long)]
    recursive: bool,
    /// Print a line of JSON for each file and folder
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct FindArgs {
    /// What to look for; several words may also be given without quotes, unless one begins with a
    /// dash (or after "--", with the options before it)
    #[arg(required = true)]
    query: Vec<String>,
    #[command(flatten)]
    server: ServerArg,
    /// Print at most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print a line of JSON for each file
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ServerArg {
    /// Where the installation answers; else WHARFSIDE_SERVER, else http://127.0.0.1:5000
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

impl ServerArg {
    fn address(self) -> Result<Address> {
        let named = config::server()?;
        at(self.server.unwrap_or(named))
    }
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum IfPresent {
    Version,
    KeepBoth,
    Skip,
}

impl IfPresent {
    fn word(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::KeepBoth => "keep-both",
            Self::Skip => "skip",
        }
    }
}

fn largest(text: &str) -> std::result::Result<usize, String> {
    let size = config::parse_bytes(text).and_then(|size| usize::try_from(size).ok());
    size.filter(|size| *size >= smoke::LEAST_LARGEST)
        .ok_or_else(|| "it must be a size from 256KiB on, such as 900kB or 1MiB".to_owned())
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = if cli.version {
        print_version().map(|()| true)
    } else {
        run(cli.command.unwrap_or(Command::Serve))
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            // Nobody is left to tell if stderr is gone.
            let _ = writeln!(io::stderr(), "wharfside: {error}");
            ExitCode::from(2)
        }
    }
}

/// `false`: it ran, and what it checked is not well.
fn run(command: Command) -> Result<bool> {
    match command {
        Command::Serve => serve::run(configure(logging::Role::Server)?).map(|()| true),
        Command::Check {
            preflight: true,
            json,
            ..
        } => check::preflight(&configure(logging::Role::Command)?, json),
        Command::Check { deep, json, .. } => {
            check::run(&configure(logging::Role::Command)?, deep, json)
        }
        // Nothing is configured: a child knows nothing but what its server tells it.
        Command::Extract => extract::child::serve().map(|()| true),
        Command::Reindex => {
            let changes = reindex::run(&configure(logging::Role::Command)?)?;
            print(&format!(
                "The search index was built anew: {changes} changes applied.\n"
            ))?;
            Ok(true)
        }
        Command::User(order) => {
            user::run(&configure(logging::Role::Command)?, order.into()).map(|()| true)
        }
        Command::Put(args) => terminal::put(&terminal::Put {
            paths: args.paths,
            to: args.to,
            server: args.server.address()?,
            jobs: args.jobs,
            if_present: args.if_present.word(),
            json: args.json,
        }),
        Command::Get(args) => terminal::get(&terminal::Get {
            paths: args.paths,
            to: args.to,
            server: args.server.address()?,
            jobs: args.jobs,
            force: args.force,
            json: args.json,
        }),
        Command::Ls(args) => terminal::ls(&terminal::Ls {
            folder: args.folder,
            server: args.server.address()?,
            long: args.long,
            recursive: args.recursive,
            json: args.json,
        }),
        Command::Find(args) => terminal::find(&terminal::Find {
            query: args.query.join(" "),
            server: args.server.address()?,
            limit: args.limit as usize,
            json: args.json,
        }),
        Command::Smoke(Smoke::Put(args)) => {
            smoke::put(&at(args.url)?, args.files, args.seed, args.largest)
        }
        Command::Smoke(Smoke::Verify { url, same_boot }) => smoke::verify(&at(url)?, same_boot),
        Command::Smoke(Smoke::Watch {
            url,
            seconds,
            clients,
            largest,
            reconnect,
            json,
        }) => {
            let how = smoke::Watch {
                seconds,
                clients,
                largest,
                reconnect,
                json,
            };
            smoke::watch(&at(url)?, &how)
        }
    }
}

/// An installation, with the token that the environment has for it.
fn at(url: String) -> Result<Address> {
    Ok(Address {
        url,
        token: config::token()?,
    })
}

/// For whatever opens the stores.
fn configure(role: logging::Role) -> Result<Config> {
    heap::be_thrifty();
    store::restrict_umask();
    let config = Config::from_env()?;
    logging::start(&config, role)?;
    #[cfg(feature = "crash-points")]
    if let Some((point, skip)) = config.crash_point.clone() {
        store::crash::arm(Some(point), skip)?;
    }
    Ok(config)
}

fn print_version() -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!("wharfside {version} ({})\n", config::BUILD_REVISION);
    for (engine, version) in store::engines() {
        text.push_str(&format!("{engine} {version}\n"));
    }
    print(&text)
}

fn print(text: &str) -> Result<()> {
    let printed = io::stdout().write_all(text.as_bytes());
    printed.map_err(|error| Error::internal(format!("stdout cannot be written: {error}.")))
}
