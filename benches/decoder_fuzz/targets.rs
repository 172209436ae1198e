//! What `decoder_fuzz` tries: each target takes an input, panics if something is wrong with what was
//! read, and returns an outcome: inputs with the same one went the same way.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use zlog::config::{Config, Overrides};
use zlog_core::wire::{confirm, query, subject};
use zlog_pipeline::spool::{Spool, SpoolKind, SpoolOptions, SpoolReader};

/// Reads an input. Returns a text that is the same for inputs that are read alike.
pub(crate) type Target = fn(&[u8]) -> String;

pub(crate) const TARGETS: [(&str, Target); 6] = [
    ("config", config),
    ("spool", spool),
    ("batch", batch),
    ("answer", answer),
    ("question", question),
    ("subject", subject),
];

/// Inputs that were kept: one directory for each target.
pub(crate) fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fuzz")
}

/// A configuration is read the same twice, or refused with its place in the file.
fn config(bytes: &[u8]) -> String {
    static RELAY: LazyLock<clap::Command> = LazyLock::new(|| {
        let whole = zlog::cli::command();
        whole.find_subcommand("relay").expect("a command").clone()
    });
    let text = String::from_utf8_lossy(bytes);
    let read = || Config::parse(Path::new("a.toml"), &text, &RELAY, &Overrides::default());
    match (read(), read()) {
        (Ok(one), Ok(two)) => assert_eq!(one, two, "{text}"),
        (Err(one), Err(two)) => {
            let one = one.to_string();
            assert_eq!(one, two.to_string(), "{text}");
            assert!(one.contains("a.toml"), "{one}");
            let is_unsafe = |c: char| c.is_control() && c != '\n';
            assert!(!one.contains(is_unsafe), "{one:?}");
            return one;
        }
        (one, two) => panic!("{} and {}: {text}", one.is_ok(), two.is_ok()),
    }
    "ok".into()
}

/// The head of a batch makes sense, and is read as it was written. Two bytes before it are the number of
/// its records.
fn batch(bytes: &[u8]) -> String {
    let Some((records, bytes)) = bytes.split_first_chunk() else { return "short".into() };
    let records = usize::from(u16::from_le_bytes(*records));
    match confirm::read_batch(bytes, records) {
        Ok(batch) => {
            assert!((1..=confirm::MAX_RECORDS).contains(&records));
            assert!(batch.first > batch.after && batch.first > batch.confirmed);
            batch.first.checked_add(records as u64).expect("numbers that exist");
            assert_eq!(confirm::read_batch(&confirm::write_batch(&batch), records), Ok(batch));
            "ok".into()
        }
        Err(why) => why,
    }
}

/// An answer is read as it was written.
fn answer(bytes: &[u8]) -> String {
    match confirm::read_answer(bytes) {
        Ok(answer) => {
            let again = confirm::read_answer(&confirm::write_answer(&answer));
            assert_eq!(again.as_ref(), Ok(&answer));
            format!("{answer:?}").split(['{', '(']).next().unwrap_or_default().to_owned()
        }
        Err(why) => why,
    }
}

/// A question is within the limits, and is read as it was written.
fn question(bytes: &[u8]) -> String {
    let question = match query::read_question(&[bytes]) {
        Ok(question) => question,
        Err(why) => return why,
    };
    let outcome = match &question {
        query::Question::Status => "status",
        query::Question::Last(last) => {
            assert!(last.n <= query::MAX_MESSAGES);
            assert!(query::is_marker(last.begin.as_bytes()), "{last:?}");
            assert!(query::is_marker(last.end.as_bytes()) && last.begin != last.end);
            "last"
        }
        query::Question::Missing(missing) => {
            assert!(missing.holes.len() <= query::MAX_HOLES);
            "missing"
        }
    };
    assert_eq!(query::read_question(&[query::write_question(&question)]), Ok(question));
    outcome.into()
}

/// Any bytes are a topic that comes back, and any text is read as some topic.
fn subject(bytes: &[u8]) -> String {
    let mut encoded = String::new();
    subject::encode(bytes, &mut encoded);
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '*' | '>');
    assert!(!encoded.contains(forbidden), "{encoded}");
    assert!(encoded.split('.').all(|token| !token.is_empty()), "{encoded}");
    assert_eq!(subject::decode(&encoded), bytes);
    let topic = subject::decode(&String::from_utf8_lossy(bytes));
    encoded.clear();
    subject::encode(&topic, &mut encoded);
    assert_eq!(subject::decode(&encoded), topic);
    let prefixes = [bytes.to_vec(), topic];
    let filters = subject::filters(&prefixes);
    assert!(!filters.is_empty() && subject::common(&filters).ends_with('>'));
    // Which kinds of bytes there are.
    let has = |is: fn(&u8) -> bool| if bytes.iter().any(is) { '+' } else { '-' };
    let kinds: [fn(&u8) -> bool; 6] = [
        |byte| *byte == b'.',
        |byte| *byte == b'%',
        |byte| matches!(byte, b'*' | b'>'),
        u8::is_ascii_whitespace,
        u8::is_ascii_control,
        |byte| !byte.is_ascii(),
    ];
    kinds.map(has).into_iter().chain([if bytes.is_empty() { '0' } else { '1' }]).collect()
}

/// A spool whose files were changed is refused, or what is read of it was written with that
/// number; and what is appended is read back, also by the next process.
fn spool(bytes: &[u8]) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let files = unpack(bytes);
    let names = files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ");
    for (name, bytes) in &files {
        fs::write(directory.path().join(name), bytes).expect("a file");
    }
    let mut spool = match open_spool(directory.path()) {
        Ok(spool) => spool,
        Err(error) => {
            return error.to_string().replace(&*directory.path().to_string_lossy(), "");
        }
    };
    let (appended, done, waiting) = (spool.appended(), spool.done(), spool.waiting());
    let (read, damaged) = read_spool(&mut spool, done);
    let mut before = done;
    for (number, payload) in &read {
        assert!(*number > before, "{number} after {before}: {names}");
        before = *number;
        assert_eq!(EXEMPLAR.records.get(number), Some(payload), "{number}: {names}");
    }
    assert!(before <= appended, "{before} of {appended}: {names}");
    assert_eq!(read.len() as u64 + damaged, waiting, "{names}");
    let number = spool.append(&[b"new"]).expect("it is written").expect("room");
    spool.write().expect("it is written");
    let new = (vec![(number, b"new".to_vec())], 0);
    assert_eq!(read_spool(&mut spool, appended), new, "{names}");
    let unreadable = spool.unreadable();
    drop(spool);
    let mut spool = open_spool(directory.path()).expect("as before");
    assert_eq!(read_spool(&mut spool, appended), new, "{names}");
    format!("{} read, {damaged} damaged, {unreadable} unreadable", read.len())
}

/// A real spool of several segments.
pub(crate) struct Exemplar {
    /// Their names and contents.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// The records by their numbers.
    records: HashMap<u64, Vec<u8>>,
}

/// Has the same records in each process. Segments that a fuzzer has kept are of other senders.
pub(crate) static EXEMPLAR: LazyLock<Exemplar> = LazyLock::new(|| {
    let directory = tempfile::tempdir().expect("a directory");
    let mut records = HashMap::new();
    for process in 0..4 {
        let mut spool = open_spool(directory.path()).expect("a spool");
        for at in 0..5 {
            let payload = format!("{process} {at} {}", "x".repeat(at * 7)).into_bytes();
            let number = spool.append(&[&payload]).expect("it is written").expect("room");
            records.insert(number, payload);
        }
        spool.write().expect("it is written");
        spool.end_segment();
        spool.advance(2).expect("it is written");
    }
    let entries = fs::read_dir(directory.path()).expect("a directory");
    let mut files: Vec<_> = entries
        .map(|entry| {
            let entry = entry.expect("an entry");
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).expect("a file"))
        })
        .collect();
    files.sort();
    Exemplar { files, records }
});

/// Files as one input: for each its name, its length and its bytes.
pub(crate) fn pack(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in files {
        bytes.extend_from_slice(format!("{name} {}\n", content.len()).as_bytes());
        bytes.extend_from_slice(content);
    }
    bytes
}

fn unpack(mut bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let (name, len) = head.split_once(' ').expect("a name and a length");
        let (content, rest) = bytes[end + 1..].split_at(len.parse().expect("a length"));
        files.push((name.to_owned(), content.to_vec()));
        bytes = rest;
    }
    files
}

fn open_spool(directory: &Path) -> zlog_core::Result<Spool> {
    let options = SpoolOptions { directory: directory.to_owned(), bytes: 1 << 20 };
    Spool::open(options, SpoolKind::Emitter)
}

/// The records behind a number, and how many are damaged.
fn read_spool(spool: &mut Spool, after: u64) -> (Vec<(u64, Vec<u8>)>, u64) {
    let (mut reader, mut read) = (SpoolReader::new(after), Vec::new());
    loop {
        while let Some(entry) = reader.next_entry() {
            read.push((entry.number, entry.payload.to_vec()));
        }
        if !reader.load(spool) {
            return (read, reader.take_damaged());
        }
    }
}
