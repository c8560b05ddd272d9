//! The parts of a walk, written and read by what is said of them in `docs/protocol.md`, apart from
//! the code under test.

use std::vec::Vec;

use super::bytes::Bytes;

/// The kinds of parts.
const TAGS: u8 = 0;
const LIST: u8 = 1;
const WANT: u8 = 2;
const STATEMENTS: u8 = 3;
const STATEMENTS_END: u8 = 0;

/// Parts as the bytes choose them: well formed but for seldom faults, about what is in the roll
/// with these order keys as often as not.
pub(super) fn some_parts(
    bytes: &mut Bytes<'_>,
    order_keys: &[u64],
    mut statement: impl FnMut(&mut Bytes<'_>) -> Vec<u8>,
) -> Vec<u8> {
    let mut parts = Vec::new();
    for _ in 0..=bytes.below(8) {
        let start = parts.len();
        match bytes.below(5) {
            0 | 1 => tags(bytes, order_keys, &mut parts),
            2 => list(bytes, order_keys, &mut parts),
            3 => {
                parts.push(WANT);
                range(bytes, order_keys, 15, &mut parts);
                parts.extend_from_slice(&[bytes.byte() & 1, bytes.byte(), bytes.byte()]);
            }
            _ => {
                parts.push(STATEMENTS);
                for _ in 0..bytes.below(3) {
                    parts.extend_from_slice(&statement(bytes));
                }
                parts.push(STATEMENTS_END);
            }
        }
        if bytes.seldom() {
            let place = start + usize::from(bytes.byte()) % (parts.len() - start);
            parts[place] ^= bytes.byte() | 1;
        }
    }
    parts
}

/// Writes a range of at most so many digits and gives the order key and the bits of it.
fn range(
    bytes: &mut Bytes<'_>,
    order_keys: &[u64],
    digits_max: usize,
    out: &mut Vec<u8>,
) -> (u64, u32) {
    let key = match bytes.below(4) {
        0 => u64::from_be_bytes(bytes.array()),
        _ => order_keys[bytes.below(256) % order_keys.len()],
    };
    let digits = match bytes.below(3) {
        0 => bytes.below(digits_max + 1),
        _ => bytes.below(3),
    };
    let bits = u8::try_from(4 * digits).expect("at most 64");
    let kept = u64::MAX.checked_shl(64 - u32::from(bits)).unwrap_or(0);
    let kept = if bits == 0 { 0 } else { kept };
    out.push(bits);
    out.extend_from_slice(&(key & kept).to_be_bytes()[..usize::from(bits.div_ceil(8))]);
    (key, bits.into())
}

fn tags(bytes: &mut Bytes<'_>, order_keys: &[u64], out: &mut Vec<u8>) {
    out.push(TAGS);
    range(bytes, order_keys, 15, out);
    let children = if bytes.flag() { u16::MAX } else { u16::from_be_bytes(bytes.array()).max(1) };
    out.extend_from_slice(&children.to_be_bytes());
    for _ in 0..children.count_ones() {
        out.extend_from_slice(&[if bytes.flag() { 0 } else { bytes.byte() }; 4]);
    }
}

fn list(bytes: &mut Bytes<'_>, order_keys: &[u64], out: &mut Vec<u8>) {
    out.push(LIST);
    let (key, bits) = range(bytes, order_keys, 16, out);
    let mut suffixes: Vec<u32> =
        (0..bytes.below(17))
            .map(|_| match bytes.below(3) {
                // The very node that the range was made of, its neighbour, or any.
                0 => suffix(key, bits),
                1 => suffix(key, bits).wrapping_add(1),
                _ => u32::from_be_bytes(bytes.array()),
            })
            .map(|suffix| {
                if bits > 32 {
                    suffix & u32::MAX.checked_shl(bits - 32).unwrap_or(0)
                } else {
                    suffix
                }
            })
            .collect();
    suffixes.sort_unstable();
    out.push(u8::try_from(suffixes.len()).expect("at most 16"));
    for suffix in suffixes {
        out.extend_from_slice(&suffix.to_be_bytes());
        let mut codes: Vec<u8> = (0..bytes.below(4)).map(|_| bytes.byte() % 18).collect();
        codes.sort_unstable();
        codes.dedup();
        out.push(u8::try_from(codes.len()).expect("few"));
        for code in codes {
            // A version of two small numbers, and a digest.
            let [epoch, seq, high, low] = bytes.array();
            out.extend_from_slice(&[code, epoch & 0x7f, seq & 0x7f, high, low]);
        }
    }
}

/// The 32 bits of an order key behind the first `bits`.
fn suffix(key: u64, bits: u32) -> u32 {
    let behind = key.checked_shl(bits).unwrap_or(0);
    u32::try_from(behind >> 32).expect("32 bits")
}

/// What a message of parts costs who gets it as an answer, and the statements in it. `None` where
/// the parts are malformed.
pub(super) fn cost_and_statements(parts: &[u8]) -> Option<(usize, Vec<&[u8]>)> {
    let (mut rest, mut cost, mut statements) = (parts, 0, Vec::new());
    while let Some((kind, after)) = rest.split_first() {
        if *kind == STATEMENTS {
            rest = after;
            while rest.first().is_some_and(|byte| *byte != STATEMENTS_END) {
                let (statement, after) = crate::Signed::split(rest).ok()?;
                statements.push(statement);
                rest = after;
            }
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let (bits, after) = after.split_first()?;
        let after = after.get(usize::from(bits.div_ceil(8))..)?;
        match *kind {
            TAGS => {
                let (children, after) = after.split_first_chunk::<2>()?;
                let count = u16::from_be_bytes(*children).count_ones();
                rest = after.get(4 * usize::try_from(count).ok()?..)?;
                cost += 2;
            }
            LIST => {
                let (count, mut after) = after.split_first()?;
                for _ in 0..*count {
                    after = slots_end(after.get(4..)?)?;
                }
                rest = after;
                cost += usize::from(*count).max(1);
            }
            WANT => {
                rest = after.get(3..)?;
                cost += 1;
            }
            _ => return None,
        }
    }
    Some((cost, statements))
}

/// What follows a node's slots.
fn slots_end(bytes: &[u8]) -> Option<&[u8]> {
    let (count, mut rest) = bytes.split_first()?;
    for _ in 0..*count {
        let after = rest.get(1..)?;
        let (_version, after) = postcard::take_from_bytes::<crate::Version>(after).ok()?;
        rest = after.get(2..)?;
    }
    Some(rest)
}
