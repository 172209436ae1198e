//! Terminals: whether there is one, colour, escaping of text from outside, and
//! the writer for standard output.
//!
//! What may be here: everything that depends on a terminal being at the other
//! end, environment variables included. What is shown there is `format`'s.
//!
//! # Colour
//! The first of these that says something decides:
//!
//! 1. `--color always` or `--color never`;
//! 2. `NO_COLOR` set and not empty: none (<https://no-color.org>);
//! 3. `CLICOLOR_FORCE` set, not empty and not `0`: colour, in a pipe too
//!    (<https://bixense.com/clicolors/>);
//! 4. standard output is no terminal: none;
//! 5. `CLICOLOR=0` or `TERM=dumb`: none;
//! 6. otherwise colour.
//!
//! # Escaping
//! A terminal obeys the bytes it is sent, so text from outside is made harmless
//! first: see [`is_unsafe`]. Standard output escapes on a terminal only: in a pipe, the
//! next program wants the text as it is. Messages for a person on standard error all go
//! through [`tell`], which escapes whatever is in them, terminal or not.

mod closed;
mod outlet;

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use self::outlet::{GivenUp, Outlet};
use crate::error::{Error, Result};

/// When to colour: `--color`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless the environment says otherwise
    #[default]
    Auto,
    /// In a pipe and a file too
    Always,
    /// Nowhere
    Never,
}

impl ColorChoice {
    /// Decides for standard output in this process's environment.
    pub fn for_stdout(self) -> bool {
        self.decide(stdout_is_terminal(), |name| std::env::var_os(name))
    }

    /// The decision itself; its rules stand at the head of this module.
    fn decide(self, terminal: bool, env: impl Fn(&str) -> Option<OsString>) -> bool {
        let set = |name| env(name).filter(|value| !value.is_empty());
        let is = |name, text| env(name).as_deref() == Some(OsStr::new(text));
        match self {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                if set("NO_COLOR").is_some() {
                    false
                } else if set("CLICOLOR_FORCE").is_some() && !is("CLICOLOR_FORCE", "0") {
                    true
                } else {
                    terminal && !is("CLICOLOR", "0") && !is("TERM", "dumb")
                }
            }
        }
    }
}

/// Whether a person may be looking at standard output.
pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether a person may be looking at standard error.
#[expect(clippy::disallowed_methods, reason = "nothing is written")]
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Whether whoever read standard output has gone, for when there is nothing to
/// write that would show it. Costs a system call.
#[cfg(unix)]
pub fn stdout_is_closed() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let stdout = io::stdout();
    // Nothing is asked for: errors and hang-ups are told all the same.
    let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    // A failure says nothing about the reader; the next write will.
    poll(&mut watched, Some(&at_once)).is_ok()
        && watched[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

/// Elsewhere the next write shows it.
#[cfg(not(unix))]
pub fn stdout_is_closed() -> bool {
    false
}

/// Fails if this process was started without standard output: what is written there is
/// lost. Each write fails as well; this is for before the first.
///
/// # Errors
/// Standard output is closed.
pub fn check_stdout() -> Result<()> {
    match closed::stdout() {
        true => Err(output_error(&not_open())
            .hint("It was closed before zlog started (>&-): send it to a file or /dev/null.")),
        false => Ok(()),
    }
}

/// The system's error for a descriptor that is not open.
fn not_open() -> io::Error {
    // The same number on every system.
    io::Error::from_raw_os_error(9)
}

/// Standard input. Reading fails if this process was started without it.
pub fn stdin() -> impl io::Read {
    Stdin(io::stdin().lock())
}

struct Stdin(io::StdinLock<'static>);

impl io::Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if closed::stdin() { Err(not_open()) } else { self.0.read(buffer) }
    }
}

/// Whether standard input is typed rather than piped.
pub fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// What becomes of line feeds in text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Newlines {
    /// As they are: a text may take several lines
    #[default]
    Keep,
    /// As \x0a: a text is part of one line
    Escape,
}

/// Whether a terminal could do something else than show this character.
///
/// - C0 but tab, DEL and C1: they move the cursor, clear, set titles, and start
///   the escape sequences that do the rest;
/// - the bidirectional controls and marks, U+2028 and U+2029: they make a line
///   read differently from what it says (<https://trojansource.codes>);
/// - format characters without any width, and the tag characters: they hide text
///   from the reader but not from a search or a shell.
///
/// The joiners U+200C and U+200D stay: Persian, Hindi and many emoji can't be
/// written without them, and they neither move nor reorder anything.
pub fn is_unsafe(c: char) -> bool {
    match c {
        '\t' => false,
        '\u{00}'..='\u{1F}' | '\u{7F}'..='\u{9F}' => true,
        '\u{61C}' | '\u{180E}' | '\u{FEFF}' => true,
        '\u{200B}' | '\u{200E}'..='\u{200F}' | '\u{2028}'..='\u{202E}' => true,
        '\u{2060}'..='\u{206F}' | '\u{FFF9}'..='\u{FFFB}' => true,
        '\u{E0000}'..='\u{E007F}' => true,
        _ => false,
    }
}

/// For each byte, whether a character that [`is_unsafe`] may begin with it.
///
/// Only lead bytes count, so a scan over bytes stops at character boundaries.
const SUSPECT: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = byte != b'\t' as usize;
        byte += 1;
    }
    let leads = [0x7F, 0xC2, 0xD8, 0xE1, 0xE2, 0xEF, 0xF3];
    let mut i = 0;
    while i < leads.len() {
        table[leads[i]] = true;
        i += 1;
    }
    table
};

/// Splits text at its first character that [`is_unsafe`]: what stands before it,
/// and the character with what follows.
pub fn split_unsafe(text: &str) -> (&str, Option<(char, &str)>) {
    let mut from = 0;
    while let Some(found) = text.as_bytes()[from..].iter().position(|&b| SUSPECT[b as usize]) {
        let at = from + found;
        let mut rest = text[at..].chars();
        match rest.next() {
            Some(c) if is_unsafe(c) => return (&text[..at], Some((c, rest.as_str()))),
            Some(c) => from = at + c.len_utf8(),
            None => break,
        }
    }
    (text, None)
}

/// Whether text has a character that ends a line for a program that reads it: one at which
/// Python's `str.splitlines` splits.
pub fn ends_line(text: &str) -> bool {
    let mut rest = text;
    while let (_, Some((c, after))) = split_unsafe(rest) {
        if matches!(c, '\n' | '\u{B}'..='\r' | '\u{1C}'..='\u{1E}' | '\u{85}' | '\u{2028}' | '\u{2029}')
        {
            return true;
        }
        rest = after;
    }
    false
}

/// Appends text with every character that [`is_unsafe`] made visible: `\x1b` up
/// to U+009F, `\u{202e}` beyond.
///
/// Backslashes stay single: this is for reading, not for reading back.
pub fn escape_into(out: &mut Vec<u8>, text: &str, newlines: Newlines) {
    let mut rest = text;
    loop {
        let (plain, found) = split_unsafe(rest);
        out.extend_from_slice(plain.as_bytes());
        let Some((c, after)) = found else { return };
        if c == '\n' && newlines == Newlines::Keep {
            out.push(b'\n');
        } else {
            escape_char(out, c);
        }
        rest = after;
    }
}

/// As [`escape_into`], for bytes that need not be UTF-8: those that aren't are
/// shown as `\xff`.
pub fn escape_bytes_into(out: &mut Vec<u8>, bytes: &[u8], newlines: Newlines) {
    for chunk in bytes.utf8_chunks() {
        escape_into(out, chunk.valid(), newlines);
        for &byte in chunk.invalid() {
            escape_byte(out, byte);
        }
    }
}

fn escape_char(out: &mut Vec<u8>, c: char) {
    match u8::try_from(c) {
        Ok(byte) => escape_byte(out, byte),
        // Writing to a Vec can't fail.
        Err(_) => drop(write!(out, "\\u{{{:x}}}", u32::from(c))),
    }
}

fn escape_byte(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let [high, low] = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
    out.extend_from_slice(&[b'\\', b'x', high, low]);
}

/// Appends text with every character that [`is_unsafe`] written as JSON writes it
/// (`\u202e`, two of them beyond U+FFFF), so that what is inside a JSON string
/// reads back as it was.
///
/// Control characters below U+0020 can't stand inside a JSON string: between
/// values they are white space, and become a space.
pub fn escape_json_into(out: &mut Vec<u8>, json: &str) {
    let mut rest = json;
    loop {
        let (plain, found) = split_unsafe(rest);
        out.extend_from_slice(plain.as_bytes());
        let Some((c, after)) = found else { return };
        if c < ' ' {
            out.push(b' ');
        } else {
            json_escape_char(out, c);
        }
        rest = after;
    }
}

/// Appends one character as JSON's `\u` escape, as two where UTF-16 needs two.
pub fn json_escape_char(out: &mut Vec<u8>, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing to a Vec can't fail.
        drop(write!(out, "\\u{unit:04x}"));
    }
}

/// Text from outside as a part of a line for a person: escaped, newlines included.
///
/// [`tell`] escapes everything else; what this adds is that the text begins no line of
/// its own, which could pass for a message of zlog's.
pub fn visible(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    escape_into(&mut out, text, Newlines::Escape);
    String::from_utf8_lossy(&out).into_owned()
}

/// Standard error as it is, not buffered and not escaped, for what `--tee` copies there: a
/// command's own bytes. Messages go through [`tell`]. A reader who stands still holds up
/// the end as little as with [`Stdout`].
#[expect(clippy::disallowed_methods, reason = "copies a command's own output")]
pub fn stderr(linger: Duration) -> impl Write + Send {
    Outlet::new(io::stderr()).lingering(linger)
}

/// Writes a line for a person on standard error, in one piece, and escapes what is in it.
/// This is the only way there: clippy refuses others.
///
/// Newlines stay, because a message has its next step on a line of its own. A name or a
/// path from outside that could hold one goes through [`visible`] first.
///
/// Where standard error can't be written (a closed pipe, a full disk) nobody is
/// there to be told, and the work goes on: unlike `eprintln!`, this never panics. Where
/// it is full and nobody reads it, this waits, until the process is asked to end.
#[expect(clippy::disallowed_methods, reason = "it escapes")]
pub fn tell(line: impl Display) {
    static STDERR: Mutex<Option<Outlet<io::Stderr>>> = Mutex::new(None);
    let mut bytes = Vec::new();
    escape_into(&mut bytes, &line.to_string(), Newlines::Keep);
    bytes.push(b'\n');
    let mut stderr = STDERR.lock().unwrap_or_else(PoisonError::into_inner);
    let stderr = stderr.get_or_insert_with(|| Outlet::new(io::stderr()));
    let _ = stderr.write_all(&bytes);
}

/// How much is gathered before it is written: well above a pipe's own buffer on
/// Linux's default page size, so that a busy stream costs few system calls.
pub const BLOCK: usize = 64 * 1024;

/// Standard output: buffered, and flushed only when asked.
///
/// Blocks of [`BLOCK`] bytes and more pass by the buffer.
///
/// A reader who stands still holds a write up for as long as he does, but not the end:
/// once this process was asked to end ([`Stop`](crate::signal::Stop)) and nothing has
/// moved for a second, what is left is given up, and so is all that comes after it.
/// [`output_error`] is then one with the exit code of that request.
pub struct Stdout {
    out: BufWriter<Outlet<io::Stdout>>,
}

impl Stdout {
    /// Standard output of this process. A reader who is merely slow gets 5 s in the end.
    pub fn new() -> Stdout {
        Stdout::over(Outlet::new(io::stdout()))
    }

    /// The same, with as long as `linger` in the end; and no more than that also for a
    /// reader who stands still.
    pub fn lingering(linger: Duration) -> Stdout {
        Stdout::over(Outlet::new(io::stdout()).lingering(linger))
    }

    fn over(outlet: Outlet<io::Stdout>) -> Stdout {
        Stdout { out: BufWriter::with_capacity(BLOCK, outlet) }
    }

    /// Writes all of `bytes`, or keeps them until the next flush.
    ///
    /// # Errors
    /// As [`output_error`].
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes).map_err(|error| output_error(&error))
    }

    /// Writes what is held.
    ///
    /// # Errors
    /// As [`output_error`].
    pub fn send(&mut self) -> Result<()> {
        self.flush().map_err(|error| output_error(&error))
    }
}

impl Default for Stdout {
    fn default() -> Stdout {
        Stdout::new()
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// What a failed write to standard output means: a closed pipe is the quiet
/// [`Exit::Done`](crate::error::Exit::Done), what was given up because the process was
/// asked to end the [`Exit::Signal`](crate::error::Exit::Signal) of that request, and
/// anything else (a full disk) an error.
pub fn output_error(error: &io::Error) -> Error {
    let told = Error::io("standard output", error);
    match GivenUp::exit(error) {
        Some(exit) => told.exit_as(exit),
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decide(choice: ColorChoice, terminal: bool, env: &[(&str, &str)]) -> bool {
        choice.decide(terminal, |name| {
            env.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        })
    }

    fn escaped(text: &str, newlines: Newlines) -> String {
        let mut out = Vec::new();
        escape_into(&mut out, text, newlines);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_color_option_beats_the_environment() {
        use ColorChoice::*;
        assert!(decide(Always, false, &[("NO_COLOR", "1"), ("TERM", "dumb")]));
        assert!(!decide(Never, true, &[("CLICOLOR_FORCE", "1")]));
    }

    #[test]
    fn auto_colours_a_terminal_and_not_a_pipe() {
        assert!(decide(ColorChoice::Auto, true, &[]));
        assert!(!decide(ColorChoice::Auto, false, &[]));
    }

    #[test]
    fn the_environment_decides_in_the_documented_order() {
        let auto = |terminal, env: &[_]| decide(ColorChoice::Auto, terminal, env);
        assert!(!auto(true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
        assert!(auto(true, &[("NO_COLOR", "")]), "an empty NO_COLOR is not set");
        assert!(auto(false, &[("CLICOLOR_FORCE", "1"), ("CLICOLOR", "0"), ("TERM", "dumb")]));
        assert!(!auto(false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!auto(false, &[("CLICOLOR_FORCE", "")]));
        assert!(!auto(true, &[("CLICOLOR", "0")]));
        assert!(auto(true, &[("CLICOLOR", "1")]));
        assert!(!auto(true, &[("TERM", "dumb")]));
    }

    #[test]
    fn plain_text_tabs_and_joiners_pass_unchanged() {
        for text in ["", "plain\ttext", "Grüße, 世界", "👩‍👩‍👧", "می‌خواهم", "\u{a0}\u{e1}\u{fffd}"]
        {
            assert_eq!(escaped(text, Newlines::Escape), text);
        }
    }

    #[test]
    fn what_moves_the_cursor_or_reorders_text_becomes_visible() {
        let cases = [
            ("\x1b[2J", "\\x1b[2J"),
            ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
            ("a\rb\x08", "a\\x0db\\x08"),
            ("\u{9b}31m\u{7f}", "\\x9b31m\\x7f"),
            ("a\u{202e}b\u{2066}", "a\\u{202e}b\\u{2066}"),
            ("\u{200b}\u{feff}\u{61c}\u{2028}", "\\u{200b}\\u{feff}\\u{61c}\\u{2028}"),
            ("\u{e0041}x", "\\u{e0041}x"),
            ("\0", "\\x00"),
        ];
        for (text, shown) in cases {
            assert_eq!(escaped(text, Newlines::Keep), shown);
        }
    }

    #[test]
    fn newlines_stay_or_go_as_asked() {
        assert_eq!(escaped("a\nb", Newlines::Keep), "a\nb");
        assert_eq!(escaped("a\nb", Newlines::Escape), "a\\x0ab");
    }

    /// As Python 3.11's `str.splitlines` has them.
    #[test]
    fn a_line_ends_where_python_splits_it() {
        let ends = "\n\r\u{b}\u{c}\u{1c}\u{1d}\u{1e}\u{85}\u{2028}\u{2029}";
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let text = format!("\u{1b}{c}b");
            assert_eq!(ends_line(&text), ends.contains(c), "{:x}", u32::from(c));
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_shown_as_bytes() {
        let mut out = Vec::new();
        escape_bytes_into(&mut out, b"a\xff\x1b\xe2\x80b", Newlines::Escape);
        assert_eq!(out, b"a\\xff\\x1b\\xe2\\x80b");
    }

    #[test]
    fn a_full_disk_is_named() {
        let full = io::Error::from_raw_os_error(28);
        if cfg!(target_os = "linux") {
            let text = output_error(&full).to_string();
            assert_eq!(text, "standard output: no space left on device");
        }
    }

    proptest! {
        #[test]
        fn nothing_unsafe_is_left_whatever_comes(text in any::<String>()) {
            let shown = escaped(&text, Newlines::Escape);
            prop_assert!(!shown.chars().any(is_unsafe), "{:?}", shown);
        }

        #[test]
        fn the_byte_scan_finds_every_unsafe_character(c in any::<char>()) {
            let text = format!("a{c}b");
            let found = split_unsafe(&text).1.map(|(c, _)| c);
            prop_assert_eq!(found, is_unsafe(c).then_some(c));
        }

        #[test]
        fn json_strings_read_back_after_escaping(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let mut out = Vec::new();
            escape_json_into(&mut out, &json);
            prop_assert!(!out.iter().any(u8::is_ascii_control));
            prop_assert!(!String::from_utf8(out.clone()).unwrap().chars().any(is_unsafe));
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn the_byte_scan_knows_all_of_unicode() {
        let mut text = String::new();
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            text.clear();
            text.push(c);
            assert_eq!(split_unsafe(&text).1.is_some(), is_unsafe(c), "{:x}", u32::from(c));
        }
    }
}
