//! Text of several lines, with escaping, marks and colours of its own.

use std::ops::Range;

use memchr::memchr;
use owo_colors::Style;
use regex::Regex;

use super::Options;
use super::paint::{Paint, RESET};
use crate::record::Record;
use crate::text::escape::{Newlines, ends_line, escape_into};
use crate::text::sgr::{self, Effect};

const ESC: u8 = 0x1b;

/// Writes messages and tracebacks, with escaping, marks and the colours that they bring along.
///
/// If there is colour, a text's own SGR sequences pass, and end with it: they colour no
/// indentation and no other record. On a terminal without colour, they are removed. In a pipe
/// without colour, the text stays as it is.
pub(super) struct MultilineText {
    escape: bool,
    color: bool,
    newlines: Newlines,
    patterns: Vec<Regex>,
    mark: Paint,
    /// The text between its SGR sequences. Reused.
    stripped: String,
    /// The text that is inserted into the current text.
    inserts: Inserts,
}

/// Marks and colours of a text, and how many of them are written.
#[derive(Default)]
struct Inserts {
    /// The ranges to mark: sorted, without overlaps.
    spans: Vec<(usize, usize)>,
    /// The number of spans that ended before the current position.
    marked: usize,
    /// The SGR sequences, one after the other.
    sequences: String,
    /// For each sequence, its offset in the text without them, and its end in `sequences`.
    codes: Vec<(usize, usize)>,
    /// The number of codes before the current position.
    passed: usize,
    /// The sequences since the last reset: what colours the text at the current position.
    active: Vec<u8>,
}

/// The indentation of further lines with [`Newlines::Indent`].
const INDENT: usize = 4;

/// The most bytes of sequences that are repeated on the next line. A hostile text may have
/// thousands.
const MAX_ACTIVE: usize = 64;

/// The largest buffer that is kept for the next record, in bytes.
const MAX_KEPT: usize = 1 << 20;

impl MultilineText {
    /// As `options` say.
    pub(super) fn new(options: &Options) -> MultilineText {
        let Options { color, escape, newlines, ref highlight, .. } = *options;
        let mark = Paint::new(color, Style::new().black().on_yellow().bold());
        // Marks need colour: without it, don't search.
        let patterns = if mark.is_plain() { Vec::new() } else { highlight.clone() };
        MultilineText {
            escape,
            color,
            newlines,
            patterns,
            mark,
            stripped: String::new(),
            inserts: Inserts::default(),
        }
    }

    /// Appends text. Indents each line after the first by `indent` spaces.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, text: &str, indent: usize) {
        self.inserts.clear();
        let has_escape = (self.color || self.escape) && text.as_bytes().contains(&ESC);
        if !has_escape {
            self.search(text);
            return self.write_lines(out, text, indent);
        }
        let mut stripped = std::mem::take(&mut self.stripped);
        self.split(text, &mut stripped);
        self.search(&stripped);
        self.write_lines(out, &stripped, indent);
        if self.color {
            out.extend_from_slice(RESET);
        }
        // A huge record must not keep its memory.
        if stripped.capacity() <= MAX_KEPT {
            self.stripped = stripped;
        } else {
            self.inserts = Inserts::default();
        }
    }

    /// Splits text into its SGR sequences, which are kept if there is colour, and the rest.
    fn split(&mut self, text: &str, stripped: &mut String) {
        stripped.clear();
        let mut at = 0;
        while let Some(code) = sgr::find(text, at) {
            stripped.push_str(&text[at..code.start]);
            at = code.end;
            if self.color && sgr::effect(&text[code.clone()]) != Effect::None {
                self.inserts.sequences.push_str(&text[code]);
                self.inserts.codes.push((stripped.len(), self.inserts.sequences.len()));
            }
        }
        stripped.push_str(&text[at..]);
    }

    fn write_lines(&mut self, out: &mut Vec<u8>, text: &str, indent: usize) {
        let indents_all = self.newlines == Newlines::Indent;
        let indent = self.indent(indent);
        if self.newlines == Newlines::Escape {
            return self.line(out, text, 0..text.len());
        }
        let mut start = 0;
        loop {
            let end = memchr(b'\n', &text.as_bytes()[start..]).map(|found| start + found);
            self.line(out, text, start..end.unwrap_or(text.len()));
            let Some(end) = end else { return };
            if !self.inserts.active.is_empty() {
                out.extend_from_slice(RESET);
            }
            // Colours that change right before the newline apply from the next line on.
            while self.inserts.next_code(end + 1).is_some() {}
            out.push(b'\n');
            start = end + 1;
            let is_blank = text.as_bytes().get(start).is_none_or(|byte| *byte == b'\n');
            if indents_all || !is_blank {
                out.resize(out.len() + indent, b' ');
            }
            out.extend_from_slice(&self.inserts.active);
        }
    }

    /// Appends traceback and stack after a message that begins at `start`, as
    /// `Formatter.format` does: after a newline, unless there is one already.
    pub(super) fn write_traces(&mut self, out: &mut Vec<u8>, record: &Record<'_>, start: usize) {
        for more in [&record.exc_text, &record.stack_info].into_iter().flatten() {
            if more.is_empty() {
                continue;
            }
            if out.len() == start || out.last() != Some(&b'\n') {
                self.begin_line(out, 0);
            }
            self.write(out, more, 0);
        }
    }

    /// Appends text of one line that is already escaped, in the style `paint` where it is not
    /// marked.
    pub(super) fn write_escaped(&mut self, out: &mut Vec<u8>, text: &str, paint: &Paint) {
        self.inserts.clear();
        self.search(text);
        let mut at = 0;
        let unmarked = |out: &mut Vec<u8>, text: &str| {
            if !text.is_empty() {
                paint.over(out, |out| out.extend_from_slice(text.as_bytes()));
            }
        };
        for &(start, end) in &self.inserts.spans {
            unmarked(out, &text[at..start]);
            self.mark.over(out, |out| out.extend_from_slice(&text.as_bytes()[start..end]));
            at = end;
        }
        unmarked(out, &text[at..]);
    }

    /// Appends a newline and `indent` spaces, or an escaped newline.
    pub(super) fn begin_line(&self, out: &mut Vec<u8>, indent: usize) {
        match self.newlines {
            Newlines::Keep | Newlines::Indent => {
                out.push(b'\n');
                out.resize(out.len() + self.indent(indent), b' ');
            }
            Newlines::Escape => escape_into(out, "\n", Newlines::Escape),
        }
    }

    /// The indentation of further lines.
    fn indent(&self, indent: usize) -> usize {
        if self.newlines == Newlines::Indent { indent.max(INDENT) } else { indent }
    }

    /// Finds the ranges to mark. Searches the text before escaping and without colours, so
    /// that a pattern has the same meaning on a terminal and in a pipe.
    fn search(&mut self, text: &str) {
        let spans = &mut self.inserts.spans;
        for pattern in &self.patterns {
            let matches = pattern.find_iter(text).filter(|found| !found.is_empty());
            spans.extend(matches.map(|found| (found.start(), found.end())));
        }
        if self.patterns.len() < 2 {
            return;
        }
        spans.sort_unstable();
        spans.dedup_by(|next, kept| {
            let joined = next.0 <= kept.1;
            if joined {
                kept.1 = kept.1.max(next.1);
            }
            joined
        });
    }

    /// Appends one line.
    fn line(&mut self, out: &mut Vec<u8>, text: &str, line: Range<usize>) {
        let mut at = line.start;
        while let Some(&(start, end)) = self.inserts.spans.get(self.inserts.marked) {
            if start >= line.end {
                break;
            }
            let start = start.max(at);
            let stop = end.min(line.end);
            self.coloured(out, text, at..start);
            if start < stop {
                self.marked(out, text, start..stop);
            }
            at = stop;
            // A match that continues on the next line is marked there too, unless it ends
            // with this line's newline.
            if end > line.end + 1 {
                break;
            }
            self.inserts.marked += 1;
        }
        self.coloured(out, text, at..line.end);
    }

    /// Appends text in its own colours.
    fn coloured(&mut self, out: &mut Vec<u8>, text: &str, range: Range<usize>) {
        let mut at = range.start;
        while let Some((offset, code)) = self.inserts.next_code(range.end) {
            let before = at..offset;
            at = offset;
            self.plain(out, &text[before]);
            out.extend_from_slice(self.inserts.sequences[code].as_bytes());
        }
        self.plain(out, &text[at..range.end]);
    }

    /// Appends text with a mark in place of its own colours.
    fn marked(&mut self, out: &mut Vec<u8>, text: &str, range: Range<usize>) {
        if !self.inserts.active.is_empty() {
            out.extend_from_slice(RESET);
        }
        while self.inserts.next_code(range.end).is_some() {}
        self.mark.over(out, |out| self.plain(out, &text[range]));
        out.extend_from_slice(&self.inserts.active);
    }

    fn plain(&self, out: &mut Vec<u8>, text: &str) {
        if self.escape || (self.newlines != Newlines::Keep && ends_line(text)) {
            escape_into(out, text, self.newlines);
        } else {
            out.extend_from_slice(text.as_bytes());
        }
    }
}

impl Inserts {
    fn clear(&mut self) {
        self.spans.clear();
        self.sequences.clear();
        self.codes.clear();
        self.active.clear();
        (self.marked, self.passed) = (0, 0);
    }

    /// The next SGR sequence before `end`: its offset, and its place in `sequences`. From then
    /// on it is active.
    fn next_code(&mut self, end: usize) -> Option<(usize, Range<usize>)> {
        let &(offset, stop) = self.codes.get(self.passed).filter(|(offset, _)| *offset < end)?;
        let start = self.passed.checked_sub(1).map_or(0, |before| self.codes[before].1);
        self.passed += 1;
        let code = &self.sequences[start..stop];
        let resets = sgr::effect(code) == Effect::Reset;
        if resets || self.active.len() + code.len() > MAX_ACTIVE {
            self.active.clear();
        }
        if !resets {
            self.active.extend_from_slice(code.as_bytes());
        }
        Some((offset, start..stop))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn write(text: &str, patterns: &[&str], escape: bool, indent: usize) -> String {
        let patterns = patterns.iter().map(|pattern| Regex::new(pattern).unwrap()).collect();
        let options = Options { color: true, escape, highlight: patterns, ..Options::default() };
        let mut multiline = MultilineText::new(&options);
        let mark =
            String::from_utf8(multiline.mark.over(&mut Vec::new(), |out| out.clone())).unwrap();
        let mut out = Vec::new();
        multiline.write(&mut out, text, indent);
        String::from_utf8(out).unwrap().replace(&mark, "<").replace("\x1b[0m", ">")
    }

    #[test]
    fn matches_are_marked_and_overlapping_ones_joined() {
        assert_eq!(write("disk full", &["full"], true, 0), "disk <full>");
        assert_eq!(write("abcdef", &["bcd", "cde", "f"], true, 0), "a<bcdef>");
        assert_eq!(write("abc", &["x*"], true, 0), "abc", "empty matches mark nothing");
    }

    #[test]
    fn matches_are_those_of_the_text_before_escaping() {
        // A text with escape sequences ends with a reset.
        assert_eq!(write("a\x1b[2Jb", &[r"\[2J"], true, 0), "a\\x1b<[2J>b>");
        assert_eq!(write("a\x1bb", &["x1b"], true, 0), "a\\x1bb>");
        assert_eq!(write("a\x1bb", &["\x1b"], true, 0), "a<\\x1b>b>");
    }

    /// The text with its colours, as written with these options.
    fn coloured(color: bool, escape: bool, text: &str) -> String {
        let highlight = vec![Regex::new("disk full").unwrap()];
        let options = Options { color, escape, highlight, ..Options::default() };
        let mut multiline = MultilineText::new(&options);
        let mark =
            String::from_utf8(multiline.mark.over(&mut Vec::new(), |out| out.clone())).unwrap();
        let mut out = Vec::new();
        multiline.write(&mut out, text, 2);
        let out = String::from_utf8(out).unwrap();
        if color { out.replace(&mark, "<mark>") } else { out }
    }

    #[test]
    fn own_colours_pass_to_a_terminal_and_end_with_the_text() {
        let terminal = |text| coloured(true, true, text);
        assert_eq!(terminal("\x1b[31mred"), "\x1b[31mred\x1b[0m");
        assert_eq!(
            terminal("a \x1b[31mred\x1b[0m b\x1b[2J"),
            "a \x1b[31mred\x1b[0m b\\x1b[2J\x1b[0m",
            "nothing but SGR passes"
        );
        assert_eq!(terminal("\x1b[8mhidden\x1b[K"), "hidden\x1b[0m");
        assert_eq!(terminal("\x1b\x1b[31m[32mx"), "\\x1b\x1b[31m[32mx\x1b[0m");
    }

    #[test]
    fn own_colours_go_on_below_without_colouring_the_indentation() {
        assert_eq!(
            coloured(true, true, "\x1b[44mone\ntwo"),
            "\x1b[44mone\x1b[0m\n  \x1b[44mtwo\x1b[0m"
        );
    }

    #[test]
    fn a_match_may_contain_colours_which_go_on_after_it() {
        assert_eq!(
            coloured(true, true, "a \x1b[32mdisk \x1b[1mfull up"),
            "a <mark>disk full\x1b[0m\x1b[32m\x1b[1m up\x1b[0m"
        );
        assert_eq!(
            coloured(true, true, "\x1b[32ma disk full up"),
            "\x1b[32ma \x1b[0m<mark>disk full\x1b[0m\x1b[32m up\x1b[0m"
        );
    }

    #[test]
    fn without_colour_a_terminal_gets_no_sequences_and_a_pipe_gets_the_text() {
        let text = "\x1b[31mdisk full\x1b[m";
        assert_eq!(coloured(false, true, text), "disk full");
        assert_eq!(coloured(false, false, text), text);
        assert_eq!(coloured(true, false, text), "<mark>disk full\x1b[0m\x1b[31m\x1b[0m");
    }

    #[test]
    fn the_colours_that_are_repeated_are_bounded() {
        let text = "\x1b[38;5;1m".repeat(10_000) + "x\ny";
        let shown = coloured(true, true, &text);
        assert!(shown.len() < text.len() + 2 * MAX_ACTIVE, "{}", shown.len());
    }

    #[test]
    fn a_match_over_several_lines_is_marked_on_each() {
        assert_eq!(write("ab\ncd\nef", &["(?s)b.*e"], true, 2), "a<b>\n  <cd>\n  <e>f");
        assert_eq!(write("ab\ncd", &["b\n", "d"], true, 0), "a<b>\nc<d>");
        assert_eq!(write("ab\n\ncd", &["(?s)b.*c"], true, 2), "a<b>\n\n  <c>d");
    }

    #[test]
    fn escaped_newlines_leave_one_line_and_its_marks() {
        let options = |color, escape, highlight| Options {
            color,
            escape,
            highlight,
            newlines: Newlines::Escape,
            ..Options::default()
        };
        let write = |options: &Options, text: &str| {
            let mut out = Vec::new();
            MultilineText::new(options).write(&mut out, text, 4);
            String::from_utf8(out).unwrap()
        };
        let piped = options(false, false, Vec::new());
        assert_eq!(write(&piped, "a\n\nb\r\u{2028}\x1bc"), "a\\x0a\\x0ab\\x0d\\u{2028}\\x1bc");
        assert_eq!(write(&piped, "\x1b[31m, no end of a line"), "\x1b[31m, no end of a line");
        let marked = options(true, true, vec![Regex::new("(?s)b.c").unwrap()]);
        assert!(write(&marked, "ab\ncd\n").contains("mb\\x0ac\x1b[0md\\x0a"));
    }

    proptest! {
        #[test]
        fn colours_change_nothing_but_colours(parts in "[ab\n01]{0,20}") {
            let text = parts.replace('0', "\x1b[0m").replace('1', "\x1b[31m");
            let shown = write(&text, &["a+", "b\na"], true, 0);
            let plain = sgr::strip(&shown).replace(['<', '>'], "");
            prop_assert_eq!(plain, parts.replace(['0', '1'], ""));
        }

        #[test]
        fn marking_adds_nothing_but_marks(text in "[abc\n]{0,20}", a in "[abc]{1,2}") {
            let pattern = format!("(?s){a}|b.c|{a}\n");
            let shown = write(&text, &[&pattern, "a+\n*"], false, 0);
            prop_assert_eq!(shown.replace(['<', '>'], ""), text);
            for line in shown.lines() {
                prop_assert_eq!(line.matches('<').count(), line.matches('>').count());
            }
        }
    }
}
