//! `/api/v1/events`: changes as they happen, as server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::convert::Infallible;
use std::time::Duration;

use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderName};
use axum::response::IntoResponse;
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::{IntoParams, ToSchema};

use crate::error::{Error, Result};
use crate::library::{Event, Library, Progress};
use crate::web::input::Query;
use crate::web::live::Heard;
use crate::web::problem;
use crate::web::state::App;

/// Events in one message.
const MOST: usize = 200;
/// Who is further behind than this is told to look again instead of being told each.
const FAR_BEHIND: u64 = 2_000;
/// Proxies end an answer in which nothing moves; the platform's does after 60 s.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
/// How soon a client comes back when a stream ends, as it does at each redeploy.
const COME_BACK: Duration = Duration::from_millis(500);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// nginx would keep the messages back until there is a page of them.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");
const PRIVATE: (HeaderName, &str) = (CACHE_CONTROL, "private, no-cache");

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct After {
    /// As `Last-Event-ID`, for clients that open a new stream; the header wins.
    #[param(maximum = 18446744073709551615u64)]
    after: Option<u64>,
}

/// A message as a client of server-sent events takes it apart.
#[derive(ToSchema)]
#[schema(as = Message)]
#[expect(
    dead_code,
    reason = "only described: messages are written field by field"
)]
pub struct Described {
    /// Number of the last event that it tells of.
    id: String,
    /// A `News` as JSON.
    #[schema(content_media_type = "application/json")]
    data: String,
    /// Milliseconds after which to come back when the stream ends; in the first message.
    retry: Option<u64>,
}

/// What a message says.
#[derive(Serialize, ToSchema)]
pub struct News {
    /// In their order.
    changes: Vec<Event>,
    /// There were too many to tell each, or they are not kept any more: look at everything again.
    missed: bool,
    /// Sequence through which files can be found by search.
    searchable: u64,
}

/// Tells of changes as they happen
///
/// A stream of server-sent events, each a JSON document. The id of a message is the number of
/// the last event in it; a client that comes back with it as `Last-Event-ID` misses nothing.
/// The first message comes at once and says how things stand.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    operation_id = "followEvents",
    tag = "events",
    params(After, ("Last-Event-ID" = Option<String>, Header, description = "Of the last message that arrived; without it, only what happens from now on is told")),
    responses((status = 200, body = Described, content_type = "text/event-stream", description = "A stream of messages; this is one of them"))
)]
pub async fn events(
    app: App,
    Query(After { after }): Query<After>,
    headers: HeaderMap,
) -> problem::Result {
    // Subscribed before the first look, so that nothing falls between the two.
    let listener = app.live().listen();
    let last = headers.get(LAST_EVENT_ID);
    let last = last.and_then(|id| id.to_str().ok()?.parse().ok());
    let told = match last.or(after) {
        Some(last) => last,
        None => app.look(|library| library.progress()).await?.event,
    };
    let follower = Follower {
        app,
        listener,
        told,
        is_new: true,
        looked: 0,
        searchable: 0,
        awaited: 0,
    };
    let alive = KeepAlive::new().interval(SIGN_OF_LIFE);
    let stream = Sse::new(follower.stream()).keep_alive(alive);
    Ok(([UNBUFFERED, PRIVATE], stream).into_response())
}

/// One client, and how far it was told.
struct Follower {
    app: App,
    listener: watch::Receiver<Heard>,
    told: u64,
    is_new: bool,
    /// How far search was at the last look, and when that was told last; and from where on it is news.
    looked: u64,
    searchable: u64,
    awaited: u64,
}

/// What a look at the library found.
struct Found {
    news: News,
    /// Event through which that is told.
    through: u64,
    /// Sequence of the last change of any file, for whoever is not told everything.
    last: u64,
    /// Whether others' changes are the viewer's to know of.
    sees_everything: bool,
}

impl Follower {
    fn stream(self) -> impl Stream<Item = std::result::Result<Message, Infallible>> {
        unfold(self, |mut follower| async {
            let message = follower.next().await?;
            Some((Ok(message), follower))
        })
    }

    /// The next message; none when this process goes, or cannot look any more, or whoever listens has
    /// been signed out. The client then comes back, to whoever serves by then.
    async fn next(&mut self) -> Option<Message> {
        loop {
            if !self.is_new {
                // What was heard since the last look may have been missed by it.
                let heard = *self.listener.borrow_and_update();
                let Progress { event, searchable } = heard.progress;
                let is_known = event <= self.told && searchable <= self.looked;
                if !heard.is_leaving && is_known {
                    self.listener.changed().await.ok()?;
                }
                if self.listener.borrow_and_update().is_leaving {
                    return None;
                }
            }
            let found = self.look().await.ok()??;
            self.told = found.through;
            self.looked = found.news.searchable;
            if self.is_worth_telling(&found) {
                return self.message(found).ok();
            }
        }
    }

    async fn look(&self) -> Result<Option<Found>> {
        let (told, by) = (self.told, self.app.visitor().by.clone());
        self.app
            .look(move |library| match by.holds(library)? {
                true => Found::after(library, told).map(Some),
                false => Ok(None),
            })
            .await
    }

    /// Of what happens out of sight nothing is told, not even that something happened.
    fn is_worth_telling(&self, found: &Found) -> bool {
        let News {
            changes,
            missed,
            searchable,
        } = &found.news;
        let is_found = self.searchable < self.awaited && *searchable >= self.awaited;
        self.is_new || found.sees_everything || *missed || !changes.is_empty() || is_found
    }

    fn message(&mut self, found: Found) -> Result<Message> {
        let News {
            changes,
            searchable,
            ..
        } = &found.news;
        if self.is_new || !changes.is_empty() {
            self.awaited = found.last;
        }
        self.searchable = *searchable;
        let message = Message::default().id(found.through.to_string());
        let message = message
            .json_data(found.news)
            .map_err(|cause| Error::internal("An event cannot be written.").because(cause))?;
        Ok(match std::mem::take(&mut self.is_new) {
            true => message.retry(COME_BACK),
            false => message,
        })
    }
}

impl Found {
    /// What happened after event `told`.
    fn after(library: &Library, told: u64) -> Result<Self> {
        let progress = library.progress()?;
        // A catalog that was put back from a copy has fewer events than the client knows, and old
        // ones are not kept.
        let missed = told > progress.event
            || progress.event - told > FAR_BEHIND
            || library.misses_events_after(told)?;
        let (changes, through) = match missed {
            true => (Vec::new(), progress.event),
            false => library.events_after(told, MOST)?,
        };
        let sees_everything = library.sees_everything()?;
        // Whoever is told everything waits for nothing in particular.
        let last = match sees_everything {
            true => 0,
            false => library.last_sequence()?,
        };
        Ok(Self {
            news: News {
                changes,
                missed,
                searchable: progress.searchable,
            },
            through,
            last,
            sees_everything,
        })
    }
}
