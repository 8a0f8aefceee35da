//! The child's side: locked in first, then one document after the other.

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use super::message::{
    MOST_BYTES, Order, Received, Told, receive_order, send, send_bytes, send_text,
};
use super::{confine, recogniser};
use crate::error::{Error, Result};
use crate::extract::preview::{self, Formatting};
use crate::extract::thumbnail::Wish;
use crate::extract::{Details, Found, stream, thumbnail};

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
        Ok(Received::Message(Order::Become(program), Some(picture))) => {
            let error = recogniser::turn_into(&program, picture);
            return Err(Error::unavailable("Tesseract cannot be executed.").because(error));
        }
        _ => {
            return Err(Error::invalid(
                "\"wharfside extract\" reads documents for \"wharfside serve\", which starts it as it needs it; it takes no orders from anybody else.",
            ));
        }
    };
    let failed = |error: io::Error| {
        Error::internal("A child that reads documents lost its server.").because(error)
    };
    let closed = confine::close_inherited();
    closed
        .and_then(|()| confine::bound(&bounds, confine::DESCRIPTORS))
        .map_err(|error| {
            Error::internal(format!("Limits could not be set: {error}.")).because(error)
        })?;
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut last) = LAST_PANIC.lock() {
            *last = panic.to_string();
        }
    }));
    send(socket, &Told::Ready(confine::lock_in()), None).map_err(failed)?;
    loop {
        let told = match receive_order(socket, &mut buffer).map_err(failed)? {
            Received::Message(Order::Read { name, size }, Some(file)) => {
                read(socket, file, size, &name)
            }
            Received::Message(
                Order::Draw {
                    media_type,
                    size,
                    wish,
                },
                Some(file),
            ) => draw(socket, file, size, &media_type, wish, bounds.memory),
            Received::Message(Order::Format { formatting }, Some(file)) => {
                format(socket, file, &formatting)
            }
            Received::Message(..) | Received::Nothing => continue,
            Received::End => return Ok(()),
        };
        send(socket, &told, None).map_err(failed)?;
        if matches!(told, Told::Panicked(_)) {
            return Ok(());
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
            note: read.note,
            scans: read.scans,
        },
        Ok(Err(error)) => Told::Unread(error.sentence().to_owned()),
        Err(_) => panicked(),
    }
}

/// Makes the picture of one document and passes it on. Answers how it ended.
fn draw(
    socket: BorrowedFd<'_>,
    file: OwnedFd,
    size: u64,
    media_type: &str,
    wish: Wish,
    memory: u64,
) -> Told {
    let mut file = File::from(file);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        #[cfg(feature = "crash-points")]
        super::probe::misbehave_drawing(&mut file);
        thumbnail::draw(&mut file, size, media_type, wish, memory)
    }));
    match outcome {
        Ok(Ok(Ok(picture))) => match send_bytes(socket, &picture.bytes) {
            Ok(()) => Told::Drawn(picture.coding),
            // Nobody is left to draw for.
            Err(_) => std::process::exit(0),
        },
        Ok(Ok(Err(why))) => Told::Undrawn(shortened(why)),
        Ok(Err(error)) => Told::Unread(error.sentence().to_owned()),
        Err(_) => panicked(),
    }
}

/// Formats one text and passes it on. Answers how it ended.
fn format(socket: BorrowedFd<'_>, file: OwnedFd, formatting: &Formatting) -> Told {
    let mut file = File::from(file);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        #[cfg(feature = "crash-points")]
        super::probe::misbehave_formatting(&mut file);
        preview::format(&mut file, formatting)
    }));
    match outcome {
        Ok(Ok(Some(html))) => match send_text(socket, &html) {
            Ok(()) => Told::Formatted { is_whole: true },
            // Nobody is left to format for.
            Err(_) => std::process::exit(0),
        },
        Ok(Ok(None)) => Told::Formatted { is_whole: false },
        Ok(Err(error)) => Told::Unread(error.sentence().to_owned()),
        Err(_) => panicked(),
    }
}

fn panicked() -> Told {
    let last = LAST_PANIC.lock().map(|last| last.clone());
    Told::Panicked(shortened(last.unwrap_or_default()))
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
