//! Permits: proof that an action on a target was allowed. Every operation takes one.

use std::net::SocketAddr;

use super::{
    Action, Scope,
    roles::{self, Basis, Circumstances},
    rules::{Facts, Question, RuleSet, Said, Session},
};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{CredentialId, Key, Principal, PrincipalId, RealmId, RequestId, Time, TokenScope},
};
use std::sync::Arc;

/// Who asks, as proven, and over what.
#[derive(Clone, Debug)]
pub struct Caller {
    who: Who,
    /// Protocol: `kmip`, `rest`, `system`.
    pub protocol: &'static str,
    /// Peer address.
    pub source: Option<SocketAddr>,
    /// This request.
    pub request: RequestId,
    credentials: [Option<CredentialId>; 2],
    /// When what it showed expires, where that is sooner than its credentials.
    expires: Option<Time>,
    /// Who proved the connection, where that is somebody else.
    connection: Option<Arc<Caller>>,
    scope: Option<Arc<Scope>>,
    /// Nobody reads its answer and asks again.
    unattended: bool,
    /// Where the server itself is at work; a principal is where it belongs.
    realm: RealmId,
}

#[derive(Clone, Debug)]
enum Who {
    Principal(Arc<Principal>),
    Stranger,
    System,
}

impl Caller {
    /// A principal that proved who it is.
    pub fn authenticated(
        principal: Arc<Principal>,
        protocol: &'static str,
        source: Option<SocketAddr>,
        request: RequestId,
    ) -> Self {
        Self::new(Who::Principal(principal), protocol, source, request)
    }

    /// The same, with what it proved itself by.
    pub fn proven_by(self, credentials: [Option<CredentialId>; 2]) -> Self {
        Self { credentials, ..self }
    }

    /// The same, for no longer than this: what was shown expires by itself.
    pub fn until(self, expires: Option<Time>) -> Self {
        Self { expires, ..self }
    }

    /// The same, on a connection that somebody else has proven: their credentials must count as well.
    pub fn on(self, connection: Self) -> Self {
        Self { connection: Some(Arc::new(connection)), ..self }
    }

    /// The same, with nothing in reach but what the scope holds.
    pub fn within(self, scope: Arc<Scope>) -> Self {
        Self { scope: Some(scope), ..self }
    }

    /// The same, on whose behalf the server asks by itself: nothing of it waits for approvals.
    pub fn unattended(self) -> Self {
        Self { unattended: true, ..self }
    }

    /// Whether somebody reads that a request waits for approval, and sends it again.
    pub(crate) fn waits(&self) -> bool {
        !self.unattended
    }

    /// Somebody who proved nothing: may do nothing, and is only spoken of in the record of that.
    pub fn stranger(protocol: &'static str, source: Option<SocketAddr>, request: RequestId) -> Self {
        Self::new(Who::Stranger, protocol, source, request)
    }

    /// The server itself. INVARIANT: never made from anything that a peer sent.
    pub fn system(request: RequestId) -> Self {
        Self::new(Who::System, "system", None, request)
    }

    /// The server itself, at work in this realm. Nobody else is taken to another.
    pub fn in_realm(self, realm: RealmId) -> Self {
        Self { realm, ..self }
    }

    fn new(who: Who, protocol: &'static str, source: Option<SocketAddr>, request: RequestId) -> Self {
        Self {
            who,
            protocol,
            source,
            request,
            credentials: [None; 2],
            expires: None,
            connection: None,
            scope: None,
            unattended: false,
            realm: RealmId::DEFAULT,
        }
    }

    /// What the caller proved itself by, for who looks later whether it still counts.
    pub fn credentials(&self) -> impl Iterator<Item = CredentialId> {
        let of_connection = self.connection.iter().flat_map(|connection| connection.credentials);
        self.credentials.into_iter().chain(of_connection).flatten()
    }

    /// When what the caller showed, or who proved the connection, expires by itself.
    pub fn expires(&self) -> Option<Time> {
        let of_connection = self.connection.as_deref().and_then(Self::expires);
        [self.expires, of_connection].into_iter().flatten().min()
    }

    /// Who proved the connection: mostly the caller itself.
    pub fn connection(&self) -> &Self {
        self.connection.as_deref().unwrap_or(self)
    }

    /// What alone is in reach, where that is narrowed.
    pub fn scope(&self) -> Option<&Scope> {
        self.scope.as_deref()
    }

    /// The proven principal, where there is one.
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        match &self.who {
            Who::Principal(principal) => Some(principal),
            Who::Stranger | Who::System => None,
        }
    }

    /// Id of the principal for the record.
    pub fn id(&self) -> PrincipalId {
        match &self.who {
            Who::Principal(principal) => principal.id,
            Who::Stranger => PrincipalId::ANONYMOUS,
            Who::System => PrincipalId::SYSTEM,
        }
    }

    /// Name of the principal for the record.
    pub fn name(&self) -> &str {
        match &self.who {
            Who::Principal(principal) => &principal.name,
            Who::Stranger => "anonymous",
            Who::System => "system",
        }
    }

    /// The realm that the caller acts in.
    pub fn realm(&self) -> RealmId {
        self.principal().map_or(self.realm, |principal| principal.realm)
    }
}

/// What the action is about.
#[derive(Clone, Copy)]
pub enum Target<'a> {
    /// The realm as a whole: make, list, administer.
    Realm(RealmId),
    /// A key with all its versions.
    Key(&'a Arc<Key>),
}

/// Proof that `authorize` said yes. Only this module makes one.
#[derive(Debug)]
pub struct Permit {
    action: Action,
    principal: PrincipalId,
    realm: RealmId,
}

impl Permit {
    /// The action that was allowed.
    pub fn action(&self) -> Action {
        self.action
    }

    /// Who may.
    pub fn principal(&self) -> PrincipalId {
        self.principal
    }

    /// In which realm.
    pub fn realm(&self) -> RealmId {
        self.realm
    }
}

/// What a decision came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Allowed by a role, ownership or a grant.
    Allowed(Basis),
    /// Allowed by this access rule.
    AllowedByRule(Arc<str>),
    /// Refused by this access rule.
    RefusedByRule(Arc<str>),
    /// Nothing allows it.
    NothingAllows,
}

impl Decision {
    /// Whether it is a yes.
    pub fn allows(&self) -> bool {
        matches!(self, Self::Allowed(_) | Self::AllowedByRule(_))
    }
}

/// Decides. Default is no.
///
/// # Errors
/// `NotFound` where the caller may not even know the key, `Denied` where it may; the store's.
pub(crate) fn authorize(
    session: &Session<'_>,
    caller: &Caller,
    action: Action,
    target: Target<'_>,
) -> Result<Permit> {
    let realm = realm_of(target);
    let permit = Permit { action, principal: caller.id(), realm };
    let proven = match &caller.who {
        Who::Principal(principal) => principal,
        Who::System => return Ok(permit),
        Who::Stranger if action == Action::Authenticate => return Ok(permit),
        Who::Stranger => return Err(Error::new(ErrorKind::Unauthenticated, "authentication failed")),
    };
    let principal = session.principal().unwrap_or(proven);
    // It puts on record what was asked, and does nothing: also for who may do nothing, in their own realm.
    let is_own = matches!(target, Target::Realm(own) if own == principal.realm);
    if action == Action::OtherRequest && is_own && principal.counts_at(session.now()) {
        return Ok(permit);
    }
    // What is about no object would reach beyond a scope: a new object is in none, and a search finds others.
    if caller.scope.is_some() && matches!(target, Target::Realm(_)) {
        let public = format!("{} may {} nothing here but certain objects", principal.name, action.word());
        return Err(Error::new(ErrorKind::Denied, public));
    }
    require_known(session, principal, target)?;
    let decision = decide(session, caller, Question { principal, action, target })?;
    if decision.allows() {
        require_in_scope(session, principal, action, target)?;
        return Ok(permit);
    }
    let by = match &decision {
        Decision::RefusedByRule(rule) => format!(": the access rule {rule} forbids it"),
        _ => String::new(),
    };
    if may_know(session, caller, principal, target)? {
        let public = format!("{} may not {} here{by}", principal.name, action.word());
        Err(Error::new(ErrorKind::Denied, public))
    } else {
        Err(Error::hidden_key(format!(
            "{} may not {} here{by}, nor know of it",
            principal.name,
            action.word()
        )))
    }
}

/// INVARIANT: a token that is narrowed to keys knows of no other.
fn require_known(session: &Session<'_>, principal: &Principal, target: Target<'_>) -> Result<()> {
    let Target::Key(key) = target else { return Ok(()) };
    match session.scopes().iter().all(|scope| scope.holds_key(key.id)) {
        true => Ok(()),
        false => Err(Error::hidden_key(format!("the token of {} is narrowed to other keys", principal.name))),
    }
}

/// Holds what is allowed to what the caller's token is narrowed to.
fn require_in_scope(
    session: &Session<'_>,
    principal: &Principal,
    action: Action,
    target: Target<'_>,
) -> Result<()> {
    let is_held = |scope: &TokenScope| {
        scope.holds_action(action) && (matches!(target, Target::Key(_)) || scope.holds_realm(action))
    };
    match session.scopes().iter().all(|scope| is_held(scope)) {
        true => Ok(()),
        false => {
            let public = format!("the token of {} is narrowed, and not to {}", principal.name, action.word());
            Err(Error::new(ErrorKind::Denied, public))
        }
    }
}

/// What allows or refuses an action, before scopes, which are a caller's own.
///
/// # Errors
/// The store's; `Internal` where rules cannot be asked.
pub(crate) fn decide(session: &Session<'_>, caller: &Caller, question: Question<'_>) -> Result<Decision> {
    let Question { principal, action, target } = question;
    session.decided();
    // INVARIANT: nobody reaches into another realm and no revoked principal anywhere, whatever the role or rule.
    if !principal.counts_at(session.now()) || principal.realm != realm_of(target) {
        return Ok(Decision::NothingAllows);
    }
    // INVARIANT: the server, which all realms share, is the first realm's.
    if action.is_about_server() && principal.realm != RealmId::DEFAULT {
        return Ok(Decision::NothingAllows);
    }
    let circumstances =
        Circumstances { now: session.now(), encryption_context: session.encryption_context() };
    let basis = roles::basis(principal, action, target, circumstances);
    match (session.say(caller, &question, basis.is_some())?, basis) {
        (Said::Forbidden(rule), _) => Ok(Decision::RefusedByRule(rule)),
        (_, Some(basis)) => {
            if let Basis::Grant(Some(expires)) = basis {
                session.hold_until(expires);
            }
            Ok(Decision::Allowed(basis))
        }
        (Said::Permitted(rule), None) => Ok(Decision::AllowedByRule(rule)),
        (Said::Nothing, None) => Ok(Decision::NothingAllows),
    }
}

/// As [`decide`], about somebody and something that need not be there.
///
/// # Errors
/// `Internal` where rules cannot be asked.
pub(crate) fn decide_imagined(rules: &RuleSet, question: Question<'_>, facts: &Facts) -> Result<Decision> {
    let Question { principal, action, target } = question;
    // INVARIANT: as in [`decide`].
    if action.is_about_server() && principal.realm != RealmId::DEFAULT {
        return Ok(Decision::NothingAllows);
    }
    let pairs = facts.encryption_context.as_deref().unwrap_or_default();
    let circumstances = Circumstances { now: facts.time.unwrap_or_default(), encryption_context: pairs };
    let basis = roles::basis(principal, action, target, circumstances);
    let said = rules.say(&question, &rules.candidates(&question, basis.is_some()), facts)?;
    Ok(match (said, basis) {
        (Said::Forbidden(rule), _) => Decision::RefusedByRule(rule),
        (_, Some(basis)) => Decision::Allowed(basis),
        (Said::Permitted(rule), None) => Decision::AllowedByRule(rule),
        (Said::Nothing, None) => Decision::NothingAllows,
    })
}

/// Whether a principal may know that there is what it asks for.
fn may_know(
    session: &Session<'_>,
    caller: &Caller,
    principal: &Arc<Principal>,
    target: Target<'_>,
) -> Result<bool> {
    let Target::Key(key) = target else { return Ok(true) };
    let reading = Question { principal, action: Action::GetAttributes, target };
    Ok(match decide(session, caller, reading)? {
        Decision::Allowed(_) | Decision::AllowedByRule(_) => true,
        Decision::RefusedByRule(_) => false,
        Decision::NothingAllows => {
            let here = principal.counts_at(session.now()) && principal.realm == key.realm;
            here && roles::has_grant(principal, key, session.now())
        }
    })
}

fn realm_of(target: Target<'_>) -> RealmId {
    match target {
        Target::Realm(realm) => realm,
        Target::Key(key) => key.realm,
    }
}
