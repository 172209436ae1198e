//! Decodes the usual record of `SocketHandler` in one pass: a dict in protocol 1 whose
//! values are texts, numbers and booleans needs neither a stack nor a list of values.
//!
//! This takes less than half the time of the stack machine in `decode`, which decodes all other
//! pickles. Both must return the same for every pickle that is decoded here.

use std::cell::Cell;

use super::Limits;
use crate::python::repr::push_float;
use crate::record::{Record, Text};
use crate::text::json;
use crate::wire::attributes::Schema;
use crate::wire::attributes::{self, Builder};
use crate::wire::json::{exact_integer, write_float};

/// The memo entries that a one-byte index can address.
const MAX_MEMO: usize = 256;

/// The position of a text in the pickle, kept in the memo. The dict's memo entry is empty.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TextRange {
    start: u32,
    length: u32,
}

#[derive(Clone, Copy)]
enum Scalar<'a> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(&'a str),
}

/// A value, and the bytes remaining for JSON: `None` once they are exceeded.
struct Item<'a, 'b> {
    scalar: Scalar<'a>,
    remaining: &'b Cell<Option<usize>>,
}

struct Input<'a, 'm> {
    body: &'a [u8],
    at: usize,
    memo: &'m mut Vec<TextRange>,
}

/// Reads a record into an empty one. `None` if the pickle is something else; `record` is
/// then undefined.
pub(super) fn read<'a>(
    body: &'a [u8],
    limits: &Limits,
    memo: &mut Vec<TextRange>,
    record: &mut Record<'a>,
) -> Option<()> {
    let within = body.len() <= limits.opcodes && MAX_MEMO <= limits.memo;
    if !within || u32::try_from(body.len()).is_err() {
        return None;
    }
    memo.clear();
    let mut input = Input { body, at: 0, memo };
    let remaining = Cell::new(Some(limits.output));
    let mut builder = Builder::new(record, false);
    input.expect(b'}')?;
    input.memoize(TextRange::default())?;
    loop {
        match input.byte()? {
            b'(' => {}
            b'.' => break,
            _ => return None,
        }
        while let Some(key) = input.key()? {
            let scalar = input.value()?;
            if key == "extra_text" {
                return None;
            }
            builder.set(key.into(), &Item { scalar, remaining: &remaining });
            remaining.get()?;
        }
    }
    let whole = input.at == body.len() && builder.finish() != Schema::Other;
    whole.then_some(())
}

impl<'a> Input<'a, '_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.body.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.byte()? == byte).then_some(())
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let array = *self.body.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(array)
    }

    /// A key, or `None` at the end of the items.
    fn key(&mut self) -> Option<Option<&'a str>> {
        match self.byte()? {
            b'X' => self.text().map(Some),
            b'h' => self.recall().map(Some),
            b'u' => Some(None),
            _ => None,
        }
    }

    fn value(&mut self) -> Option<Scalar<'a>> {
        Some(match self.byte()? {
            b'X' => Scalar::Str(self.text()?),
            b'h' => Scalar::Str(self.recall()?),
            b'N' => Scalar::None,
            b'K' => Scalar::Int(self.byte()?.into()),
            b'M' => Scalar::Int(u16::from_le_bytes(self.array()?).into()),
            b'J' => Scalar::Int(i32::from_le_bytes(self.array()?).into()),
            // JSON has neither NaN nor infinity.
            b'G' => {
                let number = f64::from_be_bytes(self.array()?);
                number.is_finite().then_some(Scalar::Float(number))?
            }
            b'I' => match self.line()? {
                b"00" => Scalar::Bool(false),
                b"01" => Scalar::Bool(true),
                _ => return None,
            },
            // Integers of more than 31 bits, as thread ids are.
            b'L' => {
                let digits = std::str::from_utf8(self.line()?.strip_suffix(b"L")?).ok()?;
                Scalar::Int(digits.parse().ok()?)
            }
            _ => return None,
        })
    }

    fn line(&mut self) -> Option<&'a [u8]> {
        let rest = self.body.get(self.at..)?;
        let (line, _) = rest.split_at(memchr::memchr(b'\n', rest)?);
        self.at += line.len() + 1;
        Some(line)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = u32::from_le_bytes(self.array()?);
        let start = self.at;
        let range = TextRange { start: u32::try_from(start).ok()?, length };
        let text = self.at(range)?;
        self.at += text.len();
        if self.body.get(self.at) == Some(&b'q') {
            self.memoize(range)?;
        }
        Some(text)
    }

    fn at(&self, range: TextRange) -> Option<&'a str> {
        let start = range.start as usize;
        let end = start.checked_add(range.length as usize)?;
        std::str::from_utf8(self.body.get(start..end)?).ok()
    }

    /// Python numbers memo entries from 0 without gaps.
    fn memoize(&mut self, range: TextRange) -> Option<()> {
        self.expect(b'q')?;
        (usize::from(self.byte()?) == self.memo.len()).then(|| self.memo.push(range))
    }

    fn recall(&mut self) -> Option<&'a str> {
        let index = usize::from(self.byte()?);
        // Entry 0 is the dict.
        let range = *self.memo.get(index).filter(|_| index > 0)?;
        self.at(range)
    }
}

impl<'a> attributes::Value<'a> for Item<'a, '_> {
    fn is_null(&self) -> bool {
        matches!(self.scalar, Scalar::None)
    }

    fn string(&self) -> Option<Text<'a>> {
        match self.scalar {
            Scalar::Str(text) => Some(text.into()),
            _ => None,
        }
    }

    fn text(&self) -> Option<Text<'a>> {
        Some(match self.scalar {
            Scalar::None => return None,
            Scalar::Str(text) => text.into(),
            Scalar::Bool(true) => "True".into(),
            Scalar::Bool(false) => "False".into(),
            Scalar::Int(number) => number.to_string().into(),
            Scalar::Float(number) => {
                let mut text = String::new();
                push_float(number, &mut text);
                text.into()
            }
        })
    }

    fn message(&self) -> Option<Text<'a>> {
        Some(self.text().unwrap_or(Text::Borrowed("None")))
    }

    fn integer(&self) -> Option<i64> {
        match self.scalar {
            Scalar::Int(number) => Some(number),
            Scalar::Float(number) => exact_integer(number),
            _ => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "what Python's float(int) does too")]
    fn number(&self) -> Option<f64> {
        match self.scalar {
            Scalar::Int(number) => Some(number as f64),
            Scalar::Float(number) => Some(number),
            _ => None,
        }
    }

    fn json(&self) -> Text<'a> {
        let mut out = Vec::new();
        match self.scalar {
            Scalar::None => return "null".into(),
            Scalar::Bool(true) => return "true".into(),
            Scalar::Bool(false) => return "false".into(),
            Scalar::Int(number) => {
                out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            }
            Scalar::Float(number) => write_float(number, &mut out),
            // A text may be referred to many times.
            Scalar::Str(text)
                if self.remaining.get().is_none_or(|remaining| text.len() > remaining) => {}
            Scalar::Str(text) => json::write_string(text, &mut out),
        }
        let spent = out.len().max(1);
        self.remaining.set(self.remaining.get().and_then(|remaining| remaining.checked_sub(spent)));
        if out.is_empty() {
            self.remaining.set(None);
        }
        String::from_utf8(out).expect("made of UTF-8 alone").into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::golden;
    use super::super::{Reader, Refused};
    use super::*;
    use proptest::prelude::*;

    /// The results of the fast path and of the stack machine.
    fn both(
        body: &[u8],
        limits: &Limits,
    ) -> (Option<Record<'static>>, Result<Record<'static>, Refused>) {
        let mut record = Record::default();
        let fast = read(body, limits, &mut Vec::new(), &mut record).map(|()| record.into_owned());
        let mut record = Record::default();
        let general = Reader::default().read_general(body, limits, &mut record);
        (fast, general.map(|()| record.into_owned()))
    }

    #[test]
    fn pickles_of_sockethandler_are_decoded_here_to_the_same_record() {
        let mut taken = 0;
        for body in golden() {
            let (fast, general) = both(&body, &Limits::DEFAULT);
            if let Some(fast) = fast {
                assert_eq!(Ok(fast), general);
                taken += 1;
            }
        }
        assert!(taken >= 2, "{taken}");
    }

    #[test]
    fn a_text_with_too_many_references_is_left_to_the_stack_machine() {
        let mut body = b"}q\x00(X\x03\x00\x00\x00msgq\x01X\xe8\x03\x00\x00".to_vec();
        body.extend_from_slice(&[b'x'; 1000]);
        body.extend_from_slice(b"q\x02X\x07\x00\x00\x00levelnoq\x03K\x14");
        for _ in 0..2000 {
            body.extend_from_slice(b"X\x01\x00\x00\x00ah\x02");
        }
        body.extend_from_slice(b"u.");
        assert!(both(&body, &Limits::DEFAULT).0.is_some());
        let (fast, general) = both(&body, &Limits { output: 100_000, ..Limits::DEFAULT });
        assert_eq!(fast, None);
        assert!(general.unwrap().fault.is_some());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn the_stack_machine_returns_the_same_for_every_mutated_pickle(
            mut body in proptest::sample::select(golden().into_iter().filter(|b| b[0] == b'}').collect::<Vec<_>>()),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            for (at, byte) in changes {
                let at = at.index(body.len());
                body[at] = byte;
            }
            let (fast, general) = both(&body, &Limits::DEFAULT);
            if let Some(fast) = fast {
                // NaN is not equal to itself.
                prop_assert_eq!(format!("{fast:?}"), format!("{:?}", general.unwrap()));
            }
        }
    }
}
