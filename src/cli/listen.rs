//! The arguments of commands that receive from Python's network handlers.

use clap::Args;

use zlog_core::Result;
use zlog_core::text::parsers;
use zlog_pipeline::router::RecordInput;
use zlog_pipeline::source::otlp::OtlpListenOptions;
use zlog_pipeline::source::python::{Address, ListenOptions};

/// The port that the senders for an option send to by default.
pub(super) fn default_of(option: &str) -> Option<&'static str> {
    match option {
        "--listen" => Some("9020"),
        "--listen-udp" => Some("9021"),
        "--otlp-listen" => Some("4318"),
        _ => None,
    }
}

const HEADING: &str = "Python's SocketHandler and DatagramHandler, and OpenTelemetry";

/// Where other programs send their records.
#[derive(Args, Debug, Clone)]
pub struct ListenArgs {
    /// Receive from SocketHandler [port: 9020]
    ///
    /// HOST:PORT, PORT or unix:PATH. May be repeated.
    #[arg(long, value_name = "ADDRESS", help_heading = HEADING)]
    pub listen: Vec<Address>,
    /// Receive from DatagramHandler [port: 9021]
    ///
    /// HOST:PORT, PORT or unix:PATH. May be repeated.
    #[arg(long, value_name = "ADDRESS", help_heading = HEADING)]
    pub listen_udp: Vec<Address>,
    /// Receive OpenTelemetry's logs (OTLP) [port: 4318]
    ///
    /// HOST:PORT or PORT, for HTTP with Protocol Buffers and for gRPC. May be repeated.
    #[arg(long, value_name = "ADDRESS", help_heading = HEADING)]
    pub otlp_listen: Vec<Address>,
    /// Allow listening beyond loopback
    ///
    /// Anyone who can reach the port can then write records.
    #[arg(long, requires = "listening", help_heading = HEADING, hide_short_help = true)]
    pub allow_remote: bool,
    /// Skip a longer record (as it was sent)
    #[arg(long, value_name = "SIZE", default_value = "1M", value_parser = parsers::size)]
    #[arg(help_heading = HEADING, hide_short_help = true)]
    pub max_record: usize,
    /// Refuse clients beyond this number
    #[arg(long, value_name = "N", default_value_t = 1000, help_heading = HEADING)]
    #[arg(value_parser = parsers::at_least_one::<usize>, hide_short_help = true)]
    pub max_clients: usize,
}

impl ListenArgs {
    /// Whether there is an address to listen on.
    pub fn any(&self) -> bool {
        self.python() || !self.otlp_listen.is_empty()
    }

    /// Whether there is an address for Python's handlers.
    pub fn python(&self) -> bool {
        !self.listen.is_empty() || !self.listen_udp.is_empty()
    }

    /// Checks the addresses before anything is opened.
    ///
    /// # Errors
    /// One can't be looked up, or must not be listened on.
    pub fn validate(&self) -> Result<()> {
        for address in self.listen.iter().chain(&self.listen_udp) {
            // Whether it may be listened on does not depend on the port.
            address.resolve(0, self.allow_remote)?;
        }
        self.otlp_options("").validate()
    }

    /// The addresses to which a handler of this process may send.
    ///
    /// # Errors
    /// One can't be looked up, or must not be listened on.
    pub fn inputs(&self) -> Result<Vec<RecordInput>> {
        RecordInput::otlp(&self.otlp_listen, self.allow_remote)
    }

    /// The options of the source for OTLP, whose topics begin with `root`.
    pub fn otlp_options(&self, root: &str) -> OtlpListenOptions {
        OtlpListenOptions {
            addresses: self.otlp_listen.clone(),
            allow_remote: self.allow_remote,
            root: root.to_owned(),
            max_record: self.max_record,
            max_clients: self.max_clients,
            ..OtlpListenOptions::default()
        }
    }

    /// The options of the source for Python's handlers.
    pub fn options(&self) -> ListenOptions {
        ListenOptions {
            tcp: self.listen.clone(),
            udp: self.listen_udp.clone(),
            allow_remote: self.allow_remote,
            max_record: self.max_record,
            max_clients: self.max_clients,
            ..ListenOptions::default()
        }
    }
}
