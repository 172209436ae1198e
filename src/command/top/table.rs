//! The rows of a table: which, in which order, and which of them are on the screen.

use std::time::Duration;

use super::counts::Counts;
use super::model::Names;

/// By what rows are sorted: by name from A to Z, by numbers from the largest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sort {
    Rate,
    Records,
    Lost,
    Lag,
    Name,
}

impl Sort {
    pub(super) const ALL: [Sort; 5] =
        [Sort::Rate, Sort::Records, Sort::Lost, Sort::Lag, Sort::Name];

    /// The key of a row, the larger the earlier.
    fn key(self, counts: &Counts, elapsed: Duration) -> f64 {
        match self {
            Sort::Rate => counts.rate(elapsed),
            Sort::Records => counts.records as f64,
            Sort::Lost => counts.lost as f64,
            Sort::Lag => counts.lag.map_or(f64::NEG_INFINITY, f64::from),
            Sort::Name => 0.0,
        }
    }
}

/// The order of rows, and which there are.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) sort: Sort,
    pub(super) is_reversed: bool,
    /// Only names that contain this, in upper or lower case.
    pub(super) filter: String,
}

impl Default for Order {
    fn default() -> Order {
        Order { sort: Sort::Rate, is_reversed: false, filter: String::new() }
    }
}

impl Order {
    /// The rows in this order.
    pub(super) fn rows<'n>(
        &self,
        names: &'n Names,
        elapsed: Duration,
    ) -> Vec<(&'n str, &'n Counts)> {
        let passing = names.iter().filter(|(name, _)| contains(name, &self.filter));
        let mut rows: Vec<_> = passing.map(|row| (self.sort.key(row.1, elapsed), row)).collect();
        rows.sort_unstable_by(|(a, (a_name, _)), (b, (b_name, _))| {
            let order = b.total_cmp(a).then_with(|| a_name.cmp(b_name));
            if self.is_reversed { order.reverse() } else { order }
        });
        rows.into_iter().map(|(_, row)| row).collect()
    }
}

/// Whether text contains a part, whatever the case of ASCII letters.
pub(super) fn contains(text: &str, part: &str) -> bool {
    let mut places = text.as_bytes().windows(part.len().max(1));
    part.is_empty() || places.any(|place| place.eq_ignore_ascii_case(part.as_bytes()))
}

/// Which row is selected, and which one is the first on the screen. The selection stays with its
/// name while rows change their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    /// The name of the selected row.
    name: Option<String>,
    /// Whether it was moved. Before that, whichever row is the first one is selected.
    is_moved: bool,
    /// Where it was last.
    at: usize,
    first: usize,
    /// Moves that were not made yet: down, if positive.
    moves: isize,
}

impl Selection {
    /// Moves down by so many rows, or up.
    pub(super) fn shift(&mut self, rows: isize) {
        self.moves = self.moves.saturating_add(rows);
    }

    /// The name of the selected row, when it was placed last.
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Makes the moves in `count` rows whose names `name_of` tells, on a screen of `height` rows.
    /// Returns the first row on the screen, and the selected one, if there is any.
    pub(super) fn place<'n>(
        &mut self,
        count: usize,
        height: usize,
        name_of: impl Fn(usize) -> &'n str,
    ) -> (usize, Option<usize>) {
        let moves = std::mem::take(&mut self.moves);
        self.is_moved |= moves != 0;
        if count == 0 {
            (self.at, self.first, self.name) = (0, 0, None);
            return (0, None);
        }
        let name = self.name.take().filter(|_| self.is_moved);
        let found = name.map(|name| (0..count).find(|at| name_of(*at) == name));
        let last = count - 1;
        // A row that is gone leaves its place to the one that is there now.
        let at = found.map_or(0, |found| found.unwrap_or(self.at)).min(last);
        self.at = at.saturating_add_signed(moves).min(last);
        self.name = Some(name_of(self.at).to_owned());
        let height = height.max(1);
        let lowest = (self.at + 1).saturating_sub(height);
        self.first = self.first.clamp(lowest, self.at).min(count.saturating_sub(height));
        (self.first, Some(self.at))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::super::model::{Group, Model};
    use super::*;
    use zlog_core::{Level, Record};

    /// Topics with so many records each.
    fn model(topics: &[(&str, u64)]) -> Model {
        let now = Instant::now();
        let mut model = Model::new(now);
        for (topic, records) in topics {
            for seq in 0..*records {
                let mut record = Record {
                    topic: (*topic).into(),
                    level: Level::INFO,
                    // Numbers with holes for topic "b".
                    seq: Some(if *topic == "b" { 3 * seq } else { seq }),
                    source: Some("s".into()),
                    created: Some(100.0 - *records as f64),
                    received: Some(100.0),
                    ..Record::default()
                };
                model.observe(&mut record, true);
            }
        }
        model.set_time(now + Duration::from_secs(1));
        model
    }

    fn order(model: &Model, sort: Sort, is_reversed: bool, filter: &str) -> Vec<String> {
        let order = Order { sort, is_reversed, filter: filter.to_owned() };
        let rows = order.rows(model.names(Group::Topic), model.elapsed());
        rows.into_iter().map(|(name, _)| name.to_owned()).collect()
    }

    #[test]
    fn rows_are_sorted_by_each_column_and_equal_ones_by_name() {
        let model = model(&[("c", 2), ("b", 2), ("a", 5), ("D", 1)]);
        for sort in [Sort::Rate, Sort::Records, Sort::Lag] {
            assert_eq!(order(&model, sort, false, ""), ["a", "b", "c", "D"], "{sort:?}");
            assert_eq!(order(&model, sort, true, ""), ["D", "c", "b", "a"], "{sort:?}");
        }
        assert_eq!(order(&model, Sort::Lost, false, ""), ["b", "D", "a", "c"]);
        assert_eq!(order(&model, Sort::Name, false, ""), ["D", "a", "b", "c"]);
    }

    #[test]
    fn a_filter_selects_names_by_a_part_in_any_case() {
        let model = model(&[("shop.ERROR", 1), ("shop.INFO", 1), ("web.ERROR", 1)]);
        assert_eq!(order(&model, Sort::Name, false, "error"), ["shop.ERROR", "web.ERROR"]);
        assert_eq!(order(&model, Sort::Name, false, "P.e"), ["shop.ERROR"]);
        assert!(order(&model, Sort::Name, false, "no such").is_empty());
        assert!(!contains("", "x") && contains("", "") && contains("äx", "X"));
    }

    #[test]
    fn the_selection_stays_with_its_name_and_on_the_screen() {
        let mut selection = Selection::default();
        let place = |selection: &mut Selection, names: &[&'static str]| {
            selection.place(names.len(), 2, |at| names[at])
        };
        assert_eq!(place(&mut selection, &["a", "b", "c"]), (0, Some(0)));
        assert_eq!(place(&mut selection, &["c", "a", "b"]), (0, Some(0)), "it was not moved yet");
        assert_eq!(place(&mut selection, &["a", "b", "c"]), (0, Some(0)));
        selection.shift(1);
        assert_eq!(place(&mut selection, &["a", "b", "c"]), (0, Some(1)));
        assert_eq!(place(&mut selection, &["a", "c", "b"]), (1, Some(2)), "it follows `b`");
        assert_eq!(place(&mut selection, &["a", "c"]), (0, Some(1)), "`b` is gone");
        selection.shift(isize::MIN);
        assert_eq!(place(&mut selection, &["a", "c"]), (0, Some(0)));
        selection.shift(isize::MAX);
        assert_eq!(place(&mut selection, &["a", "c", "d", "e"]), (2, Some(3)));
        assert_eq!(place(&mut selection, &[]), (0, None));
    }

    proptest! {
        #[test]
        fn the_selected_row_is_always_on_the_screen(
            steps in prop::collection::vec((-30isize..30, 0usize..40, 0usize..12), 1..30),
        ) {
            let names: Vec<String> = (0..40).map(|n| n.to_string()).collect();
            let mut selection = Selection::default();
            for (moves, count, height) in steps {
                selection.shift(moves);
                let (first, selected) = selection.place(count, height, |at| &names[at]);
                prop_assert_eq!(selected.is_some(), count > 0);
                if let Some(at) = selected {
                    prop_assert!(at < count && first <= at);
                    prop_assert!(height == 0 || at < first + height, "{} {} {}", first, at, height);
                    prop_assert!(first == 0 || first + height <= count || height == 0);
                }
            }
        }
    }
}
