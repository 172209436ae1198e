//! Consumers: a server's memory of what a reader has got.

use std::time::Duration;

use async_nats::datetime;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, Info, PullConsumer, pull};
use async_nats::jetstream::context::{ConsumerInfoErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, ConsumerErrorKind, State, Stream};
use async_nats::jetstream::{Context, ErrorCode};

use super::{NatsSourceOptions, Start};
use crate::nats::connection::text;
use crate::nats::ensure::overlaps;
use zlog_core::text::escape::escape;
use zlog_core::text::plural::counted;
use zlog_core::wire::subject;
use zlog_core::{Error, Result};

/// How long a server keeps a consumer without a name after its reader has gone.
const INACTIVE: Duration = Duration::from_secs(60);
/// How long a server waits for an acknowledgement before it gives a record to another reader.
pub(super) const ACK_WAIT: Duration = Duration::from_secs(30);
/// The most records of a durable consumer that are not acknowledged.
const MAX_UNACKNOWLEDGED: i64 = 10_000;

/// Why reading can't begin.
pub(super) enum CantOpen {
    /// It may be possible later.
    Now(Error),
    /// It never will.
    Ever(Error),
}

impl CantOpen {
    pub(super) fn error(self) -> Error {
        match self {
            CantOpen::Now(error) | CantOpen::Ever(error) => error,
        }
    }
}

impl From<Error> for CantOpen {
    fn from(error: Error) -> CantOpen {
        CantOpen::Now(error)
    }
}

/// What a reader begins with.
pub(super) struct Opened<C = PullConsumer> {
    pub(super) consumer: C,
    /// The number of the stream's last message.
    pub(super) last: u64,
    /// Whether there is nothing to read now.
    pub(super) is_empty: bool,
    /// Why that is so, if the stream has records.
    pub(super) notice: Option<String>,
}

/// Where a reader goes on after an outage; `None` at the beginning.
pub(super) type Resume = Option<u64>;

/// Creates a consumer, or finds the durable one.
///
/// # Errors
/// The stream or the consumer can't be used.
pub(super) async fn open(
    jetstream: Context,
    options: NatsSourceOptions,
    has_filters: bool,
    resume: Resume,
) -> Result<Opened, CantOpen> {
    let stream = stream(&jetstream, &options).await?;
    check_prefix(&stream.cached_info().config, &options.prefix)?;
    let last = stream.cached_info().state.last_sequence;
    let filters = filters(&options, has_filters);
    let consumer = match &options.durable {
        Some(name) => durable(&stream, &options, name, filters, resume).await?,
        None => {
            let start = match (resume, options.start) {
                (Some(next), _) => sequence(next),
                (None, Start::Last(count)) => {
                    last_records(&stream, &options, &filters, count).await?
                }
                (None, start) => policy(start)?,
            };
            create(&stream, &options, ephemeral(filters, start)).await?
        }
    };
    let is_empty = is_done(consumer.cached_info(), 0);
    let notice = (is_empty && options.durable.is_none() && resume.is_none())
        .then(|| nothing_to_read(&stream.cached_info().state, &options))
        .flatten();
    Ok(Opened { consumer, last, is_empty, notice })
}

/// Checks that the stream can have subjects under `prefix`. One without subjects copies others.
fn check_prefix(config: &Config, prefix: &str) -> Result<()> {
    let (name, asked) = (escape(&config.name), format!("{prefix}.>"));
    let subjects = &config.subjects;
    if subjects.is_empty() || subjects.iter().any(|own| overlaps(own, &asked)) {
        return Ok(());
    }
    let own = escape(&subjects.join(", "));
    Err(Error::new(format!("the stream {name} has no records under {asked}: it collects {own}"))
        .hint("Give the prefix with which they were stored: --from-nats URL,prefix=PREFIX."))
}

/// Why a reader of all topics finds nothing in a stream that has records.
fn nothing_to_read(state: &State, options: &NatsSourceOptions) -> Option<String> {
    if state.messages == 0 || options.topics.iter().all(|topic| !topic.is_empty()) {
        return None;
    }
    let (name, prefix) = (escape(&options.stream), &options.prefix);
    let records = counted(state.messages, "record");
    Some(match options.start {
        Start::Since(_) => {
            let last = state.last_timestamp.unix_timestamp();
            let last = jiff::Timestamp::from_second(last).unwrap_or_default();
            format!("no record of the stream {name} was stored since then; the last one at {last}")
        }
        _ => format!("the stream {name} has {records}, none of them under {prefix}.>"),
    })
}

/// Whether nothing is left to read for a reader that has not acknowledged `own` records: neither what
/// was never delivered, nor what another reader may fail to do.
pub(super) fn is_done(info: &Info, own: usize) -> bool {
    let waits_for_others = info.config.ack_policy != AckPolicy::None && info.num_ack_pending > own;
    info.num_pending == 0 && !waits_for_others
}

async fn stream(jetstream: &Context, options: &NatsSourceOptions) -> Result<Stream> {
    let name = escape(&options.stream);
    jetstream.get_stream(&options.stream).await.map_err(|error| match error.kind() {
        GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
            Error::new(format!("there is no stream {name}"))
                .hint("Name another one: --from-nats URL,stream=NAME. --nats of emit and relay creates it.")
        }
        GetStreamErrorKind::JetStream(error) => {
            Error::new(format!("can't read the stream {name}: {}", escape(&error.to_string())))
        }
        _ => Error::new(format!("can't read the stream {name}: {}", text(&error)))
            .hint("Check that the server has JetStream (nats-server -js), and that this user may use it."),
    })
}

/// The subjects to select by.
fn filters(options: &NatsSourceOptions, has_filters: bool) -> Vec<String> {
    let prefix = &options.prefix;
    let filters = subject::filters(&options.topics);
    let filters = match filters.len() > 1 && !has_filters {
        true => vec![subject::common(&filters)],
        false => filters,
    };
    filters.iter().map(|filter| format!("{prefix}.{filter}")).collect()
}

/// A consumer that is gone soon after its reader, and needs no acknowledgements.
fn ephemeral(filters: Vec<String>, deliver_policy: DeliverPolicy) -> pull::Config {
    let config = pull::Config {
        deliver_policy,
        ack_policy: AckPolicy::None,
        inactive_threshold: INACTIVE,
        memory_storage: true,
        num_replicas: 1,
        ..pull::Config::default()
    };
    with_filters(config, filters)
}

/// One filter has a field of its own, which old servers know.
fn with_filters(config: pull::Config, mut filters: Vec<String>) -> pull::Config {
    match filters.len() {
        1 => pull::Config { filter_subject: filters.remove(0), ..config },
        _ => pull::Config { filter_subjects: filters, ..config },
    }
}

fn sequence(next: u64) -> DeliverPolicy {
    DeliverPolicy::ByStartSequence { start_sequence: next.max(1) }
}

fn policy(start: Start) -> Result<DeliverPolicy> {
    Ok(match start {
        Start::First | Start::Last(_) => DeliverPolicy::All,
        Start::Since(seconds) => {
            let start_time = datetime::from_nanos((seconds * 1e9) as i128);
            let start_time = start_time.map_err(|_| {
                Error::usage("--since is too far away").hint("Give a time between 1970 and 9999.")
            })?;
            DeliverPolicy::ByStartTime { start_time }
        }
    })
}

/// Where the last `count` messages begin. Looks at twice as many messages with each step, since a
/// server tells how many of them have the subjects, but not where these are.
async fn last_records(
    stream: &Stream,
    options: &NatsSourceOptions,
    filters: &[String],
    count: u64,
) -> Result<DeliverPolicy> {
    let state = &stream.cached_info().state;
    let (first, last) = (state.first_sequence, state.last_sequence);
    let mut back = count;
    loop {
        let start = (last + 1).saturating_sub(back).max(first);
        let probe = create(stream, options, ephemeral(filters.to_vec(), sequence(start))).await?;
        let info = probe.cached_info();
        let (name, found) = (info.name.clone(), info.num_pending);
        // It would be gone soon anyway.
        let _ = stream.delete_consumer(&name).await;
        if found >= count || start <= first {
            return Ok(sequence(start));
        }
        back = back.saturating_mul(2);
    }
}

async fn create(
    stream: &Stream,
    options: &NatsSourceOptions,
    config: pull::Config,
) -> Result<PullConsumer> {
    stream.create_consumer(config).await.map_err(|error| {
        let why = match error.kind() {
            ConsumerErrorKind::JetStream(error) => escape(&error.to_string()),
            _ => text(&error),
        };
        Error::new(format!("can't read the stream {}: {why}", escape(&options.stream)))
            .hint("Check that this user may create consumers.")
    })
}

/// What the readers of a durable consumer have asked for: all must ask for the same, since each
/// acknowledges what it does not show.
fn reads(topics: &[Vec<u8>]) -> String {
    let mut names: Vec<_> = topics.iter().map(|it| String::from_utf8_lossy(it)).collect();
    names.sort_unstable();
    match names.iter().any(|name| name.is_empty()) {
        true => "zlog tail --durable: all topics".to_owned(),
        false => format!("zlog tail --durable: {}", names.join(" ")),
    }
}

/// Finds or creates the durable consumer.
async fn durable(
    stream: &Stream,
    options: &NatsSourceOptions,
    name: &str,
    filters: Vec<String>,
    resume: Resume,
) -> Result<PullConsumer, CantOpen> {
    let shown = escape(name);
    match stream.consumer_info(name).await {
        Ok(info) => {
            // A server's filters say less than the topics: it selects whole parts alone.
            let found = info.config.description.as_deref().unwrap_or_default();
            let asked = reads(&options.topics);
            if found != asked {
                let error = Error::new(format!(
                    "the consumer {shown} is not for these topics: it is \"{}\", not \"{}\"",
                    escape(found),
                    escape(&asked)
                ))
                .hint(format!(
                    "Give the same topics as before, or another name, or delete it: nats consumer rm {} {shown}",
                    escape(&options.stream)
                ));
                return Err(error.into());
            }
        }
        Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound && resume.is_some() => {
            let deleted = format!("the consumer {shown} was deleted while it was read");
            let hint = "Start again: a new one begins at --since, or at the first record.";
            return Err(CantOpen::Ever(Error::new(deleted).hint(hint)));
        }
        Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => {
            let config = pull::Config {
                durable_name: Some(name.to_owned()),
                description: Some(reads(&options.topics)),
                deliver_policy: policy(options.start)?,
                ack_policy: AckPolicy::Explicit,
                ack_wait: ACK_WAIT,
                max_ack_pending: MAX_UNACKNOWLEDGED,
                ..pull::Config::default()
            };
            return Ok(create(stream, options, with_filters(config, filters)).await?);
        }
        Err(error) => {
            let why = format!("can't look at the consumer {shown}: {}", text(&error));
            return Err(Error::new(why).hint("Check that this user may use it.").into());
        }
    }
    let found = stream.get_consumer(name).await;
    found.map_err(|error| {
        let why = escape(&error.to_string());
        Error::new(format!("can't read with the consumer {shown}: {why}"))
            .hint("It must be a pull consumer.")
            .into()
    })
}
