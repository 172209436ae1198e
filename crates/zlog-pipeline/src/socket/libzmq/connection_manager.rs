//! Keeps the connections of a socket alive: reads the monitor, updates the connection table,
//! reconnects.

use std::collections::HashSet;
#[cfg(unix)]
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use super::attach::{self, attach};
use super::connection::ConnectionTable;
use super::connections::Connections;
use super::descriptor::{self, Descriptor};
use super::monitor::{Kind, Monitor, MonitorEvent};
use crate::os::fd_limit;
use crate::socket::connection::ConnectionEvent;
use crate::socket::endpoint::{Endpoint, Role};
use crate::socket::host_names::HostNames;
use crate::socket::registered_publishers::RegisteredPublishers;
use crate::socket::wake::WakeSignal;
use zlog_core::Result;

/// The monitor and the connections of a socket.
pub(super) struct ConnectionManager {
    monitor: Monitor,
    pub(super) table: ConnectionTable,
    names: HostNames,
    registered: Option<RegisteredPublishers>,
    /// Addresses of subscribers that broke the protocol, not reported yet.
    misused: Vec<String>,
    /// Open connections, and ended ones that are not reported yet.
    open: HashSet<Descriptor>,
    disconnected: Vec<(Descriptor, bool)>,
    /// The address of a subscriber that broke the protocol, and whose disconnect is the next.
    /// libzmq's I/O thread, of which there is one, sends both events in a row.
    misused_next: Option<String>,
    connections: fd_limit::Connections,
}

impl ConnectionManager {
    /// Monitors `socket`, then binds and connects it to `endpoints`. Also returns the bound
    /// endpoints.
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
            registered: None,
            misused: Vec::new(),
            open: HashSet::new(),
            disconnected: Vec::new(),
            misused_next: None,
            connections: fd_limit::Connections::default(),
        };
        let mut bound = Vec::new();
        for (at, endpoint) in endpoints.iter().enumerate() {
            // A publisher that connects twice would send everything twice.
            if endpoint.role() == Role::Connect && endpoints[..at].contains(endpoint) {
                continue;
            }
            if let Some(directory) = endpoint.run_directory() {
                let path = directory.path().to_string_lossy();
                let entry = manager.table.add_run_directory(&path);
                let registered = RegisteredPublishers::new(directory.clone(), endpoint, entry);
                manager.registered = Some(registered);
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
        manager.names.open(&mut Connections { socket, table: &mut manager.table });
        Ok((manager, bound))
    }

    /// Reads monitor events, and reconnects what libzmq gave up. Never waits.
    ///
    /// Returns whether anything changed.
    pub(super) fn process_events(
        &mut self,
        socket: &mut zmq::Socket,
        on_event: &mut dyn FnMut(ConnectionEvent),
    ) -> bool {
        let mut changed = false;
        let now = Instant::now();
        while let Some(event) = self.monitor.next() {
            changed = true;
            if event.kind == Kind::Misused {
                self.misused_next = Some(event.address);
                continue;
            }
            self.note_descriptor(&event);
            self.table.record(event, now);
        }
        let mut connections = Connections { socket, table: &mut self.table };
        changed |= self.names.update(changed, now, &mut connections);
        if let Some(registered) = &mut self.registered {
            changed |= registered.update(changed, now, &mut connections);
        }
        while let Some(address) = self.table.next_reconnect(now, fastrand::f64()) {
            changed = true;
            attach::reconnect(socket, &address);
        }
        for event in self.table.events() {
            changed = true;
            on_event(event);
        }
        if changed {
            self.connections.set(self.table.open());
        }
        changed
    }

    fn note_descriptor(&mut self, event: &MonitorEvent) {
        let Some(descriptor) = event.descriptor else { return };
        if event.kind == Kind::Disconnected {
            self.open.remove(&descriptor);
            // A publisher to which this socket has connected is no subscriber that misbehaves.
            let misused = self.misused_next.take().filter(|_| !self.table.is_in_handshake(event));
            self.disconnected.push((descriptor, misused.is_some()));
            self.misused.extend(misused);
            return;
        }
        self.open.insert(descriptor);
        match event.kind {
            // Files, lookups and the next context need descriptors, too.
            Kind::Accepted if fd_limit::is_reserved(descriptor) => {
                descriptor::shut_down(descriptor)
            }
            Kind::Accepted | Kind::Reached if event.address.starts_with("ws") => {
                descriptor::keep_alive(descriptor);
            }
            _ => {}
        }
    }

    /// Waits until `socket` is readable, a connection event arrives, a connection is to be
    /// made again, publishers come or go, the time is up or a signal arrives.
    pub(super) fn wait(&self, socket: &zmq::Socket, wake: Option<&WakeSignal>, wait: Duration) {
        let sockets = [socket.as_poll_item(zmq::POLLIN), self.poll_item()];
        let wake = wake.and_then(wake_item);
        let registered = self.registered.as_ref().and_then(directory_item);
        let watches = registered.is_some();
        let mut items: Vec<_> = sockets.into_iter().chain(registered).chain(wake).collect();
        poll(&mut items, self.wait_at_most().map_or(wait, |most| most.min(wait)));
        if watches
            && items[2].is_readable()
            && let Some(registered) = &self.registered
        {
            registered.note_readable();
        }
    }

    /// How long until [`ConnectionManager::process_events`] has timed work to do.
    pub(super) fn wait_at_most(&self) -> Option<Duration> {
        let now = Instant::now();
        let reconnect = self.table.next_reconnect_at();
        let reconnect = reconnect.map(|at| at.saturating_duration_since(now));
        let registered = self.registered.as_ref().and_then(RegisteredPublishers::wait_at_most);
        reconnect.into_iter().chain(self.names.wait_at_most()).chain(registered).min()
    }

    /// Readable when there is a connection event.
    pub(super) fn monitor_socket(&self) -> &zmq::Socket {
        self.monitor.socket()
    }

    /// Readable when there is a connection event. For `zmq::poll`.
    pub(super) fn poll_item(&self) -> zmq::PollItem<'_> {
        self.monitor.poll_item()
    }

    /// The connections that ended since the last call, and whether because the subscriber
    /// broke the protocol.
    pub(super) fn disconnected(&mut self) -> impl Iterator<Item = (Descriptor, bool)> + '_ {
        self.disconnected.drain(..)
    }

    /// Addresses of subscribers that broke the protocol since the last call. libzmq has ended
    /// their connections.
    pub(super) fn misused(&mut self) -> impl Iterator<Item = String> + '_ {
        self.misused.drain(..)
    }

    /// Whether the system holds data that libzmq has not read yet, on the connections known
    /// at the last [`ConnectionManager::process_events`]. One system call per connection.
    pub(super) fn has_unread(&self) -> bool {
        self.open.iter().any(|descriptor| descriptor::unread(*descriptor) > 0)
    }
}

/// Readable after a wake-up.
#[cfg(unix)]
pub(super) fn wake_item(wake: &WakeSignal) -> Option<zmq::PollItem<'_>> {
    Some(zmq::PollItem::from_fd(wake.descriptor().as_raw_fd(), zmq::POLLIN))
}

#[cfg(not(unix))]
pub(super) fn wake_item(_: &WakeSignal) -> Option<zmq::PollItem<'_>> {
    None
}

/// Readable when the run directory has changed.
#[cfg(unix)]
fn directory_item(registered: &RegisteredPublishers) -> Option<zmq::PollItem<'_>> {
    registered
        .descriptor()
        .map(|descriptor| zmq::PollItem::from_fd(descriptor.as_raw_fd(), zmq::POLLIN))
}

#[cfg(not(unix))]
fn directory_item(_: &RegisteredPublishers) -> Option<zmq::PollItem<'_>> {
    None
}

/// Waits until an item is readable or the time is up. A signal ends the wait, too.
pub(super) fn poll(items: &mut [zmq::PollItem<'_>], wait: Duration) {
    // Rounded up: the rest of a millisecond would be a busy loop.
    let millis = wait.as_micros().div_ceil(1000);
    // Fails on a signal; callers check their conditions anyway.
    let _ = zmq::poll(items, i64::try_from(millis).unwrap_or(i64::MAX));
}
