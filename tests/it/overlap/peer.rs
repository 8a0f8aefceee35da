//! A process as its clients know it, and the switch that tells them where to send a request.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::app::TestApp;
use crate::command::PATIENCE;

/// A process that can be asked.
pub struct Peer {
    pub address: String,
    pub pid: u32,
    /// It is killed, or may die by itself at any moment. Requests that it was working on may fail
    /// at the transport level, and only these: nobody can answer for a process that is gone.
    mortal: AtomicBool,
    /// Nobody answers there any more.
    gone: AtomicBool,
    in_flight: AtomicUsize,
}

impl Peer {
    pub fn of(app: &mut TestApp) -> Arc<Self> {
        Self::at(app.address().to_owned(), app.process().pid())
    }

    pub fn at(address: String, pid: u32) -> Arc<Self> {
        Arc::new(Self {
            address,
            pid,
            mortal: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
        })
    }

    /// To be called before the kill, so that no failure is seen before its excuse.
    pub fn may_die(&self) {
        self.mortal.store(true, Ordering::SeqCst);
    }

    pub fn is_mortal(&self) -> bool {
        self.mortal.load(Ordering::SeqCst)
    }

    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::SeqCst)
    }

    pub fn note_gone(&self) {
        self.gone.store(true, Ordering::SeqCst);
    }

    /// Waits until nobody waits for an answer from it.
    pub fn wait_idle(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.in_flight.load(Ordering::SeqCst) > 0 {
            assert!(Instant::now() < deadline, "requests that do not end");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// A request's hold on the process it goes to.
pub struct Ticket(pub Arc<Peer>);

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Where requests go at this moment, as the platform's proxy decides it.
#[derive(Default)]
pub struct Switch {
    targets: Mutex<Targets>,
}

#[derive(Default)]
struct Targets {
    serving: Vec<Arc<Peer>>,
    /// Where those still send that have not noticed the switch yet.
    former: Option<Arc<Peer>>,
}

impl Switch {
    pub fn to(peers: &[&Arc<Peer>]) -> Arc<Self> {
        let switch = Self::default();
        switch.serve(peers);
        Arc::new(switch)
    }

    /// New requests go to these.
    pub fn serve(&self, peers: &[&Arc<Peer>]) {
        let mut targets = self.targets.lock().unwrap();
        targets.serving = peers.iter().map(|peer| Arc::clone(peer)).collect();
        targets.former = None;
    }

    /// New requests go to `new`, but those of laggards to `old`, until [`serve`](Self::serve).
    pub fn pass(&self, old: &Arc<Peer>, new: &Arc<Peer>) {
        let mut targets = self.targets.lock().unwrap();
        targets.serving = vec![Arc::clone(new)];
        targets.former = Some(Arc::clone(old));
    }

    /// One of those that are there, chosen by `dice`; waits while there is none.
    pub fn pick(&self, laggard: bool, dice: u64) -> Ticket {
        let deadline = Instant::now() + PATIENCE;
        loop {
            {
                let targets = self.targets.lock().unwrap();
                let alive = |peer: &&Arc<Peer>| !peer.is_gone();
                let former = targets.former.iter().find(alive).filter(|_| laggard);
                let serving: Vec<_> = targets.serving.iter().filter(alive).collect();
                let chosen = former.or_else(|| {
                    let count = serving.len().max(1) as u64;
                    serving.get((dice % count) as usize).copied()
                });
                if let Some(peer) = chosen {
                    // Counted under the lock: once the switch has moved on, nobody follows.
                    peer.in_flight.fetch_add(1, Ordering::SeqCst);
                    return Ticket(Arc::clone(peer));
                }
            }
            assert!(Instant::now() < deadline, "nobody serves any more");
            thread::sleep(Duration::from_millis(5));
        }
    }
}
