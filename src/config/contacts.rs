//! `SECURITY_CONTACT`: where weaknesses are reported.

use super::bad;
use crate::error::Result;

/// As RFC 9116 has them: URIs, of the web with https. An address of mail alone is one of mail.
pub(super) fn parse(value: Option<&str>) -> Result<Vec<String>> {
    let value = value.unwrap_or_default();
    let contacts = value.split([',', ' ']).filter(|part| !part.is_empty());
    let contacts = contacts.map(|part| {
        let contact = match part.contains(':') {
            true => part.to_owned(),
            false => format!("mailto:{part}"),
        };
        let right = "addresses such as security@example.org, https://example.org/security or tel:+1-201-555-0123";
        match is_contact(&contact) {
            true => Ok(contact),
            false => Err(bad("SECURITY_CONTACT", value, right)),
        }
    });
    contacts.collect()
}

fn is_contact(uri: &str) -> bool {
    let is_of_uri = |c: char| c.is_ascii_graphic() && !"<>\"\\^`{|}".contains(c);
    let is_host = |host: &str| host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
    uri.chars().all(is_of_uri)
        && match uri.split_once(':') {
            Some(("mailto", address)) => address
                .split_once('@')
                .is_some_and(|(who, host)| !who.is_empty() && is_host(host) && !host.contains('@')),
            Some(("https", rest)) => rest.strip_prefix("//").is_some_and(is_host),
            Some(("tel", number)) => number.contains(|c: char| c.is_ascii_digit()),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_addresses_that_the_standard_takes() {
        let parsed = |value| parse(Some(value)).unwrap();
        assert_eq!(parse(None).unwrap(), Vec::<String>::new());
        assert_eq!(parsed("a@b.example"), ["mailto:a@b.example"]);
        let both = ["https://b.example/c?d=e", "tel:+1-201-555-0123"];
        assert_eq!(parsed("https://b.example/c?d=e, tel:+1-201-555-0123"), both);
        for bad in [
            "nobody",
            "http://b.example",
            "a@b@c",
            "https://",
            "tel:none",
            "a@b\r\nX:y",
        ] {
            assert!(parse(Some(bad)).is_err(), "{bad:?}");
        }
    }
}
