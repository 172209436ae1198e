//! The bytes of a segment: a header, then records. No I/O.
//!
//! | part | bytes |
//! |---|---|
//! | header | `zlogspl2`, source (16), number of the first record (8), CRC-32 of these (4) |
//! | record | length of the payload (4), CRC-32 of the payload (4), number (8), CRC-32 of the source and these (4), payload |
//!
//! Integers are little-endian. Text that looks like a record is not taken for one, because it does
//! not know the source. For the same reason, the search after damage reads few payloads: it takes time
//! in proportion to the length of the segment.
//!
//! Numbers grow by one from record to record. After damage, reading goes on at the next offset
//! where a record is valid, and the hole in the numbers tells how many are missing.

use std::ops::Range;

use crc32fast::Hasher;

/// Who has numbered records: random, and new for each process that appends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct SourceId(pub u128);

impl SourceId {
    /// A new one. The system's randomness: two processes of equal machines never get the same.
    pub fn random() -> SourceId {
        let mut bytes = [0; 16];
        dryoc::rng::copy_randombytes(&mut bytes);
        SourceId(u128::from_le_bytes(bytes))
    }
}

/// The first bytes of a segment. The last one is the version.
const MAGIC: &[u8; 8] = b"zlogspl2";
/// Numbers that the first record of a segment may have: others follow it.
const NUMBERS: Range<u64> = 1..u64::MAX / 2;
/// Length of a header, in bytes.
pub(super) const HEADER_LEN: usize = 36;
/// Length of a record without its payload, in bytes.
pub(super) const RECORD_HEADER_LEN: usize = 20;

/// The header of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    /// Who has appended the records.
    pub(super) source: SourceId,
    /// The number of the first record, if there is one.
    pub(super) first: u64,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..24].copy_from_slice(&self.source.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..32]);
        bytes[32..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a header; `None` if it is damaged, incomplete or of another version.
    pub(super) fn decode(bytes: &[u8]) -> Option<Header> {
        let bytes = bytes.get(..HEADER_LEN)?;
        let crc = u32::from_le_bytes(bytes[32..].try_into().ok()?);
        if &bytes[..8] != MAGIC || crc32fast::hash(&bytes[..32]) != crc {
            return None;
        }
        let source = SourceId(u128::from_le_bytes(bytes[8..24].try_into().ok()?));
        Some(Header { source, first: number(bytes, 24).filter(|first| NUMBERS.contains(first))? })
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// The checksum in the header of a record. It covers the source and the fields before it.
fn checksum(source: SourceId, head: &[u8]) -> [u8; 4] {
    let mut hasher = Hasher::new();
    hasher.update(&source.0.to_le_bytes());
    hasher.update(head);
    hasher.finalize().to_le_bytes()
}

/// Appends a record. The payload is that of `parts`, one after the other.
///
/// # Errors
/// Its payload is longer than the format allows (4 GiB): returns its length.
pub(super) fn encode(
    out: &mut Vec<u8>,
    source: SourceId,
    number: u64,
    parts: &[&[u8]],
) -> Result<(), usize> {
    let len = parts.iter().map(|part| part.len()).sum::<usize>();
    let encoded_len = u32::try_from(len).map_err(|_| len)?.to_le_bytes();
    let mut payload = Hasher::new();
    parts.iter().for_each(|part| payload.update(part));
    let start = out.len();
    out.extend_from_slice(&encoded_len);
    out.extend_from_slice(&payload.finalize().to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    let crc = checksum(source, &out[start..]);
    out.extend_from_slice(&crc);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    Ok(())
}

/// A record in the bytes of a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Found {
    pub(super) number: u64,
    pub(super) payload: Range<usize>,
}

/// The record at an offset whose header is valid and whose number is greater than `after`, if it is
/// there whole. Its payload may be damaged.
pub(super) fn damaged(bytes: &[u8], at: usize, source: SourceId, after: u64) -> Option<Found> {
    let start = at + RECORD_HEADER_LEN;
    let (head, crc) = bytes.get(at..start)?.split_last_chunk::<4>()?;
    let number = number(head, 8).filter(|number| *number > after)?;
    if checksum(source, head) != *crc {
        return None;
    }
    let len = u32::from_le_bytes(*head.first_chunk()?) as usize;
    let payload = start..start.checked_add(len)?;
    (payload.end <= bytes.len()).then_some(Found { number, payload })
}

/// The valid record at an offset whose number is greater than `after`. Adds the bytes of its payload
/// to `read` if its header is valid.
fn record_at(
    bytes: &[u8],
    at: usize,
    source: SourceId,
    after: u64,
    read: &mut usize,
) -> Option<Found> {
    let found = damaged(bytes, at, source, after)?;
    *read += found.payload.len();
    let crc = crc32fast::hash(&bytes[found.payload.clone()]).to_le_bytes();
    (crc == bytes[at + 4..at + 8]).then_some(found)
}

/// The next valid record at `at` or behind it, whose number is greater than `after`: that of the
/// record before it, or one less than the number of the first. Its payload ends where the next
/// one begins.
pub(super) fn next(bytes: &[u8], at: usize, source: SourceId, after: u64) -> Option<Found> {
    find(bytes, at, source, after, &mut 0)
}

fn find(bytes: &[u8], at: usize, source: SourceId, after: u64, read: &mut usize) -> Option<Found> {
    let last = bytes.len().checked_sub(RECORD_HEADER_LEN)?;
    (at..=last).find_map(|at| record_at(bytes, at, source, after, read))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SOURCE: SourceId = SourceId(7);

    /// A segment of these payloads, numbered from 11.
    fn segment(payloads: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Header { source: SOURCE, first: 11 }.encode().to_vec();
        for (at, payload) in payloads.iter().enumerate() {
            encode(&mut bytes, SOURCE, 11 + at as u64, &[payload]).expect("short");
        }
        bytes
    }

    /// The numbers and payloads that are read.
    fn read(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let (mut at, mut after, mut found) = (HEADER_LEN, 10, Vec::new());
        while let Some(record) = next(bytes, at, SOURCE, after) {
            (at, after) = (record.payload.end, record.number);
            found.push((record.number, bytes[record.payload].to_vec()));
        }
        found
    }

    fn payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..20)
    }

    fn numbered(payloads: &[Vec<u8>]) -> Vec<(u64, Vec<u8>)> {
        (11..).zip(payloads.iter().cloned()).collect()
    }

    proptest! {
        #[test]
        fn a_cut_at_any_byte_leaves_a_prefix_of_the_records(payloads in payloads(), cut: prop::sample::Index) {
            let whole = segment(&payloads);
            let found = read(&whole[..cut.index(whole.len() + 1)]);
            prop_assert_eq!(&found[..], &numbered(&payloads)[..found.len()]);
            prop_assert_eq!(read(&whole), numbered(&payloads));
        }

        #[test]
        fn a_changed_byte_costs_the_record_that_it_is_in_and_no_other(
            payloads in payloads(), at: prop::sample::Index, change in 1u8..,
        ) {
            let mut bytes = segment(&payloads);
            let at = HEADER_LEN + at.index(bytes.len() - HEADER_LEN);
            bytes[at] ^= change;
            let mut end = HEADER_LEN;
            let damaged = payloads.iter().position(|payload| {
                end += RECORD_HEADER_LEN + payload.len();
                at < end
            });
            let mut expected = numbered(&payloads);
            expected.remove(damaged.expect("a record"));
            prop_assert_eq!(read(&bytes), expected);
        }

        #[test]
        fn a_changed_header_is_noticed(first in NUMBERS, at in 0..HEADER_LEN, change in 1u8..) {
            let header = Header { source: SOURCE, first };
            let mut bytes = header.encode();
            prop_assert_eq!(Header::decode(&bytes), Some(header));
            bytes[at] ^= change;
            prop_assert_eq!(Header::decode(&bytes), None);
        }

        #[test]
        fn no_bytes_are_taken_for_records(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert_eq!(next(&bytes, 0, SOURCE, 0), None);
            prop_assert_eq!(Header::decode(&bytes), None);
        }
    }

    #[test]
    fn a_record_within_a_payload_is_not_read_in_place_of_a_damaged_one() {
        let mut forged = Vec::new();
        encode(&mut forged, SourceId(0), 12, &[b"forged"]).expect("short");
        let mut bytes = segment(&[forged, b"second".to_vec()]);
        bytes[HEADER_LEN + 4] ^= 1;
        assert_eq!(read(&bytes), [(12, b"second".to_vec())]);
    }

    #[test]
    fn the_search_after_damage_reads_no_payload_that_only_looks_like_one() {
        // At each eighth byte, a record of half a megabyte with a number that may follow seems to begin.
        let payload = [0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 12, 0, 0, 0, 0, 0, 0, 0];
        let mut bytes = segment(&[payload.repeat(1 << 16), b"second".to_vec()]);
        bytes[HEADER_LEN + 1] ^= 1;
        let mut read = 0;
        let found = find(&bytes, HEADER_LEN, SOURCE, 10, &mut read).expect("the second record");
        assert_eq!((found.number, read), (12, b"second".len()));
    }

    #[test]
    fn zeros_that_a_power_loss_leaves_are_no_records() {
        let mut bytes = segment(&[b"one".to_vec()]);
        bytes.resize(bytes.len() + 5000, 0);
        assert_eq!(read(&bytes).len(), 1);
    }
}
