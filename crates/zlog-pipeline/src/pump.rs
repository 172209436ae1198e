//! The loop that every pipeline runs: source → record → handlers.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::os::clock::TICK;
use crate::source::{PollStatus, Source};
use zlog_core::{Record, Result};

/// Handles the records of a source, and decides when the loop ends.
pub trait Pipeline<S: Source + ?Sized> {
    /// Handles one record.
    ///
    /// # Errors
    /// An error ends the pipeline.
    fn take(&mut self, record: &mut Record<'_>) -> Result<()>;

    /// Whether to stop before the source ends: a signal came, or a limit is reached.
    /// Called before each poll and after each record.
    fn is_done(&self) -> bool;

    /// Longest wait for the source, in the next poll.
    fn wait(&self) -> Duration {
        TICK
    }

    /// Runs after each poll: flushes, reports the source's notices, does timed work.
    ///
    /// # Errors
    /// An error ends the pipeline.
    fn after_poll(&mut self, source: &mut S, status: PollStatus) -> Result<()>;

    /// Once the pipeline is done: how long the source may take to deliver what it has
    /// received. `None` discards it.
    fn grace(&self) -> Option<Duration>;
}

/// Runs until the source ends or the pipeline is done.
///
/// # Errors
/// Those of the source and of the pipeline.
pub fn pump<S: Source + ?Sized>(source: &mut S, pipeline: &mut impl Pipeline<S>) -> Result<()> {
    while !pipeline.is_done() {
        let wait = pipeline.wait();
        let status = source.poll(wait, &mut |record| {
            // The source has given this record up, so it is handled even if the pipeline
            // has just become done.
            pipeline.take(record)?;
            Ok(match pipeline.is_done() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            })
        })?;
        pipeline.after_poll(source, status)?;
        if status == PollStatus::Ended {
            return Ok(());
        }
    }
    if let Some(within) = pipeline.grace() {
        source.finish(within, &mut |record| {
            pipeline.take(record)?;
            Ok(ControlFlow::Continue(()))
        })?;
        pipeline.after_poll(source, PollStatus::Ended)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::synthetic::SyntheticSource;

    /// Counts records up to a limit.
    #[derive(Default)]
    struct Counter {
        taken: u64,
        limit: u64,
        polls: u64,
        grace: Option<Duration>,
    }

    impl<S: Source> Pipeline<S> for Counter {
        fn take(&mut self, _: &mut Record<'_>) -> Result<()> {
            self.taken += 1;
            Ok(())
        }

        fn is_done(&self) -> bool {
            self.taken >= self.limit
        }

        fn after_poll(&mut self, _: &mut S, _: PollStatus) -> Result<()> {
            self.polls += 1;
            Ok(())
        }

        fn grace(&self) -> Option<Duration> {
            self.grace
        }
    }

    /// A source whose last records come only when it is asked to finish.
    struct Held(SyntheticSource);

    impl Source for Held {
        fn poll(
            &mut self,
            wait: Duration,
            sink: &mut crate::source::Sink<'_>,
        ) -> Result<PollStatus> {
            let mut rest = 3;
            self.0.poll(wait, &mut |record| {
                rest -= 1;
                let flow = sink(record)?;
                Ok(if rest == 0 { ControlFlow::Break(()) } else { flow })
            })
        }

        fn finish(&mut self, within: Duration, sink: &mut crate::source::Sink<'_>) -> Result<()> {
            self.0.poll(within, sink).map(drop)
        }
    }

    #[test]
    fn the_loop_ends_with_the_source() {
        let mut counter = Counter { limit: u64::MAX, ..Counter::default() };
        pump(&mut SyntheticSource::new(Some(1000), 1), &mut counter).unwrap();
        assert_eq!(counter.taken, 1000);
    }

    #[test]
    fn the_loop_ends_after_the_record_that_reaches_the_limit() {
        let mut counter = Counter { limit: 300, ..Counter::default() };
        pump(&mut SyntheticSource::new(None, 1), &mut counter).unwrap();
        assert_eq!((counter.taken, counter.polls), (300, 2));
    }

    #[test]
    fn what_the_source_still_holds_is_delivered_if_the_pipeline_gives_it_time() {
        for (grace, taken) in [(None, 2), (Some(Duration::ZERO), 7)] {
            let mut counter = Counter { limit: 2, grace, ..Counter::default() };
            pump(&mut Held(SyntheticSource::new(Some(7), 1)), &mut counter).unwrap();
            assert_eq!(counter.taken, taken);
        }
    }
}
