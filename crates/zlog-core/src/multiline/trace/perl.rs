//! Perl's stack traces (`confess`), and the errors that end a program.

use super::{Step, Trace};
use Step::{Not, Part};

/// `\tmain::open_it("/x") called at main.pl line 10`
pub(super) fn begins(line: &str) -> Option<Step> {
    is_frame(line).then_some(Part(Trace::Perl))
}

pub(super) fn follows(line: &str) -> Step {
    if is_frame(line) { Part(Trace::Perl) } else { Not }
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
