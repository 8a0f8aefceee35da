//! What must hold whatever a child says: it may have been taken over by a document.

use std::os::fd::OwnedFd;

use memchr::memmem;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, socketpair};

use super::message::{Answer, MOST_BYTES, Received, Told, receive_answer};
use super::process::{SoFar, take_picture};
use crate::extract::MAX_TEXT_BYTES;
use crate::extract::thumbnail::Wish;

/// What stands between two messages.
const BETWEEN: &[u8] = b"\n\n";

/// Messages with an empty line between them: what comes of a document is no more than was said of it,
/// and what is told is the same once it is told on.
pub fn extract_protocol(data: &[u8]) {
    let (server, child) = pair();
    let mut reading = Some(SoFar::default());
    let mut drawing = Some(Vec::new());
    let mut buffer = vec![0; MOST_BYTES];
    let mut rest = Some(data);
    while let Some(said) = rest {
        let (message, next) = match memmem::find(said, BETWEEN) {
            Some(at) => (&said[..at], Some(&said[at + BETWEEN.len()..])),
            None => (said, None),
        };
        rest = next;
        if rustix::net::send(&child, message, SendFlags::empty()).is_err() {
            return;
        }
        let answer = match receive_answer(&server, &mut buffer) {
            Ok(Received::Message(answer, descriptor)) => {
                assert!(descriptor.is_none());
                answer
            }
            Ok(Received::End) => {
                assert!(message.is_empty());
                return;
            }
            Ok(Received::Nothing) => panic!("a message is lost"),
            Err(_) => return,
        };
        check_answer(&answer, message);
        reading = reading.and_then(|so_far| read_on(so_far, &answer, data));
        drawing = drawing.and_then(|bytes| draw_on(bytes, answer, data));
    }
}

/// Both ends of what a server and a child talk by.
fn pair() -> (OwnedFd, OwnedFd) {
    let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
    let Ok((server, child)) = socketpair(AddressFamily::UNIX, kind, flags, None) else {
        panic!("there is no socket");
    };
    // Whatever was said is there at once.
    let patience = Some(std::time::Duration::from_secs(1));
    assert!(set_socket_timeout(&server, Timeout::Recv, patience).is_ok());
    (server, child)
}

fn check_answer(answer: &Answer, message: &[u8]) {
    match answer {
        Answer::Text(text) => assert_eq!(text.as_bytes(), &message[1..]),
        Answer::Bytes(bytes) => assert_eq!(bytes, &message[1..]),
        Answer::Told(told) => {
            let again = serde_json::to_vec(told)
                .ok()
                .and_then(|said| serde_json::from_slice::<Told>(&said).ok());
            assert!(again.is_some_and(|again| is_same(told, &again)));
        }
    }
}

/// A coordinate may lose its last digit on the way, which is less than an atom's width.
fn is_same(one: &Told, other: &Told) -> bool {
    let (Told::Details(one), Told::Details(other)) = (one, other) else {
        return one == other;
    };
    let mut other = other.clone();
    let is_near = |one: Option<f64>, other: Option<f64>| match (one, other) {
        (Some(one), Some(other)) => (one - other).abs() <= one.abs() * 1e-15,
        (one, other) => one == other,
    };
    assert!(is_near(one.latitude, other.latitude));
    assert!(is_near(one.longitude, other.longitude));
    (other.latitude, other.longitude) = (one.latitude, one.longitude);
    *one == other
}

/// What is read so far, unless the child is given up or the document ended.
fn read_on(mut so_far: SoFar, answer: &Answer, said: &[u8]) -> Option<SoFar> {
    let before = so_far.text.len();
    let taken = so_far.take(answer.clone());
    assert!(so_far.text.len() >= before);
    assert!(so_far.text.len() <= MAX_TEXT_BYTES.min(said.len()));
    match (taken, answer) {
        (Ok(None), Answer::Text(_) | Answer::Told(Told::Details(_))) => Some(so_far),
        (Ok(Some(_)), Answer::Told(_)) | (Err(_), Answer::Bytes(_)) => None,
        _ => panic!("{answer:?} is taken for something else"),
    }
}

/// The picture so far, unless the child is given up or the picture is there.
fn draw_on(mut bytes: Vec<u8>, answer: Answer, said: &[u8]) -> Option<Vec<u8>> {
    let most = Wish::Thumbnail { edge: 320 }.most_bytes();
    let taken = take_picture(&mut bytes, most, answer);
    assert!(bytes.len() <= most.min(said.len()));
    matches!(taken, Ok(None)).then_some(bytes)
}
