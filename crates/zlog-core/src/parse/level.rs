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

use crate::record::Level;

/// The part of a line that is searched, in bytes and words.
const MAX_BYTES: usize = 192;
const MAX_WORDS: usize = 12;

/// The level of a line. `rest` is the line after a leading time, or the whole line.
pub(super) fn of_line(line: &str, rest: &str) -> Option<Level> {
    let stamped = rest.len() < line.len();
    let window = &rest.as_bytes()[..rest.len().min(MAX_BYTES)];
    if memchr::memchr(0x1b, window).is_some() {
        let mut plain = [0; MAX_BYTES];
        let len = without_colour(window, &mut plain);
        return Scanner::new(stamped).level(&plain[..len]);
    }
    Scanner::new(stamped).level(window)
}

/// Copies text without colour sequences. Returns its length.
fn without_colour(bytes: &[u8], out: &mut [u8; MAX_BYTES]) -> usize {
    let (mut len, mut rest) = (0, bytes);
    while let [first, more @ ..] = rest {
        rest = more;
        if *first != 0x1b {
            out[len] = *first;
            len += 1;
        } else if let [b'[', more @ ..] = rest {
            let end = more.iter().position(u8::is_ascii_alphabetic);
            rest = end.map_or(&[], |end| &more[end + 1..]);
        }
    }
    len
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
    /// The punctuation before the letters.
    open: Option<u8>,
    /// The leading letters.
    letters: &'a [u8],
    /// The text after the letters.
    rest: &'a [u8],
    /// The word is between tabs.
    tabbed: bool,
}

impl<'a> Word<'a> {
    fn new(token: &'a [u8], tabbed: bool) -> Word<'a> {
        let start = token.iter().position(u8::is_ascii_alphanumeric).unwrap_or(token.len());
        let core = &token[start..];
        let end = core.iter().position(|b| !b.is_ascii_alphabetic()).unwrap_or(core.len());
        let open = start.checked_sub(1).map(|last| token[last]);
        Word { open, letters: &core[..end], rest: &core[end..], tabbed }
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
            let blanks = line[at..].iter().position(|byte| !byte.is_ascii_whitespace())?;
            let after_tab = blanks > 0 && line[at + blanks - 1] == b'\t';
            at += blanks;
            let len = line[at..].iter().position(u8::is_ascii_whitespace);
            let end = len.map_or(line.len(), |len| at + len);
            let token = &line[at..end];
            let word = Word::new(token, after_tab && line.get(end) == Some(&b'\t'));
            if let Some(level) = self.level_of(&word, &line[end..]) {
                return Some(level);
            }
            self.note(token, &word);
            if self.plain > 2 {
                return None;
            }
            at = end;
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

    /// Updates the state after a word that is no level.
    fn note(&mut self, token: &[u8], word: &Word<'_>) {
        // A shortcut for most words; the code below has the same result.
        let lower = word.letters.first().is_some_and(u8::is_ascii_lowercase);
        if lower && word.letters.len() == token.len() && !self.inside {
            self.npm = self.start && token == b"npm";
            (self.start, self.after_plain) = (false, true);
            self.plain += 1;
            return;
        }
        let is_name = token.iter().any(u8::is_ascii_alphanumeric);
        if !is_name {
            // A separator: the word before it was a name.
            self.plain -= u32::from(self.after_plain);
            self.after_plain = false;
            return;
        }
        self.npm = self.start && token == b"npm";
        // After a time, `host prog[7]:` does not begin a sentence either.
        self.start = (self.start || self.stamped) && token.ends_with(b":") && token.len() > 1;
        let opened = self.inside || word.open == Some(b'[') || word.open == Some(b'(');
        self.inside = opened && !token.iter().any(|byte| b"])".contains(byte));
        let time = is_clock(token) || is_calendar(token);
        self.stamped |= time;
        let structure = opened || time || is_structure(token, self.stamped);
        if opened {
            self.plain = 0;
        }
        self.after_plain = !structure;
        self.plain += u32::from(!structure);
    }
}

/// Whether a word is a level, and not a common word.
pub(super) fn is_level(word: &str) -> bool {
    level_word(word.as_bytes()).is_some()
}

/// The level of a word, except for common words.
fn level_word(letters: &[u8]) -> Option<Level> {
    let word = std::str::from_utf8(letters).ok()?;
    // Rules out nearly all words: level names begin with these letters.
    if !b"adtvifnwescp".contains(&letters.first()?.to_ascii_lowercase()) {
        return None;
    }
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
/// a mark at its end. A number counts only in a line with a time: `3 ERROR lines`.
fn is_structure(token: &[u8], stamped: bool) -> bool {
    let Some((last, inner)) = token.split_last() else { return false };
    if token.iter().all(u8::is_ascii_digit) {
        return stamped;
    }
    b":]|)>".contains(last)
        || token.iter().any(u8::is_ascii_digit)
        || inner.iter().any(|byte| b"._/@=".contains(byte))
}

/// `03:04:05`, `3:04PM`
fn is_clock(token: &[u8]) -> bool {
    let token = token.strip_prefix(b"[").unwrap_or(token);
    let hours = token.iter().take(2).take_while(|byte| byte.is_ascii_digit()).count();
    hours > 0 && matches!(&token[hours..], [b':', b'0'..=b'9', ..])
}

/// `Jan`, `[Wed`
pub(super) fn is_calendar(token: &[u8]) -> bool {
    const NAMES: [&[u8]; 19] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec", b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun",
    ];
    let token = token.strip_prefix(b"[").unwrap_or(token);
    NAMES.contains(&token.strip_suffix(b",").unwrap_or(token))
}
