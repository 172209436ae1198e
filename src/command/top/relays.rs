//! Asks relays for their status, which names slow subscribers and handlers.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::super::relay::{Asked, ask_status};
use super::model::Relay;
use super::reader::Shared;
use zlog_pipeline::os::clock::TICK;
use zlog_pipeline::socket::Endpoint;

/// Time between two questions. An answer costs the relay far less than a millisecond.
const INTERVAL: Duration = Duration::from_secs(1);
/// The same where none has answered: most publishers are no relays.
const RETRY: Duration = Duration::from_secs(10);
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Asks all of them until the command ends, and shows the answers in the model.
#[cfg_attr(not(feature = "top"), expect(dead_code, reason = "--once asks only once"))]
pub(super) fn keep_asking(relays: &[Endpoint], key: Option<&PathBuf>, shared: &Shared) {
    while !shared.is_over() {
        let found = ask(relays, key, &|| shared.is_over());
        let interval = if found.is_empty() { RETRY } else { INTERVAL };
        shared.model().relays = found;
        let next = Instant::now() + interval;
        while Instant::now() < next && !shared.is_over() {
            std::thread::sleep(TICK);
        }
    }
}

/// The answers of those that are relays.
pub(super) fn ask(
    relays: &[Endpoint],
    key: Option<&PathBuf>,
    stop: &dyn Fn() -> bool,
) -> Vec<Relay> {
    let answer = |at: &Endpoint| match ask_status(at, key.cloned(), TIMEOUT, stop) {
        Ok(Asked::Status(status)) => Some(Relay::new(at.as_str().to_owned(), *status)),
        // What answers there may be anything, and nothing usually does.
        Ok(Asked::NoAnswer(_) | Asked::Stopped) | Err(_) => None,
    };
    relays.iter().filter_map(answer).collect()
}
