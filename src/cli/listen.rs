//! Listening for Python's handlers: what may be typed, for every command that does.

use clap::Args;

use zlog_core::text::parsers;
use zlog_pipeline::source::python::{Address, ListenOptions};

const HEADING: &str = "Python's SocketHandler and DatagramHandler";

/// Where programs that log through Python's handlers send their records.
#[derive(Args, Debug, Clone)]
pub struct ListenArgs {
    /// Take what Python's SocketHandler sends here [port: 9020], or to unix:PATH; may be
    /// repeated
    #[arg(long, value_name = "HOST:PORT", help_heading = HEADING)]
    pub listen: Vec<Address>,
    /// Take what Python's DatagramHandler sends here [port: 9021], or to unix:PATH; may be
    /// repeated
    #[arg(long, value_name = "HOST:PORT", help_heading = HEADING)]
    pub listen_udp: Vec<Address>,
    /// Listen where other machines can send, too: whoever reaches the port can write records
    #[arg(long, requires = "listening", help_heading = HEADING)]
    pub allow_remote: bool,
    /// The longest record, pickled; a client that sends a longer one is cut off
    #[arg(long, value_name = "SIZE", default_value = "1M", value_parser = parsers::size)]
    #[arg(help_heading = HEADING)]
    pub max_record: usize,
    /// The most clients at once; more are turned away
    #[arg(long, value_name = "N", default_value_t = 1000, help_heading = HEADING)]
    #[arg(value_parser = parsers::at_least_one::<usize>)]
    pub max_clients: usize,
}

impl ListenArgs {
    /// Whether anything is listened for.
    pub fn any(&self) -> bool {
        !self.listen.is_empty() || !self.listen_udp.is_empty()
    }

    /// The same as the source wants it.
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
