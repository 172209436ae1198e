//! Prints the counts once.

use std::fmt::Write;

use serde_json::{Value, json};

use super::counts::Counts;
use super::model::{Group, Model, Names, Relay};
use zlog_core::format::{Options, Output};
use zlog_core::text::escape::{escape, escape_json};
use zlog_core::text::plural::{counted, grouped, rate};
use zlog_core::{Error, Result};

/// Rows of each table, if nothing else is asked for.
pub(super) const ROWS: usize = 20;

/// The names with the most records, and how many more there are.
fn busiest(names: &Names, limit: usize) -> (Vec<(&str, &Counts)>, usize) {
    let mut rows: Vec<(&str, &Counts)> = names.iter().collect();
    rows.sort_unstable_by(|a, b| b.1.records.cmp(&a.1.records).then_with(|| a.0.cmp(b.0)));
    let more = rows.len().saturating_sub(limit);
    rows.truncate(limit);
    (rows, more)
}

fn name_of(group: Group) -> &'static str {
    match group {
        Group::Topic => "topic",
        Group::Level => "level",
        Group::Source => "source",
    }
}

/// Seconds that were counted; never zero.
fn seconds(model: &Model) -> f64 {
    model.elapsed().as_secs_f64().max(1e-3)
}

/// Tables of `limit` rows, escaped.
pub(super) fn table(model: &Model, limit: usize) -> String {
    let mut out = String::new();
    let seconds = seconds(model);
    let total = &model.total;
    let records = counted(total.records, "record");
    let per_second = rate(total.records as f64 / seconds);
    // Writing to a String can't fail, here and below.
    let _ = write!(out, "{records} in {seconds:.1} s ({per_second}), {} lost", grouped(total.lost));
    if let (Some(newest), Some(max)) = (total.lag, total.max_lag) {
        let _ = write!(out, ", lag {newest:.4} s, at most {max:.4} s");
    }
    out.push('\n');
    for (endpoint, peers) in &model.endpoints {
        let _ = writeln!(out, "{}: {}", escape(endpoint), counted(*peers, "publisher"));
    }
    for relay in &model.relays {
        let status = &relay.status;
        let (passed, full) = (rate(status.forwarded.rate), grouped(status.forwarded.no_room));
        let dropped = grouped(status.forwarded.dropped);
        let at = escape(&relay.endpoint);
        let _ = writeln!(out, "relay {at}: {passed}, subscriber full {full}, dropped {dropped}");
        for slow in &status.slow {
            let dropped = grouped(slow.dropped);
            let _ = writeln!(out, "  slow: {}, {dropped} dropped for it", escape(&slow.peer));
        }
    }
    for group in Group::ALL {
        let names = model.names(group);
        let title = name_of(group);
        let _ = writeln!(
            out,
            "\n{:>12} {:>12} {:>8} {:>10}  {title}",
            "rate", "records", "lost", "lag"
        );
        let (rows, more) = busiest(names, limit);
        for (name, counts) in rows {
            let per_second = rate(counts.records as f64 / seconds);
            let lag = counts.lag.map_or_else(|| "-".to_owned(), |lag| format!("{lag:.4} s"));
            let (records, lost) = (grouped(counts.records), grouped(counts.lost));
            let _ = writeln!(
                out,
                "{per_second:>12} {records:>12} {lost:>8} {lag:>10}  {}",
                escape(name)
            );
        }
        if more > 0 {
            let _ = writeln!(out, "{:>12} more", grouped(more as u64));
        }
    }
    out
}

/// One line of JSON, with `limit` topics and sources. It is safe on a terminal.
///
/// # Errors
/// None: the format of records is valid.
pub(super) fn json(model: &Model, limit: usize) -> Result<String> {
    let seconds = seconds(model);
    let mut whole = counts(&model.total, seconds);
    whole["seconds"] = json!(seconds);
    whole["incomplete"] = json!(model.is_incomplete);
    whole["left_out"] = json!(model.left_out);
    whole["undecoded"] = json!(model.undecoded);
    let endpoints = model.endpoints.iter();
    let endpoint =
        |(endpoint, peers): &(String, usize)| json!({"endpoint": endpoint, "publishers": peers});
    whole["endpoints"] = endpoints.map(endpoint).collect();
    for group in Group::ALL {
        let names = model.names(group);
        let title = name_of(group);
        let (rows, more) = busiest(names, limit);
        let row = |(name, of_name): (&str, &Counts)| {
            let mut row = counts(of_name, seconds);
            row[title] = json!(name);
            row
        };
        whole[format!("{title}s")] = rows.into_iter().map(row).collect();
        whole[format!("more_{title}s")] = json!(more);
        whole[format!("others_by_{title}")] = json!(names.others);
    }
    let status = |relay: &Relay| serde_json::to_value(&*relay.status).unwrap_or_default();
    let relays = model.relays.iter();
    let relay = relays.map(|it| json!({"endpoint": it.endpoint, "status": status(it)}));
    whole["relays"] = relay.collect();
    whole["errors"] = errors(model)?;
    let text = serde_json::to_string(&whole)
        .map_err(|error| Error::new(format!("the report can't be written: {error}")))?;
    Ok(escape_json(&text) + "\n")
}

fn counts(counts: &Counts, seconds: f64) -> Value {
    json!({
        "records": counts.records,
        "rate": counts.records as f64 / seconds,
        "lost": counts.lost,
        "lag": counts.lag,
        "max_lag": counts.max_lag,
    })
}

/// The newest errors, as `tail -o json` prints them.
fn errors(model: &Model) -> Result<Value> {
    let mut format = Output::Json.format(Options::default())?;
    let mut line = Vec::new();
    let error = model.errors.iter().map(|record| {
        line.clear();
        format.write(record, &mut line);
        serde_json::from_slice::<Value>(&line).unwrap_or_default()
    });
    Ok(error.collect())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use zlog_core::text::escape::is_unsafe;
    use zlog_core::wire::query::{SlowSubscriber, Status};
    use zlog_core::{Level, Record};

    fn model() -> Model {
        let now = Instant::now();
        let mut model = Model::new(now);
        for (topic, level, seq) in [
            ("app.INFO", Level::INFO, 1),
            ("app.INFO", Level::INFO, 4),
            ("app.ERROR", Level::ERROR, 1),
            ("\x1b[2J\nx", Level::NOTSET, 1),
        ] {
            let mut record = Record {
                topic: topic.into(),
                level,
                msg: "\u{202e}boom".into(),
                source: Some("web1".into()),
                seq: Some(seq),
                created: Some(100.0),
                received: Some(100.5),
                ..Record::default()
            };
            model.observe(&mut record, true);
        }
        model.set_time(now + Duration::from_secs(2));
        let slow = vec![SlowSubscriber {
            peer: "\x07peer".into(),
            dropped: 7,
            ..SlowSubscriber::default()
        }];
        let status = Status { slow, ..Status::default() };
        model.relays = vec![Relay::new("tcp://h:1".into(), status)];
        model
    }

    #[test]
    fn the_json_has_all_numbers_and_is_safe_on_a_terminal() {
        let text = json(&model(), usize::MAX).unwrap();
        assert!(!text.trim_end().chars().any(is_unsafe), "{text:?}");
        let report: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&report["records"], &report["rate"], &report["lost"]),
            (&json!(4), &json!(2.0), &json!(2))
        );
        assert_eq!(report["lag"], 0.5);
        assert_eq!(report["topics"][0]["topic"], "app.INFO");
        assert_eq!(report["topics"][0]["lost"], 2);
        let levels: Vec<_> =
            report["levels"].as_array().unwrap().iter().map(|it| &it["level"]).collect();
        assert_eq!(levels, ["INFO", "-", "ERROR"]);
        assert_eq!(report["sources"][0]["records"], 4);
        assert_eq!(report["errors"][0]["msg"], "\u{202e}boom");
        assert_eq!(report["relays"][0]["status"]["slow"][0]["dropped"], 7);
    }

    #[test]
    fn a_limit_cuts_the_tables_and_says_how_many_more_there_are() {
        let report: Value = serde_json::from_str(&json(&model(), 1).unwrap()).unwrap();
        assert_eq!(report["topics"].as_array().unwrap().len(), 1);
        assert_eq!(report["more_topics"], 2);
        let text = table(&model(), 1);
        assert!(text.contains("2 more"), "{text}");
    }

    #[test]
    fn the_table_is_safe_on_a_terminal() {
        let text = table(&model(), 20);
        assert!(!text.chars().any(|c| c != '\n' && is_unsafe(c)), "{text:?}");
        assert!(
            text.starts_with(
                "4 records in 2.0 s (2.0/s), 2 lost, lag 0.5000 s, at most 0.5000 s\n"
            ),
            "{text}"
        );
        assert!(text.contains("  slow: \\x07peer, 7 dropped for it\n"), "{text}");
        assert!(
            text.contains("       1.0/s            2        2   0.5000 s  app.INFO\n"),
            "{text}"
        );
    }
}
