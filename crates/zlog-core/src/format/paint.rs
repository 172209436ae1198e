//! Colours, escaping and marks, shared by several formats.

use memchr::memchr;
use owo_colors::Style;
use regex::Regex;

use super::Options;
use crate::record::{Level, Record};
use crate::text::escape::{Newlines, ends_line, escape_into};

/// A style as the bytes that switch it on; empty without colour.
pub(super) struct Paint(Vec<u8>);

const RESET: &[u8] = b"\x1b[0m";

impl Paint {
    fn new(color: bool, style: Style) -> Paint {
        let prefix = if color { style.prefix_formatter().to_string() } else { String::new() };
        Paint(prefix.into_bytes())
    }

    /// Appends the output of `write` in this style.
    pub(super) fn over<T>(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        out.extend_from_slice(&self.0);
        let result = write(out);
        if !self.0.is_empty() {
            out.extend_from_slice(RESET);
        }
        result
    }

    fn is_plain(&self) -> bool {
        self.0.is_empty()
    }
}

/// The styles of one output.
pub(super) struct Palette {
    /// For each level of [`Level::NAMED`].
    levels: [Paint; 5],
    /// For text without a style.
    pub(super) plain: Paint,
    /// For text beside the message.
    pub(super) dim: Paint,
    /// For faults of records.
    pub(super) fault: Paint,
}

impl Palette {
    pub(super) fn new(color: bool) -> Palette {
        let style = Style::new;
        Palette {
            levels: [
                style().cyan(),
                style().green(),
                style().yellow(),
                style().red(),
                style().white().on_red().bold(),
            ]
            .map(|style| Paint::new(color, style)),
            plain: Paint::new(false, style()),
            dim: Paint::new(color, style().dimmed()),
            fault: Paint::new(color, style().black().on_yellow()),
        }
    }

    /// The style of a level. Custom levels have the style of the named level below them,
    /// levels below DEBUG that of DEBUG.
    pub(super) fn level(&self, level: Level) -> &Paint {
        if level == Level::NOTSET {
            return &self.plain;
        }
        let band = Level::NAMED.iter().rposition(|&named| named <= level).unwrap_or(0);
        &self.levels[band]
    }
}

/// Appends text that is part of a line. Text that would end a line is escaped even if
/// `escape` is off, so that a topic or a name can't look like another record.
pub(super) fn write_inline(out: &mut Vec<u8>, text: &str, escape: bool) {
    if escape || ends_line(text) {
        escape_into(out, text, Newlines::Escape);
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

/// Writes messages and tracebacks, with escaping and marks.
pub(super) struct MultilineText {
    escape: bool,
    newlines: Newlines,
    patterns: Vec<Regex>,
    mark: Paint,
    /// The ranges to mark in the current text: sorted, without overlaps.
    spans: Vec<(usize, usize)>,
}

impl MultilineText {
    /// As `options` say.
    pub(super) fn new(options: &Options) -> MultilineText {
        let Options { color, escape, newlines, ref highlight, .. } = *options;
        let mark = Paint::new(color, Style::new().black().on_yellow().bold());
        // Marks need colour: without it, don't search.
        let patterns = if mark.is_plain() { Vec::new() } else { highlight.clone() };
        MultilineText { escape, newlines, patterns, mark, spans: Vec::new() }
    }

    /// Appends text. Indents each line after the first by `indent` spaces.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, text: &str, indent: usize) {
        self.search(text);
        let mut marked = 0;
        if self.newlines == Newlines::Escape {
            return self.line(out, text, 0..text.len(), &mut marked);
        }
        let mut start = 0;
        loop {
            let end = memchr(b'\n', &text.as_bytes()[start..]).map(|found| start + found);
            self.line(out, text, start..end.unwrap_or(text.len()), &mut marked);
            let Some(end) = end else { return };
            out.push(b'\n');
            start = end + 1;
            if start < text.len() && text.as_bytes()[start] != b'\n' {
                out.resize(out.len() + indent, b' ');
            }
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
        self.search(text);
        let mut at = 0;
        let unmarked = |out: &mut Vec<u8>, text: &str| {
            if !text.is_empty() {
                paint.over(out, |out| out.extend_from_slice(text.as_bytes()));
            }
        };
        for &(start, end) in &self.spans {
            unmarked(out, &text[at..start]);
            self.mark.over(out, |out| out.extend_from_slice(&text.as_bytes()[start..end]));
            at = end;
        }
        unmarked(out, &text[at..]);
    }

    /// Appends a newline and `indent` spaces, or an escaped newline.
    pub(super) fn begin_line(&self, out: &mut Vec<u8>, indent: usize) {
        match self.newlines {
            Newlines::Keep => {
                out.push(b'\n');
                out.resize(out.len() + indent, b' ');
            }
            Newlines::Escape => escape_into(out, "\n", Newlines::Escape),
        }
    }

    /// Finds the ranges to mark. Searches the text before escaping, so that a pattern has
    /// the same meaning on a terminal and in a pipe.
    fn search(&mut self, text: &str) {
        self.spans.clear();
        for pattern in &self.patterns {
            let matches = pattern.find_iter(text).filter(|found| !found.is_empty());
            self.spans.extend(matches.map(|found| (found.start(), found.end())));
        }
        if self.patterns.len() < 2 {
            return;
        }
        self.spans.sort_unstable();
        self.spans.dedup_by(|next, kept| {
            let joined = next.0 <= kept.1;
            if joined {
                kept.1 = kept.1.max(next.1);
            }
            joined
        });
    }

    /// Appends one line. `marked` is the number of spans that ended before it.
    fn line(
        &self,
        out: &mut Vec<u8>,
        text: &str,
        line: std::ops::Range<usize>,
        marked: &mut usize,
    ) {
        let mut at = line.start;
        while let Some(&(start, end)) = self.spans.get(*marked) {
            if start >= line.end {
                break;
            }
            let start = start.max(at);
            let stop = end.min(line.end);
            self.plain(out, &text[at..start]);
            if start < stop {
                self.mark.over(out, |out| self.plain(out, &text[start..stop]));
            }
            at = stop;
            // A match that continues on the next line is marked there too, unless it ends
            // with this line's newline.
            if end > line.end + 1 {
                break;
            }
            *marked += 1;
        }
        self.plain(out, &text[at..line.end]);
    }

    fn plain(&self, out: &mut Vec<u8>, text: &str) {
        if self.escape || (self.newlines == Newlines::Escape && ends_line(text)) {
            escape_into(out, text, self.newlines);
        } else {
            out.extend_from_slice(text.as_bytes());
        }
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
        let mark = String::from_utf8(multiline.mark.0.clone()).unwrap();
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
        assert_eq!(write("a\x1b[2Jb", &[r"\[2J"], true, 0), "a\\x1b<[2J>b");
        assert_eq!(write("a\x1bb", &["x1b"], true, 0), "a\\x1bb");
        assert_eq!(write("a\x1bb", &["\x1b"], true, 0), "a<\\x1b>b");
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

    #[test]
    fn a_custom_level_takes_the_style_of_the_named_one_below() {
        let palette = Palette::new(true);
        let style = |level| &palette.level(Level(level)).0;
        assert_eq!(style(35), style(30));
        assert_eq!(style(5), style(10));
        assert_eq!(style(99), style(50));
        assert_ne!(style(40), style(50));
        assert!(style(0).is_empty());
    }

    proptest! {
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
