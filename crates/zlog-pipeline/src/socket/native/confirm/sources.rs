//! What a receiver remembers of its senders: the number of the last record of each that it has
//! stored. No I/O but for a file of them.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use dryoc::classic::crypto_generichash::crypto_generichash;

use crate::spool::{SourceId, private};
use zlog_core::wire::confirm::Batch;

/// Most sources that are remembered. Those that have not sent for the longest time are forgotten
/// first: what such a source then repeats is stored twice.
pub(super) const MAX_SOURCES: usize = 65_536;
/// The first bytes of the file. The last one is the version.
const MAGIC: &[u8; 8] = b"zlogsrc1";
/// Added to the name of the file while it is written.
const NEW: &str = ".new";
/// Bytes of a source in the file.
const ENTRY_LEN: usize = 24;

/// The source as it is remembered and stored: it depends on the key of the client. Otherwise a client
/// could use the source of another one, whose records would then be dropped as known. Without a key, it
/// is the source itself.
pub(super) fn of_client(source: SourceId, key: Option<&[u8; 32]>) -> SourceId {
    let Some(key) = key else { return source };
    let mut hash = [0; 16];
    // Fails for lengths that it does not have.
    let _ = crypto_generichash(&mut hash, &source.0.to_le_bytes(), Some(key));
    SourceId(u128::from_le_bytes(hash))
}

/// What to do with a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Store it, without this many records at its beginning: they are known.
    Store(usize),
    /// All of it is known.
    Known,
    /// Records before it are missing: it was sent before they were refused.
    Gap,
}

struct Source {
    last: u64,
    /// When it has sent last, counted in batches of all.
    used: u64,
}

/// The senders that are known.
pub(super) struct Sources {
    known: HashMap<SourceId, Source>,
    most: usize,
    batches: u64,
}

impl Sources {
    pub(super) fn new(most: usize) -> Sources {
        Sources { known: HashMap::new(), most, batches: 0 }
    }

    /// Decides about a batch of `records` records.
    pub(super) fn check(&self, batch: &Batch, records: usize) -> Verdict {
        let last = self.last(SourceId(batch.source));
        let end = batch.first + records as u64 - 1;
        if end <= last {
            return Verdict::Known;
        }
        if batch.after > last.max(batch.confirmed) {
            return Verdict::Gap;
        }
        let known = (last + 1).saturating_sub(batch.first);
        Verdict::Store(usize::try_from(known).unwrap_or(usize::MAX))
    }

    /// The number of the last record of a source that is stored; 0 if none is known.
    pub(super) fn last(&self, source: SourceId) -> u64 {
        self.known.get(&source).map_or(0, |source| source.last)
    }

    /// Notes that a source's records up to `last` are stored.
    pub(super) fn note(&mut self, source: SourceId, last: u64) {
        self.batches += 1;
        let used = self.batches;
        if let Some(known) = self.known.get_mut(&source) {
            *known = Source { last: known.last.max(last), used };
            return;
        }
        if self.known.len() >= self.most {
            self.forget();
        }
        self.known.insert(source, Source { last, used });
    }

    /// Forgets an eighth of the sources, those that have not sent for the longest time.
    fn forget(&mut self) {
        let mut used: Vec<u64> = self.known.values().map(|source| source.used).collect();
        let at = used.len() / 8;
        let (_, limit, _) = used.select_nth_unstable(at);
        let limit = *limit;
        self.known.retain(|_, source| source.used > limit);
    }

    /// Adds the sources of a file. One that does not exist, or is damaged, has none. Returns
    /// whether it was damaged. Deletes what a killed process has left of a new one.
    ///
    /// # Errors
    /// It can't be read.
    pub(super) fn load(&mut self, path: &Path) -> io::Result<bool> {
        let mut new = path.as_os_str().to_owned();
        new.push(NEW);
        let _ = fs::remove_file(new);
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let Some(entries) = decode(&bytes) else { return Ok(true) };
        entries.for_each(|(source, last)| self.note(source, last));
        Ok(false)
    }

    /// Writes the file anew, and syncs it. For sources in `instead`, it has those numbers.
    ///
    /// # Errors
    /// It can't be written; the old one is still there.
    pub(super) fn save(
        &self,
        directory: &Path,
        name: &str,
        instead: &HashMap<SourceId, u64>,
    ) -> io::Result<()> {
        // One name: what a killed process leaves is overwritten.
        let new = directory.join(format!("{name}{NEW}"));
        let mut file = private().write(true).create(true).truncate(true).open(&new)?;
        let written = file.write_all(&self.encode(instead)).and_then(|()| file.sync_data());
        if let Err(error) = written.and_then(|()| fs::rename(&new, directory.join(name))) {
            let _ = fs::remove_file(&new);
            return Err(error);
        }
        File::open(directory)?.sync_all()
    }

    /// The oldest first, so that reading keeps their order.
    fn encode(&self, instead: &HashMap<SourceId, u64>) -> Vec<u8> {
        let mut known: Vec<_> = self.known.iter().collect();
        known.sort_unstable_by_key(|(_, source)| source.used);
        let mut bytes = MAGIC.to_vec();
        for (id, source) in known {
            bytes.extend_from_slice(&id.0.to_le_bytes());
            let last = instead.get(id).unwrap_or(&source.last);
            bytes.extend_from_slice(&last.to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }
}

fn decode(bytes: &[u8]) -> Option<impl Iterator<Item = (SourceId, u64)>> {
    let (content, crc) = bytes.split_last_chunk::<4>()?;
    let entries = content.strip_prefix(MAGIC)?;
    if crc32fast::hash(content).to_le_bytes() != *crc {
        return None;
    }
    let (entries, rest) = entries.as_chunks::<ENTRY_LEN>();
    let read = |entry: &[u8; ENTRY_LEN]| {
        let (source, last) = entry.split_first_chunk::<16>()?;
        let last = u64::from_le_bytes(last.try_into().ok()?);
        Some((SourceId(u128::from_le_bytes(*source)), last))
    };
    rest.is_empty().then(|| entries.iter().filter_map(read))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(confirmed: u64, after: u64, first: u64) -> Batch {
        Batch { source: 1, confirmed, after, first }
    }

    #[test]
    fn what_is_known_is_not_stored_again_and_nothing_is_stored_behind_a_hole() {
        let mut sources = Sources::new(10);
        assert_eq!(sources.check(&batch(0, 0, 1), 5), Verdict::Store(0));
        sources.note(SourceId(1), 5);
        assert_eq!(sources.check(&batch(0, 0, 1), 5), Verdict::Known);
        assert_eq!(sources.check(&batch(0, 2, 3), 5), Verdict::Store(3));
        assert_eq!(sources.check(&batch(0, 6, 7), 5), Verdict::Gap);
        // The sender has lost the records in between.
        assert_eq!(sources.check(&batch(0, 5, 9), 1), Verdict::Store(0));
        // The receiver has forgotten the sender.
        assert_eq!(Sources::new(10).check(&batch(6, 6, 7), 5), Verdict::Store(0));
    }

    #[test]
    fn the_file_keeps_all_sources_and_a_damaged_one_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sources");
        let mut sources = Sources::new(100);
        assert!(!sources.load(&path).unwrap());
        (1..=50).for_each(|at| sources.note(SourceId(at), at as u64 * 3));
        let instead = HashMap::from([(SourceId(7), 20)]);
        sources.save(directory.path(), "sources", &instead).unwrap();
        assert_eq!(sources.last(SourceId(7)), 21);
        let mut read = Sources::new(100);
        assert!(!read.load(&path).unwrap());
        let expected = |at| if at == 7 { 20 } else { at as u64 * 3 };
        assert!((1..=50).all(|at| read.last(SourceId(at)) == expected(at)));
        let mut bytes = fs::read(&path).unwrap();
        bytes[20] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(Sources::new(100).load(&path).unwrap());
    }

    #[test]
    fn a_client_with_another_key_does_not_use_up_the_numbers_of_a_source() {
        let mut sources = Sources::new(10);
        let of = |key: u8| Batch {
            source: of_client(SourceId(1), Some(&[key; 32])).0,
            ..batch(0, 0, 1)
        };
        sources.note(SourceId(of(1).source), 5);
        assert_eq!(sources.check(&of(1), 5), Verdict::Known);
        assert_eq!(sources.check(&of(2), 5), Verdict::Store(0));
        assert_eq!(sources.check(&batch(0, 0, 1), 5), Verdict::Store(0));
    }

    #[test]
    fn what_a_killed_process_has_left_of_the_file_is_deleted() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("sources.new"), "half").unwrap();
        let mut sources = Sources::new(100);
        assert!(!sources.load(&directory.path().join("sources")).unwrap());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        sources.note(SourceId(1), 3);
        sources.save(directory.path(), "sources", &HashMap::new()).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_sources_that_have_not_sent_for_long_are_forgotten() {
        let mut sources = Sources::new(100);
        for at in 0..1000 {
            sources.note(SourceId(at), 1);
            sources.note(SourceId(7), at as u64);
        }
        assert!(sources.known.len() <= 100);
        assert_eq!((sources.last(SourceId(7)), sources.last(SourceId(8))), (999, 0));
        assert_eq!(sources.last(SourceId(990)), 1);
    }
}
