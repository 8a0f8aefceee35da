//! Where weaknesses are reported, for those who find one (RFC 9116).

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::problem::Failure;
use super::state::App;
use crate::error::Error;

/// Days until whoever has read it should look again; the standard asks for less than a year.
const VALID_DAYS: i64 = 180;

/// `GET /.well-known/security.txt`, where `SECURITY_CONTACT` is set.
pub async fn page(app: App) -> Result<Response, Failure> {
    let contacts = &app.config().security_contacts;
    if contacts.is_empty() {
        let sentence = "Whoever runs this installation has named no contact (SECURITY_CONTACT).";
        return Err(Error::not_found(sentence).into());
    }
    let text = text(contacts, Timestamp::now())?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

fn text(contacts: &[String], now: Timestamp) -> Result<String, Error> {
    let lines: String = contacts
        .iter()
        .map(|contact| format!("Contact: {contact}\n"))
        .collect();
    // At midnight, so that it is the same for a day.
    let day = now
        .to_zoned(TimeZone::UTC)
        .date()
        .checked_add(VALID_DAYS.days());
    let day = day.map_err(|error| Error::internal("The clock is out of range.").because(error))?;
    Ok(format!(
        "{lines}Expires: {day}T00:00:00Z\nPreferred-Languages: en\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_the_standard_asks_for() {
        let contacts = [
            "mailto:a@b.example".to_owned(),
            "https://b.example/c".to_owned(),
        ];
        let now = "2026-11-30T17:00:00Z".parse().unwrap();
        assert_eq!(
            text(&contacts, now).unwrap(),
            "Contact: mailto:a@b.example\nContact: https://b.example/c\n\
             Expires: 2027-05-29T00:00:00Z\nPreferred-Languages: en\n"
        );
    }
}
