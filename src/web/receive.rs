//! Receiving a file: from a stream of bytes to a durable, acknowledged upload.
//!
//! Bytes go to disk on the blocking pool, one buffer being hashed and written while the next
//! one fills; between buffers no thread is held, however slow the client is.

use axum::body::Bytes;
use futures_util::{Stream, StreamExt};

use super::state::{App, blocking};
use crate::error::{Error, Kind, Result};
use crate::library::{FolderPath, Library, NewFile, Receipt, Upload};

/// A file of at most this many bytes is collected first, then stored in one crossing.
const SMALL: usize = 64 << 10;
/// Bytes that cross to the blocking pool together.
const BUFFER: usize = 256 << 10;

/// The bytes of one file on their way in.
pub struct Incoming<S> {
    chunks: S,
    limit: Option<u64>,
    announced: u64,
    /// Where the file goes.
    folder: Option<FolderPath>,
    seen: u64,
    ended: bool,
    broken: bool,
}

impl<S: Stream<Item = Result<Bytes>> + Unpin> Incoming<S> {
    /// `limit` is the most bytes that are accepted.
    pub fn new(chunks: S, limit: Option<u64>) -> Self {
        Self {
            chunks,
            limit,
            announced: 0,
            folder: None,
            seen: 0,
            ended: false,
            broken: false,
        }
    }

    /// How many bytes are to come, where that was said.
    pub fn announced(self, bytes: u64) -> Self {
        Self {
            announced: bytes,
            ..self
        }
    }

    /// The folder that the file goes to.
    pub fn into_folder(self, folder: Option<FolderPath>) -> Self {
        Self { folder, ..self }
    }

    /// Whether the stream itself failed, so that nothing can follow.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// The next bytes: at least `enough`, or all that are left.
    async fn fill(&mut self, enough: usize) -> Result<Vec<Bytes>> {
        let mut buffer = Vec::new();
        let mut bytes = 0;
        while bytes < enough && !self.ended {
            match self.chunks.next().await {
                Some(Ok(chunk)) => {
                    bytes += chunk.len();
                    self.seen += chunk.len() as u64;
                    refuse_larger(self.seen, self.limit)?;
                    buffer.push(chunk);
                }
                Some(Err(error)) => {
                    self.broken = true;
                    return Err(error);
                }
                None => self.ended = true,
            }
        }
        Ok(buffer)
    }
}

/// # Errors
/// [`Kind::TooLarge`] if `bytes` are more than the installation's `limit`.
pub fn refuse_larger(bytes: u64, limit: Option<u64>) -> Result<()> {
    match limit {
        Some(limit) if bytes > limit => Err(Error::new(
            Kind::TooLarge,
            format!(
                "The file is larger than {limit} bytes, the most that this installation accepts."
            ),
        )),
        _ => Ok(()),
    }
}

/// Stores what comes in. If anything fails on the way, or the client goes, nothing is kept.
pub async fn store<S>(app: &App, incoming: &mut Incoming<S>, file: NewFile) -> Result<Receipt>
where
    S: Stream<Item = Result<Bytes>> + Unpin,
{
    incoming.folder = Some(file.path.folder());
    let add = |library: &Library, upload| library.add(upload, file);
    let receipt = receive(app, incoming, add).await?;
    app.metrics().stored(receipt.size);
    Ok(receipt)
}

/// Takes what comes in, and hands it to `end` on the blocking pool once it is complete.
pub async fn receive<S, T>(
    app: &App,
    incoming: &mut Incoming<S>,
    end: impl FnOnce(&Library, Upload) -> Result<T> + Send + 'static,
) -> Result<T>
where
    S: Stream<Item = Result<Bytes>> + Unpin,
    T: Send + 'static,
{
    let (library, begun) = (app.library()?, begin(incoming.announced, &incoming.folder));
    let first = incoming.fill(SMALL).await?;
    if incoming.ended {
        let store = move || end(&library, append(begun(&library)?, &first)?);
        app.blocking(store).await
    } else {
        receive_large(app, first, incoming, end).await
    }
}

/// The upload is always owned by the blocking pool, which also drops it: removing a large
/// staged file takes time.
async fn receive_large<S, T>(
    app: &App,
    first: Vec<Bytes>,
    incoming: &mut Incoming<S>,
    end: impl FnOnce(&Library, Upload) -> Result<T> + Send + 'static,
) -> Result<T>
where
    S: Stream<Item = Result<Bytes>> + Unpin,
    T: Send + 'static,
{
    let library = app.library()?;
    let (store, begun) = (library.clone(), begin(incoming.announced, &incoming.folder));
    let mut writing = blocking(move || append(begun(&store)?, &first));
    while !incoming.ended {
        let next = incoming.fill(BUFFER).await?;
        let upload = writing.await?;
        writing = blocking(move || append(upload, &next));
    }
    let upload = writing.await?;
    app.blocking(move || end(&library, upload)).await
}

/// Begins the upload, once on the blocking pool.
fn begin(
    announced: u64,
    folder: &Option<FolderPath>,
) -> impl FnOnce(&Library) -> Result<Upload> + Send + use<> {
    let folder = folder.clone();
    move |library| Ok(library.upload(announced)?.into_folder(folder))
}

fn append(mut upload: Upload, chunks: &[Bytes]) -> Result<Upload> {
    for chunk in chunks {
        upload.append(chunk)?;
    }
    Ok(upload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    fn chunks(sizes: &[usize]) -> impl Stream<Item = Result<Bytes>> + Unpin + use<> {
        let chunks: Vec<_> = sizes
            .iter()
            .map(|size| Ok(Bytes::from(vec![b'x'; *size])))
            .collect();
        stream::iter(chunks)
    }

    #[tokio::test]
    async fn buffers_fill_and_the_end_is_seen() {
        let mut incoming = Incoming::new(chunks(&[10, 10, 10]), None);
        assert_eq!(incoming.fill(15).await.unwrap().len(), 2);
        assert!(!incoming.ended);
        assert_eq!(incoming.fill(15).await.unwrap().len(), 1);
        assert!(incoming.ended);
        assert_eq!(incoming.seen, 30);
    }

    #[tokio::test]
    async fn the_limit_holds_while_bytes_arrive() {
        let mut incoming = Incoming::new(chunks(&[10, 10, 10]), Some(20));
        let error = incoming.fill(100).await.unwrap_err();
        assert_eq!(error.kind(), Kind::TooLarge);
        assert!(error.sentence().contains("20 bytes"));
        assert!(!incoming.is_broken());
        assert!(
            Incoming::new(chunks(&[10, 10]), Some(20))
                .fill(100)
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn a_broken_stream_is_told_from_a_refused_file() {
        let cut = stream::iter([Err(Error::new(Kind::Stalled, "cut"))]);
        let mut incoming = Incoming::new(cut, None);
        assert!(incoming.fill(1).await.is_err());
        assert!(incoming.is_broken());
    }
}
