//! The arguments of `zlog keygen`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

const TRUST: &str = "Trust";

/// `zlog keygen`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").args(["file", "trust", "list", "revoke"]))]
pub struct KeygenArgs {
    /// Make the pair NAME.key and NAME.pub [default: this machine's]
    ///
    /// NAME may be a path. This machine's pair is machine.key and machine.pub in ~/.config/zlog,
    /// or in the directory that ZLOG_KEYS names. The .key is secret; others get the .pub.
    #[arg(value_name = "NAME")]
    pub file: Option<PathBuf>,
    /// Make NAME.key_secret and NAME.key, as PyZMQ's zmq.auth does
    ///
    /// There, NAME.key is the public one.
    #[arg(long, requires = "file")]
    pub pyzmq: bool,
    /// Name in the files or the list; USER@HOST if it is left out, or that of the trusted file
    #[arg(long, value_name = "NAME", conflicts_with_all = ["list", "revoke"])]
    pub name: Option<String>,

    /// Let the owner of this key connect to what this machine binds
    ///
    /// KEY is the key, or a file with it: NAME.pub, or a public certificate of PyZMQ. With --host,
    /// this machine connects to the owner instead. Makes this machine's key if there is none.
    // A key may begin with `-`.
    #[arg(long, value_name = "KEY", allow_hyphen_values = true, help_heading = TRUST)]
    pub trust: Option<String>,
    /// It is the key of this server, to connect to
    ///
    /// HOST as it is in endpoints. With a port, the key is for that port alone. May be repeated.
    #[arg(long, value_name = "HOST[:PORT]", requires = "trust", help_heading = TRUST)]
    pub host: Vec<String>,
    /// The client may publish only topics that begin so
    ///
    /// May be repeated. A prefix ends anywhere: web1 also allows web10. End it with a dot.
    #[arg(long, value_name = "PREFIX", requires = "trust", conflicts_with = "host")]
    #[arg(value_parser = prefix, help_heading = TRUST)]
    pub publish: Vec<String>,
    /// The client may publish nothing
    #[arg(long, requires = "trust", conflicts_with_all = ["host", "publish"])]
    #[arg(help_heading = TRUST)]
    pub no_publish: bool,
    /// The client may read only topics that begin so
    ///
    /// As --publish.
    #[arg(long, value_name = "PREFIX", requires = "trust", conflicts_with = "host")]
    #[arg(value_parser = prefix, help_heading = TRUST)]
    pub read: Vec<String>,
    /// The client may read nothing
    #[arg(long, requires = "trust", conflicts_with_all = ["host", "read"])]
    #[arg(help_heading = TRUST)]
    pub no_read: bool,
    /// List this machine's key, the trusted ones and their rights
    #[arg(short, long, help_heading = TRUST)]
    pub list: bool,
    /// Trust a key no longer
    ///
    /// WHICH is the name of a client, the host or name of a server, a key, or a file with one. Running
    /// commands disconnect the client.
    #[arg(long, value_name = "WHICH", allow_hyphen_values = true, help_heading = TRUST)]
    pub revoke: Option<String>,
}

/// Reads a prefix of topics, which a list separates by commas and spaces.
fn prefix(text: &str) -> Result<String, &'static str> {
    let is_odd = |c: char| c == ',' || c.is_whitespace() || c.is_control();
    match text {
        "" => Err("it is empty, which means all topics: leave it out"),
        _ if text.contains(is_odd) => Err("it has a comma, a space or a control character"),
        _ => Ok(text.to_owned()),
    }
}
