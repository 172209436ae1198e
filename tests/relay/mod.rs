//! `zlog relay`: forwarding, handlers, queries, startup and shutdown.

mod forward;
mod handlers;
mod heal;
mod last;
mod peers;
mod shutdown;
mod stall;
mod startup;
mod status;
mod strangers;

use std::time::{Duration, Instant};

use crate::harness::{ANY_PORT, DEADLINE, Running, zlog};

/// A running relay and its endpoints.
struct Relay {
    running: Running,
    collect: String,
    publish: String,
    ask: String,
}

/// A relay on free ports.
#[track_caller]
fn relay(args: &[&str]) -> Relay {
    relay_at(ANY_PORT, args)
}

/// A relay on free ports of this address.
#[track_caller]
fn relay_at(address: &str, args: &[&str]) -> Relay {
    let ports = ["relay", "--bind", address, "--publish-bind", address];
    let mut running = zlog(ports).args(args).start();
    let mut bound = running.endpoints(3);
    let (ask, publish) = (bound.remove(2), bound.remove(1));
    Relay { running, collect: bound.remove(0), publish, ask }
}

impl Relay {
    /// Its status.
    #[track_caller]
    fn status(&self) -> serde_json::Value {
        let asked = zlog(["relay", "--status", "--ask", &self.ask, "-o", "json"]).run().success();
        serde_json::from_slice(&asked.stdout).expect("JSON")
    }

    /// Waits until its status fulfils a condition.
    #[track_caller]
    fn wait_until(&self, what: &str, stands: impl Fn(&serde_json::Value) -> bool) {
        let until = Instant::now() + DEADLINE;
        loop {
            let status = self.status();
            if stands(&status) {
                return;
            }
            assert!(Instant::now() < until, "not {what}: {status}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until it has this many publishers and subscribers.
    #[track_caller]
    fn wait_for_peers(&self, publishers: u64, subscribers: u64) {
        let peers = |side: &serde_json::Value| {
            let sides = side.as_array().expect("a list");
            sides.iter().map(|side| side["peers"].as_u64().unwrap_or(0)).sum::<u64>()
        };
        self.wait_until("the peers are there", |status| {
            peers(&status["collect"]) == publishers && peers(&status["publish"]) == subscribers
        });
    }

    /// Waits until it has this many different prefixes, its own included. A connected
    /// subscriber may not have sent its subscriptions yet.
    #[track_caller]
    fn wait_for_prefixes(&self, wanted: u64) {
        self.wait_until("wanted", |status| status["prefixes"] == wanted);
    }

    /// Ends it, and returns its standard error.
    #[track_caller]
    fn end(mut self) -> String {
        self.running.terminate();
        self.running.wait().code(143).err()
    }
}
