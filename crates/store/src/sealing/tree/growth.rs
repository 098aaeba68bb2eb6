//! Giving out leaves, and making the nodes that they come from before they run out.
//!
//! INVARIANT: a leaf is given out only from a leaf node that this process has made and that is durable with all its
//! ancestors. So no index is given out twice, whatever was lost in a crash, and what an older leaf node has left is burnt.
//! INVARIANT: where changes are answered once a target has them, a leaf node is held back until a target gives back the
//! entry that holds it: so no key is made whose leaf this machine alone could derive.

use std::{
    collections::{HashMap, HashSet, VecDeque, hash_map::Entry},
    ops::Range,
    sync::{Arc, OnceLock, Weak},
    time::{Duration, Instant},
};

use keyreeve_core::{
    Error, ErrorKind, Result,
    access::Action,
    model::{Lsn, RealmId, RealmLeaves, TreeHead},
    record::{Change, Record, RecordKey},
};
use parking_lot::Mutex;

use super::{
    Address, Epoch, EpochKeys, KeyTree, Node,
    node::{LEAF_NODES_MAX, SLOTS, TOP_LEVEL},
};
use crate::{
    failure::unavailable,
    faults::{Fault, breaks},
    scribe::{Ledger, Note},
    sealing::random_key,
};

/// Leaves that a realm gets among those of others; then it gets leaf nodes of its own.
const SHARED_LEAVES_MAX: u64 = 64;
/// Leaf nodes of a realm before it gets whole subtrees of as many.
const SUBTREE: u64 = SLOTS as u64;
/// Leaf nodes made in one entry at most.
const BATCH_MAX: u64 = 16;
/// One of so many requests that no target gives nodes back to makes others.
const REFUSED_MAX: u32 = 64;
/// How long a request waits for a leaf.
const WAIT: Duration = Duration::from_secs(10);

/// What grows the tree. One thread at a time makes nodes or changes the head.
pub(super) struct Growth {
    epoch_keys: Arc<dyn EpochKeys>,
    ledger: OnceLock<Arc<dyn Ledger>>,
    /// Returns once the targets have the entry: whether one gives it back. None: nobody waits for that.
    at_target: OnceLock<AtTarget>,
    /// Held by the one thread that asks the targets: others wait here, not for `state`.
    asking: Mutex<()>,
    state: Mutex<State>,
    /// Leaf nodes made by this process: creates that are not on record yet may have leaves of them.
    made: Mutex<HashSet<u64>>,
    shared: Arc<Pool>,
    realms: Mutex<HashMap<RealmId, Realm>>,
}

/// See [`Growth::at_target`].
pub(crate) type AtTarget = Box<dyn Fn(Lsn) -> Result<bool> + Send + Sync>;

#[derive(Default)]
struct State {
    head: Option<TreeHead>,
    /// Alive while unused slots are being replaced: nodes made under them meanwhile would be lost.
    frozen: Weak<()>,
}

/// Leaves given out to one realm by this process.
#[derive(Default)]
struct Realm {
    given: u64,
    own: Option<Arc<Pool>>,
}

/// Leaves that can be given out at once.
#[derive(Default)]
struct Pool(Mutex<Free>);

#[derive(Default)]
struct Free {
    /// Leaf nodes with the next slot that is free.
    nodes: VecDeque<(u64, usize)>,
    /// Leaf nodes that were made at once last.
    batch: u64,
    /// Where the leaf nodes of a realm lie; `None` for those that realms share.
    leaves: Option<RealmLeaves>,
    /// On record, and not given out yet.
    held_back: Option<Made>,
    /// How often in a row targets were reached, and none gave back what it has.
    refused: u32,
}

/// Leaf nodes that were made for a pool.
#[derive(Clone)]
struct Made {
    numbers: Range<u64>,
    /// The entry that holds them.
    lsn: Lsn,
}

impl Free {
    /// True where less than half of what one growth makes is left.
    fn is_low(&self) -> bool {
        let left: usize = self.nodes.iter().map(|(_, slot)| SLOTS - slot).sum();
        left < self.batch.max(1) as usize * SLOTS / 2
    }

    fn next(&mut self) -> Option<u64> {
        let (number, slot) = self.nodes.front_mut()?;
        let index = *number * SLOTS as u64 + *slot as u64;
        *slot += 1;
        if *slot == SLOTS {
            self.nodes.pop_front();
        }
        Some(index)
    }
}

/// Nodes on their way into the tree.
#[derive(Default)]
struct Batch {
    nodes: HashMap<Address, Arc<Node>>,
    changes: Vec<Change>,
}

impl Growth {
    pub(super) fn new(epoch_keys: Arc<dyn EpochKeys>) -> Self {
        Self {
            epoch_keys,
            ledger: OnceLock::new(),
            at_target: OnceLock::new(),
            asking: Mutex::default(),
            state: Mutex::default(),
            made: Mutex::default(),
            shared: Arc::default(),
            realms: Mutex::default(),
        }
    }

    pub(super) fn open(&self, head: &TreeHead) {
        self.state.lock().head = Some(head.clone());
    }

    pub(super) fn has_made(&self, leaf_node: u64) -> bool {
        self.made.lock().contains(&leaf_node)
    }

    /// Keeps the tree from growing while the result lives. Gives the first leaf node that was never made.
    pub(super) fn freeze(&self) -> (Arc<()>, u64) {
        let token = Arc::new(());
        let mut state = self.state.lock();
        state.frozen = Arc::downgrade(&token);
        (token, state.head.as_ref().map_or(0, |head| head.leaf_nodes_next))
    }

    pub(super) fn ledger(&self) -> Result<&dyn Ledger> {
        self.ledger.get().map(|ledger| &**ledger).ok_or_else(|| unavailable("the store is starting"))
    }

    /// Where the realm's leaves come from now.
    fn pool(&self, realm: RealmId) -> Result<Arc<Pool>> {
        let mut realms = self.realms.lock();
        let of_realm = match realms.entry(realm) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let on_record = match self.ledger()?.record(&RecordKey::Leaves(realm))?.as_deref() {
                    Some(Record::Leaves(leaves)) => Some(*leaves),
                    _ => None,
                };
                let own = on_record.map(Pool::of);
                new.insert(Realm { given: 0, own })
            }
        };
        of_realm.given += 1;
        if of_realm.given > SHARED_LEAVES_MAX && of_realm.own.is_none() {
            of_realm.own = Some(Pool::of(RealmLeaves { realm, leaf_nodes: 0, next: 0, left: 0 }));
        }
        Ok(of_realm.own.as_ref().unwrap_or(&self.shared).clone())
    }
}

impl Pool {
    fn of(leaves: RealmLeaves) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Free { leaves: Some(leaves), ..Free::default() })))
    }

    /// How many leaf nodes to make, and where; `None` where there are enough: another thread may have made them.
    fn wants(&self, dry: bool) -> Option<(u64, Option<RealmLeaves>)> {
        let free = self.0.lock();
        let count = match dry {
            true => free.nodes.is_empty().then_some((free.batch * 2).clamp(1, BATCH_MAX))?,
            // What a target keeps waiting is asked for again by who cannot do without.
            false => (free.is_low() && free.held_back.is_none()).then_some(free.batch)?,
        };
        Some((count, free.leaves))
    }

    fn holds_back(&self, made: &Made) -> bool {
        self.0.lock().held_back.as_ref().is_some_and(|held| held.lsn == made.lsn)
    }

    /// Lets leaf nodes out that are held back.
    fn give_out(&self, made: Made) {
        let mut free = self.0.lock();
        free.nodes.extend(made.numbers.map(|number| (number, 0)));
        (free.held_back, free.refused) = (None, 0);
    }

    /// Gives leaf nodes up that no target gives back, as where they were pruned there or the target is a new one: others
    /// are made in their place. Once in a while, since a target that gives nothing back at all would fill the journal.
    ///
    /// # Errors
    /// `Unavailable` where they are held back still.
    fn give_up(&self) -> Result<()> {
        let mut free = self.0.lock();
        free.refused += 1;
        if free.refused == 1 {
            free.held_back = None;
            return Ok(());
        }
        free.refused %= REFUSED_MAX;
        Err(unavailable(
            "no backup target gives back what it was sent, and new keys are to be at one: see to the targets",
        ))
    }
}

impl KeyTree {
    /// From here on the tree can grow. Called once, before the first leaf is taken. With `at_target`, which returns once the
    /// targets have an entry and says whether one gives it back, leaf nodes are held back until one does.
    pub(crate) fn start(&self, ledger: Arc<dyn Ledger>, at_target: Option<AtTarget>) {
        // A second call would bring the same.
        let _ = self.growth.ledger.set(ledger);
        at_target.into_iter().for_each(|at_target| drop(self.growth.at_target.set(at_target)));
    }

    /// The head as it is on record; `None` before there is a tree.
    pub(crate) fn head(&self) -> Option<TreeHead> {
        self.growth.state.lock().head.clone()
    }

    /// Writes an entry that changes the head; the head itself comes to what `change` returns. The tree does not grow
    /// meanwhile: `change` must not take a leaf.
    ///
    /// # Errors
    /// `Internal` before there is a tree; those of `change` and of the scribe. The head is unchanged then.
    pub(crate) fn write_head(
        &self,
        action: Action,
        change: impl FnOnce(&mut TreeHead) -> Result<Note>,
    ) -> Result<Lsn> {
        let mut state = self.growth.state.lock();
        let mut head = state.head.clone().ok_or_else(|| Error::internal("there is no key tree yet"))?;
        let mut note = change(&mut head)?;
        note.changes.push(Change::Put(Record::Tree(Arc::new(head.clone()))));
        let lsn = self.growth.ledger()?.write(action, note)?;
        state.head = Some(head);
        Ok(lsn)
    }

    /// An index that was never given out before.
    pub(super) fn take_index(&self, realm: RealmId) -> Result<u64> {
        let pool = self.growth.pool(realm)?;
        let deadline = Instant::now() + WAIT;
        loop {
            let (index, is_low) = {
                let mut free = pool.0.lock();
                (free.next(), free.is_low())
            };
            if let Some(index) = index {
                // Whoever finds it low makes more, unless somebody does already; nobody waits for it.
                if is_low && let Err(error) = self.grow(&pool, false, Instant::now()) {
                    tracing::warn!(%error, "the key tree does not grow");
                }
                return Ok(index);
            }
            self.grow(&pool, true, deadline)?;
        }
    }

    /// Gets leaf nodes for a pool that is low, more where it had run `dry`; nothing where others are at it until then and
    /// it is not dry.
    fn grow(&self, pool: &Pool, dry: bool, deadline: Instant) -> Result<()> {
        let too_late = || match dry {
            true => Err(unavailable("keys are made faster than the key tree grows: try again")),
            false => Ok(()),
        };
        let Some(mut state) = self.growth.state.try_lock_until(deadline) else { return too_late() };
        let made = self.make_nodes(&mut state, pool, dry)?;
        // INVARIANT: nothing waits for a target while it holds the head: an epoch change must not wait for that too.
        drop(state);
        let (Some(made), Some(at_target)) = (made, self.growth.at_target.get()) else { return Ok(()) };
        let Some(_asking) = self.growth.asking.try_lock_until(deadline) else { return too_late() };
        if !pool.holds_back(&made) {
            return Ok(());
        }
        match at_target(made.lsn)? {
            true => pool.give_out(made),
            false => pool.give_up()?,
        }
        Ok(())
    }

    /// Makes leaf nodes for a pool, with all that is missing above them. Gives those that are held back until a target gives
    /// them back, be they from before.
    fn make_nodes(&self, state: &mut State, pool: &Pool, dry: bool) -> Result<Option<Made>> {
        // Looked at first: it may be given out meanwhile, and then there are enough.
        let held_back = pool.0.lock().held_back.clone();
        if dry && held_back.is_some() {
            return Ok(held_back);
        }
        let Some((count, leaves)) = pool.wants(dry) else { return Ok(None) };
        if state.frozen.strong_count() > 0 && !breaks(Fault::GrowInRestore) {
            return Err(unavailable("the key tree is being made anew: try again"));
        }
        let mut batch = Batch::default();
        let (first, mut head) = match &state.head {
            Some(head) => (None, head.clone()),
            None => {
                let first = self.first_epoch(&mut batch)?;
                let generation = first.generation;
                let head =
                    TreeHead { generation, generation_max: generation, leaf_nodes_next: 0, epoch: None };
                (Some(first), head)
            }
        };
        let (numbers, leaves) = allot(&mut head, leaves, count)?;
        for number in numbers.clone() {
            self.make(&mut batch, head.generation, number)?;
        }
        let Batch { nodes, mut changes } = batch;
        changes.extend(leaves.map(|leaves| Change::Put(Record::Leaves(leaves))));
        changes.push(Change::Put(Record::Tree(Arc::new(head.clone()))));
        let detail = format!("leaf nodes {} to {}", numbers.start, numbers.end - 1);
        let note = Note { detail, changes, ..Note::default() };
        let lsn = match breaks(Fault::GiveUnsynced) && state.head.is_some() {
            true => Lsn(0),
            false => self.growth.ledger()?.write(Action::GrowTree, note)?,
        };
        state.head = Some(head);
        self.put_in_force(first, nodes);
        self.growth.made.lock().extend(numbers.clone());
        let made = Made { numbers, lsn };
        {
            let mut free = pool.0.lock();
            (free.batch, free.leaves, free.held_back) = (count, leaves, Some(made.clone()));
        }
        if self.growth.at_target.get().is_some() {
            return Ok(Some(made));
        }
        pool.give_out(made);
        Ok(None)
    }

    /// Draws the first epoch key and the top node under it.
    fn first_epoch(&self, batch: &mut Batch) -> Result<Epoch> {
        let generation = 1;
        let key = random_key(&*self.crypto)?;
        // INVARIANT: the cells have the epoch key before anything sealed under it is on record.
        batch.changes = self.growth.epoch_keys.put_first(generation, &key)?;
        let top = self.new_node(batch, Address::TOP, generation, key.expose())?;
        Ok(Epoch { generation, key, top, inner: Mutex::default() })
    }

    /// Makes a leaf node, and those above it of which it is the first.
    fn make(&self, batch: &mut Batch, generation: u64, number: u64) -> Result<()> {
        let index = number * SLOTS as u64;
        let epoch = self.epoch.read();
        let top = batch.nodes.get(&Address::TOP).or(epoch.as_ref().map(|epoch| &epoch.top));
        let mut parent = top.ok_or_else(|| Error::internal("there is no key tree yet"))?.clone();
        let mut address = Address::TOP;
        while address.level > 0 {
            let slot = address.slot(index);
            let destroyed = || Error::internal(format!("{address} has no slot for leaf node {number}"));
            let key = parent.child(slot).ok_or_else(destroyed)?;
            let below = address.child(slot);
            parent = match (batch.nodes.get(&below), &*epoch) {
                (Some(node), _) => node.clone(),
                // INVARIANT: leaf nodes are made in order, and where numbers are left out the next is a multiple of 256:
                // so the first one below any node comes before all others below it.
                (None, _) if below.leaves().start == index => self.new_node(batch, below, generation, key)?,
                (None, Some(epoch)) => self.node(epoch, below, key)?,
                (None, None) => return Err(Error::internal(format!("{below} is missing"))),
            };
            address = below;
        }
        Ok(())
    }

    fn new_node(
        &self,
        batch: &mut Batch,
        address: Address,
        generation: u64,
        key: &[u8],
    ) -> Result<Arc<Node>> {
        let node = Arc::new(Node::new(&*self.crypto)?);
        let sealed = node.seal(&*self.crypto, self.place, address, generation, key)?;
        batch.changes.push(Change::Put(Record::Node(Arc::new(sealed))));
        batch.nodes.insert(address, node.clone());
        Ok(node)
    }

    fn put_in_force(&self, first: Option<Epoch>, nodes: HashMap<Address, Arc<Node>>) {
        if first.is_some() {
            *self.epoch.write() = first;
        }
        let epoch = self.epoch.read();
        let below_top = nodes.into_iter().filter(|(address, _)| address.level < TOP_LEVEL);
        if let Some(epoch) = &*epoch {
            below_top.for_each(|(address, node)| self.remember(epoch, address, node));
        }
    }
}

/// Numbers for up to `count` new leaf nodes, one behind the other, and where the realm's leaves go on behind them.
fn allot(
    head: &mut TreeHead,
    leaves: Option<RealmLeaves>,
    count: u64,
) -> Result<(Range<u64>, Option<RealmLeaves>)> {
    let Some(mut leaves) = leaves else {
        return Ok((reserve(head, head.leaf_nodes_next, count)?, None));
    };
    let numbers = if leaves.leaf_nodes < SUBTREE {
        let count = count.min(SUBTREE - leaves.leaf_nodes);
        reserve(head, head.leaf_nodes_next, count)?
    } else {
        if leaves.left == 0 {
            // What lies before the subtree's begin is burnt: at most as much as the subtree has.
            let subtree = reserve(head, head.leaf_nodes_next.next_multiple_of(SUBTREE), SUBTREE)?;
            (leaves.next, leaves.left) = (subtree.start, SUBTREE);
        }
        let count = count.min(leaves.left);
        let numbers = leaves.next..leaves.next + count;
        (leaves.next, leaves.left) = (numbers.end, leaves.left - count);
        numbers
    };
    leaves.leaf_nodes += numbers.end - numbers.start;
    Ok((numbers, Some(leaves)))
}

fn reserve(head: &mut TreeHead, from: u64, count: u64) -> Result<Range<u64>> {
    let end = from + count;
    if end > LEAF_NODES_MAX {
        let full = "the key tree is full: 4,294,967,296 keys have been made";
        return Err(Error::new(ErrorKind::LimitExceeded, full));
    }
    head.leaf_nodes_next = end;
    Ok(from..end)
}
