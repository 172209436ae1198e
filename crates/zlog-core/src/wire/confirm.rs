//! The protocol of confirmed delivery: a sender keeps records until the receiver confirms them.
//!
//! The sender is a DEALER, the receiver a ROUTER. A batch is a message of a head, which is one
//! frame of JSON, and the records in order: topic, body, topic, body, and so on. Each batch is
//! answered, sooner or later, by one frame of JSON. `docs/wire-format.md` has examples and rules.
//!
//! # Without loss and without duplicates
//! Records have numbers that grow by one. The receiver remembers for each source the number of the
//! last record that it has stored, and stores a record only if it has those before it. What it
//! has already is not stored again. After a reconnect, the sender repeats what is not confirmed.

use serde::{Deserialize, Serialize};

use super::query::{read, write};

/// Most records of a batch.
pub const MAX_RECORDS: usize = 500;
/// Largest batch that a receiver reads, in bytes of all its frames. zlog's have 256 KiB, or one
/// record.
pub const MAX_BATCH_BYTES: usize = 16 << 20;
/// Largest answer that a sender reads, in bytes.
pub const MAX_ANSWER_BYTES: usize = 4096;
/// Most frames of a batch.
pub const MAX_FRAMES: usize = 1 + 2 * MAX_RECORDS;

/// The head of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Batch {
    /// Who has numbered the records: a random number, new for each process.
    pub source: u128,
    /// Up to this number, all records of the sender are confirmed, or do not exist any more.
    pub confirmed: u64,
    /// The number of the record of this source before the first one; 0 if that is the first of
    /// the source. It is not `first - 1` if records in between were damaged.
    pub after: u64,
    /// The number of the first record. The others follow without a hole.
    pub first: u64,
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub enum Answer {
    /// The receiver has all records of the source up to this number.
    Confirmed {
        /// The source, as in the batch.
        source: String,
        /// The number.
        number: u64,
        /// How many records of this batch were refused: the sender may not publish them, or they are
        /// too long. They count as confirmed, and are dropped.
        #[serde(default)]
        refused: u64,
    },
    /// The batch makes no sense to the receiver. The sender closes the connection.
    Refused {
        /// The reason, as text.
        why: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Head {
    source: String,
    confirmed: u64,
    after: u64,
    first: u64,
}

/// The text of a source: 32 hexadecimal digits.
pub fn source_text(source: u128) -> String {
    format!("{source:032x}")
}

/// Reads the text of a source.
pub fn read_source(text: &str) -> Option<u128> {
    let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// Writes the head of a batch.
pub fn write_batch(batch: &Batch) -> Vec<u8> {
    let Batch { source, confirmed, after, first } = *batch;
    write(&Head { source: source_text(source), confirmed, after, first })
}

/// Reads the head of a batch of `records` records.
///
/// # Errors
/// The reason why it is refused, for the sender.
pub fn read_batch(frame: &[u8], records: usize) -> Result<Batch, String> {
    let Head { source, confirmed, after, first } = read(frame)?;
    let source = read_source(&source).ok_or("a source is 32 hexadecimal digits")?;
    if records == 0 || records > MAX_RECORDS {
        return Err(format!("a batch has 1 to {MAX_RECORDS} records"));
    }
    if first <= after || first <= confirmed || first.checked_add(records as u64).is_none() {
        return Err("the numbers make no sense".into());
    }
    Ok(Batch { source, confirmed, after, first })
}

/// Writes an answer.
pub fn write_answer(answer: &Answer) -> Vec<u8> {
    write(answer)
}

/// Reads an answer.
///
/// # Errors
/// It is not one.
pub fn read_answer(frame: &[u8]) -> Result<Answer, String> {
    read(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn batches_and_answers_read_as_documented() {
        let batch = Batch { source: 0xab, confirmed: 3, after: 4, first: 7 };
        let text = r#"{"zlog":1,"source":"000000000000000000000000000000ab","confirmed":3,"after":4,"first":7}"#;
        assert_eq!(String::from_utf8(write_batch(&batch)).expect("UTF-8"), text);
        assert_eq!(read_batch(text.as_bytes(), 1), Ok(batch));
        let source = source_text(0xab);
        let answer = Answer::Confirmed { source, number: 9, refused: 0 };
        let text = r#"{"zlog":1,"answer":"confirmed","source":"000000000000000000000000000000ab","number":9,"refused":0}"#;
        assert_eq!(String::from_utf8(write_answer(&answer)).expect("UTF-8"), text);
        assert_eq!(read_answer(text.as_bytes()), Ok(answer));
    }

    #[test]
    fn a_batch_beyond_the_limits_is_refused_with_the_reason() {
        let good = Batch { source: 1, confirmed: 3, after: 4, first: 5 };
        let refused =
            |batch, records| read_batch(&write_batch(&batch), records).expect_err("refused");
        assert!(refused(good, 0).contains("1 to 500"));
        assert!(refused(good, 501).contains("1 to 500"));
        assert!(refused(Batch { after: 5, ..good }, 1).contains("numbers"));
        assert!(refused(Batch { confirmed: 5, ..good }, 1).contains("numbers"));
        assert!(refused(Batch { first: u64::MAX, ..good }, 1).contains("numbers"));
        let text = br#"{"zlog":1,"source":"+b","confirmed":0,"after":0,"first":1}"#;
        assert!(read_batch(text, 1).expect_err("refused").contains("hexadecimal"));
        assert!(read_batch(br#"{"zlog":2}"#, 1).expect_err("refused").contains("version 2"));
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_batch(&bytes, 1);
            let _ = read_answer(&bytes);
        }
    }
}
