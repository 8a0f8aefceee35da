//! Counters of this process, in the Prometheus text format (version 0.0.4).

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::state::App;
use crate::library::Reading;

/// What kind of route a request is counted under.
const CLASSES: [&str; 8] = [
    "files",
    "entries",
    "search",
    "upload",
    "download",
    "thumbnail",
    "page",
    "health",
];
/// Upper bounds of the duration histogram, in seconds.
const BOUNDS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

#[derive(Default)]
pub struct Metrics {
    /// By class, then by hundred of the status.
    requests: [[AtomicU64; 5]; CLASSES.len()],
    /// By bound; the last place is for what took longer than all of them.
    durations: [AtomicU64; BOUNDS.len() + 1],
    duration_micros: AtomicU64,
    in_flight: AtomicU64,
    files_stored: AtomicU64,
    bytes_stored: AtomicU64,
    bytes_sent: AtomicU64,
}

/// A request from its arrival to the head of its answer; counted as in flight while it lives.
pub struct Exchange<'a> {
    metrics: &'a Metrics,
    class: usize,
    began: Instant,
}

impl Metrics {
    pub fn begin(&self, path: &str) -> Exchange<'_> {
        self.in_flight.fetch_add(1, Relaxed);
        Exchange {
            metrics: self,
            class: class(path),
            began: Instant::now(),
        }
    }

    /// A file was acknowledged.
    pub fn stored(&self, bytes: u64) {
        self.files_stored.fetch_add(1, Relaxed);
        self.bytes_stored.fetch_add(bytes, Relaxed);
    }

    /// Part of a content was handed to a connection.
    pub fn sent(&self, bytes: u64) {
        self.bytes_sent.fetch_add(bytes, Relaxed);
    }

    fn render(&self) -> String {
        let mut text = String::with_capacity(4096);
        head(
            &mut text,
            "wharfside_requests_total",
            "counter",
            "Requests by route and status.",
        );
        for (class, statuses) in CLASSES.iter().zip(&self.requests) {
            for (hundred, count) in statuses
                .iter()
                .enumerate()
                .filter(|(_, n)| n.load(Relaxed) > 0)
            {
                let (hundred, count) = (hundred + 1, count.load(Relaxed));
                let _ = writeln!(
                    text,
                    "wharfside_requests_total{{route=\"{class}\",status=\"{hundred}xx\"}} {count}"
                );
            }
        }
        self.render_durations(&mut text);
        for (name, kind, help, value) in [
            (
                "in_flight_requests",
                "gauge",
                "Requests being answered.",
                &self.in_flight,
            ),
            (
                "stored_files_total",
                "counter",
                "Uploads acknowledged.",
                &self.files_stored,
            ),
            (
                "stored_bytes_total",
                "counter",
                "Bytes of uploads acknowledged.",
                &self.bytes_stored,
            ),
            (
                "sent_bytes_total",
                "counter",
                "Bytes of contents sent.",
                &self.bytes_sent,
            ),
        ] {
            sample(&mut text, name, kind, help, value.load(Relaxed));
        }
        text
    }

    fn render_durations(&self, text: &mut String) {
        let name = "wharfside_request_seconds";
        head(text, name, "histogram", "Time to the head of the answer.");
        let mut below = 0;
        for (bound, count) in BOUNDS.iter().zip(&self.durations) {
            below += count.load(Relaxed);
            let _ = writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {below}");
        }
        let all = below + self.durations[BOUNDS.len()].load(Relaxed);
        let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {all}");
        let seconds = Duration::from_micros(self.duration_micros.load(Relaxed)).as_secs_f64();
        let _ = writeln!(text, "{name}_sum {seconds}\n{name}_count {all}");
    }
}

impl Exchange<'_> {
    /// Whether it asked after the process itself, and for nothing that the process is there for.
    pub fn is_of_the_platform(&self) -> bool {
        CLASSES[self.class] == "health"
    }

    /// Counts the answer, and says how long it took.
    pub fn end(self, status: StatusCode) -> Duration {
        let took = self.began.elapsed();
        let hundred = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.metrics.requests[self.class][hundred].fetch_add(1, Relaxed);
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS
            .iter()
            .position(|bound| seconds <= *bound)
            .unwrap_or(BOUNDS.len());
        self.metrics.durations[bucket].fetch_add(1, Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.metrics.duration_micros.fetch_add(micros, Relaxed);
        took
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        self.metrics.in_flight.fetch_sub(1, Relaxed);
    }
}

fn class(path: &str) -> usize {
    let name = match path.split('/').nth(1).unwrap_or_default() {
        "api" => match path.split('/').nth(3).unwrap_or_default() {
            "files" => "files",
            "search" => "search",
            _ => "entries",
        },
        "search" => "search",
        "upload" => "upload",
        "download" | "download.zip" => "download",
        "thumbnail" => "thumbnail",
        "health" | "metrics" => "health",
        _ => "page",
    };
    CLASSES.iter().position(|class| *class == name).unwrap_or(0)
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(text: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    let name = format!("wharfside_{name}");
    head(text, &name, kind, help);
    let _ = writeln!(text, "{name} {value}");
}

/// `GET /metrics`
pub async fn metrics(app: App) -> Response {
    let mut text = app.metrics().render();
    let ready = u64::from(app.is_open() && !app.is_draining());
    let help = "1 when this process is ready.";
    sample(&mut text, "ready", "gauge", help, ready);
    let up = app.started().elapsed().as_secs();
    let help = "Age of this process.";
    sample(&mut text, "uptime_seconds", "gauge", help, up);
    if let Ok(stores) = super::health::stores(&app).await {
        stores_text(&mut text, &app, &stores);
    }
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response()
}

fn stores_text(text: &mut String, app: &App, stores: &[crate::library::StoreHealth]) {
    head(
        text,
        "wharfside_store_ok",
        "gauge",
        "1 when the store answers.",
    );
    for store in stores {
        let _ = writeln!(
            text,
            "wharfside_store_ok{{store=\"{}\"}} {}",
            store.store,
            u8::from(store.ok)
        );
    }
    if let Ok(library) = app.library() {
        let through = library.searchable_through();
        sample(
            text,
            "searchable_sequence",
            "gauge",
            "Last change that can be searched.",
            through,
        );
        sample(
            text,
            "boot",
            "gauge",
            "Number of this start.",
            library.boot(),
        );
        reading_text(text, &library.reading());
    }
}

fn reading_text(text: &mut String, reading: &Reading) {
    let Reading {
        children, again, ..
    } = reading;
    let left = again.map_or(0, |again| again.total - again.done);
    for (name, kind, help, value) in [
        (
            "extract_children",
            "gauge",
            "Processes that read documents.",
            children.children as u64,
        ),
        (
            "extract_documents_total",
            "counter",
            "Documents read by this process's children.",
            children.read,
        ),
        (
            "extract_thumbnails_total",
            "counter",
            "Thumbnails drawn by this process's children, or found to be impossible.",
            children.drawn,
        ),
        (
            "extract_previews_total",
            "counter",
            "Texts formatted by this process's children, or found to cost too much.",
            children.formatted,
        ),
        (
            "extract_children_lost_total",
            "counter",
            "Children that a document has cost.",
            children.lost,
        ),
        (
            "extract_again_left",
            "gauge",
            "Contents that are still to be read again.",
            left,
        ),
    ] {
        sample(text, name, kind, help, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_route_and_status() {
        let metrics = Metrics::default();
        metrics
            .begin("/api/v1/files/a.txt")
            .end(StatusCode::CREATED);
        metrics
            .begin("/api/v1/files/b.txt")
            .end(StatusCode::NOT_FOUND);
        let open = metrics.begin("/browse/reports");
        metrics.stored(10);
        let text = metrics.render();
        assert!(
            text.contains("wharfside_requests_total{route=\"files\",status=\"2xx\"} 1\n"),
            "{text}"
        );
        assert!(
            text.contains("wharfside_requests_total{route=\"files\",status=\"4xx\"} 1\n"),
            "{text}"
        );
        assert!(
            text.contains("wharfside_request_seconds_count 2\n"),
            "{text}"
        );
        assert!(text.contains("wharfside_in_flight_requests 1\n"), "{text}");
        assert!(text.contains("wharfside_stored_bytes_total 10\n"), "{text}");
        drop(open);
        assert!(
            metrics
                .render()
                .contains("wharfside_in_flight_requests 0\n")
        );
    }

    #[test]
    fn what_the_platform_asks_is_told_apart() {
        let metrics = Metrics::default();
        for path in ["/health/live", "/health/ready", "/metrics"] {
            assert!(metrics.begin(path).is_of_the_platform(), "{path}");
        }
        for path in [
            "/",
            "/healthy/ready.txt",
            "/api/v1/files/health",
            "/assets/app.css",
        ] {
            assert!(!metrics.begin(path).is_of_the_platform(), "{path}");
        }
    }

    #[test]
    fn every_route_has_a_class() {
        for (path, name) in [
            ("/", "page"),
            ("/api/v1/files/a/b", "files"),
            ("/api/v1/entries/1", "entries"),
            ("/api/v1/search", "search"),
            ("/search", "search"),
            ("/thumbnail/7", "thumbnail"),
            ("/upload", "upload"),
            ("/download/7", "download"),
            ("/health/ready", "health"),
        ] {
            assert_eq!(CLASSES[class(path)], name, "{path}");
        }
    }
}
