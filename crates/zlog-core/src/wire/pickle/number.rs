//! The integers of pickles.

use super::value::Value;

/// The longest integer that is converted to decimal, in bytes: the work is quadratic.
const MAX_INTEGER_BYTES: usize = 256;

/// An integer from its two's complement bytes, least significant first.
pub(super) fn from_little_endian<'a>(bytes: &[u8]) -> Value<'a> {
    let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
    if bytes.len() <= 16 {
        let mut wide = [if negative { 0xff } else { 0 }; 16];
        wide[..bytes.len()].copy_from_slice(bytes);
        let number = i128::from_le_bytes(wide);
        return i64::try_from(number).map_or_else(|_| Value::Big(number.to_string()), Value::Int);
    }
    if bytes.len() > MAX_INTEGER_BYTES {
        return Value::Unknown("a huge integer");
    }
    let mut magnitude = bytes.to_vec();
    if negative {
        negate(&mut magnitude);
    }
    let digits = decimal(&magnitude);
    Value::Big(if negative { format!("-{digits}") } else { digits })
}

/// Negates an integer in two's complement.
fn negate(bytes: &mut [u8]) {
    let mut carry = true;
    for byte in bytes {
        (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
    }
}

/// The decimal digits of bytes, least significant first.
fn decimal(bytes: &[u8]) -> String {
    /// Nine digits at a time, as many as a 64-bit division allows.
    const STEP: u64 = 1_000_000_000;
    let mut groups: Vec<u64> = vec![0];
    for &byte in bytes.iter().rev() {
        let mut carry = u64::from(byte);
        for group in &mut groups {
            let value = *group * 256 + carry;
            (*group, carry) = (value % STEP, value / STEP);
        }
        if carry > 0 {
            groups.push(carry);
        }
    }
    let mut rest = groups.iter().rev();
    let first = rest.next().map_or_else(String::new, u64::to_string);
    rest.fold(first, |digits, group| format!("{digits}{group:09}"))
}

/// An integer from decimal text; `None` if the text is invalid.
pub(super) fn from_decimal<'a>(text: &str) -> Option<Value<'a>> {
    if let Ok(number) = text.parse() {
        return Some(Value::Int(number));
    }
    let digits = text.strip_prefix('-').unwrap_or(text).trim_start_matches('0');
    if digits.len() > MAX_INTEGER_BYTES * 3 {
        return Some(Value::Unknown("a huge integer"));
    }
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let sign = if text.starts_with('-') { "-" } else { "" };
    Some(Value::Big(format!("{sign}{digits}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        match from_little_endian(bytes) {
            Value::Int(number) => number.to_string(),
            Value::Big(digits) => digits,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn integers_of_any_length_become_decimal() {
        assert_eq!(shown(&[]), "0");
        assert_eq!(shown(&[0xff]), "-1");
        assert_eq!(shown(&[0x00, 0x80, 0x00]), "32768");
        assert_eq!(shown(&(i128::MIN).to_le_bytes()), i128::MIN.to_string());
        let mut bytes = [0u8; 17];
        bytes[16] = 1;
        assert_eq!(shown(&bytes), "340282366920938463463374607431768211456");
        bytes[16] = 0xff;
        assert_eq!(shown(&bytes), "-340282366920938463463374607431768211456");
        assert_eq!(shown(&[1; 300]), "Unknown(\"a huge integer\")");
    }
}
