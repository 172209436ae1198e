//! `zlog bench codec`: a table, JSON, and a plain answer.

use serde_json::Value;

use crate::harness::{Finished, Terminal, zlog};

fn bench(args: &[&str]) -> Finished {
    let small = ["bench", "codec", "--runs", "2", "-n", "500", "--warm-up", "10"];
    zlog(small).args(args).run()
}

#[test]
fn the_table_has_every_codec_and_says_whether_it_pays() {
    let out = bench(&[]).success().out();
    for codec in ["json", "msgpack", "msgpack-bare"] {
        let row = out.lines().find(|line| line.split_whitespace().next() == Some(codec));
        let row = row.unwrap_or_else(|| panic!("{codec} in {out}"));
        assert!(row.chars().any(|c| c.is_ascii_digit()), "{row}");
    }
    let answers = [": a gain", ": even", ": a loss"];
    for question in ["  bytes ", "  encoding ", "  decoding "] {
        let line = out.lines().find(|line| line.starts_with(question));
        let line = line.unwrap_or_else(|| panic!("{question} in {out}"));
        assert!(answers.iter().any(|answer| line.ends_with(answer)), "{line}");
    }
    let last = out.lines().next_back().unwrap();
    let verdicts = ["It pays: ", "It does not pay: ", "It is a trade: "];
    assert!(verdicts.iter().any(|verdict| last.starts_with(verdict)), "{last}");
}

#[test]
fn json_has_bytes_and_rates_of_every_codec() {
    let out = bench(&["--output", "json", "--size", "2000"]).success().out();
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["schema"], "zlog-bench-codec/1");
    assert_eq!(
        (&report["settings"]["size"], &report["settings"]["count"]),
        (&2000.into(), &500.into())
    );
    let codecs = report["codecs"].as_array().unwrap();
    assert_eq!(codecs.len(), 3);
    for codec in codecs {
        assert!(codec["bytes_per_record"].as_f64().unwrap() > 2000.0, "{codec}");
        for rate in ["encode_per_second", "decode_per_second"] {
            let spread = &codec[rate];
            let [low, median, high] =
                ["low", "median", "high"].map(|name| spread[name].as_f64().unwrap());
            assert!(0.0 < low && low <= median && median <= high, "{rate}: {spread}");
        }
    }
    let bytes = |at: usize| codecs[at]["bytes_per_record"].as_f64().unwrap();
    assert!(bytes(2) < bytes(1), "names take room");
}

#[test]
fn bodies_have_the_same_bytes_for_the_same_settings_but_for_what_a_process_adds() {
    let bytes = |seed: &str| {
        let out = bench(&["--output", "json", "--seed", seed]).success().out();
        let report: Value = serde_json::from_str(&out).unwrap();
        report["codecs"][0]["bytes_per_record"].as_f64().unwrap()
    };
    let (one, same) = (bytes("3"), bytes("3"));
    // A process number has another digit now and then, and a time fewer.
    assert!((one - same).abs() < 6.0, "{one} and {same}");
}

#[test]
fn the_rule_by_which_it_pays_is_in_the_help() {
    let help = zlog(["bench", "codec", "--help"]).run().success().out();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["10 % or more over JSON, in every round", "a loss is any", "a gain and no loss"] {
        assert!(help.contains(part), "{part} in {help}");
    }
}

#[test]
fn ctrl_c_prints_the_rounds_that_were_finished() {
    let bench = zlog(["bench", "codec", "--runs", "1000", "-n", "1000"]);
    let mut terminal = Terminal::start(bench, 40, 100);
    terminal.wait_for_text("round 2 of 1000");
    terminal.press("\x03");
    let (bytes, status) = terminal.wait();
    assert_eq!(status.code(), Some(130));
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("Stopped before the end"), "{text}");
    assert!(text.lines().any(|line| line.starts_with("json ")), "{text}");
    assert!(!text.contains("nothing can be said"), "{text}");
}

#[test]
fn nothing_to_measure_is_wrong_usage() {
    for (option, value) in [("-n", "0"), ("--runs", "0"), ("--size", "0"), ("--size", "x")] {
        let finished = zlog(["bench", "codec", option, value]).run();
        finished.code(2).stderr_has(value);
    }
}
