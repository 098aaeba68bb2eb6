//! Bits that rot anywhere on the machine's disk and the targets', in every kind of file that lies there: whatever is met is
//! named or does no harm, no secret comes out wrong, no destroyed key comes back, and what is lost at one place is brought
//! back from another. The index's own file is `index_file`'s. KEYREEVE_LONG=1 tries more, KEYREEVE_SEED=N that seed's alone.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use keyreeve_core::{operations::journal::VerifyJournal, ports::store::Store as _};
use keyreeve_store::{
    StoreError,
    backup::targets::Targets as _,
    disk::Disk as _,
    restore::{Plan, PointInTime, restore},
};
use keyreeve_testkit::{disk::FaultyDisk, lagging::LaggingEngine, random::Random};

use super::{
    bench::{each_seed, unlock},
    crashes::{Opened, SECOND, SetUp, Site, TARGET, Work},
};

/// What came of a rotten bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Met {
    /// Everything went on as if there were none.
    Harmless,
    /// It was told, and everything went on.
    Told,
    /// The start or the restore was refused, which named the file, and everything came back from elsewhere.
    Refused,
}

/// How often each came, by the kind of file.
type Counts = BTreeMap<(&'static str, Met), u64>;

struct Rot<'a> {
    site: &'a Site,
    path: &'a Path,
    at: u64,
    mask: Vec<u8>,
    what: String,
}

impl<'a> Rot<'a> {
    /// Somewhere in a file, a bit or a few bytes.
    fn new(site: &'a Site, disk: &FaultyDisk, path: &'a Path, (seed, random): (u64, &mut Random)) -> Self {
        let len = disk.bytes(path).len() as u64;
        let at = random.below(len);
        let mask_len = 1 + random.below((len - at).min(40)) as usize;
        let mut mask = random.bytes(mask_len);
        mask[0] |= 1;
        if random.one_in(2) {
            mask = vec![1 << random.below(8)];
        }
        let what = format!("seed {seed}: {} bytes rot at {at} of {}", mask.len(), path.display());
        Self { site, path, at, mask, what }
    }

    /// On the machine: found by the next start, or under a server that runs.
    fn of_machine(&self, is_running: bool) -> Met {
        let site = self.site.copy(Work::Create);
        let running = is_running.then(|| site.open(&unlock()).expect("nothing is wrong yet"));
        site.machine.rot(self.path, self.at, &self.mask);
        let under_it = running.map_or(Met::Harmless, |house| self.lives(&house));
        let met = match self.with_index_or_none(&site).open(&unlock()) {
            Ok(house) => self.lives(&house),
            Err(error) => self.named(&error),
        };
        if met == Met::Refused {
            let restored = self.restored(&site, TARGET).expect("the target is whole");
            assert_eq!(self.lives(&restored), Met::Harmless, "{}: after a restore", self.what);
        }
        met.max(under_it)
    }

    /// At a target: the machine goes on; a restore from there goes round it, or another place serves.
    fn of_target(&self) -> Met {
        let rotten = self.site.copy(Work::Create);
        rotten.target.rot(self.path, self.at, &self.mask);
        let met = match self.restored(&rotten, TARGET) {
            Ok(house) => self.lives(&house),
            Err(error) => self.named(&error),
        };
        if met == Met::Refused && self.site.set_up == SetUp::Two {
            let restored = self.restored(&rotten, SECOND).or_else(|error| {
                // Whoever may write there is asked everywhere: it is named, and removed by who knows.
                self.named(&error);
                assert_eq!(kind(self.path, true), "claim.json", "{}: {error}", self.what);
                rotten.target.remove(self.path).expect("is there");
                self.restored(&rotten, SECOND)
            });
            let restored = restored.expect("the other target is whole");
            assert_eq!(self.lives(&restored), Met::Harmless, "{}: from elsewhere", self.what);
        }
        let house = rotten.open(&unlock()).unwrap_or_else(|error| panic!("{}: {error}", self.what));
        let is_told = self.is_told(&house);
        let is_archived = self.path.extension().is_some_and(|kind| kind != "json" && kind != "cell");
        assert!(is_told || !is_archived, "{}: nobody noticed", self.what);
        // The machine has everything, and lives on.
        assert_eq!(self.lives(&house), Met::Harmless, "{}: of the machine", self.what);
        if met == Met::Refused && is_archived {
            house.back_up_all().expect("has all that the target lacks");
            let restored = self.restored(&rotten, TARGET).expect("the new backup is whole");
            assert_eq!(self.lives(&restored), Met::Harmless, "{}: from the new backup", self.what);
        }
        met.max(if is_told { Met::Told } else { Met::Harmless })
    }

    /// Whether verifying the target names the file.
    fn is_told(&self, house: &Opened) -> bool {
        let target = house.store.open_target(TARGET).expect("an address");
        match house.store.verify_backup(&*target, &mut |_| {}) {
            Ok(verified) => {
                let told = format!("{:?}", verified.problems);
                assert!(
                    verified.problems.is_empty() || told.contains(name(self.path)),
                    "{}: {told}",
                    self.what
                );
                !verified.problems.is_empty()
            }
            Err(error) => self.named(&error) == Met::Refused,
        }
    }

    /// Every key is what was answered for it, another one is made, and the journal is whole: or the file is named.
    fn lives(&self, house: &Opened) -> Met {
        let keys = self.site.paper.iter().map(|(name, paper)| house.check(name, paper, &self.what));
        let made = || house.create(&format!("made after entry {}", house.store.published()));
        let lives = keys.chain(std::iter::once_with(made)).find(Result::is_err);
        if let Some(Err(error)) = lives {
            return self.named(&error);
        }
        match house.engine.execute(&house.admin, &VerifyJournal) {
            Ok(_) => Met::Harmless,
            Err(error) => self.named(&error).min(Met::Told),
        }
    }

    /// The same with the index of now, or none.
    fn with_index_or_none(&self, site: &Site) -> Site {
        let mut site = site.copy(Work::Create);
        if self.at.is_multiple_of(2) {
            site.index = Arc::new(LaggingEngine::new());
        }
        site
    }

    /// On a new machine.
    fn restored(&self, site: &Site, from: &str) -> Result<Opened, StoreError> {
        let site = site.copy(Work::Restore);
        let from = site.targets().open(from).expect("an address");
        let cell = (site.set_up == SetUp::Split).then(|| SECOND.to_owned());
        restore(
            &site.options(),
            &unlock(),
            &Plan { from: &*from, to: PointInTime::Latest, keep_new: false, cell },
        )?;
        site.open(&unlock())
    }

    fn named(&self, error: &dyn std::error::Error) -> Met {
        let told = error.to_string();
        // A claim that reads as another's is told as that, with the target.
        let is_named =
            told.contains(name(self.path)) || name(self.path) == "claim.json" && told.contains(TARGET);
        assert!(is_named, "{}, which is not named: {told}", self.what);
        Met::Refused
    }
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).expect("a name")
}

/// The kinds of files that lie on a machine and at a target.
const KINDS: [&str; 12] = [
    "store.json",
    "root.json",
    "owner",
    "the journal",
    "the machine's cell",
    "claim.json",
    "anchor.json",
    "a target's root.json",
    "pieces",
    "manifests",
    "chunks",
    "a target's cell",
];

fn kind(path: &Path, at_target: bool) -> &'static str {
    match (path.extension().and_then(|kind| kind.to_str()), name(path)) {
        (Some("krj"), _) => "the journal",
        (Some("krp"), _) => "pieces",
        (Some("krm"), _) => "manifests",
        (Some("krc"), _) => "chunks",
        (Some("cell"), _) if at_target => "a target's cell",
        (Some("cell"), _) => "the machine's cell",
        (_, "root.json") if at_target => "a target's root.json",
        (_, name) => KINDS.into_iter().find(|kind| *kind == name).unwrap_or("others"),
    }
}

#[test]
fn whatever_rots_is_named_or_harmless_and_comes_back_from_elsewhere() {
    let seeds = if std::env::var_os("KEYREEVE_LONG").is_some() { 300 } else { 6 };
    let counts = Mutex::new(Counts::new());
    each_seed(seeds, |seed| {
        let site = Site::new(seed);
        let mut random = Random::new(seed);
        let files = |disk: &FaultyDisk| -> Vec<PathBuf> {
            let files = disk.files(Path::new("/")).into_iter();
            files.filter(|path| !disk.bytes(path).is_empty()).collect()
        };
        let count = |path: &Path, at_target, met| {
            *counts.lock().expect("no panic").entry((kind(path, at_target), met)).or_default() += 1;
        };
        for path in files(&site.machine) {
            for is_running in [false, true] {
                let rot = Rot::new(&site, &site.machine, &path, (seed, &mut random));
                count(&path, false, rot.of_machine(is_running));
            }
        }
        for path in files(&site.target)
            .iter()
            .filter(|path| !path.starts_with(SECOND) && !name(path).starts_with("second"))
        {
            for _ in 0..2 {
                let rot = Rot::new(&site, &site.target, path, (seed, &mut random));
                count(path, true, rot.of_target());
            }
        }
    });
    let counts = counts.into_inner().expect("no panic");
    for ((kind, met), count) in &counts {
        eprintln!("{kind}: {count} {met:?}");
    }
    if std::env::var_os("KEYREEVE_SEED").is_none() {
        for kind in KINDS {
            assert!(counts.keys().any(|(met, _)| *met == kind), "the simulation lost its {kind}");
        }
        assert!(counts.keys().all(|(kind, _)| KINDS.contains(kind)), "another kind of file: {counts:?}");
    }
}
