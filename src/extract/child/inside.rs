//! The child's side: locked in first, then one document after the other.

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use super::confine;
use super::message::{MOST_BYTES, Order, Received, Told, receive_order, send, send_text};
use crate::error::{Error, Result};
use crate::extract::{Details, Found, stream};

/// What the panic at hand said, for [`Told::Panicked`]; nothing goes to stderr, which is for the
/// last words of a runtime that cannot go on.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// Serves as a child: takes orders from the socket that is this process's stdin, until its other
/// side is closed or a reader fails.
///
/// # Errors
/// [`Kind::Invalid`](crate::error::Kind::Invalid) when stdin is no such socket: nobody but the
/// server has use for a child.
pub fn serve() -> Result<()> {
    let socket = rustix::stdio::stdin();
    let mut buffer = vec![0; MOST_BYTES];
    let bounds = match receive_order(socket, &mut buffer) {
        Ok(Received::Message(Order::Begin(bounds), None)) => bounds,
        _ => {
            return Err(Error::invalid(
                "\"wharfside extract\" reads documents for \"wharfside serve\", which starts it as it needs it; it takes no orders from anybody else.",
            ));
        }
    };
    let failed = |error: io::Error| {
        Error::internal("A child that reads documents lost its server.").because(error)
    };
    confine::bound(&bounds).map_err(|error| {
        Error::internal(format!("Limits could not be set: {error}.")).because(error)
    })?;
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut last) = LAST_PANIC.lock() {
            *last = panic.to_string();
        }
    }));
    send(socket, &Told::Ready(confine::lock_in()), None).map_err(failed)?;
    loop {
        match receive_order(socket, &mut buffer).map_err(failed)? {
            Received::Message(Order::Read { name, size }, Some(file)) => {
                let told = read(socket, file, size, &name);
                send(socket, &told, None).map_err(failed)?;
                if matches!(told, Told::Panicked(_)) {
                    return Ok(());
                }
            }
            Received::Message(..) | Received::Nothing => {}
            Received::End => return Ok(()),
        }
    }
}

/// Reads one document and passes on what it finds. Answers how it ended.
fn read(socket: BorrowedFd<'_>, file: OwnedFd, size: u64, name: &str) -> Told {
    let mut file = File::from(file);
    let mut told = Details::default();
    let mut pass_on = |found: Found<'_>| {
        let sent = match found {
            Found::Text(text) => send_text(socket, text),
            Found::Details(details) if *details != told => {
                told = details.clone();
                tell_details(socket, details)
            }
            Found::Details(_) | Found::MediaType(_) => Ok(()),
        };
        if sent.is_err() {
            // Nobody is left to read for.
            std::process::exit(0);
        }
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        #[cfg(feature = "crash-points")]
        super::probe::misbehave(&mut file, name, &mut pass_on);
        stream(&mut file, size, name, &mut pass_on)
    }));
    match outcome {
        Ok(Ok(read)) => Told::Ended {
            media_type: read.media_type,
            encoding: read.encoding,
            truncated: read.truncated,
            name_only: read.name_only,
        },
        Ok(Err(error)) => Told::Unread(error.sentence().to_owned()),
        Err(_) => {
            let last = LAST_PANIC.lock().map(|last| last.clone());
            Told::Panicked(shortened(last.unwrap_or_default()))
        }
    }
}

/// Details so long that they are no details are left out.
fn tell_details(socket: BorrowedFd<'_>, details: &Details) -> io::Result<()> {
    match send(socket, &Told::Details(details.clone()), None) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(()),
        other => other,
    }
}

fn shortened(text: String) -> String {
    text.chars().take(500).collect()
}
