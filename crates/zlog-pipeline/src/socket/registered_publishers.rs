//! Connects to the publishers that are registered in the user's run directory, as they come
//! and go.
//!
//! They are the connections of one endpoint.

use std::cell::Cell;
use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::addresses::AddressState;
use super::connector::Connector;
use super::endpoint::Endpoint;
use crate::os::run_directory::{Registered, RunDirectory, Watch};

/// Time between two checks for changes while messages arrive without a pause.
const LOOK: Duration = Duration::from_millis(100);

/// The publishers of one run directory.
pub(super) struct RegisteredPublishers {
    directory: RunDirectory,
    default: Endpoint,
    /// The index in the connection table.
    entry: usize,
    watch: Watch,
    next_look: Instant,
    /// Whether the directory was found changed while waiting.
    is_readable: Cell<bool>,
    connected: HashSet<String>,
    /// Endpoints of processes that have ended.
    ended: Vec<String>,
}

impl RegisteredPublishers {
    pub(super) fn new(directory: RunDirectory, default: &Endpoint, entry: usize) -> Self {
        let now = Instant::now();
        RegisteredPublishers {
            watch: Watch::new(directory.clone(), now),
            directory,
            default: default.clone(),
            entry,
            next_look: now,
            is_readable: Cell::new(false),
            connected: HashSet::new(),
            ended: Vec::new(),
        }
    }

    /// Connects to new publishers, and disconnects from those that have ended. `changed` tells
    /// whether a connection has changed. Never waits.
    ///
    /// Returns whether anything changed here, or in the directory.
    pub(super) fn update(
        &mut self,
        changed: bool,
        now: Instant,
        connector: &mut dyn Connector,
    ) -> bool {
        let is_due = self.is_readable.replace(false) || now >= self.next_look;
        if !changed && !is_due {
            return false;
        }
        self.next_look = now + LOOK;
        // Nothing reports that a process was killed, except its connection.
        let is_gone =
            |address: &String| connector.address_state(self.entry, address) == AddressState::Failed;
        let some_gone = changed && self.connected.iter().any(is_gone);
        let before = self.ended.len();
        // Asked in any case: what is not taken wakes the thread again.
        let has_changed = self.watch.has_changed(now);
        let looks = some_gone || has_changed;
        if looks {
            self.look(connector);
        }
        self.disconnect_ended(connector);
        looks || before != self.ended.len()
    }

    /// Compares the registered publishers with the connected ones.
    fn look(&mut self, connector: &mut dyn Connector) {
        let RegisteredPublishers { directory, default, entry, connected, ended, .. } = self;
        let own = |found: Registered| {
            let meets = default.is_default_of(&found);
            found.publishes.filter(|_| meets)
        };
        let there: HashSet<String> = directory.registered().into_iter().filter_map(own).collect();
        ended.extend(connected.extract_if(|endpoint| !there.contains(endpoint)));
        for endpoint in there.difference(&connected.clone()) {
            // A new process has the name of one that has ended.
            if let Some(at) = ended.iter().position(|ended| ended == endpoint) {
                ended.swap_remove(at);
            } else {
                connector.connect(*entry, endpoint, false);
            }
            connected.insert(endpoint.clone());
        }
    }

    /// Disconnects from publishers that have ended, once everything that they have sent is
    /// read: the rest would be dropped.
    fn disconnect_ended(&mut self, connector: &mut dyn Connector) {
        if self.ended.is_empty() || connector.has_unread() {
            return;
        }
        self.ended.retain(|endpoint| {
            let is_open = connector.address_state(self.entry, endpoint) == AddressState::Up;
            if !is_open {
                connector.disconnect(self.entry, endpoint);
            }
            is_open
        });
    }

    /// A descriptor that is readable when the directory has changed.
    #[cfg(unix)]
    pub(super) fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.watch.descriptor()
    }

    /// Notes that the directory has changed.
    pub(super) fn note_readable(&self) {
        self.is_readable.set(true);
    }

    /// The longest wait for a change, if there is a limit.
    pub(super) fn wait_at_most(&self) -> Option<Duration> {
        self.watch.wait_at_most(Instant::now())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;
    use crate::socket::endpoint::{DEFAULT_ENDPOINT, Role};

    /// Publishers that do not answer.
    struct Silent;

    impl Connector for Silent {
        fn connect(&mut self, _: usize, _: &str, _: bool) {}
        fn disconnect(&mut self, _: usize, _: &str) {}
        fn address_state(&self, _: usize, _: &str) -> AddressState {
            AddressState::Failed
        }
        fn addresses(&self, _: usize) -> Vec<String> {
            Vec::new()
        }
        fn find_duplicate(&self, _: usize, _: &[String]) -> Option<usize> {
            None
        }
        fn set_duplicate_of(&mut self, _: usize, _: Option<usize>) {}
        fn is_duplicate(&self, _: usize) -> bool {
            false
        }
        fn is_up(&self, _: usize) -> bool {
            false
        }
        fn note_unresolved(&mut self, _: usize, _: &str) {}
        fn unresolved(&self, _: usize) -> Option<String> {
            None
        }
        fn has_unread(&self) -> bool {
            false
        }
    }

    #[test]
    fn a_change_of_the_directory_wakes_once_although_a_publisher_does_not_answer() {
        let base = tempfile::tempdir().expect("a directory");
        let directory = RunDirectory::below(base.path());
        let default = Endpoint::parse(DEFAULT_ENDPOINT, Role::Connect).expect("valid");
        let registered = Registered {
            default: DEFAULT_ENDPOINT.to_owned(),
            publishes: Some("ipc:///nowhere".to_owned()),
            ..Registered::default()
        };
        let mut publisher = directory.register("emit").expect("registered");
        publisher.announce(&registered).expect("written");
        let mut publishers = RegisteredPublishers::new(directory.clone(), &default, 0);
        publishers.update(true, Instant::now(), &mut Silent);
        assert!(!publishers.connected.is_empty());

        let mut other = directory.register("emit").expect("registered");
        other.announce(&registered).expect("written");
        assert!(is_readable(&publishers));
        publishers.update(true, Instant::now(), &mut Silent);
        assert!(!is_readable(&publishers));
    }

    fn is_readable(publishers: &RegisteredPublishers) -> bool {
        let descriptor = publishers.descriptor().expect("inotify");
        let mut items = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
        poll(&mut items, Some(&Timespec::default())).expect("poll") > 0
    }
}
