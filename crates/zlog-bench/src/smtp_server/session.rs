//! One SMTP session: commands in, replies out, mails delivered.
//!
//! Implements the order of commands and replies (RFC 5321, sections 3 and 4) without I/O;
//! `smtp_proto` parses the commands.

use std::borrow::Cow;
use std::io::Write;

use smtp_proto::request::receiver::{DataReceiver, DummyDataReceiver, RequestReceiver};
use smtp_proto::{
    EXT_8BIT_MIME, EXT_PIPELINING, EXT_SIZE, EXT_SMTP_UTF8, EhloResponse, Error, Request,
};

/// The server's host name.
const NAME: &str = "localhost";
/// Limit on a mail's size in bytes.
pub(super) const MAX_BYTES: usize = 32 << 20;
/// Limit on a mail's recipients: the minimum of RFC 5321, 4.5.3.1.8.
pub(super) const MAX_RECIPIENTS: usize = 100;

/// A received mail.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mail {
    /// The reverse path, from `MAIL FROM`; empty for a bounce.
    pub from: String,
    /// The forward paths, from `RCPT TO`.
    pub to: Vec<String>,
    /// Headers and body, dots unstuffed. It ends with CR LF.
    pub data: Vec<u8>,
}

/// Whether the session continues.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// Wait for the client.
    Listen,
    /// Close the connection after the replies were sent.
    Close,
}

/// Accepts a mail. Returns whether it may be acknowledged.
pub(super) type Deliver<'d> = dyn FnMut(&Mail) -> bool + 'd;

/// The state of one connection.
#[derive(Default)]
pub(super) struct Session {
    requests: RequestReceiver,
    greeted: bool,
    /// The current mail, from `MAIL` on.
    mail: Option<Mail>,
    /// The current content, from `DATA` on.
    data: Option<Data>,
}

/// The content being received.
enum Data {
    Kept(DataReceiver),
    /// Too large: read to its end, then refused.
    TooLarge(DummyDataReceiver),
}

impl Session {
    /// The server speaks first.
    pub(super) fn greet(&self, replies: &mut Vec<u8>) {
        reply(replies, 220, format_args!("{NAME} zlog bench, ESMTP"));
    }

    /// Handles bytes from the client, and appends the replies. A mail is acknowledged after
    /// `deliver` has accepted it.
    pub(super) fn feed(
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
        } else if size > MAX_BYTES {
            reply(replies, 552, format_args!("No more than {MAX_BYTES} bytes"));
        } else {
            self.mail = Some(Mail { from, ..Mail::default() });
            reply(replies, 250, "OK");
        }
    }

    fn rcpt_to(&mut self, to: String, replies: &mut Vec<u8>) {
        match &mut self.mail {
            None => reply(replies, 503, "Say MAIL first"),
            // The null path is allowed for senders only.
            Some(_) if to.is_empty() => reply(replies, 501, "Name a recipient"),
            Some(mail) if mail.to.len() >= MAX_RECIPIENTS => {
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
        // The line with DATA ends just before the content, so a dot in the first line of
        // content is at the start of a line, too. The receiver must know that.
        receiver.ingest(&mut b"\r\n".iter(), &mut Vec::new());
        self.data = Some(Data::Kept(receiver));
        reply(replies, 354, "End it with a dot on a line of its own");
    }

    /// Receives content. Returns whether it is complete.
    fn receive(&mut self, bytes: &mut std::slice::Iter<'_, u8>) -> bool {
        let (Some(data), Some(mail)) = (&mut self.data, &mut self.mail) else { return true };
        match data {
            Data::TooLarge(receiver) => receiver.ingest(bytes),
            Data::Kept(receiver) => {
                let ended = receiver.ingest(bytes, &mut mail.data);
                if mail.data.len() > MAX_BYTES {
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
                reply(replies, 552, format_args!("No more than {MAX_BYTES} bytes"));
            }
            _ => reply(replies, 451, "The server stops"),
        }
    }
}

/// Appends a reply of one line. No text contains a line end.
fn reply(replies: &mut Vec<u8>, code: u16, text: impl std::fmt::Display) {
    write!(replies, "{code} {text}\r\n").expect("writing to a Vec can't fail");
}

/// Appends the reply to EHLO: the server's extensions.
fn announce(replies: &mut Vec<u8>) {
    let mut response = EhloResponse::new(Cow::Borrowed(NAME));
    response.capabilities = EXT_8BIT_MIME | EXT_PIPELINING | EXT_SIZE | EXT_SMTP_UTF8;
    response.size = MAX_BYTES;
    response.write(replies).expect("writing to a Vec can't fail");
}

/// Appends the reply to an invalid command.
fn refuse(replies: &mut Vec<u8>, error: &Error) -> Next {
    match error {
        Error::UnknownCommand => reply(replies, 500, "Unknown command"),
        Error::InvalidSenderAddress | Error::InvalidRecipientAddress => {
            reply(replies, 553, "That is no address");
        }
        Error::UnsupportedParameter { .. } => reply(replies, 555, "Unknown parameter"),
        Error::ResponseTooLong => {
            // It is unknown where the next command begins.
            reply(replies, 500, "Line too long");
            return Next::Close;
        }
        _ => reply(replies, 501, "Wrong parameters"),
    }
    Next::Listen
}
