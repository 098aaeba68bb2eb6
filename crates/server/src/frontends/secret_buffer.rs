//! Buffers that grow and shrink without leaving behind what they held. Not here: whose bytes they are.

use keyreeve_core::wipe;
use zeroize::Zeroizing;

/// Makes room for so many bytes more.
///
/// INVARIANT: where the bytes move to a larger place, the place that they leave is zeroized.
pub(super) fn reserve(bytes: &mut Zeroizing<Vec<u8>>, more: usize) {
    let needed = bytes.len() + more;
    if needed > bytes.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(2 * bytes.capacity())));
        larger.extend_from_slice(bytes);
        *bytes = larger;
    }
}

/// Puts more bytes behind those that are there.
pub(super) fn append(bytes: &mut Zeroizing<Vec<u8>>, more: &[u8]) {
    reserve(bytes, more.len());
    bytes.extend_from_slice(more);
}

/// Takes the first bytes away; what they held, and where the others stood, is zeroized.
pub(super) fn remove(bytes: &mut Zeroizing<Vec<u8>>, first: usize) {
    let left = close_up(bytes, first);
    bytes.truncate(left);
}

/// Moves what is behind the first bytes to their place, zeroizes the rest, and gives the length of what was moved.
fn close_up(bytes: &mut [u8], first: usize) -> usize {
    let left = bytes.len() - first;
    bytes.copy_within(first.., 0);
    wipe(&mut bytes[left..]);
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_same_wherever_they_move_to() {
        let mut bytes = Zeroizing::new(Vec::new());
        let mut all = Vec::new();
        for length in [0, 1, 7, 0, 100, 3, 5000] {
            let more: Vec<u8> = (0..length).map(|at| (at * 7) as u8).collect();
            append(&mut bytes, &more);
            all.extend(more);
            assert_eq!(*bytes, all);
        }
        remove(&mut bytes, 100);
        assert_eq!(*bytes, all[100..]);
        remove(&mut bytes, all.len() - 100);
        assert!(bytes.is_empty());
    }

    #[test]
    fn a_larger_place_is_as_large_as_was_asked_for_so_that_nothing_else_moves_the_bytes() {
        let mut bytes = Zeroizing::new(vec![7; 100]);
        reserve(&mut bytes, 1000);
        assert!(bytes.capacity() >= 1100);
        let place = bytes.as_ptr();
        reserve(&mut bytes, 1000);
        bytes.resize(1100, 8);
        assert_eq!(bytes.as_ptr(), place);
    }

    #[test]
    fn nothing_is_left_behind_what_closes_up() {
        for first in 0..=6 {
            let mut bytes = [1, 2, 3, 4, 5, 6];
            let left = close_up(&mut bytes, first);
            assert_eq!(bytes[..left], [1, 2, 3, 4, 5, 6][first..]);
            assert!(bytes[left..].iter().all(|byte| *byte == 0), "{bytes:?}");
        }
    }
}
