//! Properties of keys' lives: whatever is asked of a few keys in whatever order, with time going by, states move as
//! NIST SP 800-57 and KMIP allow, dates stay, what is destroyed stays so, keys serve in the states and within the limits
//! that allow it, and names, tags and searches say what a plain model says. Failing sequences shrink; `proptest` prints
//! the smallest. Not here: crashes (simulation).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, atomic::Ordering};

use keyreeve_core::{
    ErrorKind, Result, SecretBytes,
    access::Caller,
    attributes::new_usage_limits,
    lifecycle::{shown_at, state_at},
    model::{
        AttributeKind, AttributeName, Lsn, ManagedObject, ObjectId, Revocation, RevocationReason, Role,
        State, Time, UsageUnit, Value,
    },
    operations::{
        Activation, Operation, Template,
        activate::Activate,
        aliases::{RemoveAlias, SetAlias},
        apply_dates::ApplyDates,
        as_of::AsOf,
        change_key::ChangeKey,
        create::Create,
        destroy::Destroy,
        disable::{Disable, Enable},
        encrypt::{Encrypt, Form},
        locate::{Locate, StorageStatus},
        rekey::Rekey,
        restore_key::RestoreKey,
        revoke::Revoke,
        show::{Show, Shown},
    },
    ports::store::Store as _,
    request::Reference,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::bench::{House, active_key, principal, system};

const KEYS: [&str; 3] = ["a", "b", "c"];
const WORDS: [&str; 2] = ["x", "y"];

/// One thing that is asked; keys and words by their number.
#[derive(Clone, Debug)]
enum Step {
    Create {
        key: usize,
        activation: u8,
        ends: bool,
        uses: Option<u64>,
    },
    Rotate(usize),
    Activate(usize),
    Deactivate(usize),
    Compromise(usize),
    Destroy(usize),
    Disable(usize),
    Enable(usize),
    Encrypt(usize),
    Tag {
        key: usize,
        word: usize,
        value: Option<usize>,
    },
    Alias {
        key: usize,
        word: usize,
    },
    RemoveAlias(usize),
    /// As the key was before so many of the last entries.
    Restore {
        key: usize,
        back: u64,
    },
    Pass(u16),
    ApplyDates,
}

fn step() -> impl Strategy<Value = Step> {
    let (key, word) = (0..KEYS.len(), 0..WORDS.len());
    let uses = prop::option::of(0..3_u64).prop_map(|uses| uses.map(|uses| uses + 1));
    prop_oneof![
        4 => (key.clone(), 0..3_u8, any::<bool>(), uses)
            .prop_map(|(key, activation, ends, uses)| Step::Create { key, activation, ends, uses }),
        2 => key.clone().prop_map(Step::Rotate),
        1 => key.clone().prop_map(Step::Activate),
        1 => key.clone().prop_map(Step::Deactivate),
        1 => key.clone().prop_map(Step::Compromise),
        1 => key.clone().prop_map(Step::Destroy),
        1 => key.clone().prop_map(Step::Disable),
        1 => key.clone().prop_map(Step::Enable),
        4 => key.clone().prop_map(Step::Encrypt),
        2 => (key.clone(), word.clone(), prop::option::of(word.clone()))
            .prop_map(|(key, word, value)| Step::Tag { key, word, value }),
        1 => (key.clone(), word.clone()).prop_map(|(key, word)| Step::Alias { key, word }),
        1 => word.prop_map(Step::RemoveAlias),
        1 => (key, 1..8_u64).prop_map(|(key, back)| Step::Restore { key, back }),
        2 => (0..4_000_u16).prop_map(Step::Pass),
        1 => Just(Step::ApplyDates),
    ]
}

/// What a move of a whole key makes of one version in this state; the same state where it may not move.
fn moved(step: &Step, state: State) -> State {
    use State::*;
    match (step, state) {
        (Step::Activate(_), PreActive) => Active,
        (Step::Deactivate(_), Active) => Deactivated,
        (Step::Compromise(_), Destroyed | DestroyedCompromised) => DestroyedCompromised,
        (Step::Compromise(_), _) => Compromised,
        (Step::Destroy(_), Compromised) => DestroyedCompromised,
        (Step::Destroy(_), PreActive | Active | Deactivated) => Destroyed,
        _ => state,
    }
}

/// The states that time alone leads to.
fn reachable_by_time(from: State, to: State) -> bool {
    use State::*;
    from == to || matches!((from, to), (PreActive, Active | Deactivated) | (Active, Deactivated))
}

/// Tags, and uses that are left of each limited version.
#[derive(Default)]
struct Model {
    tags: BTreeMap<usize, BTreeMap<String, String>>,
    /// None: it leads to a former key, which a new one took the name of.
    aliases: BTreeMap<usize, Option<usize>>,
    left: BTreeMap<ObjectId, u64>,
}

struct Lives {
    house: House,
    caller: Caller,
    model: Model,
}

impl Lives {
    fn new() -> Self {
        let house = House::new();
        let caller = principal(&house.engine, "admin", &[Role::Admin]);
        Self { house, caller, model: Model::default() }
    }

    fn ask<O: Operation>(&self, operation: O) -> Result<O::Reply> {
        self.house.engine.execute(&self.caller, &operation)
    }

    fn now(&self) -> Time {
        Time(self.house.clock.0.load(Ordering::SeqCst))
    }

    fn shown(&self, name: &str) -> Option<Shown> {
        match self.ask(Show { key: Reference::text(name) }) {
            Ok(shown) => Some(shown),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NotFound, "{name}: {error}");
                None
            }
        }
    }

    fn objects(&self) -> BTreeMap<ObjectId, Arc<ManagedObject>> {
        let shown = KEYS.iter().filter_map(|name| self.shown(name));
        shown.flat_map(|shown| shown.objects).map(|(object, _)| (object.id, object)).collect()
    }

    fn step(&mut self, step: &Step) {
        let (before, at) = (self.objects(), self.now());
        let states: BTreeMap<_, _> = before.iter().map(|(id, object)| (*id, state_at(object, at))).collect();
        let result = self.run(step);
        let after = self.objects();
        for (id, object) in &after {
            let now = state_at(object, self.now());
            let Some(former) = states.get(id) else {
                assert!(matches!(step, Step::Create { .. } | Step::Rotate(_)), "{step:?} made an object");
                continue;
            };
            self.check_move(step, &result, (*former, now), is_of(step, &self.shown_keys(), object));
            check_dates(step, &before[id], object);
        }
        // A name that is free again goes to a new key, and the old one is shown no more.
        for (id, state) in states.iter().filter(|(id, _)| !after.contains_key(*id)) {
            assert!(state.is_destroyed() && matches!(step, Step::Create { .. }), "{id} is gone by {step:?}");
        }
        self.check_model();
        self.check_locate(&after);
    }

    fn shown_keys(&self) -> Vec<Option<Shown>> {
        KEYS.iter().map(|name| self.shown(name)).collect()
    }

    fn check_move(&self, step: &Step, result: &Result<()>, (from, to): (State, State), is_meant: bool) {
        let expected = if is_meant { moved(step, from) } else { from };
        match (step, result) {
            (Step::Pass(_), _) => assert!(reachable_by_time(from, to), "{from:?} became {to:?} in time"),
            // Plans come back; what has happened stays.
            (Step::Restore { .. }, Ok(())) if is_meant => {
                assert!(from == to || reachable_by_time(from, to), "{from:?} became {to:?} by {step:?}");
            }
            // The date on which it ends may have passed before it began.
            (_, Ok(())) => assert!(reachable_by_time(expected, to), "{from:?} became {to:?} by {step:?}"),
            (_, Err(error)) => {
                assert_eq!(to, from, "{step:?} failed ({error}) and moved an object");
                assert_eq!(expected, from, "{step:?} failed ({error}) though {from:?} may move");
            }
        }
        assert!(!from.is_destroyed() || to.is_destroyed(), "{from:?} came back as {to:?}");
    }

    fn run(&mut self, step: &Step) -> Result<()> {
        let key = |number: usize| Reference::text(KEYS[number]);
        match *step {
            Step::Create { .. } => self.create(step),
            Step::Rotate(number) => self.rotate(number),
            Step::Activate(number) => self.ask(Activate { key: key(number) }).map(drop),
            Step::Deactivate(number) => self.revoke(number, RevocationReason::CessationOfOperation),
            Step::Compromise(number) => self.revoke(number, RevocationReason::KeyCompromise),
            Step::Destroy(number) => {
                self.ask(Destroy { key: key(number), deactivate: true, at_once: true }).map(drop)
            }
            Step::Disable(number) => self.ask(Disable { key: key(number) }).map(drop),
            Step::Enable(number) => self.ask(Enable { key: key(number) }).map(drop),
            Step::Encrypt(number) => self.encrypt(number),
            Step::Tag { key: number, word, value } => {
                let value = value.map(|value| WORDS[value].to_owned());
                let tags = [(WORDS[word].to_owned(), value.clone())].into();
                self.ask(ChangeKey::tags(key(number), tags))?;
                let tags = self.model.tags.entry(number).or_default();
                match value {
                    Some(value) => tags.insert(WORDS[word].to_owned(), value),
                    None => tags.remove(WORDS[word]),
                };
                Ok(())
            }
            Step::Alias { key: number, word } => {
                self.ask(SetAlias { key: key(number), alias: WORDS[word].to_owned() })?;
                self.model.aliases.insert(word, Some(number));
                Ok(())
            }
            Step::RemoveAlias(word) => {
                let removed = self.ask(RemoveAlias { alias: Reference::text(WORDS[word]) });
                assert_eq!(removed.is_ok(), self.model.aliases.remove(&word).is_some());
                Ok(())
            }
            Step::Restore { key: number, back } => self.restore(number, back),
            Step::Pass(ms) => {
                self.house.clock.0.fetch_add(ms.into(), Ordering::SeqCst);
                Ok(())
            }
            Step::ApplyDates => self.house.engine.execute(&system(), &ApplyDates::default()).map(drop),
        }
    }

    fn create(&mut self, step: &Step) -> Result<()> {
        let Step::Create { key, activation, ends, uses } = *step else { return Ok(()) };
        let activation = match activation {
            0 => Activation::Now,
            1 => Activation::Later,
            _ => Activation::At(Time(self.now().0 + 1_500)),
        };
        let limits = uses.map(|uses| new_usage_limits(uses, UsageUnit::Uses));
        let template = Template {
            activation,
            deactivation: ends.then(|| Time(self.now().0 + 3_000)),
            further: limits.into_iter().map(|(name, value)| (name, vec![value])).collect(),
            ..Template::default()
        };
        let former = self.shown(KEYS[key]);
        let is_free = former.is_none_or(|shown| shown.objects.iter().all(|(_, state)| state.is_destroyed()));
        let created = self.ask(Create { template, ..active_key(KEYS[key]) });
        assert_eq!(created.is_ok(), is_free, "{:?}", created.as_ref().err());
        created?;
        self.model.tags.insert(key, BTreeMap::new());
        // An alias leads to the key, not to the name.
        self.model.aliases.values_mut().filter(|of| **of == Some(key)).for_each(|of| *of = None);
        self.limit_newest(key, uses);
        Ok(())
    }

    fn rotate(&mut self, key: usize) -> Result<()> {
        let operation =
            Rekey { key: Reference::text(KEYS[key]), activation: None, template: None, public: None };
        self.ask(operation)?;
        let limits = self.shown(KEYS[key]).and_then(|shown| {
            let (newest, _) = shown.objects.last()?;
            shown.counted.get(&newest.id)?.limits
        });
        self.limit_newest(key, limits.map(|limits| limits.total));
        Ok(())
    }

    /// The newest version begins with all of its limits.
    fn limit_newest(&mut self, key: usize, uses: Option<u64>) {
        let shown = self.shown(KEYS[key]).expect("a key that was made is shown");
        let (newest, _) = shown.objects.last().expect("it has a version");
        self.model.left.extend(uses.map(|uses| (newest.id, uses)));
    }

    fn revoke(&self, key: usize, reason: RevocationReason) -> Result<()> {
        let revocation = Revocation { reason, message: None };
        self.ask(Revoke { key: Reference::text(KEYS[key]), revocation, compromise_occurrence: None })
            .map(drop)
    }

    fn restore(&mut self, key: usize, back: u64) -> Result<()> {
        let at = Lsn(self.house.store.published().0.saturating_sub(back).max(1));
        self.ask(RestoreKey { key: Reference::text(KEYS[key]), at: AsOf::Lsn(at) })?;
        // What it was then is on record, and nowhere in this model.
        let shown = self.shown(KEYS[key]).expect("a key that was restored is shown");
        self.model.tags.insert(key, shown.key.tags.clone());
        Ok(())
    }

    /// The newest version that may protect and is not set aside serves, while its limits last.
    fn encrypt(&mut self, key: usize) -> Result<()> {
        let shown = self.shown(KEYS[key]);
        let serving = shown.iter().flat_map(|shown| &shown.objects).rev();
        let serving =
            serving.into_iter().find(|(_, state)| *state == State::Active).map(|(object, _)| object.id);
        let left = serving.and_then(|id| self.model.left.get_mut(&id));
        let is_allowed = serving.is_some() && left.as_ref().is_none_or(|left| **left > 0);
        let operation = Encrypt {
            key: Reference::text(KEYS[key]),
            version: None,
            form: Form::Envelope { context: Vec::new() },
            plaintext: SecretBytes::new(vec![7; 8]),
        };
        let encrypted = self.house.engine.execute(&self.caller, &operation);
        assert_eq!(
            encrypted.is_ok(),
            is_allowed,
            "{:?}, {serving:?}, {left:?} left",
            encrypted.as_ref().err()
        );
        if let (Ok(encrypted), Some(serving)) = (&encrypted, serving) {
            assert_eq!(encrypted.object, serving, "another version serves");
        }
        if let (true, Some(left)) = (is_allowed, left) {
            *left -= 1;
        }
        encrypted.map(drop)
    }

    fn check_model(&self) {
        for (number, name) in KEYS.iter().enumerate() {
            let Some(shown) = self.shown(name) else { continue };
            assert_eq!(Some(&shown.key.tags), self.model.tags.get(&number), "tags of {name}");
            for (word, _) in self.model.aliases.iter().filter(|(_, of)| **of == Some(number)) {
                let led = self.shown(WORDS[*word]).map(|shown| shown.key.id);
                assert_eq!(led, Some(shown.key.id), "alias {} of {name}", WORDS[*word]);
            }
            for (id, counted) in &shown.counted {
                let left = counted.limits.map(|limits| limits.left);
                assert_eq!(left, self.model.left.get(id).copied(), "uses left of {name}");
            }
        }
    }

    /// A search by state finds what is shown in it, destroyed or not.
    fn check_locate(&self, objects: &BTreeMap<ObjectId, Arc<ManagedObject>>) {
        let name = AttributeName::Standard(AttributeKind::State);
        for state in [State::PreActive, State::Active, State::Deactivated, State::Compromised] {
            let locate = Locate {
                criteria: vec![(name.clone(), Value::Enumeration(state.code()))],
                group_member: None,
                storage: StorageStatus { online: true, archived: false, destroyed: false },
                items_max: None,
                offset: 0,
            };
            let found: BTreeSet<_> = self.ask(locate).expect("searches").objects.into_iter().collect();
            let now = self.now();
            // What is disabled has the number of what is deactivated.
            let shown = objects.values().filter(|object| shown_at(object, now).code() == state.code());
            let shown = shown.map(|object| object.id);
            assert_eq!(found, shown.collect::<BTreeSet<_>>(), "{state:?}");
        }
    }
}

/// Whether the step is about the key of this object.
fn is_of(step: &Step, keys: &[Option<Shown>], object: &ManagedObject) -> bool {
    let number = match *step {
        Step::Create { key, .. }
        | Step::Tag { key, .. }
        | Step::Alias { key, .. }
        | Step::Restore { key, .. } => key,
        Step::Rotate(key)
        | Step::Activate(key)
        | Step::Deactivate(key)
        | Step::Compromise(key)
        | Step::Destroy(key)
        | Step::Disable(key)
        | Step::Enable(key)
        | Step::Encrypt(key) => key,
        Step::RemoveAlias(_) | Step::Pass(_) | Step::ApplyDates => return false,
    };
    keys[number].as_ref().is_some_and(|shown| shown.key.id == object.key)
}

/// What has happened has its date for ever, and no revision comes again.
fn check_dates(step: &Step, before: &ManagedObject, after: &ManagedObject) {
    assert!(after.revision >= before.revision, "{step:?} took a revision back");
    let (former, now) = (&before.dates, &after.dates);
    assert_eq!(former.initial, now.initial, "{step:?}");
    assert_eq!(former.original_creation, now.original_creation, "{step:?}");
    assert!(now.last_change >= former.last_change, "{step:?}");
    for (former, now) in [(former.destroy, now.destroy), (former.compromise, now.compromise)] {
        assert!(former.is_none() || now == former, "{step:?}: {former:?} became {now:?}");
    }
    if before.state != State::PreActive {
        assert_eq!(former.activation, now.activation, "{step:?}");
    }
}

#[test]
fn whatever_is_asked_keys_live_by_the_standards() {
    let cases = if std::env::var_os("KEYREEVE_LONG").is_some() { 5_000 } else { 200 };
    let seed = std::env::var("KEYREEVE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let rng_seed = RngSeed::Fixed(seed);
    let config = ProptestConfig { cases, rng_seed, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in prop::collection::vec(step(), 1..40))| {
        let mut lives = Lives::new();
        for step in &steps {
            lives.step(step);
        }
    });
}
