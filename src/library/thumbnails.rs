//! Thumbnails: small pictures of files' contents, kept in the key-value store. Each is made when
//! somebody first looks, and again by a release that makes better ones; why there is none is kept,
//! too, so that nothing is tried for ever. Each file has its own, so that how soon it is there tells
//! nobody that another file has the same bytes.
//!
//! They may be lost at any time: whoever looks next has them made.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Library;
use super::entry::FileContent;
use super::facts::of_digest;
use super::files::Stored;
use crate::error::{Error, Kind, Result};
use crate::extract::child::{Document, Drawing, Turn};
use crate::extract::{self, Coding};
use crate::store::kv::{self, Batch, Table};
use crate::store::{Digest, Kv};

pub use crate::extract::Picture;

const THUMBNAILS: Table<Thumbnail> = Table::new("file_thumbnails");

/// Pixels at most, in width and height: sharp where it is shown half as large.
const EDGE: u32 = 400;

/// A content's thumbnail, or why it has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    /// Version of what made it.
    pub maker: u32,
    /// Why there is none is a sentence for people.
    pub picture: Result<Picture, String>,
}

/// How long one may be drawn.
#[derive(Clone, Copy, Debug)]
pub enum Attempt {
    /// While others wait, and no longer than that.
    Quick(Duration),
    /// As long as a document may take, in a child that nobody else wants.
    Patient,
}

/// Whether contents of this type can have a thumbnail.
pub fn can_have_thumbnail(media_type: &str) -> bool {
    extract::is_drawable(media_type)
}

impl Library {
    /// The thumbnail of a content, or why it has none; nothing as long as nobody looked, or only an
    /// earlier release.
    pub fn thumbnail(&self, content: &FileContent) -> Result<Option<Thumbnail>> {
        let found = self.store.kv.get(&THUMBNAILS, &content.key())?;
        Ok(found.filter(|found| found.maker >= extract::MAKER))
    }

    /// Makes a thumbnail without keeping it; nothing if a quick attempt is not enough.
    ///
    /// # Errors
    /// [`Kind::Busy`] when it has to be tried again, [`Kind::Unavailable`] when no child can be
    /// started, [`Kind::Damaged`] and [`Kind::Internal`] when the content cannot be read.
    pub fn make_thumbnail(&self, content: &Stored, attempt: Attempt) -> Result<Option<Thumbnail>> {
        let document = Document {
            file: &self.open_named(&content.sha256, content.size)?,
            size: content.size,
            name: &content.name,
            media_type: &content.media_type,
        };
        let turn = match attempt {
            Attempt::Quick(most) => Turn::Now(most),
            Attempt::Patient => Turn::Later,
        };
        Ok(match self.readers().draw(&document, EDGE, turn)? {
            Drawing::Unfinished => None,
            Drawing::Done(drawn) => Some(Thumbnail {
                maker: extract::MAKER,
                picture: drawn.map_err(|why| format!("There is no thumbnail of this file: {why}.")),
            }),
        })
    }

    /// Keeps thumbnails, unless those of a later release are there.
    ///
    /// A file may be purged while they are on their way. So it is looked afterwards whether it is
    /// still there: whoever purges removes the file first and its thumbnail then, and one of the two
    /// sees the other.
    pub fn keep_thumbnails(&self, made: &[(FileContent, Arc<Thumbnail>)]) -> Result<()> {
        let mut batch = Batch::default();
        for (content, thumbnail) in made {
            let mut put = Batch::default();
            put.put(&THUMBNAILS, &content.key(), &**thumbnail)?;
            let maker = thumbnail.maker;
            let is_no_later =
                move |known: Option<Thumbnail>| known.is_none_or(|known| known.maker <= maker);
            batch.when(&THUMBNAILS, &content.key(), is_no_later, put);
        }
        self.store.kv.write(batch)?;
        let mut gone = Batch::default();
        for (content, _) in made {
            if !self.has_content(content)? {
                forget(content, &mut gone);
            }
        }
        match gone.is_empty() {
            true => Ok(()),
            false => self.store.kv.write(gone),
        }
    }
}

/// Together with all that is known of a file's content.
pub(super) fn forget(content: &FileContent, batch: &mut Batch) {
    batch.remove(&THUMBNAILS, &content.key());
}

/// The same for all files.
pub(super) fn forget_all(kv: &Kv, digest: &Digest, batch: &mut Batch) -> Result<()> {
    for (content, _) in of_digest(kv, &THUMBNAILS, digest)? {
        forget(&content, batch);
    }
    Ok(())
}

/// What stands before the bytes of a picture. A later release may add fields.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Head {
    maker: u32,
    coding: Option<Coding>,
    none: Option<String>,
}

/// The length of the head (4 bytes, little-endian), the head as JSON, the bytes of the picture.
impl kv::Stored for Thumbnail {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let head = Head {
            maker: self.maker,
            coding: self.picture.as_ref().ok().map(|picture| picture.coding),
            none: self.picture.as_ref().err().cloned(),
        };
        let head = serde_json::to_vec(&head)
            .map_err(|e| Error::internal("A thumbnail could not be written.").because(e))?;
        let mut bytes = (head.len() as u32).to_le_bytes().to_vec();
        bytes.extend(head);
        if let Ok(picture) = &self.picture {
            bytes.extend(&picture.bytes);
        }
        Ok(bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let damaged = || Error::new(Kind::Damaged, "A thumbnail is not what it should be.");
        let (length, rest) = bytes.split_first_chunk().ok_or_else(damaged)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (head, bytes) = rest.split_at_checked(length).ok_or_else(damaged)?;
        let head: Head = serde_json::from_slice(head).map_err(|e| damaged().because(e))?;
        let picture = match (head.coding, head.none) {
            (Some(coding), None) => Ok(Picture {
                coding,
                bytes: bytes.to_vec(),
            }),
            (None, Some(why)) => Err(why),
            _ => return Err(damaged()),
        };
        Ok(Self {
            maker: head.maker,
            picture,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::tests::Bench;
    use crate::store::kv::Stored as _;

    fn made(maker: u32) -> Arc<Thumbnail> {
        Arc::new(Thumbnail {
            maker,
            picture: Ok(Picture {
                coding: Coding::Jpeg,
                bytes: maker.to_le_bytes().to_vec(),
            }),
        })
    }

    #[test]
    fn a_thumbnail_goes_with_its_content_and_not_before() {
        let bench = Bench::new();
        let library = &bench.library;
        let file = bench.put("a.pdf", "a content");
        let kept = || library.thumbnail(&file.file_content()).unwrap();
        assert_eq!(kept(), None);
        let all = [(file.file_content(), made(extract::MAKER))];
        library.keep_thumbnails(&all).unwrap();
        assert_eq!(kept().as_ref(), Some(&*all[0].1));
        library.trash(file.id).unwrap();
        assert_eq!(library.collect(Duration::ZERO).unwrap().0, 0);
        assert!(kept().is_some());
        library.purge(file.id).unwrap();
        assert_eq!(library.collect(Duration::ZERO).unwrap().0, 1);
        assert_eq!(kept(), None);
        // One that was on its way meanwhile.
        library.keep_thumbnails(&all).unwrap();
        assert_eq!(kept(), None);
    }

    #[test]
    fn a_later_release_makes_them_anew_and_an_earlier_one_takes_nothing_back() {
        let bench = Bench::new();
        let library = &bench.library;
        let file = bench.put("a.pdf", "a content");
        let keep = |maker| library.keep_thumbnails(&[(file.file_content(), made(maker))]);
        let kept = || library.thumbnail(&file.file_content()).unwrap();
        keep(extract::MAKER - 1).unwrap();
        assert_eq!(kept(), None);
        keep(extract::MAKER + 1).unwrap();
        keep(extract::MAKER).unwrap();
        assert_eq!(kept().as_ref(), Some(&*made(extract::MAKER + 1)));
    }

    #[test]
    fn a_thumbnail_is_read_back_as_it_was_kept() {
        for picture in [
            Ok(Picture {
                coding: Coding::Png,
                bytes: vec![0, 255, b'{', 3],
            }),
            Err("There is no thumbnail of this file: it is damaged.".to_owned()),
        ] {
            let kept = Thumbnail { maker: 7, picture };
            let bytes = kept.to_bytes().unwrap();
            assert_eq!(Thumbnail::from_bytes(&bytes).unwrap(), kept);
            for end in 0..bytes.len().min(20) {
                let error = Thumbnail::from_bytes(&bytes[..end]).unwrap_err();
                assert_eq!(error.kind(), Kind::Damaged);
            }
        }
    }
}
