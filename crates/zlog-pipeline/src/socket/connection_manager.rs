//! Keeps a socket's connections up: its monitor and what follows from it.
//!
//! What may be here: the round from monitor to table to socket, the same for
//! publishers and subscribers.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::attach::{self, attach};
use super::connection::{ConnectionEvent, ConnectionTable, EndpointStatus, EventKind};
use super::descriptor::{self, Descriptor};
use super::endpoint::{Endpoint, Role};
use super::ffi;
use super::host_names::HostNames;
use super::monitor::{Kind, Monitor, MonitorEvent};
use crate::os::fd_limit::{self, Connections};
use zlog_core::error::Result;

/// A socket's monitor and table.
pub(super) struct ConnectionManager {
    monitor: Monitor,
    table: ConnectionTable,
    names: HostNames,
    /// What was found out while the socket was opened, still to be told.
    early: Vec<ConnectionEvent>,
    /// Addresses of subscribers that sent what is no subscription, still to be told.
    misused: Vec<String>,
    /// Connections that there are, and those that have ended, still to be told.
    open: HashSet<Descriptor>,
    disconnected: Vec<Descriptor>,
    connections: Connections,
}

impl ConnectionManager {
    /// Watches `socket`, then binds and connects it to all `endpoints`. Returns
    /// the endpoints really bound, too.
    pub(super) fn open(
        context: &zmq::Context,
        socket: &mut zmq::Socket,
        endpoints: &[Endpoint],
    ) -> Result<(ConnectionManager, Vec<String>)> {
        let monitor = Monitor::attach(context, socket)?;
        let mut manager = ConnectionManager {
            monitor,
            table: ConnectionTable::default(),
            names: HostNames::default(),
            early: Vec::new(),
            misused: Vec::new(),
            open: HashSet::new(),
            disconnected: Vec::new(),
            connections: Connections::default(),
        };
        let mut bound = Vec::new();
        for (at, endpoint) in endpoints.iter().enumerate() {
            // A publisher connected twice would send everything twice.
            if endpoint.role() == Role::Connect && endpoints[..at].contains(endpoint) {
                continue;
            }
            if endpoint.role() == Role::Connect && endpoint.name().is_some() {
                let entry = manager.table.add_host_name(endpoint.as_str(), Role::Connect);
                manager.names.add(endpoint, entry);
                continue;
            }
            let attached = attach(socket, endpoint)?;
            manager.table.add(&attached.endpoint, endpoint.role(), attached.aliases);
            if endpoint.role() == Role::Bind {
                bound.push(attached.endpoint);
            }
        }
        let ConnectionManager { names, table, early, .. } = &mut manager;
        names.open(socket, table, &mut |event| early.push(event));
        Ok((manager, bound))
    }

    /// Reads what the monitor saw and makes anew what libzmq gave up. Never waits.
    ///
    /// Returns whether anything changed.
    pub(super) fn process_events(
        &mut self,
        socket: &mut zmq::Socket,
        on_event: &mut dyn FnMut(ConnectionEvent),
    ) -> bool {
        let mut changed = !self.early.is_empty();
        self.early.drain(..).for_each(&mut *on_event);
        let now = Instant::now();
        while let Some(event) = self.monitor.next() {
            changed = true;
            if event.kind == Kind::Misused {
                self.misused.push(event.address);
                continue;
            }
            self.note_descriptor(&event);
            if let Some(event) = self.table.record(event, now) {
                on_event(event);
            }
        }
        changed |= self.names.update(changed, now, socket, &mut self.table, on_event);
        while let Some((endpoint, address)) = self.table.next_reconnect(now, fastrand::f64()) {
            changed = true;
            attach::reconnect(socket, address);
            on_event(ConnectionEvent {
                endpoint: endpoint.to_owned(),
                kind: EventKind::Reconnected,
            });
        }
        if changed {
            self.connections.set(self.table.open());
        }
        fd_limit::look(now);
        changed
    }

    fn note_descriptor(&mut self, event: &MonitorEvent) {
        let Some(descriptor) = event.descriptor else { return };
        if event.kind == Kind::Disconnected {
            self.open.remove(&descriptor);
            self.disconnected.push(descriptor);
            return;
        }
        self.open.insert(descriptor);
        match event.kind {
            // One more, and libzmq tries without a pause to let the next one in; over ipc
            // it aborts.
            Kind::Accepted if fd_limit::is_surplus(descriptor) => descriptor::shut_down(descriptor),
            Kind::Accepted | Kind::Reached if event.address.starts_with("ws") => {
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
    pub(super) fn disconnected(&mut self) -> impl Iterator<Item = Descriptor> + '_ {
        self.disconnected.drain(..)
    }

    /// Addresses of subscribers that sent what is no subscription since this was last
    /// asked. Their connections have ended.
    pub(super) fn misused(&mut self) -> impl Iterator<Item = String> + '_ {
        self.misused.drain(..)
    }

    /// Whether the system has received something that libzmq has not read yet, as of the
    /// connections that were known at the last [`ConnectionManager::process_events`]. A system call for each.
    pub(super) fn has_unread(&self) -> bool {
        self.open.iter().any(|descriptor| ffi::unread(*descriptor) > 0)
    }

    /// How it stands with each endpoint.
    pub(super) fn status(&self) -> Vec<EndpointStatus> {
        self.table.status()
    }

    /// Connections of any kind.
    pub(super) fn open_connections(&self) -> usize {
        self.table.open()
    }

    /// Whether there are endpoints, and all of them are connected to.
    pub(super) fn all_connect(&self) -> bool {
        self.table.all_connect()
    }

    /// Whether every endpoint is bound.
    pub(super) fn all_bound(&self) -> bool {
        self.table.all_bound()
    }
}
