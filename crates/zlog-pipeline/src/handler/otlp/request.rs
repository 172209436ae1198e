//! Log records as the spool keeps them, and requests made of them.
//!
//! Each record is encoded once. A request has each resource once, with its scopes and their records:
//! only bytes are compared and copied for that.

use std::collections::HashMap;
use std::io::Write as _;
use std::ops::Range;

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};

use crate::handler::retry::Batch;
use crate::otlp::write::Log;

/// Lengths of resource and scope before them.
const HEAD: usize = 8;

/// Appends a log record, after its resource and its scope.
pub(super) fn append(log: &Log, out: &mut Vec<u8>) {
    for length in [log.resource.encoded_len(), log.scope.encoded_len()] {
        // Records of 4 GiB do not fit into a spool.
        out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    }
    out.extend_from_slice(&log.resource.encode_to_vec());
    out.extend_from_slice(&log.scope.encode_to_vec());
    out.extend_from_slice(&log.record.encode_to_vec());
}

/// Resource, scope and record of what [`append`] wrote.
fn parts(entry: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let length = |at: usize| {
        let bytes: [u8; 4] = entry.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(bytes)).ok()
    };
    let (resource, scope) = (length(0)?, length(4)?);
    let (resource, rest) = entry.get(HEAD..)?.split_at_checked(resource)?;
    let (scope, record) = rest.split_at_checked(scope)?;
    Some((resource, scope, record))
}

/// Appends a field with a message.
fn field(tag: u32, message: &[u8], out: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(message.len() as u64, out);
    out.extend_from_slice(message);
}

/// Scopes, in the order of their first records, with the encoded records of each.
type Scopes<'b> = Vec<(&'b [u8], Vec<u8>)>;

/// Resource and scope.
type Origin<'b> = (&'b [u8], &'b [u8]);

/// The request for some records of a batch: an `ExportLogsServiceRequest`.
///
/// Field numbers are those of `opentelemetry/proto/logs/v1/logs.proto`.
pub(super) fn request<P>(batch: &Batch<P>, places: Range<usize>) -> Vec<u8> {
    let mut resources: Vec<(&[u8], Scopes<'_>)> = Vec::new();
    let mut positions: HashMap<Origin<'_>, (usize, usize)> = HashMap::new();
    let mut numbers: HashMap<&[u8], usize> = HashMap::new();
    for place in places {
        let Some((resource, scope, record)) = parts(batch.record(place)) else { continue };
        let (of_resource, of_scope) = *positions.entry((resource, scope)).or_insert_with(|| {
            let number = *numbers.entry(resource).or_insert_with(|| {
                resources.push((resource, Vec::new()));
                resources.len() - 1
            });
            let scopes = &mut resources[number].1;
            scopes.push((scope, Vec::new()));
            (number, scopes.len() - 1)
        });
        field(2, record, &mut resources[of_resource].1[of_scope].1);
    }
    let mut out = Vec::new();
    for (resource, scopes) in resources {
        let mut of_resource = Vec::new();
        field(1, resource, &mut of_resource);
        for (scope, records) in scopes {
            let mut of_scope = Vec::new();
            field(1, scope, &mut of_scope);
            of_scope.extend_from_slice(&records);
            field(2, &of_scope, &mut of_resource);
        }
        field(1, &of_resource, &mut out);
    }
    out
}

/// The same bytes, compressed.
pub(super) fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}
