//! Finds out why nothing confirms at an endpoint.

use std::time::Duration;

use crossbeam_channel::Receiver;

use crate::os::thread;
use crate::socket::diagnose::{PeerKind, peer_kind};
use crate::socket::endpoint::Endpoint;

/// The type of socket at which a relay confirms.
const CONFIRMS: &str = "ROUTER";

/// Asks who is there, in a thread of its own: an answer may take 1.5 s.
pub(super) struct Diagnosis {
    endpoint: String,
    /// Where a relay would collect.
    collects: Option<String>,
    asked: Option<Receiver<Option<String>>>,
    found: Option<String>,
}

impl Diagnosis {
    pub(super) fn new(endpoint: &Endpoint) -> Diagnosis {
        let collects = endpoint.collect_endpoint();
        Diagnosis {
            endpoint: endpoint.as_str().to_owned(),
            collects: collects.map(|endpoint| endpoint.as_str().to_owned()),
            asked: None,
            found: None,
        }
    }

    /// Asks, unless that was done already.
    pub(super) fn begin(&mut self) {
        if self.asked.is_some() {
            return;
        }
        let (answer, asked) = crossbeam_channel::bounded(1);
        let (endpoint, collects) = (self.endpoint.clone(), self.collects.clone());
        // Without a thread, there is no answer.
        let _ = thread::spawn("zlog-diagnosis", move || {
            let _ = answer.send(ask(&endpoint, collects.as_deref()));
        });
        self.asked = Some(asked);
    }

    /// Asks, and waits for the answer for this long.
    pub(super) fn finish(&mut self, within: Duration) {
        self.begin();
        if let Some(answer) = self.asked.as_ref().and_then(|asked| asked.recv_timeout(within).ok())
        {
            self.found = answer;
        }
    }

    /// Forgets the answer: something has changed.
    pub(super) fn reset(&mut self) {
        (self.asked, self.found) = (None, None);
    }

    /// The cause and the next step, if they are known by now.
    pub(super) fn found(&mut self) -> Option<&str> {
        if let Some(answer) = self.asked.as_ref().and_then(|asked| asked.try_recv().ok()) {
            self.found = answer;
        }
        self.found.as_deref()
    }
}

fn ask(endpoint: &str, collects: Option<&str>) -> Option<String> {
    match peer_kind(endpoint) {
        Some(PeerKind::Subscriber) => Some(format!(
            "{endpoint} is where records are collected, not where they are confirmed. --connect names \
             the side on which a relay collects, not the one on which it publishes: --connect \
             {endpoint}"
        )),
        Some(PeerKind::Publisher) => Some(format!(
            "{endpoint} is a publisher, which confirms nothing. Connect to the side on which a relay \
             collects"
        )),
        Some(PeerKind::Other(kind)) if kind != CONFIRMS => {
            Some(format!("{endpoint} is a {kind} socket, which confirms nothing"))
        }
        Some(PeerKind::Other(_)) => None,
        None => {
            let collects = collects?;
            let is_relay = peer_kind(collects)? == PeerKind::Subscriber;
            is_relay.then(|| {
                format!(
                    "what collects at {collects} confirms nothing. If it is a relay, start it with \
                     --spool DIR"
                )
            })
        }
    }
}
