//! Extractors of the pages: an address that cannot exist is one that is not there, and a form
//! that cannot be read is refused with a sentence.

use axum::extract::{Form, FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::{Error, Kind};
use crate::web::problem::Failure;

/// The variable parts of the path.
pub struct At<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(_) => Err(Error::not_found("There is nothing at this address.").into()),
        }
    }
}

/// The fields of a posted form.
pub struct Sent<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Sent<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        match Form::from_request(request, state).await {
            Ok(Form(value)) => Ok(Self(value)),
            Err(rejection) => {
                let kind = match rejection.status().as_u16() {
                    413 => Kind::TooLarge,
                    _ => Kind::Invalid,
                };
                let sentence = format!("The form cannot be read: {}.", rejection.body_text());
                Err(Error::new(kind, sentence).into())
            }
        }
    }
}
