use super::*;

/// 2024-01-02 03:04:05 UTC.
const NOW: f64 = 1_704_164_645.0;

fn read(spec: &str, text: &str) -> Option<f64> {
    let context = Context { zone: &TimeZone::UTC, received: NOW };
    let formats = [TimeFormat::new(spec).unwrap()];
    super::read(&formats, text, context, &mut LastTime::default()).map(|(time, _)| time)
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

/// The time, read in UTC + 1, and the rest of the line.
fn read_leading(line: &str) -> Option<(f64, &str)> {
    let zone = TimeZone::fixed(jiff::tz::Offset::from_seconds(3600).unwrap());
    leading(line, &zone, &mut LastTime::default()).map(|stamp| (stamp.seconds, &line[stamp.end..]))
}

#[test]
fn times_with_a_zone_are_read() {
    for text in [
        "2024-01-02T03:04:05Z",
        "2024-01-02 03:04:05 UTC",
        "2024-01-02T04:04:05+01:00",
        "2024-01-02T04:04:05+01",
        "2024/01/02 04:04:05 +0100",
        "[2024-01-02T01:04:05-0200",
    ] {
        assert_eq!(read_leading(text), Some((NOW, "")), "{text}");
    }
}

#[test]
fn a_time_without_a_zone_is_local() {
    assert_eq!(read_leading("2024-01-02 04:04:05,123 - x"), Some((NOW + 0.123, " - x")));
    assert_eq!(read_leading("2024-01-02 04:04:05 - 12 x"), Some((NOW, " - 12 x")));
    assert_eq!(read_leading("2024-01-02 04:04:05. So"), Some((NOW, ". So")));
    assert_eq!(read_leading("2024-01-02T04:04:05.123456789123 x"), Some((NOW + 0.123456, " x")));
}

#[test]
fn a_line_that_begins_otherwise_has_no_leading_time() {
    for text in [
        "",
        "[",
        "2024",
        "2024-01-02",
        "2024-13-02 03:04:05",
        "2024-01-02 25:04:05",
        "2024-01/02 03:04:05",
        "2024-01-02 03:04:05x",
        "20240102 030405",
        "x2024-01-02 03:04:05",
    ] {
        assert_eq!(read_leading(text), None, "{text}");
    }
}

#[test]
fn a_time_after_another_is_what_it_is_alone() {
    let texts = [
        ("iso", "2024-01-02 03:04:05"),
        ("iso", "2024-01-02 03:04:06.5"),
        ("iso", "2024-01-02 03:04:06.5+01:00"),
        ("iso", "2024-01-02 03:04:06 UTC"),
        ("iso", "2024/01/02 03:04:06"),
        ("%H:%M:%S %p", "03:04:05 AM"),
        ("%H:%M:%S %p", "03:04:05 PM"),
        ("%b %d %H:%M:%S %Y", "Jan 2 03:04:05 2024"),
        ("%b %d %H:%M:%S %Y", "Jan 2 03:04:05 2023"),
        ("%H:%M:%S.%f", "03:04:59.25"),
        ("%H:%M:%S.%L", "03:04:59.25"),
        ("%H%M%S", "030405"),
        ("%H%M%S", "030406"),
        ("%m-%d %H:%M:%S", "02-29 03:04:05"),
        ("epoch", "1704164645"),
    ];
    let specs: Vec<&str> = texts.iter().map(|(spec, _)| *spec).collect();
    let formats: Vec<_> = specs.iter().map(|spec| TimeFormat::new(spec).unwrap()).collect();
    for received in [NOW, NOW + 1e8] {
        let context = Context { zone: &TimeZone::UTC, received };
        let alone = |text| super::read(&formats, text, context, &mut LastTime::default());
        let mut last = LastTime::default();
        for (_, first) in texts {
            for (_, text) in texts {
                let _ = super::read(&formats, first, context, &mut last);
                let read = super::read(&formats, text, context, &mut last);
                assert_eq!(read, alone(text), "{text} after {first}");
            }
        }
    }
    let mut last = LastTime::default();
    let mut year = |received| {
        let context = Context { zone: &TimeZone::UTC, received };
        super::read(&formats, "02-29 03:04:05", context, &mut last)
    };
    assert!(year(NOW) < year(NOW + 1e8), "a year that is left out is the last one");
}
