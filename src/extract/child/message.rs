//! What the server and a child say to each other: one message at a time, of bounded length.
//!
//! The socket keeps messages apart (`SOCK_SEQPACKET`), so half a message is never seen, and one
//! that is too long is an error of its sender instead of a wait for its end.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Confinement;
use super::recogniser::Program;
use crate::extract::preview::Formatting;
use crate::extract::thumbnail::Wish;
use crate::extract::{Coding, Details};

/// Longest message, in bytes.
pub const MOST_BYTES: usize = 64 << 10;
/// Most text, or bytes of a picture, in one message.
const MOST_PIECE: usize = MOST_BYTES - 1;

const TEXT: u8 = b'T';
const BYTES: u8 = b'B';
const JSON: u8 = b'J';

/// From the server to a child.
#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    /// Once, before everything else.
    Begin(Bounds),
    /// With the document's descriptor.
    Read { name: String, size: u64 },
    /// As well: a picture of it.
    Draw {
        media_type: String,
        size: u64,
        wish: Wish,
    },
    /// As well: the text as it was meant to be seen.
    Format { formatting: Formatting },
    /// In place of `Begin`, with a picture: the child becomes the program that reads it.
    Become(Program),
}

/// What a child may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    pub memory: u64,
    /// Seconds of CPU time, over its life.
    pub cpu: u64,
}

/// From a child to the server.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The text goes on so.
    Text(String),
    /// The picture goes on so.
    Bytes(Vec<u8>),
    Told(Told),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Told {
    /// Locked down, and waiting for documents.
    Ready(Confinement),
    /// Replaces what was told before.
    Details(Details),
    /// The document is read.
    Ended {
        media_type: String,
        encoding: Option<String>,
        truncated: bool,
        name_only: Option<String>,
        note: Option<String>,
        #[serde(default)]
        scans: Vec<u32>,
    },
    /// The picture is there.
    Drawn(Coding),
    /// Why there is none, in words that follow a colon.
    Undrawn(String),
    /// The text is formatted, or cannot be at a fair price.
    Formatted { is_whole: bool },
    /// The disk did not give the document's bytes.
    Unread(String),
    /// The reader panicked; the child ends.
    Panicked(String),
}

/// Sends a message, with a descriptor if there is one.
pub fn send(
    socket: impl AsFd,
    message: &impl Serialize,
    descriptor: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    transmit(socket.as_fd(), JSON, &bytes, descriptor)
}

/// Sends a text, however long.
pub fn send_text(socket: impl AsFd, mut text: &str) -> io::Result<()> {
    while !text.is_empty() {
        let mut end = text.len().min(MOST_PIECE);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        transmit(socket.as_fd(), TEXT, &text.as_bytes()[..end], None)?;
        text = &text[end..];
    }
    Ok(())
}

/// Sends bytes, however many.
pub fn send_bytes(socket: impl AsFd, bytes: &[u8]) -> io::Result<()> {
    for piece in bytes.chunks(MOST_PIECE) {
        transmit(socket.as_fd(), BYTES, piece, None)?;
    }
    Ok(())
}

fn transmit(
    socket: BorrowedFd<'_>,
    tag: u8,
    bytes: &[u8],
    descriptor: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    if bytes.len() >= MOST_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let parts = [
        IoSlice::new(std::slice::from_ref(&tag)),
        IoSlice::new(bytes),
    ];
    let descriptors = [descriptor.unwrap_or(socket)];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if descriptor.is_some() && !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    retry_on_intr(|| sendmsg(socket, &parts, &mut control, SendFlags::NOSIGNAL))?;
    Ok(())
}

/// What came over a socket.
pub enum Received<T> {
    Message(T, Option<OwnedFd>),
    /// Nothing within the time-out that the socket has.
    Nothing,
    /// The other side is gone.
    End,
}

/// Waits for an order.
///
/// # Errors
/// What the socket says, and [`io::ErrorKind::InvalidData`] for what is no order.
pub fn receive_order(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Received<Order>> {
    receive(socket.as_fd(), buffer, |tag, bytes| match tag {
        JSON => parse(bytes),
        _ => Err(io::ErrorKind::InvalidData.into()),
    })
}

/// Waits for an answer; errors as those of [`receive_order`].
pub fn receive_answer(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Received<Answer>> {
    receive(socket.as_fd(), buffer, |tag, bytes| match tag {
        TEXT => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Answer::Text(text.to_owned())),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        },
        BYTES => Ok(Answer::Bytes(bytes.to_vec())),
        JSON => parse(bytes).map(Answer::Told),
        _ => Err(io::ErrorKind::InvalidData.into()),
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    Ok(serde_json::from_slice(bytes)?)
}

fn receive<T>(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    understand: impl FnOnce(u8, &[u8]) -> io::Result<T>,
) -> io::Result<Received<T>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let outcome = retry_on_intr(|| {
        let mut parts = [IoSliceMut::new(buffer)];
        recvmsg(socket, &mut parts, &mut control, flags)
    });
    let received = match outcome {
        Err(Errno::AGAIN) => return Ok(Received::Nothing),
        Err(Errno::CONNRESET) => return Ok(Received::End),
        other => other?,
    };
    let descriptor = control
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        })
        .next();
    if received
        .flags
        .intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC)
    {
        return Err(io::ErrorKind::InvalidData.into());
    }
    match buffer.get(..received.bytes).and_then(<[u8]>::split_first) {
        Some((tag, bytes)) => Ok(Received::Message(understand(*tag, bytes)?, descriptor)),
        None => Ok(Received::End),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};

    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    fn pair() -> (OwnedFd, OwnedFd) {
        let flags = SocketFlags::CLOEXEC;
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap()
    }

    #[test]
    fn an_order_carries_a_descriptor() {
        let (server, child) = pair();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"quay").unwrap();
        file.rewind().unwrap();
        let order = Order::Read {
            name: "a.txt".into(),
            size: 4,
        };
        send(&server, &order, Some(file.as_fd())).unwrap();
        let mut buffer = vec![0; MOST_BYTES];
        let received = receive_order(&child, &mut buffer).unwrap();
        let Received::Message(Order::Read { name, size }, Some(descriptor)) = received else {
            panic!("no order to read came with a descriptor");
        };
        let mut text = String::new();
        std::fs::File::from(descriptor)
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!((name.as_str(), size, text.as_str()), ("a.txt", 4, "quay"));
    }

    #[test]
    fn long_texts_arrive_in_pieces_that_are_text() {
        let (server, child) = pair();
        let text = "ä€".repeat(MOST_BYTES / 4);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                send_text(&child, &text).unwrap();
                drop(child);
            });
            let (mut whole, mut buffer) = (String::new(), vec![0; MOST_BYTES]);
            while let Received::Message(answer, _) = receive_answer(&server, &mut buffer).unwrap() {
                let Answer::Text(piece) = answer else {
                    panic!("{answer:?} is no text");
                };
                whole.push_str(&piece);
            }
            assert!(whole == text);
        });
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for bytes in [&b"?x"[..], b"T\xff", b"J{}", b"T"] {
            let (server, child) = pair();
            rustix::net::send(&child, bytes, SendFlags::empty()).unwrap();
            let received = receive_answer(&server, &mut vec![0; MOST_BYTES]);
            assert_eq!(received.is_ok(), bytes == b"T", "{bytes:?}");
        }
        let (server, child) = pair();
        rustix::net::send(&child, &vec![TEXT; MOST_BYTES + 1], SendFlags::empty()).unwrap();
        assert!(receive_answer(&server, &mut vec![0; MOST_BYTES]).is_err());
    }
}
