//! Odd input: no byte is lost in silence.

use super::{records, text, texts};
use crate::harness::{ANY_PORT, emit, published, zlog};

#[test]
fn bytes_that_are_not_utf8_are_written_as_escapes_and_counted() {
    let (messages, emit) = published(emit(["-r", "a"]).stdin(b"latin \xe9\nfine\n\xff\xfe\n"));
    let texts: Vec<_> = messages.iter().map(|message| message.json()["msg"].clone()).collect();
    assert_eq!(texts, [r"latin \xe9", "fine", r"\xff\xfe"]);
    emit.success().stderr_has("2 with bytes that are not UTF-8");
}

#[test]
fn json_with_a_byte_that_is_not_utf8_is_read_and_the_byte_is_escaped() {
    let input = b"{\"level\":\"error\",\"msg\":\"caf\xe9 closed\",\"tables\":5}\n";
    let (messages, emit) = published(emit(["-r", "a"]).stdin(input));
    let record = messages[0].json();
    assert_eq!((&record["msg"], &record["levelno"]), (&r"caf\xe9 closed".into(), &40.into()));
    assert_eq!(record["tables"], 5);
    emit.success().stderr_has("1 with bytes that are not UTF-8");
}

#[cfg(unix)]
#[test]
fn a_message_that_is_not_utf8_is_escaped_and_counted_too() {
    use std::os::unix::ffi::OsStrExt;
    let (messages, emit) = published(emit(["-m"]).args([std::ffi::OsStr::from_bytes(b"a\xffb")]));
    assert_eq!(messages[0].json()["msg"], "a\\xffb");
    emit.success().stderr_has("1 with bytes that are not UTF-8");
}

#[test]
fn nuls_within_a_line_are_kept_and_those_before_it_are_skipped() {
    assert_eq!(texts(emit(["-r", "a"]).stdin("a\0b\n\0\0c\0\n")), ["a\0b", "c\0"]);
}

#[test]
fn a_carriage_return_before_the_newline_is_part_of_the_line_ending() {
    let texts = texts(emit(["-r", "a"]).stdin("dos\r\nINFO in\rside\r\n"));
    assert_eq!(texts, ["dos", "INFO in\rside"]);
}

#[test]
fn the_last_state_of_a_progress_line_is_published_and_the_others_are_counted() {
    let (messages, emit) = published(emit(["-r", "a"]).stdin("\r10%\r20%\r30%\nnext\n"));
    let texts: Vec<_> = messages.iter().map(|message| message.json()["msg"].clone()).collect();
    assert_eq!(texts, ["30%", "next"]);
    emit.success().stderr_has("2 states of progress bars overwritten before being sent");
}

#[test]
fn utf16_is_decoded_with_a_remark() {
    let text = "\u{feff}ERROR größer\r\n";
    let input: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (messages, emit) = published(emit(["-r", "a"]).stdin(input));
    assert_eq!(messages[0].json()["msg"], "ERROR größer");
    emit.success().stderr_has("the input is UTF-16 (little-endian); decoded");
}

#[test]
fn empty_lines_are_empty_records_unless_skip_empty_is_set() {
    assert_eq!(texts(emit(["-r", "a"]).stdin("a\n\n\nb\n")), ["a", "", "", "b"]);
    let (messages, emit) = published(emit(["-r", "a", "--skip-empty"]).stdin("a\n\n\nb\n"));
    assert_eq!(messages.len(), 2);
    emit.success().stderr_has("2 empty");
}

#[test]
fn empty_input_is_no_record() {
    zlog(["emit", "-b", ANY_PORT]).stdin("").run().success().stderr_has("0 records");
}

#[test]
fn a_line_of_ten_megabytes_is_one_record() {
    let long = "x".repeat(10_000_000);
    let texts = texts(emit(["-r", "a"]).stdin(format!("{long}\nnext\n")));
    assert!(texts.len() == 2 && texts[0] == long && texts[1] == "next", "changed");
}

#[test]
fn a_line_over_the_limit_is_published_in_pieces_and_counted() {
    let input = format!("{}\nshort\n", "0123456789".repeat(1000));
    let (messages, emit) = published(emit(["-r", "a", "--max-line", "4096"]).stdin(input));
    let records: Vec<_> = messages.iter().map(|message| message.json()).collect();
    let pieces: Vec<_> = records.iter().filter(|record| record["part"].is_number()).collect();
    assert_eq!(pieces.len(), 3);
    let whole: String = pieces.iter().map(|piece| text(piece, "msg")).collect();
    assert_eq!(whole, "0123456789".repeat(1000));
    let numbers: Vec<_> = pieces.iter().map(|piece| &piece["part"]).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(records[3]["msg"], "short");
    emit.success().stderr_has("3 pieces");
}

#[test]
fn control_characters_and_quotes_survive_the_wire() {
    let line = "tab\t quote\" back\\slash \x1b[31m bell\x07 del\x7f \u{85}\u{2028}";
    let records = records(emit(["-r", "a"]).stdin(format!("{line}\n")));
    assert_eq!(records[0]["msg"], line);
}

#[test]
fn broken_json_and_incomplete_logfmt_are_text() {
    let input = "{\"level\":\"error\", \"msg\":\n{}\nlevel=\"error msg=x\n";
    let texts = texts(emit(["-r", "a"]).stdin(input));
    assert_eq!(texts.len(), 3);
    assert_eq!(texts[0], "{\"level\":\"error\", \"msg\":");
    assert_eq!(texts[2], "level=\"error msg=x");
}
