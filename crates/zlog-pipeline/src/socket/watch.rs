//! Keeps a socket's connections up: its monitor and what follows from it.
//!
//! What may be here: the round from monitor to links to socket, the same for
//! publishers and subscribers.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::attach::{self, attach};
use super::descriptor::{self, Descriptor};
use super::endpoint::{Endpoint, Role};
use super::links::{LinkEvent, LinkStatus, Links, Occurrence};
use super::monitor::{Monitor, Seen, What};
use super::names::Names;
use super::ffi;
use crate::os::fd_limit::{self, Connections};
use zlog_core::error::Result;

/// A socket's monitor and links.
pub(super) struct Watch {
    monitor: Monitor,
    links: Links,
    names: Names,
    /// What was found out while the socket was opened, still to be told.
    early: Vec<LinkEvent>,
    /// Addresses of subscribers that sent what is no subscription, still to be told.
    misused: Vec<String>,
    /// Connections that there are, and those that have ended, still to be told.
    open: HashSet<Descriptor>,
    gone: Vec<Descriptor>,
    connections: Connections,
}

impl Watch {
    /// Watches `socket`, then binds and connects it to all `endpoints`. Returns
    /// the endpoints really bound, too.
    pub(super) fn open(
        context: &zmq::Context,
        socket: &mut zmq::Socket,
        endpoints: &[Endpoint],
    ) -> Result<(Watch, Vec<String>)> {
        let monitor = Monitor::attach(context, socket)?;
        let mut watch = Watch {
            monitor,
            links: Links::default(),
            names: Names::default(),
            early: Vec::new(),
            misused: Vec::new(),
            open: HashSet::new(),
            gone: Vec::new(),
            connections: Connections::default(),
        };
        let mut bound = Vec::new();
        for (at, endpoint) in endpoints.iter().enumerate() {
            // A publisher connected twice would send everything twice.
            if endpoint.role() == Role::Connect && endpoints[..at].contains(endpoint) {
                continue;
            }
            if endpoint.role() == Role::Connect && endpoint.name().is_some() {
                let link = watch.links.add_name(endpoint.as_str(), Role::Connect);
                watch.names.add(endpoint, link);
                continue;
            }
            let attached = attach(socket, endpoint)?;
            watch.links.add(&attached.endpoint, endpoint.role(), attached.aliases);
            if endpoint.role() == Role::Bind {
                bound.push(attached.endpoint);
            }
        }
        let Watch { names, links, early, .. } = &mut watch;
        names.open(socket, links, &mut |event| early.push(event));
        Ok((watch, bound))
    }

    /// Reads what the monitor saw and makes anew what libzmq gave up. Never waits.
    ///
    /// Returns whether anything changed.
    pub(super) fn tend(
        &mut self,
        socket: &mut zmq::Socket,
        tell: &mut dyn FnMut(LinkEvent),
    ) -> bool {
        let mut changed = !self.early.is_empty();
        self.early.drain(..).for_each(&mut *tell);
        let now = Instant::now();
        while let Some(seen) = self.monitor.next() {
            changed = true;
            if seen.what == What::Misused {
                self.misused.push(seen.address);
                continue;
            }
            self.note_descriptor(&seen);
            if let Some(event) = self.links.note(seen, now) {
                tell(event);
            }
        }
        changed |= self.names.tend(changed, now, socket, &mut self.links, tell);
        while let Some((endpoint, address)) = self.links.due(now, fastrand::f64()) {
            changed = true;
            attach::again(socket, address);
            tell(LinkEvent { endpoint: endpoint.to_owned(), what: Occurrence::MadeAnew });
        }
        if changed {
            self.connections.set(self.links.open());
        }
        fd_limit::look(now);
        changed
    }

    fn note_descriptor(&mut self, seen: &Seen) {
        let Some(descriptor) = seen.descriptor else { return };
        if seen.what == What::Gone {
            self.open.remove(&descriptor);
            self.gone.push(descriptor);
            return;
        }
        self.open.insert(descriptor);
        match seen.what {
            // One more, and libzmq tries without a pause to let the next one in; over ipc
            // it aborts.
            What::Accepted if fd_limit::is_surplus(descriptor) => descriptor::hang_up(descriptor),
            What::Accepted | What::Reached if seen.address.starts_with("ws") => {
                descriptor::keep_alive(descriptor);
            }
            _ => {}
        }
    }

    /// Waits until `socket` can be read, something happened to a connection, or
    /// the time is up. A signal ends the wait, too.
    pub(super) fn wait(&self, socket: &zmq::Socket, wait: Duration) {
        let mut items = [socket.as_poll_item(zmq::POLLIN), self.poll_item()];
        // Rounded up, or the last part of a millisecond would be spent spinning.
        let millis = wait.as_micros().div_ceil(1000);
        // Fails on a signal; whoever waits looks at its reasons again anyway.
        let _ = zmq::poll(&mut items, i64::try_from(millis).unwrap_or(i64::MAX));
    }

    /// Can be read when something happened to a connection. For `zmq::poll`.
    pub(super) fn poll_item(&self) -> zmq::PollItem<'_> {
        self.monitor.poll_item()
    }

    /// Connections that have ended since this was last asked.
    pub(super) fn gone(&mut self) -> impl Iterator<Item = Descriptor> + '_ {
        self.gone.drain(..)
    }

    /// Addresses of subscribers that sent what is no subscription since this was last
    /// asked. Their connections have ended.
    pub(super) fn misused(&mut self) -> impl Iterator<Item = String> + '_ {
        self.misused.drain(..)
    }

    /// Whether the system has received something that libzmq has not read yet, as of the
    /// connections that were known at the last [`Watch::tend`]. A system call for each.
    pub(super) fn has_unread(&self) -> bool {
        self.open.iter().any(|descriptor| ffi::unread(*descriptor) > 0)
    }

    /// How it stands with each endpoint.
    pub(super) fn status(&self) -> Vec<LinkStatus> {
        self.links.status()
    }

    /// Connections of any kind.
    pub(super) fn open_connections(&self) -> usize {
        self.links.open()
    }

    /// Whether there are endpoints, and all of them are connected to.
    pub(super) fn all_connect(&self) -> bool {
        self.links.all_connect()
    }

    /// Whether every endpoint is bound.
    pub(super) fn all_bound(&self) -> bool {
        self.links.all_bound()
    }
}
