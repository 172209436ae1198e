//! Numbers for people. JSON and CSV have plain numbers.

/// A whole number with grouped digits: `1,234,567`.
pub fn count(number: f64) -> String {
    zlog_core::text::plural::grouped(number.max(0.0).round() as u64)
}

/// A duration in nanoseconds, with three digits: `850 ns`, `1.25 µs`, `12.5 ms`, `3.20 s`.
pub fn nanos(nanos: f64) -> String {
    with_unit(nanos, TIMES)
}

/// Bytes, with three digits: `12.5 MiB`.
pub fn bytes(bytes: f64) -> String {
    with_unit(bytes, BINARY)
}

/// A unit's multiples, the largest first, and the unit itself.
pub(super) type Scale = ([(f64, &'static str); 3], &'static str);

/// Multiples of a nanosecond.
pub(super) const TIMES: Scale = ([(1e9, "s"), (1e6, "ms"), (1e3, "µs")], "ns");
/// Multiples of a byte.
pub(super) const BINARY: Scale =
    ([(1_073_741_824.0, "GiB"), (1_048_576.0, "MiB"), (1024.0, "KiB")], "B");

/// Converts a number to a multiple of its unit. A number that would round to 1000 of a
/// multiple is 1 of the next.
pub(super) fn scaled(number: f64, (multiples, unit): Scale) -> (f64, &'static str) {
    let multiple = multiples.into_iter().find(|(size, _)| number >= size * 0.9995);
    multiple.map_or((number, unit), |(size, multiple)| (number / size, multiple))
}

fn with_unit(number: f64, scale: Scale) -> String {
    match scaled(number, scale) {
        (number, unit) if unit == scale.1 => format!("{number:.0} {unit}"),
        (number, unit) => format!("{} {unit}", three_digits(number)),
    }
}

/// A number with three digits, or all digits before the point.
pub fn three_digits(number: f64) -> String {
    match number.abs() {
        large if large >= 99.95 => format!("{number:.0}"),
        middle if middle >= 9.995 => format!("{number:.1}"),
        small if small >= 0.9995 || small == 0.0 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

/// A share: `2.5 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent.abs() < 9.95 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

/// A bar of at most `width` columns, in eighths of a column; `share` is from 0 to 1.
pub fn bar(share: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * (width * 8) as f64).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[test]
    fn figures_have_three_digits_and_a_unit() {
        let cases = [
            (0.0, "0 ns"),
            (999.0, "999 ns"),
            (999.9, "1.00 µs"),
            (1250.0, "1.25 µs"),
            (12_500_000.0, "12.5 ms"),
            (999_960_000.0, "1.00 s"),
            (3.2e9, "3.20 s"),
            (250e9, "250 s"),
        ];
        for (figure, shown) in cases {
            assert_eq!(nanos(figure), shown);
        }
        assert_eq!(bytes(13_107_200.0), "12.5 MiB");
        assert_eq!(bytes(100.0), "100 B");
        assert_eq!(count(1_234_567.4), "1,234,567");
        assert_eq!((percent(0.025), percent(0.6)), ("2.5 %".into(), "60 %".into()));
        assert_eq!((three_digits(0.0), three_digits(0.0123)), ("0.00".into(), "0.012".into()));
    }

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        assert_eq!(bar(0.0, 10), "");
        assert_eq!(bar(0.5, 10), "█████");
        assert_eq!(bar(1.0, 10), "██████████");
        assert_eq!(bar(0.55, 10), "█████▌");
    }

    proptest! {
        #[test]
        fn a_bar_never_leaves_its_column(share in any::<f64>(), width in 0usize..50) {
            prop_assert!(bar(share, width).width() <= width);
        }
    }
}
