//! How much of the blocking pool one client can have at once, so that nobody takes all of it from
//! the others: not by many requests, nor by ones that wait for the writer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::Semaphore;

use crate::library::{Viewer, network_of};
use crate::store::sync::lock;
use crate::web::visitor::Visitor;

/// Threads of the blocking pool that one client can have.
pub const MAX_THREADS: usize = 32;
/// Look-ups at once by one client.
pub const MAX_READS: usize = 4;

/// One client's share.
#[derive(Debug)]
pub struct Lane {
    pub threads: Arc<Semaphore>,
    pub reads: Arc<Semaphore>,
    /// Changes of many files, one after the other.
    pub bulk: Arc<Semaphore>,
}

/// Whose lane it is: an account's, whatever it comes by, or an address's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Client {
    Account(i64),
    Address(IpAddr),
}

/// The lanes of clients that have a request under way.
#[derive(Debug, Default)]
pub struct Lanes(Mutex<HashMap<Client, Weak<Lane>>>);

impl Lanes {
    /// The lane of whoever makes a request.
    pub fn of(&self, visitor: &Visitor) -> Arc<Lane> {
        let client = Client::of(&visitor.viewer, visitor.origin.address);
        let mut lanes = lock(&self.0);
        if let Some(lane) = lanes.get(&client).and_then(Weak::upgrade) {
            return lane;
        }
        // Whoever comes anew pays for those who have left.
        if lanes.len()
            >= 2 * lanes
                .values()
                .filter(|lane| lane.strong_count() > 0)
                .count()
                + 64
        {
            lanes.retain(|_, lane| lane.strong_count() > 0);
        }
        let lane = Arc::new(Lane::default());
        lanes.insert(client, Arc::downgrade(&lane));
        lane
    }
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            threads: Arc::new(Semaphore::new(MAX_THREADS)),
            reads: Arc::new(Semaphore::new(MAX_READS)),
            bulk: Arc::new(Semaphore::new(1)),
        }
    }
}

impl Client {
    /// Through a link it is the address that counts, and not the account that made the link.
    fn of(viewer: &Viewer, address: IpAddr) -> Self {
        match viewer.acting().filter(|_| viewer.link().is_none()) {
            Some(acting) => Self::Account(acting.account),
            None => Self::Address(network_of(address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_a_lane_while_it_is_here() {
        let lanes = Lanes::default();
        let at = |address: &str| {
            let mut visitor = Visitor::nobody();
            visitor.origin.address = address.parse().unwrap();
            lanes.of(&visitor)
        };
        let one = at("2001:db8::1");
        assert!(Arc::ptr_eq(&one, &at("2001:db8::2")));
        assert!(!Arc::ptr_eq(&one, &at("2001:db8:1::1")));
        assert!(!Arc::ptr_eq(&at("192.0.2.1"), &at("192.0.2.2")));
        for number in 0..1_000u32 {
            drop(at(&std::net::Ipv4Addr::from(number).to_string()));
        }
        assert!(lock(&lanes.0).len() < 200);
        assert!(Arc::ptr_eq(&one, &at("2001:db8::1")));
    }
}
