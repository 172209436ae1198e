//! Counts of records: `tail --stats` and `tail --count-by`.

mod count_by;
mod counts;
mod rates;

pub use self::count_by::{CountBy, Interval, IntervalCounts};
pub use self::rates::{Stats, TimeBase};
