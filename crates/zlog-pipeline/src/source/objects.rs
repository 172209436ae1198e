//! The records of the JSON objects in a block of bytes, read on another thread than that which delivers
//! them.

use std::sync::Arc;

use self_cell::self_cell;

use zlog_core::Record;
use zlog_core::parse::ObjectReader;

self_cell!(
    /// The records, which borrow from the block.
    struct Cell {
        owner: Arc<Vec<u8>>,
        #[covariant]
        dependent: Records,
    }
);

/// Length of a short object, in bytes. It bounds the memory for a block of empty lines: a record takes some
/// 600 bytes.
const SHORT: usize = 64;
/// How many records are looked at for one of a line: there are further ones where an object of several
/// lines has objects in it.
const LOOK: usize = 8;

type Records<'a> = Vec<(&'a str, Record<'a>)>;

/// Records of a block, in the order of its lines.
pub(crate) struct Objects {
    cell: Cell,
    /// The first that was not taken.
    next: usize,
}

impl Objects {
    /// Reads those lines of the first `len` bytes that are whole objects, from `start` on; `None` if there
    /// are none. A line whose end is in another block is left out.
    pub(crate) fn read(
        bytes: &Arc<Vec<u8>>,
        start: usize,
        len: usize,
        reader: &mut ObjectReader,
    ) -> Option<Objects> {
        let cell = Cell::new(Arc::clone(bytes), |bytes| records(&bytes[start..len], reader));
        let is_empty = cell.borrow_dependent().is_empty();
        (!is_empty).then_some(Objects { cell, next: 0 })
    }

    /// Whether one of the next records is that of this line. Then [`Objects::with_next`] gives it.
    pub(crate) fn find(&mut self, line: &str) -> bool {
        let next = self.cell.borrow_dependent()[self.next..].iter().take(LOOK);
        let found = next.clone().position(|(text, _)| *text == line);
        self.next += found.unwrap_or(0);
        found.is_some()
    }

    /// Calls `take` with the record that was found.
    ///
    /// # Panics
    /// None was found.
    pub(crate) fn with_next<R>(&mut self, take: impl FnOnce(&mut Record<'_>) -> R) -> R {
        self.next += 1;
        let at = self.next - 1;
        self.cell.with_dependent_mut(|_, records| take(&mut records[at].1))
    }

    /// Changes all records, to see which are taken.
    #[cfg(test)]
    pub(crate) fn mark(&mut self, change: impl Fn(&mut Record<'_>)) {
        let all = |records: &mut Records<'_>| records.iter_mut().for_each(|it| change(&mut it.1));
        self.cell.with_dependent_mut(|_, records| all(records));
    }
}

fn records<'a>(bytes: &'a [u8], reader: &mut ObjectReader) -> Records<'a> {
    let len = memchr::memrchr(b'\n', bytes).map_or(0, |last| last + 1);
    let bytes = &bytes[..len];
    // To check the whole block takes less time than to check each line.
    let text = simdutf8::basic::from_utf8(bytes).ok();
    let has_returns = memchr::memchr(b'\r', bytes).is_some();
    let ends = memchr::memchr_iter(b'\n', bytes);
    let mut records = Vec::with_capacity(ends.clone().count().min(len / SHORT));
    let mut start = 0;
    for end in ends {
        let line = start..end;
        start = end + 1;
        if bytes[line.start] != b'{' || has_returns && bytes[line.clone()].contains(&b'\r') {
            continue;
        }
        let own = || std::str::from_utf8(&bytes[line.clone()]).ok();
        let Some(line) = text.map_or_else(own, |text| Some(&text[line.clone()])) else { continue };
        // It is filled where it lies: a move copies some 600 bytes.
        records.push((line, Record::default()));
        let last = records.len() - 1;
        if !reader.read(line, &mut records[last].1) {
            records.pop();
        }
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, start: usize) -> Option<Objects> {
        let bytes = Arc::new(text.as_bytes().to_vec());
        Objects::read(&bytes, start, bytes.len(), &mut ObjectReader::default())
    }

    #[test]
    fn each_whole_object_has_a_record_in_the_order_of_the_lines() {
        let one = r#"{"level":"error","msg":"one"}"#;
        let two = r#"{"msg":"two"}"#;
        let mut objects = read(&format!("rest\"}}\n{one}\ntext\n{two}\n{{\"msg\":"), 0).unwrap();
        assert!(objects.find(one) && !objects.find("text"));
        assert_eq!(objects.with_next(|record| record.msg.clone().into_owned()), "one");
        assert!(!objects.find(one) && objects.find(two));
        assert_eq!(objects.with_next(|record| record.msg.clone().into_owned()), "two");
        assert!(!objects.find(two));
    }

    #[test]
    fn what_needs_the_lines_around_it_is_left_to_the_parser() {
        let docker = r#"{"log":"x\n","stream":"stdout","time":"2024-01-02T03:04:05Z"}"#;
        for text in [docker, "{\"msg\":\"a\rb\"}", r#"{"msg":"a"} {"msg":"b"}"#, "{", "plain"] {
            assert!(read(&format!("{text}\n"), 0).is_none(), "{text}");
        }
        assert!(read("{\"msg\":\"x\"}\n", 1).is_none(), "the rest of a line");
    }
}
