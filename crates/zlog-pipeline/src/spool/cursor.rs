//! The file that says up to which number records are done with.
//!
//! It has two slots, written in turns and in place: if one is torn, the other one is a little
//! older, and nothing is lost. Its space is taken when it is made, so a full disk does not stop
//! it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The first bytes of a slot. The last one is the version.
const MAGIC: &[u8; 8] = b"zlogcur1";
/// Length of what is in a slot, and the distance between two: they are in different sectors.
const SLOT_LEN: usize = 28;
const SLOT_DISTANCE: u64 = 4096;

/// The cursor of a spool.
pub(super) struct Cursor {
    file: File,
    /// How often it was written.
    turn: u64,
    /// The number that was written last.
    number: u64,
}

impl Cursor {
    /// Opens the file, or makes it. Without a valid slot, the number is 0.
    pub(super) fn open(path: &Path) -> io::Result<Cursor> {
        let file =
            super::private().read(true).write(true).create(true).truncate(false).open(path)?;
        let slots = [0, SLOT_DISTANCE].map(|offset| {
            let mut bytes = [0; SLOT_LEN];
            file.read_exact_at(&mut bytes, offset).ok().and_then(|()| decode(&bytes))
        });
        let newest = slots.into_iter().flatten().max();
        let mut cursor = Cursor { file, turn: 0, number: 0 };
        match newest {
            Some((turn, number)) => (cursor.turn, cursor.number) = (turn, number),
            None => {
                cursor.set(0)?;
                cursor.set(0)?;
            }
        }
        Ok(cursor)
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Writes a number. If that fails, the one before is still there.
    pub(super) fn set(&mut self, number: u64) -> io::Result<()> {
        let turn = self.turn + 1;
        self.file.write_all_at(&encode(turn, number), turn % 2 * SLOT_DISTANCE)?;
        (self.turn, self.number) = (turn, number);
        Ok(())
    }
}

fn encode(turn: u64, number: u64) -> [u8; SLOT_LEN] {
    let mut bytes = [0; SLOT_LEN];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&turn.to_le_bytes());
    bytes[16..24].copy_from_slice(&number.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..24]);
    bytes[24..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The turn and the number of a slot.
fn decode(bytes: &[u8; SLOT_LEN]) -> Option<(u64, u64)> {
    let integer = |at: usize| Some(u64::from_le_bytes(bytes[at..at + 8].try_into().ok()?));
    let is_valid =
        bytes[..8] == *MAGIC && crc32fast::hash(&bytes[..24]).to_le_bytes() == bytes[24..];
    is_valid.then_some((integer(8)?, integer(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_slot_leaves_the_number_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cursor");
        let mut cursor = Cursor::open(&path).unwrap();
        (1..=7).for_each(|number| cursor.set(number * 10).unwrap());
        assert_eq!(Cursor::open(&path).unwrap().number(), 70);
        // Written in turn 9, an odd one.
        cursor.file.write_all_at(b"torn", SLOT_DISTANCE + 10).unwrap();
        let mut cursor = Cursor::open(&path).unwrap();
        assert_eq!(cursor.number(), 60);
        cursor.set(80).unwrap();
        assert_eq!(Cursor::open(&path).unwrap().number(), 80);
        cursor.file.write_all_at(b"torn", 10).unwrap();
        assert_eq!(Cursor::open(&path).unwrap().number(), 80);
        cursor.file.write_all_at(b"torn", SLOT_DISTANCE + 10).unwrap();
        assert_eq!(Cursor::open(&path).unwrap().number(), 0);
    }
}
