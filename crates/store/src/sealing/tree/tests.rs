//! The rules of the key tree, each with a test of its own, over a ledger and cells in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
};

use keyreeve_core::{access::Action, model::Lsn};
use keyreeve_crypto::SoftwareCrypto;
use uuid::Uuid;

use super::*;
use crate::{
    failure::unavailable,
    scribe::{Ledger, Note},
    sealing::leaf_check,
};

const STORE: Uuid = Uuid::from_u128(1);
const REALM: RealmId = RealmId(Uuid::from_u128(2));

impl KeyTree {
    /// With `LazyLeaf`: makes the leaf's key now, and its node anew under the key that it has.
    pub(super) fn fill_where_late(&self, index: u64) -> Result<()> {
        if !breaks(Fault::LazyLeaf) {
            return Ok(());
        }
        let sealed = {
            let epoch = self.epoch.read();
            let epoch = epoch.as_ref().unwrap();
            let (mut address, mut node) = (Address::TOP, epoch.top.clone());
            let mut key = SecretBytes::copy_from(epoch.key.expose());
            while address.level > 0 {
                let slot = address.slot(index);
                key = SecretBytes::copy_from(node.child(slot).unwrap());
                address = address.child(slot);
                node = self.node(epoch, address, key.expose())?;
            }
            let mut filled = node.copy();
            filled.refill(&*self.crypto, address.slot(index))?;
            let sealed = filled.seal(&*self.crypto, self.place, address, epoch.generation, key.expose())?;
            self.remember(epoch, address, Arc::new(filled));
            sealed
        };
        let changes = vec![Change::Put(Record::Node(Arc::new(sealed)))];
        let note = Note { detail: "a leaf is filled".into(), changes, ..Note::default() };
        self.growth.ledger()?.write(Action::GrowTree, note).map(drop)
    }
}

/// Records in memory.
#[derive(Default)]
struct Shelf {
    records: Mutex<BTreeMap<RecordKey, Arc<Record>>>,
    entries: Mutex<Vec<Action>>,
    refuses: AtomicBool,
    /// The cells, where a write is to check them.
    cells: Mutex<Option<Arc<Cells>>>,
}

impl Ledger for Shelf {
    fn record(&self, key: &RecordKey) -> Result<Option<Arc<Record>>> {
        Ok(self.records.lock().get(key).cloned())
    }

    fn write(&self, action: Action, note: Note) -> Result<Lsn> {
        if self.refuses.load(Ordering::Relaxed) {
            return Err(unavailable("the journal is busy"));
        }
        if let Some(cells) = &*self.cells.lock() {
            assert!(!cells.keys.lock().is_empty(), "the epoch key comes into the cells first");
        }
        let mut records = self.records.lock();
        for change in note.changes {
            match change {
                Change::Put(record) => drop(records.insert(record.key(), Arc::new(record))),
                Change::Delete(key) => drop(records.remove(&key)),
                Change::Exported(..) | Change::Spent { .. } | Change::Drawn(..) => panic!(),
            }
        }
        let mut entries = self.entries.lock();
        entries.push(action);
        Ok(Lsn(entries.len() as u64))
    }
}

impl NodeSource for Shelf {
    fn node(&self, id: NodeId) -> Result<Option<Arc<SealedNode>>> {
        match self.record(&RecordKey::Node(id))?.as_deref() {
            Some(Record::Node(node)) => Ok(Some(node.clone())),
            _ => Ok(None),
        }
    }
}

impl Shelf {
    fn nodes(&self) -> Vec<Arc<SealedNode>> {
        let node = |record: &Arc<Record>| match &**record {
            Record::Node(node) => Some(node.clone()),
            _ => None,
        };
        self.records.lock().values().filter_map(node).collect()
    }

    /// The same records on another machine.
    fn copy(&self) -> Arc<Self> {
        Arc::new(Self { records: Mutex::new(self.records.lock().clone()), ..Self::default() })
    }
}

#[derive(Default)]
struct Cells {
    keys: Mutex<BTreeMap<u64, SecretBytes>>,
    refuse: AtomicBool,
}

impl EpochKeys for Cells {
    fn put_first(&self, generation: u64, key: &SecretBytes) -> Result<Vec<Change>> {
        if self.refuse.load(Ordering::Relaxed) {
            return Err(unavailable("the cell cannot be reached"));
        }
        self.keys.lock().insert(generation, SecretBytes::copy_from(key.expose()));
        Ok(Vec::new())
    }
}

/// A machine with its tree.
struct Machine {
    crypto: Arc<dyn Crypto>,
    shelf: Arc<Shelf>,
    cells: Arc<Cells>,
    tree: Arc<KeyTree>,
    /// Keys of the leaves that something is sealed under.
    live: Mutex<BTreeMap<u64, Vec<u8>>>,
}

impl Machine {
    fn new() -> Self {
        Self::over(Arc::default(), Arc::default())
    }

    /// Starts over records and cells as they are.
    fn over(shelf: Arc<Shelf>, cells: Arc<Cells>) -> Self {
        let crypto: Arc<dyn Crypto> = Arc::new(SoftwareCrypto::new());
        let place = Place { store: STORE, timeline: 1 };
        let tree = Arc::new(KeyTree::new(crypto.clone(), place, shelf.clone(), cells.clone()));
        if let Some(Record::Tree(head)) = shelf.record(&RecordKey::Tree).unwrap().as_deref() {
            tree.open(head, &cells.keys.lock()[&head.generation]).unwrap();
        }
        tree.start(shelf.clone(), None);
        Self { crypto, shelf, cells, tree, live: Mutex::default() }
    }

    fn restarted(self) -> Self {
        let Self { shelf, cells, live, .. } = self;
        Self { live, ..Self::over(shelf, cells) }
    }

    fn create(&self, realm: RealmId) -> u64 {
        let leaf = self.tree.take(realm).unwrap();
        let before = self.live.lock().insert(leaf.index, leaf.key.expose().to_vec());
        assert!(before.is_none(), "leaf {} is given out twice", leaf.index);
        leaf.index
    }

    fn creates(&self, count: usize) -> Vec<u64> {
        (0..count).map(|_| self.create(REALM)).collect()
    }

    fn rewrite(&self, destroyed: &[u64], fresh_unused: bool) -> Rewrite {
        self.live.lock().retain(|index, _| !destroyed.contains(index));
        let live = |range: Range<u64>| Ok(self.live.lock().range(range).next().is_some());
        let generation = self.tree.head().unwrap().generation_max + 1;
        self.tree.rewrite(&Plan { generation, destroyed, fresh_unused, live: &live }).unwrap()
    }

    fn prepare(&self, rewrite: &Rewrite) {
        let nodes = rewrite.made.iter().map(|node| Change::Put(Record::Node(Arc::new(node.clone()))));
        let changes = nodes.collect();
        let prepare = |head: &mut TreeHead| {
            head.generation_max = rewrite.generation;
            Ok(Note { changes, ..Note::default() })
        };
        self.tree.write_head(Action::PrepareEpoch, prepare).unwrap();
        let key = SecretBytes::copy_from(rewrite.epoch_key.expose());
        self.cells.keys.lock().insert(rewrite.generation, key);
    }

    fn record_switch(&self, rewrite: &Rewrite) {
        let switch = |head: &mut TreeHead| {
            head.generation = rewrite.generation;
            Ok(Note::default())
        };
        self.tree.write_head(Action::SwitchEpoch, switch).unwrap();
    }

    /// A whole epoch change; older epoch keys and nodes stay.
    fn destroy(&self, destroyed: &[u64]) {
        let rewrite = self.rewrite(destroyed, false);
        self.prepare(&rewrite);
        self.record_switch(&rewrite);
        self.tree.switch(rewrite);
    }

    fn verify(&self, generation: u64, destroyed: &[u64]) -> Result<()> {
        let live = self.live.lock();
        let checks = live.iter().map(|(index, key)| {
            let leaf = Leaf { index: *index, key: SecretBytes::copy_from(key) };
            (*index, leaf_check(&*self.crypto, STORE, &leaf))
        });
        verify(&*self.crypto, STORE, &*self.shelf, &self.cells.keys.lock()[&generation], checks, destroyed)
    }

    /// Every live leaf has the key that was given out: in this process, after a restart, and from the records alone.
    fn check(self, destroyed: &[u64]) -> Self {
        let same = |machine: &Self| {
            for (index, key) in &*machine.live.lock() {
                assert_eq!(machine.tree.get(*index).unwrap().expose(), key, "leaf {index}");
            }
            for index in destroyed {
                assert_eq!(machine.tree.get(*index).err().unwrap().kind(), ErrorKind::Destroyed);
            }
        };
        same(&self);
        self.verify(self.tree.head().unwrap().generation, destroyed).unwrap();
        let again = self.restarted();
        same(&again);
        again
    }

    /// The nodes on the way to a leaf under the epoch key of a generation, from the top down.
    fn path(&self, generation: u64, index: u64) -> Vec<Node> {
        let mut key = SecretBytes::copy_from(self.cells.keys.lock()[&generation].expose());
        let mut nodes = Vec::new();
        for level in (0..4).rev() {
            let address = Address::of(level, index);
            let sealed = self.shelf.node(node_id(&*self.crypto, key.expose())).unwrap().unwrap();
            let node = Node::open(&*self.crypto, STORE, address, key.expose(), &sealed).unwrap();
            key = SecretBytes::copy_from(node.child(address.slot(index)).unwrap_or_default());
            nodes.push(node);
        }
        nodes
    }
}

fn slots(node: &Node) -> Vec<Option<&[u8]>> {
    (0..SLOTS).map(|slot| node.child(slot)).collect()
}

/// Slots that differ.
fn changed(a: &Node, b: &Node) -> Vec<usize> {
    let (a, b) = (slots(a), slots(b));
    (0..SLOTS).filter(|slot| a[*slot] != b[*slot]).collect()
}

#[test]
fn all_slots_are_filled_at_birth() {
    let machine = Machine::new();
    let index = machine.create(REALM);
    assert_eq!(index, 0);
    for node in machine.path(1, index) {
        let different: BTreeSet<_> =
            slots(&node).into_iter().map(Option::unwrap).map(<[u8]>::to_vec).collect();
        assert_eq!(different.len(), SLOTS);
        assert!(!different.contains(&vec![0; 32]));
    }
}

#[test]
fn the_first_leaf_makes_the_tree_and_the_cells_have_its_key_before_the_record() {
    let machine = Machine::new();
    *machine.shelf.cells.lock() = Some(machine.cells.clone());
    machine.cells.refuse.store(true, Ordering::Relaxed);
    assert_eq!(machine.tree.take(REALM).err().unwrap().kind(), ErrorKind::Unavailable);
    assert!(machine.shelf.records.lock().is_empty() && machine.tree.head().is_none());
    assert!(machine.tree.epoch_key().is_none());

    machine.cells.refuse.store(false, Ordering::Relaxed);
    machine.shelf.refuses.store(true, Ordering::Relaxed);
    assert!(machine.tree.take(REALM).is_err(), "the entry that makes the tree was refused");
    assert!(machine.tree.get(0).is_err());

    machine.shelf.refuses.store(false, Ordering::Relaxed);
    machine.create(REALM);
    let (generation, key) = machine.tree.epoch_key().unwrap();
    assert_eq!((generation, key.expose()), (1, machine.cells.keys.lock()[&1].expose()));
    assert_eq!(machine.shelf.nodes().len(), 4);
    machine.check(&[]);
}

#[test]
fn nothing_is_given_out_before_its_node_is_on_record() {
    let machine = Machine::new();
    machine.creates(1);
    machine.shelf.refuses.store(true, Ordering::Relaxed);
    let given = (0..1000).map_while(|_| machine.tree.take(REALM).ok()).count();
    assert_eq!(given, 63, "the realm's first node of its own was refused");
    machine.shelf.refuses.store(false, Ordering::Relaxed);
    machine.creates(1000);
    machine.check(&[]);
}

#[test]
fn nodes_are_looked_up_by_id_and_not_by_address() {
    let (machine, other) = (Machine::new(), Machine::new());
    let index = machine.create(REALM);
    other.create(REALM);
    for node in other.shelf.nodes() {
        machine.shelf.records.lock().insert(RecordKey::Node(node.id), Arc::new(Record::Node(node)));
    }
    assert_eq!(machine.shelf.nodes().len(), 8);
    let machine = machine.check(&[]);
    // The other store's node under the id that is asked for.
    let leaf_node =
        |machine: &Machine| node_id(&*machine.crypto, machine.path(1, index)[2].child(0).unwrap());
    let (ours, theirs) = (leaf_node(&machine), leaf_node(&other));
    let bytes = machine.shelf.node(theirs).unwrap().unwrap().bytes.clone();
    let mixed = Record::Node(Arc::new(SealedNode { id: ours, bytes }));
    machine.shelf.records.lock().insert(RecordKey::Node(ours), Arc::new(mixed));
    let restarted = machine.restarted();
    assert_eq!(restarted.tree.get(index).err().unwrap().kind(), ErrorKind::Internal);
}

#[test]
fn a_missing_node_is_named_and_is_not_taken_for_destroyed() {
    let machine = Machine::new();
    let index = machine.create(REALM);
    let id = node_id(&*machine.crypto, machine.path(1, index)[1].child(0).unwrap());
    machine.shelf.records.lock().remove(&RecordKey::Node(id));
    let error = machine.restarted().tree.get(index).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Internal);
    let cause = error.cause().unwrap();
    assert!(cause.contains("node 0 of level 1") && cause.contains(&hex::encode(id.0)), "{cause}");
    let error = Machine::new().tree.get(7).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Internal, "there is no tree");
}

#[test]
fn a_destroy_changes_destroyed_slots_and_links_alone_and_copies_the_unused() {
    let machine = Machine::new();
    let indexes = machine.creates(300);
    let destroyed = [indexes[3], indexes[200]];
    let (first, second) = (machine.path(1, destroyed[0]), machine.path(1, destroyed[1]));
    machine.destroy(&destroyed);
    for (before, index) in [(first, destroyed[0]), (second, destroyed[1])] {
        let after = machine.path(2, index);
        let slot = |level| Address::of(level, index).slot(index);
        assert_eq!(changed(&before[0], &after[0]), [slot(3)]);
        assert_eq!(changed(&before[1], &after[1]), [slot(2)]);
        assert_eq!(changed(&before[2], &after[2]), [0, Address::of(1, destroyed[1]).slot(destroyed[1])]);
        assert_eq!(changed(&before[3], &after[3]), [slot(0)]);
        assert_eq!(after[3].child(slot(0)), None);
    }
    machine.check(&destroyed);
}

#[test]
fn one_destroy_writes_four_nodes() {
    let machine = Machine::new();
    let indexes = machine.creates(2000);
    let rewrite = machine.rewrite(&[indexes[1000]], false);
    assert_eq!((rewrite.made.len(), rewrite.replaced.len()), (4, 4));
    assert!(rewrite.made.iter().all(|node| node.bytes.len() == 8310));
    assert_eq!(rewrite.touched, [indexes[1000] / 256]);
    let there = |id: &NodeId| machine.shelf.node(*id).unwrap().is_some();
    assert!(rewrite.replaced.iter().all(there));
    assert!(!rewrite.made.iter().any(|node| there(&node.id)), "every touched node has a new key");
}

#[test]
fn a_destroyed_leaf_derives_under_the_old_epoch_and_not_under_the_new_one() {
    let machine = Machine::new();
    let indexes = machine.creates(10);
    machine.destroy(&[indexes[4]]);
    machine.verify(2, &[indexes[4]]).unwrap();
    machine.verify(1, &[]).unwrap();
    assert!(machine.verify(1, &[indexes[4]]).is_err(), "the old tree still has it");
    machine.destroy(&[indexes[4], indexes[5]]);
    machine.check(&[indexes[4], indexes[5]]);
}

#[test]
fn an_epoch_that_does_not_come_into_force_changes_nothing() {
    let machine = Machine::new();
    let indexes = machine.creates(10);
    let head = machine.tree.head();
    drop(machine.rewrite(&[], true));
    machine.shelf.refuses.store(true, Ordering::Relaxed);
    let failed = machine.tree.write_head(Action::SwitchEpoch, |head| {
        head.generation = 9;
        Ok(Note::default())
    });
    assert!(failed.is_err());
    machine.shelf.refuses.store(false, Ordering::Relaxed);
    assert_eq!(machine.tree.head(), head);
    machine.creates(500);
    assert_eq!(machine.check(&[]).tree.get(indexes[0]).unwrap().len(), 32);
}

/// Leaves are taken, and nodes made, before and after each step of an epoch change.
#[test]
fn a_create_that_races_with_any_step_of_a_destroy_is_kept() {
    for count in [1, 700] {
        for step in 0..5 {
            let machine = Machine::new();
            let indexes = machine.creates(100);
            let destroyed = [indexes[0], indexes[99]];
            let race = |at| {
                if at == step {
                    machine.creates(count);
                    machine.create(RealmId(Uuid::from_u128(3)));
                }
            };
            race(0);
            let rewrite = machine.rewrite(&destroyed, false);
            race(1);
            machine.prepare(&rewrite);
            race(2);
            machine.record_switch(&rewrite);
            race(3);
            machine.tree.switch(rewrite);
            race(4);
            machine.creates(300);
            machine.check(&destroyed).check(&destroyed);
        }
    }
}

#[test]
fn a_power_cut_before_the_switch_leaves_the_old_tree_with_what_grew_meanwhile() {
    let machine = Machine::new();
    let indexes = machine.creates(100);
    let rewrite = machine.rewrite(&[indexes[0]], false);
    machine.prepare(&rewrite);
    machine.creates(700);
    let machine = machine.check(&[]);
    assert_eq!(machine.tree.get(indexes[0]).unwrap().len(), 32);
    machine.destroy(&[indexes[0]]);
    assert_eq!(machine.tree.head().unwrap().generation, 3, "a generation number is burnt");
    machine.check(&[indexes[0]]);
}

#[test]
fn leaf_indexes_are_never_given_out_again_across_restarts() {
    let mut machine = Machine::new();
    for round in 0..20 {
        // Taken, and lost in the crash: nothing on record names them.
        let burnt: Vec<u64> = (0..5).map(|_| machine.tree.take(REALM).unwrap().index).collect();
        let shared = machine.create(RealmId(Uuid::from_u128(9)));
        machine = machine.restarted();
        for index in burnt {
            assert!(machine.create(REALM) > index.max(shared), "round {round}");
        }
    }
    machine.check(&[]);
}

#[test]
fn realms_share_leaf_nodes_up_to_64_leaves_and_have_their_own_beyond() {
    let machine = Machine::new();
    let realms = [10, 11, 12].map(|id| RealmId(Uuid::from_u128(id)));
    let mut nodes = BTreeMap::<u64, BTreeSet<RealmId>>::new();
    for round in 0..400 {
        for realm in realms {
            let node = machine.create(realm) / 256;
            nodes.entry(node).or_default().insert(realm);
            assert_eq!(nodes[&node].len() > 1, round < 64 && (realm != realms[0] || round > 0), "{round}");
        }
    }
    let machine = machine.restarted();
    let indexes: Vec<u64> = realms.iter().map(|realm| machine.create(*realm) / 256).collect();
    assert_eq!(BTreeSet::from_iter(&indexes).len(), 3, "a realm that had its own goes on with its own");
    machine.check(&[]);
}

/// One realm with more than 65,536 leaves: its subtree, and what is dropped when all around it is destroyed.
#[test]
fn a_realm_gets_subtrees_of_its_own_and_what_is_empty_is_dropped_whole() {
    let machine = Machine::new();
    let indexes = machine.creates(64 + 65_536 + 10 * 256);
    let other = machine.create(RealmId(Uuid::from_u128(3)));
    assert!(other < 256);
    let subtree: Vec<u64> = indexes.iter().copied().filter(|index| *index >= 2 << 16).collect();
    assert_eq!(subtree.len(), 10 * 256, "a whole subtree begins at a multiple of 65,536");
    machine.create(RealmId(Uuid::from_u128(3)));
    let machine = machine.check(&[]);
    let next = machine.create(REALM);
    assert!((2 << 16..3 << 16).contains(&next), "an open subtree goes on after a restart");

    // Everything below the first node of level 1, and one leaf node of this process.
    let destroyed: Vec<u64> =
        machine.live.lock().keys().copied().filter(|index| *index < 1 << 16 || *index == next).collect();
    let rewrite = machine.rewrite(&destroyed, false);
    assert_eq!(rewrite.touched, [next / 256], "what this process has made is never dropped");
    assert_eq!(rewrite.made.len(), 4, "its path; the others are dropped with their node");
    assert_eq!(rewrite.replaced.len(), 256 + 1 + 4);
    machine.prepare(&rewrite);
    machine.record_switch(&rewrite);
    let replaced = rewrite.replaced.clone();
    machine.tree.switch(rewrite);
    for id in replaced {
        machine.shelf.records.lock().remove(&RecordKey::Node(id)).unwrap();
    }
    machine.check(&destroyed);
}

#[test]
fn a_restored_store_replaces_unused_slots_and_does_not_grow_meanwhile() {
    let old = Machine::new();
    let indexes = old.creates(100);
    // As a restore does it: the epoch key comes from a cell.
    let cells = Arc::new(Cells::default());
    cells.keys.lock().insert(1, SecretBytes::copy_from(old.cells.keys.lock()[&1].expose()));
    let live = Mutex::new(old.live.lock().clone());
    let new = Machine { live, ..Machine::over(old.shelf.copy(), cells) };
    let before = new.path(1, indexes[0]);
    let rewrite = new.rewrite(&[indexes[1]], true);
    assert_eq!(new.tree.take(REALM).err().unwrap().kind(), ErrorKind::Unavailable, "the tree grew meanwhile");
    new.prepare(&rewrite);
    new.record_switch(&rewrite);
    new.tree.switch(rewrite);
    let after = new.path(2, indexes[0]);
    for (level, (before, after)) in before.iter().zip(&after).enumerate().take(3) {
        let made = if level == 2 { 2 } else { 1 };
        let changed = changed(before, after);
        assert!((made..SLOTS).all(|slot| changed.contains(&slot)), "level {}", 3 - level);
    }
    assert_eq!(changed(&before[3], &after[3]), [Address::of(0, indexes[1]).slot(indexes[1])]);

    // Both go on by themselves: the same indexes, other keys, other nodes.
    let (ours, theirs) = (new.creates(400), old.creates(400));
    let both: Vec<&u64> = ours.iter().filter(|index| theirs.contains(index)).collect();
    assert!(!both.is_empty());
    assert!(both.iter().all(|index| new.live.lock()[*index] != old.live.lock()[*index]));
    new.check(&[indexes[1]]);
}

#[test]
fn anything_altered_in_a_sealed_node_is_refused() {
    let machine = Machine::new();
    machine.create(REALM);
    let crypto = &*machine.crypto;
    let (key, address) = ([7; 32], Address { level: 1, number: 0x0102 });
    let place = Place { store: STORE, timeline: 5 };
    let mut node = Node::new(crypto).unwrap();
    node.destroy(3);
    let sealed = node.seal(crypto, place, address, 9, &key).unwrap();
    let open = |address, key: &[u8], sealed: &SealedNode| Node::open(crypto, STORE, address, key, sealed);
    assert_eq!(slots(&open(address, &key, &sealed).unwrap()), slots(&node));

    let ends = [0..70, 70..90, 8280..8310];
    for at in ends.into_iter().flatten().chain((90..8280).step_by(97)) {
        let mut altered = sealed.clone();
        altered.bytes[at] ^= 0x10;
        assert!(open(address, &key, &altered).is_err(), "byte {at}");
    }
    for len in [0, 4, 58, 70, 8309] {
        let cut = SealedNode { id: sealed.id, bytes: sealed.bytes[..len].to_vec() };
        assert!(open(address, &key, &cut).is_err(), "{len} bytes");
    }
    let longer = SealedNode { id: sealed.id, bytes: [sealed.bytes.as_slice(), &[0]].concat() };
    assert!(open(address, &key, &longer).is_err());
    assert!(open(Address { level: 2, ..address }, &key, &sealed).is_err());
    assert!(open(Address { number: 1, ..address }, &key, &sealed).is_err());
    assert!(open(address, &[8; 32], &sealed).is_err());
    assert!(open(address, &key, &SealedNode { id: NodeId([0; 16]), ..sealed.clone() }).is_err());
    assert!(Node::open(crypto, Uuid::from_u128(2), address, &key, &sealed).is_err());
}

#[test]
fn a_node_whose_slots_and_bitmap_contradict_each_other_is_refused() {
    let crypto = SoftwareCrypto::new();
    let place = Place { store: STORE, timeline: 1 };
    let mut node = Node::new(&crypto).unwrap();
    node.set(5, &[0; 32]);
    let sealed = node.seal(&crypto, place, Address::TOP, 1, &[7; 32]).unwrap();
    assert!(Node::open(&crypto, STORE, Address::TOP, &[7; 32], &sealed).is_err(), "a zero key that is live");
    node.destroy(5);
    let sealed = node.seal(&crypto, place, Address::TOP, 1, &[7; 32]).unwrap();
    assert!(Node::open(&crypto, STORE, Address::TOP, &[7; 32], &sealed).is_ok());
    node.set(5, &[1; 32]);
    let sealed = node.seal(&crypto, place, Address::TOP, 1, &[7; 32]).unwrap();
    assert!(
        Node::open(&crypto, STORE, Address::TOP, &[7; 32], &sealed).is_err(),
        "a destroyed key that is there"
    );
}

#[test]
fn reading_back_notices_what_is_missing_altered_or_still_there() {
    let machine = Machine::new();
    let indexes = machine.creates(1000);
    machine.verify(1, &[]).unwrap();
    assert!(machine.verify(1, &[indexes[5]]).is_err(), "it was not destroyed");
    assert!(machine.verify(1, &[1 << 32]).is_err(), "no leaf of any tree");
    let key = machine.live.lock().insert(indexes[5], vec![1; 32]).unwrap();
    assert!(machine.verify(1, &[]).is_err(), "another leaf key");
    machine.live.lock().insert(indexes[5], key);
    for node in machine.shelf.nodes() {
        let record = machine.shelf.records.lock().remove(&RecordKey::Node(node.id)).unwrap();
        let has_live =
            |index: &u64| *index / 256 == u64::from_be_bytes(node.bytes[26..34].try_into().unwrap());
        let needed = node.bytes[25] > 0 || indexes.iter().any(has_live);
        assert_eq!(machine.verify(1, &[]).is_err(), needed, "without one node");
        let mut altered = SealedNode::clone(&node);
        altered.bytes[4000] ^= 1;
        let altered = Arc::new(Record::Node(Arc::new(altered)));
        machine.shelf.records.lock().insert(RecordKey::Node(node.id), altered);
        assert_eq!(machine.verify(1, &[]).is_err(), needed, "with one node altered");
        machine.shelf.records.lock().insert(RecordKey::Node(node.id), record);
    }
    machine.destroy(&[indexes[5]]);
    assert!(machine.verify(1, &[indexes[5]]).is_err() && machine.verify(2, &[indexes[5]]).is_ok());
}

#[test]
fn many_threads_get_different_leaves_while_epochs_change() {
    let machine = Machine::new();
    let first = machine.creates(50);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let takers: Vec<_> = (0..4)
            .map(|thread| {
                let machine = &machine;
                scope.spawn(move || {
                    for round in 0..3000 {
                        let index = machine.create(RealmId(Uuid::from_u128(20 + (thread + round) % 3)));
                        let key = machine.live.lock()[&index].clone();
                        assert_eq!(machine.tree.get(index).unwrap().expose(), key);
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            for index in first.iter().take_while(|_| !stop.load(Ordering::Relaxed)) {
                machine.destroy(&[*index]);
            }
        });
        takers.into_iter().for_each(|taker| taker.join().unwrap());
        stop.store(true, Ordering::Relaxed);
    });
    let gone: Vec<u64> = first.into_iter().filter(|index| !machine.live.lock().contains_key(index)).collect();
    machine.check(&gone);
}
