//! Permits: proof that an action on a target was allowed. Every operation takes one.

use std::net::SocketAddr;

use super::{Action, Scope, roles};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{CredentialId, Key, Principal, PrincipalId, RealmId, RequestId, Time},
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

    /// Somebody who proved nothing: may do nothing, and is only spoken of in the record of that.
    pub fn stranger(protocol: &'static str, source: Option<SocketAddr>, request: RequestId) -> Self {
        Self::new(Who::Stranger, protocol, source, request)
    }

    /// The server itself. INVARIANT: never made from anything that a peer sent.
    pub fn system(request: RequestId) -> Self {
        Self::new(Who::System, "system", None, request)
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
        self.principal().map_or(RealmId::DEFAULT, |principal| principal.realm)
    }
}

/// What the action is about.
#[derive(Clone, Copy)]
pub enum Target<'a> {
    /// The realm as a whole: make, list, administer.
    Realm(RealmId),
    /// A key with all its versions.
    Key(&'a Key),
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

/// Decides. Default is no.
///
/// # Errors
/// `NotFound` where the caller may not even know the key, `Denied` where it may.
pub fn authorize(caller: &Caller, action: Action, target: Target<'_>) -> Result<Permit> {
    let realm = match target {
        Target::Realm(realm) => realm,
        Target::Key(key) => key.realm,
    };
    let permit = Permit { action, principal: caller.id(), realm };
    let principal = match &caller.who {
        Who::Principal(principal) => principal,
        Who::System => return Ok(permit),
        Who::Stranger if action == Action::Authenticate => return Ok(permit),
        Who::Stranger => return Err(Error::new(ErrorKind::Unauthenticated, "authentication failed")),
    };
    // What is about no object would reach beyond a scope: a new object is in none, and a search finds others.
    if caller.scope.is_some() && matches!(target, Target::Realm(_)) {
        let public = format!("{} may {} nothing here but certain objects", principal.name, action.word());
        return Err(Error::new(ErrorKind::Denied, public));
    }
    // INVARIANT: nobody reaches into another realm, whatever the role.
    if principal.revoked.is_none() && principal.realm == realm && roles::allows(principal, action, target) {
        return Ok(permit);
    }
    let may_know = match target {
        Target::Realm(_) => true,
        Target::Key(key) => principal.realm == realm && roles::may_see(principal, key),
    };
    if may_know {
        let public = format!("{} may not {} here", principal.name, action.word());
        Err(Error::new(ErrorKind::Denied, public))
    } else {
        Err(Error::no_such_key().because(format!("{} may not {}", principal.name, action.word())))
    }
}
