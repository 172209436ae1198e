//! A tail of a stream of NATS JetStream.

use std::time::{Duration, Instant};

use super::Tail;
use super::stored::Stored;
use crate::cli::{TailArgs, nats_source};
use zlog_core::{Record, Result};
use zlog_pipeline::os::clock::TICK;
use zlog_pipeline::pump::{Pipeline, pump};
use zlog_pipeline::source::nats::{NatsSource, NatsSourceOptions, Start};
use zlog_pipeline::source::{PollStatus, Source as _};

/// By how many seconds the clock of an emitter may be ahead of the server's: a server selects by its
/// own time, and `--since` by the record's.
const CLOCKS_DIFFER: f64 = 300.0;

/// Shows the records of the stream at `servers`.
pub(super) fn run(servers: &str, args: &TailArgs, tail: &mut Tail) -> Result<()> {
    let options = options(servers, args, tail)?;
    let mut source = NatsSource::open(options)?;
    let mut stream = Stream {
        stored: Stored::new(args, tail),
        acknowledges: args.durable.is_some(),
        missing: 0,
    };
    let ran = pump(&mut source, &mut stream);
    let ended = ran.and_then(|()| stream.finish(&mut source, args));
    // Other readers get what this one has not done.
    source.stop(args.linger.0)?;
    ended
}

fn options(servers: &str, args: &TailArgs, tail: &Tail) -> Result<NatsSourceOptions> {
    let topics = tail.output.subscriptions(args.select.level);
    let start = match (args.last, tail.output.filter.since) {
        // A server can count them only if it selects exactly what passes.
        (Some(count), None) if is_selected_by_server(args, &topics) => Start::Last(count as u64),
        (_, Some(since)) => Start::Since((since - CLOCKS_DIFFER).max(0.0)),
        (_, None) => Start::First,
    };
    Ok(NatsSourceOptions {
        topics,
        start,
        // A number of records and a time limit: as with a subscription, it waits for them.
        follow: args.follow || (args.count.is_some() && args.timeout.is_some()),
        durable: args.durable.clone(),
        keep_bodies: super::settings::shows_bodies(args),
        ..nats_source(servers)?
    })
}

/// Whether a server selects exactly the records that pass: all of them, or whole parts of topics.
fn is_selected_by_server(args: &TailArgs, topics: &[Vec<u8>]) -> bool {
    let is_whole = |topic: &Vec<u8>| topic.last().is_none_or(|last| *last == b'.');
    let has_filter = args.select.level.is_some()
        || args.until.is_some()
        || !(args.select.not.is_empty()
            && args.select.from_source.is_empty()
            && args.select.conditions.is_empty())
        || !(args.select.grep.is_empty() && args.select.exclude.is_empty());
    !has_filter && topics.iter().all(is_whole)
}

/// A tail of a stream, which acknowledges what its handlers have.
struct Stream<'t> {
    stored: Stored<'t>,
    acknowledges: bool,
    /// Records that the handlers have lost so far.
    missing: u64,
}

impl Stream<'_> {
    /// Acknowledges what was read if all handlers have it. Returns whether nothing waits.
    fn acknowledge(&mut self, source: &mut NatsSource) -> Result<bool> {
        let output = &mut self.stored.tail.output;
        output.flush()?;
        let status = output.router.status();
        if status.iter().any(|handler| handler.queued + handler.waiting > 0) {
            return Ok(false);
        }
        let missing = status.iter().map(|handler| handler.missing()).sum();
        if std::mem::replace(&mut self.missing, missing) == missing {
            source.checkpoint(false);
        } else {
            // Nobody knows which of them the handlers have lost: all come again.
            source.give_back();
        }
        Ok(true)
    }

    /// Waits for the handlers, and reports what was read.
    fn finish(&mut self, source: &mut NatsSource, args: &TailArgs) -> Result<()> {
        if self.acknowledges {
            self.stored.tail.output.release_all()?;
            let until = Instant::now() + args.linger.0;
            while !self.acknowledge(source)? && Instant::now() < until {
                std::thread::sleep(TICK);
            }
        }
        self.stored.finish(source, args)
    }
}

impl Pipeline<NatsSource> for Stream<'_> {
    fn take(&mut self, record: &mut Record<'_>) -> Result<()> {
        Pipeline::<NatsSource>::take(&mut self.stored, record)
    }

    fn is_done(&self) -> bool {
        Pipeline::<NatsSource>::is_done(&self.stored)
    }

    fn wait(&self) -> Duration {
        Pipeline::<NatsSource>::wait(&self.stored)
    }

    fn after_poll(&mut self, source: &mut NatsSource, status: PollStatus) -> Result<()> {
        self.stored.after_poll(source, status)?;
        if self.acknowledges && source.has_unacknowledged() {
            self.acknowledge(source)?;
        }
        Ok(())
    }

    /// None: what was read ahead stays in the stream.
    fn grace(&self) -> Option<Duration> {
        None
    }
}
