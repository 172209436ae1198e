use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;
use crate::level::Level;

/// From CPython 3.11, all protocols: tests/data/wire/generate.py.
const GOLDEN: &str = include_str!("../../../tests/data/wire/pickles.jsonl");

struct Case {
    what: String,
    protocol: u64,
    body: Vec<u8>,
    want: Json,
}

fn cases() -> Vec<Case> {
    GOLDEN
        .lines()
        .map(|line| {
            let row: Json = serde_json::from_str(line).unwrap();
            Case {
                what: row["what"].as_str().unwrap().to_owned(),
                protocol: row["protocol"].as_u64().unwrap(),
                body: bytes(row["hex"].as_str().unwrap()),
                want: row["want"].clone(),
            }
        })
        .collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn default(body: &[u8]) -> Result<Record<'_>, Refused> {
    read(body, &Limits::DEFAULT)
}

#[test]
fn records_of_cpython_are_read_in_every_protocol() {
    let mut seen = 0;
    for case in cases() {
        let body = &case.body;
        let name = format!("{} in protocol {}", case.what, case.protocol);
        assert!(looks_like_pickle(body), "{name}");
        let record = default(body).unwrap_or_else(|refused| panic!("{name}: {refused}"));
        assert_eq!(record.fault, None, "{name}");
        assert_eq!(record.name.as_deref(), Some("app.db"), "{name}");
        assert_eq!(record.level, Level::ERROR, "{name}");
        assert_eq!(record.lineno, Some(42), "{name}");
        assert_eq!(record.created, Some(1_763_712_000.123_456), "{name}");
        assert_eq!(record.thread, Some(140_604_056_902_528), "{name}");
        assert_eq!(record.message(), "lost peer é after 3", "{name}: {record:?}");
        seen += 1;
    }
    assert!(seen > 150);
}

#[test]
fn values_of_every_protocol_become_the_json_that_python_writes() {
    for case in cases() {
        if case.want == "skip" || case.what == "socket handler" || case.want.is_null() {
            continue;
        }
        let record = default(&case.body).unwrap();
        let (_, extra) = record.extras.iter().find(|(key, _)| key == "extra").unwrap();
        let extra: &serde_json::value::RawValue = serde_json::from_str(&extra.0).unwrap();
        let got: Json = serde_json::from_str(extra.get()).unwrap();
        assert_eq!(got, case.want, "{} in protocol {}", case.what, case.protocol);
    }
}

#[test]
fn a_pickle_calls_nothing() {
    // os.system("true") as a value: shown as text ...
    let body = b"(S'msg'\ncos\nsystem\n(S'true'\ntRd.";
    assert_eq!(default(body).unwrap().msg, "<os.system('true')>");
    // ... and as the record itself: an error.
    assert_eq!(default(b"cos\nsystem\n(S'true'\ntR.").unwrap_err(), Refused::NotARecord);
}

/// What `%(x)s` shows for an extra.
fn shown(record: &Record<'_>) -> String {
    formatted(record, "%(x)s")
}

fn formatted(record: &Record<'_>, format: &str) -> String {
    let spec = crate::format::FormatterSpec {
        format: Some(format.to_owned()),
        extras: vec![("x".to_owned(), None)],
        ..crate::format::FormatterSpec::default()
    };
    let mut format = spec.build(crate::format::Output::Text, Default::default()).unwrap();
    let mut out = Vec::new();
    format.write(record, &mut out);
    String::from_utf8(out).unwrap().trim_end().to_owned()
}

/// Each with what `%(x)s` shows, and its JSON.
#[test]
fn classes_that_only_the_sender_knows_show_their_names_and_values() {
    let made = |class: &str, base: &str, held: &str, state: &str| {
        format!("ccopy_reg\n_reconstructor\n(capp\n{class}\nc__builtin__\n{base}\n{held}tR{state}")
    };
    let cases = [
        // A subclass of object without attributes, with two, and with slots.
        (made("User", "object", "N", ""), "<app.User>", r#""<app.User>""#),
        (
            made("User", "object", "N", "(dS'name'\nS'ann'\nsS'id'\nI7\nsb"),
            "User(name='ann', id=7)",
            r#""User(name='ann', id=7)""#,
        ),
        (made("User", "object", "N", "(N(dS'id'\nI7\nstb"), "User(id=7)", r#""User(id=7)""#),
        (made("Point", "object", "N", "(lI1\naI2\nab"), "Point(1, 2)", r#""Point(1, 2)""#),
        // Subclasses of str, int, list, dict and tuple.
        (made("Name", "unicode", "S'ann'\n", "(dS'x'\nI1\nsb"), "ann", r#""ann""#),
        (made("Count", "long", "I5\n", ""), "5", "5"),
        (made("Items", "list", "(lI1\na", ""), "[1]", "[1]"),
        (made("Names", "dict", "(dS'a'\nI1\ns", ""), "{'a': 1}", r#"{"a":1}"#),
        (made("Point", "tuple", "(I1\nI2\nt", ""), "Point(1, 2)", "[1,2]"),
        // Members of enumerations, and exceptions.
        ("capp\nColor\n(I3\ntR".into(), "3", "3"),
        (
            "capp\nPaymentError\n(S'declined'\ntR".into(),
            "declined",
            r#""PaymentError('declined')""#,
        ),
        ("capp\nPaymentError\n(S'no'\nI7\ntR".into(), "('no', 7)", r#""PaymentError('no', 7)""#),
        // A nested class, a class method, a bound method, a function, and a call of each.
        (
            "c__builtin__\ngetattr\n(capp\nUser\nS'Id'\ntR".into(),
            "<app.User.Id>",
            r#""<app.User.Id>""#,
        ),
        (
            "c__builtin__\ngetattr\n(capp\nUser\nS'Id'\ntR(I7\nI8\ntR".into(),
            "User.Id(7, 8)",
            r#""User.Id(7, 8)""#,
        ),
        ("c__builtin__\ngetattr\n(capp\nUser\n(tRS'load'\ntR".into(), "<.load>", r#""<.load>""#),
        (
            "c__builtin__\ngetattr\n(capp\nUser\n(tRS'load'\ntR(I7\ntR".into(),
            "<.load(7)>",
            r#""<.load(7)>""#,
        ),
        ("capp\nload\n(I7\ntR".into(), "<app.load(7)>", r#""<app.load(7)>""#),
        ("(lI1\na(I7\ntR".into(), "<.?(7)>", r#""<.?(7)>""#),
        // Names of Python 2, which protocols 0 to 2 have.
        ("cexceptions\nValueError\n".into(), "<class 'ValueError'>", r#""<class 'ValueError'>""#),
        (
            "chttplib\nHTTPConnection\n".into(),
            "<http.client.HTTPConnection>",
            r#""<http.client.HTTPConnection>""#,
        ),
    ];
    for (pickle, text, json) in cases {
        let body = with_extra(pickle.as_bytes());
        let record = default(&body).unwrap_or_else(|refused| panic!("{pickle}: {refused}"));
        assert_eq!((&*shown(&record), &*record.extras[0].1.0), (text, json), "{pickle}");
    }
}

/// From protocol 2 on, their elements and entries are added to the new object.
#[test]
fn subclasses_of_list_and_dict_print_as_lists_and_dicts_in_each_protocol() {
    for (pickle, text, json) in [
        (&b"capp\nItems\n)\x81(I1\nI2\ne"[..], "[1, 2]", "[1,2]"),
        (b"capp\nNames\n)\x81(S'a'\nI1\nu", "{'a': 1}", r#"{"a":1}"#),
    ] {
        let body = with_extra(pickle);
        let record = default(&body).unwrap();
        assert_eq!((&*shown(&record), &*record.extras[0].1.0), (text, json));
    }
}

#[test]
fn a_decimal_and_a_fraction_are_formatted_as_numbers() {
    for (pickle, format, text) in [
        ("cdecimal\nDecimal\n(S'1.50'\ntR", "%(x)07.3f", "001.500"),
        ("cdecimal\nDecimal\n(S'7.9'\ntR", "%(x)d", "7"),
        ("cfractions\nFraction\n(S'1/4'\ntR", "%(x).2f", "0.25"),
    ] {
        let body = with_extra(pickle.as_bytes());
        assert_eq!(formatted(&default(&body).unwrap(), format), text, "{pickle}");
    }
}

#[test]
fn the_arguments_of_a_message_print_as_in_python() {
    for (args, text) in [
        ("((I1\ntt", "((1,),)"),
        ("(cdecimal\nDecimal\n(S'1.50'\ntRt", "(Decimal('1.50'),)"),
        ("(S'it'\nt", "('it',)"),
    ] {
        let body = format!("(S'msg'\nS'%s'\nS'args'\n{args}S'levelno'\nI20\nd.");
        assert_eq!(formatted(&default(body.as_bytes()).unwrap(), "%(args)s"), text);
    }
}

/// tests/sources/values.rs compares those that are printed with numpy.
#[test]
fn arrays_that_take_much_to_print_or_are_broken_are_not_printed() {
    let axes = |count| "I1\n".repeat(count);
    for (shape, code, data, want) in [
        ("I2\n", "i1", "\\x01\\x02", "[1 2]"),
        (&axes(64), "u1", "A", &format!("{}65{}", "[".repeat(64), "]".repeat(64))),
        (&axes(65), "u1", "A", "<numpy.ndarray>"),
        ("I1001\n", "u1", &"A".repeat(1001), "[65 65 65 ... 65 65 65]"),
        // More than 1,000 elements would be shown.
        (&"I7\n".repeat(4), "u1", &"A".repeat(2401), "<numpy.ndarray>"),
        // So many bytes are not shown.
        ("I1\n", "S17000", &"A".repeat(17000), "<numpy.ndarray>"),
        ("I-1\nI-1\n", "u1", "A", "<numpy.ndarray>"),
        ("I0\nI9223372036854775807\nI9223372036854775807\n", "u1", "", "[]"),
        ("I2\n", "u1", "A", "<numpy.ndarray>"),
        ("I1\n", "V4", "AAAA", "<numpy.ndarray>"),
        ("I1\n", "M8", "AAAAAAAA", "<numpy.ndarray>"),
        ("I1\n", "u0", "", "<numpy.ndarray>"),
        ("I1\n", "f1", "A", "<numpy.ndarray>"),
    ] {
        let made = "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR";
        let state = format!("(I1\n({shape}tcnumpy\ndtype\n(S'{code}'\ntRI00\nS'{data}'\ntb");
        let body = with_extra(format!("{made}{state}").as_bytes());
        assert_eq!(shown(&default(&body).unwrap()), want, "{shape:?} {code} {data}");
    }
}

#[test]
fn extras_with_reserved_names_and_keys_that_are_no_texts_are_kept() {
    let body = b"(dS'msg'\nS'm'\nsS'source'\nI1\nsS'source_'\nI2\nsS'seq'\nI3\nsS'extra_text'\nS'e'\nsI5\nI6\nsS'extra_text_'\nI7\ns.";
    let record = default(body).unwrap();
    let extras: Vec<_> = record.extras.iter().map(|(key, json)| (&**key, &*json.0)).collect();
    let want = [
        ("source_", "2"),
        ("5", "6"),
        ("extra_text_", "7"),
        ("extra_text__", "\"e\""),
        ("source__", "\"1\""),
        ("seq_", "3"),
    ];
    assert_eq!(extras, want);
    assert_eq!((record.source, record.seq, record.extra_text), (None, None, None));
}

#[test]
fn messages_and_arguments_of_any_type_print_as_in_python() {
    let cases = [
        ("S'msg'\n(dI1\nNs", "", "{1: None}"),
        ("S'msg'\n(I1\nS'two'\nt", "", "(1, 'two')"),
        ("S'msg'\nC\x02a\u{ff}", "", "b'a\\xff'"),
        ("S'msg'\nN", "", "None"),
        (
            "S'msg'\nS'%s %r %.2f %d'\n",
            "S'args'\n((I1\nt(lC\x01aacdecimal\nDecimal\n(S'1.50'\ntRcdecimal\nDecimal\n(S'7.9'\ntRt",
            "(1,) [b'a'] 1.50 7",
        ),
        ("S'msg'\nS'%(a)s'\n", "S'args'\n(dS'a'\n(I1\nts", "(1,)"),
    ];
    for (msg, args, want) in cases {
        let body = [b"(", msg.as_bytes(), args.as_bytes(), b"S'levelno'\nI20\nd."].concat();
        // The sources of this file are UTF-8, the bytes of a pickle are not.
        let body: Vec<u8> = String::from_utf8(body).unwrap().chars().map(|c| c as u8).collect();
        let record = default(&body).unwrap_or_else(|refused| panic!("{want}: {refused}"));
        assert_eq!(record.message(), want);
    }
}

#[test]
fn empty_containers_of_collections_are_empty_lists_or_objects() {
    for (name, want) in [("deque", "[]"), ("OrderedDict", "{}"), ("Counter", "{}")] {
        let body = with_extra(format!("ccollections\n{name}\n)R").as_bytes());
        assert_eq!(default(&body).unwrap().extras[0].1.0, want, "{name}");
    }
}

#[test]
fn an_unpaired_surrogate_is_an_escape_as_in_json() {
    // os.fsdecode(b"caf\xe9"), and a pair that Python wrote as two surrogates.
    let body = with_extra(b"X\x0c\x00\x00\x00caf\xed\xb3\xa9\xed\xa0\xbd\xed\xb8\x80");
    assert_eq!(default(&body).unwrap().extras[0].1.0, r#""caf\\udce9\\ud83d\\ude00""#);
    let body = with_extra(b"X\x02\x00\x00\x00a\xff");
    assert_eq!(default(&body).unwrap().extras[0].1.0, r#""a\\xff""#);
}

/// A dict with a message and `value`, an opcode sequence, as an extra.
fn with_extra(value: &[u8]) -> Vec<u8> {
    let mut body = b"\x80\x04(\x8c\x03msg\x8c\x01m\x8c\x01x".to_vec();
    body.extend_from_slice(value);
    body.extend_from_slice(b"d.");
    body
}

#[test]
fn a_value_within_itself_is_cut() {
    let body = with_extra(b"]q\x00h\x00a");
    let record = default(&body).unwrap();
    assert_eq!(record.extras[0].1.0, r#"["..."]"#);
    assert_eq!(record.fault, None);
}

#[test]
fn a_billion_laughs_are_cut_and_marked() {
    let mut laughs = b"]q\x00".to_vec();
    for index in 1..40u8 {
        let previous = index - 1;
        laughs.extend_from_slice(b"](");
        for _ in 0..10 {
            laughs.extend_from_slice(&[b'h', previous]);
        }
        laughs.extend_from_slice(&[b'e', b'q', index]);
    }
    let body = with_extra(&laughs);
    let limits = Limits { output: 10_000, ..Limits::DEFAULT };
    let record = read(&body, &limits).unwrap_err();
    // 39 lists are on the stack between key and value, so this is no dict.
    assert_eq!(record, Refused::Malformed("a key without a value"));
    let mut body = b"\x80\x04".to_vec();
    body.extend_from_slice(&laughs);
    body.extend_from_slice(b"0(\x8c\x03msg\x8c\x01m\x8c\x01xh\x27d.");
    let record = read(&body, &limits);
    let record = record.unwrap();
    assert!(record.extras[0].1.0.len() < 20_000);
    serde_json::from_str::<&serde_json::value::RawValue>(&record.extras[0].1.0).unwrap();
    assert!(record.fault.is_some());
}

#[test]
fn a_value_of_a_hundred_thousand_levels_is_cut_and_dropped() {
    let mut deep = vec![b']'; 100_000];
    deep.extend(vec![b'a'; 99_999]);
    let body = with_extra(&deep);
    let record = default(&body).unwrap();
    let json = &record.extras[0].1.0;
    assert!(json.starts_with("[[[[") && json.contains("\"...\"") && json.len() < 200, "{json}");
    assert!(record.fault.is_some());
}

#[test]
fn a_pickle_that_exceeds_a_limit_is_refused() {
    let small = Limits { input: 100, opcodes: 10, memo: 5, depth: 3, output: 100 };
    let refused = |body: &[u8]| read(body, &small).unwrap_err();
    assert_eq!(refused(&[b'N'; 101]), Refused::TooLarge("bytes"));
    assert_eq!(refused(&[b'N'; 11]), Refused::TooLarge("opcodes"));
    assert_eq!(refused(b"Nr\xff\xff\xff\xff."), Refused::TooLarge("memo entries"));
    assert_eq!(refused(b"Np99999999999999999999999\n."), {
        Refused::Malformed("an invalid memo index")
    });
    assert_eq!(refused(b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff"), Refused::Truncated);
}

#[test]
fn other_pickles_and_invalid_ones_are_refused() {
    for (body, refused) in [
        (&b""[..], Refused::Truncated),
        (b"\x80\x06.", Refused::Unknown(6)),
        (b"\xfe", Refused::Unknown(0xfe)),
        (b".", Refused::Malformed("takes from an empty stack")),
        (b"N.", Refused::NotARecord),
        (b"}.", Refused::NotARecord),
        (b"}.x", Refused::Malformed("has bytes after its end")),
        (b"(K\x01Nd.", Refused::NotARecord),
        (b"NNR.", Refused::NotARecord),
        (b"t.", Refused::Malformed("no mark")),
    ] {
        assert_eq!(default(body).unwrap_err(), refused, "{body:?}");
    }
}

#[test]
fn text_that_begins_like_a_pickle_is_recognised() {
    assert!(!looks_like_pickle(b"(see above)."));
    assert!(looks_like_pickle(b"(dry run)."));
    assert!(may_be_text(b"(dry run)."));
    assert!(default(b"(dry run).").is_err());
}

#[test]
fn many_references_to_one_large_text_stay_within_the_limit() {
    // Many extras and an attribute refer to the text.
    let text = "x".repeat(100_000);
    let mut body = b"\x80\x04(\x8c\x03msg\x8c\x01m".to_vec();
    body.extend_from_slice(b"\x8c\x01xB");
    body.extend_from_slice(&(text.len() as u32).to_le_bytes());
    body.extend_from_slice(text.as_bytes());
    body.extend_from_slice(b"q\x00");
    for key in [b"\x8c\x01y", b"\x8c\x01z"] {
        for _ in 0..10_000 {
            body.extend_from_slice(key);
            body.extend_from_slice(b"h\x00");
        }
    }
    body.extend_from_slice(b"\x8c\x04nameh\x00d.");
    let limits = Limits { output: 1_000_000, ..Limits::DEFAULT };
    let record = read(&body, &limits).unwrap();
    let size: usize = record.extras.iter().map(|(_, value)| value.0.len()).sum();
    assert!(size < 1_300_000, "{size}");
    assert!(record.fault.is_some());
}

/// Each text of the bytes takes milliseconds: making all of them would take hours.
#[test]
fn a_value_that_does_not_fit_is_not_made_again_for_each_reference() {
    let mut body = b"(\x8c\x03msg\x8c\x01m\x8c\x01xcapp\nUser\n((c_codecs\nencode\n(X".to_vec();
    let text = "x".repeat(500_000);
    body.extend_from_slice(&(text.len() as u32).to_le_bytes());
    body.extend_from_slice(text.as_bytes());
    body.extend_from_slice(b"X\x06\0\0\0latin1tRq\x01");
    body.extend_from_slice(&b"h\x01".repeat(400_000));
    body.extend_from_slice(b"ltRd.");
    let limits = Limits { output: 400_000, ..Limits::DEFAULT };
    let record = read(&body, &limits).unwrap();
    assert!(record.fault.is_some());
    assert_eq!(record.extras[0].1.0, r#""...""#);
}

/// The pickles without their frames.
pub(super) fn golden() -> Vec<Vec<u8>> {
    cases().into_iter().map(|case| unframed(&case.body).to_vec()).collect()
}

fn golden_bodies() -> impl Strategy<Value = Vec<u8>> {
    proptest::sample::select(golden())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_do_not_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = default(&body);
    }

    #[test]
    fn random_opcodes_do_not_panic(
        opcodes in proptest::collection::vec(
            proptest::sample::select(&b"()]}.NK\x01auseldt012q\x00h\x00Rb\x81\x85\x86\x94\x8f\x90\x91\x93cos\nx\nS'msg'\n"[..]),
            0..80,
        ),
    ) {
        let mut body = opcodes;
        body.push(b'.');
        if let Ok(record) = default(&body) {
            for (_, value) in &record.extras {
                prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(&value.0).is_ok());
            }
        }
    }

    #[test]
    fn mutated_pickles_stay_within_the_limits(
        mut body in golden_bodies(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        shorten in any::<bool>(),
    ) {
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if shorten {
            body.truncate(cut.index(body.len()));
        }
        let limits = Limits { output: 2_000, ..Limits::DEFAULT };
        if let Ok(record) = read(&body, &limits) {
            let size: usize = record.extras.iter().map(|(_, value)| value.0.len()).sum();
            prop_assert!(size < 20_000, "{size}");
            for (_, value) in &record.extras {
                prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(&value.0).is_ok());
            }
        }
    }
}
