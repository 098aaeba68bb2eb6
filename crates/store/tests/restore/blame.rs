//! What a restore says is to blame where a way round damage meets something else: a target that goes out of reach, or the
//! disk that is restored to. No backup is blamed for either.

use keyreeve_core::ports::{cell::Cell, store::Order};
use keyreeve_store::{
    backup::{
        BackupError, BackupKind, BackupOptions,
        targets::{Listed, PutIf, TargetError, Version},
    },
    engines::{Batch, Engine, EngineError, EngineSnapshot, Row},
};

use super::*;

/// Counts down to a failure, which lasts or passes.
struct Fuse {
    left: AtomicI64,
    lasts: bool,
}

impl Fuse {
    fn new(count: i64, lasts: bool) -> Arc<Self> {
        Arc::new(Self { left: count.into(), lasts })
    }

    /// Whether this step fails.
    fn fails(&self) -> bool {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        left == 0 || (left < 0 && self.lasts)
    }

    fn has_failed(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }
}

/// A target that goes out of reach.
struct Fading {
    target: Arc<dyn Target>,
    fuse: Arc<Fuse>,
}

impl Fading {
    fn reached(&self) -> Result<&dyn Target, TargetError> {
        match self.fuse.fails() {
            true => Err(TargetError::Unreachable { target: "here".into(), what: "out of reach".into() }),
            false => Ok(&*self.target),
        }
    }
}

impl Target for Fading {
    fn address(&self) -> &str {
        self.target.address()
    }
    fn put(&self, path: &str, bytes: &[u8], when: PutIf<'_>) -> Result<bool, TargetError> {
        self.reached()?.put(path, bytes, when)
    }
    fn get(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>, TargetError> {
        self.reached()?.get(path)
    }
    fn get_range(&self, path: &str, offset: u64, len: u64) -> Result<Option<Vec<u8>>, TargetError> {
        self.reached()?.get_range(path, offset, len)
    }
    fn list(&self, prefix: &str) -> Result<Vec<Listed>, TargetError> {
        self.reached()?.list(prefix)
    }
    fn delete(&self, path: &str) -> Result<(), TargetError> {
        self.reached()?.delete(path)
    }
    fn cell(&self) -> Result<Arc<dyn Cell>, TargetError> {
        self.reached()?.cell()
    }
    fn domain(&self) -> Option<String> {
        self.target.domain()
    }
}

/// An engine whose disk fails.
struct Failing {
    engine: Arc<MemoryEngine>,
    fuse: Arc<Fuse>,
}

struct FailingSnapshot(Box<dyn EngineSnapshot>, Arc<Fuse>);

fn check(fuse: &Fuse) -> Result<(), EngineError> {
    match fuse.fails() {
        true => Err(EngineError::Failed { at: "here".into(), what: "the disk fails".into() }),
        false => Ok(()),
    }
}

impl Engine for Failing {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        check(&self.fuse).and_then(|()| self.engine.get(key))
    }
    fn scan(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> Result<Vec<Row>, EngineError> {
        check(&self.fuse).and_then(|()| Engine::scan(&*self.engine, from, to, order, limit))
    }
    fn apply(&self, batch: &Batch) -> Result<(), EngineError> {
        check(&self.fuse).and_then(|()| self.engine.apply(batch))
    }
    fn checkpoint(&self) -> Result<Option<Vec<u8>>, EngineError> {
        check(&self.fuse).and_then(|()| Engine::checkpoint(&*self.engine))
    }
    fn snapshot(&self) -> Result<Box<dyn EngineSnapshot>, EngineError> {
        check(&self.fuse)?;
        Ok(Box::new(FailingSnapshot(self.engine.snapshot()?, self.fuse.clone())))
    }
    fn clear(&self) -> Result<(), EngineError> {
        check(&self.fuse).and_then(|()| self.engine.clear())
    }
}

impl EngineSnapshot for FailingSnapshot {
    fn checkpoint(&self) -> Result<Option<Vec<u8>>, EngineError> {
        check(&self.1).and_then(|()| self.0.checkpoint())
    }
    fn scan(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> Result<Vec<Row>, EngineError> {
        check(&self.1).and_then(|()| self.0.scan(from, to, order, limit))
    }
}

/// A lost machine's target, whose newest full backup is damaged.
fn damaged() -> (Machine, String) {
    let machine = Machine::new();
    let store = machine.created();
    let target = machine.target();
    for ids in [1..=5, 6..=10] {
        fill(&store, ids);
        keep(&store);
        store.backup(&target, BackupKind::Full, BackupOptions::default()).unwrap();
    }
    fill(&store, 11..=12);
    keep(&store);
    drop(store);
    let newest = target.list("t1/full/").unwrap().pop().unwrap().path;
    let path = Path::new(TARGET).join(&newest);
    let middle = machine.targets.bytes(&path).len() as u64 / 2;
    machine.targets.rot(&path, middle, &[4]);
    (machine, newest)
}

/// Restores on other machines, with a failure at each step, until there is none; how many steps there were. What is restored
/// in spite of it blames nothing else.
fn at_every_step(
    (lost, damaged): &(Machine, String),
    lasts: bool,
    attempt: impl Fn(&Machine, &Arc<Fuse>) -> Result<Report, StoreError>,
    is_told: impl Fn(&StoreError) -> bool,
) -> i64 {
    for step in 0..10_000 {
        let machine = Machine { targets: lost.targets.kill(), ..Machine::beside(&lost.targets) };
        let fuse = Fuse::new(step, lasts);
        match attempt(&machine, &fuse) {
            Ok(report) => {
                let told: Vec<_> = report.damaged.iter().map(|damage| &damage.object).collect();
                assert_eq!(told, [damaged], "step {step}: {:?}", report.damaged);
            }
            Err(error) => assert!(is_told(&error), "step {step}: {error:?}"),
        }
        if !fuse.has_failed() {
            return step;
        }
    }
    panic!("it never came to its end");
}

#[test]
fn a_target_that_goes_out_of_reach_is_told_as_such_on_a_detour_too() {
    let attempt = |machine: &Machine, fuse: &Arc<Fuse>| {
        let from = Fading { target: machine.target(), fuse: fuse.clone() };
        let plan = Plan { from: &from, to: PointInTime::Latest, keep_new: false, cell: None };
        restore(&machine.options(), &key_file(), &plan)
    };
    let unreachable = |error: &StoreError| {
        matches!(error, StoreError::Backup(BackupError::Target(TargetError::Unreachable { .. })))
    };
    let steps = at_every_step(&damaged(), true, attempt, unreachable);
    assert!(steps > 5, "{steps}");
}

#[test]
fn a_disk_that_fails_meanwhile_is_told_as_such_and_no_backup_is() {
    let attempt = |machine: &Machine, fuse: &Arc<Fuse>| {
        let engine = Failing { engine: Arc::default(), fuse: fuse.clone() };
        let options = StoreOptions { engine: EngineChoice::Given(Arc::new(engine)), ..machine.options() };
        let from = machine.target();
        let plan = Plan { from: &*from, to: PointInTime::Latest, keep_new: false, cell: None };
        restore(&options, &key_file(), &plan)
    };
    let of_disk = |error: &StoreError| {
        let is_of_backup = matches!(
            error,
            StoreError::Backup(
                BackupError::Damaged { .. } | BackupError::NoWay { .. } | BackupError::Gap { .. }
            )
        );
        !is_of_backup && format!("{error:?}").contains("the disk fails")
    };
    for lasts in [true, false] {
        let steps = at_every_step(&damaged(), lasts, attempt, of_disk);
        assert!(steps > 20, "{steps}");
    }
}
