//! Logins over a store of their own, by a clock that stands still until it is set.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use keyreeve_core::SecretBytes;
use keyreeve_core::access::Caller;
use keyreeve_core::access::approvals::ApprovalRule;
use keyreeve_core::model::{Principal, Role};
use keyreeve_core::operations::Operation;
use keyreeve_core::operations::credentials::RevokeCredential;
use keyreeve_core::operations::principals::{
    AddCredential, CreatePrincipal, ListPrincipals, RevokePrincipal, new_id,
};
use keyreeve_core::operations::recovery::{RecoverAdministrator, administered};
use keyreeve_core::operations::server::Initialize;
use keyreeve_core::ports::clock::Clock;
use keyreeve_core::record::RecordKey;
use keyreeve_crypto::SoftwareCrypto;
use keyreeve_store::{Store, StoreOptions, Unlock};
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::login::{LoggedIn, Shown};
use super::*;
use crate::listen::Known;

struct HandClock(AtomicI64);

impl HandClock {
    fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::Relaxed))
    }

    fn wait(&self, _: Duration) {}
}

struct House {
    clock: Arc<HandClock>,
    engine: Arc<Engine>,
    authenticator: Authenticator,
    _folder: TempDir,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A whole number of the steps that one-time codes go by.
        let clock = Arc::new(HandClock(AtomicI64::new(1_800_000_000_000)));
        let crypto = Arc::new(SoftwareCrypto::new());
        let options = StoreOptions::new(folder.path().join("data"), crypto.clone(), clock.clone());
        let unlock = Unlock::KeyFile(SecretBytes::copy_from("17".repeat(32).as_bytes()));
        Store::create(&options, &unlock).unwrap();
        let store = Arc::new(Store::open(&options, &unlock).unwrap());
        let engine = Arc::new(Engine::new(store.clone(), store.sealer(), crypto, clock.clone()));
        let authenticator = Authenticator::new(engine.clone(), 10);
        Self { clock, engine, authenticator, _folder: folder }
    }

    fn run<O: Operation>(&self, operation: O) -> O::Reply {
        let caller = Caller::system(request_id(&self.engine).unwrap());
        self.engine.execute(&caller, &operation).unwrap()
    }

    /// Makes a person with a password; gives the seed of its one-time codes, where it has some.
    async fn person(&self, name: &str, password: &str, with_totp: bool) -> Option<SecretBytes> {
        let made = self.authenticator.new_password(secret(password), with_totp, None).await.unwrap();
        let id = new_id(&**self.engine.crypto(), self.clock.now()).unwrap();
        let create = CreatePrincipal {
            id,
            name: name.to_owned(),
            roles: [Role::User].into(),
            credentials: vec![made.credential],
            person: false,
        };
        self.run(create);
        let seed = made.seed?;
        Some(SecretBytes::new(data_encoding::BASE32_NOPAD.decode(seed.as_bytes()).unwrap()))
    }

    async fn log_in(&self, from: u8, name: &str, password: &str, code: Option<&str>) -> Result<LoggedIn> {
        self.change(from, name, (password, None), code).await
    }

    /// Logs in, with a new password where there is one.
    async fn change(
        &self,
        from: u8,
        name: &str,
        (password, new): (&str, Option<&str>),
        code: Option<&str>,
    ) -> Result<LoggedIn> {
        let (name, password, code) = (name.to_owned(), secret(password), code.map(secret));
        let shown = Shown::Password { realm: None, name, password, code, new_password: new.map(secret) };
        let ask = async |caller: Caller, operation| execute(&self.engine, &caller, operation).await;
        self.authenticator.log_in(&peer(from), shown, ask).await
    }

    async fn may(&self, token: &str) -> Result<Caller> {
        self.authenticator.authenticate("rest", &peer(1), Some(token)).await
    }

    fn code(&self, seed: &SecretBytes) -> Zeroizing<String> {
        let step = u64::try_from(self.clock.now().seconds()).unwrap() / 30;
        totp::code_of(&**self.engine.crypto(), seed, step).unwrap()
    }
}

fn secret(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

fn peer(number: u8) -> Peer {
    let address = SocketAddr::from((Ipv4Addr::new(192, 0, 2, number), 1));
    Peer { address, certificate: None, member: None, known: Known::default() }
}

/// What somebody is told who is not logged in.
fn told(result: Result<LoggedIn>) -> String {
    let error = result.err().expect("is refused");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    error.public().to_owned()
}

const PASSWORD: &str = "correct horse battery";

#[tokio::test]
async fn a_name_that_nobody_has_costs_and_tells_what_a_wrong_password_does() {
    let house = House::new();
    house.person("alice", PASSWORD, false).await;
    house.person("bob", PASSWORD, true).await;
    house.person("carol", PASSWORD, false).await;
    house.run(RevokePrincipal { name: "carol".to_owned(), leave_rules_stuck: false });
    let mut answers = Vec::new();
    for (name, password) in
        [("alice", "a wrong password"), ("nobody", PASSWORD), ("carol", PASSWORD), ("bob", PASSWORD)]
    {
        let before = house.authenticator.stretching.done();
        answers.push(told(house.log_in(1, name, password, None).await));
        assert_eq!(house.authenticator.stretching.done(), before + 1, "{name}");
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let done = house.log_in(1, "alice", PASSWORD, None).await.unwrap();
    assert_eq!(house.may(&done.token).await.unwrap().name(), "alice");
}

#[tokio::test]
async fn a_one_time_code_is_taken_once_and_none_before_it() {
    let house = House::new();
    let seed = house.person("alice", PASSWORD, true).await.unwrap();
    let first = house.code(&seed);
    house.clock.pass(30);
    let second = house.code(&seed);
    told(house.log_in(1, "alice", PASSWORD, None).await);
    told(house.log_in(1, "alice", "a wrong password", Some(&second)).await);
    house.log_in(1, "alice", PASSWORD, Some(&second)).await.unwrap();
    told(house.log_in(1, "alice", PASSWORD, Some(&second)).await);
    told(house.log_in(1, "alice", PASSWORD, Some(&first)).await);
    house.clock.pass(30);
    house.log_in(1, "alice", PASSWORD, Some(&house.code(&seed))).await.unwrap();
    // Many at once with one code: one of them.
    house.clock.pass(30);
    let code = house.code(&seed);
    let (one, other) = tokio::join!(
        house.log_in(1, "alice", PASSWORD, Some(&code)),
        house.log_in(1, "alice", PASSWORD, Some(&code))
    );
    assert_eq!([one.is_ok(), other.is_ok()].into_iter().filter(|done| *done).count(), 1);
}

#[tokio::test]
async fn failures_slow_down_a_name_from_everywhere_and_a_source_under_every_name() {
    let house = House::new();
    house.person("alice", PASSWORD, false).await;
    house.person("bob", PASSWORD, false).await;
    let done = house.log_in(1, "alice", PASSWORD, None).await.unwrap();
    for from in 10..16 {
        told(house.log_in(from, "alice", "a wrong password", None).await);
    }
    // The sixth failure costs two seconds: also of who comes from elsewhere, and knows the password.
    let before = house.authenticator.stretching.done();
    told(house.log_in(1, "alice", PASSWORD, None).await);
    assert_eq!(house.authenticator.stretching.done(), before, "it is not even tried");
    house.may(&done.token).await.unwrap();
    house.log_in(1, "bob", PASSWORD, None).await.unwrap();
    house.clock.pass(2);
    house.log_in(1, "alice", PASSWORD, None).await.unwrap();
    for name in ["a", "b", "c", "d", "e", "f"] {
        told(house.log_in(20, name, "a wrong password", None).await);
    }
    told(house.log_in(20, "bob", PASSWORD, None).await);
    house.log_in(21, "bob", PASSWORD, None).await.unwrap();
    house.clock.pass(2);
    house.log_in(20, "bob", PASSWORD, None).await.unwrap();
}

#[tokio::test]
async fn a_token_of_a_login_ends_by_itself_and_with_its_password() {
    let house = House::new();
    house.person("alice", PASSWORD, false).await;
    let done = house.log_in(1, "alice", PASSWORD, None).await.unwrap();
    house.may(&done.token).await.unwrap();
    house.clock.pass(login::LOGIN_SECONDS);
    assert!(house.may(&done.token).await.is_err());
    let done = house.log_in(1, "alice", PASSWORD, None).await.unwrap();
    house.run(RevokeCredential { id: shown_for(&done), token_only: false });
    assert!(house.may(&done.token).await.is_err());
    told(house.log_in(1, "alice", PASSWORD, None).await);
}

fn shown_for(done: &LoggedIn) -> CredentialId {
    done.credential.kind.rests_on().unwrap()
}

#[tokio::test]
async fn more_than_so_many_passwords_at_once_are_not_taken() {
    let house = House::new();
    let _all = house.authenticator.stretching.take_all();
    let error = house.log_in(1, "alice", PASSWORD, None).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_client_and_an_address_send_so_many_requests_and_no_more() {
    let house = House::new();
    house.person("alice", PASSWORD, false).await;
    let done = house.log_in(1, "alice", PASSWORD, None).await.unwrap();
    let from = async |number: u8| {
        let asked = house.authenticator.authenticate("rest", &peer(number), Some(&done.token)).await;
        asked.err().map(|error| (error.kind(), error.retry_seconds()))
    };
    let beyond = |seconds: u32| Some((ErrorKind::LimitExceeded, Some(seconds)));
    house.authenticator.set_requests_max([0, 3, 0], [2, 0, 0]);
    assert_eq!([from(1).await, from(1).await, from(1).await], [None, None, beyond(1)]);
    assert_eq!([from(2).await, from(3).await], [None, beyond(60)], "wherever it comes from");
    // Strangers are counted before anything is looked at, and at a login.
    let strange = async || {
        let asked = house.authenticator.authenticate("rest", &peer(4), None).await;
        asked.err().unwrap().kind()
    };
    let kinds = [strange().await, strange().await, strange().await];
    assert_eq!(kinds, [ErrorKind::Unauthenticated, ErrorKind::Unauthenticated, ErrorKind::LimitExceeded]);
    let error = house.log_in(4, "alice", PASSWORD, None).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    house.clock.pass(60);
    assert_eq!(from(1).await, None);
}

#[tokio::test]
async fn no_token_is_issued_beside_an_error() {
    let house = House::new();
    house.person("alice", PASSWORD, false).await;
    let shown = Shown::Password {
        realm: None,
        name: "alice".to_owned(),
        password: secret(PASSWORD),
        code: None,
        new_password: None,
    };
    let mut id = None;
    let ask = |_: Caller, operation: keyreeve_core::operations::login::LogIn| {
        id = Some(operation.token.id);
        async { Err(Error::new(ErrorKind::Unavailable, "the journal is full")) }
    };
    let answer = house.authenticator.log_in(&peer(1), shown, ask).await;
    assert_eq!(answer.err().expect("is an error alone").kind(), ErrorKind::Unavailable);
    let address = RecordKey::Credential(id.unwrap());
    assert!(house.engine.store().get(&address).unwrap().is_none(), "what nobody was told proves nobody");
}

#[tokio::test]
async fn a_person_changes_a_password_by_the_old_one_which_ends_with_its_tokens() {
    const NEW: &str = "another horse entirely";
    let house = House::new();
    let seed = house.person("alice", PASSWORD, true).await.unwrap();
    let step = || house.clock.pass(30);
    let before = house.log_in(1, "alice", PASSWORD, Some(&house.code(&seed))).await.unwrap();
    step();
    // Neither without the old password, nor without its code; what is wrong with the new one tells nothing of the old.
    for (old, code) in [("a wrong password", true), (PASSWORD, false)] {
        let code = code.then(|| house.code(&seed));
        told(house.change(1, "alice", (old, Some(NEW)), code.as_deref().map(String::as_str)).await);
    }
    for (old, new) in [(PASSWORD, "too short"), ("a wrong password", "too short"), (PASSWORD, PASSWORD)] {
        let code = house.code(&seed);
        let answer = house.change(1, "alice", (old, Some(new)), Some(&code)).await;
        assert_eq!(answer.err().expect("is refused").kind(), ErrorKind::InvalidField);
    }
    assert_eq!(house.may(&before.token).await.unwrap().name(), "alice");

    let code = house.code(&seed);
    let done = house.change(1, "alice", (PASSWORD, Some(NEW)), Some(&code)).await.unwrap();
    assert!(house.may(&before.token).await.is_err(), "a token that the old password gave");
    assert_eq!(house.may(&done.token).await.unwrap().name(), "alice");
    // The seed of the codes stays; the code that was taken is taken.
    told(house.log_in(2, "alice", NEW, Some(&code)).await);
    step();
    told(house.log_in(3, "alice", PASSWORD, Some(&house.code(&seed))).await);
    house.log_in(4, "alice", NEW, Some(&house.code(&seed))).await.unwrap();
}

#[tokio::test]
async fn an_access_for_an_emergency_ends_by_itself_whatever_it_was_given_since() {
    let house = House::new();
    house.run(Initialize);
    let crypto = &**house.engine.crypto();
    let now = house.clock.now();
    let over = Time(now.0 + 3_600_000);
    let ends = Some(over);
    let recover = |name: &str, ends, credentials| RecoverAdministrator {
        name: name.to_owned(),
        id: new_id(crypto, now).unwrap(),
        credentials,
        replaces: None,
        ends,
        proven_by: "shares".to_owned(),
    };
    let (token, credential) = token::generate(crypto, ends).unwrap();
    let made = house.run(recover("night", ends, vec![credential]));
    assert!(made.roles.contains(&Role::Admin) && !made.is_lasting());
    let (later, credential) = token::generate(crypto, None).unwrap();
    house.run(AddCredential { name: "night".to_owned(), credential, replace: false });
    for token in [&token, &later] {
        house.may(token).await.unwrap();
    }
    // It approves nothing.
    let rule = ApprovalRule::by_default(now, "alice");
    assert!(!rule.approver(&made));
    assert!(rule.approver(&Principal { ends: None, ..Principal::clone(&made) }));
    let report = administered(&house.engine, now, now).unwrap();
    assert_eq!((report[0].now, &report[0].open), (0, &vec![("night".to_owned(), over)]));

    let held = house.may(&later).await.unwrap();
    house.clock.pass(3600);
    for token in [&token, &later] {
        assert!(house.may(token).await.is_err());
    }
    let refused = execute(&house.engine, &held, ListPrincipals { after: None, limit: 9, only: None }).await;
    assert_eq!(refused.err().map(|error| error.kind()), Some(ErrorKind::Unauthenticated));
    assert!(administered(&house.engine, house.clock.now(), now).unwrap()[0].open.is_empty());

    // Nobody who is here to stay becomes one whose access ends, and nobody replaces themselves.
    let caller = Caller::system(request_id(&house.engine).unwrap());
    let (_, credential) = token::generate(crypto, None).unwrap();
    house.run(recover("carol", None, vec![credential]));
    let (_, credential) = token::generate(crypto, None).unwrap();
    let refused = house.engine.execute(&caller, &recover("carol", ends, vec![credential])).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    let (_, credential) = token::generate(crypto, None).unwrap();
    let itself = RecoverAdministrator {
        replaces: Some("carol".to_owned()),
        ..recover("carol", None, vec![credential])
    };
    assert_eq!(house.engine.execute(&caller, &itself).err().unwrap().kind(), ErrorKind::InvalidField);
    let report = administered(&house.engine, now, now).unwrap();
    assert_eq!((report[0].now, report[0].later), (1, 1));
}
