//! Mutations without feedback: what a seed makes of an input. libFuzzer has better ones, and these need nothing but the
//! seed to come again.

use keyreeve_testkit::random::Random;

/// Bytes of a mutated input at most.
pub const BYTES_MAX: usize = 16 * 1024;

/// Numbers at which something ends.
const EDGES: [u64; 14] = [
    0,
    1,
    7,
    8,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX - 1,
    u64::MAX,
];

/// An input after a few changes; `other` gives parts of itself.
pub fn mutated(random: &mut Random, input: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(4) {
        change(random, &mut bytes, other);
    }
    bytes.truncate(BYTES_MAX);
    bytes
}

fn change(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = random.below(bytes.len() as u64 + 1) as usize;
    let magnitude = random.below(8);
    let len = (random.below(1 << magnitude) as usize + 1).min(bytes.len() - at);
    match random.below(10) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..at + len)),
        2 => bytes.insert(at, random.next_u64() as u8),
        // A part once more, here or elsewhere.
        3 => {
            let part = bytes[at..at + len].to_vec();
            let to = random.below(bytes.len() as u64 + 1) as usize;
            bytes.splice(to..to, part);
        }
        4 if !other.is_empty() => {
            let from = random.below(other.len() as u64) as usize;
            let part = &other[from..(from + len.max(1)).min(other.len())];
            bytes.splice(at..at + len, part.iter().copied());
        }
        5 | 6 => edge(random, bytes, at),
        7 => digits(random, bytes, at),
        8 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        _ if at < bytes.len() => bytes[at] = random.next_u64() as u8,
        _ => bytes.push(random.next_u64() as u8),
    }
}

/// Writes a number of 1 to 8 bytes at which something ends, or one near what is there, in either byte order.
fn edge(random: &mut Random, bytes: &mut [u8], at: usize) {
    let width = (1 << random.below(4)).min(bytes.len() - at);
    let place = &mut bytes[at..at + width];
    let mut number = [0; 8];
    number[8 - width..].copy_from_slice(place);
    let number = match random.below(3) {
        0 => u64::from_be_bytes(number).wrapping_add(random.below(17)).wrapping_sub(8),
        _ => EDGES[random.below(EDGES.len() as u64) as usize],
    };
    place.copy_from_slice(&number.to_be_bytes()[8 - width..]);
    if random.one_in(3) {
        place.reverse();
    }
}

/// Replaces the number that is written out around a place, in a text.
fn digits(random: &mut Random, bytes: &mut Vec<u8>, at: usize) {
    let Some(begin) = bytes[at..].iter().position(u8::is_ascii_digit).map(|digit| at + digit) else { return };
    let end =
        bytes[begin..].iter().position(|byte| !byte.is_ascii_digit()).map_or(bytes.len(), |len| begin + len);
    let sign = if random.one_in(4) { "-" } else { "" };
    let number = format!("{sign}{}", EDGES[random.below(EDGES.len() as u64) as usize]);
    bytes.splice(begin..end, number.into_bytes());
}
