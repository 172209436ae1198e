//! Arrays of numpy.

use super::super::{JsonForm, Scalar, bytes, integer, printed, text};
use super::{byte_order, floats, value};
use crate::wire::pickle::value::{Id, Object, Pickle, Value};

/// The most elements that are printed. numpy leaves elements out of larger arrays.
const MAX_SIZE: usize = 1000;
/// The most axes, as in numpy.
const MAX_AXES: usize = 64;
/// The width of a line.
const WIDTH: usize = 75;

/// The parts of an array.
struct Array {
    shape: Vec<usize>,
    /// The first axis varies fastest.
    is_fortran: bool,
    /// `f8`.
    code: String,
    /// Bytes of an element.
    width: usize,
    data: Vec<u8>,
}

/// An array, which is printed if it is small and of numbers or truth values. What is not printed
/// is not decoded either: a pickle may refer to it many times.
pub(in super::super) fn array(pickle: &Pickle<'_>, object: &Object) -> Scalar {
    let array = Array::of_state(pickle, object.state)
        .or_else(|| Array::of_buffer(pickle, pickle.args(object)));
    let shown = array.and_then(|array| {
        let (name, elements) = array.elements()?;
        let (str, repr) = (array.str(&elements), array.repr(name, &elements));
        Some(Scalar { str, repr, json: JsonForm::Text })
    });
    shown.unwrap_or_else(|| printed("<numpy.ndarray>".to_owned()))
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
        let (Value::Tuple(axes), Value::Object(dtype)) = (pickle.get(shape), pickle.get(dtype))
        else {
            return None;
        };
        let axes = axes.iter().take(MAX_AXES + 1);
        let shape: Option<Vec<usize>> =
            axes.map(|&axis| integer(pickle, axis)?.try_into().ok()).collect();
        let shape = shape.filter(|shape| shape.len() <= MAX_AXES)?;
        let size = shape.iter().try_fold(1usize, |size, &axis| size.checked_mul(axis))?;
        let code = text(pickle, *pickle.args(dtype).first()?)?;
        let width: usize = code.strip_prefix(['b', 'i', 'u', 'f'])?.parse().ok()?;
        let length = size.checked_mul(width)?;
        let is_printed = size <= MAX_SIZE
            && (1..=8).contains(&width)
            && byte_order(pickle, dtype.state) != ">"
            && may_have_length(pickle, data, length);
        if !is_printed {
            return None;
        }
        let data = match pickle.get(data) {
            Value::ByteArray(data) => data.to_vec(),
            _ => bytes(pickle, data)?.into_owned(),
        };
        let array = Array { shape, is_fortran, code: code.to_owned(), width, data };
        (array.data.len() == length).then_some(array)
    }

    /// The name of the type, and the values in the order of the data.
    fn elements(&self) -> Option<(&'static str, Vec<Scalar>)> {
        let (name, _) = value(&self.code, &vec![0; self.width])?;
        let value = |data: &[u8]| value(&self.code, data).map(|(_, element)| element);
        let elements: Option<Vec<Scalar>> = self.data.chunks_exact(self.width).map(value).collect();
        Some((name, elements?))
    }

    /// The texts of the elements, all of the same width.
    fn texts(&self, elements: &[Scalar]) -> Vec<String> {
        if self.code.starts_with('f') {
            return floats::texts(elements, self.width);
        }
        let widest = || elements.iter().map(|element| element.str.len()).max().unwrap_or(0);
        let width = match (self.code.starts_with('b'), self.shape.is_empty()) {
            (_, true) => 0,
            (true, false) => "False".len(),
            (false, false) => widest(),
        };
        elements.iter().map(|element| format!("{:>width$}", element.str)).collect()
    }

    fn str(&self, elements: &[Scalar]) -> String {
        match (elements, &*self.shape) {
            ([], _) => "[]".to_owned(),
            ([only, ..], []) => only.str.clone(),
            _ => self.layout(&self.texts(elements), "", " ", WIDTH),
        }
    }

    fn repr(&self, name: &str, elements: &[Scalar]) -> String {
        const PREFIX: &str = "array(";
        let texts = self.texts(elements);
        let shown = match (&*texts, &*self.shape) {
            ([], [_]) => "[]".to_owned(),
            ([], shape) => {
                let axes: Vec<String> = shape.iter().map(ToString::to_string).collect();
                format!("[], shape=({})", axes.join(", "))
            }
            ([only, ..], []) => only.clone(),
            _ => self.layout(&texts, PREFIX, ", ", WIDTH - ")".len()),
        };
        if matches!(name, "int64" | "float64" | "bool") && !elements.is_empty() {
            return format!("{PREFIX}{shown})");
        }
        let (shown, dtype) = (format!("{PREFIX}{shown},"), format!("dtype={name})"));
        let last_line = shown.chars().rev().take_while(|c| *c != '\n').count();
        match last_line + dtype.len() + 1 > WIDTH {
            true => format!("{shown}\n{:width$}{dtype}", "", width = PREFIX.len()),
            false => format!("{shown} {dtype}"),
        }
    }

    /// The elements in brackets, in lines of at most `width` characters.
    fn layout(&self, texts: &[String], prefix: &str, separator: &str, width: usize) -> String {
        let mut stride = 1;
        let mut strides = vec![0; self.shape.len()];
        let mut axes: Vec<usize> = (0..self.shape.len()).collect();
        if !self.is_fortran {
            axes.reverse();
        }
        for axis in axes {
            strides[axis] = stride;
            stride *= self.shape[axis];
        }
        let layout = Layout { shape: &self.shape, strides, texts, separator };
        layout.axis(0, 0, prefix.len() + 1, width)
    }
}

/// How elements stand in lines.
struct Layout<'t> {
    shape: &'t [usize],
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
            return self.line(parts, indent, width);
        }
        let inner: Vec<String> =
            parts.map(|first| self.axis(axis + 1, first, indent + 1, width - 1)).collect();
        let lines = "\n".repeat(self.shape.len() - axis - 1);
        let between = format!("{}{lines}{:indent$}", self.separator.trim_end(), "");
        format!("[{}]", inner.join(&between))
    }

    fn line(&self, parts: impl Iterator<Item = usize>, indent: usize, width: usize) -> String {
        let width = width - self.separator.trim_end().len().max(1);
        let mut out = String::from("[");
        let mut column = indent;
        for (at, part) in parts.enumerate() {
            let text = &self.texts[part];
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
