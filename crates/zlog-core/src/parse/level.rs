//! Finds the level word in a line of text.
//!
//! A level is near the start of a line, after times, names, process ids and similar words.
//! To rule out prose, the words before it are classified: a word in brackets, or with a
//! digit, a dot or a colon, is *structure*; other words are *plain*, and the more of them,
//! the more likely is a sentence. A separator after a plain word shows that it was a name.
//! A level is recognised:
//!
//! - in brackets (`[error]`, `<warn>`, `[core:error]`): any case, after up to two plain words;
//! - in capitals (`ERROR`, `ERROR:`, `ERROR:root:x`, `INFO[0001]`): at the start; after a
//!   time, also after one plain word (a host, a program);
//! - otherwise (`error: x`, `error[E0308]: x`): followed by a colon, at the start or after
//!   a word that ends in one (`cc: error: x`);
//! - as a word `level=error`.

use crate::formats::Input;
use crate::level::Level;
use crate::text::{prefix, sgr};

/// The part of a line that is searched, in bytes and words.
const MAX_BYTES: usize = 192;
const MAX_WORDS: usize = 12;

/// The level of a line. `rest` is the line after a leading time, or the whole line.
pub(super) fn of_line(line: &Input<'_>, rest: &str) -> Option<Level> {
    let whole = line.whole();
    let stamped = rest.len() < whole.len();
    let window = prefix(rest, MAX_BYTES);
    if line.has_no_colour_before(whole.len() - rest.len() + window.len()) {
        level_in(window.as_bytes(), stamped)
    } else {
        level_in(sgr::strip(window).as_bytes(), stamped)
    }
}

fn level_in(line: &[u8], stamped: bool) -> Option<Level> {
    if may_have_level(line) { Scanner::new(stamped).level(line) } else { None }
}

/// Whether the line has anything of what every level needs: a bracket, `=` or a tab, three
/// capitals, a letter before a colon, or `npm`. Most lines of prose have not, and this looks at
/// 16 bytes at once.
fn may_have_level(line: &[u8]) -> bool {
    const STEP: usize = 16;
    let has_some = |bytes: &[u8; STEP + 2]| {
        (0..STEP)
            .fold(false, |any, at| any | needed_by_level(bytes[at], bytes[at + 1], bytes[at + 2]))
    };
    let mut rest = line;
    while let Some(bytes) = rest.first_chunk() {
        if has_some(bytes) {
            return true;
        }
        rest = &rest[STEP..];
    }
    let mut last = [0; STEP + 2];
    last[..rest.len()].copy_from_slice(rest);
    has_some(&last)
        || needed_by_level(last[STEP], last[STEP + 1], 0)
        || needed_by_level(last[STEP + 1], 0, 0)
}

#[inline]
fn needed_by_level(first: u8, second: u8, third: u8) -> bool {
    let is_mark =
        (first == b'[') | (first == b'<') | (first == b'(') | (first == b'=') | (first == b'\t');
    let are_capitals =
        first.is_ascii_uppercase() & second.is_ascii_uppercase() & third.is_ascii_uppercase();
    let is_npm = (first == b'n') & (second == b'p') & (third == b'm');
    is_mark | are_capitals | is_npm | (first.is_ascii_alphabetic() & (second == b':'))
}

/// The state after the words read so far.
struct Scanner {
    /// There was a time.
    stamped: bool,
    /// The number of plain words.
    plain: u32,
    /// The last word was plain.
    after_plain: bool,
    /// Inside brackets that an earlier word opened.
    inside: bool,
    /// All words so far ended in a colon.
    start: bool,
    /// The first word is `npm`, which writes levels without decoration.
    npm: bool,
}

/// A word of the line.
struct Word<'a> {
    /// The whole word.
    token: &'a [u8],
    /// The punctuation before the letters.
    open: Option<u8>,
    /// The leading letters.
    letters: &'a [u8],
    /// The text after the letters.
    rest: &'a [u8],
    /// The word is between tabs.
    tabbed: bool,
}

/// The kinds of bytes, as far as words are concerned: one bit each.
const BLANK: u8 = 1;
const LETTER: u8 = 2;
const DIGIT: u8 = 4;
/// Not one of those. Some of these bytes have a further bit.
const OTHER: u8 = 8;
/// A bracket that closes what an earlier word has opened.
const CLOSE: u8 = 16;
/// What prose rarely has inside a word, as in `a.b` and `x=1`.
const JOIN: u8 = 32;
/// What ends a word that is not one of prose.
const MARK: u8 = 64;

/// The kind of each byte. Looked up, since every line is read byte by byte.
const KINDS: [u8; 256] = {
    let mut kinds = [OTHER; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        kinds[byte as usize] = match byte {
            _ if byte.is_ascii_whitespace() => BLANK,
            _ if byte.is_ascii_alphabetic() => LETTER,
            _ if byte.is_ascii_digit() => DIGIT,
            b']' | b')' => OTHER | CLOSE | MARK,
            b':' | b'|' | b'>' => OTHER | MARK,
            b'.' | b'_' | b'/' | b'@' | b'=' => OTHER | JOIN,
            _ => OTHER,
        };
        byte += 1;
    }
    kinds
};

/// The end of the bytes from `at` that are of these kinds.
#[inline]
fn end_of(line: &[u8], mut at: usize, kinds: u8) -> usize {
    while let Some(byte) = line.get(at)
        && kinds & KINDS[usize::from(*byte)] != 0
    {
        at += 1;
    }
    at
}

/// The kinds of all bytes of a text.
fn kinds_of(text: &[u8]) -> u8 {
    text.iter().fold(0, |all, byte| all | KINDS[usize::from(*byte)])
}

impl<'a> Word<'a> {
    /// The word that begins at `at`, which is no blank.
    fn read(line: &'a [u8], at: usize) -> Word<'a> {
        let start = end_of(line, at, OTHER);
        let letters = end_of(line, start, LETTER);
        let end = end_of(line, letters, LETTER | DIGIT | OTHER);
        let after_tab = at > 0 && line[at - 1] == b'\t';
        Word {
            token: &line[at..end],
            open: (start > at).then(|| line[start - 1]),
            letters: &line[start..letters],
            rest: &line[letters..end],
            tabbed: after_tab && line.get(end) == Some(&b'\t'),
        }
    }

    /// Whether brackets contain only this word and padding.
    fn in_brackets(&self, after: &[u8]) -> bool {
        let close = match self.open {
            Some(b'[') => b']',
            Some(b'<') => b'>',
            Some(b'(') => b')',
            _ => return false,
        };
        let end = if self.rest.is_empty() { after.trim_ascii_start() } else { self.rest };
        end.first() == Some(&close)
    }
}

impl Scanner {
    fn new(stamped: bool) -> Scanner {
        Scanner { stamped, plain: 0, after_plain: false, inside: false, start: true, npm: false }
    }

    fn level(mut self, line: &[u8]) -> Option<Level> {
        let mut at = 0;
        for _ in 0..MAX_WORDS {
            at = end_of(line, at, BLANK);
            if at == line.len() {
                return None;
            }
            let common = common_word(&line[at..]).filter(|_| !self.inside);
            if let Some(word) = common {
                self.note_plain(word);
                at += word.len();
            } else {
                let word = Word::read(line, at);
                at += word.token.len();
                if let Some(level) = self.level_of(&word, &line[at..]) {
                    return Some(level);
                }
                self.note(&word);
            }
            if self.plain > 2 {
                return None;
            }
        }
        None
    }

    /// The level, if the word is one at its position.
    fn level_of(&self, word: &Word<'_>, after: &[u8]) -> Option<Level> {
        if word.letters.is_empty() {
            return None;
        }
        // .NET's name of INFO is a common word.
        let is_dotnet = self.stamped
            && word.letters.eq_ignore_ascii_case(b"information")
            && word.in_brackets(after);
        if is_dotnet {
            return Some(Level::INFO);
        }
        if let Some(level) = level_word(word.letters) {
            let capitals = word.letters.iter().all(u8::is_ascii_uppercase);
            let stands = word.in_brackets(after)
                || capitals && self.allows_capitals(word, after)
                || self.start && !capitals && is_followed_by_colon(word.rest)
                || self.start && self.stamped && word.tabbed && word.rest.is_empty()
                || self.npm && (word.rest.is_empty() || word.rest == b"!");
            return stands.then_some(level);
        }
        match (word.letters, word.rest) {
            (b"level" | b"lvl" | b"severity", [b'=', value @ ..]) => {
                let value = value.strip_prefix(b"\"").unwrap_or(value);
                let end = value.iter().position(|byte| !byte.is_ascii_alphabetic());
                level_word(&value[..end.unwrap_or(value.len())])
            }
            // Apache: `[core:error]`
            (_, [b':', value @ .., b']']) if word.open == Some(b'[') => level_word(value),
            // logrus cuts its levels to four letters: `ERRO[0001]`
            (b"ERRO", [b'[', ..]) => Some(Level::ERROR),
            (b"DEBU", [b'[', ..]) => Some(Level::DEBUG),
            (b"TRAC", [b'[', ..]) => Some(Level::TRACE),
            (b"FATA" | b"PANI", [b'[', ..]) => Some(Level::CRITICAL),
            // PostgreSQL's ordinary messages
            (b"LOG", [b':']) if self.stamped => Some(Level::INFO),
            _ => None,
        }
    }

    fn allows_capitals(&self, word: &Word<'_>, after: &[u8]) -> bool {
        let ends = match word.rest {
            [] | [b':' | b'|' | b']' | b')' | b'>' | b'*' | b'[', ..] => true,
            [b'/' | b',', ..] => word.open == Some(b'['),
            _ => false,
        };
        let set_off = word.rest.first() == Some(&b':') || {
            let next = after.trim_ascii_start();
            matches!(next, [b'-' | b'|', b' ', ..])
        };
        ends && self.plain <= u32::from(self.stamped || set_off)
    }

    /// As [`Scanner::note`], for a [common word](common_word).
    fn note_plain(&mut self, word: &[u8]) {
        self.npm = self.start && word == b"npm";
        (self.start, self.after_plain) = (false, true);
        self.plain += 1;
    }

    /// Updates the state after a word that is no level.
    fn note(&mut self, word: &Word<'_>) {
        let token = word.token;
        let kinds = kinds_of(token);
        if kinds & (LETTER | DIGIT) == 0 {
            // A separator: the word before it was a name.
            self.plain -= u32::from(self.after_plain);
            self.after_plain = false;
            return;
        }
        self.npm = self.start && token == b"npm";
        // After a time, `host prog[7]:` does not begin a sentence either.
        self.start = (self.start || self.stamped) && token.ends_with(b":") && token.len() > 1;
        let opened = self.inside || word.open == Some(b'[') || word.open == Some(b'(');
        self.inside = opened && kinds & CLOSE == 0;
        let time = is_clock(token) || is_calendar(token);
        self.stamped |= time;
        let structure = opened || time || is_structure(token, kinds, self.stamped);
        if opened {
            self.plain = 0;
        }
        self.after_plain = !structure;
        self.plain += u32::from(!structure);
    }
}

/// Whether a level may have this name, by its first letters. Rules out nearly all words.
fn may_be_level(letters: &[u8]) -> bool {
    let [first, second, third, ..] = letters else { return false };
    letters.len() <= "emergency".len()
        && match [first | 0x20, second | 0x20] {
            [b'a', b'l'] | [b'd' | b'v', b'e'] | [b'd', b'b' | b'p'] | [b'e', b'm' | b'r'] => true,
            [b'v' | b'w', b'r'] | [b'f', b'a' | b't'] | [b't', b'r'] => true,
            [b'c', b'r'] => third | 0x20 == b'i',
            [b'i', b'n'] => third | 0x20 == b'f',
            [b'n', b'o'] => third | 0x20 == b't',
            [b'p', b'a'] => third | 0x20 == b'n',
            [b's', b'e'] => third | 0x20 == b'v',
            [b'w', b'a'] => third | 0x20 == b'r',
            _ => false,
        }
}

/// The word that the line begins with, if that has only letters in lower case and is no level by
/// the first of them: as most words. A shortcut.
fn common_word(line: &[u8]) -> Option<&[u8]> {
    let end = line.iter().position(|byte| !byte.is_ascii_lowercase()).unwrap_or(line.len());
    let is_word = line.get(end).is_none_or(u8::is_ascii_whitespace);
    (end > 0 && is_word && !may_be_level(&line[..end])).then(|| &line[..end])
}

/// The level of a word, except for common words.
fn level_word(letters: &[u8]) -> Option<Level> {
    if !may_be_level(letters) {
        return None;
    }
    let word = std::str::from_utf8(letters).ok()?;
    // In a line of text, these are mostly other words.
    const COMMON: [&str; 16] = [
        "information",
        "informational",
        "notset",
        "silly",
        "fine",
        "finer",
        "finest",
        "config",
        "http",
        "log",
        "note",
        "system",
        "ready",
        "start",
        "success",
        "failed",
    ];
    Level::from_word(word).filter(|_| !COMMON.iter().any(|it| it.eq_ignore_ascii_case(word)))
}

/// Whether `:` ends the word, perhaps after a code in brackets: `error[E0308]:`.
fn is_followed_by_colon(rest: &[u8]) -> bool {
    rest == b":" || (rest.starts_with(b"[") && rest.ends_with(b"]:"))
}

/// Whether a word has what words of prose rarely have: a digit, a dot or underscore inside,
/// a mark at its end. A number counts only in a line with a time: `3 ERROR lines`. `kinds` are
/// those of its bytes.
fn is_structure(token: &[u8], kinds: u8, stamped: bool) -> bool {
    let Some((last, inner)) = token.split_last() else { return false };
    if kinds == DIGIT {
        return stamped;
    }
    kinds & DIGIT != 0
        || KINDS[usize::from(*last)] & MARK != 0
        || kinds & JOIN != 0 && kinds_of(inner) & JOIN != 0
}

/// `03:04:05`, `3:04PM`
fn is_clock(token: &[u8]) -> bool {
    let token = token.strip_prefix(b"[").unwrap_or(token);
    let hours = token.iter().take(2).take_while(|byte| byte.is_ascii_digit()).count();
    hours > 0 && matches!(&token[hours..], [b':', b'0'..=b'9', ..])
}

/// `Jan`, `[Wed`
fn is_calendar(token: &[u8]) -> bool {
    const NAMES: [&[u8]; 19] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec", b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun",
    ];
    if !(3..="[Wed,".len()).contains(&token.len()) {
        return false;
    }
    let token = token.strip_prefix(b"[").unwrap_or(token);
    token[0].is_ascii_uppercase() && NAMES.contains(&token.strip_suffix(b",").unwrap_or(token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_line_that_needs_no_scan_has_no_level(
            words in prop::collection::vec(
                prop_oneof![
                    Just("error"), Just("ERROR"), Just("[warn]"), Just("<info>"), Just("ERR!"),
                    Just("npm"), Just("level=error"), Just("LOG:"), Just("INFO[0001]"), Just("warn:"),
                    Just("Warning"), Just("03:04:05"), Just("information"), Just("[core:error]"),
                    Just("(error)"), Just("word"), Just("Word"), Just("a.b"), Just("\t"), Just("|"),
                    Just("-"), Just(":"), Just("error,"), Just("[error"), Just("]"), Just("WRN"),
                ],
                0..9,
            ),
            separator in prop_oneof![Just(" "), Just("\t"), Just(""), Just("  ")],
            stamped: bool,
        ) {
            let line = words.join(separator);
            let scanned = Scanner::new(stamped).level(line.as_bytes());
            prop_assert_eq!(level_in(line.as_bytes(), stamped), scanned, "{}", line);
        }
    }

    #[test]
    fn every_name_of_a_level_may_be_one_by_its_first_letters() {
        let names = "trace trc trce verbose vrb debug dbg dbug debu debg info inf notice warning \
            warn wrn error err eror erro severe fail critical crit fatal fata ftl fault alert \
            emerg emergency panic pani dpanic";
        for name in names.split_whitespace() {
            for word in [name.to_owned(), name.to_ascii_uppercase()] {
                assert_eq!(level_word(word.as_bytes()), Level::from_word(&word), "{word}");
            }
        }
        assert!(["notset", "config", ""].iter().all(|word| level_word(word.as_bytes()).is_none()));
    }
}
