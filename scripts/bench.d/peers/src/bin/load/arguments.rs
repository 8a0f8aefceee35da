//! The command line: a command, an address, then `--name value` pairs.

use std::collections::HashMap;
use std::error::Error;
use std::net::SocketAddr;
use std::str::FromStr;

/// Everything that can go wrong ends the run with one sentence, so a boxed error says enough.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

pub struct Arguments {
    pub command: String,
    pub address: SocketAddr,
    options: HashMap<String, String>,
}

impl Arguments {
    /// `None` when a part is missing, an address is not `IP:PORT`, or an option has no value.
    pub fn read(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let command = words.next()?;
        let address = words.next()?.parse().ok()?;
        let mut options = HashMap::new();
        while let Some(name) = words.next() {
            options.insert(name.strip_prefix("--")?.to_owned(), words.next()?);
        }
        Some(Self {
            command,
            address,
            options,
        })
    }

    pub fn text(&self, name: &str) -> Outcome<&str> {
        let value = self
            .options
            .get(name)
            .ok_or_else(|| format!("--{name} is missing"))?;
        Ok(value)
    }

    pub fn maybe<T: FromStr>(&self, name: &str) -> Outcome<Option<T>> {
        let Some(value) = self.options.get(name) else {
            return Ok(None);
        };
        let parsed = value
            .parse()
            .map_err(|_| format!("--{name} cannot be {value:?}"))?;
        Ok(Some(parsed))
    }

    pub fn number<T: FromStr>(&self, name: &str) -> Outcome<T> {
        Ok(self
            .maybe(name)?
            .ok_or_else(|| format!("--{name} is missing"))?)
    }
}
