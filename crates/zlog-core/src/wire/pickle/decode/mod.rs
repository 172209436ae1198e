//! The stack machine: opcodes to values. Must not recurse, and calls nothing that the
//! pickle names.

use std::borrow::Cow;

use super::number;
use super::value::{Id, Value};
use super::{Limits, Refused};
use crate::record::Text;
use crate::wire::text::backslash_replace;

mod input;
mod stack;
use input::Input;
use stack::pairs;

type Step<T = ()> = Result<T, Refused>;

const LATEST_PROTOCOL: u8 = 5;

/// The capacity that buffers keep between pickles, in entries: about ten times what a
/// record takes.
const MAX_KEPT_ENTRIES: usize = 4096;

pub(super) struct Decoder<'a> {
    input: Input<'a>,
    limits: Limits,
    values: Vec<Value<'a>>,
    buffers: Buffers,
    /// The number of memo entries, which MEMOIZE assigns to the next entry.
    memoized: usize,
}

/// The buffers of a decoder besides its values, reused for the next pickle.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    stack: Vec<Id>,
    /// The stack heights at which a MARK was set.
    marks: Vec<usize>,
    memo: Vec<Option<Id>>,
}

impl Buffers {
    fn clear(&mut self) {
        self.stack.clear();
        self.marks.clear();
        self.memo.clear();
        self.stack.shrink_to(MAX_KEPT_ENTRIES);
        self.marks.shrink_to(MAX_KEPT_ENTRIES);
        self.memo.shrink_to(MAX_KEPT_ENTRIES);
    }
}

/// Clears values that are no longer needed, and returns their memory for another pickle.
pub(super) fn recycled<'b>(mut values: Vec<Value<'_>>) -> Vec<Value<'b>> {
    values.clear();
    values.shrink_to(MAX_KEPT_ENTRIES);
    // An empty vector keeps its memory, and only its type changes.
    values.into_iter().map(|_| Value::None).collect()
}

impl<'a> Decoder<'a> {
    /// A decoder of `bytes` that uses the given buffers.
    pub(super) fn new(
        bytes: &'a [u8],
        limits: Limits,
        values: Vec<Value<'a>>,
        buffers: Buffers,
    ) -> Self {
        let mut buffers = buffers;
        buffers.clear();
        Decoder { input: Input::new(bytes), limits, values, buffers, memoized: 0 }
    }

    /// Decodes the pickle to its STOP, which must be its last byte.
    pub(super) fn run(&mut self) -> Step<Id> {
        for _ in 0..self.limits.opcodes {
            let opcode = self.input.byte()?;
            // First the opcodes that records consist of.
            match opcode {
                b'X' => {
                    let text = input::text(self.input.counted::<4>()?);
                    self.push(Value::Str(text));
                }
                b'q' => {
                    let index = self.input.byte()?.into();
                    self.memoize(index)?;
                }
                b'h' => {
                    let index = self.input.byte()?.into();
                    self.recall(index)?;
                }
                b'N' => self.push(Value::None),
                b'K' | b'M' | b'J' | b'G' => {
                    self.number(opcode)?;
                }
                b'.' => return self.stop(),
                _ => self.other(opcode)?,
            }
        }
        Err(Refused::TooLarge("opcodes"))
    }

    fn other(&mut self, opcode: u8) -> Step {
        let known = self.constant(opcode)?
            || self.number(opcode)?
            || self.text(opcode)?
            || self.container(opcode)?
            || self.stack_and_memo(opcode)?
            || self.object(opcode)?
            || self.framing(opcode)?;
        if known { Ok(()) } else { Err(Refused::Unknown(opcode)) }
    }

    fn stop(&mut self) -> Step<Id> {
        let top = self.pop()?;
        if !self.input.is_empty() {
            return Err(Refused::Malformed("has bytes after its end"));
        }
        Ok(top)
    }

    /// The values and the buffers.
    pub(super) fn into_parts(self) -> (Vec<Value<'a>>, Buffers) {
        (self.values, self.buffers)
    }

    fn constant(&mut self, opcode: u8) -> Step<bool> {
        self.push(match opcode {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b')' => Value::Tuple(Vec::new()),
            b']' => Value::List(Vec::new()),
            b'}' => Value::Dict(Vec::new()),
            0x8f => Value::Set(Vec::new()),
            _ => return Ok(false),
        });
        Ok(true)
    }

    fn number(&mut self, opcode: u8) -> Step<bool> {
        let value = match opcode {
            b'K' => Value::Int(self.input.byte()?.into()),
            b'M' => Value::Int(u16::from_le_bytes(self.input.array()?).into()),
            b'J' => Value::Int(i32::from_le_bytes(self.input.array()?).into()),
            b'G' => Value::Float(f64::from_be_bytes(self.input.array()?)),
            b'I' => match self.input.line()? {
                "00" => Value::Bool(false),
                "01" => Value::Bool(true),
                digits => decimal(digits)?,
            },
            b'L' => {
                let digits = self.input.line()?;
                decimal(digits.strip_suffix('L').unwrap_or(digits))?
            }
            b'F' => {
                let number = self.input.line()?.parse();
                Value::Float(number.map_err(|_| Refused::Malformed("an invalid float"))?)
            }
            0x8a => number::from_little_endian(self.input.counted::<1>()?),
            0x8b => number::from_little_endian(self.input.counted::<4>()?),
            _ => return Ok(false),
        };
        self.push(value);
        Ok(true)
    }

    fn text(&mut self, opcode: u8) -> Step<bool> {
        let value = match opcode {
            b'X' => Value::Str(input::text(self.input.counted::<4>()?)),
            0x8c => Value::Str(input::text(self.input.counted::<1>()?)),
            0x8d => Value::Str(input::text(self.input.counted::<8>()?)),
            // Python 2's str is mostly text.
            b'U' => Value::Str(backslash_replace(self.input.counted::<1>()?)),
            b'T' => Value::Str(backslash_replace(self.input.counted::<4>()?)),
            b'C' => Value::Bytes(Cow::Borrowed(self.input.counted::<1>()?)),
            b'B' => Value::Bytes(Cow::Borrowed(self.input.counted::<4>()?)),
            0x8e => Value::Bytes(Cow::Borrowed(self.input.counted::<8>()?)),
            0x96 => Value::ByteArray(self.input.counted::<8>()?),
            b'V' => Value::Str(input::raw_unicode(self.input.line_bytes()?)),
            b'S' => Value::Str(input::quoted(self.input.line_bytes()?)?),
            _ => return Ok(false),
        };
        self.push(value);
        Ok(true)
    }

    fn container(&mut self, opcode: u8) -> Step<bool> {
        match opcode {
            0x85..=0x87 => {
                let parts = self.pop_many(usize::from(opcode - 0x84))?;
                self.push(Value::Tuple(parts));
            }
            b't' => {
                let parts = self.pop_mark()?;
                self.push(Value::Tuple(parts));
            }
            b'l' => {
                let parts = self.pop_mark()?;
                self.push(Value::List(parts));
            }
            0x91 => {
                let parts = self.pop_mark()?;
                self.push(Value::FrozenSet(parts));
            }
            b'd' => {
                let entries = pairs(&self.pop_mark()?)?;
                self.push(Value::Dict(entries));
            }
            b'a' => {
                let parts = self.pop_many(1)?;
                self.extend(&parts)?;
            }
            b'e' | 0x90 => {
                let parts = self.pop_mark()?;
                self.extend(&parts)?;
            }
            b's' => {
                let parts = self.pop_many(2)?;
                self.set_items(&parts)?;
            }
            b'u' => self.set_marked_items()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn stack_and_memo(&mut self, opcode: u8) -> Step<bool> {
        match opcode {
            b'(' => self.buffers.marks.push(self.buffers.stack.len()),
            b'0' => {
                // As in CPython, POP removes a mark if it is on top.
                if self.buffers.marks.last() == Some(&self.buffers.stack.len()) {
                    self.buffers.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let top = self.top()?;
                self.buffers.stack.push(top);
            }
            b'p' => {
                let index = decimal_index(self.input.line()?)?;
                self.memoize(index)?;
            }
            b'q' => {
                let index = self.input.byte()?.into();
                self.memoize(index)?;
            }
            b'r' => {
                let index = u32::from_le_bytes(self.input.array()?) as usize;
                self.memoize(index)?;
            }
            0x94 => self.memoize(self.memoized)?,
            b'g' => {
                let index = decimal_index(self.input.line()?)?;
                self.recall(index)?;
            }
            b'h' => {
                let index = self.input.byte()?.into();
                self.recall(index)?;
            }
            b'j' => {
                let index = u32::from_le_bytes(self.input.array()?) as usize;
                self.recall(index)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn object(&mut self, opcode: u8) -> Step<bool> {
        match opcode {
            b'c' => {
                let class = global(self.input.line()?.into(), self.input.line()?.into())?;
                self.push(class);
            }
            0x93 => {
                let (name, module) = (self.pop_text()?, self.pop_text()?);
                self.push(global(module, name)?);
            }
            b'R' => {
                let (args, function) = (self.pop()?, self.pop()?);
                self.push_call(function, args);
            }
            0x81 => {
                let (args, class) = (self.pop()?, self.pop()?);
                self.push_new(class, args);
            }
            // NEWOBJ_EX: keyword arguments are not shown.
            0x92 => {
                let (_keywords, args, class) = (self.pop()?, self.pop()?, self.pop()?);
                self.push_new(class, args);
            }
            b'i' => {
                let class = global(self.input.line()?.into(), self.input.line()?.into())?;
                let parts = self.pop_mark()?;
                let class = self.add(class);
                let args = self.add(Value::Tuple(parts));
                self.push_call(class, args);
            }
            b'o' => {
                let mut parts = self.pop_mark()?;
                if parts.is_empty() {
                    return Err(Refused::Malformed("an object without a class"));
                }
                let class = parts.remove(0);
                let args = self.add(Value::Tuple(parts));
                self.push_call(class, args);
            }
            b'b' => {
                let (state, object) = (self.pop()?, self.top()?);
                if let Value::Object(object) = self.value_mut(object) {
                    object.state = Some(state);
                }
            }
            b'P' => {
                self.input.line_bytes()?;
                self.push(Value::Unknown("persistent id"));
            }
            b'Q' => {
                self.pop()?;
                self.push(Value::Unknown("persistent id"));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn framing(&mut self, opcode: u8) -> Step<bool> {
        match opcode {
            0x80 => {
                let protocol = self.input.byte()?;
                if protocol > LATEST_PROTOCOL {
                    return Err(Refused::Unknown(protocol));
                }
            }
            // Only readers of streams need the length of a frame.
            0x95 => {
                self.input.array::<8>()?;
            }
            0x82 => self.extension(1)?,
            0x83 => self.extension(2)?,
            0x84 => self.extension(4)?,
            0x97 => self.push(Value::Unknown("buffer")),
            // READONLY_BUFFER only restricts how Python uses the value on top.
            0x98 => {
                self.top()?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A class given as a number, whose meaning sender and receiver have agreed on.
    fn extension(&mut self, length: usize) -> Step {
        self.input.take(length)?;
        self.push(Value::Global { module: "".into(), name: "extension".into() });
        Ok(())
    }
}

/// The longest name of a class, in bytes, since it may be shown many times.
const MAX_NAME_LEN: usize = 1000;

/// The name of a class.
fn global<'a>(module: Text<'a>, name: Text<'a>) -> Step<Value<'a>> {
    if module.len() + name.len() > MAX_NAME_LEN {
        return Err(Refused::TooLarge("letters in a name"));
    }
    Ok(Value::Global { module, name })
}

fn decimal<'a>(digits: &str) -> Step<Value<'a>> {
    number::from_decimal(digits).ok_or(Refused::Malformed("an invalid integer"))
}

fn decimal_index(digits: &str) -> Step<usize> {
    digits.parse().map_err(|_| Refused::Malformed("an invalid memo index"))
}
