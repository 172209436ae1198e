//! Targets of measurements: handlers in typical set-ups.
//!
//! `fixture` sets them up.

use serde::{Deserialize, Serialize};

use super::rounds::Measurable;

/// A handler in a typical set-up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BenchTarget {
    /// A file, one write per record.
    File,
    /// A file, synced to disk (`fdatasync`) before each call returns.
    FileSync,
    /// A rotating file.
    Rotating,
    /// One mail per record.
    Smtp,
    /// Publishing to a subscriber in the same process.
    PubInproc,
    /// Publishing to a subscriber in another process, over a Unix socket.
    PubIpc,
    /// Publishing to a subscriber in another process, over TCP on loopback.
    PubTcp,
    /// A queue, and a thread that writes to a file.
    QueueFile,
    /// A queue, and a thread that sends mails.
    QueueSmtp,
    /// Formatting alone: the minimum for all handlers that format.
    Null,
}

impl BenchTarget {
    /// All of them, in the order of reports.
    pub const ALL: [BenchTarget; 10] = [
        BenchTarget::File,
        BenchTarget::FileSync,
        BenchTarget::Rotating,
        BenchTarget::Smtp,
        BenchTarget::PubInproc,
        BenchTarget::PubIpc,
        BenchTarget::PubTcp,
        BenchTarget::QueueFile,
        BenchTarget::QueueSmtp,
        BenchTarget::Null,
    ];

    /// The name on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            BenchTarget::File => "file",
            BenchTarget::FileSync => "file-sync",
            BenchTarget::Rotating => "rotating",
            BenchTarget::Smtp => "smtp",
            BenchTarget::PubInproc => "pub-inproc",
            BenchTarget::PubIpc => "pub-ipc",
            BenchTarget::PubTcp => "pub-tcp",
            BenchTarget::QueueFile => "queue-file",
            BenchTarget::QueueSmtp => "queue-smtp",
            BenchTarget::Null => "null",
        }
    }
}

/// One of Python's handlers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PythonHandler {
    /// `logging.FileHandler`.
    File,
    /// `logging.handlers.SMTPHandler`.
    Smtp,
    /// `logging.handlers.QueueHandler`, and a `QueueListener` before a `FileHandler`.
    Queue,
    /// `logging.handlers.SocketHandler`.
    Socket,
    /// PyZMQ's `PUBHandler`.
    Pub,
}

impl PythonHandler {
    /// All of them, in the order of reports.
    pub const ALL: [PythonHandler; 5] = [
        PythonHandler::File,
        PythonHandler::Smtp,
        PythonHandler::Queue,
        PythonHandler::Socket,
        PythonHandler::Pub,
    ];

    /// Those of Python's standard library.
    pub(crate) const OWN: [PythonHandler; 4] =
        [PythonHandler::File, PythonHandler::Smtp, PythonHandler::Queue, PythonHandler::Socket];

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            PythonHandler::File => "python-file",
            PythonHandler::Smtp => "python-smtp",
            PythonHandler::Queue => "python-queue",
            PythonHandler::Socket => "python-socket",
            PythonHandler::Pub => "python-pub",
        }
    }
}

/// A handler to measure: zlog's or Python's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Candidate {
    /// zlog's.
    Own(BenchTarget),
    /// Python's.
    Python(PythonHandler),
}

impl Measurable for Candidate {
    fn name(self) -> &'static str {
        match self {
            Candidate::Own(target) => target.name(),
            Candidate::Python(handler) => handler.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_reports_and_stand_for_one_subject_each() {
        for (at, target) in BenchTarget::ALL.into_iter().enumerate() {
            let json = serde_json::to_value(target).unwrap();
            assert_eq!(json, target.name());
            assert!(!BenchTarget::ALL[..at].contains(&target));
        }
    }
}
