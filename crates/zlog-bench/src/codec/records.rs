//! The records that are encoded: test records as `emit` sends them.

use std::borrow::Cow;
use std::time::Duration;

use zlog_core::error::Result;
use zlog_core::record::Record;
use zlog_pipeline::sender::Stamp;
use zlog_pipeline::source::synthetic::SyntheticSource;
use zlog_pipeline::source::{Flow, Source};

/// Different ones that are made: enough that no branch is learnt by heart.
const MOST: usize = 1024;
/// Most bytes of messages that are held.
const MOST_BYTES: usize = 16 << 20;

/// Test records with all that `emit` adds to them. With `size`, messages have so many
/// bytes each; without, those that they come with. A quarter of them have extras, and
/// half of the errors have a traceback.
///
/// # Errors
/// Never in practice: the source of test records does not fail.
pub fn records(seed: u64, size: Option<usize>) -> Result<Vec<Record<'static>>> {
    let wanted = MOST.min(MOST_BYTES / size.unwrap_or(1).max(1)).max(1);
    let stamp = Stamp::of_this_process("bench");
    let mut source = SyntheticSource::new(Some(wanted as u64), seed);
    let mut records = Vec::with_capacity(wanted);
    while records.len() < wanted {
        source.poll(Duration::ZERO, &mut |record| {
            let mut record = record.into_owned();
            if let Some(size) = size {
                record.msg = Cow::Owned(sized(&record.msg, size));
            }
            // What is in the topic is not in the body.
            record.subtopic = Cow::Borrowed("");
            // Bodies have times to the microsecond.
            record.created = Some((zlog_pipeline::os::clock::now() * 1e6).round() / 1e6);
            stamp.fill(&mut record);
            record.seq = Some(records.len() as u64 + 1);
            records.push(record.into_owned());
            Ok(Flow::More)
        })?;
    }
    Ok(records)
}

/// `text` repeated or cut to `size` bytes. Test records are ASCII.
fn sized(text: &str, size: usize) -> String {
    text.chars().filter(char::is_ascii).chain([' ']).cycle().take(size).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Codec;
    use super::*;

    #[test]
    fn records_are_stamped_and_come_back_from_every_codec() {
        for size in [None, Some(1), Some(300)] {
            let records = records(7, size).unwrap();
            assert_eq!(records.len(), MOST);
            let mut body = Vec::new();
            for record in &records {
                assert!(record.hostname.is_some() && record.source.is_some());
                assert!(size.is_none_or(|size| record.msg.len() == size));
                for codec in Codec::ALL {
                    body.clear();
                    codec.encode(record, &mut body).unwrap();
                    assert_eq!(codec.decode(&body).unwrap(), *record, "{}", codec.name());
                }
            }
        }
    }

    #[test]
    fn memory_is_bounded_whatever_the_size() {
        assert_eq!(records(1, Some(MOST_BYTES)).unwrap().len(), 1);
    }
}
