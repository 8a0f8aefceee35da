//! Having texts formatted: each once, one at a time, and nobody waits long for it.
//!
//! It is done by a child that reads documents. So that those of a flood do not take all children, one
//! text is formatted at a time; whoever looks at another meanwhile sees it as it stands.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use crate::error::Result;
use crate::library::{FileContent, Formattable, FormattedText};
use crate::store::sync::lock;
use crate::web::state::{App, blocking};

/// How long a page waits.
const TIMEOUT: Duration = Duration::from_millis(400);
/// How long formatting may take, on a machine that is busy; what takes longer is shown as it stands
/// from then on.
const MAX_TIME: Duration = Duration::from_secs(5);
/// That many are waited for at most; others are formatted when somebody looks again.
const MAX_WAITING: usize = 32;

/// Nothing if it could not be tried.
type Outcome = Option<FormattedText>;

/// Texts that are being formatted in this process.
pub struct Previews {
    turn: Semaphore,
    making: Mutex<HashMap<FileContent, watch::Receiver<Option<Outcome>>>>,
}

impl Default for Previews {
    fn default() -> Self {
        Self {
            turn: Semaphore::new(1),
            making: Mutex::default(),
        }
    }
}

impl Previews {
    /// Has a text formatted, or waits for it if somebody else does; nothing if it takes long, or costs
    /// too much. What was begun is finished, kept, and there for the next one.
    pub async fn make(&self, app: &App, text: Formattable) -> Option<String> {
        let mut outcome = self.begin(app, text)?;
        let made = outcome.wait_for(Option::is_some);
        let made = tokio::time::timeout(TIMEOUT, made).await.ok()?.ok()?;
        made.clone()??.html
    }

    fn begin(&self, app: &App, text: Formattable) -> Option<watch::Receiver<Option<Outcome>>> {
        let mut making = lock(&self.making);
        if let Some(outcome) = making.get(&text.content) {
            return Some(outcome.clone());
        }
        if making.len() >= MAX_WAITING {
            return None;
        }
        let (answer, outcome) = watch::channel(None);
        making.insert(text.content, outcome.clone());
        tokio::spawn(run(app.clone(), text, answer));
        Some(outcome)
    }
}

async fn run(app: App, text: Formattable, answer: watch::Sender<Option<Outcome>>) {
    let previews = app.previews();
    let content = text.content;
    let made = {
        let _turn = previews.turn.acquire().await;
        format(&app, text).await
    };
    let made = made.inspect_err(|error| tracing::debug!(%error, "a text was not formatted"));
    answer.send_replace(Some(made.as_ref().ok().cloned()));
    if let Ok(made) = made
        && let Err(error) = keep(&app, content, made).await
    {
        tracing::debug!(%error, "a formatted text was not kept");
    }
    lock(&previews.making).remove(&content);
}

async fn format(app: &App, text: Formattable) -> Result<FormattedText> {
    let library = app.library()?;
    blocking(move || library.format_text(&text, MAX_TIME)).await
}

async fn keep(app: &App, content: FileContent, made: FormattedText) -> Result<()> {
    let library = app.library()?;
    blocking(move || library.keep_formatted_text(&content, &made)).await
}
