use super::*;

/// 2024-01-02 03:04:05 UTC.
const NOW: f64 = 1_704_164_645.0;

fn read(spec: &str, text: &str) -> Option<f64> {
    let context = Context { zone: &TimeZone::UTC, received: NOW };
    TimeFormat::new(spec).unwrap().read(text, context, &mut LastMinute::default())
}

#[test]
fn a_time_is_read_as_its_format_says() {
    for (spec, text) in [
        ("%Y-%m-%d %H:%M:%S", "2024-01-02 03:04:05"),
        ("%d/%b/%Y:%H:%M:%S %z", "02/Jan/2024:05:04:05 +0200"),
        ("%a %b %d %H:%M:%S %Y", "Tue Jan  2 03:04:05 2024"),
        ("%A, %d %B %Y %I:%M:%S %p", "Tuesday, 2 January 2024 3:04:05 AM"),
        ("%y%m%d %H%M%S", "240102 030405"),
        ("%Y%m%d-%H:%M:%S", "20240102-3:4:5"),
        ("%Y.%j %H:%M:%S", "2024.2 03:04:05"),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-01-01 22:04:05 EST"),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-01-02 04:04:05 Europe/Berlin"),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-01-02 04:04:05 +01"),
        ("%a, %d %b %Y %H:%M:%S %z", "Tue, 02 Jan 2024 03:04:05 +00:00"),
        ("%b %d %H:%M:%S", "Jan  2 03:04:05"),
        ("%H:%M:%S", "03:04:05"),
        ("iso", "2024-01-02T03:04:05Z"),
        ("epoch", "1704164645000"),
        ("tai64n", "@4000000065937d2f00000000"),
    ] {
        assert_eq!(read(spec, text), Some(NOW), "{spec}: {text}");
    }
}

#[test]
fn a_fraction_is_exact() {
    for (spec, text, micros) in [
        ("%Y-%m-%d %H:%M:%S,%f", "2024-01-02 03:04:05,678", 678_000),
        ("%Y-%m-%d %H:%M:%S.%f", "2024-01-02 03:04:05.678901234567", 678_901),
        ("%Y%m%d-%H:%M:%S:%L", "20240102-3:4:5:7", 7_000),
        ("tai64n", "@4000000065937d2f1dcd6500", 500_000),
    ] {
        let seconds = read(spec, text).unwrap();
        assert_eq!((seconds * 1e6).round() as i64, 1_704_164_645_000_000 + micros, "{text}");
    }
}

#[test]
fn a_year_that_is_left_out_is_the_last_one_that_fits() {
    let year = |text| {
        let seconds = read("%b %e %H:%M:%S", text).unwrap();
        Timestamp::from_second(seconds as i64).unwrap().to_zoned(TimeZone::UTC).year()
    };
    assert_eq!(year("Dec 31 23:59:59"), 2023);
    assert_eq!(year("Jan  2 03:00:00"), 2024);
    assert_eq!(year("Jan  3 03:00:00"), 2024, "a clock may be ahead");
    assert_eq!(year("Jan  4 03:00:00"), 2023);
    assert_eq!(year("Feb 29 03:00:00"), 2020);
}

#[test]
fn a_date_that_is_left_out_is_the_last_one_that_fits() {
    assert_eq!(read("%H:%M:%S", "04:04:05"), Some(NOW + 3600.0));
    assert_eq!(read("%H:%M:%S", "23:04:05"), Some(NOW - 4.0 * 3600.0));
}

#[test]
fn other_text_is_not_a_time() {
    for (spec, text) in [
        ("%Y-%m-%d", "2024-13-02"),
        ("%H:%M:%S", "25:00:00"),
        ("%H:%M:%S", "03:04:05x"),
        ("%I:%M %p", "13:00 PM"),
        ("%b %e", "Jun"),
        ("%b %e %Y", "Juz 1 2024"),
        ("%z", "0100"),
        ("tai64n", "@40000000"),
        ("epoch", "x"),
    ] {
        assert_eq!(read(spec, text), None, "{spec}: {text}");
    }
    assert_eq!(TimeFormat::new("%Y %Q"), Err("%Q".into()));
}
