//! The key tree: leaf keys of 32 bytes under nodes of 256, four levels, whose top is sealed under the epoch key.
//!
//! Here is the open tree and the way to a leaf. `node` has one node and its sealed form, `growth` gives out leaves and
//! makes nodes, `rewrite` makes the nodes of a new epoch, `verify` reads a tree back from one source alone. Where epoch
//! keys lie, and the order of the steps of a destroy, are the business of `cells` and `crate::destroy`.
//!
//! INVARIANT: a leaf is reached under the epoch in force only: what an open tree remembers is changed by `switch` while
//! nobody reads, so that no reader brings a replaced node back.

mod growth;
pub(crate) mod node;
mod rewrite;
#[cfg(test)]
mod tests;
mod verify;

use std::{collections::HashMap, sync::Arc};

use keyreeve_core::{
    Error, ErrorKind, Result, SecretBytes,
    model::{NodeId, RealmId, SealedNode, TreeHead},
    ports::crypto::Crypto,
    record::{Change, Record, RecordKey},
};
use parking_lot::{Mutex, RwLock};
use quick_cache::sync::Cache;

pub(crate) use self::{
    growth::AtTarget,
    node::{Address, SLOTS},
    rewrite::{Plan, Rewrite},
    verify::verify,
};
use self::{
    growth::Growth,
    node::{Node, node_id},
};
use super::{Leaf, Leaves, Place};
use crate::{
    faults::{Fault, breaks},
    index::Index,
};

/// Open leaf nodes that are kept: 4 MiB.
const LEAF_NODES_KEPT: usize = 512;

/// Where sealed nodes are found.
pub(crate) trait NodeSource: Send + Sync {
    /// The node with this id, where it is there.
    ///
    /// # Errors
    /// `Unavailable` or `Internal` where it cannot be told.
    fn node(&self, id: NodeId) -> Result<Option<Arc<SealedNode>>>;
}

impl NodeSource for Index {
    fn node(&self, id: NodeId) -> Result<Option<Arc<SealedNode>>> {
        match self.get(&RecordKey::Node(id))?.as_deref() {
            Some(Record::Node(node)) => Ok(Some(node.clone())),
            _ => Ok(None),
        }
    }
}

/// Where the first epoch key goes.
pub(crate) trait EpochKeys: Send + Sync {
    /// Puts it into the cells of this store, durably, in place of whatever an interrupted attempt left there. Gives back
    /// what goes on record with it, in the entry that makes the tree: the places.
    ///
    /// # Errors
    /// `Unavailable` where it could not be put, or not be read back: no tree is made then.
    fn put_first(&self, generation: u64, key: &SecretBytes) -> Result<Vec<Change>>;
}

/// The tree of a running store. Holds secrets.
pub(crate) struct KeyTree {
    crypto: Arc<dyn Crypto>,
    place: Place,
    source: Arc<dyn NodeSource>,
    /// Held for reading on the way to a leaf. `None` until the first leaf was taken.
    epoch: RwLock<Option<Epoch>>,
    /// By number. Zeroized when they leave.
    leaf_nodes: Cache<u64, Arc<Node>>,
    growth: Growth,
}

/// The tree under the epoch key in force. Holds secrets.
struct Epoch {
    generation: u64,
    key: SecretBytes,
    top: Arc<Node>,
    /// Nodes between the top and the leaf nodes, as far as they were met.
    inner: Mutex<HashMap<Address, Arc<Node>>>,
}

impl KeyTree {
    /// A tree that is not open yet: it is made with the first leaf that is taken, unless `open` comes before.
    pub(crate) fn new(
        crypto: Arc<dyn Crypto>,
        place: Place,
        source: Arc<dyn NodeSource>,
        epoch_keys: Arc<dyn EpochKeys>,
    ) -> Self {
        Self {
            crypto,
            place,
            source,
            epoch: RwLock::new(None),
            leaf_nodes: Cache::new(LEAF_NODES_KEPT),
            growth: Growth::new(epoch_keys),
        }
    }

    /// Opens the tree that is on record, under the epoch key of the head's generation.
    ///
    /// # Errors
    /// `Internal` where the top is missing or does not open under it.
    pub(crate) fn open(&self, head: &TreeHead, epoch_key: &SecretBytes) -> Result<()> {
        let top = self.load(Address::TOP, epoch_key.expose())?.ok_or_else(|| {
            let what = format!("there is no top node under the epoch key of generation {}", head.generation);
            Error::internal(what)
        })?;
        let key = SecretBytes::copy_from(epoch_key.expose());
        *self.epoch.write() = Some(Epoch { generation: head.generation, key, top, inner: Mutex::default() });
        self.growth.open(head);
        Ok(())
    }

    /// The generation in force with its epoch key, for cells; `None` before there is a tree. Holds a secret.
    pub(crate) fn epoch_key(&self) -> Option<(u64, SecretBytes)> {
        let epoch = self.epoch.read();
        epoch.as_ref().map(|epoch| (epoch.generation, SecretBytes::copy_from(epoch.key.expose())))
    }

    /// Puts a new epoch in force here, once it is on record; what it replaces is zeroized.
    pub(crate) fn switch(&self, rewrite: Rewrite) {
        let Rewrite { generation, epoch_key, top, inner, gone, touched, .. } = rewrite;
        let mut epoch = self.epoch.write();
        // Nodes that were met or made since the rewrite are no part of it, and stay.
        let mut met = epoch.take().map(|epoch| epoch.inner.into_inner()).unwrap_or_default();
        met.extend(inner);
        gone.iter().for_each(|address| drop(met.remove(address)));
        let leaf_nodes = gone.iter().filter(|address| address.level == 0).map(|address| &address.number);
        if !breaks(Fault::NodeByAddress) {
            leaf_nodes.chain(&touched).for_each(|number| drop(self.leaf_nodes.remove(number)));
        }
        *epoch = Some(Epoch { generation, key: epoch_key, top, inner: Mutex::new(met) });
    }

    /// The leaf node on the way to a leaf; `None` where it was destroyed.
    fn leaf_node(&self, epoch: &Epoch, index: u64) -> Result<Option<Arc<Node>>> {
        if let Some(node) = self.leaf_nodes.get(&Address::of(0, index).number) {
            return Ok(Some(node));
        }
        let (mut address, mut node) = (Address::TOP, epoch.top.clone());
        while address.level > 0 {
            let slot = address.slot(index);
            let Some(key) = node.child(slot) else {
                return Ok(None);
            };
            address = address.child(slot);
            node = self.node(epoch, address, key)?;
        }
        Ok(Some(node))
    }

    /// The node that its parent's slot leads to.
    fn node(&self, epoch: &Epoch, address: Address, key: &[u8]) -> Result<Arc<Node>> {
        if let Some(node) = self.remembered(epoch, address) {
            return Ok(node);
        }
        let missing = || {
            let id = hex::encode(node_id(&*self.crypto, key).0);
            Error::internal(format!("{address} ({id}) is missing; restore it from a backup"))
        };
        let node = self.load(address, key)?.ok_or_else(missing)?;
        self.remember(epoch, address, node.clone());
        Ok(node)
    }

    fn remembered(&self, epoch: &Epoch, address: Address) -> Option<Arc<Node>> {
        match address.level {
            0 => self.leaf_nodes.get(&address.number),
            _ => epoch.inner.lock().get(&address).cloned(),
        }
    }

    fn remember(&self, epoch: &Epoch, address: Address, node: Arc<Node>) {
        match address.level {
            0 => self.leaf_nodes.insert(address.number, node),
            _ => drop(epoch.inner.lock().insert(address, node)),
        }
    }

    fn load(&self, address: Address, key: &[u8]) -> Result<Option<Arc<Node>>> {
        let Some(sealed) = self.source.node(node_id(&*self.crypto, key))? else {
            return Ok(None);
        };
        Node::open(&*self.crypto, self.place.store, address, key, &sealed).map(|node| Some(Arc::new(node)))
    }
}

impl Leaves for KeyTree {
    fn take(&self, realm: RealmId) -> Result<Leaf> {
        let index = self.take_index(realm)?;
        #[cfg(test)]
        self.fill_where_late(index)?;
        Ok(Leaf { index, key: self.get(index)? })
    }

    fn get(&self, index: u64) -> Result<SecretBytes> {
        let missing = || Error::internal(format!("the key tree does not hold leaf {index}"));
        let epoch = self.epoch.read();
        let epoch = epoch.as_ref().filter(|_| Address::TOP.leaves().contains(&index)).ok_or_else(missing)?;
        let node = self.leaf_node(epoch, index)?;
        let key = node.as_ref().and_then(|node| node.child(Address::of(0, index).slot(index)));
        key.map(SecretBytes::copy_from)
            .ok_or_else(|| Error::new(ErrorKind::Destroyed, "the key's material was destroyed"))
    }
}
