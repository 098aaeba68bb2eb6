//! The engine: the way of one request from a caller's operation to a durable entry.
//!
//! `prepare` runs an operation against the store and gives its reply together with the entry that must be on disk
//! before the reply may leave; `commit` puts it there. Operations never write. What they read is tracked, and an entry
//! whose reads have moved is refused as stale, so that the caller prepares again.

use std::sync::{
    Arc,
    atomic::{AtomicU16, AtomicU64, Ordering},
    mpsc,
};

use parking_lot::{Mutex, MutexGuard};

use crate::{
    access::{
        Action, ActionGroup, Caller, Permit, Target,
        approvals::KeptRules,
        rules::{Effort, KeptDecisions},
    },
    error::{Error, ErrorKind, Result},
    model::{CredentialId, KeyMaterial, Lsn, ManagedObject, ObjectId, Principal, PrincipalId, Time},
    operations::{Operation, Subject, realms},
    pages::Pages,
    parsed::{Loaded, ParsedKeys},
    per_second::{PerSecond, Suppressed},
    persons::Persons,
    policy::KeptPolicies,
    ports::{
        clock::Clock,
        crypto::{Crypto, ParsedKey},
        seal::Sealer,
        store::{Commit, Committed, Store},
    },
    record::{EntryDraft, Outcome, Record, RecordKey},
    request::{Context, Finished, Reference, Resolved, binding, canonical, policy::makes, shortened},
    walks::Walks,
};

/// How often a stale operation is run again before the caller is told of a conflict.
pub const ATTEMPTS_MAX: usize = 64;

/// Bytes of the reason that an entry keeps.
const DETAIL_BYTES_MAX: usize = 1024;

/// The engine. Shared by all front-ends.
pub struct Engine {
    store: Arc<dyn Store>,
    sealer: Arc<dyn Sealer>,
    crypto: Arc<dyn Crypto>,
    clock: Arc<dyn Clock>,
    parsed: ParsedKeys,
    persons: Persons,
    decisions: KeptDecisions,
    approval_rules: KeptRules,
    policies: KeptPolicies,
    destroy_waiting_days: AtomicU16,
    /// Refused and failed requests of each that asks.
    failures: PerSecond<Asking>,
    /// Held by the one request that reads the past: that costs a walk through the journal.
    past: Mutex<()>,
    pages: Pages,
    walks: Walks,
    /// The newest [tick](Self::tick).
    newest_tick: AtomicU64,
}

/// Who asks, as failures are counted: a principal by what it proved itself with, so that whoever has one of its tokens, narrowed to
/// little, does not hold up what it asks for with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Asking {
    /// The principal.
    pub principal: PrincipalId,
    credentials: [Option<CredentialId>; 2],
}

/// An operation that ran and waits for its entry to become durable.
pub struct Prepared<R> {
    commit: Commit,
    reply: Result<R>,
    purge: Vec<ObjectId>,
    loaded: Loaded,
    /// Parsed keys of the objects that it makes.
    taken: Vec<(ObjectId, Arc<dyn ParsedKey>)>,
    /// Whether the entry is bound to what was read.
    binding: bool,
    /// What it took.
    effort: Effort,
    /// Not looked at, since too many of this principal failed: counted, and not on record itself.
    held_up: bool,
}

/// Several operations, each upon what the ones before it did, without a trace: nothing is recorded and nothing stays.
/// Tells whether a batch that is to be done as a whole or not at all would succeed.
pub struct Rehearsal<'e> {
    context: Context<'e>,
}

/// How a prepared operation ended.
pub enum Ended<R> {
    /// On record: the reply may leave.
    Done(Lsn, Result<R>),
    /// What it read has changed: prepare again.
    Stale,
    /// The entry could not be written: the reply is lost, this error leaves instead.
    Lost(Error),
}

impl<R> Prepared<R> {
    /// What running it took of the store and of deciding.
    pub fn effort(&self) -> Effort {
        self.effort
    }

    /// The entry that will be on record, for the log.
    pub fn entry(&self) -> &EntryDraft {
        &self.commit.entry
    }

    /// True where nobody looked at it, since too many requests of this principal failed in this second: it is counted, and leaves no
    /// entry of its own.
    pub fn is_held_up(&self) -> bool {
        self.held_up
    }

    /// True where it only tells how the server is: an administrator must be told that also while the disk is full and
    /// nothing can be put on record.
    pub fn needs_no_entry(&self) -> bool {
        let entry = &self.commit.entry;
        matches!(entry.action, Action::Status | Action::Inspect)
            && entry.changes.is_empty()
            && entry.outcome == Outcome::Success
    }

    /// The reply, without an entry: only where `needs_no_entry`.
    ///
    /// # Errors
    /// Those of the operation.
    pub fn into_reply(self) -> Result<R> {
        self.reply
    }
}

impl Engine {
    /// An engine over these ports.
    pub fn new(
        store: Arc<dyn Store>,
        sealer: Arc<dyn Sealer>,
        crypto: Arc<dyn Crypto>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            store,
            sealer,
            crypto,
            clock,
            parsed: ParsedKeys::new(),
            persons: Persons::default(),
            decisions: KeptDecisions::new(),
            approval_rules: KeptRules::default(),
            policies: KeptPolicies::default(),
            failures: PerSecond::new(u32::MAX, u32::MAX),
            destroy_waiting_days: AtomicU16::new(0),
            past: Mutex::new(()),
            pages: Pages::default(),
            walks: Walks::default(),
            newest_tick: AtomicU64::new(0),
        }
    }

    /// With this waiting period before a destruction, in days, for keys whose policy has none; 0 without this.
    pub fn with_destroy_waiting_days(self, days: u16) -> Self {
        self.set_destroy_waiting_days(days);
        self
    }

    /// Lets keys whose policy has no waiting period wait so long from now on, in days.
    pub fn set_destroy_waiting_days(&self, days: u16) {
        self.destroy_waiting_days.store(days, Ordering::Relaxed);
    }

    pub(crate) fn destroy_waiting_days(&self) -> u16 {
        self.destroy_waiting_days.load(Ordering::Relaxed)
    }

    /// Parsed keys that are kept ready.
    pub(crate) fn parsed(&self) -> &ParsedKeys {
        &self.parsed
    }

    /// Persons whose keys are kept ready.
    pub(crate) fn persons(&self) -> &Persons {
        &self.persons
    }

    /// Access rules made ready, and what was decided by them.
    pub(crate) fn decisions(&self) -> &KeptDecisions {
        &self.decisions
    }

    /// Decides whether the caller may do this as things are, off the record: before work that is wasted where it may not. The
    /// operation decides again.
    ///
    /// # Errors
    /// `Denied`, `NotFound`, `Unauthenticated`; the store's.
    pub fn authorize(&self, caller: &Caller, action: Action, target: Target<'_>) -> Result<Permit> {
        let mut context = Context::new(self, caller, self.clock.now(), self.store.published());
        begin(&mut context, caller, action)?;
        context.authorize(action, target)
    }

    /// As `authorize`, or where only approvals that it has not got keep the caller from it: the operation asks for them.
    ///
    /// # Errors
    /// Those of `authorize`.
    pub fn may_ask(&self, caller: &Caller, action: Action, target: Target<'_>) -> Result<()> {
        let mut context = Context::new(self, caller, self.clock.now(), self.store.published());
        begin(&mut context, caller, action)?;
        context.authorize_with_quorum(action, target).map(drop)
    }

    /// Where searches ended.
    pub(crate) fn pages(&self) -> &Pages {
        &self.pages
    }

    /// Searches that find little.
    pub(crate) fn walks(&self) -> &Walks {
        &self.walks
    }

    /// A number for an object made at this time, above all that this process gave out before: the time in steps of 1/4096 ms, or
    /// the next step where that one is taken. A time that went back is caught up with step by step.
    pub(crate) fn tick(&self, now: Time) -> u64 {
        let at = (now.0.max(0) as u64) << ObjectId::TICK_BITS;
        let behind = |newest: u64| Some(at.max(newest + 1));
        let newest = self.newest_tick.fetch_update(Ordering::Relaxed, Ordering::Relaxed, behind);
        newest.map_or(at, |newest| at.max(newest + 1))
    }

    /// The right to read the past, which one request has at a time.
    ///
    /// # Errors
    /// `Unavailable` while another has it.
    pub(crate) fn reading_the_past(&self) -> Result<MutexGuard<'_, ()>> {
        let busy =
            || Error::new(ErrorKind::Unavailable, "the past is being read for somebody else; try again");
        self.past.try_lock().ok_or_else(busy)
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The crypto port.
    pub fn crypto(&self) -> &Arc<dyn Crypto> {
        &self.crypto
    }

    /// The sealing port.
    pub fn sealer(&self) -> &Arc<dyn Sealer> {
        &self.sealer
    }

    /// Policies that were read.
    pub(crate) fn policies(&self) -> &KeptPolicies {
        &self.policies
    }

    pub(crate) fn approval_rules(&self) -> &KeptRules {
        &self.approval_rules
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Runs the operation. A denial or failure is a result like another: it goes on record before it is told.
    pub fn prepare<O: Operation>(&self, caller: &Caller, operation: &O) -> Prepared<O::Reply> {
        let now = self.clock.now();
        let mut context = Context::new(self, caller, now, self.store.published());
        let counted = asking(caller);
        // INVARIANT: what is not on record tells nothing: not whether it would have been refused, either.
        let flood = self.refuse_flood(caller);
        let held_up = flood.is_err();
        let reply = flood.and_then(|()| run(&mut context, operation));
        if let (Err(_), Some(who), false) = (&reply, counted, held_up) {
            self.failures.count(who, now.seconds());
        }
        let (outcome, reason, failure) = match &reply {
            Ok(_) => (Outcome::Success, None, None),
            Err(error) => {
                let told = error.refusal().unwrap_or(error.public());
                (outcome_of(error), Some(error.kind()), Some(told.to_owned()))
            }
        };
        let done = context.finish();
        // A change and a use of key material hold only if what they rest on still holds when they are recorded. A
        // failure or a plain read changes nothing, and telling what was true a moment ago harms nobody.
        let used = !done.changes.is_empty() || operation.action().group() == ActionGroup::Use;
        let binding = done.proposed || reply.is_ok() && used;
        let keeps = done.proposed || reply.is_ok();
        let (action, outcome) =
            if done.proposed { (Action::Propose, Outcome::Success) } else { (operation.action(), outcome) };
        let told = if done.proposed { done.detail } else { failure.or(approved(done.approved, done.detail)) };
        let (reads, valid_until) = if binding { (done.reads, done.valid_until) } else { (Vec::new(), None) };
        let entry = EntryDraft {
            time: done.now,
            realm: caller.realm(),
            principal: caller.id(),
            principal_name: caller.name().to_owned(),
            protocol: caller.protocol.to_owned(),
            request: caller.request,
            source: caller.source.map(|source| source.to_string()),
            action,
            key: done.key,
            object: done.object,
            target: done.target,
            others: done.others,
            canary: done.canary,
            outcome,
            reason: reason.filter(|_| outcome != Outcome::Success),
            detail: detail(caller, told).map(|detail| shortened(&detail, DETAIL_BYTES_MAX)),
            changes: if keeps { done.changes } else { Vec::new() },
            touched: if reply.is_ok() { done.touched } else { Vec::new() },
            personal: None,
        };
        let mut commit = Commit { as_of: done.as_of, reads, valid_until, drawn: done.drawn, entry };
        self.conceal(caller, &mut commit.entry);
        let Finished { purge, loaded, taken, effort, .. } = done;
        Prepared { effort, commit, reply, purge, loaded, taken, binding, held_up }
    }

    /// Looks at no more requests of one that asks in a second in which so many of theirs were refused or failed; without
    /// this at all.
    pub fn set_failures_max(&self, per_second: u32) {
        self.failures.set_kind_max(per_second);
    }

    /// Requests that were not looked at, of each that asked: told once, some seconds later.
    pub fn held_up(&self) -> Vec<Suppressed<Asking>> {
        self.failures.suppressed(self.clock.now().seconds())
    }

    /// All requests that were not looked at so far: for the last entries of a server that stops.
    pub fn all_held_up(&self) -> Vec<Suppressed<Asking>> {
        self.failures.take_all()
    }

    /// Refuses a caller of whom so much failed in this second that it is not looked at, nor put on record one by one: who rehearses
    /// what somebody asks, and tells what came of it, asks here first.
    ///
    /// # Errors
    /// `LimitExceeded`.
    pub fn refuse_flood(&self, caller: &Caller) -> Result<()> {
        let second = self.clock.now().seconds();
        match asking(caller).is_some_and(|who| self.failures.holds_up(who, second)) {
            true => Err(too_many_failures()),
            false => Ok(()),
        }
    }

    /// Starts a rehearsal of what the caller asks.
    pub fn rehearse<'e>(&'e self, caller: &'e Caller) -> Rehearsal<'e> {
        Rehearsal { context: Context::new(self, caller, self.clock.now(), self.store.published()) }
    }

    /// Hands the entry to the store; `done` is called from the committer's thread and must not block.
    pub fn commit<R: Send + 'static>(
        &self,
        prepared: Prepared<R>,
        done: impl FnOnce(Ended<R>) + Send + 'static,
    ) {
        let Prepared { commit, reply, purge, loaded, taken, binding, held_up, .. } = prepared;
        if held_up {
            drop(loaded);
            return done(Ended::Done(self.store.published(), reply));
        }
        // INVARIANT: the completion does not hold the engine: its last owner must not be the committer's own thread,
        // which would then have to wait for itself to close the store.
        let (parsed, persons) = (self.parsed.clone(), self.persons.clone());
        let finish = move |committed: Result<Committed>| {
            for object in purge {
                parsed.remove(object);
                persons.remove(object);
            }
            if binding && matches!(committed, Ok(Committed::Done(_))) {
                loaded.keep();
                // What an import has validated is not parsed again. A later entry that destroys it comes after this.
                taken.into_iter().for_each(|(object, key)| parsed.insert(object, key));
            } else {
                drop(loaded);
            }
            done(match committed {
                Ok(Committed::Done(lsn)) => Ended::Done(lsn, reply),
                Ok(Committed::Stale) => Ended::Stale,
                Err(error) => Ended::Lost(error),
            });
        };
        self.store.commit(commit, Box::new(finish));
    }

    /// Runs an operation to its end on this thread. Not for the committer's thread, nor for async tasks.
    ///
    /// # Errors
    /// The operation's, or `Conflict` after `ATTEMPTS_MAX` stale runs.
    pub fn execute<O: Operation>(&self, caller: &Caller, operation: &O) -> Result<O::Reply> {
        for _ in 0..ATTEMPTS_MAX {
            let (sender, receiver) = mpsc::channel();
            self.commit(self.prepare(caller, operation), move |ended| {
                // The receiver is waiting below; were it gone, nobody would want the answer.
                let _ = sender.send(ended);
            });
            match receiver.recv().map_err(|_| Error::internal("the committer dropped a commit"))? {
                Ended::Done(_, reply) => return reply,
                Ended::Lost(error) => return Err(error),
                Ended::Stale => {}
            }
        }
        Err(conflict())
    }

    /// Opens an object's sealed material and checks that its attributes are those that were sealed with it.
    pub(crate) fn open_material(
        &self,
        object: &ManagedObject,
        sealed: &crate::ports::seal::SealedMaterial,
    ) -> Result<KeyMaterial> {
        self.check_mac(object, sealed)?;
        Ok(KeyMaterial { format: object.format, bytes: self.sealer.open(&binding(object, sealed), sealed)? })
    }

    /// Refuses an object whose stored attributes are not those that the server wrote.
    pub(crate) fn check_mac(
        &self,
        object: &ManagedObject,
        sealed: &crate::ports::seal::SealedMaterial,
    ) -> Result<()> {
        let binding = binding(object, sealed);
        let mac = self.sealer.attributes_mac(&binding, sealed, object.revision, &canonical(object)?)?;
        if self.crypto.equal(&mac, &object.mac) {
            return Ok(());
        }
        Err(Error::internal(format!("attributes of object {} do not match their MAC", object.id)))
    }
}

impl Rehearsal<'_> {
    /// Runs one operation.
    ///
    /// # Errors
    /// The operation's, as it would end now.
    pub fn run<O: Operation>(&mut self, operation: &O) -> Result<O::Reply> {
        run(&mut self.context, operation)
    }
}

/// The answer when others kept changing the same data, or changed so much meanwhile that the store cannot tell any more
/// whether that was among it.
pub fn conflict() -> Error {
    let public = "others are changing the same data, or changed more meanwhile than can be looked back on: try again, and where \
                  it takes long, with less at once";
    Error::new(ErrorKind::Conflict, public)
}

/// Whose failures are counted: of strangers and of the server itself nobody's.
fn asking(caller: &Caller) -> Option<Asking> {
    let principal = caller.principal()?.id;
    let mut proven = caller.credentials();
    Some(Asking { principal, credentials: [proven.next(), proven.next()] })
}

/// The answer where too many requests of a principal failed in this second.
fn too_many_failures() -> Error {
    let public = "too many of your requests failed within this second: this one was not looked at, try again";
    Error::new(ErrorKind::LimitExceeded, public).retry_after(1)
}

fn run<O: Operation>(context: &mut Context<'_>, operation: &O) -> Result<O::Reply> {
    let caller = context.caller();
    begin(context, caller, operation.action())?;
    context.begin_approval();
    context.bind_access(operation.encryption_context());
    let reply = run_authorized(context, caller, operation)?;
    if makes(operation.action()) {
        context.hold_changes_to_policy()?;
    }
    Ok(reply)
}

fn run_authorized<O: Operation>(
    context: &mut Context<'_>,
    caller: &Caller,
    operation: &O,
) -> Result<O::Reply> {
    match operation.subject() {
        Subject::Realm => {
            let permit = context.authorize_with_quorum(operation.action(), Target::Realm(caller.realm()))?;
            for also in operation.also() {
                context.authorize_with_quorum(also, Target::Realm(caller.realm()))?;
            }
            context.require_approval(operation, None)?;
            operation.run(&permit, context, None)
        }
        Subject::Key(reference) => {
            let (resolved, permit) = resolve_and_authorize(context, operation.action(), reference)?;
            for also in operation.also() {
                context.authorize_with_quorum(also, Target::Key(&resolved.key))?;
            }
            context.require_approval(operation, Some(&resolved))?;
            operation.run(&permit, context, Some(resolved))
        }
    }
}

/// INVARIANT: what is not there and what the caller may not know take the same look-ups and decisions, and so the same time as far as it is
/// ours to say.
fn resolve_and_authorize(
    context: &mut Context<'_>,
    action: Action,
    reference: &Reference,
) -> Result<(Resolved, Permit)> {
    let before = context.effort();
    let resolved = context.resolve(reference);
    if resolved.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        context.decide_as_if_hidden(action);
    }
    let found = resolved.and_then(|resolved| {
        let permit = context.authorize_with_quorum(action, Target::Key(&resolved.key))?;
        Ok((resolved, permit))
    });
    if found.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        context.look_as_long(before);
    }
    found
}

/// Reads what every decision rests on. Rules that cannot be read allow nothing, but that an administrator mends them.
fn begin(context: &mut Context<'_>, caller: &Caller, action: Action) -> Result<()> {
    let Some(principal) = require_current(context, caller)? else { return Ok(()) };
    match context.begin_access(principal) {
        Err(_) if action == Action::SetAccessRules => Ok(()),
        begun => begun,
    }
}

/// The principal as it is now must not be revoked, and what it proved itself by must still count: that may be hours ago,
/// where a message came as a stream. Reading both here binds the entry to them too: a revocation that overtakes this request
/// makes it stale, and so does a change of roles or groups.
fn require_current(context: &mut Context<'_>, caller: &Caller) -> Result<Option<Arc<Principal>>> {
    let Some(proven) = caller.principal() else { return Ok(None) };
    let refuse = |what: &str| {
        let cause = format!("{what} {} was revoked or expired after it proved who it is", proven.name);
        Err(Error::new(ErrorKind::Unauthenticated, "authentication failed").because(cause))
    };
    if !realms::is_open(context, proven.realm)? {
        return refuse("the realm of");
    }
    let current = match context.get(RecordKey::Principal(proven.id))?.as_deref() {
        Some(Record::Principal(now)) if now.counts_at(context.now()) => Arc::clone(now),
        _ => return refuse("principal"),
    };
    if caller.expires().is_some_and(|expires| context.now() >= expires) {
        return refuse("what was shown for");
    }
    let mut scopes = Vec::new();
    for id in caller.credentials() {
        let mut next = Some(id);
        while let Some(id) = next {
            next = match context.get(RecordKey::Credential(id))?.as_deref() {
                Some(Record::Credential(now)) if now.counts_at(context.now()) => {
                    scopes.extend(now.kind.scope().cloned());
                    now.kind.rests_on()
                }
                _ => return refuse("a credential of"),
            };
        }
    }
    context.narrow_access(scopes);
    Ok(Some(current))
}

/// The detail of an entry that others approved: it begins with who.
fn approved(by: Option<String>, detail: Option<String>) -> Option<String> {
    match (by, detail) {
        (Some(by), Some(detail)) => Some(format!("{by}; {detail}")),
        (by, detail) => by.or(detail),
    }
}

/// The detail of an entry. Where somebody else proved the connection, it begins with who.
fn detail(caller: &Caller, detail: Option<String>) -> Option<String> {
    if caller.connection().id() == caller.id() {
        return detail;
    }
    let connection = format!("on a connection of {}", caller.connection().name());
    Some(detail.map_or_else(|| connection.clone(), |detail| format!("{connection}; {detail}")))
}

fn outcome_of(error: &Error) -> Outcome {
    match error.kind() {
        ErrorKind::Denied
        | ErrorKind::Unauthenticated
        | ErrorKind::NotExtractable
        | ErrorKind::Sensitive
        | ErrorKind::ApprovalPending
        | ErrorKind::UsageLimitExceeded => Outcome::Denied,
        _ if error.refusal().is_some() => Outcome::Denied,
        _ => Outcome::Failed,
    }
}

/// What `Record::Object` and friends unwrap to; anything else under that address is damage.
pub(crate) fn damaged(key: &RecordKey, record: &Record) -> Error {
    Error::internal(format!("record {key:?} holds another kind of record: {:?}", record.key()))
}

impl Resolved {
    /// The object that was named, or the newest version's primary object.
    pub fn object_id(&self) -> Result<ObjectId> {
        match &self.object {
            Some(object) => Ok(*object),
            None => self
                .key
                .latest()
                .map(|version| version.primary)
                .ok_or_else(|| Error::internal("a key without versions")),
        }
    }
}
