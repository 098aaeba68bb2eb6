//! Logging in: a role id with a secret id, a password or a JSON Web Token, for a token that lasts a while. Not here: what a login changes (core), and waiting
//! after failures (attempts).

use std::net::SocketAddr;
use std::sync::Arc;

use keyreeve_core::access::Caller;
use keyreeve_core::model::{
    Credential, CredentialId, CredentialKind, Principal, PrincipalId, RealmId, RequestId, Time,
};
use keyreeve_core::operations::login::{LogIn, TakeCode};
use keyreeve_core::operations::principals::NewCredential;
use keyreeve_core::operations::realms::open_named;
use keyreeve_core::ports::crypto::Crypto;
use keyreeve_core::record::{Record, RecordKey};
use keyreeve_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

use super::attempts::Whose;
use super::password::ByPassword;
use super::{Authenticator, FAILED, cause, jwt, password, refused, token};
use crate::execute::execute;
use crate::listen::Peer;
use crate::source::Source;

/// Seconds that the token of a login counts, unless it is renewed.
pub const LOGIN_SECONDS: i64 = 3600;
/// Seconds that it counts at most, however often it is renewed.
pub const LOGIN_SECONDS_MAX: i64 = 86_400;

/// Bytes of a client's name at most.
const NAME_BYTES_MAX: usize = 128;
/// Name of the realm that is meant where none is named.
const FIRST_REALM: &str = "default";

/// Goes before what the id of a secret id is a hash of, so that it meets no other credential's.
const DOMAIN: &[u8] = b"keyreeve credential secret id 1\0";

/// What is shown at a login. Holds secrets.
pub enum Shown {
    /// A machine's.
    SecretId {
        /// Whose it says it is.
        role_id: PrincipalId,
        /// The secret id.
        secret_id: Zeroizing<String>,
    },
    /// A person's.
    Password {
        /// Name of the realm; none: the first one.
        realm: Option<String>,
        /// Whose it says it is.
        name: String,
        /// The password.
        password: Zeroizing<String>,
        /// A one-time code, where one is wanted.
        code: Option<Zeroizing<String>>,
        /// The password from now on, where it changes.
        new_password: Option<Zeroizing<String>>,
    },
    /// A JSON Web Token of an issuer, for a token that lasts longer.
    Jwt(Zeroizing<String>),
}

/// A login that came to be. Holds a secret.
pub struct LoggedIn {
    /// Whose.
    pub principal: Arc<Principal>,
    /// The token, told this once.
    pub token: Zeroizing<String>,
    /// What the token is.
    pub credential: Arc<Credential>,
}

/// Who may log in, and by what it comes to be. Holds a secret.
struct Proven {
    principal: Arc<Principal>,
    token: Zeroizing<String>,
    caller: Caller,
    operation: LogIn,
}

/// A new secret id and the credential that it is. The text is a secret.
///
/// # Errors
/// The generator's.
pub fn generate(
    crypto: &dyn Crypto,
    kind: CredentialKind,
    expires: Option<Time>,
) -> Result<(Zeroizing<String>, NewCredential)> {
    let secret = token::random(crypto, PREFIX)?;
    let id = secret_proof(crypto, &secret);
    Ok((secret, NewCredential { id, kind, expires, is_given: false }))
}

/// What a secret id begins with.
const PREFIX: &str = "ks_";

fn secret_proof(crypto: &dyn Crypto, secret: &str) -> CredentialId {
    CredentialId(crypto.sha256(&[DOMAIN, secret.as_bytes()]))
}

/// When the token of a login that is made or renewed now expires, and when it does at the latest.
pub fn lasts(now: Time) -> (Time, Time) {
    let after = |seconds: i64| Time(now.0.saturating_add(seconds.saturating_mul(1000)));
    (after(LOGIN_SECONDS), after(LOGIN_SECONDS_MAX))
}

impl Authenticator {
    /// Logs somebody in by what `ask` is answered. A certificate that is shown as well must be the same principal's.
    ///
    /// # Errors
    /// `Unauthenticated` with one text for every cause; log and journal have the cause, of a flood in part.
    pub async fn log_in<F>(
        &self,
        peer: &Peer,
        shown: Shown,
        ask: impl FnOnce(Caller, LogIn) -> F,
    ) -> Result<LoggedIn>
    where
        F: Future<Output = Result<Arc<Credential>>>,
    {
        self.admit("rest", peer).await?;
        let request = self.requests.next(&self.engine)?;
        let second = self.engine.clock().now().seconds();
        let whose = whose(&shown, peer.address);
        let done = if self.attempts.may(&whose, second) {
            // INVARIANT: an attempt counts as a failure until it is known to be none, or many at once would all be tried.
            self.attempts.failed(&whose, second);
            match self.prove_login(peer, shown, request).await {
                // INVARIANT: the token is given out once its entry is durable, and never beside an error.
                Ok(Proven { principal, token, caller, operation }) => {
                    let credential = ask(caller, operation).await;
                    credential.map(|credential| LoggedIn { principal, token, credential })
                }
                Err(error) => Err(error),
            }
        } else {
            Err(refused("a login too soon after others that failed"))
        };
        match done {
            Ok(done) => {
                self.attempts.succeeded(&whose);
                peer.known.set();
                Ok(done)
            }
            Err(error) if error.kind() == ErrorKind::Unauthenticated => {
                self.record("rest", peer.address, request, (FAILED, cause(&error))).await;
                Err(Error::new(ErrorKind::Unauthenticated, LOGIN_REFUSAL))
            }
            Err(error) => {
                self.attempts.take_back(&whose);
                Err(error)
            }
        }
    }

    /// Who asks, where a request on a proven connection brought a name, a password and a one-time code, which is spent by it.
    /// The connection's principal need not be the same.
    ///
    /// # Errors
    /// `Unauthenticated` with one text for every cause, also for a password without one-time codes; as stretching.
    pub async fn authenticate_code(
        &self,
        connection: &Caller,
        name: &str,
        (password, code): (Zeroizing<String>, Zeroizing<String>),
    ) -> Result<Caller> {
        let second = self.engine.clock().now().seconds();
        let mut whose: Vec<Whose> =
            connection.source.map(|address| Whose::Source(Source::from(address.ip()))).into_iter().collect();
        // Nobody has a longer name: it is not kept in memory.
        if name.len() <= NAME_BYTES_MAX {
            whose.push(Whose::Name(name.to_owned()));
        }
        if !self.attempts.may(&whose, second) {
            return Err(self.refuse(connection, "a one-time code too soon after others that failed").await);
        }
        // INVARIANT: an attempt counts as a failure until it is known to be none, or many at once would all be tried.
        self.attempts.failed(&whose, second);
        match self.spend_code(connection, name, (password, code)).await {
            Ok(caller) => {
                self.attempts.succeeded(&whose);
                Ok(caller)
            }
            Err(error) if error.kind() == ErrorKind::Unauthenticated => {
                Err(self.refuse(connection, cause(&error)).await)
            }
            Err(error) => {
                self.attempts.take_back(&whose);
                Err(error)
            }
        }
    }

    async fn spend_code(
        &self,
        connection: &Caller,
        name: &str,
        (password, code): (Zeroizing<String>, Zeroizing<String>),
    ) -> Result<Caller> {
        let ByPassword { principal, proof, step, .. } =
            self.by_password((Some(connection.realm()), name), password, Some(&code)).await?;
        let Some(step) = step else {
            return Err(refused(format!("a one-time code of {}, who has none", principal.name)));
        };
        if principal.realm != connection.realm() {
            return Err(refused(format!("a credential of {}, which is of another realm", principal.name)));
        }
        let Caller { protocol, source, request, .. } = *connection;
        let caller = Caller::authenticated(principal, protocol, source, request);
        let caller = caller.proven_by([Some(proof), None]).on(connection.clone());
        // INVARIANT: nothing is done for a code before it is on record as taken.
        execute(&self.engine, &caller, TakeCode { shown: proof, step }).await?;
        Ok(caller)
    }

    async fn prove_login(&self, peer: &Peer, shown: Shown, request: RequestId) -> Result<Proven> {
        let (crypto, now) = (&**self.engine.crypto(), self.engine.clock().now());
        let by_certificate = self.by_certificate(peer)?;
        let beside = by_certificate.as_ref().map(|(_, proof)| *proof);
        let (mut step, mut password) = (None, None);
        let (principal, proof) = match shown {
            Shown::SecretId { role_id, secret_id } => self.by_secret_id(peer, role_id, &secret_id)?,
            Shown::Password { realm, name, password: old, code, new_password } => {
                check_new(crypto, &old, new_password.as_deref())?;
                let code = code.as_deref().map(String::as_str);
                let realm = self.realm_named(realm.as_deref())?;
                let proven = self.by_password((realm, &name), old, code).await?;
                if let Some(new) = new_password {
                    password = Some(self.other_password(new, &proven).await?);
                }
                step = proven.step;
                (proven.principal, proven.proof)
            }
            Shown::Jwt(token) if jwt::has_form(&token) => self.bearer(&token, beside).await?.0,
            Shown::Jwt(_) => return Err(refused("a login with what is no JSON Web Token")),
        };
        if let Some((other, _)) = by_certificate.as_ref().filter(|(other, _)| other.id != principal.id) {
            return Err(refused(format!("certificate of {} with a login of {}", other.name, principal.name)));
        }
        let (expires, until) = lasts(now);
        let (token, mut credential) = token::generate(crypto, Some(expires))?;
        let by = password.as_ref().map_or(proof, |new| new.id);
        credential.kind = CredentialKind::Session { by, until, beside };
        let caller = Caller::authenticated(Arc::clone(&principal), "rest", Some(peer.address), request);
        let caller = caller.proven_by([beside, Some(proof)]);
        let operation = LogIn { shown: proof, step, token: credential, password };
        Ok(Proven { principal, token, caller, operation })
    }

    /// Refuses a realm that the configuration lets bind nobody of this issuer or organisation.
    ///
    /// # Errors
    /// `Denied`; the store's.
    pub fn require_realm(&self, realms: &[String], realm: RealmId, of: &str) -> Result<()> {
        for name in realms {
            if self.realm_named(Some(name))? == Some(realm) {
                return Ok(());
            }
        }
        let public = format!(
            "{of} is not for this realm: the configuration says for which it is (realms, beside its name; default: the first \
             one alone)"
        );
        Err(Error::new(ErrorKind::Denied, public))
    }

    /// The realm of a name; none where there is none, which is told like a name that nobody has.
    fn realm_named(&self, name: Option<&str>) -> Result<Option<RealmId>> {
        let Some(name) = name else { return Ok(Some(RealmId::DEFAULT)) };
        match open_named(&**self.engine.store(), &**self.engine.crypto(), name) {
            Ok(realm) => Ok(Some(realm)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn by_secret_id(
        &self,
        peer: &Peer,
        role_id: PrincipalId,
        secret_id: &str,
    ) -> Result<(Arc<Principal>, CredentialId)> {
        if !token::has_form(secret_id, PREFIX) {
            return Err(refused("a login with what is no secret id"));
        }
        let proof = secret_proof(&**self.engine.crypto(), secret_id);
        let (principal, proof) = self.known(proof, &[])?;
        let record = self.engine.store().get(&RecordKey::Credential(proof))?;
        if principal.id != role_id {
            return Err(refused(format!("a secret id of {} under another role id", principal.name)));
        }
        let (uses_left, networks) = match record.as_deref() {
            Some(Record::Credential(known)) => match &known.kind {
                CredentialKind::SecretId { uses_left, networks } => (uses_left, networks),
                _ => return Err(refused("a login with what is no secret id")),
            },
            _ => return Err(refused("a secret id that is gone")),
        };
        if *uses_left == Some(0) {
            return Err(refused(format!("a secret id of {} whose uses are spent", principal.name)));
        }
        let address = peer.address.ip();
        if !networks.is_empty() && !networks.iter().any(|network| network.contains(address)) {
            return Err(refused(format!("a secret id of {} from elsewhere", principal.name)));
        }
        Ok((principal, proof))
    }
}

/// Looks at a new password before the old one is tried: what is wrong with it tells nothing about that.
///
/// # Errors
/// `InvalidField`.
fn check_new(crypto: &dyn Crypto, old: &str, new: Option<&String>) -> Result<()> {
    let Some(new) = new else { return Ok(()) };
    password::check_length(new)?;
    if crypto.equal(old.as_bytes(), new.as_bytes()) {
        return Err(Error::new(ErrorKind::InvalidField, "the new password is the old one"));
    }
    Ok(())
}

/// Whose failure it would be. A role id is no secret: who guesses at a machine's secret ids, in vain, must not keep it out.
fn whose(shown: &Shown, address: SocketAddr) -> Vec<Whose> {
    let source = Whose::Source(Source::from(address.ip()));
    match shown {
        Shown::SecretId { .. } | Shown::Jwt(_) => vec![source],
        // Nobody has a longer name: it is not kept in memory.
        Shown::Password { realm, name, .. }
            if name.len().max(realm.as_ref().map_or(0, String::len)) > NAME_BYTES_MAX =>
        {
            vec![source]
        }
        Shown::Password { realm: Some(realm), name, .. } if realm != FIRST_REALM => {
            // No name has a slash.
            vec![source, Whose::Name(format!("{realm}/{name}"))]
        }
        Shown::Password { name, .. } => vec![source, Whose::Name(name.clone())],
    }
}

/// What every refused login is told, whatever was wrong.
const LOGIN_REFUSAL: &str = "authentication failed: nobody logs in with this, from here, now";
