//! "Did you mean …?": the known name that is nearest to one that was typed.

use super::escape::escape;

/// Least similarity of a name that may be meant, from 0 to 1: one wrong letter in a word
/// of three passes, two in a word of four don't.
const MIN_SIMILARITY: f64 = 0.5;
/// Most names that are listed.
const MAX_LISTED: usize = 20;

/// How much two names have in common, from 0 to 1. Case, dashes and underscores don't
/// count: other languages spell names their own way (`maxBytes`).
pub fn similarity(one: &str, other: &str) -> f64 {
    let plain = |text: &str| text.replace(['_', '-'], "").to_lowercase();
    strsim::normalized_damerau_levenshtein(&plain(one), &plain(other))
}

/// The known name that was likely meant by `name`.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let rated = known.into_iter().map(|known| (similarity(known, name), known));
    let best = rated.max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(similarity, _)| *similarity > MIN_SIMILARITY).map(|(_, known)| known)
}

/// The next step for a name that is not known: "Did you mean max-bytes?", or the list of
/// those that are. Empty when there are none.
pub fn suggest(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(nearest) => format!("Did you mean {}?", escape(nearest)),
        None if known.is_empty() => String::new(),
        None => format!("There are: {}.", escape(&listed(known))),
    }
}

/// Names, of many only the first.
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
    fn a_hostile_name_among_those_known_is_escaped() {
        assert_eq!(suggest("ab\x1b", &["ab\x1bc"]), r"Did you mean ab\x1bc?");
    }
}
