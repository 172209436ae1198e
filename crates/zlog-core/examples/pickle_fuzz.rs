//! Fuzzes the pickle decoder for a given time: changes, removes, repeats and mixes bytes of
//! CPython's pickles in all protocols, and makes pickles of random opcodes. None may panic,
//! take long or take much memory.
//!
//!     cargo run --example pickle_fuzz -- [SECONDS] [SEED]
//!
//! Without `--release`, integer overflow panics.

#![allow(clippy::unwrap_used, reason = "failures are panics")]

use std::time::{Duration, Instant};

use fastrand::Rng;
use zlog_core::Record;
use zlog_core::wire::pickle::{Limits, Reader};

/// Written by CPython: tests/data/wire/generate.py.
const EXEMPLARS: &str = include_str!("../tests/data/wire/pickles.jsonl");

/// The limits of listening sources, for records of a megabyte.
const LIMITS: Limits =
    Limits { input: 1 << 20, opcodes: 1 << 18, memo: 1 << 16, depth: 64, output: 4 << 20 };

/// All opcodes of protocols 0 to 5, except `.`.
const OPCODES: &[u8] = b"(012FIJKLMNPQRSTUVXabcdgehijlopqrstu)]}BCG\
    \x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\
    \x90\x91\x92\x93\x94\x95\x96\x97\x98";

/// The results of all inputs.
#[derive(Default)]
struct Totals {
    inputs: u64,
    records: u64,
    shortened: u64,
    longest: Duration,
    longest_size: usize,
}

fn main() {
    let mut args = std::env::args().skip(1);
    let seconds = args.next().map_or(10, |word| word.parse().expect("seconds"));
    let seed = args.next().map_or_else(|| fastrand::u64(..), |word| word.parse().expect("a seed"));
    let mut rng = Rng::with_seed(seed);
    let real: Vec<Vec<u8>> = EXEMPLARS.lines().map(body).collect();
    let (mut reader, mut totals) = (Reader::default(), Totals::default());
    let until = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < until {
        for _ in 0..100 {
            let input = input(&mut rng, &real);
            totals.take(&mut reader, &input);
        }
    }
    let Totals { inputs, records, shortened, longest, longest_size } = totals;
    println!(
        "seed {seed}, {seconds} s, {} build",
        if cfg!(debug_assertions) { "debug" } else { "release" }
    );
    println!(
        "{inputs} inputs: {records} read as records ({shortened} of them shortened), the rest refused"
    );
    println!(
        "longest: {:.1} ms of processor time, for {longest_size} bytes",
        longest.as_secs_f64() * 1e3
    );
    println!("most memory of the process: {}", peak_memory());
}

impl Totals {
    fn take(&mut self, reader: &mut Reader, input: &[u8]) {
        let begun = thread_time();
        let mut record = Record::default();
        if reader.read_into(input, &LIMITS, &mut record).is_ok() {
            self.records += 1;
            self.shortened += u64::from(record.fault.is_some());
            let size: usize = record.extras.iter().map(|(_, value)| value.0.len()).sum();
            // Each cut adds a few bytes.
            assert!(size <= 2 * LIMITS.output, "{size} bytes from {}", input.escape_ascii());
            for (_, value) in &record.extras {
                let json = serde_json::from_str::<&serde_json::value::RawValue>(&value.0);
                assert!(json.is_ok(), "{} from {}", value.0, input.escape_ascii());
            }
        }
        self.inputs += 1;
        let took = thread_time() - begun;
        if took > self.longest {
            (self.longest, self.longest_size) = (took, input.len());
        }
        assert!(took < Duration::from_secs(10), "{took:?} for {}", input.escape_ascii());
    }
}

fn input(rng: &mut Rng, real: &[Vec<u8>]) -> Vec<u8> {
    match rng.u8(..10) {
        0 => program(rng, 64),
        1 if rng.u8(..100) == 0 => program(rng, 300_000),
        _ => {
            let mut bytes = real[rng.usize(..real.len())].clone();
            for _ in 0..rng.usize(1..6) {
                mutate(rng, &mut bytes, real);
            }
            bytes
        }
    }
}

/// Random opcodes within the dict of a record.
fn program(rng: &mut Rng, most: usize) -> Vec<u8> {
    let mut bytes = b"\x80\x04(\x8c\x03msg\x8c\x01m\x8c\x01x".to_vec();
    let favourite = [OPCODES[rng.usize(..OPCODES.len())], OPCODES[rng.usize(..OPCODES.len())]];
    for _ in 0..rng.usize(..most) {
        bytes.push(match rng.u8(..4) {
            0 => OPCODES[rng.usize(..OPCODES.len())],
            1 => rng.u8(..8),
            _ => favourite[rng.usize(..2)],
        });
    }
    bytes.extend_from_slice(b"d.");
    bytes
}

fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>, real: &[Vec<u8>]) {
    if bytes.is_empty() {
        return;
    }
    let from = rng.usize(..bytes.len());
    let to = rng.usize(from..=bytes.len().min(from + 64));
    match rng.u8(..6) {
        0 => bytes[from] = rng.u8(..),
        1 => bytes[from] = OPCODES[rng.usize(..OPCODES.len())],
        2 => drop(bytes.drain(from..to)),
        3 => {
            let most = if rng.u8(..200) == 0 { 4000 } else { 8 };
            let part = bytes[from..to].repeat(rng.usize(1..most));
            bytes.splice(from..from, part);
        }
        4 => {
            let other = &real[rng.usize(..real.len())];
            let at = rng.usize(..other.len());
            let end = other.len().min(at + rng.usize(1..64));
            bytes.splice(from..to, other[at..end].iter().copied());
        }
        _ => bytes.truncate(to),
    }
}

/// The processor time of this thread, which does not depend on the load of the machine.
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The pickle in a line of the exemplars.
fn body(line: &str) -> Vec<u8> {
    let row: serde_json::Value = serde_json::from_str(line).unwrap();
    let pairs = row["hex"].as_str().unwrap().as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// The peak memory of this process on Linux.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".into(), |line| line.trim().to_owned())
}
