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

    /// Pushes the result of a call. What is called may be any value: a bound method, for
    /// example.
    pub(super) fn push_call(&mut self, function: Id, args: Id) {
        match self.special_call(function, args) {
            Some(value) => self.push(value),
            None => {
                let call = Object { class: function, args, ..Object::default() };
                self.push(Value::Object(Box::new(call)));
            }
        }
    }

    /// Pushes an object that `class.__new__` creates. The argument of a subclass of `str` or
    /// a number is its value.
    pub(super) fn push_new(&mut self, class: Id, args: Id) {
        let base = match &self.values[args as usize] {
            Value::Tuple(parts) => match parts[..] {
                [only] if self.is_scalar(only) => Some(only),
                _ => None,
            },
            _ => None,
        };
        self.push(Value::Object(Box::new(Object { class, args, base, ..Object::default() })));
    }

    fn is_scalar(&self, id: Id) -> bool {
        let value = &self.values[id as usize];
        matches!(
            value,
            Value::Bool(_) | Value::Int(_) | Value::Big(_) | Value::Float(_) | Value::Str(_)
        )
    }

    /// The result of functions with which pickles create values: `getattr`, and those of
    /// `copyreg`. Protocols 0 and 1 create objects with `_reconstructor`, which gets the
    /// class, a built-in base class, and the value of that base or `None`.
    fn special_call(&mut self, function: Id, args: Id) -> Option<Value<'a>> {
        let Value::Global { module, name } = &self.values[function as usize] else { return None };
        let Value::Tuple(parts) = &self.values[args as usize] else { return None };
        let object = match (&**module, &**name, &parts[..]) {
            ("builtins" | "__builtin__", "getattr", &[of, name]) => {
                let Value::Str(name) = &self.values[name as usize] else { return None };
                let short = name.len() <= super::MAX_NAME_LEN;
                return short.then(|| Value::Attribute { of, name: name.clone() });
            }
            ("copyreg" | "copy_reg", "_reconstructor", &[class, _, base]) => {
                let has_base = !matches!(self.values[base as usize], Value::None);
                let base = Some(base).filter(|_| has_base);
                let args = self.add(Value::Tuple(Vec::new()));
                Object { class, args, base, ..Object::default() }
            }
            ("copyreg" | "copy_reg", "__newobj__", [class, rest @ ..]) => {
                let (class, rest) = (*class, rest.to_vec());
                let args = self.add(Value::Tuple(rest));
                Object { class, args, ..Object::default() }
            }
            _ => return None,
        };
        Some(Value::Object(Box::new(object)))
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
            Value::Unknown(_) | Value::Attribute { .. } | Value::Global { .. } => {}
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
            Value::Unknown(_) | Value::Attribute { .. } | Value::Global { .. } => {}
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
