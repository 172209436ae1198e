//! Z85, the text form of ZeroMQ keys: <https://rfc.zeromq.org/spec/32/>.

/// The digits, by value.
const DIGITS: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
/// Length of a key.
pub(super) const LENGTH: usize = 40;

/// Encodes a key.
pub(super) fn encode(key: &[u8; 32]) -> String {
    let mut text = String::with_capacity(LENGTH);
    for group in key.as_chunks::<4>().0 {
        let number = u32::from_be_bytes(*group);
        for power in (0..5).rev() {
            text.push(DIGITS[(number / 85_u32.pow(power) % 85) as usize].into());
        }
    }
    text
}

/// Decodes a key. `None` if the text is none.
pub(super) fn decode(text: &[u8]) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    if text.len() != LENGTH {
        return None;
    }
    for (group, bytes) in text.as_chunks::<5>().0.iter().zip(key.as_chunks_mut::<4>().0) {
        let mut number: u32 = 0;
        for digit in group {
            let value = DIGITS.iter().position(|known| known == digit)?;
            number = number.checked_mul(85)?.checked_add(u32::try_from(value).ok()?)?;
        }
        *bytes = number.to_be_bytes();
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_are_encoded_as_libzmq_does(key in any::<[u8; 32]>()) {
            let text = encode(&key);
            prop_assert_eq!(&text, &zmq::z85_encode(&key).unwrap());
            prop_assert_eq!(decode(text.as_bytes()), Some(key));
        }

        #[test]
        fn other_text_is_no_key(text in "[ -~]{0,50}|[ -~]{40}") {
            // The crate returns zeros for what libzmq refuses, and libzmq reads other characters
            // as digits, too.
            let is_encoded = |bytes: &Vec<u8>| zmq::z85_encode(bytes).is_ok_and(|it| it == text);
            let bytes = zmq::z85_decode(&text).ok().filter(is_encoded);
            let expected = bytes.and_then(|bytes| bytes.try_into().ok());
            prop_assert_eq!(decode(text.as_bytes()), expected);
        }
    }

    #[test]
    fn a_number_beyond_32_bits_is_no_key() {
        assert_eq!(decode(&[b'#'; LENGTH]), None);
        assert_eq!(decode(&[b'0'; LENGTH]), Some([0; 32]));
    }
}
