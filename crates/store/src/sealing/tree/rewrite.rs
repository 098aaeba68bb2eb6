//! The nodes of a new epoch: every node on the way to a destroyed leaf made anew, without it, under fresh node keys, up
//! to a top under a fresh epoch key. Changes nothing by itself: who puts it on record calls `KeyTree::switch` then.
//!
//! INVARIANT: every slot that is not destroyed is copied, those without a node too: what is made under them meanwhile,
//! or a leaf that was taken and whose create is not on record yet, is found under the new epoch as under the old one.

use std::{ops::Range, sync::Arc};

use keyreeve_core::{
    Error, Result, SecretBytes,
    model::{NodeId, SealedNode},
};

use super::{
    Address, Epoch, KeyTree, Node,
    node::{SLOTS, node_id},
};
use crate::{
    faults::{Fault, breaks},
    sealing::random_key,
};

/// What a new epoch is to leave out.
pub(crate) struct Plan<'a> {
    /// The new generation.
    pub(crate) generation: u64,
    /// Leaf indexes, in any order. Those that are gone already do no harm.
    pub(crate) destroyed: &'a [u64],
    /// Replaces the slots that no node was made under, as a restored store must: the machine it comes from may have
    /// made nodes under them. The tree does not grow until the rewrite is in force or dropped.
    pub(crate) fresh_unused: bool,
    /// Tells whether something on record is sealed under a leaf of a range, what is destroyed not counted.
    pub(crate) live: &'a dyn Fn(Range<u64>) -> Result<bool>,
}

/// A new epoch that is not in force. Holds secrets.
pub(crate) struct Rewrite {
    /// Its generation.
    pub(crate) generation: u64,
    /// Its epoch key.
    pub(crate) epoch_key: SecretBytes,
    /// The sealed nodes that it makes, the top last.
    pub(crate) made: Vec<SealedNode>,
    /// The nodes that it does without, the old top last.
    pub(crate) replaced: Vec<NodeId>,
    /// Leaf nodes among those that it makes, by number, in order: their leaves are 256 * number and on.
    pub(crate) touched: Vec<u64>,
    pub(super) top: Arc<Node>,
    /// Nodes that it lets go of with all below them, made or not: nothing may be sealed under their leaves.
    pub(crate) gone: Vec<Address>,
    pub(super) inner: Vec<(Address, Arc<Node>)>,
    /// Keeps the tree from growing, where it must not.
    _frozen: Option<Arc<()>>,
}

/// What becomes of a node.
enum Fate {
    Kept,
    /// Made anew under this key.
    Made(SecretBytes),
    /// Nothing below it lives, or ever will.
    Gone,
}

/// A rewrite under way.
struct Run<'a> {
    plan: &'a Plan<'a>,
    epoch: &'a Epoch,
    /// With `fresh_unused`: leaf nodes from here on were never made.
    leaf_nodes_next: u64,
    made: Vec<SealedNode>,
    replaced: Vec<NodeId>,
    touched: Vec<u64>,
    inner: Vec<(Address, Arc<Node>)>,
    gone: Vec<Address>,
}

impl KeyTree {
    /// Makes the nodes of a new epoch. One at a time: the next one only when this one is in force, or dropped.
    ///
    /// # Errors
    /// `Internal` where there is no tree, or a node on the way is missing or damaged; those of `live`.
    pub(crate) fn rewrite(&self, plan: &Plan<'_>) -> Result<Rewrite> {
        let mut destroyed = plan.destroyed.to_vec();
        destroyed.sort_unstable();
        destroyed.dedup();
        if let Some(index) = destroyed.last().filter(|index| !Address::TOP.leaves().contains(index)) {
            return Err(Error::internal(format!("the key tree does not hold leaf {index}")));
        }
        let frozen = plan.fresh_unused.then(|| self.growth.freeze());
        let epoch = self.epoch.read();
        let epoch = epoch.as_ref().ok_or_else(|| Error::internal("there is no key tree yet"))?;
        let mut run = Run {
            plan,
            epoch,
            leaf_nodes_next: frozen.as_ref().map_or(0, |(_, next)| *next),
            made: Vec::new(),
            replaced: Vec::new(),
            touched: Vec::new(),
            inner: Vec::new(),
            gone: Vec::new(),
        };
        let (top, _) = self.children(&mut run, Address::TOP, &epoch.top, &destroyed)?;
        let epoch_key = random_key(&*self.crypto)?;
        if breaks(Fault::SealOldUnderNew) {
            let bytes = self.crypto.aead_seal(epoch_key.expose(), &[0; 12], &[], epoch.key.expose())?;
            run.made.push(SealedNode { id: NodeId([plan.generation as u8; 16]), bytes });
        }
        run.made.push(top.seal(
            &*self.crypto,
            self.place,
            Address::TOP,
            plan.generation,
            epoch_key.expose(),
        )?);
        run.replaced.push(node_id(&*self.crypto, epoch.key.expose()));
        let Run { made, replaced, touched, inner, gone, .. } = run;
        let (generation, top) = (plan.generation, Arc::new(top));
        let _frozen = frozen.map(|(token, _)| token);
        Ok(Rewrite { generation, epoch_key, made, replaced, touched, top, inner, gone, _frozen })
    }

    /// Rewrites the node that this slot key leads to, where it has to be; `destroyed` are the leaves below it.
    fn rewritten(&self, run: &mut Run<'_>, address: Address, key: &[u8], destroyed: &[u64]) -> Result<Fate> {
        let id = node_id(&*self.crypto, key);
        let is_open = || self.growth.has_made(address.number);
        let lives = || Ok::<_, Error>(!breaks(Fault::DropLive) && (run.plan.live)(address.leaves())?);
        if address.level == 0 && !is_open() && !lives()? {
            run.replaced.push(id);
            run.gone.push(address);
            return Ok(Fate::Gone);
        }
        let node = self.node(run.epoch, address, key)?;
        let (mut new, changed) = match address.level {
            0 => without(&node, address, destroyed),
            _ => self.children(run, address, &node, destroyed)?,
        };
        if !changed {
            return Ok(Fate::Kept);
        }
        if breaks(Fault::DropUnused) && address.level == 0 {
            let behind = destroyed.last().map_or(SLOTS, |last| address.slot(*last) + 1);
            (behind..SLOTS).try_for_each(|slot| new.refill(&*self.crypto, slot))?;
        }
        run.replaced.push(id);
        if address.level > 0 && new.is_spent() {
            run.gone.push(address);
            return Ok(Fate::Gone);
        }
        let fresh = random_key(&*self.crypto)?;
        let key = if breaks(Fault::KeepNodeKey) { SecretBytes::copy_from(key) } else { fresh };
        run.made.push(new.seal(&*self.crypto, self.place, address, run.plan.generation, key.expose())?);
        match address.level {
            0 => run.touched.push(address.number),
            _ => run.inner.push((address, Arc::new(new))),
        }
        Ok(Fate::Made(key))
    }

    /// A copy of an inner node with links to the nodes below it that were made anew, and whether it differs.
    fn children(
        &self,
        run: &mut Run<'_>,
        address: Address,
        node: &Node,
        destroyed: &[u64],
    ) -> Result<(Node, bool)> {
        let (mut copy, mut changed) = (node.copy(), false);
        let mut rest = destroyed;
        for slot in 0..SLOTS {
            let below = address.child(slot);
            let (here, behind) = rest.split_at(rest.partition_point(|index| *index < below.leaves().end));
            rest = behind;
            let Some(key) = node.child(slot).filter(|_| !here.is_empty() || run.plan.fresh_unused) else {
                continue;
            };
            if here.is_empty() && !self.is_made(run, below, key)? {
                copy.refill(&*self.crypto, slot)?;
                run.gone.push(below);
                changed = true;
            } else if below.level > 0 || !here.is_empty() {
                match self.rewritten(run, below, key, here)? {
                    Fate::Kept => continue,
                    Fate::Made(key) => copy.set(slot, key.expose()),
                    Fate::Gone => copy.destroy(slot),
                }
                changed = true;
            }
        }
        Ok((copy, changed))
    }

    /// Whether a node was ever made under this slot key.
    fn is_made(&self, run: &Run<'_>, address: Address, key: &[u8]) -> Result<bool> {
        let first_leaf_node = address.leaves().start / SLOTS as u64;
        Ok(first_leaf_node < run.leaf_nodes_next && self.source.node(node_id(&*self.crypto, key))?.is_some())
    }
}

/// A copy of a leaf node without these leaves, and whether it differs.
fn without(node: &Node, address: Address, destroyed: &[u64]) -> (Node, bool) {
    let (mut copy, mut changed) = (node.copy(), false);
    for slot in destroyed.iter().map(|index| address.slot(*index)) {
        changed |= node.child(slot).is_some();
        copy.destroy(slot);
    }
    (copy, changed)
}
