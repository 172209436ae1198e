//! What is said on one connection: commands in, replies out, mails delivered.
//!
//! What may be here: the order of commands and their replies (RFC 5321, sections
//! 3 and 4). No I/O, and no reading of commands: that is `smtp_proto`'s.

use std::borrow::Cow;
use std::io::Write;

use smtp_proto::request::receiver::{DataReceiver, DummyDataReceiver, RequestReceiver};
use smtp_proto::{
    EXT_8BIT_MIME, EXT_PIPELINING, EXT_SIZE, EXT_SMTP_UTF8, EhloResponse, Error, Request,
};

use super::Mail;

/// What the server calls itself.
const NAME: &str = "localhost";
/// The largest mail that is taken, in bytes.
pub(super) const MOST_BYTES: usize = 32 << 20;
/// The most recipients a mail may have: what RFC 5321, 4.5.3.1.8 asks for at least.
pub(super) const MOST_RECIPIENTS: usize = 100;

/// Whether the conversation goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// The client's turn.
    Listen,
    /// Close, once the replies have gone out.
    Close,
}

/// Takes a mail. Returns whether it may be acknowledged.
pub(super) type Deliver<'d> = dyn FnMut(&Mail) -> bool + 'd;

/// One connection's conversation.
#[derive(Default)]
pub(super) struct Session {
    requests: RequestReceiver,
    greeted: bool,
    /// The mail under way: there is one from `MAIL` on.
    mail: Option<Mail>,
    /// What is being received, from `DATA` on.
    data: Option<Data>,
}

/// The content of a mail on its way.
enum Data {
    Kept(DataReceiver),
    /// It is larger than is taken: read to its end, and refused then.
    TooLarge(DummyDataReceiver),
}

impl Session {
    /// The server speaks first.
    pub(super) fn greet(&self, replies: &mut Vec<u8>) {
        reply(replies, 220, format_args!("{NAME} zlog bench, ESMTP"));
    }

    /// Takes what the client has sent, and appends the replies. A mail is
    /// acknowledged after `deliver` has seen it.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        replies: &mut Vec<u8>,
        deliver: &mut Deliver<'_>,
    ) -> Next {
        let mut bytes = bytes.iter();
        loop {
            if self.data.is_some() {
                if !self.receive(&mut bytes) {
                    return Next::Listen;
                }
                self.finish(replies, deliver);
                continue;
            }
            let request = match self.requests.ingest(&mut bytes) {
                Ok(request) => request.into_owned(),
                Err(Error::NeedsMoreData { .. }) => return Next::Listen,
                Err(error) => {
                    if refuse(replies, &error) == Next::Close {
                        return Next::Close;
                    }
                    continue;
                }
            };
            if self.answer(request, replies) == Next::Close {
                return Next::Close;
            }
        }
    }

    fn answer(&mut self, request: Request<String>, replies: &mut Vec<u8>) -> Next {
        match request {
            Request::Ehlo { .. } => {
                self.greeted = true;
                self.mail = None;
                announce(replies);
            }
            Request::Helo { .. } => {
                self.greeted = true;
                self.mail = None;
                reply(replies, 250, NAME);
            }
            Request::Mail { from } => self.mail_from(from.address, from.size, replies),
            Request::Rcpt { to } => self.rcpt_to(to.address, replies),
            Request::Data => self.begin_data(replies),
            Request::Rset => {
                self.mail = None;
                reply(replies, 250, "OK");
            }
            Request::Noop { .. } => reply(replies, 250, "OK"),
            Request::Help { .. } => reply(replies, 214, "EHLO MAIL RCPT DATA RSET NOOP QUIT"),
            Request::Vrfy { .. } => reply(replies, 252, "Send it, and it is taken"),
            Request::Quit => {
                reply(replies, 221, format_args!("{NAME} closes"));
                return Next::Close;
            }
            // None of these was announced.
            other => reply(replies, 502, format_args!("{} is not implemented", other.name())),
        }
        Next::Listen
    }

    fn mail_from(&mut self, from: String, size: usize, replies: &mut Vec<u8>) {
        if !self.greeted {
            reply(replies, 503, "Say EHLO first");
        } else if self.mail.is_some() {
            reply(replies, 503, "There is a sender already");
        } else if size > MOST_BYTES {
            reply(replies, 552, format_args!("No more than {MOST_BYTES} bytes"));
        } else {
            self.mail = Some(Mail { from, ..Mail::default() });
            reply(replies, 250, "OK");
        }
    }

    fn rcpt_to(&mut self, to: String, replies: &mut Vec<u8>) {
        match &mut self.mail {
            None => reply(replies, 503, "Say MAIL first"),
            // The null path is for senders alone.
            Some(_) if to.is_empty() => reply(replies, 501, "Name a recipient"),
            Some(mail) if mail.to.len() >= MOST_RECIPIENTS => {
                reply(replies, 452, "Too many recipients");
            }
            Some(mail) => {
                mail.to.push(to);
                reply(replies, 250, "OK");
            }
        }
    }

    fn begin_data(&mut self, replies: &mut Vec<u8>) {
        if self.mail.as_ref().is_none_or(|mail| mail.to.is_empty()) {
            reply(replies, 503, "Say RCPT first");
            return;
        }
        let mut receiver = DataReceiver::new();
        // The line that DATA stands on ends just before the content, so that a dot
        // in its first line is at the start of a line too. The receiver is told.
        receiver.ingest(&mut b"\r\n".iter(), &mut Vec::new());
        self.data = Some(Data::Kept(receiver));
        reply(replies, 354, "End it with a dot on a line of its own");
    }

    /// Takes content. Returns whether that was its end.
    fn receive(&mut self, bytes: &mut std::slice::Iter<'_, u8>) -> bool {
        let (Some(data), Some(mail)) = (&mut self.data, &mut self.mail) else { return true };
        match data {
            Data::TooLarge(receiver) => receiver.ingest(bytes),
            Data::Kept(receiver) => {
                let ended = receiver.ingest(bytes, &mut mail.data);
                if mail.data.len() > MOST_BYTES {
                    mail.data = Vec::new();
                    *data = Data::TooLarge(DummyDataReceiver::new_data(receiver));
                }
                ended
            }
        }
    }

    fn finish(&mut self, replies: &mut Vec<u8>, deliver: &mut Deliver<'_>) {
        match (self.data.take(), self.mail.take()) {
            (Some(Data::Kept(_)), Some(mail)) if deliver(&mail) => {
                reply(replies, 250, "Taken");
            }
            (Some(Data::TooLarge(_)), _) => {
                reply(replies, 552, format_args!("No more than {MOST_BYTES} bytes"));
            }
            _ => reply(replies, 451, "The server stops"),
        }
    }
}

/// One line. None of the texts can hold a line's end.
fn reply(replies: &mut Vec<u8>, code: u16, text: impl std::fmt::Display) {
    write!(replies, "{code} {text}\r\n").expect("writing to a Vec can't fail");
}

/// The reply to EHLO: what the server can do.
fn announce(replies: &mut Vec<u8>) {
    let mut response = EhloResponse::new(Cow::Borrowed(NAME));
    response.capabilities = EXT_8BIT_MIME | EXT_PIPELINING | EXT_SIZE | EXT_SMTP_UTF8;
    response.size = MOST_BYTES;
    response.write(replies).expect("writing to a Vec can't fail");
}

/// The reply to what is no command.
fn refuse(replies: &mut Vec<u8>, error: &Error) -> Next {
    match error {
        Error::UnknownCommand => reply(replies, 500, "Unknown command"),
        Error::InvalidSenderAddress | Error::InvalidRecipientAddress => {
            reply(replies, 553, "That is no address");
        }
        Error::UnsupportedParameter { .. } => reply(replies, 555, "Unknown parameter"),
        Error::ResponseTooLong => {
            // Where the next command begins is not known.
            reply(replies, 500, "Line too long");
            return Next::Close;
        }
        _ => reply(replies, 501, "Wrong parameters"),
    }
    Next::Listen
}
