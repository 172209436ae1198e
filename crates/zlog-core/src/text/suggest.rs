//! "Did you mean …?": finds the known name most similar to a typed one.

use super::escape::escape;
use super::prefix;

/// The minimum similarity of a suggestion, from 0 to 1: it allows one wrong letter in a
/// word of three, but not two in a word of four.
const MIN_SIMILARITY: f64 = 0.5;
/// The maximum number of listed names.
const MAX_LISTED: usize = 20;
/// The most bytes of a name that are compared: the time is the product of both lengths.
const MAX_COMPARED: usize = 256;

/// The similarity of two names, from 0 to 1. Ignores case, dashes and underscores, which
/// differ between languages (`maxBytes`).
pub fn similarity(one: &str, other: &str) -> f64 {
    let plain = |text: &str| prefix(text, MAX_COMPARED).replace(['_', '-'], "").to_lowercase();
    strsim::normalized_damerau_levenshtein(&plain(one), &plain(other))
}

/// The known name that `name` most likely means.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let rated = known.into_iter().map(|known| (similarity(known, name), known));
    let best = rated.max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(similarity, _)| *similarity > MIN_SIMILARITY).map(|(_, known)| known)
}

/// The question whether `name` is meant: "Did you mean max-bytes?"
pub fn did_you_mean(name: &str) -> String {
    format!("Did you mean {}?", escape(name))
}

/// A hint for an unknown name: "Did you mean max-bytes?", or the list of known names.
/// Empty if there are none.
pub fn suggest(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(nearest) => did_you_mean(nearest),
        None if known.is_empty() => String::new(),
        None => format!("There are: {}.", escape(&listed(known))),
    }
}

/// A list of names, shortened if there are many.
fn listed(names: &[&str]) -> String {
    let shown = names[..names.len().min(MAX_LISTED)].join(", ");
    match names.len().saturating_sub(MAX_LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_other_languages_are_near() {
        let known = ["max-bytes", "backups", "path"];
        assert_eq!(suggest("maxBytes", &known), "Did you mean max-bytes?");
        assert_eq!(suggest("backup_s", &known), "Did you mean backups?");
        assert_eq!(suggest("zzz", &known), "There are: max-bytes, backups, path.");
        assert_eq!(suggest("zzz", &[]), "");
        let many = ["a"; MAX_LISTED + 3];
        assert!(suggest("zzz", &many).ends_with("a, a and 3 more."));
    }

    #[test]
    fn names_of_any_length_are_compared_with_little_memory() {
        let [one, other] = ["a", "ä"].map(|letter| letter.repeat(1 << 20));
        assert_eq!(suggest("aaa", &[&one]), format!("There are: {one}."));
        assert_eq!(nearest(&one, [&*other, &*one]), Some(&*one));
    }

    #[test]
    fn a_hostile_known_name_is_escaped() {
        assert_eq!(suggest("ab\x1b", &["ab\x1bc"]), r"Did you mean ab\x1bc?");
    }
}
