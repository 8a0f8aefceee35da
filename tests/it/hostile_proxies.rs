//! What somebody gets by saying that they come from elsewhere.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream, UdpSocket};

use crate::app::TestApp;
use crate::people::PASSWORD;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn form(name: &str, password: &str) -> String {
    format!("name={name}&password={}", password.replace(' ', "+"))
}

/// An address of this machine that is not loopback's; nothing is sent to find it.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[test]
fn a_neighbour_is_not_believed_unless_named() {
    let Some(own) = own_address() else {
        eprintln!("DID NOT RUN: this machine has no address but loopback's");
        return;
    };
    let named = own.to_string();
    for (trusted, is_believed) in [("", false), (named.as_str(), true)] {
        let (app, olga) = TestApp::with_owner(&[("HOST", "0.0.0.0"), ("TRUSTED_PROXIES", trusted)]);
        let (_, port) = app.address().rsplit_once(':').unwrap();
        let mut stream = TcpStream::connect(format!("{own}:{port}")).unwrap();
        let body = form("Olga", PASSWORD);
        write!(
            stream,
            "POST /sign-in HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-forwarded-proto: https\r\n\
             x-forwarded-for: 203.0.113.7\r\n{}: {}\r\ncontent-length: {}\r\n\r\n{body}",
            FORM.0,
            FORM.1,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
        assert_eq!(
            answer.contains("set-cookie: __Host-"),
            is_believed,
            "{answer}"
        );
        let log = app.look("/audit?kind=signed-in", &olga).text();
        assert_eq!(log.contains("203.0.113.7"), is_believed, "{log}");
        // Whoever operates it is told once what to set.
        let told = app.said().contains("set TRUSTED_PROXIES to it");
        assert_eq!(told, !is_believed, "{}", app.said());
    }
}

#[test]
fn clients_behind_a_proxy_are_told_apart_however_it_writes_them() {
    let (app, olga) = TestApp::with_owner(&[]);
    let try_from = |address: &str, name: &str, password: &str| {
        let body = form(name, password);
        let headers = [FORM, ("x-forwarded-for", address)];
        app.call("POST", "/sign-in", &headers, Some(body.as_bytes()))
            .status
    };
    for (guesser, other) in [
        ("203.0.113.7:1024", "203.0.113.8:1024"),
        ("[2001:db8:1::7]:1024", "[2001:db8:2::7]:1024"),
        ("\"[2001:db8:3::7]:1024\"", "\"[2001:db8:4::7]:1024\""),
    ] {
        let guesses: Vec<_> = (0..9)
            .map(|n| try_from(guesser, &format!("nobody{n}"), "x"))
            .collect();
        assert!(guesses.contains(&429), "{guesser}: {guesses:?}");
        assert_eq!(try_from(other, "Olga", PASSWORD), 303, "{other}");
    }
    let log = app.look("/audit?kind=signed-in", &olga).text();
    for address in ["203.0.113.8", "2001:db8:2::7", "2001:db8:4::7"] {
        assert!(log.contains(address), "{log}");
    }
    assert!(!log.contains("1024"), "{log}");
}

#[test]
fn the_scheme_is_read_as_proxies_write_it() {
    let (app, _) = TestApp::with_owner(&[]);
    for (scheme, clients, is_https) in [
        ("https", "203.0.113.7", true),
        ("HTTPS", "203.0.113.7", true),
        ("http, https", "203.0.113.7", true),
        ("https, http", "203.0.113.7", false),
        // The one before the last met the client.
        ("https, http", "203.0.113.7, 127.0.0.5", true),
        ("http, https", "203.0.113.7, 127.0.0.5", false),
        ("http", "203.0.113.7", false),
    ] {
        let body = form("Olga", PASSWORD);
        let headers = [
            FORM,
            ("x-forwarded-proto", scheme),
            ("x-forwarded-for", clients),
        ];
        let answer = app.call("POST", "/sign-in", &headers, Some(body.as_bytes()));
        let cookie = answer.header("set-cookie");
        let is_secure = cookie.starts_with("__Host-") && cookie.contains("Secure");
        assert_eq!(is_secure, is_https, "{scheme} {clients}: {cookie}");
    }
}
