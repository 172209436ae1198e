//! How the fuzzers here change real inputs.

use fastrand::Rng;

/// Changes up to `most - 1` places of `real`; also by pieces of `others` and by `tokens`.
pub(crate) fn changed(
    rng: &mut Rng,
    real: &[u8],
    others: &[impl AsRef<[u8]>],
    tokens: &[&str],
    most: usize,
) -> Vec<u8> {
    let mut bytes = real.to_vec();
    for _ in 0..rng.usize(..most) {
        let from = rng.usize(..=bytes.len());
        let to = rng.usize(from..=bytes.len().min(from + 32));
        match rng.u8(..7) {
            0 => drop(bytes.drain(from..to)),
            1 => {
                let count = if rng.u8(..200) == 0 { 4000 } else { 4 };
                let part = bytes[from..to].repeat(rng.usize(1..count));
                drop(bytes.splice(from..from, part));
            }
            2 => drop(bytes.splice(from..to, [rng.u8(..)])),
            3 => {
                let other = others[rng.usize(..others.len())].as_ref();
                let at = rng.usize(..=other.len());
                let end = other.len().min(at + rng.usize(1..64));
                drop(bytes.splice(from..to, other[at..end].iter().copied()));
            }
            4 if rng.u8(..8) == 0 => bytes.truncate(from),
            _ => drop(bytes.splice(from..to, tokens[rng.usize(..tokens.len())].bytes())),
        }
    }
    bytes
}
