//! A question to relays for missing records, and its answers. Never waits.

use std::collections::VecDeque;
use std::time::Duration;

use crate::socket::{Endpoint, QueryClient, Reply, SocketOptions};
use zlog_core::wire::query::{self, Hole, MAX_MESSAGES, Missing, Question};
use zlog_core::{Record, wire};

/// The frames of a message, and when it arrived.
pub(super) type Message = (Vec<Vec<u8>>, f64);

/// What has come of an answer.
pub(super) enum Answered {
    /// Nothing new.
    Nothing,
    /// One record.
    Message { source: String, topic: String, seq: u64, message: Message },
    /// The end of all answers, and whether they had all that the relays have.
    End { is_whole: bool },
    /// No relay has answered, for this reason.
    Failed(String),
}

/// A question that is asked of one relay after the other.
pub(super) struct Asking {
    relays: VecDeque<Endpoint>,
    question: Vec<u8>,
    client: Option<(Endpoint, QueryClient)>,
    /// Messages of the current answer.
    messages: usize,
    has_answer: bool,
    is_whole: bool,
    /// A relay has too many queries at the moment.
    is_busy: bool,
    failure: String,
    decoder: wire::Decoder,
    /// The key to ask with.
    options: SocketOptions,
}

impl Asking {
    pub(super) fn new(relays: &[Endpoint], holes: Vec<Hole>, options: SocketOptions) -> Asking {
        Asking {
            relays: relays.iter().cloned().collect(),
            question: query::write_question(&Question::Missing(Missing { holes })),
            client: None,
            messages: 0,
            has_answer: false,
            is_whole: true,
            is_busy: false,
            failure: String::new(),
            decoder: wire::Decoder::default(),
            options,
        }
    }

    /// Whether a relay has refused only for now.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// The next part of the answers.
    pub(super) fn next(&mut self) -> Answered {
        loop {
            let Some((relay, client)) = &mut self.client else {
                match self.relays.pop_front() {
                    Some(relay) => self.ask(relay),
                    None if self.has_answer => return Answered::End { is_whole: self.is_whole },
                    None => return Answered::Failed(std::mem::take(&mut self.failure)),
                }
                continue;
            };
            let mut frames = match client.next(Duration::ZERO, &|| false) {
                Reply::Frames(frames) => frames,
                Reply::TimedOut | Reply::Stopped => return Answered::Nothing,
                Reply::NoPeer => {
                    let why = client.lacks_rights().unwrap_or("nothing answers");
                    let why = format!("{relay}: {why}");
                    self.fail(why);
                    continue;
                }
            };
            let head = frames.first().map_or(&[][..], Vec::as_slice);
            match query::read_answer(head) {
                Ok(query::Answer::Message { received }) if self.messages < MAX_MESSAGES => {
                    self.messages += 1;
                    frames.remove(0);
                    if let Some(message) = self.read(frames, received) {
                        return message;
                    }
                }
                Ok(query::Answer::End(end)) => {
                    self.has_answer = true;
                    self.is_whole &= !end.is_cut && self.messages < MAX_MESSAGES;
                    self.client = None;
                }
                Ok(query::Answer::Refused { why }) => {
                    let relay = relay.to_string();
                    self.refused(&relay, &why);
                }
                Ok(_) => self.fail("unexpected answer".to_owned()),
                Err(error) => self.fail(error.to_string()),
            }
        }
    }

    fn ask(&mut self, relay: Endpoint) {
        self.messages = 0;
        match QueryClient::ask(&relay, &self.question, &self.options) {
            Ok(client) => self.client = Some((relay, client)),
            Err(error) => self.failure = error.to_string(),
        }
    }

    /// Notes that a relay has refused to answer.
    pub(super) fn refused(&mut self, relay: &str, why: &str) {
        self.is_busy |= why == query::TOO_MANY;
        self.fail(format!("{relay} refuses to answer: {why}"));
    }

    fn fail(&mut self, why: String) {
        (self.client, self.failure) = (None, why);
    }

    /// A record of an answer; `None` if it has no number.
    fn read(&mut self, frames: Vec<Vec<u8>>, received: f64) -> Option<Answered> {
        let (source, topic, seq) = {
            let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
            let mut record = Record::default();
            self.decoder.decode_into(&frames, received, &mut record);
            (record.source?.into_owned(), record.topic.into_owned(), record.seq?)
        };
        Some(Answered::Message { source, topic, seq, message: (frames, received) })
    }
}
