//! Races: somebody uses a key all the time while it is taken away. What began after the taking was answered must be refused,
//! whatever was cached.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::{collections::BTreeMap, thread};

use keyreeve_core::{
    Error, SecretBytes,
    access::{Action, Caller},
    engine::Engine,
    model::{KeyPolicy, KeySpec, Revocation, RevocationReason, Role},
    operations::{
        Activation, Template,
        create::Create,
        destroy::Destroy,
        disable::Disable,
        encrypt::{Encrypt, Form},
        grant::Grant,
        revoke::Revoke,
    },
    request::Reference,
};

use super::bench::{House, principal};

/// Races in the normal run, and in the long one.
const RACES: (u64, u64) = (400, 100_000);
const USERS: usize = 2;

/// One key, and what became of it.
#[derive(Default)]
struct Race {
    key: String,
    /// The taking away was answered.
    is_over: AtomicBool,
    uses: AtomicU64,
    refusals_after: AtomicU64,
    uses_after: AtomicU64,
}

impl Race {
    /// One try, by when it began.
    fn run(&self, engine: &Engine, user: &Caller) {
        let was_over = self.is_over.load(Ordering::SeqCst);
        let operation = Encrypt {
            key: Reference::text(&*self.key),
            version: None,
            form: Form::Envelope { context: Vec::new() },
            plaintext: SecretBytes::copy_from(b"attack at dawn"),
        };
        let counted = match (engine.execute(user, &operation), was_over) {
            (Ok(_), false) => &self.uses,
            (Ok(_), true) => &self.uses_after,
            (Err(_), true) => &self.refusals_after,
            // Before the answer, either is right.
            (Err(_), false) => return,
        };
        counted.fetch_add(1, Ordering::SeqCst);
    }

    fn wait(&self, count: &AtomicU64) {
        while count.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
    }
}

fn create(engine: &Engine, owner: &Caller, name: &str) -> Result<(), Error> {
    let create = Create {
        name: Some(name.into()),
        spec: KeySpec::from_name("aes-256").expect("known"),
        template: Template { activation: Activation::Now, ..Template::default() },
        public: Template::default(),
        policy: KeyPolicy::default(),
        tags: BTreeMap::new(),
        usage_must_fit: false,
    };
    engine.execute(owner, &create)?;
    grant(engine, owner, name, &[Action::Encrypt])
}

fn grant(engine: &Engine, owner: &Caller, name: &str, actions: &[Action]) -> Result<(), Error> {
    let grant = Grant {
        key: Reference::text(name),
        principal: "user".into(),
        actions: actions.iter().copied().collect(),
        expires: None,
        encryption_context: BTreeMap::new(),
    };
    engine.execute(owner, &grant).map(drop)
}

/// Takes the key away, in one of the ways there are.
fn take_away(engine: &Engine, owner: &Caller, name: &str, way: u64) -> Result<(), Error> {
    let key = Reference::text(name);
    let revocation = Revocation { reason: RevocationReason::KeyCompromise, message: None };
    match way {
        0 => engine.execute(owner, &Revoke { key, revocation, compromise_occurrence: None }).map(drop),
        1 => engine.execute(owner, &Destroy { key, deactivate: true, at_once: true }).map(drop),
        2 => engine.execute(owner, &Disable { key }).map(drop),
        _ => grant(engine, owner, name, &[]),
    }
}

#[test]
fn a_key_that_was_taken_away_serves_nobody_who_asks_afterwards() {
    let house = House::new();
    let owner = principal(&house.engine, "owner", &[Role::User]);
    let user = principal(&house.engine, "user", &[Role::User]);
    let races = if std::env::var_os("KEYREEVE_LONG").is_some() { RACES.1 } else { RACES.0 };
    let current: Mutex<Option<Arc<Race>>> = Mutex::new(None);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..USERS {
            scope.spawn(|| {
                while !is_done.load(Ordering::SeqCst) {
                    let race = current.lock().expect("no thread panics with it").clone();
                    match race {
                        Some(race) => race.run(&house.engine, &user),
                        None => thread::yield_now(),
                    }
                }
            });
        }
        let _ends = Ends(&is_done);
        for number in 0..races {
            let race = Arc::new(Race { key: format!("key-{number}"), ..Race::default() });
            create(&house.engine, &owner, &race.key).expect("makes a key");
            *current.lock().expect("no thread panics with it") = Some(Arc::clone(&race));
            race.wait(&race.uses);
            take_away(&house.engine, &owner, &race.key, number % 4).expect("takes it away");
            race.is_over.store(true, Ordering::SeqCst);
            race.wait(&race.refusals_after);
            let uses_after = race.uses_after.load(Ordering::SeqCst);
            assert_eq!(uses_after, 0, "race {number}: a key was used after it was taken away");
        }
    });
}

/// Ends the users with the races, also with one that fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
