//! The server: bind, open, serve, hand over, stop.
//!
//! The port is bound before the stores are opened, so that health can say what a start is
//! waiting for. Told to stop, the process lets go of the index first and goes on serving while
//! another one takes over (design: "Two releases on one directory").

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};

use super::state::App;
use super::{connection, live, router};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::library::Library;

/// Threads for blocking work; more requests than this wait for one.
const BLOCKING_THREADS: usize = 128;
/// How long requests in flight may take once the process stops.
const LAST_REQUESTS: Duration = Duration::from_secs(5);
/// How long the stores may take to close.
const CLOSING: Duration = Duration::from_secs(5);
/// Pauses between attempts to open the stores.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(2);
/// How often the thread that opens the stores looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(20);

/// What a connection must know of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Serving,
    /// Answer what is in flight, then close.
    Stopping,
}

/// An opened library, and how the work behind it begins.
pub struct Opened {
    pub library: Library,
    /// Called once, when requests are answered and readiness says so.
    pub begin: Box<dyn FnOnce() -> Result<Running> + Send>,
}

/// The work that goes on behind an opened library.
pub struct Running {
    /// Lets other processes take over what only one may do; called once, as soon as this one is
    /// told to stop, and before anything else. Returns at once.
    pub leave: Box<dyn FnOnce() + Send>,
    /// Ends the work and closes the stores; called once, when nothing is served any more.
    pub close: Box<dyn FnOnce() + Send>,
}

/// Serves until the process is told to stop. `open` opens the library; it is called on a
/// thread of its own, and again as long as it answers that the directory cannot be used *yet*.
///
/// # Errors
/// [`Kind::Invalid`] if the port cannot be bound, and whatever `open` answers that waiting
/// does not mend.
pub fn serve(
    config: Config,
    open: impl FnMut(&Config) -> Result<Opened> + Send + 'static,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .map_err(|error| {
            Error::internal("The threads of the server cannot be started.").because(error)
        })?;
    let result = runtime.block_on(run(config, open));
    // A store that hangs must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}

async fn run(
    config: Config,
    open: impl FnMut(&Config) -> Result<Opened> + Send + 'static,
) -> Result<()> {
    let mut signals = Signals::listen()?;
    let listener = bind(&config).await?;
    announce(&config, &listener)?;
    let app = App::new(config);
    let (stage, watched) = watch::channel(Stage::Serving);
    tokio::spawn(accept(
        listener,
        router(app.clone()),
        app.config().stall,
        watched,
    ));

    tokio::spawn(live::follow(app.clone()));

    let mut opening = open_in_background(app.clone(), open)?;
    let running = tokio::select! {
        opened = &mut opening => opened.unwrap_or_else(|_| Err(Error::internal("Opening the stores ended in a panic.")))?,
        signal = signals.next() => {
            app.drain();
            tracing::info!(signal = signal.name(), "told to stop before the stores were open");
            leave_while_opening(opening).await;
            return Ok(());
        }
    };
    let signal = signals.next().await;
    (running.leave)();
    app.drain();
    tracing::info!(signal = signal.name(), "told to stop");
    if signal == Told::Terminate {
        drain(&app, &mut signals).await;
    }
    stop_connections(stage).await;
    close(running.close).await;
    tracing::info!("stopped");
    Ok(())
}

async fn bind(config: &Config) -> Result<TcpListener> {
    let address = SocketAddr::new(config.host, config.port);
    TcpListener::bind(address).await.map_err(|error| {
        let sentence = match error.kind() {
            std::io::ErrorKind::AddrInUse => format!(
                "Port {} on {} is in use by another process; stop it, or set PORT to a free one.",
                config.port, config.host
            ),
            std::io::ErrorKind::PermissionDenied => format!(
                "Port {} needs rights that this process does not have; set PORT to one above 1023.",
                config.port
            ),
            std::io::ErrorKind::AddrNotAvailable => format!(
                "{} is no address of this machine; set HOST to one that is, such as 127.0.0.1.",
                config.host
            ),
            _ => format!("Listening on {address} failed: {error}."),
        };
        Error::invalid(sentence).because(error)
    })
}

/// The address goes to standard output, where whoever asked for port 0 reads it.
fn announce(config: &Config, listener: &TcpListener) -> Result<()> {
    let address = listener.local_addr().map_err(|error| {
        Error::internal("The address that was bound cannot be read.").because(error)
    })?;
    let url = format!("http://{address}");
    tracing::info!(url, release = config.release, "listening");
    println!("{url}");
    Ok(())
}

async fn accept(
    listener: TcpListener,
    router: Router,
    stall: Duration,
    mut stage: watch::Receiver<Stage>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stage.wait_for(|stage| *stage == Stage::Stopping) => return,
        };
        match accepted {
            Ok((stream, _)) => {
                tokio::spawn(connection::serve(
                    stream,
                    router.clone(),
                    stall,
                    stage.clone(),
                ));
            }
            // Out of file descriptors, most likely: others must be closed before this can work.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Opens the stores on a thread of their own: opening can block without limit behind a frozen
/// peer, and the runtime would wait for its own threads at the end.
fn open_in_background(
    app: App,
    mut open: impl FnMut(&Config) -> Result<Opened> + Send + 'static,
) -> Result<oneshot::Receiver<Result<Running>>> {
    let (done, opened) = oneshot::channel();
    let open = move || {
        let _ = done.send(open_patiently(&app, &mut open).and_then(|opened| begin(&app, opened)));
    };
    std::thread::Builder::new()
        .name("open".into())
        .spawn(open)
        .map_err(|error| Error::internal("A thread cannot be started.").because(error))?;
    Ok(opened)
}

/// Serves what was opened; the work behind it begins when readiness says yes.
fn begin(app: &App, opened: Opened) -> Result<Running> {
    if app.is_draining() {
        opened.library.close();
        return Err(Error::unavailable(
            "This process was told to stop while it opened its stores.",
        ));
    }
    app.open(opened.library);
    tracing::info!(after = ?app.started().elapsed(), "ready");
    (opened.begin)()
}

fn open_patiently(app: &App, open: &mut impl FnMut(&Config) -> Result<Opened>) -> Result<Opened> {
    let mut pause = FIRST_RETRY;
    let mut said = String::new();
    loop {
        let error = match open(app.config()) {
            Ok(opened) => return Ok(opened),
            Err(error) if may_mend(error.kind()) && !app.is_draining() => error,
            Err(error) => return Err(error),
        };
        app.wait_for(error.sentence());
        if said != error.sentence() {
            said = error.sentence().to_owned();
            tracing::warn!(kind = ?error.kind(), "{error}");
        }
        wait(app, pause);
        pause = (pause * 2).min(LAST_RETRY);
    }
}

/// Sleeps, but not past the order to stop.
fn wait(app: &App, pause: Duration) {
    let end = Instant::now() + pause;
    while !app.is_draining() && Instant::now() < end {
        std::thread::sleep(LOOK.min(pause));
    }
}

/// Whether waiting may help: another release may leave, or an operator may make room.
fn may_mend(kind: Kind) -> bool {
    matches!(kind, Kind::Incompatible | Kind::Unavailable | Kind::NoSpace)
}

/// Goes on serving until the time is over or the process is told to stop again.
async fn drain(app: &App, signals: &mut Signals) {
    let time = app.config().drain;
    tracing::info!(
        seconds = time.as_secs(),
        "serving until another process has taken over"
    );
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        signal = signals.next() => tracing::info!(signal = signal.name(), "told to stop at once"),
    }
}

/// Every connection holds a receiver, so all are gone when the sender finds itself alone.
async fn stop_connections(stage: watch::Sender<Stage>) {
    let _ = stage.send(Stage::Stopping);
    if tokio::time::timeout(LAST_REQUESTS, stage.closed())
        .await
        .is_err()
    {
        tracing::warn!(
            connections = stage.receiver_count(),
            "requests were broken off"
        );
    }
}

async fn close(close: Box<dyn FnOnce() + Send>) {
    let closing = tokio::task::spawn_blocking(close);
    if tokio::time::timeout(CLOSING, closing).await.is_err() {
        tracing::warn!("the stores did not close in time; they recover at the next start");
    }
}

/// Opening cannot be broken off, but it mostly ends soon; then the stores are closed in order.
async fn leave_while_opening(opening: oneshot::Receiver<Result<Running>>) {
    if let Ok(Ok(Ok(running))) = tokio::time::timeout(CLOSING, opening).await {
        (running.leave)();
        close(running.close).await;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Terminate,
    Interrupt,
}

impl Told {
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        }
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Error::internal("Signals cannot be listened for.").because(error))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Terminate,
            _ = self.interrupt.recv() => Told::Interrupt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::boots::Ending;

    fn config(port: u16) -> Config {
        Config::from_vars([("PORT".to_owned(), port.to_string())]).unwrap()
    }

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let first = bind(&config(0)).await.unwrap();
        let port = first.local_addr().unwrap().port();
        let error = bind(&config(port)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(error.sentence().contains(&port.to_string()), "{error}");
    }

    #[test]
    fn opening_goes_on_while_waiting_may_help() {
        let app = App::new(config(0));
        let seen = app.clone();
        let mut attempts = 0;
        let error = open_patiently(&app, &mut |_: &Config| {
            attempts += 1;
            match attempts {
                1 => Err(Error::unavailable("Another release still holds it.")),
                _ => {
                    assert_eq!(seen.waiting_for(), "Another release still holds it.");
                    Err(Error::damaged("It is broken."))
                }
            }
        });
        assert_eq!(error.err().unwrap().kind(), Kind::Damaged);
        assert_eq!(attempts, 2);
    }

    fn library(dir: &tempfile::TempDir) -> Library {
        let place = dir.path().to_str().unwrap().to_owned();
        let config = Config::from_vars([("STORAGE_DIR".to_owned(), place)]).unwrap();
        Library::open(&config.library()).unwrap()
    }

    fn nothing_behind() -> Running {
        Running {
            leave: Box::new(|| {}),
            close: Box::new(|| {}),
        }
    }

    #[test]
    fn p6_the_work_begins_when_readiness_says_yes() {
        let dir = tempfile::tempdir().unwrap();
        let app = App::new(config(0));
        let (seen, library) = (app.clone(), library(&dir));
        let opened = Opened {
            library: library.clone(),
            begin: Box::new(move || {
                assert!(seen.is_open() && !seen.is_draining());
                Ok(nothing_behind())
            }),
        };
        assert!(!app.is_open());
        begin(&app, opened).unwrap();
        library.close();
    }

    #[test]
    fn p6_a_process_told_to_stop_while_it_opens_takes_nothing_over() {
        let dir = tempfile::tempdir().unwrap();
        let app = App::new(config(0));
        app.drain();
        let opened = Opened {
            library: library(&dir),
            begin: Box::new(|| panic!("it works all the same")),
        };
        assert_eq!(begin(&app, opened).err().unwrap().kind(), Kind::Unavailable);
        assert!(!app.is_open());
        // Its end is in the ledger: nobody will take it for a crash.
        let next = library(&dir);
        let store = next.store();
        let boots = store.boots.list(&store.sql, 2).unwrap();
        assert_eq!(boots[1].ending, Some(Ending::Drained));
        next.close();
    }

    #[tokio::test]
    async fn connections_that_end_are_not_waited_for_long() {
        let (stage, watched) = watch::channel(Stage::Serving);
        let connection = tokio::spawn(async move {
            let mut watched = watched;
            let _ = watched.wait_for(|stage| *stage == Stage::Stopping).await;
        });
        stop_connections(stage).await;
        connection.await.unwrap();
    }
}
