//! Formats records as a mail: subject, headers, body.
//!
//! Everything in a record comes from outside: none of it may end or add a header, or end the
//! mail.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::SystemTime;

use lettre::address::Address;
use lettre::message::header::{
    ContentTransferEncoding, ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0,
};
use lettre::message::{Body, Mailbox, Message, MessageBuilder};

use super::{NO_DOMAIN, shown};
use crate::handler::buffer::RecordBuffer;
use crate::handler::retry::Batch;
use zlog_core::format::Format;
use zlog_core::text::escape::escape;
use zlog_core::text::plural::{counted, were};
use zlog_core::{Error, Record, Result};

/// The longest subject in characters, without the note about the batch. Mail readers show no
/// more in their lists.
const SUBJECT: usize = 160;

/// The most bytes of records in a mail: 1 MiB. Most servers accept ten times as much, but
/// nobody reads it.
pub(super) const MAX_BODY: usize = 1 << 20;
/// The note about a truncated record is shorter than this.
const CUT: usize = 80;

/// A mail that is being sent: what stays the same in every attempt.
pub struct PendingMail {
    /// The recipients who have not got it yet.
    pub(super) to: Vec<Address>,
    /// The Message-ID. Identifies duplicates, which arise when the server's answer is lost.
    id: String,
    made: SystemTime,
}

/// Builds mails from batches of records.
pub(super) struct MailBuilder {
    from: Address,
    to: Vec<Address>,
    /// The headers that all mails share.
    head: MessageBuilder,
    /// The headers with addresses that have no domain.
    local: Vec<HeaderValue>,
}

impl MailBuilder {
    pub(super) fn new(from: Mailbox, to: Vec<Mailbox>) -> MailBuilder {
        let sender = from.email.clone();
        let recipients = to.iter().map(|to| to.email.clone()).collect();
        let local = [("From", vec![from.clone()]), ("To", to.clone())];
        let local = local.into_iter().filter_map(|(name, all)| local_header(name, &all)).collect();
        let head = to.into_iter().fold(Message::builder().from(from), MessageBuilder::to);
        MailBuilder { from: sender, to: recipients, head, local }
    }

    pub(super) fn from(&self) -> &Address {
        &self.from
    }

    /// A new mail, for all recipients.
    pub(super) fn begin(&self) -> PendingMail {
        let chance: String = std::iter::repeat_with(fastrand::alphanumeric).take(32).collect();
        let domain = self.from.domain();
        let domain = if domain == NO_DOMAIN { "localhost" } else { domain };
        let id = format!("<{chance}@{domain}>");
        PendingMail { to: self.to.clone(), id, made: SystemTime::now() }
    }

    /// The mail of a batch: headers and body, with CR LF, before dot-stuffing.
    pub(super) fn content<P>(&self, batch: &Batch<P>, mail: &PendingMail) -> Result<String> {
        let head = self.head.clone().subject(subject(batch)).date(mail.made);
        let head = head.message_id(Some(mail.id.clone()));
        let head = head.header(MIME_VERSION_1_0).header(ContentType::TEXT_PLAIN);
        let mut text = String::from_utf8_lossy(&batch.text);
        if batch.dropped > 0 {
            // Writing to a String can't fail.
            let _ = write!(
                text.to_mut(),
                "\n[{} after these {} lost: the spool was full]\n",
                counted(batch.dropped, "record"),
                were(batch.dropped)
            );
        }
        let made = head.body(body(text));
        let mut message =
            made.map_err(|error| Error::new(format!("can't make a mail: {error}")))?;
        // Prevents vacation notices (RFC 3834).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let automatic = HeaderValue::new(automatic, "auto-generated".to_owned());
        message.headers_mut().insert_raw(automatic);
        for header in &self.local {
            message.headers_mut().insert_raw(header.clone());
        }
        String::from_utf8(message.formatted())
            .map_err(|_| Error::new("can't make a mail: it is not UTF-8"))
    }
}

/// A header with all addresses, if one of them has no domain.
fn local_header(name: &'static str, all: &[Mailbox]) -> Option<HeaderValue> {
    if all.iter().all(|mailbox| mailbox.email.domain() != NO_DOMAIN) {
        return None;
    }
    let all: Vec<String> = all
        .iter()
        .map(|mailbox| match mailbox.email.domain() {
            NO_DOMAIN => shown(&mailbox.email),
            _ => mailbox.to_string(),
        })
        .collect();
    Some(HeaderValue::new(HeaderName::new_from_ascii_str(name), all.join(", ")))
}

/// Truncates a formatted record that is too long for a mail, and adds a note.
pub(super) fn truncated(shown: &[u8]) -> Cow<'_, [u8]> {
    if shown.len() <= MAX_BODY {
        return Cow::Borrowed(shown);
    }
    let mut end = MAX_BODY - CUT;
    // Do not split a character.
    while end > 0 && shown[end] & 0xC0 == 0x80 {
        end -= 1;
    }
    let mut kept = shown[..end].to_vec();
    let missing = shown.len() - end;
    kept.extend_from_slice(format!("…\n[cut: {missing} more bytes of this record]\n").as_bytes());
    Cow::Owned(kept)
}

/// The subject of a batch: that of its worst record, and the number of records.
fn subject<P>(batch: &Batch<P>) -> String {
    let mut subject = batch.summary.clone();
    let count = batch.len();
    if count > 1 {
        let worst = batch.worst.name();
        // Writing to a String can't fail.
        let _ = write!(subject, " ({}, worst {worst})", counted(count, "record"));
    }
    subject
}

/// Builds subjects from records.
pub(super) struct SubjectBuilder {
    /// `None`: level, topic and message.
    format: Option<RecordBuffer>,
}

impl SubjectBuilder {
    pub(super) fn new(format: Option<Box<dyn Format>>) -> SubjectBuilder {
        SubjectBuilder { format: format.map(RecordBuffer::new) }
    }

    /// One line of plain text that can't end or add a header.
    pub(super) fn of(&mut self, record: &Record<'_>) -> String {
        match &mut self.format {
            None => sanitized(&default_subject(record)),
            Some(buffer) => {
                let shown = String::from_utf8_lossy(buffer.format(record));
                sanitized(shown.trim_end_matches('\n').lines().next().unwrap_or_default())
            }
        }
    }
}

/// The default subject: level, topic (or logger name) and the first line of the message, as in
/// `ERROR shop.ERROR.db: no connection`.
fn default_subject(record: &Record<'_>) -> String {
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

fn sanitized(text: &str) -> String {
    // Escapes what ends a header line or controls a terminal. Also breaks up encoded words
    // (RFC 2047): readers decode them, and their content was not checked.
    let mut text = escape(text).replace('\t', " ").replace("=?", "= ?");
    if let Some((end, _)) = text.char_indices().nth(SUBJECT) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The body in a transfer encoding.
fn body(text: Cow<'_, str>) -> Body {
    // Plain text stays as it is. Control characters need an encoding: another server may
    // take a bare CR as a line end, and NUL is not allowed.
    let plain = |byte: u8| byte == b'\n' || byte == b'\t' || !byte.is_ascii_control();
    if text.bytes().all(plain) {
        return Body::new(text.into_owned());
    }
    quoted(text)
}

/// Encodes any text as quoted-printable.
fn quoted(text: Cow<'_, str>) -> Body {
    let encoding = ContentTransferEncoding::QuotedPrintable;
    let encoded = Body::new_with_encoding(text.into_owned(), encoding);
    // Quoted-printable accepts everything. If that changes, lettre falls back to base64.
    encoded.unwrap_or_else(Body::new)
}
