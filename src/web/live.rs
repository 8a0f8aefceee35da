//! Telling those who listen that something changed, whichever process changed it.
//!
//! One task looks how far things have come, and only while somebody listens; every stream of
//! events waits for what it saw. So a hundred open pages cost one look at a time, and none of
//! them asks by itself.

use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::state::App;
use crate::library::Progress;

/// How often is looked: what people see follows within this time.
const LOOK: Duration = Duration::from_millis(100);

/// What a listener hears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    pub progress: Progress,
    /// This process was told to go: whoever listens does better to ask the next one.
    pub is_leaving: bool,
}

/// Where listeners subscribe.
pub struct Live {
    heard: watch::Sender<Heard>,
    arrived: Notify,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            heard: watch::Sender::new(Heard::default()),
            arrived: Notify::new(),
        }
    }
}

impl Live {
    pub fn listen(&self) -> watch::Receiver<Heard> {
        let listener = self.heard.subscribe();
        self.arrived.notify_one();
        listener
    }

    /// Lets every listener know that this process goes.
    pub fn leave(&self) {
        self.heard.send_modify(|heard| heard.is_leaving = true);
    }

    async fn until_somebody_listens(&self) {
        while self.heard.receiver_count() == 0 {
            self.arrived.notified().await;
        }
    }

    fn tell(&self, progress: Progress) {
        self.heard.send_if_modified(|heard| {
            let is_news = heard.progress != progress;
            heard.progress = progress;
            is_news
        });
    }
}

/// Looks and tells for as long as the server runs.
pub async fn follow(app: App) {
    loop {
        app.live().until_somebody_listens().await;
        // A look that fails is made up for by the next one; what keeps failing is said where
        // people wait for an answer.
        if let Ok(progress) = app.look(|library| library.progress()).await {
            app.live().tell(progress);
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn listeners_hear_of_progress_once_and_of_leaving() {
        let live = Live::default();
        let mut listener = live.listen();
        live.until_somebody_listens().await;
        let progress = Progress {
            event: 3,
            searchable: 2,
        };
        live.tell(progress);
        listener.changed().await.unwrap();
        assert_eq!(listener.borrow_and_update().progress, progress);
        live.tell(progress);
        assert!(!listener.has_changed().unwrap());
        live.leave();
        assert!(listener.borrow_and_update().is_leaving);
    }
}
