//! Where uploads come in: at the library's own address, or at that of a link by which others put
//! files into a folder without seeing it.

use serde::Serialize;

use super::fields::Asked;
use crate::error::{Error, Result};
use crate::library::{
    FolderPath, Happening, IfPresent, NewUpload, Purpose, Receipt, Share, UploadId,
};
use crate::store::Digest;
use crate::web::problem::Failure;
use crate::web::state::App;
use crate::web::upload::by_a_link;

pub enum Door {
    Library,
    Link(Box<Dropping>),
}

/// A link by which files are dropped.
pub struct Dropping {
    pub share: Share,
    pub folder: FolderPath,
    /// The link's own address.
    pub base: String,
}

/// What is told of a file that was stored.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Told {
    Stored(Receipt),
    /// By a link: that it arrived as it was sent, and not what became of it.
    Arrived {
        size: u64,
        sha256: Digest,
    },
}

impl Door {
    /// Leads an upload to where this door leads. By a link each becomes a file of its own beside those
    /// that are there.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::error::Kind::Invalid) for parts, by a link.
    pub fn lead(&self, mut asked: Asked) -> Result<Asked> {
        let Self::Link(link) = self else {
            return Ok(asked);
        };
        match (&mut asked.new.purpose, &asked.parts) {
            (Purpose::File(destination), None) => {
                destination.path = link.folder.join(destination.path.as_str())?;
                destination.if_present = IfPresent::KeepBoth;
                Ok(asked)
            }
            _ => Err(Error::invalid(
                "By this link files come whole; leave Upload-Concat out.",
            )),
        }
    }

    /// Takes a use of the link for an upload that begins.
    ///
    /// # Errors
    /// [`Kind::NotFound`](crate::error::Kind::NotFound) if none is left.
    pub async fn pass(&self, app: &App, new: &NewUpload) -> Result<()> {
        let (Self::Link(link), Purpose::File(destination)) = (self, &new.purpose) else {
            return Ok(());
        };
        let (share, subject) = (link.share.clone(), destination.path.to_string());
        let address = app.visitor().origin.address.to_string();
        app.run(move |library| library.use_share(&share, 1, Happening::Dropped, &address, &subject))
            .await
    }

    pub fn location(&self, id: UploadId) -> String {
        let base = match self {
            Self::Library => "",
            Self::Link(link) => &link.base,
        };
        format!("{base}/uploads/{}", id.simple())
    }

    /// A refusal as it is told to whoever came in by it.
    pub fn refusal(&self, failure: Failure) -> Failure {
        match self {
            Self::Library => failure,
            Self::Link(_) => failure.changed(by_a_link),
        }
    }

    pub fn told(&self, receipt: Receipt) -> Told {
        match self {
            Self::Library => Told::Stored(receipt),
            Self::Link(_) => Told::Arrived {
                size: receipt.size,
                sha256: receipt.sha256,
            },
        }
    }

    /// Whether whoever comes in by it may know where files lie.
    pub fn tells_where(&self) -> bool {
        matches!(self, Self::Library)
    }
}
