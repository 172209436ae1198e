//! What can be measured: the handlers, each in the set-up it is used in.
//!
//! What may be here: names and what they stand for. How each is set up is
//! `rig`'s.

use serde::{Deserialize, Serialize};

use super::python::PythonHandler;
use super::rounds::Thing;

/// A handler in the set-up in which it is measured.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A file, one write for each record.
    File,
    /// A file that is on the disk (`fdatasync`) before the call returns.
    FileSync,
    /// A file that is renamed and begun anew when it has grown.
    Rotating,
    /// A mail for each record.
    Smtp,
    /// Publishing to a subscriber in the same process.
    PubInproc,
    /// Publishing to a subscriber in another process, over a socket of the file system.
    PubIpc,
    /// Publishing to a subscriber in another process, over TCP on loopback.
    PubTcp,
    /// A queue, and a thread that writes what is in it to a file.
    QueueFile,
    /// A queue, and a thread that mails what is in it.
    QueueSmtp,
    /// Formatting alone: the floor under all that format.
    Null,
}

impl Subject {
    /// All of them, in the order of reports.
    pub const ALL: [Subject; 10] = [
        Subject::File,
        Subject::FileSync,
        Subject::Rotating,
        Subject::Smtp,
        Subject::PubInproc,
        Subject::PubIpc,
        Subject::PubTcp,
        Subject::QueueFile,
        Subject::QueueSmtp,
        Subject::Null,
    ];

    /// What it is called on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Subject::File => "file",
            Subject::FileSync => "file-sync",
            Subject::Rotating => "rotating",
            Subject::Smtp => "smtp",
            Subject::PubInproc => "pub-inproc",
            Subject::PubIpc => "pub-ipc",
            Subject::PubTcp => "pub-tcp",
            Subject::QueueFile => "queue-file",
            Subject::QueueSmtp => "queue-smtp",
            Subject::Null => "null",
        }
    }
}

impl Thing for Subject {
    fn name(self) -> &'static str {
        Subject::name(self)
    }
}

/// A handler that is measured: one of zlog's, or one of Python's beside them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Contender {
    /// zlog's.
    Own(Subject),
    /// Python's.
    Python(PythonHandler),
}

impl Thing for Contender {
    fn name(self) -> &'static str {
        match self {
            Contender::Own(subject) => subject.name(),
            Contender::Python(handler) => handler.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_reports_and_stand_for_one_subject_each() {
        for (at, subject) in Subject::ALL.into_iter().enumerate() {
            let json = serde_json::to_value(subject).unwrap();
            assert_eq!(json, subject.name());
            assert!(!Subject::ALL[..at].contains(&subject));
        }
    }
}
