//! Lines behind a prefix: a container's or a program's name, a time, a syslog header. They are
//! read as lines of their own. The prefix's time counts where they have none.

use std::borrow::Cow;

use super::{MAX_DEPTH, merge};
use crate::formats::Input;
use crate::level::Level;
use crate::parse::{Parser, json_of, prefix};
use crate::record::{RawJson, Record};
use crate::text::json;
use crate::text::sgr::strip;
use crate::wire::attributes::Schema;

/// The bytes in which JSON behind words is looked for.
const MAX_WORDS: usize = 128;

/// What may be around a word.
const MARKS: &[char] = &['[', ']', '(', ')', '<', '>', ':', '|', '-'];

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
        merge(record, inner, names_zone(&whole[..start]));
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
            // Nothing is lost of text.
            let with_times = !is_text && around.created.is_none();
            *record = around;
            if record.name.is_none() {
                add_names(record, whole, &parts[..=at], with_times);
            }
            merge(record, inner, names_zone(&whole[..part.end]));
            return true;
        }
        false
    }

    /// As [`Parser::read_behind_header`], for JSON behind a level, or behind names that the prefixes
    /// of collectors don't have: `ERROR {…}`, `my-service {…}`. Behind names only, the object must
    /// name its level: it may as well be quoted in a sentence.
    pub(in crate::parse) fn read_behind_words<'a>(
        &mut self,
        whole: &'a str,
        record: &mut Record<'a>,
    ) -> bool {
        // Nearly all lines of text end here.
        if !whole.ends_with('}') {
            return false;
        }
        let window = &whole.as_bytes()[..whole.len().min(MAX_WORDS)];
        let Some(start) = memchr::memchr(b'{', window).filter(|start| *start > 0) else {
            return false;
        };
        let words = strip(&whole[..start]);
        let (levels, names): (Vec<&str>, Vec<&str>) =
            words.split_whitespace().partition(|word| is_level(word));
        if names.len() > 3 || !names.iter().all(|name| is_name(name)) {
            return false;
        }
        let (before, mut inner) = (self.message_start, Record::default());
        let is_read = self.read_inner(whole, start, &mut inner);
        if !is_read || levels.is_empty() && inner.level == Level::NOTSET {
            self.message_start = before;
            return false;
        }
        *record = self.read_header(&whole[..start]);
        if !names.is_empty() {
            record.extras.push(("prefix".into(), RawJson(json::quoted(&names.join(" ")).into())));
        }
        merge(record, inner, names_zone(&words));
        true
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

fn is_level(word: &str) -> bool {
    Level::from_word(word.trim().trim_matches(MARKS)).is_some()
}

/// Whether a word is a name, as words of a sentence are not: it has one of the marks inside.
fn is_name(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./@#:[]".contains(c))
        && word.trim_matches(MARKS).contains(['-', '_', '/', '.', '@'])
}

/// Whether a time in the prefix names its zone.
fn names_zone(prefix: &str) -> bool {
    let is_zoned = |word: &str| {
        let clock = word.split_once(':').filter(|(hour, _)| hour.ends_with(is_digit));
        let zone = clock.map(|(_, rest)| rest.ends_with('Z') || rest.contains(['+', '-']));
        zone.unwrap_or(word == "UTC" || is_epoch(word))
    };
    prefix.split([' ', '\t', '[', ']']).any(is_zoned)
}

/// `1704164645.123456`, `@400000004a9d1f2b2c3d4e5f`
fn is_epoch(word: &str) -> bool {
    let number = word.trim_start_matches('@');
    number.len() >= 10
        && number.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'.')
        && number[..10].bytes().all(|byte| byte.is_ascii_digit())
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
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
        _ => (part.is_name || with_times) && !is_level(&whole[part.start..part.end]),
    };
    let names: String = parts.iter().filter(is_kept).map(|it| &whole[it.start..it.end]).collect();
    let names = strip(&names);
    let names = names.trim().trim_end_matches(['|', '│', ' ', '\t']);
    if !names.is_empty() {
        record.extras.push(("prefix".into(), RawJson(json::quoted(names).into())));
    }
}
