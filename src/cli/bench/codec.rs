//! `zlog bench codec`: what may be typed.

use clap::Args;

use super::{BenchOutput, message_size};
use zlog_core::text::parsers;

/// `zlog bench codec`.
#[derive(Args, Debug)]
pub struct CodecArgs {
    /// Messages of this many bytes [default: as test records come, some with tracebacks]
    #[arg(long, value_name = "SIZE", value_parser = message_size)]
    pub size: Option<usize>,
    /// Rounds: each measures every codec once
    #[arg(long, value_name = "N", default_value = "5")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub runs: u16,
    /// Records that each run encodes, and decodes
    #[arg(short = 'n', long, value_name = "N", default_value = "200000")]
    #[arg(value_parser = parsers::at_least_one::<u64>)]
    pub count: u64,
    /// Records that are encoded and decoded before, unmeasured
    #[arg(long, value_name = "N", default_value = "20000")]
    pub warm_up: u64,
    /// Other test records
    #[arg(long, value_name = "SEED", default_value = "1")]
    pub seed: u64,
    /// What to print
    #[arg(short, long, value_enum, default_value_t, value_name = "WHAT")]
    pub output: BenchOutput,
}
