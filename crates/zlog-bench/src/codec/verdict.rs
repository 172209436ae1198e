//! Whether MessagePack pays, by a rule that is the same for whoever asks.
//!
//! There are three questions, each answered by itself: how many bytes a body has,
//! how fast records are encoded, and how fast they are decoded. Each answer is
//!
//! - a *gain*: better than JSON by 10 % or more, rates in every round. A second format
//!   has to be learnt by every reader in every language, and less than that is not
//!   worth it;
//! - a *loss*: worse than JSON, by however little, rates in the median: nobody changes
//!   a format to get slower;
//! - *even*: anything between.
//!
//! MessagePack *pays* when there is a gain and no loss, and does not when there is no
//! gain. With both it is a *trade*: which side weighs more depends on who reads and
//! writes how often, and is not for a benchmark to say.
//!
//! The MessagePack that is judged is the one with names, which can do what JSON can.
//! Encoding and decoding are not added up: who encodes a record once and who decodes
//! it in twenty places have different sums.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use super::Codec;
use super::report::CodecRow;
use crate::report::units::{percent, three_digits};
use crate::stats::Spread;

/// A gain is at least this share.
const WORTH: f64 = 0.1;

/// One answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Better by 10 % or more, in every round.
    Gain,
    /// Neither.
    Even,
    /// Worse.
    Loss,
}

/// What the answers come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pays {
    /// A gain, and no loss.
    Yes,
    /// Gains and losses.
    Trade,
    /// No gain.
    No,
}

/// What the figures say about MessagePack with names.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// Bytes of a body, as a share of JSON's.
    pub bytes_ratio: f64,
    /// Whether there are fewer.
    pub bytes: Answer,
    /// Records encoded each second, as a multiple of JSON's in the same round.
    pub encode_ratio: Spread,
    /// Whether there are more.
    pub encode: Answer,
    /// Records decoded each second, as a multiple of JSON's in the same round.
    pub decode_ratio: Spread,
    /// Whether there are more.
    pub decode: Answer,
    /// What that comes to.
    pub pays: Pays,
}

impl Verdict {
    /// What `rows` say; `None` where nothing was measured.
    pub(super) fn of(rows: &[CodecRow]) -> Option<Verdict> {
        let named = rows.iter().find(|row| row.name == Codec::Named.name())?;
        let (bytes_ratio, encode_ratio, decode_ratio) =
            (named.bytes_ratio?, named.encode_ratio?, named.decode_ratio?);
        let bytes = if bytes_ratio <= 1.0 - WORTH {
            Answer::Gain
        } else if bytes_ratio > 1.0 {
            Answer::Loss
        } else {
            Answer::Even
        };
        let (encode, decode) = (of_rate(encode_ratio), of_rate(decode_ratio));
        let answers = [bytes, encode, decode];
        let pays = match (answers.contains(&Answer::Gain), answers.contains(&Answer::Loss)) {
            (true, false) => Pays::Yes,
            (true, true) => Pays::Trade,
            (false, _) => Pays::No,
        };
        Some(Verdict { bytes_ratio, bytes, encode_ratio, encode, decode_ratio, decode, pays })
    }

    /// The questions with this answer.
    fn named(&self, wanted: Answer) -> String {
        let all = [("bytes", self.bytes), ("encoding", self.encode), ("decoding", self.decode)];
        let names = all.into_iter().filter(|(_, answer)| *answer == wanted);
        names.map(|(name, _)| name).collect::<Vec<_>>().join(" and ")
    }
}

fn of_rate(ratio: Spread) -> Answer {
    if ratio.low >= 1.0 + WORTH {
        Answer::Gain
    } else if ratio.median < 1.0 {
        Answer::Loss
    } else {
        Answer::Even
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Answer::Gain => "a gain",
            Answer::Even => "even",
            Answer::Loss => "a loss",
        })
    }
}

/// A line for each question, and one that says what they come to.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = match self.bytes_ratio {
            fewer if fewer <= 1.0 => format!("{} fewer", percent(1.0 - fewer)),
            more => format!("{} more", percent(more - 1.0)),
        };
        writeln!(f, "MessagePack with names, for these records, held against JSON:")?;
        writeln!(f, "  bytes     {bytes}: {}", self.bytes)?;
        for (what, ratio, answer) in [
            ("encoding", self.encode_ratio, self.encode),
            ("decoding", self.decode_ratio, self.decode),
        ] {
            let mut rounds = String::new();
            if ratio.low < ratio.high {
                let (low, high) = (three_digits(ratio.low), three_digits(ratio.high));
                write!(rounds, " ({low} to {high} over the rounds)")?;
            }
            let median = three_digits(ratio.median);
            writeln!(f, "  {what}  {median} × as fast{rounds}: {answer}")?;
        }
        match self.pays {
            Pays::Yes => write!(f, "It pays: a gain in {}, and no loss.", self.named(Answer::Gain)),
            Pays::No => write!(f, "It does not pay: there is no gain of 10 % or more."),
            Pays::Trade => {
                let (gains, losses) = (self.named(Answer::Gain), self.named(Answer::Loss));
                write!(f, "It is a trade: a gain in {gains}, a loss in {losses}.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(low: f64, median: f64, high: f64) -> Spread {
        Spread { median, low, high }
    }

    fn verdict(bytes: f64, encode: Spread, decode: Spread) -> Verdict {
        let row = CodecRow {
            name: Codec::Named.name().to_owned(),
            bytes_per_record: bytes * 400.0,
            encode_per_second: None,
            decode_per_second: None,
            bytes_ratio: Some(bytes),
            encode_ratio: Some(encode),
            decode_ratio: Some(decode),
        };
        Verdict::of(&[row]).unwrap()
    }

    #[test]
    fn it_never_pays_while_one_direction_is_slower() {
        let (fast, slow) = (ratio(2.9, 3.0, 3.1), ratio(0.97, 0.99, 1.2));
        let verdict = verdict(0.5, fast, slow);
        assert_eq!((verdict.encode, verdict.decode), (Answer::Gain, Answer::Loss));
        assert_eq!(verdict.pays, Pays::Trade);
        let said = verdict.to_string();
        assert!(said.contains("a gain in bytes and encoding, a loss in decoding"), "{said}");
    }

    #[test]
    fn a_gain_is_one_in_every_round_and_one_gain_pays_where_nothing_is_lost() {
        let even = ratio(1.0, 1.0, 1.0);
        assert_eq!(verdict(0.95, ratio(1.09, 1.5, 2.0), even).pays, Pays::No);
        let verdict = verdict(0.95, ratio(1.1, 1.5, 2.0), even);
        assert_eq!(
            (verdict.bytes, verdict.encode, verdict.pays),
            (Answer::Even, Answer::Gain, Pays::Yes)
        );
        let said = verdict.to_string();
        assert!(said.contains("5.0 % fewer: even"), "{said}");
        assert!(said.contains("1.50 × as fast (1.10 to 2.00 over the rounds): a gain"), "{said}");
        assert!(said.contains("It pays: a gain in encoding, and no loss."), "{said}");
    }

    #[test]
    fn more_bytes_are_a_loss_however_few() {
        let even = ratio(1.0, 1.0, 1.0);
        let more = verdict(1.001, even, even);
        assert_eq!((more.bytes, more.pays), (Answer::Loss, Pays::No));
        assert_eq!(verdict(1.0, even, even).bytes, Answer::Even);
        assert_eq!(verdict(0.9, even, even).bytes, Answer::Gain);
    }

    #[test]
    fn nothing_measured_is_nothing_said() {
        assert_eq!(Verdict::of(&[]), None);
    }
}
