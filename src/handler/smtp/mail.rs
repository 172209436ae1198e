//! A record as a mail: subject, headers, body.
//!
//! What may be here: how it looks and how it is encoded. All of a record is text
//! from outside: none of it may end a header, add one, or end the mail.

use std::borrow::Cow;

use lettre::address::Address;
use lettre::message::header::{
    ContentTransferEncoding, ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0,
};
use lettre::message::{Body, Mailbox, Message, MessageBuilder};

use crate::error::{Error, Result};
use crate::format::{Format, percent};
use crate::handler::file::Line;
use crate::record::Record;
use crate::term::visible;

/// The longest subject, in characters: lists of mails show no more.
const SUBJECT: usize = 160;

/// A mail that is ready to go.
pub(super) struct Mail<'m> {
    pub(super) from: &'m Address,
    pub(super) to: &'m [Address],
    /// Headers and body, as they are sent, but for dot-stuffing. Its lines end with
    /// CR LF.
    pub(super) content: String,
}

/// Makes mails of records.
pub(super) struct Mails {
    from: Address,
    to: Vec<Address>,
    /// The headers that are the same for all.
    head: MessageBuilder,
    line: Line,
}

impl Mails {
    pub(super) fn new(from: Mailbox, to: Vec<Mailbox>, format: Box<dyn Format>) -> Mails {
        let sender = from.email.clone();
        let recipients = to.iter().map(|to| to.email.clone()).collect();
        let head = to.into_iter().fold(Message::builder().from(from), MessageBuilder::to);
        Mails { from: sender, to: recipients, head, line: Line::new(format) }
    }

    /// The record's mail.
    pub(super) fn of(&mut self, record: &Record<'_>) -> Result<Mail<'_>> {
        let head = self.head.clone().subject(subject(record)).date_now();
        let head = head.header(MIME_VERSION_1_0).header(ContentType::TEXT_PLAIN);
        let made = head.body(body(self.line.of(record)));
        let mut message =
            made.map_err(|error| Error::new(format!("can't make a mail: {error}")))?;
        // So that no vacation notice answers it (RFC 3834).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let automatic = HeaderValue::new(automatic, "auto-generated".to_owned());
        message.headers_mut().insert_raw(automatic);
        let content = String::from_utf8(message.formatted());
        let content = content.map_err(|_| Error::new("can't make a mail: it is not UTF-8"))?;
        Ok(Mail { from: &self.from, to: &self.to, content })
    }
}

/// Level, topic (or the logger's name), and the first line of the message:
/// `ERROR shop.ERROR.db: no connection`.
fn subject(record: &Record<'_>) -> String {
    let topic = Some(&*record.topic).filter(|topic| !topic.is_empty());
    let place = topic.or(record.name.as_deref()).filter(|place| !place.is_empty());
    let message = percent::message(record);
    let message = message.lines().next().unwrap_or_default();
    let mut text = record.level_name().into_owned();
    if let Some(place) = place {
        text.push(' ');
        text.push_str(place);
    }
    if !message.is_empty() {
        text.push_str(": ");
        text.push_str(message);
    }
    // What ends a header line is made visible, as is what ends or turns a line on a
    // screen. A reader would decode what looks like an encoded word (RFC 2047), and
    // what is in it was not looked at.
    let mut text = visible(&text).replace('\t', " ").replace("=?", "= ?");
    if let Some((end, _)) = text.char_indices().nth(SUBJECT) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The record as it is shown, encoded for the way.
fn body(shown: &[u8]) -> Body {
    let text = String::from_utf8_lossy(shown);
    // Plain text goes as it is where it can. Control characters can't: a bare CR may
    // end a line for the next server and not for this one, and NUL is not allowed.
    let plain = |byte: u8| byte == b'\n' || byte == b'\t' || !byte.is_ascii_control();
    if text.bytes().all(plain) {
        return Body::new(text.into_owned());
    }
    quoted(text)
}

/// Quoted-printable: any text can be sent so.
fn quoted(text: Cow<'_, str>) -> Body {
    let encoding = ContentTransferEncoding::QuotedPrintable;
    let encoded = Body::new_with_encoding(text.into_owned(), encoding);
    // Quoted-printable refuses nothing; should that change, base64 is what lettre
    // makes of bytes.
    encoded.unwrap_or_else(Body::new)
}
