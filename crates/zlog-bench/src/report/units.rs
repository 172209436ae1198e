//! Figures as people read them. Machines get them bare (JSON, CSV).

/// A whole number with its digits in groups: `1,234,567`.
pub fn count(number: f64) -> String {
    zlog_core::text::plural::grouped(number.max(0.0).round() as u64)
}

/// A duration in nanoseconds, with three digits: `850 ns`, `1.25 µs`, `12.5 ms`, `3.20 s`.
pub fn nanos(nanos: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    // What would be rounded up to 1000 of a unit is 1.00 of the next.
    let unit = units.into_iter().find(|(size, _)| nanos >= size * 0.9995);
    match unit {
        Some((size, unit)) => format!("{} {unit}", three_digits(nanos / size)),
        None => format!("{nanos:.0} ns"),
    }
}

/// A number with three digits, or all that stand before the point.
pub fn three_digits(number: f64) -> String {
    match number.abs() {
        large if large >= 99.95 => format!("{number:.0}"),
        middle if middle >= 9.995 => format!("{number:.1}"),
        small if small >= 0.9995 || small == 0.0 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

/// Bytes: `12.5 MiB`.
pub fn bytes(bytes: f64) -> String {
    let units = [(f64::from(1 << 30), "GiB"), (f64::from(1 << 20), "MiB"), (1024.0, "KiB")];
    match units.into_iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) => format!("{} {unit}", three_digits(bytes / size)),
        None => format!("{bytes:.0} B"),
    }
}

/// A share: `2.5 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent.abs() < 9.95 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

/// A bar of at most `width` columns, `share` of it full, to an eighth of a column.
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
