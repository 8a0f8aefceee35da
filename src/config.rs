//! Configuration: the only reader of the environment.
//!
//! Every variable is listed once, in [`VARIABLES`]; parsing, `--help` and the README's table
//! are checked against it. A variable may also be written with the prefix `WHARFSIDE_`, which
//! wins over the bare name; an unknown name with that prefix is an error, because it is
//! most likely a misspelt one. An empty value counts as unset: platforms set `PORT` to nothing
//! in containers that serve no web traffic.

mod base_path;
mod contacts;
mod proxies;
mod variables;

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use crate::error::{Error, Result};
use crate::extract::{Ocr, child};
use crate::library::{Generation, Limits, Quota, Reserve, Right, SealingKeys, Settings};

pub use base_path::BasePath;
pub use variables::{VARIABLES, Variable};

const PREFIX: &str = "WHARFSIDE_";
/// Where commands for people on a terminal find the installation; only with the prefix, because
/// the bare name means too much.
const SERVER: &str = "SERVER";
/// What they show to be let in.
const TOKEN: &str = "TOKEN";
/// Known to builds for crash tests only, and never listed.
#[cfg(feature = "crash-points")]
const CRASH_POINT: &str = "CRASH_POINT";
/// Likewise: the release that this one pretends to be.
#[cfg(feature = "crash-points")]
const PRETEND: &str = "PRETEND";

/// Who is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Those who have an account.
    Private,
    /// Anyone may look at what no folder keeps to itself; those who have an account may change.
    PublicRead,
    /// Anyone on this machine may everything, and nobody else is served.
    Local,
    /// Anyone who reaches the address may everything; a deliberate choice.
    Open,
}

impl Access {
    /// What everybody may in folders about which nothing is said.
    pub fn everyone(self) -> Right {
        match self {
            Self::Private => Right::None,
            Self::PublicRead => Right::Read,
            Self::Local | Self::Open => Right::Own,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Auto,
    Text,
    Json,
}

/// Everything that can be configured, read once at the start and passed down.
#[derive(Clone, Debug)]
pub struct Config {
    pub storage_dir: PathBuf,
    /// Whether it is meant that what is stored goes with the container.
    pub is_ephemeral: bool,
    pub host: IpAddr,
    pub port: u16,
    /// The path below which everything is served.
    pub base_path: BasePath,
    pub access: Access,
    /// Of the account `owner`.
    pub admin_password: Option<String>,
    /// What secrets are sealed with that have to be read back.
    pub keys: SealingKeys,
    /// Whose word is taken for where a request comes from.
    pub trusted_proxies: Vec<IpNet>,
    /// Where weaknesses are reported: URIs.
    pub security_contacts: Vec<String>,
    /// Bytes.
    pub max_upload: Option<u64>,
    pub stall: Duration,
    pub drain: Duration,
    pub trash: Duration,
    pub grace: Duration,
    pub uploads: Limits,
    /// Bytes.
    pub index_memory: usize,
    /// Bytes.
    pub facts_cache: usize,
    /// How documents are read.
    pub extraction: child::Options,
    pub release: String,
    pub log: String,
    pub log_format: LogFormat,
    /// The formats on disk that this release knows; in a build for crash tests, those of the
    /// release that `WHARFSIDE_PRETEND` names.
    pub generation: Generation,
    /// Where a test makes the process stop dead, and how often it passes there first; from
    /// `WHARFSIDE_CRASH_POINT`, as `blob.synced` or `blob.synced:2`.
    #[cfg(feature = "crash-points")]
    pub crash_point: Option<(String, u32)>,
}

impl Config {
    /// What the library is opened with.
    pub fn library(&self) -> Settings {
        Settings {
            root: self.storage_dir.clone(),
            release: self.release.clone(),
            index_memory: self.index_memory,
            facts_cache: self.facts_cache,
            grace: self.grace,
            uploads: self.uploads,
            keys: self.keys.clone(),
            everyone: self.access.everyone(),
            extraction: self.extraction.clone(),
            generation: self.generation,
        }
    }

    /// Whether a proxy's word is taken for where a request comes from.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let mut trusted = self.trusted_proxies.iter();
        trusted.any(|network| network.contains(&address))
    }

    /// Reads the process's environment.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::error::Kind::Invalid) naming the variable, its value and what would be right.
    pub fn from_env() -> Result<Self> {
        Self::from_vars(environment()?)
    }

    /// As [`from_env`](Self::from_env), from given pairs.
    pub fn from_vars(vars: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let vars: Vec<(String, String)> = vars.into_iter().collect();
        refuse_unknown(&vars)?;
        let get = |name: &str| -> Option<&str> {
            let prefixed = vars
                .iter()
                .find(|(n, _)| n.strip_prefix(PREFIX) == Some(name));
            let bare = || vars.iter().find(|(n, _)| n == name);
            prefixed
                .or_else(bare)
                .map(|(_, value)| value.trim())
                .filter(|value| !value.is_empty())
        };
        let host: IpAddr = parse(&get, "HOST", "an IP address such as 0.0.0.0 or ::1")?
            .unwrap_or(IpAddr::from([127, 0, 0, 1]));
        let access = match get("ACCESS") {
            None | Some("private") => Access::Private,
            Some("public-read") => Access::PublicRead,
            Some("local") => Access::Local,
            Some("open") => Access::Open,
            Some(other) => {
                let right = "\"private\", \"public-read\", \"open\" or \"local\"";
                return Err(bad("ACCESS", other, right));
            }
        };
        if access == Access::Local && !host.is_loopback() {
            return Err(Error::invalid(format!(
                "HOST is {host}, which other machines can reach, but ACCESS=local serves this machine only; \
                 leave ACCESS unset so that people sign in, set ACCESS=open if everyone who can reach it \
                 may read and write, or HOST=127.0.0.1."
            )));
        }
        let log_format = match get("LOG_FORMAT") {
            None | Some("auto") => LogFormat::Auto,
            Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(other) => return Err(bad("LOG_FORMAT", other, "\"auto\", \"text\" or \"json\"")),
        };
        let seconds = |name, default| -> Result<Duration> {
            let value = parse::<u32>(&get, name, "a whole number of seconds")?;
            Ok(Duration::from_secs(value.map_or(default, u64::from)))
        };
        let bytes = |name: &str| -> Result<Option<u64>> {
            get(name)
                .map(|text| {
                    parse_bytes(text).ok_or_else(|| bad(name, text, "a size such as 500MB or 2GiB"))
                })
                .transpose()
        };
        let memory = |name: &str, default: usize, least: usize| -> Result<usize> {
            match bytes(name)? {
                None => Ok(default),
                Some(n) if n < least as u64 || n > 1 << 36 => Err(bad(
                    name,
                    get(name).unwrap_or_default(),
                    &format!("at least {} MiB and at most 64 GiB", least >> 20),
                )),
                Some(n) => Ok(n as usize),
            }
        };
        let trash_days = parse::<u32>(&get, "TRASH_DAYS", "a whole number of days")?.unwrap_or(30);
        let grace = parse::<u32>(&get, "GRACE_MINUTES", "a whole number of minutes")?.unwrap_or(60);
        let expiry_hours = parse::<u32>(&get, "UPLOAD_EXPIRY_HOURS", "a whole number of hours")?;
        if expiry_hours == Some(0) {
            return Err(bad("UPLOAD_EXPIRY_HOURS", "0", "at least 1"));
        }
        let uploads = Limits {
            expiry: Duration::from_secs(u64::from(expiry_hours.unwrap_or(48)) * 3600),
            reserve: bytes("STORAGE_RESERVE")?.map_or(Reserve::Usual, Reserve::Bytes),
            quota: Quota {
                bytes: match get("QUOTA_BYTES") {
                    Some("unlimited") => None,
                    _ => bytes("QUOTA_BYTES")?,
                },
                files: parse(&get, "QUOTA_FILES", "a whole number of files")?,
            },
        };
        let stall = seconds("STALL_SECONDS", 30)?;
        if stall.is_zero() {
            return Err(bad("STALL_SECONDS", "0", "at least 1"));
        }
        let patience = seconds("EXTRACT_SECONDS", 20)?;
        if patience.is_zero() {
            return Err(bad("EXTRACT_SECONDS", "0", "at least 1"));
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = parse::<usize>(&get, "EXTRACT_WORKERS", "a whole number")?;
        let workers = workers.unwrap_or(cores.min(2));
        if !(1..=64).contains(&workers) {
            let value = workers.to_string();
            return Err(bad("EXTRACT_WORKERS", &value, "from 1 to 64"));
        }
        Ok(Self {
            storage_dir: get("STORAGE_DIR").unwrap_or("./storage").into(),
            is_ephemeral: match get("STORAGE_EPHEMERAL") {
                None | Some("0") => false,
                Some("1") => true,
                Some(other) => return Err(bad("STORAGE_EPHEMERAL", other, "0 or 1")),
            },
            host,
            base_path: match get("BASE_PATH") {
                None => BasePath::default(),
                Some(text) => BasePath::parse(text)
                    .ok_or_else(|| bad("BASE_PATH", text, "a path such as /files"))?,
            },
            port: parse(&get, "PORT", "a port number from 0 to 65535")?.unwrap_or(5000),
            access,
            admin_password: get("ADMIN_PASSWORD").map(str::to_owned),
            keys: sealing_keys(get)?,
            trusted_proxies: proxies::trusted(get("TRUSTED_PROXIES"))?,
            security_contacts: contacts::parse(get("SECURITY_CONTACT"))?,
            max_upload: match get("MAX_UPLOAD_BYTES") {
                Some("unlimited") => None,
                _ => bytes("MAX_UPLOAD_BYTES")?,
            },
            stall,
            drain: seconds("DRAIN_SECONDS", 25)?,
            trash: Duration::from_secs(u64::from(trash_days) * 86_400),
            grace: Duration::from_secs(u64::from(grace) * 60),
            uploads,
            index_memory: memory("INDEX_MEMORY", 32 << 20, 16 << 20)?,
            facts_cache: memory("FACTS_CACHE", 16 << 20, 1 << 20)?,
            extraction: child::Options {
                command: &["extract"],
                workers,
                patience,
                memory: memory("EXTRACT_MEMORY", 512 << 20, 64 << 20)? as u64,
                ocr: ocr(get)?,
            },
            release: get("GIT_REV").unwrap_or(BUILD_REVISION).to_owned(),
            log: get("LOG").unwrap_or("info").to_owned(),
            log_format,
            #[cfg(not(feature = "crash-points"))]
            generation: Generation::CURRENT,
            #[cfg(feature = "crash-points")]
            generation: get(PRETEND).map_or(Ok(Generation::CURRENT), pretended)?,
            #[cfg(feature = "crash-points")]
            crash_point: get(CRASH_POINT).map(crash_point).transpose()?,
        })
    }
}

fn sealing_keys<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<SealingKeys> {
    let key = |name: &str| {
        let checked = SealingKeys::new(get(name), None);
        checked.map_err(|error| {
            let why = error.sentence();
            Error::invalid(format!("{name} cannot be used: {why}."))
        })
    };
    key("SECRET_KEY")?;
    key("SECRET_KEY_PREVIOUS")?;
    SealingKeys::new(get("SECRET_KEY"), get("SECRET_KEY_PREVIOUS"))
}

/// What recognises text, if it is on the PATH.
fn ocr<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Option<Ocr>> {
    let languages = get("OCR_LANGUAGES").map(str::to_owned);
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_+/-".contains(c);
    if let Some(languages) = &languages
        && !(languages.starts_with(char::is_alphanumeric) && languages.chars().all(is_part))
    {
        let right = "languages as tesseract names them, such as eng+deu";
        return Err(bad("OCR_LANGUAGES", languages, right));
    }
    let folders = get("PATH").unwrap_or_default().split(':').map(Path::new);
    let mut programs = folders.filter(|folder| folder.is_absolute());
    let program = programs.find_map(|folder| {
        let program = folder.join("tesseract");
        let found = std::fs::metadata(&program).ok()?;
        let is_program = found.is_file() && found.permissions().mode() & 0o111 != 0;
        is_program.then_some(program)
    });
    Ok(program.map(|program| Ocr {
        program,
        languages,
        data: get("TESSDATA_PREFIX").map(PathBuf::from),
    }))
}

#[cfg(feature = "crash-points")]
fn crash_point(text: &str) -> Result<(String, u32)> {
    let (name, times) = text.split_once(':').unwrap_or((text, "0"));
    let times = times
        .parse()
        .map_err(|_| bad(CRASH_POINT, text, "a name, or name:times"))?;
    Ok((name.to_owned(), times))
}

#[cfg(feature = "crash-points")]
fn pretended(name: &str) -> Result<Generation> {
    let known = crate::library::PRETENDED.join(", ");
    Generation::pretended(name).ok_or_else(|| bad(PRETEND, name, &format!("one of {known}")))
}

/// The installation that commands talk to, from `WHARFSIDE_SERVER`, else the one on this machine.
///
/// # Errors
/// As [`Config::from_env`], for names that are misspelt.
pub fn server() -> Result<String> {
    server_from(&environment()?)
}

/// The installation that `WHARFSIDE_SERVER` names, if it is set.
///
/// # Errors
/// As [`Config::from_env`], for names that are misspelt.
pub fn named_server() -> Result<Option<String>> {
    let vars = environment()?;
    refuse_unknown(&vars)?;
    Ok(prefixed(&vars, SERVER))
}

/// The token that commands show to the installation, from `WHARFSIDE_TOKEN`.
///
/// # Errors
/// As [`Config::from_env`], for names that are misspelt.
pub fn token() -> Result<Option<String>> {
    let vars = environment()?;
    refuse_unknown(&vars)?;
    Ok(prefixed(&vars, TOKEN))
}

fn prefixed(vars: &[(String, String)], bare: &str) -> Option<String> {
    let mut named = vars.iter();
    let named = named.find(|(name, _)| name.strip_prefix(PREFIX) == Some(bare));
    let value = named.map(|(_, value)| value.trim())?;
    (!value.is_empty()).then(|| value.to_owned())
}

fn server_from(vars: &[(String, String)]) -> Result<String> {
    refuse_unknown(vars)?;
    let named = prefixed(vars, SERVER);
    Ok(named.unwrap_or_else(|| "http://127.0.0.1:5000".to_owned()))
}

fn environment() -> Result<Vec<(String, String)>> {
    let mut vars = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else {
            continue;
        };
        let known = name.starts_with(PREFIX) || VARIABLES.iter().any(|v| v.name == name);
        match value.into_string() {
            Ok(value) => vars.push((name, value)),
            Err(_) if known => {
                return Err(Error::invalid(format!(
                    "{name} is not valid UTF-8; set it to plain text."
                )));
            }
            Err(_) => {}
        }
    }
    Ok(vars)
}

/// Where files may be put that need not last; the system's directory for them.
pub fn temporary_dir() -> PathBuf {
    std::env::temp_dir()
}

/// The revision that was built: the git hash where there was a checkout, else the version.
pub const BUILD_REVISION: &str = env!("WHARFSIDE_BUILD_REVISION");

/// The variables as they appear at the end of `wharfside serve --help`: two columns, broken
/// here, because whoever prints them would not indent the second line.
pub fn help() -> String {
    const COLUMNS: usize = 80;
    let indent = VARIABLES.iter().map(|v| v.name.len()).max().unwrap_or(0) + 4;
    let mut text = String::from("Environment:");
    for v in VARIABLES {
        text.push_str(&format!("\n  {:width$}", v.name, width = indent - 2));
        let mut column = indent;
        for word in format!("{} [default: {}]", v.help, v.default).split(' ') {
            if column + word.len() > COLUMNS {
                text.push_str(&format!("\n{:indent$}", ""));
                column = indent;
            } else if column > indent {
                text.push(' ');
            }
            text.push_str(word);
            column += word.len() + 1;
        }
    }
    text.push_str("\n\nEach may also carry the prefix WHARFSIDE_, which wins over the bare name.");
    text
}

/// Reads `500`, `500MB`, `2 GiB`; decimal units are powers of 1000, binary ones of 1024.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(unit)
}

fn parse<'a, T: std::str::FromStr>(
    get: &impl Fn(&str) -> Option<&'a str>,
    name: &str,
    right: &str,
) -> Result<Option<T>> {
    get(name)
        .map(|text| text.parse().map_err(|_| bad(name, text, right)))
        .transpose()
}

fn bad(name: &str, value: &str, right: &str) -> Error {
    Error::invalid(format!("{name} is {value:?}, but must be {right}."))
}

fn refuse_unknown(vars: &[(String, String)]) -> Result<()> {
    for (name, _) in vars {
        let Some(bare) = name.strip_prefix(PREFIX) else {
            continue;
        };
        if bare == SERVER
            || bare == TOKEN
            || for_tests(bare)
            || VARIABLES.iter().any(|v| v.name == bare)
        {
            continue;
        }
        let names = VARIABLES.iter().map(|v| v.name).chain([SERVER, TOKEN]);
        let names: Vec<&str> = names.collect();
        return Err(Error::invalid(format!(
            "{name} is not a variable of Wharfside; after the prefix, it must be one of {}.",
            names.join(", ")
        )));
    }
    Ok(())
}

#[cfg(feature = "crash-points")]
fn for_tests(bare: &str) -> bool {
    [CRASH_POINT, PRETEND].contains(&bare)
}

#[cfg(not(feature = "crash-points"))]
fn for_tests(_bare: &str) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(vars: &[(&str, &str)]) -> Result<Config> {
        Config::from_vars(vars.iter().map(|(n, v)| (n.to_string(), v.to_string())))
    }

    #[test]
    fn defaults_hold_and_empty_counts_as_unset() {
        let config = config(&[("PORT", ""), ("PATH", "/bin")]).unwrap();
        assert_eq!(config.port, 5000);
        assert!(config.host.is_loopback());
        assert_eq!(config.drain, Duration::from_secs(25));
    }

    #[test]
    fn the_prefixed_name_wins() {
        let config = config(&[("PORT", "1"), ("WHARFSIDE_PORT", "2")]).unwrap();
        assert_eq!(config.port, 2);
    }

    #[test]
    fn bad_values_are_named() {
        for (name, value) in [
            ("PORT", "http"),
            ("PORT", "70000"),
            ("HOST", "localhost"),
            ("ACCESS", "yes"),
            ("MAX_UPLOAD_BYTES", "lots"),
            ("STALL_SECONDS", "0"),
            ("INDEX_MEMORY", "1KB"),
            ("EXTRACT_WORKERS", "0"),
            ("EXTRACT_SECONDS", "0"),
            ("EXTRACT_MEMORY", "1MiB"),
            ("LOG_FORMAT", "xml"),
            ("SECRET_KEY", "too short"),
            ("SECRET_KEY_PREVIOUS", "too short"),
            ("WHARFSIDE_PROT", "1"),
        ] {
            let error = config(&[(name, value)]).unwrap_err();
            assert!(error.sentence().contains(name), "{error}");
        }
    }

    #[test]
    fn commands_find_their_server() {
        let server = |name: &str, value: &str| server_from(&[(name.to_owned(), value.to_owned())]);
        assert_eq!(server("SERVER", "x").unwrap(), "http://127.0.0.1:5000");
        assert_eq!(
            server("WHARFSIDE_SERVER", " http://a ").unwrap(),
            "http://a"
        );
        let error = server("WHARFSIDE_SEVRER", "http://a").unwrap_err();
        assert!(error.sentence().contains("SERVER"), "{error}");
    }

    #[test]
    fn the_outside_is_refused_where_only_this_machine_is_served() {
        let error = config(&[("HOST", "0.0.0.0"), ("ACCESS", "local")]).unwrap_err();
        assert!(error.sentence().contains("ACCESS=open"));
        assert!(config(&[("HOST", "0.0.0.0")]).is_ok());
        assert!(config(&[("HOST", "0.0.0.0"), ("ACCESS", "open")]).is_ok());
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_bytes("2GiB"), Some(2 << 30));
        assert_eq!(parse_bytes("500 MB"), Some(500_000_000));
        assert_eq!(parse_bytes("7"), Some(7));
        assert_eq!(parse_bytes("99999999999TB"), None);
        assert_eq!(parse_bytes("-1"), None);
    }
}
