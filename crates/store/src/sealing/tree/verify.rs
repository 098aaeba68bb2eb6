//! Reading a key tree back from one source alone, as who restores from it would: what derives, and what does not.
//!
//! Takes nothing from the running tree, so that a lost, torn or altered node at the source is noticed.

use std::sync::Arc;

use keyreeve_core::{Error, Result, SecretBytes, model::SealedNode, ports::crypto::Crypto};
use uuid::Uuid;

use super::{
    NodeSource,
    node::{Address, Node, TOP_LEVEL, node_id},
};
use crate::sealing::{Leaf, leaf_check};

/// Checks that from this source alone and under this epoch key, every live leaf (index, check value) derives, and that
/// the destroyed ones were destroyed. Quickest where both come in the order of the index.
///
/// # Errors
/// `Internal`, naming the first leaf or node that is wrong; what the source reports.
pub(crate) fn verify(
    crypto: &dyn Crypto,
    store: Uuid,
    source: &dyn NodeSource,
    epoch_key: &SecretBytes,
    live: impl IntoIterator<Item = (u64, [u8; 8])>,
    destroyed: &[u64],
) -> Result<()> {
    let mut path = Path::open(crypto, store, source, epoch_key)?;
    for (index, check) in live {
        let key = path.leaf(index)?.ok_or_else(|| wrong(index, "is destroyed there"))?;
        if !crypto.equal(&leaf_check(crypto, store, &Leaf { index, key }), &check) {
            return Err(wrong(index, "is another one there"));
        }
    }
    for index in destroyed {
        if path.leaf(*index)?.is_some() {
            return Err(wrong(*index, "was to be destroyed and is still there"));
        }
    }
    Ok(())
}

fn wrong(index: u64, what: &str) -> Error {
    Error::internal(format!("reading the key tree back: leaf {index} {what}"))
}

/// The open nodes on the way to the leaf that was read last. Holds secrets.
struct Path<'a> {
    crypto: &'a dyn Crypto,
    store: Uuid,
    source: &'a dyn NodeSource,
    /// From the top down.
    nodes: Vec<(Address, Node)>,
}

impl<'a> Path<'a> {
    fn open(
        crypto: &'a dyn Crypto,
        store: Uuid,
        source: &'a dyn NodeSource,
        epoch_key: &SecretBytes,
    ) -> Result<Self> {
        let mut path = Self { crypto, store, source, nodes: Vec::with_capacity(usize::from(TOP_LEVEL) + 1) };
        let top = path.node(Address::TOP, epoch_key.expose())?;
        path.nodes.push((Address::TOP, top));
        Ok(path)
    }

    /// The key of a leaf; `None` where it, or all around it, was destroyed.
    fn leaf(&mut self, index: u64) -> Result<Option<SecretBytes>> {
        if !Address::TOP.leaves().contains(&index) {
            return Err(wrong(index, "lies outside of any tree"));
        }
        while self.nodes.last().is_some_and(|(address, _)| !address.leaves().contains(&index)) {
            self.nodes.pop();
        }
        while let Some((address, node)) = self.nodes.last() {
            let Some(key) = node.child(address.slot(index)) else {
                return Ok(None);
            };
            if address.level == 0 {
                return Ok(Some(SecretBytes::copy_from(key)));
            }
            let below = address.child(address.slot(index));
            let node = self.node(below, key)?;
            self.nodes.push((below, node));
        }
        Err(wrong(index, "has no way to it"))
    }

    fn node(&self, address: Address, key: &[u8]) -> Result<Node> {
        let id = node_id(self.crypto, key);
        let missing = || Error::internal(format!("{address} ({}) is missing there", hex::encode(id.0)));
        let sealed: Arc<SealedNode> = self.source.node(id)?.ok_or_else(missing)?;
        Node::open(self.crypto, self.store, address, key, &sealed)
    }
}
