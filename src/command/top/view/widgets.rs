//! Small parts of lines.

use ratatui::text::{Line, Span};

/// The characters of a sparkline, for eighths.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Values as bars of `width` columns, relative to the largest; nothing for zero.
pub(super) fn sparkline(values: &[u32], width: usize) -> String {
    let most = u64::from(values.iter().copied().max().unwrap_or(0)).max(1);
    let bar = |value: &u32| match u64::from(*value) {
        0 => ' ',
        value => BARS[((value * 8).div_ceil(most) - 1).min(7) as usize],
    };
    let bars: String = values.iter().map(bar).collect();
    format!("{bars:>width$}")
}

/// A lag in a unit in which it is readable: `0.4 ms`, `12 ms`, `3.4 s`, `12 min`.
pub(in super::super) fn lag(seconds: f32) -> String {
    let size = seconds.abs();
    match size {
        _ if size < 0.01 => format!("{:.1} ms", seconds * 1e3),
        _ if size < 0.9995 => format!("{:.0} ms", seconds * 1e3),
        _ if size < 59.95 => format!("{seconds:.1} s"),
        _ if size < 3599.5 => format!("{:.0} min", seconds / 60.0),
        _ if size < 48.0 * 3600.0 => format!("{:.0} h", seconds / 3600.0),
        _ => format!("{:.0} d", seconds / 86_400.0),
    }
}

/// Spans with two spaces between them.
pub(super) fn line_of<'l>(spans: impl IntoIterator<Item = Span<'l>>) -> Line<'l> {
    let mut line = Line::default();
    for span in spans {
        if !line.spans.is_empty() {
            line.push_span(Span::raw("  "));
        }
        line.push_span(span);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_relative_to_the_largest_value_and_none_is_invisible_but_zero() {
        assert_eq!(sparkline(&[0, 1, 4, 8], 6), "   ▁▄█");
        assert_eq!(sparkline(&[1, u32::MAX], 2), "▁█");
        assert_eq!(sparkline(&[0, 0], 3), "   ");
        assert_eq!(sparkline(&[], 1), " ");
    }

    #[test]
    fn a_lag_has_a_readable_unit() {
        for (seconds, text) in [
            (0.0004, "0.4 ms"),
            (0.0124, "12 ms"),
            (-0.5, "-500 ms"),
            (3.44, "3.4 s"),
            (59.97, "1 min"),
            (720.0, "12 min"),
            (7200.0, "2 h"),
            (1e9, "11574 d"),
        ] {
            assert_eq!(lag(seconds), text);
        }
    }
}
