//! Perl's stack traces (`confess`), and the messages of `die` and `warn`.

use super::{Step, Trace};
use Step::{Maybe, Not, Part};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// The message.
    Message,
    /// A frame.
    Frames,
}

/// `\tmain::open_it("/x") called at main.pl line 10`
pub(super) fn begins_indented(line: &str) -> Option<Step> {
    is_frame(line).then_some(Part(Trace::Perl(State::Frames)))
}

/// `it failed at main.pl line 3.`
pub(super) fn begins(line: &str) -> Option<Step> {
    is_message(line).then_some(Maybe(Trace::Perl(State::Message)))
}

pub(super) fn follows(line: &str) -> Step {
    if is_frame(line) { Part(Trace::Perl(State::Frames)) } else { Not }
}

fn is_frame(line: &str) -> bool {
    line.starts_with('\t')
        && line.split_once(" called at ").is_some_and(|(_, place)| is_line_number(place))
}

/// `main.pl line 10`
fn is_line_number(place: &str) -> bool {
    place.rsplit_once(" line ").is_some_and(|(_, number)| {
        number.trim_end_matches('.').bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Whether the line is what Perl's `die` prints, and `warn`: `text at main.pl line 3.`, perhaps
/// with `, <STDIN> line 1` before the dot.
pub(super) fn is_message(line: &str) -> bool {
    const SUFFIXES: [&str; 6] = [".pl", ".pm", ".t", ".cgi", ".psgi", "-e"];
    // For most lines, only the last bytes are looked at: searches take longer.
    let Some(line) = line.strip_suffix('.') else { return false };
    if !line.ends_with(|last: char| last.is_ascii_digit()) {
        return false;
    }
    let line = line.split_once(", <").map_or(line, |(line, _)| line);
    let Some((start, number)) = line.rsplit_once(" line ") else { return false };
    let Some((_, file)) = start.rsplit_once(" at ") else { return false };
    let is_file = SUFFIXES.iter().any(|suffix| file.ends_with(suffix));
    (is_file || file.starts_with("(eval ")) && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the line is a message of the interpreter about an error that ends the program, if
/// nothing catches it (`F` in perldiag). `die` and `warn` print the same otherwise.
pub(super) fn is_fatal(line: &str) -> bool {
    const STARTS: [&str; 9] = [
        "Can't ",
        "Undefined subroutine ",
        "Illegal division by zero ",
        "Died ",
        "Not a",
        "Global symbol ",
        "BEGIN failed--",
        "Compilation failed ",
        "Modification of a read-only ",
    ];
    line.ends_with('.')
        && STARTS.iter().any(|start| line.starts_with(start))
        && line.rsplit_once(" at ").is_some_and(|(_, place)| {
            // `main.pl line 3, <STDIN> line 1.`
            is_line_number(place.split(", <").next().unwrap_or(place))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_of_die_and_warn_are_found_by_the_place_that_they_name() {
        for (line, expected) in [
            ("it failed at main.pl line 3.", true),
            ("it failed at /srv/lib/Shop/Cart.pm line 30, <STDIN> line 1.", true),
            ("no file at -e line 1.", true),
            ("no file at (eval 7) line 1.", true),
            ("it stopped at main.pl line 3", false),
            ("it stopped at main.pl line three.", false),
            ("see the table at page line 3.", false),
            ("it is done.", false),
        ] {
            assert_eq!(is_message(line), expected, "{line}");
        }
    }
}
