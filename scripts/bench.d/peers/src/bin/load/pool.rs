//! A few kept-alive connections driven by one thread.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::answer::Answer;
use crate::arguments::Outcome;
use crate::tally::Tally;

struct Connection {
    stream: TcpStream,
    outgoing: Vec<u8>,
    sent: usize,
    received: Vec<u8>,
    /// The exchange under way.
    exchange: Option<(u64, Instant)>,
}

impl Connection {
    fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            outgoing: Vec::new(),
            sent: 0,
            received: Vec::new(),
            exchange: None,
        })
    }

    fn begin(&mut self, number: u64) -> Outcome<()> {
        self.sent = 0;
        self.received.clear();
        self.exchange = Some((number, Instant::now()));
        self.push()
    }

    /// Sends as much of the request as the socket takes.
    fn push(&mut self) -> Outcome<()> {
        while self.sent < self.outgoing.len() {
            match self.stream.write(&self.outgoing[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Takes in what has arrived; the answer once it is complete.
    fn pull(&mut self, buffer: &mut [u8]) -> Outcome<Option<Answer>> {
        match self.stream.read(buffer) {
            Ok(0) => Err("the server closed the connection in the middle of an exchange".into()),
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                Answer::split(&self.received)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn interest(&self) -> PollFlags {
        let unsent = self.sent < self.outgoing.len();
        if unsent {
            PollFlags::IN | PollFlags::OUT
        } else {
            PollFlags::IN
        }
    }
}

/// Keeps every connection busy until `request` says that there is nothing more, or paced at `rate` requests
/// a second when one is given. `answered` hears of each success.
pub fn run(
    address: SocketAddr,
    connections: usize,
    rate: Option<f64>,
    mut request: impl FnMut(u64, &mut Vec<u8>) -> Outcome<bool>,
    mut answered: impl FnMut(u64, &Answer) -> Outcome<()>,
) -> Outcome<Tally> {
    let mut pool = (0..connections)
        .map(|_| Connection::open(address))
        .collect::<Outcome<Vec<_>>>()?;
    let mut buffer = vec![0; 64 * 1024];
    let mut ready = Vec::new();
    let mut next = 0;
    let mut more = true;
    let mut tally = Tally::start();
    loop {
        for connection in pool
            .iter_mut()
            .filter(|connection| connection.exchange.is_none())
        {
            let early = rate.is_some_and(|rate| tally.elapsed().as_secs_f64() * rate < next as f64);
            if !more || early {
                break;
            }
            connection.outgoing.clear();
            more = request(next, &mut connection.outgoing)?;
            if more {
                connection.begin(next)?;
                next += 1;
            }
        }
        let busy: Vec<usize> = (0..pool.len())
            .filter(|&at| pool[at].exchange.is_some())
            .collect();
        if busy.is_empty() && !more {
            return Ok(tally);
        }
        wait(&pool, &busy, rate.is_some(), &mut ready)?;
        for &at in &ready {
            let connection = &mut pool[at];
            connection.push()?;
            let Some(answer) = connection.pull(&mut buffer)? else {
                continue;
            };
            let Some((number, began)) = connection.exchange.take() else {
                continue;
            };
            if answer.succeeded() {
                let moved = answer.body.len().max(connection.outgoing.len());
                tally.exchange(began, moved as u64);
                answered(number, &answer)?;
            } else {
                tally.failure(answer.status, &answer.body);
            }
            if answer.last {
                *connection = Connection::open(address)?;
            }
        }
    }
}

/// Leaves in `ready` the busy connections that can be read or written. A paced run looks up every millisecond.
fn wait(pool: &[Connection], busy: &[usize], paced: bool, ready: &mut Vec<usize>) -> Outcome<()> {
    let mut sockets: Vec<PollFd> = busy
        .iter()
        .map(|&at| PollFd::new(&pool[at].stream, pool[at].interest()))
        .collect();
    let tick = Timespec {
        tv_sec: 0,
        tv_nsec: Duration::from_millis(1).as_nanos() as _,
    };
    poll(&mut sockets, paced.then_some(&tick))?;
    ready.clear();
    ready.extend(
        busy.iter()
            .zip(&sockets)
            .filter(|(_, socket)| !socket.revents().is_empty())
            .map(|(&at, _)| at),
    );
    Ok(())
}
