//! Decisions of one request: the rules and the principal as they are now, what was read for deciding, and until when a
//! decision holds. What was read binds the request's entry as any other read does.

use std::sync::{
    Arc,
    atomic::{AtomicU8, AtomicU32, Ordering},
};

use parking_lot::Mutex;

use super::{
    facts::{Facts, Question},
    kept::{Kept, KeptDecisions},
    looks::Looks,
    set::{Candidates, RuleSet, Said},
};
use crate::{
    access::{Caller, Target},
    error::{Error, Result},
    lifecycle,
    model::{ManagedObject, Principal, PrincipalId, RealmId, State, Time, TokenScope},
    ports::store::Store,
    record::{Record, RecordKey},
};

/// How long a decision by the time of day holds, in milliseconds: an entry that is written later is decided anew.
const TIME_HOLDS_MS: i64 = 1_000;

/// What a request's decisions rest on.
pub(crate) struct Session<'e> {
    store: &'e dyn Store,
    kept: &'e KeptDecisions,
    now: Time,
    rules: Option<Arc<RuleSet>>,
    principal: Option<Arc<Principal>>,
    scopes: Vec<Arc<TokenScope>>,
    encryption_context: Vec<(String, String)>,
    reads: Mutex<Vec<RecordKey>>,
    until: Mutex<Option<Time>>,
    look_ups: AtomicU32,
    decisions: AtomicU32,
    /// How many others have approved the request, as far as decisions are told.
    approvals: AtomicU8,
}

/// What a request took of the store and of deciding. Whoever measures it must not tell what is hidden from what is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Records that were looked up by their address.
    pub look_ups: u32,
    /// Decisions that were made.
    pub decisions: u32,
}

impl<'e> Session<'e> {
    pub(crate) fn new(store: &'e dyn Store, kept: &'e KeptDecisions, now: Time) -> Self {
        Self {
            store,
            kept,
            now,
            rules: None,
            principal: None,
            scopes: Vec::new(),
            encryption_context: Vec::new(),
            reads: Mutex::default(),
            until: Mutex::default(),
            look_ups: AtomicU32::new(0),
            decisions: AtomicU32::new(0),
            approvals: AtomicU8::new(0),
        }
    }

    /// Decides from now on as where so many others have approved the request.
    pub(crate) fn with_approvals(&self, approvals: u8) {
        self.approvals.store(approvals, Ordering::Relaxed);
    }

    /// Whether any rule looks at how many have approved a request.
    pub(crate) fn may_ask_for_approvals(&self) -> bool {
        self.rules.as_ref().is_some_and(|rules| rules.look_at_approvals())
    }

    /// What the request took so far.
    pub(crate) fn effort(&self) -> Effort {
        let count = |counter: &AtomicU32| counter.load(Ordering::Relaxed);
        Effort { look_ups: count(&self.look_ups), decisions: count(&self.decisions) }
    }

    /// Counts a look-up of the request.
    pub(crate) fn looked_up(&self) {
        self.look_ups.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a decision of the request.
    pub(crate) fn decided(&self) {
        self.decisions.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes the principal and its realm's rules as they were read for this request.
    ///
    /// # Errors
    /// `Internal` where the rules cannot be read: then nothing is allowed.
    pub(crate) fn begin(&mut self, principal: Arc<Principal>, rules: Option<&Record>) -> Result<()> {
        self.rules = rules.map(|record| self.kept.ready(principal.realm, record)).transpose()?;
        self.rules.take_if(|rules| rules.is_empty());
        self.principal = Some(principal);
        Ok(())
    }

    /// A session as this one, of other rules: for what would be decided by them.
    pub(crate) fn with_rules(&self, rules: &Arc<RuleSet>) -> Session<'e> {
        let rules = Some(Arc::clone(rules)).filter(|rules| !rules.is_empty());
        let mut other = Session { rules, ..Session::new(self.store, self.kept, self.now) };
        other.encryption_context.clone_from(&self.encryption_context);
        other
    }

    /// Holds the request to all of these.
    pub(crate) fn narrow(&mut self, scopes: Vec<Arc<TokenScope>>) {
        self.scopes = scopes;
    }

    /// What the request is narrowed to by the tokens that it showed.
    pub(crate) fn scopes(&self) -> &[Arc<TokenScope>] {
        &self.scopes
    }

    /// The pairs that the operation binds a ciphertext to.
    pub(crate) fn bind(&mut self, encryption_context: Vec<(String, String)>) {
        self.encryption_context = encryption_context;
    }

    /// The principal as it is now; as it proved itself before anything was read.
    pub(crate) fn principal(&self) -> Option<&Arc<Principal>> {
        self.principal.as_ref()
    }

    /// When the request runs.
    pub(crate) fn now(&self) -> Time {
        self.now
    }

    /// The pairs of this request.
    pub(crate) fn encryption_context(&self) -> &[(String, String)] {
        &self.encryption_context
    }

    /// No decision of the request holds beyond this.
    pub(crate) fn hold_until(&self, time: Time) {
        let mut until = self.until.lock();
        *until = Some(until.map_or(time, |until| until.min(time)));
    }

    /// What was read, and until when it all holds.
    pub(crate) fn finish(self) -> (Vec<RecordKey>, Option<Time>) {
        (self.reads.into_inner(), self.until.into_inner())
    }

    /// What the realm's rules say; `forbids_only` where something permits it already.
    ///
    /// # Errors
    /// The store's; `Internal` where Cedar does not take what it is given.
    pub(crate) fn say(&self, caller: &Caller, question: &Question<'_>, forbids_only: bool) -> Result<Said> {
        let Some(rules) = &self.rules else { return Ok(Said::Nothing) };
        let candidates = rules.candidates(question, forbids_only);
        if candidates.is_empty() {
            return Ok(Said::Nothing);
        }
        if !candidates.is_conditional() {
            return rules.say(question, &candidates, &Facts::default());
        }
        self.say_by_conditions((rules, caller), question, &candidates, forbids_only)
    }

    fn say_by_conditions(
        &self,
        (rules, caller): (&Arc<RuleSet>, &Caller),
        question: &Question<'_>,
        candidates: &Candidates<'_>,
        forbids_only: bool,
    ) -> Result<Said> {
        let looks = candidates.looks();
        let mut facts = Facts { protocol: caller.protocol, ..Facts::default() };
        facts.source = caller.source.filter(|_| looks.source).map(|source| source.ip());
        facts.state = if looks.state { self.state(question.target)? } else { None };
        let key = match question.target {
            Target::Key(key) => Some(key),
            Target::Realm(_) => None,
        };
        if looks.may_be_kept()
            && let Some(kept) = self.kept.find(question, forbids_only)
            && Arc::ptr_eq(&kept.rules, rules)
            && Arc::ptr_eq(&kept.principal, question.principal)
            && kept.key.as_ref().map(Arc::as_ptr) == key.map(Arc::as_ptr)
            && (kept.state, kept.source, kept.protocol) == (facts.state, facts.source, facts.protocol)
        {
            return Ok(kept.said.clone());
        }
        self.load(&looks, question, &mut facts)?;
        let said = rules.say(question, candidates, &facts)?;
        // INVARIANT: a refusal is decided anew each time, as it is about a key that is not there: else the second try told the two apart.
        let refuses = match &said {
            Said::Forbidden(_) => true,
            Said::Nothing => !forbids_only,
            Said::Permitted(_) => false,
        };
        if looks.may_be_kept() && !refuses {
            let kept = Kept {
                rules: Arc::clone(rules),
                principal: Arc::clone(question.principal),
                key: key.map(Arc::clone),
                state: facts.state,
                protocol: facts.protocol,
                source: facts.source,
                said: said.clone(),
            };
            self.kept.keep(question, forbids_only, kept);
        }
        Ok(said)
    }

    /// What never changes, or is never kept.
    fn load(&self, looks: &Looks, question: &Question<'_>, facts: &mut Facts) -> Result<()> {
        if looks.owner
            && let Target::Key(key) = question.target
        {
            self.looked_up();
            facts.owner = Some(owner(self.store, key.owner)?);
        }
        if looks.encryption_context {
            facts.encryption_context = Some(self.encryption_context.clone());
        }
        if looks.approvals {
            facts.approvals = Some(self.approvals.load(Ordering::Relaxed));
        }
        if looks.time {
            facts.time = Some(self.now);
            self.hold_until(Time(self.now.0.saturating_add(TIME_HOLDS_MS)));
        }
        Ok(())
    }

    /// The state of the key's newest version, which binds the request to it.
    fn state(&self, target: Target<'_>) -> Result<Option<State>> {
        let Target::Key(key) = target else { return Ok(None) };
        let Some(latest) = key.latest() else { return Ok(None) };
        let address = RecordKey::Object(latest.primary);
        self.looked_up();
        let record = self.store.get(&address)?;
        self.reads.lock().push(address);
        match record.as_deref() {
            Some(Record::Object(object)) => {
                self.hold(object);
                Ok(Some(lifecycle::shown_at(object, self.now)))
            }
            _ => Ok(None),
        }
    }

    fn hold(&self, object: &ManagedObject) {
        if let Some(until) = lifecycle::holds_until(object, self.now) {
            self.hold_until(until);
        }
    }
}

/// The name of a key's owner, which never changes.
pub(crate) fn owner(store: &dyn Store, id: PrincipalId) -> Result<String> {
    if id == PrincipalId::SYSTEM {
        return Ok("system".into());
    }
    match store.get(&RecordKey::Principal(id))?.as_deref() {
        Some(Record::Principal(principal)) => Ok(principal.name.clone()),
        Some(_) => Err(Error::internal("the address of a principal holds another kind of record")),
        None => Ok(id.to_string()),
    }
}

/// Where a realm's rules are.
pub(crate) fn address(realm: RealmId) -> RecordKey {
    RecordKey::Server(record_name(realm))
}

/// The name of the record of a realm's rules.
pub(crate) fn record_name(realm: RealmId) -> String {
    format!("access rules of realm {realm}")
}
