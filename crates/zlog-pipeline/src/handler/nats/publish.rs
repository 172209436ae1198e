//! Sends batches over a connection, one behind the other, and waits for the confirmation of each record.
//!
//! A task of the connection does it ([`Task`]). While the server stores records, it sends those that
//! follow, and the handler makes more of them.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};
use tokio::sync::mpsc;

use super::fast;
use super::task::{Failure, Job, PublishOptions, Report, Task, Work};
use crate::nats::connection::{Connection, wait_for_trouble};

/// Longer than a batch takes: its task ends it when no confirmation comes.
const NO_DEADLINE: Duration = Duration::from_secs(24 * 3600);

/// Sends batches over one connection.
pub(super) struct Publisher {
    jobs: mpsc::UnboundedSender<Job>,
    reports: Receiver<Report>,
    /// Batches that have begun.
    begun: u64,
    /// Batches whose reports were received.
    reported: u64,
}

impl Publisher {
    /// Subscribes to confirmations. `None` if that takes longer than until `deadline`.
    pub(super) fn start(
        connection: &Connection,
        options: PublishOptions,
        deadline: Instant,
    ) -> Option<Result<Publisher, String>> {
        let (jobs, to_do) = mpsc::unbounded_channel();
        let (report, reports) = unbounded();
        let (client, mut trouble) = (connection.client.clone(), connection.watch());
        let inbox = client.new_inbox();
        let (of_answers, subscriber) = (format!("{inbox}.>"), client.clone());
        let subscribe = async move { subscriber.subscribe(of_answers).await };
        let answers = match connection.runtime.run(deadline, subscribe)? {
            Ok(answers) => answers,
            Err(error) => return Some(Err(error.to_string())),
        };
        let mut task = Task::new(client, inbox, answers, options, to_do, report);
        connection.runtime.spawn(async move {
            let failure = tokio::select! {
                failure = run(&mut task) => failure,
                trouble = wait_for_trouble(&mut trouble) => Failure::Trouble(trouble),
            };
            task.fail(failure);
        });
        Some(Ok(Publisher { jobs, reports, begun: 0, reported: 0 }))
    }

    /// Begins to send a batch. After a failure, its report never comes.
    pub(super) fn begin(&mut self, work: Work) {
        self.begun += 1;
        // If the task has ended, waiting for the report tells.
        let _ = self.jobs.send(Job::Send(work));
    }

    /// Whether a batch has begun that is not reported.
    pub(super) fn has_begun(&self) -> bool {
        self.begun > self.reported
    }

    /// Waits for the report of the first batch that has begun, until `until`. `None` if it does not
    /// come: it takes longer, or the connection has ended.
    pub(super) fn finish(&mut self, until: Option<Instant>) -> Option<Report> {
        self.reported += 1;
        if let Ok(report) = self.reports.try_recv() {
            return Some(report);
        }
        let _ = self.jobs.send(Job::Wait(self.reported));
        let until = until.unwrap_or_else(|| Instant::now() + NO_DEADLINE);
        self.reports.recv_deadline(until).ok()
    }
}

/// Sends batches until it fails.
async fn run(task: &mut Task) -> Failure {
    loop {
        let sent = match task.is_idle() {
            true => task.next_answer(false).await.map(drop),
            false if task.options.has_batches => fast::publish(task).await,
            false => task.one_by_one(u64::MAX).await,
        };
        if let Err(failure) = sent {
            return failure;
        }
    }
}
