//! The arithmetic of the Merkle tree over the entries: roots, proofs, and what checks them. Where hashes are kept does not
//! live here.
//!
//! # Standard
//! RFC 6962 section 2.1; the proofs are checked as RFC 9162 sections 2.1.3.2 and 2.1.4.2 tell.

use crate::journal::{Digest, Sha256};

/// Hashes in a proof at most: a tree of 64-bit size is no higher.
pub const PROOF_HASHES_MAX: usize = 64;

/// The hash of an inner node.
///
/// # Standard
/// RFC 6962 section 2.1: SHA-256(0x01 || left || right).
pub fn node_hash(sha256: &Sha256, left: &Digest, right: &Digest) -> Digest {
    sha256(&[&[1], left, right])
}

/// The root of the tree of no leaves.
pub(crate) fn empty_root(sha256: &Sha256) -> Digest {
    sha256(&[])
}

/// The root over hashes of subtrees of one size, the last ones alone being fewer than a power of two.
pub(crate) fn root_of(sha256: &Sha256, hashes: &[Digest]) -> Option<Digest> {
    match hashes {
        [] => None,
        [only] => Some(*only),
        hashes => {
            let (left, right) = hashes.split_at(split(hashes.len() as u64) as usize);
            Some(node_hash(sha256, &root_of(sha256, left)?, &root_of(sha256, right)?))
        }
    }
}

/// The largest power of two below `size`, which is at least 2.
fn split(size: u64) -> u64 {
    1 << (63 - (size - 1).leading_zeros())
}

/// Where hashes of whole subtrees come from.
pub(crate) trait Nodes {
    /// Why a hash cannot be had.
    type Error;

    /// The hash of the subtree of 2^`height` leaves that begins with leaf `index` << `height`.
    ///
    /// # Errors
    /// Its own.
    fn node(&mut self, height: u32, index: u64) -> Result<Digest, Self::Error>;
}

/// The root over the leaves from `begin` to before `end`, which are some: `begin` is a multiple of a power of two that is not
/// smaller than their number.
pub(crate) fn root<N: Nodes>(
    sha256: &Sha256,
    nodes: &mut N,
    begin: u64,
    end: u64,
) -> Result<Digest, N::Error> {
    let size = end - begin;
    if size.is_power_of_two() {
        let height = size.trailing_zeros();
        return nodes.node(height, begin >> height);
    }
    let middle = begin + split(size);
    let left = root(sha256, nodes, begin, middle)?;
    Ok(node_hash(sha256, &left, &root(sha256, nodes, middle, end)?))
}

/// The proof that leaf `index` is in the tree of `size` leaves: hashes from the leaf up. `index` is below `size`.
pub(crate) fn inclusion<N: Nodes>(
    sha256: &Sha256,
    nodes: &mut N,
    index: u64,
    size: u64,
) -> Result<Vec<Digest>, N::Error> {
    let (mut begin, mut end, mut path) = (0, size, Vec::new());
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            path.push(root(sha256, nodes, middle, end)?);
            end = middle;
        } else {
            path.push(root(sha256, nodes, begin, middle)?);
            begin = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of `old` leaves is a beginning of that of `new`; empty where `old` is 0 or `new`, which is not
/// smaller.
pub(crate) fn consistency<N: Nodes>(
    sha256: &Sha256,
    nodes: &mut N,
    old: u64,
    new: u64,
) -> Result<Vec<Digest>, N::Error> {
    let (mut begin, mut end, mut path, mut is_whole) = (0, new, Vec::new(), true);
    if old == 0 || old == new {
        return Ok(path);
    }
    while end != old {
        let middle = begin + split(end - begin);
        if old <= middle {
            path.push(root(sha256, nodes, middle, end)?);
            end = middle;
        } else {
            path.push(root(sha256, nodes, begin, middle)?);
            begin = middle;
            is_whole = false;
        }
    }
    if !is_whole {
        path.push(root(sha256, nodes, begin, end)?);
    }
    path.reverse();
    Ok(path)
}

/// Whether the proof shows that `leaf` (a leaf's hash) is number `index`, from 0, in the tree of this size and root.
///
/// # Standard
/// RFC 9162 section 2.1.3.2.
pub fn is_included(
    sha256: &Sha256,
    (leaf, index): (&Digest, u64),
    proof: &[Digest],
    (size, root): (u64, &Digest),
) -> bool {
    if index >= size || proof.len() > PROOF_HASHES_MAX {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sha256, sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(sha256, &hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether the proof shows that the tree of the first size and root is a beginning of the second.
///
/// # Standard
/// RFC 9162 section 2.1.4.2.
pub fn is_consistent(
    sha256: &Sha256,
    (old, old_root): (u64, &Digest),
    (new, new_root): (u64, &Digest),
    proof: &[Digest],
) -> bool {
    if old > new || proof.len() > PROOF_HASHES_MAX {
        return false;
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    if old == 0 {
        return proof.is_empty() && *old_root == empty_root(sha256);
    }
    let own = old.is_power_of_two().then_some(old_root);
    let mut path = own.into_iter().chain(proof);
    let (mut at, mut last) = (old - 1, new - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let Some(first) = path.next() else { return false };
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old_hash = node_hash(sha256, sibling, &old_hash);
            new_hash = node_hash(sha256, sibling, &new_hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(sha256, &new_hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, sync::Arc};

    use keyreeve_core::ports::crypto::Crypto as _;
    use keyreeve_crypto::SoftwareCrypto;

    use super::*;
    use crate::journal::leaf_hash;

    struct Leaves(Sha256, Vec<Digest>);

    impl Nodes for Leaves {
        type Error = Infallible;

        fn node(&mut self, height: u32, index: u64) -> Result<Digest, Infallible> {
            let (begin, len) = ((index << height) as usize, 1 << height);
            Ok(root_of(&self.0, &self.1[begin..begin + len]).unwrap())
        }
    }

    fn sha256() -> Sha256 {
        let crypto = SoftwareCrypto::new();
        Arc::new(move |parts: &[&[u8]]| crypto.sha256(parts))
    }

    fn tree(sha256: &Sha256, entries: &[&[u8]]) -> Leaves {
        Leaves(sha256.clone(), entries.iter().map(|entry| leaf_hash(sha256, entry)).collect())
    }

    /// The tree of eight leaves that certificate transparency's own tests use.
    fn published(sha256: &Sha256) -> Leaves {
        let entries: [&[u8]; 8] = [
            b"",
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        tree(sha256, &entries)
    }

    #[test]
    fn roots_are_the_published_ones() {
        let sha256 = sha256();
        let mut leaves = published(&sha256);
        let expected = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        for (size, expected) in (1..).zip(expected) {
            assert_eq!(hex::encode(root(&sha256, &mut leaves, 0, size).unwrap()), expected, "{size}");
        }
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex::encode(empty_root(&sha256)), empty);
    }

    #[test]
    fn proofs_are_the_published_ones() {
        let sha256 = sha256();
        let mut leaves = published(&sha256);
        let hexed = |hashes: Vec<Digest>| hashes.iter().map(hex::encode).collect::<Vec<_>>();
        assert_eq!(
            hexed(inclusion(&sha256, &mut leaves, 5, 8).unwrap()),
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        );
        assert_eq!(
            hexed(consistency(&sha256, &mut leaves, 6, 8).unwrap()),
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        );
    }

    #[test]
    fn every_proof_of_small_trees_is_taken_and_no_other() {
        let sha256 = sha256();
        let entries: Vec<[u8; 1]> = (0..40).map(|byte| [byte]).collect();
        let mut leaves = tree(&sha256, &entries.iter().map(|entry| &entry[..]).collect::<Vec<_>>());
        for size in 1..=40 {
            let top = root(&sha256, &mut leaves, 0, size).unwrap();
            for index in 0..size {
                let proof = inclusion(&sha256, &mut leaves, index, size).unwrap();
                let leaf = leaves.1[index as usize];
                let holds = |leaf, index, proof: &[Digest], size| {
                    is_included(&sha256, (leaf, index), proof, (size, &top))
                };
                assert!(holds(&leaf, index, &proof, size));
                assert!(!holds(&[9; 32], index, &proof, size));
                assert!(!holds(&leaf, index + 1, &proof, size));
                assert!(!holds(&leaf, index, &[&proof[..], &[top]].concat(), size));
                assert!(proof.is_empty() || !holds(&leaf, index, &proof[1..], size));
            }
            for old in 0..=size {
                let proof = consistency(&sha256, &mut leaves, old, size).unwrap();
                let old_root = match old {
                    0 => empty_root(&sha256),
                    old => root(&sha256, &mut leaves, 0, old).unwrap(),
                };
                assert!(is_consistent(&sha256, (old, &old_root), (size, &top), &proof), "{old} {size}");
                assert!(!is_consistent(&sha256, (old, &[7; 32]), (size, &top), &proof));
                assert!(old == 0 || !is_consistent(&sha256, (old, &old_root), (size, &[7; 32]), &proof));
                let longer = [&proof[..], &[top]].concat();
                assert!(!is_consistent(&sha256, (old, &old_root), (size, &top), &longer));
            }
        }
    }
}
