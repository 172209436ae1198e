//! Lines behind a prefix: a container's or a program's name, a time, a syslog header. They are
//! read as lines of their own. The prefix's time counts where they have none.

use std::borrow::Cow;

use super::{MAX_DEPTH, TimeOf, merge};
use crate::formats::Input;
use crate::level::Level;
use crate::parse::{Parser, json_of, prefix};
use crate::record::{RawJson, Record};
use crate::text::json;
use crate::text::sgr::strip;
use crate::wire::attributes::Schema;

impl Parser {
    /// Reads what follows the fields of a format, if the line has only those before it: they are
    /// a prefix of `prefix` bytes or a part of it, or JSON follows. Returns `false` and changes
    /// nothing if that is no line of its own.
    #[inline(never)]
    pub(in crate::parse) fn read_behind_header<'a>(
        &mut self,
        whole: &'a str,
        prefix: usize,
        record: &mut Record<'a>,
    ) -> bool {
        let start = self.message_start;
        let is_prefix = || start <= prefix && prefix::has_part_to(whole, start);
        if !whole[start..].starts_with('{') && !is_prefix() {
            return false;
        }
        let mut inner = Record::default();
        if !self.read_inner(whole, start, &mut inner) {
            self.message_start = start;
            return false;
        }
        keep_text(record, &mut inner, &whole[start..]);
        merge(record, inner, TimeOf::Inner);
        true
    }

    /// As [`Parser::read_behind_header`], for a line without a format: its prefix consists of
    /// names and times, and the line of the program may begin after each of them.
    #[inline(never)]
    pub(in crate::parse) fn read_behind_names<'a>(
        &mut self,
        whole: &'a str,
        record: &mut Record<'a>,
    ) -> bool {
        let (parts, count) = prefix::parts(whole);
        for (at, part) in parts[..count].iter().enumerate() {
            let mut inner = Record::default();
            if !self.read_inner(whole, part.end, &mut inner) {
                continue;
            }
            let around = self.read_header(&whole[..part.end]);
            // A priority has been removed from its message.
            let is_text = keep_text(record, &mut inner, &whole[part.end..]);
            // Of text, nothing is lost.
            let with_times = !is_text && around.created.is_none();
            *record = around;
            if record.name.is_none() {
                add_names(record, whole, &parts[..=at], with_times);
            }
            merge(record, inner, TimeOf::Inner);
            return true;
        }
        false
    }

    /// Reads a prefix.
    fn read_header<'a>(&mut self, header: &'a str) -> Record<'a> {
        let (start, explanation) = (self.message_start, self.explanation.take());
        let mut record = Record { msg: Cow::Borrowed(header), ..Record::default() };
        self.detect_fields(header, header.len(), &mut record);
        (self.message_start, self.explanation) = (start, explanation);
        record
    }

    /// Reads the first time within the prefix of a line that has no format. Returns what follows
    /// it.
    #[inline(never)]
    pub(in crate::parse) fn read_time_in_prefix<'a>(
        &mut self,
        whole: &'a str,
        record: &mut Record<'a>,
    ) -> Option<&'a str> {
        let (parts, count) = prefix::parts(whole);
        for (at, part) in parts[..count].iter().enumerate() {
            let rest = self.read_time(&whole[part.end..], false, record);
            if record.created.is_some() {
                add_names(record, whole, &parts[..=at], false);
                return Some(rest);
            }
        }
        None
    }

    /// Reads the line of a program that begins at `start`, if it is JSON or logfmt or has a format.
    /// `inner` is of no use otherwise.
    fn read_inner<'a>(&mut self, whole: &'a str, start: usize, inner: &mut Record<'a>) -> bool {
        let own = &whole[start..];
        if own.is_empty() || self.depth == MAX_DEPTH {
            return false;
        }
        let outer = self.explanation.clone();
        self.depth += 1;
        std::mem::swap(&mut self.matcher.last, &mut self.last_behind);
        let is_read = if json_of(own).starts_with('{') {
            self.message_start = 0;
            let schema = self.read_json(own, inner);
            let is_record = !matches!(schema, None | Some(Schema::Other));
            self.note_structure(is_record, "JSON");
            if schema == Some(Schema::Wrapper) {
                self.look_into(inner);
            }
            is_record
        } else {
            inner.msg = Cow::Borrowed(own);
            let is_read = self.read_structure(own, &Input::new(own), 0, inner);
            is_read && (inner.created.is_some() || inner.level != Level::NOTSET)
        };
        std::mem::swap(&mut self.matcher.last, &mut self.last_behind);
        self.depth -= 1;
        self.message_start += start;
        if !is_read {
            self.explanation = outer;
        } else if let (Some(explanation), Some(outer)) = (&mut self.explanation, outer) {
            explanation.prefix = Some(outer.matched().unwrap_or("a prefix"));
        }
        is_read
    }
}

/// Gives a line of text the whole line for its message. Returns whether it is text.
fn keep_text<'a>(whole: &Record<'a>, inner: &mut Record<'a>, own: &str) -> bool {
    let is_text = inner.msg == own;
    if is_text {
        inner.msg.clone_from(&whole.msg);
    }
    is_text
}

/// Adds the names in a prefix as the extra `prefix`; `with_times` also its times.
fn add_names(record: &mut Record<'_>, whole: &str, parts: &[prefix::Part], with_times: bool) {
    let is_kept = |part: &&prefix::Part| match whole.as_bytes()[part.start] {
        // A priority
        b'<' => false,
        _ => part.is_name || with_times,
    };
    let names: String = parts.iter().filter(is_kept).map(|it| &whole[it.start..it.end]).collect();
    let names = strip(&names);
    let names = names.trim().trim_end_matches(['|', '│', ' ', '\t']);
    if !names.is_empty() {
        record.extras.push(("prefix".into(), RawJson(json::quoted(names).into())));
    }
}
