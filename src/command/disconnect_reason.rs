//! Reports why connections were ended.
//!
//! The native engine gives the reason. libzmq reports only that a connection has ended. After a
//! publisher has left, libzmq reconnects by itself and reports that at once. It does not reconnect
//! when it has closed the connection itself, because a message exceeded the limit or the bytes were
//! not a message; zlog then reconnects.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use zlog_core::text::escape::escape;
use zlog_core::text::parsers;
use zlog_core::text::plural::counted;
use zlog_pipeline::socket::{ConnectionEvent, CutOff, EventKind, MIN_MAX_MESSAGE};

/// How long an endpoint is not reported again. Each message may end a connection.
const REPEAT_AFTER: Duration = Duration::from_secs(60);
/// The most endpoints that are remembered.
const MAX_ENDPOINTS: usize = 256;

/// Says who connects to a socket that collects, and the next step for others.
pub(super) const ONLY_PUBLISHERS: &str = "Only publishers connect here (PUB and XPUB sockets); subscribers connect to the endpoint that \
     publishes. Logbook's ZeroMQHandler(multi=True) is a PUSH socket: use it without multi=True";
/// Says who connects to a socket that publishes, and the next step for others.
pub(super) const ONLY_SUBSCRIBERS: &str = "Only subscribers connect here (SUB and XSUB sockets); publishers connect to the endpoint that \
     collects";
/// Says who connects to a socket that confirms.
pub(super) const ONLY_EMIT: &str = "Only `zlog emit --spool` connects here. Other publishers connect to the endpoint that collects";

/// Tracks connections to publishers.
pub(super) struct DisconnectReasons {
    /// The largest message that is accepted, in bytes.
    max_message: usize,
    /// Endpoints whose connection has ended for a reason not known yet.
    disconnected: HashSet<String>,
    reported: HashMap<String, Instant>,
    /// By client: messages dropped because its key may not publish them, and those reported.
    /// There are as many as keys are trusted.
    denied: BTreeMap<String, (u64, u64)>,
}

impl DisconnectReasons {
    /// `max_message` is `--max-message`, in bytes.
    pub(super) fn new(max_message: usize) -> DisconnectReasons {
        let max_message = max_message.max(MIN_MAX_MESSAGE);
        DisconnectReasons {
            max_message,
            disconnected: HashSet::new(),
            reported: HashMap::new(),
            denied: BTreeMap::new(),
        }
    }

    /// Notes an event. Returns the report it gives rise to.
    pub(super) fn observe(&mut self, event: &ConnectionEvent, now: Instant) -> Option<String> {
        match &event.kind {
            EventKind::CutOff(why) => {
                self.disconnected.remove(&event.endpoint);
                self.report(event, &self.describe(why), now)
            }
            EventKind::Denied { name, topic, messages } => {
                let total = self.denied.entry(name.clone()).or_default();
                total.0 += messages;
                let total = *total;
                let is_new = self.is_new(&format!("denied {name}"), now);
                is_new.then(|| self.describe_denied(name, Some(topic), total))
            }
            EventKind::Keys(what) => Some(escape(what)),
            EventKind::Disconnected if self.disconnected.len() < MAX_ENDPOINTS => {
                self.disconnected.insert(event.endpoint.clone());
                None
            }
            EventKind::Reconnected if self.disconnected.remove(&event.endpoint) => {
                let larger = self.describe(&CutOff::TooLarge);
                let what = format!("{larger}, or bytes that are not a message");
                self.report(event, &what, now)
            }
            _ => {
                self.disconnected.remove(&event.endpoint);
                None
            }
        }
    }

    /// Reports a peer at a bound endpoint whose handshake failed because of its socket type.
    /// `wanted` says what could have connected.
    pub(super) fn observe_refusal(
        &mut self,
        event: &ConnectionEvent,
        wanted: &str,
        now: Instant,
    ) -> Option<String> {
        let EventKind::HandshakeFailed(failure) = &event.kind else { return None };
        let endpoint = &event.endpoint;
        if failure.is_about_keys {
            let peer = failure.peer.rsplit_once(':').map_or("a peer", |(host, _port)| host);
            // One kind of failure of a host is reported by itself. Not each key: a stranger has many.
            let kind: Vec<&str> = failure.reason.split(' ').take(2).collect();
            return self.is_new(&format!("{peer} {}", kind.join(" ")), now).then(|| {
                let (peer, endpoint) = (escape(peer), escape(endpoint));
                format!("refused {peer} at {endpoint}: {failure}")
            });
        }
        (failure.may_be_wrong_type && self.is_new(endpoint, now))
            .then(|| format!("refused a peer at {}: {failure}. {wanted}", escape(endpoint)))
    }

    /// Reports messages of clients that were dropped since the last report about each of them.
    pub(super) fn finish(&mut self) -> Vec<String> {
        let open: Vec<(String, (u64, u64))> = self.denied.clone().into_iter().collect();
        let open = open.into_iter().filter(|(_, (all, reported))| all > reported);
        open.map(|(name, total)| self.describe_denied(&name, None, total)).collect()
    }

    /// Describes what was dropped of a client, and counts it as reported.
    fn describe_denied(&mut self, name: &str, topic: Option<&str>, (all, _): (u64, u64)) -> String {
        self.denied.insert(name.to_owned(), (all, all));
        let topic = topic.map(|topic| format!(" {}", escape(topic))).unwrap_or_default();
        format!(
            "dropped {} of {}: its key may not publish{topic}. `zlog keygen --list` shows its rights",
            counted(all, "message"),
            escape(name)
        )
    }

    /// Reports a publisher that has connected to a bound endpoint and was refused or disconnected.
    pub(super) fn observe_publisher(
        &mut self,
        event: &ConnectionEvent,
        now: Instant,
    ) -> Option<String> {
        let EventKind::CutOff(why) = &event.kind else {
            return self.observe_refusal(event, ONLY_PUBLISHERS, now);
        };
        let at = match &*event.peer {
            "" => format!("at {}", escape(&event.endpoint)),
            peer => format!("{} at {}", escape(peer), escape(&event.endpoint)),
        };
        let next = match why {
            CutOff::TooLarge => "raise --max-message to receive it; ",
            CutOff::Other(_) => "",
        };
        self.is_new(&event.endpoint, now).then(|| {
            let what = self.describe(why);
            format!(
                "disconnected a publisher {at}: {}; {next}messages that it sends until it \
                 reconnects are lost",
                escape(&what)
            )
        })
    }

    fn describe(&self, why: &CutOff) -> String {
        match why {
            CutOff::TooLarge => {
                let most = parsers::format_size(self.max_message);
                format!("it sent a message larger than --max-message {most}")
            }
            CutOff::Other(why) => why.clone(),
        }
    }

    fn report(&mut self, event: &ConnectionEvent, what: &str, now: Instant) -> Option<String> {
        self.is_new(&event.endpoint, now).then(|| {
            let endpoint = escape(&event.endpoint);
            let what = escape(what);
            format!(
                "disconnected {endpoint}: {what}; reconnecting, and messages sent meanwhile are \
                 lost"
            )
        })
    }

    /// Whether nothing was reported about an endpoint for a while.
    fn is_new(&mut self, endpoint: &str, now: Instant) -> bool {
        self.reported.retain(|_, at| now < *at + REPEAT_AFTER);
        if self.reported.contains_key(endpoint) || self.reported.len() >= MAX_ENDPOINTS {
            return false;
        }
        self.reported.insert(endpoint.to_owned(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zlog_pipeline::socket::HandshakeFailure;

    fn event(kind: EventKind) -> ConnectionEvent {
        ConnectionEvent { endpoint: "tcp://h:1".into(), peer: String::new(), kind }
    }

    fn reports(events: impl IntoIterator<Item = EventKind>) -> Vec<String> {
        let mut reasons = DisconnectReasons::new(64 << 10);
        let now = Instant::now();
        events.into_iter().filter_map(|kind| reasons.observe(&event(kind), now)).collect()
    }

    #[test]
    fn a_connection_that_libzmq_does_not_retry_is_one_that_it_closed() {
        use EventKind::{Connected, Disconnected, Reconnected};
        let reports =
            reports([Connected, Disconnected, Reconnected, Connected, Disconnected, Reconnected]);
        let [line] = &reports[..] else { panic!("once in a while: {reports:?}") };
        assert!(line.starts_with("disconnected tcp://h:1: it sent a message larger"), "{line}");
        assert!(line.contains("--max-message 64K,"), "{line}");
    }

    #[test]
    fn a_publisher_that_leaves_or_fails_the_handshake_is_not_reported() {
        use EventKind::{Connected, Disconnected, HandshakeFailed, Reconnected, Retrying};
        let retrying = Retrying(Duration::from_millis(100));
        for events in [
            vec![Connected, Disconnected, retrying.clone(), retrying, Connected],
            vec![HandshakeFailed("no".into()), Reconnected, Reconnected],
            vec![Connected, Disconnected, HandshakeFailed("no".into()), Reconnected],
            vec![Reconnected],
        ] {
            assert!(reports(events.clone()).is_empty(), "{events:?}");
        }
    }

    #[test]
    fn a_peer_of_the_wrong_type_is_named_once_in_a_while() {
        let mut reasons = DisconnectReasons::new(64 << 10);
        let now = Instant::now();
        let reason = "the peer is a PUSH socket".to_owned();
        let failure = HandshakeFailure { may_be_wrong_type: true, ..reason.into() };
        let refused = event(EventKind::HandshakeFailed(failure));
        let line = reasons.observe_refusal(&refused, ONLY_PUBLISHERS, now).unwrap();
        assert!(
            line.contains("tcp://h:1: the peer is a PUSH socket. Only publishers connect here"),
            "{line}"
        );
        assert_eq!(reasons.observe_refusal(&refused, ONLY_PUBLISHERS, now), None);
        let other = event(EventKind::HandshakeFailed("no".into()));
        assert_eq!(reasons.observe_refusal(&other, ONLY_PUBLISHERS, now + REPEAT_AFTER), None);
        assert!(reasons.observe_refusal(&refused, ONLY_PUBLISHERS, now + REPEAT_AFTER).is_some());
    }

    #[test]
    fn a_publisher_that_was_cut_off_at_a_bound_endpoint_is_named_with_the_next_step() {
        for (why, expected) in [
            (
                CutOff::TooLarge,
                "disconnected a publisher 10.0.0.7:40 at tcp://h:1: it sent a message larger than \
                 --max-message 64K; raise --max-message to receive it; messages that it sends \
                 until it reconnects are lost",
            ),
            (
                CutOff::Other("a\u{1b}".to_owned()),
                "disconnected a publisher 10.0.0.7:40 at tcp://h:1: a\\x1b; messages that it sends \
                 until it reconnects are lost",
            ),
        ] {
            let mut reasons = DisconnectReasons::new(64 << 10);
            let now = Instant::now();
            let event =
                ConnectionEvent { peer: "10.0.0.7:40".into(), ..event(EventKind::CutOff(why)) };
            assert_eq!(reasons.observe_publisher(&event, now).as_deref(), Some(expected));
            assert_eq!(reasons.observe_publisher(&event, now), None, "once in a while");
        }
    }

    #[test]
    fn the_report_names_the_smallest_limit_that_a_socket_accepts() {
        let mut reasons = DisconnectReasons::new(1024);
        let now = Instant::now();
        reasons.observe(&event(EventKind::Disconnected), now);
        let line = reasons.observe(&event(EventKind::Reconnected), now).unwrap();
        assert!(line.contains("--max-message 4K,"), "{line}");
        reasons.observe(&event(EventKind::Disconnected), now + REPEAT_AFTER);
        assert!(reasons.observe(&event(EventKind::Reconnected), now + REPEAT_AFTER).is_some());
    }
}
