//! Connections that this side ended because of what came over them, told with the cause.
//!
//! libzmq says of a connection that it has ended, and not why. Where a publisher has gone,
//! libzmq connects again by itself and says so at once; where it does not, it has hung up
//! itself: on a message larger than it was told to take, or on bytes that are no message.
//! What may be here: that conclusion from events, and its words.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use zlog_core::text::escape::escape;
use zlog_core::text::parsers;
use zlog_pipeline::socket::{ConnectionEvent, EventKind, MIN_MAX_MESSAGE};

/// How long nothing more is told of an endpoint: each message may end a connection.
const REPEAT_AFTER: Duration = Duration::from_secs(60);
/// Most endpoints that are remembered.
const MAX_ENDPOINTS: usize = 256;

/// Follows connections to publishers.
pub(super) struct DisconnectReasons {
    /// Bytes: the largest message that is taken.
    max_message: usize,
    /// Endpoints whose connection has ended, for no reason so far.
    disconnected: HashSet<String>,
    reported: HashMap<String, Instant>,
}

impl DisconnectReasons {
    /// `max_message` is `--max-message`, in bytes.
    pub(super) fn new(max_message: usize) -> DisconnectReasons {
        let max_message = max_message.max(MIN_MAX_MESSAGE);
        DisconnectReasons { max_message, disconnected: HashSet::new(), reported: HashMap::new() }
    }

    /// Takes note of an event: what there is to tell.
    pub(super) fn observe(&mut self, event: &ConnectionEvent, now: Instant) -> Option<String> {
        match event.kind {
            EventKind::Disconnected if self.disconnected.len() < MAX_ENDPOINTS => {
                self.disconnected.insert(event.endpoint.clone());
                None
            }
            EventKind::Reconnected if self.disconnected.remove(&event.endpoint) => {
                self.report(event, now)
            }
            _ => {
                self.disconnected.remove(&event.endpoint);
                None
            }
        }
    }

    fn report(&mut self, event: &ConnectionEvent, now: Instant) -> Option<String> {
        self.reported.retain(|_, at| now < *at + REPEAT_AFTER);
        if self.reported.contains_key(&event.endpoint) || self.reported.len() >= MAX_ENDPOINTS {
            return None;
        }
        self.reported.insert(event.endpoint.clone(), now);
        Some(format!(
            "hung up on {}: it sent a message larger than --max-message {}, or bytes that are no \
             message; connecting anew, and what it sent meanwhile is lost",
            escape(&event.endpoint),
            parsers::format_size(self.max_message)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind) -> ConnectionEvent {
        ConnectionEvent { endpoint: "tcp://h:1".into(), kind }
    }

    fn told(events: impl IntoIterator<Item = EventKind>) -> Vec<String> {
        let mut reasons = DisconnectReasons::new(64 << 10);
        let now = Instant::now();
        events.into_iter().filter_map(|what| reasons.observe(&event(what), now)).collect()
    }

    #[test]
    fn a_connection_that_libzmq_does_not_try_again_is_one_that_it_ended() {
        use EventKind::{Connected, Disconnected, Reconnected};
        let told =
            told([Connected, Disconnected, Reconnected, Connected, Disconnected, Reconnected]);
        let [line] = &told[..] else { panic!("once in a while: {told:?}") };
        assert!(line.starts_with("hung up on tcp://h:1: it sent a message larger"), "{line}");
        assert!(line.contains("--max-message 64K,"), "{line}");
    }

    #[test]
    fn a_publisher_that_goes_or_shakes_no_hands_was_not_hung_up_on() {
        use EventKind::{Connected, Disconnected, HandshakeFailed, Reconnected, Retrying};
        let retrying = Retrying(Duration::from_millis(100));
        for events in [
            vec![Connected, Disconnected, retrying.clone(), retrying, Connected],
            vec![HandshakeFailed("no".into()), Reconnected, Reconnected],
            vec![Connected, Disconnected, HandshakeFailed("no".into()), Reconnected],
            vec![Reconnected],
        ] {
            assert!(told(events.clone()).is_empty(), "{events:?}");
        }
    }

    #[test]
    fn the_least_that_a_socket_can_be_told_to_take_is_named() {
        let mut reasons = DisconnectReasons::new(1024);
        let now = Instant::now();
        reasons.observe(&event(EventKind::Disconnected), now);
        let line = reasons.observe(&event(EventKind::Reconnected), now).unwrap();
        assert!(line.contains("--max-message 4K,"), "{line}");
        reasons.observe(&event(EventKind::Disconnected), now + REPEAT_AFTER);
        assert!(reasons.observe(&event(EventKind::Reconnected), now + REPEAT_AFTER).is_some());
    }
}
