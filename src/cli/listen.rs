//! The arguments of commands that receive from Python's network handlers.

use clap::Args;

use zlog_core::text::parsers;
use zlog_pipeline::source::python::{Address, ListenOptions};

const HEADING: &str = "Python's SocketHandler and DatagramHandler";

/// Where Python's network handlers send their records.
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
    /// Allow listening beyond loopback
    ///
    /// Anyone who can reach the port can then write records.
    #[arg(long, requires = "listening", help_heading = HEADING)]
    pub allow_remote: bool,
    /// Disconnect a client that sends a longer record (pickled)
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
        !self.listen.is_empty() || !self.listen_udp.is_empty()
    }

    /// The options of the source.
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
