//! Finds the log records in a request without decoding them: a request may have many records that
//! take few bytes, and whoever decoded it whole would need a hundred times its memory.

use std::ops::Range;

use prost::decode_length_delimiter;

/// The most records of a request.
pub(super) const MAX_RECORDS: usize = 100_000;
/// The most bytes that a request's records may have together, each with its resource and its scope:
/// these are written down once in a request, but belong to each of its records.
const MAX_EXPANDED: usize = 256 << 20;

/// Bytes of a request.
pub(super) type Place = Range<u32>;

/// Why a request has no outline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Problem {
    /// It is no `ExportLogsServiceRequest`.
    Invalid,
    /// It has too many records, or they are too large together.
    TooLarge,
}

/// The records of a request, and those that share a resource and a scope.
#[derive(Debug, Default)]
pub(super) struct Outline {
    groups: Vec<Group>,
    records: Vec<(u32, Place)>,
}

/// Resource and scope of records.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Group {
    pub(super) resource: Option<Place>,
    pub(super) scope: Option<Place>,
}

impl Outline {
    /// Reads the outline of a request. Field numbers are those of `otlp/proto.rs`.
    ///
    /// # Errors
    /// See [`Problem`].
    pub(super) fn read(body: &[u8]) -> Result<Outline, Problem> {
        let mut outline = Outline::default();
        let mut expanded = 0;
        for logs in children(body, whole(body)?, 1)? {
            let resource = children(body, logs.clone(), 1)?.pop();
            for of_scope in children(body, logs, 2)? {
                let scope = children(body, of_scope.clone(), 1)?.pop();
                let shared =
                    resource.as_ref().map_or(0, Range::len) + scope.as_ref().map_or(0, Range::len);
                let group = u32::try_from(outline.groups.len()).map_err(|_| Problem::TooLarge)?;
                let before = outline.records.len();
                for record in children(body, of_scope, 2)? {
                    expanded += shared + record.len();
                    outline.records.push((group, record));
                    if expanded > MAX_EXPANDED || outline.records.len() > MAX_RECORDS {
                        return Err(Problem::TooLarge);
                    }
                }
                if outline.records.len() > before {
                    outline.groups.push(Group { resource: resource.clone(), scope });
                }
            }
        }
        Ok(outline)
    }

    /// The number of records.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// A record, and what it shares with others.
    pub(super) fn record(&self, number: usize) -> Option<(&Group, &Place)> {
        let (group, place) = self.records.get(number)?;
        Some((self.groups.get(*group as usize)?, place))
    }
}

/// Bytes as offsets.
pub(super) fn slice<'b>(body: &'b [u8], place: &Place) -> &'b [u8] {
    body.get(place.start as usize..place.end as usize).unwrap_or_default()
}

fn whole(body: &[u8]) -> Result<Place, Problem> {
    Ok(0..u32::try_from(body.len()).map_err(|_| Problem::TooLarge)?)
}

/// The messages that a message has in this field. Checks all of its fields.
fn children(body: &[u8], place: Place, field: usize) -> Result<Vec<Place>, Problem> {
    let mut found = Vec::new();
    let mut rest = slice(body, &place);
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        let skipped = match key & 7 {
            0 => {
                varint(&mut rest)?;
                0
            }
            1 => 8,
            2 => varint(&mut rest)?,
            5 => 4,
            _ => return Err(Problem::Invalid),
        };
        let at = place.end as usize - rest.len();
        rest = rest.get(skipped..).ok_or(Problem::Invalid)?;
        if key >> 3 == 0 {
            return Err(Problem::Invalid);
        }
        if key == field << 3 | 2 {
            // Both are places of the request, which has fewer than 4 GiB.
            found.push(at as u32..(at + skipped) as u32);
            // An empty message of two bytes becomes one of eight here.
            if found.len() > MAX_RECORDS {
                return Err(Problem::TooLarge);
            }
        }
    }
    Ok(found)
}

fn varint(rest: &mut &[u8]) -> Result<usize, Problem> {
    decode_length_delimiter(rest).map_err(|_| Problem::Invalid)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::otlp::proto::{
        ExportLogsServiceRequest, InstrumentationScope, LogRecord, Resource, ResourceLogs,
        ScopeLogs,
    };

    fn request(scopes: &[usize], resources: usize) -> ExportLogsServiceRequest {
        let log = |number: usize| LogRecord {
            observed_time_unix_nano: 5,
            severity_text: "x".repeat(number % 300),
            ..LogRecord::default()
        };
        let scope = |count: &usize| ScopeLogs {
            scope: (*count != 1).then(|| InstrumentationScope {
                name: count.to_string(),
                ..InstrumentationScope::default()
            }),
            log_records: (0..*count).map(log).collect(),
        };
        let logs = ResourceLogs {
            resource: Some(Resource::default()),
            scope_logs: scopes.iter().map(scope).collect(),
        };
        ExportLogsServiceRequest { resource_logs: vec![logs; resources] }
    }

    proptest! {
        #[test]
        fn the_outline_has_every_record_with_its_scope(
            scopes in prop::collection::vec(0_usize..400, 0..4), resources in 0_usize..3,
        ) {
            let request = request(&scopes, resources);
            let body = request.encode_to_vec();
            let outline = Outline::read(&body).unwrap();
            let mut number = 0;
            for logs in &request.resource_logs {
                for of_scope in &logs.scope_logs {
                    for log in &of_scope.log_records {
                        let (group, place) = outline.record(number).unwrap();
                        prop_assert_eq!(&LogRecord::decode(slice(&body, place)).unwrap(), log);
                        let scope = group.scope.as_ref().map(|place| {
                            InstrumentationScope::decode(slice(&body, place)).unwrap()
                        });
                        prop_assert_eq!(&scope, &of_scope.scope);
                        number += 1;
                    }
                }
            }
            prop_assert_eq!(outline.len(), number);
        }

        #[test]
        fn what_has_an_outline_and_what_prost_decodes_is_the_same(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            // Groups, which nobody uses any more, are refused.
            if ExportLogsServiceRequest::decode(&*bytes).is_ok() {
                prop_assert_ne!(Outline::read(&bytes).map(|_| ()), Err(Problem::TooLarge));
            }
        }
    }

    #[test]
    fn a_request_that_would_grow_without_bounds_is_too_large() {
        let record = [0x12, 0x00];
        let message = |field: u8, content: &[u8]| {
            let mut out = vec![field << 3 | 2];
            prost::encode_length_delimiter(content.len(), &mut out).unwrap();
            out.extend_from_slice(content);
            out
        };
        let many = message(1, &message(2, &record.repeat(MAX_RECORDS + 1)));
        assert_eq!(Outline::read(&many).unwrap_err(), Problem::TooLarge);
        let attribute = message(1, &message(1, &vec![b'x'; 1 << 20]));
        let large = [message(1, &attribute), message(2, &record.repeat(300))].concat();
        assert_eq!(Outline::read(&message(1, &large)).unwrap_err(), Problem::TooLarge);
    }
}
