//! Which records a subscriber takes: from the arguments of `tail` and `top` to filters.

use jiff::Zoned;

use crate::cli::value_parsers::is_nats;
use crate::cli::{EndpointArgs, SelectArgs};
use zlog_core::filter::{Filter, TextFilter, Topics};
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

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
            let what = format!("{} can't be combined with another source", escape(&server));
            Err(Error::usage(what).hint(format!(
                "Read one: a stream of NATS, whose servers are separated by commas, or {others}."
            )))
        }
        server => Ok(server),
    }
}
