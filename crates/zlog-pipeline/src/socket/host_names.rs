//! Connects to host names: resolves them on threads of their own and follows changes.
//!
//! Joins [`Addresses`], which decides, with the resolver and the engine's connections.

use std::time::{Duration, Instant};

use super::addresses::{Addresses, Step};
use super::connector::Connector;
use super::endpoint::Endpoint;
use crate::os::resolve::{Answer, Lookup};

/// How long opening a socket waits for the first answers. Long enough for names that this
/// machine resolves itself (`localhost`).
const AT_ONCE: Duration = Duration::from_millis(100);
/// How long a lookup may take before it is reported.
const SLOW: Duration = Duration::from_secs(3);
/// Minimum time between two checks while no connection changes.
const LOOK: Duration = Duration::from_millis(10);

/// Time between two checks of names without a connection, while nothing else happens.
const IDLE_LOOK: Duration = Duration::from_millis(50);

/// All endpoints of a socket whose host is a name.
#[derive(Default)]
pub(super) struct HostNames {
    names: Vec<HostName>,
    next_look: Option<Instant>,
}

/// One such endpoint.
struct HostName {
    endpoint: Endpoint,
    /// Its index in the connection connector.
    entry: usize,
    addresses: Addresses,
    lookup: Option<Lookup>,
    /// Start of the last lookup.
    asked: Instant,
}

impl HostNames {
    /// Adds an endpoint with this index in the connection table, and starts its lookup.
    pub(super) fn add(&mut self, endpoint: &Endpoint, entry: usize) {
        let (endpoint, asked) = (endpoint.clone(), Instant::now());
        let mut name =
            HostName { endpoint, entry, addresses: Addresses::new(asked), lookup: None, asked };
        if name.addresses.asks(asked) {
            name.look_up(asked);
        }
        self.names.push(name);
    }

    /// Waits up to [`AT_ONCE`] for answers, and connects to the addresses found.
    pub(super) fn open(&mut self, connector: &mut dyn Connector) {
        let deadline = Instant::now() + AT_ONCE;
        for name in &mut self.names {
            let answer = name.lookup.as_ref().and_then(|lookup| lookup.wait(deadline));
            if let Some(answer) = answer {
                name.answered(answer, Instant::now(), connector);
            }
        }
        self.update(true, Instant::now(), connector);
    }

    /// Whether an answer has not come yet.
    #[cfg(test)]
    pub(super) fn is_looking_up(&self) -> bool {
        self.names.iter().any(|name| name.lookup.is_some())
    }

    /// How long until [`HostNames::update`] may have something to do without a change: while a
    /// name has no connection.
    pub(super) fn wait_at_most(&self) -> Option<Duration> {
        let waits = |name: &HostName| name.lookup.is_some() || name.addresses.is_down();
        self.names.iter().any(waits).then_some(IDLE_LOOK)
    }

    /// Handles answers, and connects to the next address where one is due. `changed` tells
    /// whether a connection has changed. Never waits.
    ///
    /// Returns whether anything changed here.
    pub(super) fn update(
        &mut self,
        changed: bool,
        now: Instant,
        connector: &mut dyn Connector,
    ) -> bool {
        if self.names.is_empty() || !changed && self.next_look.is_some_and(|at| now < at) {
            return false;
        }
        self.next_look = Some(now + LOOK);
        let update = |any, name: &mut HostName| name.update(now, connector) | any;
        self.names.iter_mut().fold(false, update)
    }
}

impl HostName {
    fn look_up(&mut self, now: Instant) {
        self.asked = now;
        self.lookup = self.endpoint.name().map(|(host, port)| Lookup::of_endpoint(host, port));
    }

    fn update(&mut self, now: Instant, connector: &mut dyn Connector) -> bool {
        let mut changed = false;
        let answer = self.lookup.as_ref().and_then(Lookup::poll);
        if let Some(answer) = answer {
            changed = true;
            self.answered(answer, now, connector);
        } else if self.lookup.is_some() && now >= self.asked + SLOW {
            let nothing_known = connector.unresolved(self.entry).is_none();
            if nothing_known && !self.has_connections(connector) {
                changed = true;
                let why = "no name server has answered yet";
                connector.note_unresolved(self.entry, why);
            }
        }
        if connector.is_duplicate(self.entry) {
            if !connector.is_up(self.entry) && self.addresses.asks(now) {
                self.look_up(now);
            }
            return changed;
        }
        while let Some(step) = self.next_step(now, connector) {
            changed = true;
            self.take(step, now, connector);
        }
        changed
    }

    fn has_connections(&self, connector: &dyn Connector) -> bool {
        connector.is_duplicate(self.entry) || !connector.addresses(self.entry).is_empty()
    }

    fn answered(&mut self, answer: Answer, now: Instant, connector: &mut dyn Connector) {
        self.lookup = None;
        let (endpoint, entry) = (&self.endpoint, self.entry);
        let answer = answer.and_then(|mut found| {
            found.retain(|address| endpoint.allows(*address));
            let none = "it has no address of the source address's family";
            if found.is_empty() { Err(none.to_owned()) } else { Ok(found) }
        });
        let found = match answer {
            Ok(found) => found,
            Err(why) => {
                self.addresses.answered(None, now);
                if !self.has_connections(connector) {
                    connector.note_unresolved(entry, &why);
                }
                return;
            }
        };
        let texts: Vec<String> = found.iter().map(|address| endpoint.at(*address)).collect();
        let other = connector.find_duplicate(entry, &texts);
        connector.set_duplicate_of(entry, other);
        if other.is_some() {
            // A second connection to the same publisher would deliver everything twice.
            for address in connector.addresses(entry) {
                connector.disconnect(entry, &address);
            }
            self.addresses = Addresses::new(now);
        }
        self.addresses.answered(Some(&found), now);
    }

    fn next_step(&mut self, now: Instant, connector: &dyn Connector) -> Option<Step> {
        let (endpoint, entry) = (&self.endpoint, self.entry);
        self.addresses.step(now, &|address| connector.address_state(entry, &endpoint.at(address)))
    }

    fn take(&mut self, step: Step, now: Instant, connector: &mut dyn Connector) {
        match step {
            Step::LookUp => self.look_up(now),
            Step::Connect { address, more } => {
                let text = self.endpoint.at(address);
                connector.connect(self.entry, &text, more);
            }
            Step::Disconnect(address) => {
                let text = self.endpoint.at(address);
                connector.disconnect(self.entry, &text);
            }
        }
    }
}
