//! Which records a subscriber takes: from the arguments of `tail` and `top` to filters.

use std::path::Path;

use jiff::Zoned;

use crate::cli::value_parsers::is_nats;
use crate::cli::{EndpointArgs, SelectArgs};
use zlog_core::filter::{Filter, TextFilter, Topics};
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};
use zlog_pipeline::typed_url::servers_without_logins;

/// The topics that are asked for.
pub(super) fn topics(args: &SelectArgs) -> Topics {
    Topics {
        prefixes: args.topics.clone(),
        roots: args.root.clone(),
        excluded: args.not.clone(),
        whole_parts: args.whole_parts,
    }
}

/// The other conditions for a record to pass. Topics are checked before, because sequence numbers
/// are tracked in all topics that are asked for, whatever else is filtered.
pub(super) fn filter(args: &SelectArgs, now: &Zoned) -> Filter {
    let mut conditions = args.conditions.clone();
    conditions.iter_mut().for_each(|condition| condition.set_now(now));
    Filter {
        min_level: args.level,
        strict_level: args.strict_level,
        topics: Topics::default(),
        from_source: args.from_source.clone(),
        since: None,
        until: None,
        conditions,
        text: TextFilter::new(args.grep.clone(), args.all, args.exclude.clone()),
    }
}

/// Takes the endpoints out of the topics: `python -m zmq.log` takes its endpoint as an argument,
/// too.
pub(super) fn take_endpoints(args: &mut SelectArgs) -> Vec<String> {
    args.topics.extract_if(.., |word| word.contains("://")).collect()
}

/// The server of NATS as messages name it: the URL, which may have been typed without an option.
pub(super) fn name_of_server(text: &str) -> String {
    match is_nats(text) {
        true => escape(&servers_without_logins(text)),
        false => "--from-nats".to_owned(),
    }
}

/// Takes the server of NATS out of the topics. `has_other` is whether another source is given, and
/// `others` says what that may be.
///
/// # Errors
/// It is not the only source.
pub(super) fn take_server(
    args: &mut SelectArgs,
    endpoints: &EndpointArgs,
    has_other: bool,
    others: &str,
) -> Result<Option<String>> {
    let mut servers: Vec<String> = args.topics.extract_if(.., |word| is_nats(word)).collect();
    let is_alone = !has_other && endpoints.bind.is_empty() && endpoints.connect.is_empty();
    match servers.pop() {
        Some(server) if !(is_alone && servers.is_empty()) => {
            let server = name_of_server(&server);
            let what = format!("{server} can't be combined with another source");
            Err(Error::usage(what).hint(format!(
                "Read one: a stream of NATS, whose servers are separated by commas, or {others}."
            )))
        }
        server => Ok(server),
    }
}

/// Says of each topic that is probably an endpoint or a path how it is taken. An endpoint contains
/// `://`: the name of an instance, as `web1:8080`, may begin a topic.
pub(super) fn odd_topics(args: &SelectArgs) -> impl Iterator<Item = String> {
    let hint = |topic: &String| {
        let hint = other_spelling(topic)?;
        Some(format!("\"{}\" is taken as the beginning of topics. {hint}", escape(topic)))
    };
    args.topics.iter().filter_map(hint)
}

/// The argument for what `topic` probably is: an endpoint without a transport, or a path.
fn other_spelling(topic: &str) -> Option<String> {
    let path = Path::new(topic);
    let port = topic.rsplit_once(':').map(|(_, port)| port);
    // A slash or the colon is missing.
    let url = ["tcp", "nats", "tls"].iter().find_map(|scheme| {
        let rest = topic.strip_prefix(scheme)?;
        let address = rest.strip_prefix(":/").or_else(|| rest.strip_prefix("//"))?;
        Some(format!("{scheme}://{}", escape(address)))
    });
    let hint = if let Some(url) = url {
        format!("To connect to an endpoint: {url}")
    } else if path.is_file() {
        let path = escape(topic);
        format!("To read a file: zlog tail --input {path}. To follow it: zlog tail -f {path}")
    } else if topic.starts_with(['/', '.', '~']) {
        let path = escape(topic);
        format!("To read a file: zlog tail --input {path}. To connect to a socket: ipc://{path}")
    } else if port.is_some_and(|port| port.parse::<u16>().is_ok()) {
        let host = if topic.starts_with(':') { "127.0.0.1" } else { "" };
        format!("To connect to an endpoint: tcp://{host}{}", escape(topic))
    } else if topic.parse::<u16>().is_ok() {
        format!("To connect to a port of this machine: tcp://127.0.0.1:{topic}")
    } else {
        return None;
    };
    Some(hint)
}
