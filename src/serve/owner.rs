//! The first owner: by a link that is logged, or with the password from the environment.

use crate::auth::{Purpose, Secret, password};
use crate::config::{Access, Config};
use crate::error::{Error, Result};
use crate::library::Library;
use crate::logging;

/// Name of the account that `ADMIN_PASSWORD` is for.
const OWNER: &str = "owner";

/// # Errors
/// [`Kind::Invalid`](crate::error::Kind::Invalid) for an `ADMIN_PASSWORD` that others would guess.
pub fn refuse_weak(config: &Config) -> Result<()> {
    match &config.admin_password {
        Some(chosen) => password::refuse_weak(chosen, &[OWNER]).map_err(|error| {
            Error::invalid(format!(
                "ADMIN_PASSWORD cannot be used. {}",
                error.sentence()
            ))
        }),
        None => Ok(()),
    }
}

/// Sees to it that somebody can come in: sets the password that the environment has, or logs a link
/// as long as nobody owns the installation. Each start logs another one.
pub fn establish(library: &Library, config: &Config) -> Result<()> {
    if matches!(config.access, Access::Open | Access::Local) {
        return Ok(());
    }
    if let Some(chosen) = &config.admin_password {
        return set(library, chosen);
    }
    if library.has_owner()? {
        return Ok(());
    }
    let secret = Secret::new(Purpose::OneTime)?;
    library.make_setup_link(secret.hash())?;
    let path = format!("/welcome/{}", secret.text());
    let link = match config.host.is_loopback() && config.port != 0 {
        true => format!("http://{}:{}{path}", config.host, config.port),
        false => path,
    };
    tracing::warn!(
        target: logging::SHOWS_SECRET,
        link,
        "nobody owns this installation yet; whoever opens this link at its address first does"
    );
    Ok(())
}

fn set(library: &Library, chosen: &str) -> Result<()> {
    let account = library.account_named(OWNER)?;
    let kept = account.and_then(|account| account.password);
    if let Some(kept) = kept
        && password::verify(chosen, &kept)?
    {
        return Ok(());
    }
    library.set_owner(OWNER, password::hash(chosen)?)?;
    tracing::info!("the account \"{OWNER}\" has the password from ADMIN_PASSWORD");
    Ok(())
}
