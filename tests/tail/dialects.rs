//! All dialects in one stream, and messages that can't be decoded.

use serde_json::Value;

use super::tail;

/// `{'msg': 'pickled', 'levelno': 40}`, protocol 2.
const PICKLE: &[u8] =
    b"\x80\x02}q\x00(X\x03\x00\x00\x00msgX\x07\x00\x00\x00pickledX\x07\x00\x00\x00levelnoK(u.";

/// A pickle that would run `os.system('id')`.
const EVIL: &[u8] = b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.";

const LOGBOOK: &[u8] = br#"{"time":"2026-01-02T03:04:05Z","channel":"app","level":14,
    "msg":"booked","message":"booked","args":[],"kwargs":{},"extra":{},"process":1,"thread":2}"#;

#[test]
fn dialects_may_be_mixed_in_one_stream() {
    let (publisher, tail) = tail(&["-o", "text", "-n", "5"]);
    publisher.send([b"app.ERROR".as_slice(), br#"{"msg":"json","levelno":40}"#]);
    publisher.send([b"app.INFO".as_slice(), b"plain\n"]);
    publisher.send([LOGBOOK]);
    publisher.send([b"app.ERROR".as_slice(), PICKLE]);
    publisher.send([b"app.INFO".as_slice(), br#"{"level":"info","msg":"foreign"}"#]);
    tail.wait().success().stdout("json\nplain\nbooked\npickled\nforeign\n");
}

/// Messages that can't be decoded, each with a text that must be shown.
fn undecodable() -> Vec<(Vec<&'static [u8]>, &'static str)> {
    vec![
        (vec![b"app.INFO", b"caf\xe9 au lait"], r"caf\xe9 au lait"),
        (vec![b"app.INFO", EVIL], "system"),
        (vec![b"app.INFO", &PICKLE[..20]], "msg"),
        (vec![b"app.INFO", b"three", b"frames"], "frames"),
        (vec![b"app.\xffINFO", b"odd topic"], "odd topic"),
    ]
}

#[test]
fn undecodable_messages_are_shown_marked_and_counted() {
    let (publisher, tail) = tail(&["-n", "6"]);
    for (frames, _) in undecodable() {
        publisher.send(frames);
    }
    publisher.send(["app.INFO", "sound"]);
    let finished = tail.wait().success().stderr_has("5 records could not be decoded");
    let out = finished.out();
    assert_eq!(out.matches("[undecoded: ").count(), 5, "{out}");
    for (_, text) in undecodable() {
        assert!(out.contains(text), "{text} in {out}");
    }
    assert!(out.trim_end().ends_with("  sound"), "{out}");
}

#[test]
fn the_mark_is_in_json_too_and_is_read_back() {
    let (publisher, tail) = tail(&["-n", "1", "-o", "json"]);
    publisher.send([b"app.INFO".as_slice(), b"caf\xe9"]);
    let stored = tail.wait().success().stderr_has("1 record could not be decoded").out();
    let record: Value = serde_json::from_str(&stored).unwrap();
    assert!(record["fault"].is_string(), "{record}");
    let again = crate::harness::zlog(["tail", "--input", "-"]).stdin(stored).run().success();
    assert!(again.out().contains("[undecoded: "), "{}", again.out());
}

#[test]
fn a_flood_of_garbage_does_not_end_the_stream() {
    let (publisher, tail) = tail(&["-o", "text", "-i", "^end$", "-n", "1"]);
    for seed in 0..2000u32 {
        let garbage: Vec<u8> =
            (0..seed % 97).map(|n| (seed.wrapping_mul(2_654_435_761) >> (n % 24)) as u8).collect();
        let frames = seed % 4 + 1;
        publisher.send((0..frames).map(|_| garbage.clone()));
    }
    publisher.send(["app.INFO", "end"]);
    tail.wait().success().stdout("end\n");
}
