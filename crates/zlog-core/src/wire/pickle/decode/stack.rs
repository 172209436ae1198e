//! The stack and the memo of the decoder.

use super::{Decoder, Step};
use crate::record::Text;
use crate::wire::pickle::Refused;
use crate::wire::pickle::value::{Id, Object, Value};

impl<'a> Decoder<'a> {
    pub(super) fn add(&mut self, value: Value<'a>) -> Id {
        // An opcode adds at most two values, and the number of opcodes is limited.
        let id = Id::try_from(self.values.len()).unwrap_or(Id::MAX);
        self.values.push(value);
        id
    }

    pub(super) fn push(&mut self, value: Value<'a>) {
        let id = self.add(value);
        self.buffers.stack.push(id);
    }

    pub(super) fn push_object(&mut self, class: Id, args: Id) -> Step {
        let (class, args) = self.reconstructed(class, args);
        if !matches!(self.values[class as usize], Value::Global { .. } | Value::Unknown(_)) {
            return Err(Refused::Malformed("calls a value that is no class or function"));
        }
        self.push(Value::Object(Box::new(Object { class, args, ..Object::default() })));
        Ok(())
    }

    /// Replaces a call of a `copyreg` function with the class and the arguments that it
    /// would call. Protocols 0 and 1 create objects so. `_reconstructor` has the class, a
    /// built-in base class, and the value of that base: `None`, or the text of a subclass
    /// of `str`, for example.
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

    pub(super) fn value_mut(&mut self, id: Id) -> &mut Value<'a> {
        &mut self.values[id as usize]
    }

    pub(super) fn top(&self) -> Step<Id> {
        if self.buffers.stack.len() <= self.buffers.marks.last().copied().unwrap_or(0) {
            return Err(Refused::Malformed("takes from an empty stack"));
        }
        self.buffers.stack.last().copied().ok_or(Refused::Malformed("takes from an empty stack"))
    }

    pub(super) fn pop(&mut self) -> Step<Id> {
        let top = self.top()?;
        self.buffers.stack.pop();
        Ok(top)
    }

    pub(super) fn pop_text(&mut self) -> Step<Text<'a>> {
        let id = self.pop()?;
        match &self.values[id as usize] {
            Value::Str(text) => Ok(text.clone()),
            _ => Err(Refused::Malformed("a name that is not text")),
        }
    }

    pub(super) fn pop_many(&mut self, count: usize) -> Step<Vec<Id>> {
        let floor = self.buffers.marks.last().copied().unwrap_or(0);
        let at = self.buffers.stack.len().checked_sub(count).filter(|&at| at >= floor);
        let at = at.ok_or(Refused::Malformed("takes from an empty stack"))?;
        Ok(self.buffers.stack.split_off(at))
    }

    pub(super) fn pop_mark(&mut self) -> Step<Vec<Id>> {
        let mark = self.buffers.marks.pop().ok_or(Refused::Malformed("no mark"))?;
        Ok(self.buffers.stack.split_off(mark))
    }

    /// Appends to the list, set or object on top.
    pub(super) fn extend(&mut self, parts: &[Id]) -> Step {
        let target = self.top()?;
        match self.value_mut(target) {
            Value::List(list) | Value::Set(list) => list.extend_from_slice(parts),
            Value::Object(object) => object.elements.extend_from_slice(parts),
            Value::Unknown(_) => {}
            _ => return Err(Refused::Malformed("appends to a value that is no list")),
        }
        Ok(())
    }

    /// Sets items of the dict or object on top.
    pub(super) fn set_items(&mut self, parts: &[Id]) -> Step {
        let entries = pairs(parts)?;
        let target = self.top()?;
        match self.value_mut(target) {
            Value::Dict(dict) => dict.extend(entries),
            Value::Object(object) => object.entries.extend(entries),
            Value::Unknown(_) => {}
            _ => return Err(Refused::Malformed("sets items of a value that is no dict")),
        }
        Ok(())
    }

    /// Sets all items above the mark. For a record's attributes, this moves them from the
    /// stack to the dict directly.
    pub(super) fn set_marked_items(&mut self) -> Step {
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

    pub(super) fn memoize(&mut self, index: usize) -> Step {
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

    pub(super) fn recall(&mut self, index: usize) -> Step {
        let id = self.buffers.memo.get(index).copied().flatten();
        self.buffers.stack.push(id.ok_or(Refused::Malformed("reads an empty memo entry"))?);
        Ok(())
    }
}

pub(super) fn pairs(parts: &[Id]) -> Step<Vec<(Id, Id)>> {
    let (pairs, odd) = parts.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(Refused::Malformed("a key without a value"));
    }
    Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
}
