//! Arrays of numpy.

use std::borrow::Cow;

use super::super::{JsonForm, Scalar, bytes, integer, printed, text};
use super::dtype::{Dtype, object};
use crate::wire::pickle::value::{Id, Object, Pickle, Value};

/// The most elements that are printed. numpy leaves elements out of larger arrays.
const MAX_SIZE: usize = 1000;
/// The most axes, as in numpy.
const MAX_AXES: usize = 64;
/// The width of a line.
const WIDTH: usize = 75;

/// The elements that are shown at each end of an axis of a larger array.
const EDGE: usize = 3;
/// The most bytes of data that are printed.
const MAX_DATA: usize = 16 << 10;
/// The most bytes at both ends of longer data that are decoded, from protocols before 3.
const MAX_ENDS: usize = 8 << 10;

/// The parts of an array.
struct Array {
    shape: Vec<usize>,
    /// The elements of each axis that are shown.
    shown: Vec<Vec<usize>>,
    /// The name of the type in `repr()`, and whether numpy leaves it out.
    name: String,
    is_implied: bool,
    /// The texts of the shown elements, the last axis varying fastest.
    texts: Vec<String>,
    /// The `str()` of the first one.
    first: String,
}

/// An array, which is printed if little of it is shown and it is of numbers, truth values, times,
/// texts or simple objects. What is not printed is not decoded either: a pickle may refer to it
/// many times.
pub(in super::super) fn array(pickle: &Pickle<'_>, object: &Object) -> Scalar {
    let array = Array::of_state(pickle, object.state)
        .or_else(|| Array::of_buffer(pickle, pickle.args(object)));
    array.map_or_else(
        || printed("<numpy.ndarray>".to_owned()),
        |array| Scalar { str: array.str(), repr: array.repr(), json: JsonForm::Text },
    )
}

impl Array {
    /// The state that follows a call of `_reconstruct`.
    fn of_state(pickle: &Pickle<'_>, state: Option<Id>) -> Option<Array> {
        let Value::Tuple(parts) = pickle.get(state?) else { return None };
        let &[_, shape, dtype, is_fortran, data] = &parts[..] else { return None };
        let is_fortran = matches!(pickle.get(is_fortran), Value::Bool(true));
        Array::new(pickle, shape, dtype, is_fortran, data)
    }

    /// The arguments of `_frombuffer`, in protocol 5.
    fn of_buffer(pickle: &Pickle<'_>, args: &[Id]) -> Option<Array> {
        let &[data, dtype, shape, order] = args else { return None };
        Array::new(pickle, shape, dtype, text(pickle, order)? == "F", data)
    }

    fn new(pickle: &Pickle<'_>, shape: Id, dtype: Id, is_fortran: bool, data: Id) -> Option<Array> {
        let Value::Tuple(axes) = pickle.get(shape) else { return None };
        let axes = axes.iter().take(MAX_AXES + 1);
        let shape: Option<Vec<usize>> =
            axes.map(|&axis| integer(pickle, axis)?.try_into().ok()).collect();
        let shape = shape.filter(|shape| shape.len() <= MAX_AXES)?;
        let size = shape.iter().try_fold(1usize, |size, &axis| size.checked_mul(axis))?;
        let dtype = Dtype::of(pickle, dtype)?;
        let length = size.checked_mul(dtype.width)?;
        let shown: Vec<Vec<usize>> = shape.iter().map(|axis| shown(*axis, size)).collect();
        let count = shown.iter().try_fold(1usize, |all, axis| all.checked_mul(axis.len()))?;
        if count > MAX_SIZE || count * dtype.width > MAX_DATA {
            return None;
        }
        // Objects are in a list, whose order is that of C.
        let places = places(&shape, &shown, is_fortran && !dtype.is_object());
        let data = Data::of(pickle, data, length, &places, dtype.width)?;
        let mut parts = Vec::new();
        let elements: Option<Vec<Scalar>> = if dtype.is_object() {
            let Data::Objects(objects) = data else { return None };
            let objects = Some(objects).filter(|objects| objects.len() == size)?;
            places.iter().map(|place| object(pickle, objects[*place])).collect()
        } else {
            let part = |place: &usize| data.part(place * dtype.width, dtype.width);
            parts = places.iter().map(part).collect::<Option<_>>()?;
            parts.iter().map(|part| dtype.element(part)).collect()
        };
        let elements = elements?;
        let texts = dtype.texts(&elements, &parts, shape.is_empty());
        let first = elements.first().map_or_else(String::new, |first| dtype.str(first));
        let (name, is_implied) = (dtype.name()?, dtype.is_implied());
        Some(Array { shape, shown, name, is_implied, texts, first })
    }

    fn str(&self) -> String {
        match (&*self.texts, &*self.shape) {
            ([], _) => "[]".to_owned(),
            (_, []) => self.first.clone(),
            _ => self.layout("", " ", WIDTH),
        }
    }

    fn repr(&self) -> String {
        const PREFIX: &str = "array(";
        let shown = match (&*self.texts, &*self.shape) {
            ([], _) => "[]".to_owned(),
            ([only, ..], []) => only.clone(),
            _ => self.layout(PREFIX, ", ", WIDTH - ")".len()),
        };
        let is_empty = self.texts.is_empty();
        let is_cut = self.shown.iter().zip(&self.shape).any(|(shown, axis)| shown.len() < *axis);
        let mut extras = Vec::new();
        if is_empty && self.shape != [0] || is_cut {
            let axes: Vec<String> = self.shape.iter().map(ToString::to_string).collect();
            let comma = if axes.len() == 1 { "," } else { "" };
            extras.push(format!("shape=({}{comma})", axes.join(", ")));
        }
        if is_empty || !self.is_implied {
            extras.push(format!("dtype={}", self.name));
        }
        if extras.is_empty() {
            return format!("{PREFIX}{shown})");
        }
        let (shown, extras) = (format!("{PREFIX}{shown},"), format!("{})", extras.join(", ")));
        let last_line = shown.chars().rev().take_while(|c| *c != '\n').count();
        match last_line + extras.len() + 1 > WIDTH {
            true => format!("{shown}\n{:width$}{extras}", "", width = PREFIX.len()),
            false => format!("{shown} {extras}"),
        }
    }

    /// The elements in brackets, in lines of at most `width` characters.
    fn layout(&self, prefix: &str, separator: &str, width: usize) -> String {
        let shape: Vec<usize> = self.shown.iter().map(Vec::len).collect();
        let cut = self.shown.iter().zip(&self.shape).map(|(shown, axis)| shown.len() < *axis);
        let strides = strides(&shape, false);
        let layout =
            Layout { shape: &shape, cut: cut.collect(), strides, texts: &self.texts, separator };
        layout.axis(0, 0, prefix.len() + 1, width)
    }
}

/// The elements of an axis that are shown in an array of `size` elements.
fn shown(axis: usize, size: usize) -> Vec<usize> {
    match size > MAX_SIZE && axis > 2 * EDGE {
        true => (0..EDGE).chain(axis - EDGE..axis).collect(),
        // More axes than that are not printed.
        false => (0..axis.min(MAX_SIZE + 1)).collect(),
    }
}

/// How far apart the neighbours on each axis stand.
fn strides(shape: &[usize], is_fortran: bool) -> Vec<usize> {
    let mut stride = 1;
    let mut strides = vec![0; shape.len()];
    let mut axes: Vec<usize> = (0..shape.len()).collect();
    if !is_fortran {
        axes.reverse();
    }
    for axis in axes {
        strides[axis] = stride;
        stride *= shape[axis];
    }
    strides
}

/// Where the shown elements are in the data, the last axis varying fastest.
fn places(shape: &[usize], shown: &[Vec<usize>], is_fortran: bool) -> Vec<usize> {
    // The other axes may be of any length.
    if shape.contains(&0) {
        return Vec::new();
    }
    let strides = strides(shape, is_fortran);
    let mut places = vec![0];
    for (axis, stride) in shown.iter().zip(strides) {
        places = places
            .iter()
            .flat_map(|place| axis.iter().map(move |at| place + at * stride))
            .collect();
    }
    places
}

/// The data of an array.
enum Data<'p> {
    Bytes(Cow<'p, [u8]>),
    /// Both ends of data of this length.
    Ends(Vec<u8>, Vec<u8>, usize),
    Objects(&'p [Id]),
}

impl<'p> Data<'p> {
    /// The data that have the elements at these places. Of a large array in a protocol before 3,
    /// only both ends are decoded.
    fn of(
        pickle: &'p Pickle<'_>,
        data: Id,
        length: usize,
        places: &[usize],
        width: usize,
    ) -> Option<Data<'p>> {
        let whole = match pickle.get(data) {
            Value::List(objects) => return Some(Data::Objects(objects)),
            Value::ByteArray(data) => Cow::Borrowed(*data),
            Value::Bytes(data) => Cow::Borrowed(&**data),
            _ if !may_have_length(pickle, data, length) => return None,
            _ if length <= MAX_DATA => bytes(pickle, data)?,
            _ => return Data::ends(encoded(pickle, data)?, length, places, width),
        };
        (whole.len() == length).then_some(Data::Bytes(whole))
    }

    fn ends(text: &str, length: usize, places: &[usize], width: usize) -> Option<Data<'p>> {
        let starts = || places.iter().map(|place| place * width);
        let front = starts().filter(|at| *at < length / 2).max().map_or(0, |at| at + width);
        let back = starts().filter(|at| *at >= length / 2).min().map_or(0, |at| length - at);
        if front + back > MAX_ENDS {
            return None;
        }
        let byte = |c: char| u8::try_from(c).ok();
        let front: Option<Vec<u8>> = text.chars().take(front).map(byte).collect();
        let mut back: Vec<u8> = text.chars().rev().take(back).map(byte).collect::<Option<_>>()?;
        back.reverse();
        Some(Data::Ends(front?, back, length))
    }

    fn part(&self, at: usize, width: usize) -> Option<&[u8]> {
        match self {
            Data::Bytes(data) => data.get(at..at + width),
            Data::Ends(front, ..) if at + width <= front.len() => front.get(at..at + width),
            Data::Ends(_, back, length) => {
                let start = at.checked_sub(length - back.len())?;
                back.get(start..start + width)
            }
            Data::Objects(_) => None,
        }
    }
}

/// The text that stands for bytes in protocols before 3.
fn encoded<'p>(pickle: &'p Pickle<'_>, data: Id) -> Option<&'p str> {
    match pickle.get(data) {
        Value::Object(object) => text(pickle, *pickle.args(object).first()?),
        _ => text(pickle, data),
    }
}

/// Printed in place of omitted elements.
const CUT: &str = "...";

/// How elements stand in lines.
struct Layout<'t> {
    shape: &'t [usize],
    /// The axes of which elements are left out in the middle.
    cut: Vec<bool>,
    /// How far apart the neighbours on each axis stand in `texts`.
    strides: Vec<usize>,
    texts: &'t [String],
    separator: &'t str,
}

impl Layout<'_> {
    /// The elements of an axis and of those within it, from `first` on. Further lines are
    /// indented.
    fn axis(&self, axis: usize, first: usize, indent: usize, width: usize) -> String {
        let parts = (0..self.shape[axis]).map(|at| first + at * self.strides[axis]);
        if axis + 1 == self.shape.len() {
            return self.line(axis, parts, indent, width);
        }
        let mut inner: Vec<String> =
            parts.map(|first| self.axis(axis + 1, first, indent + 1, width - 1)).collect();
        if self.cut[axis] {
            inner.insert(EDGE, CUT.to_owned());
        }
        let lines = "\n".repeat(self.shape.len() - axis - 1);
        let between = format!("{}{lines}{:indent$}", self.separator.trim_end(), "");
        format!("[{}]", inner.join(&between))
    }

    fn line(
        &self,
        axis: usize,
        parts: impl Iterator<Item = usize>,
        indent: usize,
        width: usize,
    ) -> String {
        let width = width - self.separator.trim_end().len().max(1);
        let mut out = String::from("[");
        let mut column = indent;
        let mut texts: Vec<&str> = parts.map(|part| &*self.texts[part]).collect();
        if self.cut[axis] {
            texts.insert(EDGE, CUT);
        }
        for (at, text) in texts.into_iter().enumerate() {
            if at > 0 {
                out.push_str(self.separator);
                column += self.separator.len();
            }
            let length = text.chars().count();
            if column + length > width && column > indent {
                out.truncate(out.trim_end().len());
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                column = indent;
            }
            out.push_str(text);
            column += length;
        }
        out.push(']');
        out
    }
}

/// Whether data may be of this length. Finding out the exact one takes time.
fn may_have_length(pickle: &Pickle<'_>, data: Id, length: usize) -> bool {
    match pickle.get(data) {
        Value::ByteArray(data) => data.len() == length,
        Value::Bytes(data) => data.len() == length,
        // Before protocol 3, a text stands for bytes: up to two bytes of it for each.
        Value::Str(encoded) => (length..=2 * length).contains(&encoded.len()),
        Value::Object(object) => match pickle.args(object).first() {
            Some(&encoded) if text(pickle, encoded).is_some() => {
                may_have_length(pickle, encoded, length)
            }
            _ => length == 0,
        },
        _ => false,
    }
}
