//! Running an operation from an async task: prepare, commit, and run again while what it read moves. Also the one log
//! line of every request. Not here: what operations do (core) and who asks (authn).

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use keyreeve_core::access::{Action, Caller};
use keyreeve_core::engine::{ATTEMPTS_MAX, Ended, Engine, Prepared, conflict};
use keyreeve_core::model::{Algorithm, Curve, KeyId, KeySpec, ObjectId, RealmId};
use keyreeve_core::operations::{Operation, Subject};
use keyreeve_core::ports::store::Store;
use keyreeve_core::record::{EntryDraft, Record, RecordKey};
use keyreeve_core::request::{Reference, chosen_id};
use keyreeve_core::{Error, ErrorKind, Result};
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use crate::metrics::COUNTED;

/// Target of the log lines that tell of requests, one each.
pub const REQUEST_LOG: &str = "keyreeve::request";

/// Runs an operation to its end: the answer is here once its entry is durable. On a full disk, how the server is is told
/// without an entry.
///
/// # Errors
/// The operation's; `Conflict` where others kept changing the same data; `Unavailable` where nothing can be written.
pub async fn execute<O: Operation + 'static>(
    engine: &Arc<Engine>,
    caller: &Caller,
    operation: O,
) -> Result<O::Reply> {
    let begin = Instant::now();
    let operation = Arc::new(operation);
    for _ in 0..ATTEMPTS_MAX {
        let prepared = prepare(engine, caller, &operation).await?;
        let line = Line::new(caller, prepared.entry());
        let held_up = prepared.is_held_up();
        let reply = if engine.store().is_full() && prepared.needs_no_entry() {
            prepared.into_reply()
        } else {
            match commit(engine, prepared).await? {
                // Who was refused can ask for the why by it. Of what may not be known, nobody is told that it is on record.
                Ended::Done(lsn, reply) => reply.map_err(|error| match error.kind() {
                    ErrorKind::Denied => error.recorded_at(lsn),
                    _ => error,
                }),
                Ended::Lost(error) => Err(error),
                Ended::Stale => continue,
            }
        };
        if !held_up {
            COUNTED.request(caller.protocol, line.action, reply.as_ref().err(), begin.elapsed());
            line.log(begin, reply.as_ref().err());
        }
        return reply;
    }
    warn!(request = %caller.request, attempts = ATTEMPTS_MAX, "given up: others keep changing the same data");
    Err(conflict())
}

/// Work of more than about 200 microseconds would hold up the other connections of this thread.
async fn prepare<O: Operation + 'static>(
    engine: &Arc<Engine>,
    caller: &Caller,
    operation: &Arc<O>,
) -> Result<Prepared<O::Reply>> {
    if !is_slow(engine, caller, &**operation) {
        return Ok(engine.prepare(caller, &**operation));
    }
    let (engine, caller, operation) = (Arc::clone(engine), caller.clone(), Arc::clone(operation));
    tokio::task::spawn_blocking(move || engine.prepare(&caller, &*operation))
        .await
        .map_err(|cause| Error::internal(format!("an operation broke off: {cause}")))
}

async fn commit<R: Send + 'static>(engine: &Arc<Engine>, prepared: Prepared<R>) -> Result<Ended<R>> {
    let (sender, receiver) = oneshot::channel();
    engine.commit(prepared, move |ended| {
        // Nobody waits any more where the connection broke meanwhile; the entry stands all the same.
        let _ = sender.send(ended);
    });
    receiver.await.map_err(|_| Error::internal("the committer dropped a commit"))
}

fn is_slow<O: Operation>(engine: &Engine, caller: &Caller, operation: &O) -> bool {
    if operation.takes_long() {
        return true;
    }
    let heavy = |uses: fn(&KeySpec) -> bool| match operation.subject() {
        Subject::Key(reference) => spec(engine, caller.realm(), reference).is_some_and(|spec| uses(&spec)),
        Subject::Realm => false,
    };
    match operation.action() {
        Action::Mac
        | Action::MacVerify
        | Action::Hash
        | Action::Random
        | Action::Get
        | Action::GetPublic
        | Action::GetAttributes
        | Action::Check
        | Action::Query
        | Action::Status => false,
        Action::Encrypt | Action::Verify | Action::Wrap => heavy(is_slow_in_public),
        Action::Sign | Action::Decrypt | Action::Unwrap => heavy(is_slow_in_private),
        _ => true,
    }
}

/// The larger curves, on which everything takes some hundred microseconds, and SLH-DSA, where it takes a millisecond.
fn is_slow_in_public(spec: &KeySpec) -> bool {
    matches!(spec.curve, Some(Curve::P384 | Curve::P521)) || spec.algorithm.is_slh_dsa()
}

/// Also RSA; ML-DSA, which tries anew until a signature fits; and SLH-DSA, which hashes up to millions of times.
fn is_slow_in_private(spec: &KeySpec) -> bool {
    use Algorithm::{MlDsa44, MlDsa65, MlDsa87, Rsa};
    matches!(spec.algorithm, Rsa | MlDsa44 | MlDsa65 | MlDsa87) || is_slow_in_public(spec)
}

/// What kind of key it is, as far as the store can tell at once. A guess: it only picks a thread.
fn spec(engine: &Engine, realm: RealmId, reference: &Reference) -> Option<KeySpec> {
    let store = &**engine.store();
    match reference {
        Reference::Text(text) => {
            // In the order in which text is resolved: ids come before names.
            let by_id = text.parse::<ObjectId>().ok();
            let by_id = by_id.and_then(|id| of_key(store, KeyId(id.0)).or_else(|| of_object(store, id)));
            by_id.or_else(|| match store.get(&RecordKey::KeyName(realm, text.clone())).ok()??.as_ref() {
                Record::KeyName { key, .. } => of_key(store, *key),
                _ => None,
            })
        }
        Reference::Object(id) => of_object(store, *id),
        Reference::Chosen(text) => of_object(store, chosen_id(&**engine.crypto(), realm, text)),
    }
}

fn of_key(store: &dyn Store, id: KeyId) -> Option<KeySpec> {
    match store.get(&RecordKey::Key(id)).ok()??.as_ref() {
        Record::Key(key) => key.spec,
        _ => None,
    }
}

fn of_object(store: &dyn Store, id: ObjectId) -> Option<KeySpec> {
    match store.get(&RecordKey::Object(id)).ok()??.as_ref() {
        Record::Object(object) => object.spec,
        _ => None,
    }
}

/// What the log says of a request.
struct Line<'a> {
    caller: &'a Caller,
    action: Action,
    target: Option<String>,
    object: Option<ObjectId>,
}

impl<'a> Line<'a> {
    fn new(caller: &'a Caller, entry: &EntryDraft) -> Self {
        Self { caller, action: entry.action, target: entry.target.clone(), object: entry.object }
    }

    fn log(&self, begin: Instant, failure: Option<&Error>) {
        let Self { caller, action, target, object } = self;
        let object = || object.map(|object| object.to_string());
        let object = target.as_deref().map(Cow::Borrowed).or_else(|| object().map(Cow::Owned));
        let outcome = failure.map_or(Cow::Borrowed("ok"), |failure| format!("{:?}", failure.kind()).into());
        let detail = failure.map(ToString::to_string);
        let microseconds = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
        info!(
            target: REQUEST_LOG,
            principal = %caller.name(),
            object = %object.as_deref().unwrap_or("-"),
            %outcome,
            microseconds,
            detail,
            "{} {}",
            caller.protocol,
            action.word(),
        );
        if let Some(fault) = failure.filter(|failure| failure.kind() == ErrorKind::Internal) {
            error!(request = %caller.request, cause = %fault, "{} {} failed", caller.protocol, action.word());
        }
    }
}
