//! What a spool keeps of a record: its topic and body, and at a receiver where it came from.

use crate::spool::SourceId;

/// The topic and the body of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Message<'r> {
    pub(super) topic: &'r [u8],
    pub(super) body: &'r [u8],
}

/// The length of a topic, as it stands before it.
pub(super) fn topic_len(topic: &[u8]) -> Option<[u8; 4]> {
    Some(u32::try_from(topic.len()).ok()?.to_le_bytes())
}

/// Reads a message: the length of its topic, the topic, the body.
pub(super) fn read(payload: &[u8]) -> Option<Message<'_>> {
    let (len, rest) = payload.split_first_chunk::<4>()?;
    let (topic, body) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    Some(Message { topic, body })
}

/// The source and the number that the sender has given to a record, as they stand before its
/// message.
pub(super) fn origin(source: SourceId, number: u64) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(&source.0.to_le_bytes());
    bytes[16..].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// Reads the origin of a record, and its message.
pub(super) fn read_with_origin(payload: &[u8]) -> Option<(SourceId, u64, Message<'_>)> {
    let (source, rest) = payload.split_first_chunk::<16>()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let source = SourceId(u128::from_le_bytes(*source));
    Some((source, u64::from_le_bytes(*number), read(rest)?))
}
