//! The stack machine: opcodes to values. It calls nothing, itself included.

use std::borrow::Cow;

use super::number;
use super::value::{Id, Object, Value};
use super::{Limits, Refused};
use crate::record::Text;
use crate::wire::text::backslash_replace;

mod input;
use input::Input;

type Step<T = ()> = Result<T, Refused>;

/// The latest protocol there is.
const LATEST_PROTOCOL: u8 = 5;

/// What is kept of a decoder's buffers, in entries: some ten times what a record takes.
const MAX_KEPT_ENTRIES: usize = 4096;

pub(super) struct Decoder<'a> {
    input: Input<'a>,
    limits: Limits,
    values: Vec<Value<'a>>,
    buffers: Buffers,
    /// How many entries of the memo are set: the number that MEMOIZE gives the next.
    memoized: usize,
}

/// What a decoder works in, beside its values: used again for the next pickle.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    stack: Vec<Id>,
    /// Heights of the stack where a MARK stands.
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

/// The buffers of values that are not needed any more, for values of another pickle.
pub(super) fn recycled<'b>(mut values: Vec<Value<'_>>) -> Vec<Value<'b>> {
    values.clear();
    values.shrink_to(MAX_KEPT_ENTRIES);
    // Nothing is mapped: an empty vector keeps its buffers while its type changes.
    values.into_iter().map(|_| Value::None).collect()
}

impl<'a> Decoder<'a> {
    /// A decoder of `bytes` that works in the buffers given.
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
            // The opcodes that records are made of, in one look; then all others.
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
            return Err(Refused::Malformed("bytes after its end"));
        }
        Ok(top)
    }

    /// The values, and the buffers for the next pickle.
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
                Value::Float(number.map_err(|_| Refused::Malformed("a float that is none"))?)
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
            // Python 2's str: text in all but its name.
            b'U' => Value::Str(backslash_replace(self.input.counted::<1>()?)),
            b'T' => Value::Str(backslash_replace(self.input.counted::<4>()?)),
            b'C' => Value::Bytes(Cow::Borrowed(self.input.counted::<1>()?)),
            b'B' => Value::Bytes(Cow::Borrowed(self.input.counted::<4>()?)),
            0x8e | 0x96 => Value::Bytes(Cow::Borrowed(self.input.counted::<8>()?)),
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
                self.push(Value::Set(parts));
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
                // As in CPython, POP takes away a mark if that is what lies on top.
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
            b'R' | 0x81 => {
                let (args, class) = (self.pop()?, self.pop()?);
                self.push_object(class, args)?;
            }
            // NEWOBJ_EX: keyword arguments are more than a placeholder shows.
            0x92 => {
                let (_keywords, args, class) = (self.pop()?, self.pop()?, self.pop()?);
                self.push_object(class, args)?;
            }
            b'i' => {
                let class = global(self.input.line()?.into(), self.input.line()?.into())?;
                let parts = self.pop_mark()?;
                let class = self.add(class);
                let args = self.add(Value::Tuple(parts));
                self.push_object(class, args)?;
            }
            b'o' => {
                let mut parts = self.pop_mark()?;
                if parts.is_empty() {
                    return Err(Refused::Malformed("an object without a class"));
                }
                let class = parts.remove(0);
                let args = self.add(Value::Tuple(parts));
                self.push_object(class, args)?;
            }
            b'b' => {
                let (state, object) = (self.pop()?, self.top()?);
                match self.value_mut(object) {
                    Value::Object(object) => object.state = Some(state),
                    Value::Unknown(_) => {}
                    _ => return Err(Refused::Malformed("a state for what is no object")),
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
            // The length of a frame is of use to a reader of a stream alone.
            0x95 => {
                self.input.array::<8>()?;
            }
            0x82 => self.extension(1)?,
            0x83 => self.extension(2)?,
            0x84 => self.extension(4)?,
            0x97 => self.push(Value::Unknown("buffer")),
            // READONLY_BUFFER changes how Python may use what is on top.
            0x98 => {
                self.top()?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A class by a number that only sender and receiver know.
    fn extension(&mut self, length: usize) -> Step {
        self.input.take(length)?;
        self.push(Value::Global { module: "".into(), name: "extension".into() });
        Ok(())
    }

    fn add(&mut self, value: Value<'a>) -> Id {
        // At most two values an opcode, and their number is bounded.
        let id = Id::try_from(self.values.len()).unwrap_or(Id::MAX);
        self.values.push(value);
        id
    }

    fn push(&mut self, value: Value<'a>) {
        let id = self.add(value);
        self.buffers.stack.push(id);
    }

    fn push_object(&mut self, class: Id, args: Id) -> Step {
        let (class, args) = self.reconstructed(class, args);
        if !matches!(self.values[class as usize], Value::Global { .. } | Value::Unknown(_)) {
            return Err(Refused::Malformed("a call of what is no class or function"));
        }
        self.push(Value::Object(Box::new(Object { class, args, ..Object::default() })));
        Ok(())
    }

    /// Protocols 0 and 1 make objects through a function of `copyreg` that has
    /// the class as its first argument: the class is what counts, and what it would
    /// be called with. `_reconstructor` has a class of Python's own second, and what
    /// that one holds third: `None`, or the text of a kind of `str`, say.
    fn reconstructed(&mut self, class: Id, args: Id) -> (Id, Id) {
        let Value::Global { module, name } = &self.values[class as usize] else {
            return (class, args);
        };
        let Value::Tuple(parts) = &self.values[args as usize] else { return (class, args) };
        let is_none = |id: &Id| matches!(self.values[*id as usize], Value::None);
        let (class, rest) = match (&**module, &**name, &parts[..]) {
            ("copyreg" | "copy_reg", "_reconstructor", [class, _, held]) if !is_none(held) => {
                (*class, vec![*held])
            }
            ("copyreg" | "copy_reg", "_reconstructor", [class, ..]) => (*class, Vec::new()),
            ("copyreg" | "copy_reg", "__newobj__", [class, rest @ ..]) => (*class, rest.to_vec()),
            _ => return (class, args),
        };
        (class, self.add(Value::Tuple(rest)))
    }

    fn value_mut(&mut self, id: Id) -> &mut Value<'a> {
        &mut self.values[id as usize]
    }

    fn top(&self) -> Step<Id> {
        if self.buffers.stack.len() <= self.buffers.marks.last().copied().unwrap_or(0) {
            return Err(Refused::Malformed("takes from an empty stack"));
        }
        self.buffers.stack.last().copied().ok_or(Refused::Malformed("takes from an empty stack"))
    }

    fn pop(&mut self) -> Step<Id> {
        let top = self.top()?;
        self.buffers.stack.pop();
        Ok(top)
    }

    fn pop_text(&mut self) -> Step<Text<'a>> {
        let id = self.pop()?;
        match &self.values[id as usize] {
            Value::Str(text) => Ok(text.clone()),
            _ => Err(Refused::Malformed("a name that is no text")),
        }
    }

    fn pop_many(&mut self, count: usize) -> Step<Vec<Id>> {
        let floor = self.buffers.marks.last().copied().unwrap_or(0);
        let at = self.buffers.stack.len().checked_sub(count).filter(|&at| at >= floor);
        let at = at.ok_or(Refused::Malformed("takes from an empty stack"))?;
        Ok(self.buffers.stack.split_off(at))
    }

    fn pop_mark(&mut self) -> Step<Vec<Id>> {
        let mark = self.buffers.marks.pop().ok_or(Refused::Malformed("no mark"))?;
        Ok(self.buffers.stack.split_off(mark))
    }

    /// Appends to the list, set or object on top.
    fn extend(&mut self, parts: &[Id]) -> Step {
        let target = self.top()?;
        match self.value_mut(target) {
            Value::List(list) | Value::Set(list) => list.extend_from_slice(parts),
            Value::Object(object) => object.elements.extend_from_slice(parts),
            Value::Unknown(_) => {}
            _ => return Err(Refused::Malformed("appends to what is no list")),
        }
        Ok(())
    }

    /// Sets items of the dict or object on top.
    fn set_items(&mut self, parts: &[Id]) -> Step {
        let entries = pairs(parts)?;
        let target = self.top()?;
        match self.value_mut(target) {
            Value::Dict(dict) => dict.extend(entries),
            Value::Object(object) => object.entries.extend(entries),
            Value::Unknown(_) => {}
            _ => return Err(Refused::Malformed("sets items of what is no dict")),
        }
        Ok(())
    }

    /// Sets all items above the mark: most often a record's attributes, which go from
    /// the stack to the dict without a stop.
    fn set_marked_items(&mut self) -> Step {
        let mark = *self.buffers.marks.last().ok_or(Refused::Malformed("no mark"))?;
        let below = mark.checked_sub(1).and_then(|below| self.buffers.stack.get(below));
        let target = below.and_then(|&below| self.values.get_mut(below as usize));
        let floor = self.buffers.marks.iter().rev().nth(1).copied().unwrap_or(0);
        if let Some(Value::Dict(dict)) = target.filter(|_| mark > floor) {
            let (pairs, odd) = self.buffers.stack[mark..].as_chunks::<2>();
            if !odd.is_empty() {
                return Err(Refused::Malformed("a key without a value"));
            }
            dict.extend(pairs.iter().map(|&[key, value]| (key, value)));
            self.buffers.stack.truncate(mark);
            self.buffers.marks.pop();
            return Ok(());
        }
        let parts = self.pop_mark()?;
        self.set_items(&parts)
    }

    fn memoize(&mut self, index: usize) -> Step {
        if index >= self.limits.memo {
            return Err(Refused::TooLarge("memo entries"));
        }
        let top = self.top()?;
        if index >= self.buffers.memo.len() {
            self.buffers.memo.resize(index + 1, None);
        }
        if self.buffers.memo[index].replace(top).is_none() {
            self.memoized += 1;
        }
        Ok(())
    }

    fn recall(&mut self, index: usize) -> Step {
        let id = self.buffers.memo.get(index).copied().flatten();
        self.buffers.stack.push(id.ok_or(Refused::Malformed("a reference to nothing"))?);
        Ok(())
    }
}

/// A name of a class. It may be shown many times over, so its length is bounded.
fn global<'a>(module: Text<'a>, name: Text<'a>) -> Step<Value<'a>> {
    const MAX_NAME_LEN: usize = 1000;
    if module.len() + name.len() > MAX_NAME_LEN {
        return Err(Refused::TooLarge("letters in a name"));
    }
    Ok(Value::Global { module, name })
}

fn pairs(parts: &[Id]) -> Step<Vec<(Id, Id)>> {
    let (pairs, odd) = parts.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(Refused::Malformed("a key without a value"));
    }
    Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
}

fn decimal<'a>(digits: &str) -> Step<Value<'a>> {
    number::from_decimal(digits).ok_or(Refused::Malformed("a number that is none"))
}

fn decimal_index(digits: &str) -> Step<usize> {
    digits.parse().map_err(|_| Refused::Malformed("a memo entry without a number"))
}
