//! Resolves host names on threads of their own, so that a name server that does not answer
//! blocks neither other work nor signals.
//!
//! The system's resolver can't be interrupted, and takes 10 s and more if no name server
//! answers. An abandoned lookup keeps its thread until then.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::os::interface;
use crate::os::signal::ShutdownSignal;
use crate::os::thread;
use zlog_core::{Error, Result};

/// Longest wait between two checks for signals.
const SLICE: Duration = Duration::from_millis(50);

/// The addresses of a host, at least one, in the system's order; or the reason why there are
/// none.
pub(crate) type Answer = std::result::Result<Vec<SocketAddr>, String>;

/// A lookup in progress.
#[derive(Debug)]
pub(crate) struct Lookup {
    answer: Receiver<Answer>,
}

impl Lookup {
    /// Starts to look up `host`, a name or an address, with or without brackets.
    pub(crate) fn start(host: &str, port: u16) -> Lookup {
        let (answered, answer) = crossbeam_channel::bounded(1);
        if let Some(address) = parse_ip(host) {
            let _ = answered.send(Ok(vec![SocketAddr::new(address, port)]));
            return Lookup { answer };
        }
        let host = host.to_owned();
        let answering = answered.clone();
        // The receiver may be gone.
        let look_up = move || drop(answering.send(ask_system(&host, port)));
        if let Err(error) = thread::spawn("zlog-resolve", look_up) {
            let _ = answered.send(Err(error.message().to_owned()));
        }
        Lookup { answer }
    }

    /// The same for the host of an endpoint, which may be the name of an interface of this
    /// machine.
    pub(crate) fn of_endpoint(host: &str, port: u16) -> Lookup {
        let addresses = interface::addresses(host, port);
        if addresses.is_empty() {
            return Lookup::start(host, port);
        }
        let (answered, answer) = crossbeam_channel::bounded(1);
        let _ = answered.send(Ok(addresses));
        Lookup { answer }
    }

    /// The answer, if it has arrived. Returned once.
    pub(crate) fn poll(&self) -> Option<Answer> {
        self.answer.try_recv().ok()
    }

    /// Waits for the answer until `deadline`. Returned once.
    pub(crate) fn wait(&self, deadline: Instant) -> Option<Answer> {
        match self.answer.recv_deadline(deadline) {
            Ok(answer) => Some(answer),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                Some(Err("the thread that looked it up has crashed".to_owned()))
            }
        }
    }
}

/// Looks up a host that a command can't start without. A shutdown signal ends the wait.
///
/// # Errors
/// The host is unknown; or a signal arrived, which is then the exit code.
pub(crate) fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    let lookup = Lookup::start(host, port);
    loop {
        if let Some(answer) = lookup.wait(Instant::now() + SLICE) {
            return answer.map_err(|why| {
                Error::new(format!("looking up {host}: {why}"))
                    .hint("Check its spelling, or write an address, as 127.0.0.1.")
            });
        }
        if let Some(signal) = ShutdownSignal::of_process().and_then(ShutdownSignal::exit) {
            let why = "a signal came before the answer of a name server";
            return Err(Error::new(format!("looking up {host}: {why}")).exit_as(signal));
        }
    }
}

/// A host for callers that wait for its addresses up to a deadline. Clones share the lookup in
/// progress, so that a hanging one occupies one thread.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    name: String,
    port: u16,
    pending: Arc<Mutex<Option<Lookup>>>,
}

impl Host {
    pub(crate) fn new(name: &str, port: u16) -> Host {
        Host { name: name.to_owned(), port, pending: Arc::default() }
    }

    /// The host's addresses. A lookup that misses `deadline` continues, and the next call
    /// waits for its answer.
    ///
    /// # Errors
    /// The host is unknown, or the lookup missed the deadline.
    pub(crate) fn addresses(&self, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let lookup = pending.get_or_insert_with(|| Lookup::start(&self.name, self.port));
        let failed = |why: &str| io::Error::other(format!("looking up {}: {why}", self.name));
        let Some(answer) = lookup.wait(deadline) else {
            return Err(failed("no name server has answered yet"));
        };
        *pending = None;
        answer.map_err(|why| failed(&why))
    }
}

/// Parses a numeric host, with or without brackets. Does not accept zones (`fe80::1%eth0`).
pub(crate) fn parse_ip(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

/// Whether only this machine can reach an address.
pub(crate) fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

fn ask_system(host: &str, port: u16) -> Answer {
    let found = (host, port).to_socket_addrs().map_err(|error| words(&error))?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err("it has no address".to_owned()) } else { Ok(addresses) }
}

/// The resolver's reason, without Rust's prefix.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once("information: ").map_or(text.as_str(), |(_, reason)| reason);
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn an_address_is_answered_at_once() {
        for (host, shown) in
            [("127.0.0.1", "127.0.0.1:5"), ("[::1]", "[::1]:5"), ("::1", "[::1]:5")]
        {
            let answer = Lookup::start(host, 5).poll().expect(host).expect(host);
            assert_eq!(answer, [shown.parse().expect(shown)]);
        }
    }

    #[test]
    fn localhost_resolves_to_distinct_loopback_addresses() {
        let addresses = Host::new("localhost", 7).addresses(soon()).expect("localhost");
        assert!(addresses.iter().all(|a| a.ip().is_loopback() && a.port() == 7), "{addresses:?}");
        let different: std::collections::BTreeSet<_> = addresses.iter().collect();
        assert_eq!(different.len(), addresses.len());
    }

    #[test]
    fn an_unknown_host_is_an_error_with_the_resolvers_reason() {
        let error = Host::new("host.invalid", 1).addresses(soon()).expect_err("no such host");
        assert!(error.to_string().starts_with("looking up host.invalid: "), "{error}");
    }

    #[test]
    fn a_hanging_lookup_is_waited_for_until_the_deadline_and_started_once() {
        let (answered, answer) = crossbeam_channel::bounded(1);
        let host = Host::new("slow.example", 1);
        *host.pending.lock().expect("not poisoned") = Some(Lookup { answer });
        for _ in 0..2 {
            let deadline = Instant::now() + Duration::from_millis(10);
            let error = host.clone().addresses(deadline).expect_err("nobody answers");
            assert!(error.to_string().contains("no name server has answered yet"), "{error}");
            assert!(Instant::now() >= deadline);
        }
        let late: SocketAddr = "192.0.2.1:1".parse().expect("an address");
        answered.send(Ok(vec![late])).expect("the first lookup is still waited for");
        assert_eq!(host.addresses(soon()).expect("an answer"), [late]);
        assert!(host.pending.lock().expect("not poisoned").is_none());
    }
}
