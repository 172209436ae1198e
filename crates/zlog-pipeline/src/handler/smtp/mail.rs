//! Records as a mail: subject, headers, body.
//!
//! What may be here: how it looks and how it is encoded. All of a record is text
//! from outside: none of it may end a header, add one, or end the mail.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::{Duration, Instant, SystemTime};

use lettre::address::Address;
use lettre::message::header::{
    ContentTransferEncoding, ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0,
};
use lettre::message::{Body, Mailbox, Message, MessageBuilder};

use crate::handler::file::Line;
use crate::handler::spool::Batch;
use zlog_core::error::{Error, Result};
use zlog_core::format::Format;
use zlog_core::record::Record;
use zlog_core::text::escape::visible;
use zlog_core::text::plural::counted;

/// The longest subject, in characters, without what is said of a batch: lists of mails
/// show no more.
const SUBJECT: usize = 160;

/// Bytes of records that a mail holds at most: 1 MiB. Most servers take ten times that,
/// but nobody reads it.
pub(super) const MAX_BODY: usize = 1 << 20;
/// What is said of a record that was cut takes less than this.
const CUT: usize = 80;

/// A mail on its way: what stays the same from try to try.
pub(super) struct Sending {
    /// Who is still to get it.
    pub(super) to: Vec<Address>,
    /// So that whoever gets it twice, since an answer was lost, can tell.
    id: String,
    made: SystemTime,
    begun: Instant,
}

impl Sending {
    /// How long ago it was first tried, whatever became of the machine's clock since.
    pub(super) fn age(&self) -> Duration {
        self.begun.elapsed()
    }
}

/// Makes mails of records.
pub(super) struct Mails {
    from: Address,
    to: Vec<Address>,
    /// The headers that are the same for all.
    head: MessageBuilder,
}

impl Mails {
    pub(super) fn new(from: Mailbox, to: Vec<Mailbox>) -> Mails {
        let sender = from.email.clone();
        let recipients = to.iter().map(|to| to.email.clone()).collect();
        let head = to.into_iter().fold(Message::builder().from(from), MessageBuilder::to);
        Mails { from: sender, to: recipients, head }
    }

    pub(super) fn from(&self) -> &Address {
        &self.from
    }

    /// A new mail, which nobody has got yet.
    pub(super) fn begin(&self) -> Sending {
        let chance: String = std::iter::repeat_with(fastrand::alphanumeric).take(32).collect();
        let id = format!("<{chance}@{}>", self.from.domain());
        let (made, begun) = (SystemTime::now(), Instant::now());
        Sending { to: self.to.clone(), id, made, begun }
    }

    /// The mail of a batch: headers and body, as they are sent, but for dot-stuffing.
    /// Its lines end with CR LF.
    pub(super) fn content<P>(&self, batch: &Batch<P>, sending: &Sending) -> Result<String> {
        let head = self.head.clone().subject(subject(batch)).date(sending.made);
        let head = head.message_id(Some(sending.id.clone()));
        let head = head.header(MIME_VERSION_1_0).header(ContentType::TEXT_PLAIN);
        let mut text = String::from_utf8_lossy(&batch.text);
        if batch.dropped > 0 {
            let (dropped, are) = match batch.dropped {
                1 => ("1 record".to_owned(), "is"),
                dropped => (counted(dropped, "record"), "are"),
            };
            // Writing to a String can't fail.
            let _ = write!(
                text.to_mut(),
                "\n[{dropped} after these found no room to wait, and {are} lost]\n"
            );
        }
        let made = head.body(body(text));
        let mut message =
            made.map_err(|error| Error::new(format!("can't make a mail: {error}")))?;
        // So that no vacation notice answers it (RFC 3834).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let automatic = HeaderValue::new(automatic, "auto-generated".to_owned());
        message.headers_mut().insert_raw(automatic);
        String::from_utf8(message.formatted())
            .map_err(|_| Error::new("can't make a mail: it is not UTF-8"))
    }
}

/// A record as it is shown, without what a mail has no room for; it then says so.
pub(super) fn fitting(shown: &[u8]) -> Cow<'_, [u8]> {
    if shown.len() <= MAX_BODY {
        return Cow::Borrowed(shown);
    }
    let mut end = MAX_BODY - CUT;
    // Not within a character.
    while end > 0 && shown[end] & 0xC0 == 0x80 {
        end -= 1;
    }
    let mut kept = shown[..end].to_vec();
    let missing = shown.len() - end;
    kept.extend_from_slice(format!("…\n[cut: {missing} more bytes of this record]\n").as_bytes());
    Cow::Owned(kept)
}

/// The subject of a batch: of its worst record, and how many there are.
fn subject<P>(batch: &Batch<P>) -> String {
    let mut subject = batch.head.clone();
    let count = batch.len();
    if count > 1 {
        let worst = batch.worst.name();
        // Writing to a String can't fail.
        let _ = write!(subject, " ({}, worst {worst})", counted(count, "record"));
    }
    subject
}

/// Makes subjects of records.
pub(super) struct Subjects {
    /// Without one: level, topic and message.
    format: Option<Line>,
}

impl Subjects {
    pub(super) fn new(format: Option<Box<dyn Format>>) -> Subjects {
        Subjects { format: format.map(Line::new) }
    }

    /// One line, of which nothing is a header or anything else but text.
    pub(super) fn of(&mut self, record: &Record<'_>) -> String {
        match &mut self.format {
            None => harmless(&usual(record)),
            Some(line) => {
                let shown = String::from_utf8_lossy(line.of(record));
                harmless(shown.trim_end_matches('\n').lines().next().unwrap_or_default())
            }
        }
    }
}

/// Level, topic (or the logger's name), and the first line of the message:
/// `ERROR shop.ERROR.db: no connection`.
fn usual(record: &Record<'_>) -> String {
    let topic = Some(&*record.topic).filter(|topic| !topic.is_empty());
    let place = topic.or(record.name.as_deref()).filter(|place| !place.is_empty());
    let message = record.message();
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
    text
}

fn harmless(text: &str) -> String {
    // What ends a header line is made visible, as is what ends or turns a line on a
    // screen. A reader would decode what looks like an encoded word (RFC 2047), and
    // what is in it was not looked at.
    let mut text = visible(text).replace('\t', " ").replace("=?", "= ?");
    if let Some((end, _)) = text.char_indices().nth(SUBJECT) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The text, encoded for the way.
fn body(text: Cow<'_, str>) -> Body {
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
