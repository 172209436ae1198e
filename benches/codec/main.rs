//! Encodes and decodes the same records as JSON and as MessagePack.
//!
//!     cargo bench --bench codec [-- SIZE]
//!
//! With SIZE, messages have that many bytes; without it, test records keep their messages,
//! some with tracebacks. All codecs run in each round, and ratios are taken within a round,
//! so that changes in the machine's speed affect all of them. zlog itself does not use
//! MessagePack.
//!
//! The benchmark times the conversion between a [`Record`] and the bytes of a body: for
//! JSON with the functions of `emit` and `tail`, including the check for UTF-8; for
//! MessagePack with their equivalent in `rmp-serde` ([`messagepack`]).

mod messagepack;

use std::borrow::Cow;
use std::error::Error;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use zlog_bench::report::{Column, Table};
use zlog_bench::stats::Spread;
use zlog_bench::units::{count, percent, three_digits};
use zlog_core::Record;
use zlog_core::wire::json;
use zlog_pipeline::sender::SenderFields;
use zlog_pipeline::source::Source;
use zlog_pipeline::source::synthetic::SyntheticSource;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Distinct records: too many for the branch predictor to learn.
const DISTINCT: usize = 1024;
/// Limit on the bytes of all messages.
const MAX_BYTES: usize = 16 << 20;
/// The seed of the test records.
const SEED: u64 = 1;

/// A way to write a record as bytes.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Codec {
    /// The body of the `json` dialect, as on the wire.
    Json,
    /// MessagePack with field names, self-describing as JSON is.
    Map,
    /// MessagePack without names: both ends must use the same order of fields.
    Array,
}

impl Codec {
    /// The first is the baseline.
    const ALL: [Codec; 3] = [Codec::Json, Codec::Map, Codec::Array];

    const fn name(self) -> &'static str {
        match self {
            Codec::Json => "json",
            Codec::Map => "msgpack-map",
            Codec::Array => "msgpack-array",
        }
    }

    fn encode(self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Codec::Json => json::write(record, out),
            Codec::Map => messagepack::write_map(record, out)?,
            Codec::Array => messagepack::write_array(record, out)?,
        }
        Ok(())
    }

    fn decode(self, body: &[u8]) -> Result<Record<'_>> {
        Ok(match self {
            Codec::Json => {
                let text = std::str::from_utf8(body)?;
                json::read_body(text)?
            }
            Codec::Map => messagepack::read_map(body)?,
            Codec::Array => messagepack::read_array(body)?,
        })
    }
}

/// One codec's results: its bodies, and records per second in each round.
struct Series {
    codec: Codec,
    bodies: Vec<Vec<u8>>,
    encode: Vec<f64>,
    decode: Vec<f64>,
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` passes --bench; `cargo test --benches` does not, and runs it once.
    let measuring = args.iter().any(|arg| arg == "--bench");
    let size = args.iter().find(|arg| !arg.starts_with('-')).map(|arg| arg.parse()).transpose()?;
    let (rounds, per_run) = if measuring { (10, 200_000) } else { (1, 1000) };
    let records = records(size)?;
    let mut all = Vec::with_capacity(Codec::ALL.len());
    for codec in Codec::ALL {
        let bodies = bodies(codec, &records)?;
        all.push(Series { codec, bodies, encode: Vec::new(), decode: Vec::new() });
    }
    for round in 0..=rounds {
        for series in &mut all {
            let (encode, decode) = run(series.codec, &records, &series.bodies, per_run)?;
            // The first round is the warm-up.
            if round > 0 {
                series.encode.push(encode);
                series.decode.push(decode);
            }
        }
    }
    let messages = size.map_or("test records".to_owned(), |size| format!("{size}-byte messages"));
    println!("{messages}, {rounds} rounds of {per_run} records\n\n{}", table(&all).text());
    Ok(())
}

/// Test records with every field that `emit` adds. A quarter of them have extras, and
/// half of the errors have a traceback.
fn records(size: Option<usize>) -> Result<Vec<Record<'static>>> {
    let distinct = DISTINCT.min(MAX_BYTES / size.unwrap_or(1).max(1)).max(1);
    let sender = SenderFields::of_this_process("bench");
    let mut source = SyntheticSource::new(Some(distinct as u64), SEED);
    let mut records = Vec::with_capacity(distinct);
    while records.len() < distinct {
        source.poll(Duration::ZERO, &mut |record| {
            let mut record = std::mem::take(record).into_owned();
            if let Some(size) = size {
                let ascii = record.msg.chars().filter(char::is_ascii).chain([' ']);
                record.msg = Cow::Owned(ascii.cycle().take(size).collect());
            }
            // The topic is not part of the body.
            record.subtopic = Cow::Borrowed("");
            // Bodies hold times to the microsecond.
            record.created = Some((zlog_pipeline::os::clock::now() * 1e6).round() / 1e6);
            sender.fill(&mut record);
            record.seq = Some(records.len() as u64 + 1);
            records.push(record.into_owned());
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(records)
}

/// The body of each record. Fails unless every body decodes to its record.
fn bodies(codec: Codec, records: &[Record<'_>]) -> Result<Vec<Vec<u8>>> {
    let body = |record: &Record<'_>| {
        let mut body = Vec::new();
        codec.encode(record, &mut body)?;
        if codec.decode(&body)? != *record {
            return Err(format!("{}: {record:?} does not round-trip", codec.name()).into());
        }
        Ok(body)
    };
    records.iter().map(body).collect()
}

/// Records encoded and decoded per second.
fn run(
    codec: Codec,
    records: &[Record<'_>],
    bodies: &[Vec<u8>],
    count: usize,
) -> Result<(f64, f64)> {
    let start = Instant::now();
    let mut out = Vec::new();
    for record in records.iter().cycle().take(count) {
        out.clear();
        codec.encode(black_box(record), &mut out)?;
        black_box(&out);
    }
    let encoded = start.elapsed();
    for body in bodies.iter().cycle().take(count) {
        black_box(codec.decode(black_box(body))?);
    }
    let decoded = start.elapsed() - encoded;
    Ok((count as f64 / encoded.as_secs_f64(), count as f64 / decoded.as_secs_f64()))
}

fn table(all: &[Series]) -> Table {
    let numbers = ["bytes", "encode/s", "±", "decode/s", "±", "encode × json", "decode × json"];
    let mut columns = vec![Column::text("codec")];
    columns.extend(numbers.map(Column::number));
    let mut table = Table::new(columns);
    let cell = |spread: Option<Spread>, show: fn(&Spread) -> String| {
        spread.map_or("-".to_owned(), |spread| show(&spread))
    };
    let ratio = |mine: &[f64], base: &[f64]| {
        let ratios = Spread::of(mine.iter().zip(base).map(|(mine, base)| mine / base));
        cell(ratios, |ratio| three_digits(ratio.median))
    };
    for series in all {
        let bytes: usize = series.bodies.iter().map(Vec::len).sum();
        let mut cells = vec![series.codec.name().to_owned()];
        cells.push(three_digits(bytes as f64 / series.bodies.len() as f64));
        for rates in [&series.encode, &series.decode] {
            let spread = Spread::of(rates.iter().copied());
            cells.push(cell(spread, |spread| count(spread.median)));
            cells.push(cell(spread, |spread| percent(spread.relative())));
        }
        cells.push(ratio(&series.encode, &all[0].encode));
        cells.push(ratio(&series.decode, &all[0].decode));
        table.add(cells);
    }
    table
}
