//! Places names beside lines without overlaps.

/// Cuts text to `letters`, and escapes control characters, which XML does not allow.
pub(super) fn fit(text: &str, letters: usize) -> String {
    let text = zlog_core::text::escape::escape(text);
    if text.chars().count() <= letters {
        return text;
    }
    let kept: String = text.chars().take(letters.saturating_sub(2)).collect();
    format!("{kept}..")
}

/// Moves `wanted` heights as little as possible so that any two are `gap` apart and all are
/// within `low..=high`, if there is room. Keeps their order.
pub(super) fn spread(wanted: &[i32], gap: i32, low: i32, high: i32) -> Vec<i32> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|at| wanted[*at]);
    let mut placed = vec![0; wanted.len()];
    let mut next = low;
    for at in &order {
        placed[*at] = wanted[*at].max(next);
        next = placed[*at] + gap;
    }
    // Moves what is below `high` up again, with its neighbours.
    let mut limit = high;
    for at in order.iter().rev() {
        placed[*at] = placed[*at].min(limit);
        limit = placed[*at] - gap;
    }
    placed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_have_room_stay_where_they_are() {
        assert_eq!(spread(&[100, 20, 60], 18, 0, 200), [100, 20, 60]);
        assert_eq!(spread(&[50, 50], 18, 0, 200), [50, 68]);
        assert_eq!(spread(&[199, 198], 18, 0, 200), [200, 182]);
    }

    #[test]
    fn long_names_are_cut_and_hostile_ones_are_escaped() {
        assert_eq!(fit("pub-tcp", 10), "pub-tcp");
        assert_eq!(fit("a-handler-with-a-long-name", 10), "a-handle..");
        assert_eq!(fit("\x1b[2J", 10), "\\x1b[2J");
    }

    proptest! {
        #[test]
        fn no_name_stands_on_another_and_all_are_inside(
            wanted in prop::collection::vec(-50i32..450, 0..20),
        ) {
            let mut placed = spread(&wanted, 18, 0, 400);
            placed.sort_unstable();
            prop_assert!(placed.windows(2).all(|two| two[1] - two[0] >= 18), "{placed:?}");
            prop_assert!(placed.iter().all(|at| (0..=400).contains(at)), "{placed:?}");
        }
    }
}
