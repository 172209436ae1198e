//! The pattern of a format: an expression for the start of a line.

use crate::text::parsers::syntax_error;
use regex::bytes::{CaptureLocations, Regex, RegexBuilder};
use regex_syntax::ParserBuilder;

use super::steps::{Steps, UNSET};
use super::time::LastTime;

/// A pattern, ready for use.
#[derive(Debug)]
pub(super) enum Pattern {
    /// Each byte leaves one way to go on.
    Steps(Steps),
    /// All others.
    Regex(Regex),
}

/// Where the groups of a pattern are in a line. Reused, since creating it allocates.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    /// The last time of the format.
    pub(super) last_time: LastTime,
    slots: Vec<usize>,
    locations: Option<CaptureLocations>,
}

impl Groups {
    /// The position of a group by its number. Group 0 is the whole match.
    pub(super) fn get(&self, number: usize) -> Option<(usize, usize)> {
        let [start, end] = *self.slots.get(2 * number..)?.first_chunk()?;
        (end != UNSET).then_some((start, end))
    }
}

impl Pattern {
    /// Compiles an expression. Unicode's classes are left out: they would make it much larger.
    ///
    /// # Errors
    /// The text is not a regular expression.
    pub(super) fn new(pattern: &str) -> Result<Pattern, String> {
        let mut parser = ParserBuilder::new().unicode(false).utf8(false).build();
        let hir = parser.parse(pattern).map_err(|error| syntax_error(&error))?;
        if let Some(steps) = Steps::new(&hir) {
            return Ok(Pattern::Steps(steps));
        }
        let pattern = format!("^(?:{pattern})");
        let regex = RegexBuilder::new(&pattern).unicode(false).build();
        regex.map(Pattern::Regex).map_err(|error| error.to_string())
    }

    /// The numbers and the names of the groups.
    pub(super) fn names(&self) -> Vec<(usize, &str)> {
        match self {
            Pattern::Steps(steps) => steps.names().collect(),
            Pattern::Regex(regex) => {
                let names = regex.capture_names().enumerate();
                names.filter_map(|(at, name)| Some((at, name?))).collect()
            }
        }
    }

    /// Whether the line begins with a match.
    pub(super) fn is_match(&self, line: &[u8]) -> bool {
        match self {
            Pattern::Steps(steps) => steps.read(line, &mut []),
            Pattern::Regex(regex) => regex.is_match(line),
        }
    }

    /// As [`Pattern::is_match`]; finds the groups too.
    pub(super) fn read(&self, line: &[u8], groups: &mut Groups) -> bool {
        let Groups { slots, locations, .. } = groups;
        match self {
            Pattern::Steps(steps) => {
                slots.resize(2 * steps.groups(), UNSET);
                steps.read(line, slots)
            }
            Pattern::Regex(regex) => {
                let locations = locations.get_or_insert_with(|| regex.capture_locations());
                let is_match = regex.captures_read(locations, line).is_some();
                slots.clear();
                for number in 0..locations.len() {
                    slots.extend(
                        locations.get(number).map_or([UNSET; 2], |(start, end)| [start, end]),
                    );
                }
                is_match
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::built_in::BUILT_IN;
    use super::*;

    /// Asserts that a pattern finds the groups that a regular expression does.
    fn check<'l>(pattern: &str, lines: impl IntoIterator<Item = &'l [u8]>) {
        let (steps, mut groups) = (Pattern::new(pattern).unwrap(), Groups::default());
        let regex = RegexBuilder::new(&format!("^(?:{pattern})")).unicode(false).build().unwrap();
        let mut locations = regex.capture_locations();
        for line in lines {
            let text = String::from_utf8_lossy(line);
            let is_match = regex.captures_read(&mut locations, line).is_some();
            assert_eq!(steps.is_match(line), is_match, "{pattern}: {text}");
            assert_eq!(steps.read(line, &mut groups), is_match, "{pattern}: {text}");
            for number in (0..locations.len()).filter(|_| is_match) {
                let wanted = locations.get(number);
                assert_eq!(groups.get(number), wanted, "group {number} of {pattern}: {text}");
            }
        }
    }

    #[test]
    fn a_pattern_matches_what_its_regular_expression_does() {
        let lines = [
            "12-ab x",
            "12-",
            "aab",
            "b",
            "",
            "x1y",
            "x1",
            "x",
            "abcd",
            "abd",
            "bd",
            "DEBIT: ",
            "INFO: x",
            "[a] [b] é",
            "[a] [b",
            "é!",
            "abcc",
            "abc",
            "12:34 ",
            "1234 ",
            "1234",
            "ERRORS",
            "error",
            "ab",
        ];
        for pattern in [
            r"(?<a>\d+)-(?<b>[^ x]*) ?x",
            r"(?<a>a+)?(?<b>b)?",
            r"(?:(?<a>x\d)y)?(?<b>z)?",
            r"(?:(?<a>ab)c|(?<b>b))d?",
            r"(?<a>DEBUG|DEBIT|INFO): ",
            r"(?:\[[^\]]*\] )+(?<a>[^\[]*)$",
            r"(?:a|)b",
            r"^(?<a>\w{2,4})\W",
            r"[a-c]{3}c?",
            "é(?<a>.)",
            r"(?<a>\d\d:\d\d|\d{4}) ",
            r"(?i)error(?<a>s?)",
        ] {
            assert!(matches!(Pattern::new(pattern).unwrap(), Pattern::Steps(_)), "{pattern}");
            check(pattern, lines.map(str::as_bytes));
        }
        for pattern in ["a*ab", "(?:a*)*", r"(?<a>.*) \(", "(?:a|ab)c", "a??b", r"(?:(?<a>x) )*"] {
            assert!(matches!(Pattern::new(pattern).unwrap(), Pattern::Regex(_)), "{pattern}");
        }
    }

    #[test]
    fn built_in_patterns_match_what_their_regular_expressions_do() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/formats");
        let mut steps = 0;
        for definition in BUILT_IN {
            let file = fs::read_to_string(format!("{directory}/{}.toml", definition.name)).unwrap();
            let samples = file.lines().filter_map(|line| line.strip_prefix("line = "));
            let mut lines = Vec::new();
            for sample in samples.map(|line| line.trim_matches(['"', '\'']).as_bytes()) {
                lines.push(sample.to_vec());
                for at in 0..sample.len() {
                    lines.push(sample[..at].to_vec());
                    lines.push([&sample[..at], &sample[at + 1..]].concat());
                }
            }
            check(definition.pattern, lines.iter().map(|line| &line[..]));
            let pattern = Pattern::new(definition.pattern).unwrap();
            steps += usize::from(matches!(pattern, Pattern::Steps(_)));
        }
        assert!(steps * 4 > BUILT_IN.len() * 3, "{steps} of {} patterns", BUILT_IN.len());
    }
}
