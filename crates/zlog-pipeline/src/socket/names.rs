//! Host names to connect to: looked up on threads of their own, and followed.
//!
//! What may be here: what joins `addresses`, which chooses, with the resolver, the links
//! and the socket.

use std::time::{Duration, Instant};

use super::addresses::{Addresses, Step};
use super::attach;
use super::endpoint::Endpoint;
use super::links::{LinkEvent, Links};
use crate::os::resolve::{Answer, Lookup};

/// How long opening a socket waits for the first answers, so that names which this
/// machine knows by itself (`localhost`) are connected to at once.
const AT_ONCE: Duration = Duration::from_millis(100);
/// When a name that has no answer yet is told of.
const SLOW: Duration = Duration::from_secs(3);
/// Shortest time between two looks at names while nothing happens.
const LOOK: Duration = Duration::from_millis(10);

/// The names among a socket's endpoints.
#[derive(Default)]
pub(super) struct Names {
    names: Vec<Name>,
    next_look: Option<Instant>,
}

/// An endpoint whose host is a name.
struct Name {
    endpoint: Endpoint,
    /// Which of the links it is.
    link: usize,
    addresses: Addresses,
    lookup: Option<Lookup>,
    /// When the last lookup began.
    asked: Instant,
}

impl Names {
    /// Adds an endpoint, which is `link`, and begins to look it up, if its host is a name.
    pub(super) fn add(&mut self, endpoint: &Endpoint, link: usize) {
        let (endpoint, asked) = (endpoint.clone(), Instant::now());
        let mut name =
            Name { endpoint, link, addresses: Addresses::new(asked), lookup: None, asked };
        if name.addresses.asks(asked) {
            name.look_up(asked);
        }
        self.names.push(name);
    }

    /// Connects to what is known at once.
    pub(super) fn open(
        &mut self,
        socket: &mut zmq::Socket,
        links: &mut Links,
        tell: &mut dyn FnMut(LinkEvent),
    ) {
        let deadline = Instant::now() + AT_ONCE;
        for name in &mut self.names {
            let answer = name.lookup.as_ref().and_then(|lookup| lookup.wait(deadline));
            if let Some(answer) = answer {
                name.answered(answer, Instant::now(), socket, links, tell);
            }
        }
        self.tend(true, Instant::now(), socket, links, tell);
    }

    /// Takes in answers, and connects where it is time for another address. `changed`
    /// says whether something has happened to a connection. Never waits.
    ///
    /// Returns whether anything changed here.
    pub(super) fn tend(
        &mut self,
        changed: bool,
        now: Instant,
        socket: &mut zmq::Socket,
        links: &mut Links,
        tell: &mut dyn FnMut(LinkEvent),
    ) -> bool {
        if self.names.is_empty() || !changed && self.next_look.is_some_and(|at| now < at) {
            return false;
        }
        self.next_look = Some(now + LOOK);
        let tend = |any, name: &mut Name| name.tend(now, socket, links, tell) | any;
        self.names.iter_mut().fold(false, tend)
    }
}

impl Name {
    fn look_up(&mut self, now: Instant) {
        self.asked = now;
        self.lookup = self.endpoint.name().map(|(host, port)| Lookup::start(host, port));
    }

    fn tend(
        &mut self,
        now: Instant,
        socket: &mut zmq::Socket,
        links: &mut Links,
        tell: &mut dyn FnMut(LinkEvent),
    ) -> bool {
        let mut changed = false;
        let answer = self.lookup.as_ref().and_then(Lookup::poll);
        if let Some(answer) = answer {
            changed = true;
            self.answered(answer, now, socket, links, tell);
        } else if self.lookup.is_some() && now >= self.asked + SLOW {
            let nothing_known = links.unresolved(self.link).is_none();
            if nothing_known && !self.has_connections(links) {
                changed = true;
                let why = "no name server has answered yet";
                links.note_unresolved(self.link, why).into_iter().for_each(&mut *tell);
            }
        }
        if links.is_same_as_another(self.link) {
            if !links.is_up(self.link) && self.addresses.asks(now) {
                self.look_up(now);
            }
            return changed;
        }
        while let Some(step) = self.next_step(now, links) {
            changed = true;
            self.take(step, now, socket, links);
        }
        changed
    }

    fn has_connections(&self, links: &Links) -> bool {
        links.is_same_as_another(self.link) || links.addresses(self.link).next().is_some()
    }

    fn answered(
        &mut self,
        answer: Answer,
        now: Instant,
        socket: &mut zmq::Socket,
        links: &mut Links,
        tell: &mut dyn FnMut(LinkEvent),
    ) {
        self.lookup = None;
        let (endpoint, link) = (&self.endpoint, self.link);
        let answer = answer.and_then(|mut found| {
            found.retain(|address| endpoint.allows(*address));
            let none = "it has no address of the source address's family";
            if found.is_empty() { Err(none.to_owned()) } else { Ok(found) }
        });
        let found = match answer {
            Ok(found) => found,
            Err(why) => {
                self.addresses.answered(None, now);
                if !self.has_connections(links) {
                    links.note_unresolved(link, &why).into_iter().for_each(tell);
                }
                return;
            }
        };
        let texts: Vec<String> = found.iter().map(|address| endpoint.at(*address)).collect();
        let other = links.other_with(link, &texts);
        links.set_same_as(link, other);
        if other.is_some() {
            // Connected twice, everything would come twice.
            let connected: Vec<String> = links.addresses(link).map(str::to_owned).collect();
            for address in connected {
                attach::disconnect(socket, &address);
                links.disconnect(link, &address);
            }
            self.addresses = Addresses::new(now);
        }
        self.addresses.answered(Some(&found), now);
    }

    fn next_step(&mut self, now: Instant, links: &Links) -> Option<Step> {
        let (endpoint, link) = (&self.endpoint, self.link);
        self.addresses.step(now, &|address| links.outlook(link, &endpoint.at(address)))
    }

    fn take(&mut self, step: Step, now: Instant, socket: &mut zmq::Socket, links: &mut Links) {
        match step {
            Step::LookUp => self.look_up(now),
            Step::Connect { address, more } => {
                let text = self.endpoint.at(address);
                links.connect(self.link, &text, more);
                if attach::connect(socket, &text).is_err() {
                    links.fail(self.link, &text);
                }
            }
            Step::Disconnect(address) => {
                let text = self.endpoint.at(address);
                attach::disconnect(socket, &text);
                links.disconnect(self.link, &text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::endpoint::Role;
    use super::super::links::{LinkState, Occurrence};
    use super::super::testing::DEADLINE;
    use super::*;

    /// Names as they are after their first answers, and what was told.
    fn opened(texts: &[&str]) -> (Names, Links, Vec<LinkEvent>) {
        let mut socket = zmq::Context::new().socket(zmq::SUB).expect("socket");
        socket.set_linger(0).expect("linger");
        let (mut names, mut links) = (Names::default(), Links::default());
        for text in texts {
            let endpoint = Endpoint::parse(text, Role::Connect).expect(text);
            if endpoint.name().is_some() {
                let link = links.add_name(text, Role::Connect);
                names.add(&endpoint, link);
            } else {
                links.add(text, Role::Connect, Vec::new());
            }
        }
        let mut told = Vec::new();
        names.open(&mut socket, &mut links, &mut |event| told.push(event));
        let until = Instant::now() + DEADLINE;
        while names.names.iter().any(|name| name.lookup.is_some()) {
            assert!(Instant::now() < until, "no answer");
            let tell = &mut |event| told.push(event);
            names.tend(true, Instant::now(), &mut socket, &mut links, tell);
            std::thread::yield_now();
        }
        (names, links, told)
    }

    #[test]
    fn a_name_is_connected_to_by_its_ipv4_address_first() {
        let (_, links, told) = opened(&["tcp://localhost:9"]);
        assert_eq!(links.addresses(0).collect::<Vec<_>>(), ["tcp://127.0.0.1:9"]);
        assert_eq!(links.status()[0].state, LinkState::Connecting);
        assert!(told.is_empty(), "{told:?}");
    }

    #[test]
    fn a_name_with_the_address_of_another_endpoint_is_not_connected_to() {
        let (_, links, _) = opened(&["tcp://localhost:9", "tcp://127.0.0.1:9"]);
        assert_eq!(links.addresses(0).count(), 0);
        assert!(links.is_same_as_another(0));
    }

    #[test]
    fn a_name_that_is_not_known_is_told_with_the_reason() {
        let (_, links, told) = opened(&["tcp://host.invalid:9"]);
        assert_eq!(links.status()[0].state, LinkState::NotConnected);
        assert!(matches!(told[0].what, Occurrence::Unresolved(_)), "{told:?}");
        assert_eq!(links.addresses(0).count(), 0, "libzmq is not given the name");
    }
}
