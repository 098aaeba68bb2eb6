//! Authentication: from what a peer proves to the caller that it is. One file a method. Not here: what the caller may
//! do (core's access).

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use keyreeve_core::access::{Action, Caller};
use keyreeve_core::engine::Engine;
use keyreeve_core::model::{CredentialId, Principal, PrincipalId, RequestId, Time};
use keyreeve_core::operations::principals;
use keyreeve_core::operations::server::Note;
use keyreeve_core::per_second::PerSecond;
use keyreeve_core::record::RecordKey;
use keyreeve_core::{Error, ErrorKind, Result};
use parking_lot::RwLock;
use tracing::warn;

use self::attempts::Attempts;
use self::jwt::Issuers;
use self::organisations::Organisations;
use self::password::Stretching;
use self::rates::{Rates, RequestsMax};
use crate::execute::execute;
use crate::listen::Peer;
use crate::metrics::COUNTED;
use crate::source::Source;

mod attempts;
pub mod certificate;
pub mod enrolment;
mod floods;
pub mod jwt;
pub mod login;
pub mod organisations;
pub mod password;
pub mod rates;
pub mod token;
mod totp;

#[cfg(test)]
mod tests;

/// Failures that go on record one by one in a second, of all sources together: strangers who come from everywhere fill no disk. The
/// others are counted by their source.
const FAILURES_RECORDED_TOTAL_MAX: u32 = 100;

/// Who asks, and how that was proven.
struct Proven {
    principal: Arc<Principal>,
    /// Of the connection's certificate, of the token.
    credentials: [Option<CredentialId>; 2],
    /// When what was shown expires by itself.
    expires: Option<Time>,
}

/// Recognises callers by certificate and token.
pub struct Authenticator {
    engine: Arc<Engine>,
    issuers: RwLock<Arc<Issuers>>,
    organisations: Arc<Organisations>,
    attempts: Attempts,
    stretching: Stretching,
    failures: PerSecond<Source>,
    of_clients: Rates<PrincipalId>,
    of_addresses: Rates<Source>,
    requests: RequestIds,
}

impl Authenticator {
    /// Of the principals in this engine's store; at most so many failures of one source go to log and
    /// journal in a second.
    pub fn new(engine: Arc<Engine>, failures_recorded_per_second_max: u32) -> Self {
        let failures = PerSecond::new(failures_recorded_per_second_max, FAILURES_RECORDED_TOTAL_MAX);
        Self {
            engine,
            issuers: RwLock::default(),
            organisations: Arc::default(),
            attempts: Attempts::default(),
            stretching: Stretching::default(),
            failures,
            of_clients: Rates::new("client"),
            of_addresses: Rates::new("address"),
            requests: RequestIds::default(),
        }
    }

    /// Takes client certificates of these organisations too.
    pub fn with_organisations(self, organisations: Organisations) -> Self {
        Self { organisations: Arc::new(organisations), ..self }
    }

    /// The organisations whose client certificates are taken.
    pub fn organisations(&self) -> &Arc<Organisations> {
        &self.organisations
    }

    /// Puts so many failures of one source on record in a second from now on.
    pub fn set_failures_max(&self, failures_recorded_per_second_max: u32) {
        self.failures.set_kind_max(failures_recorded_per_second_max);
    }

    /// Takes so many requests of one client, and from one address, from now on.
    pub fn set_requests_max(&self, of_clients: RequestsMax, of_addresses: RequestsMax) {
        self.of_clients.set(of_clients);
        self.of_addresses.set(of_addresses);
    }

    /// The issuers whose tokens are taken.
    pub fn issuers(&self) -> Arc<Issuers> {
        self.issuers.read().clone()
    }

    /// Takes tokens of these issuers from now on, and of no others.
    pub fn set_issuers(&self, issuers: Issuers) {
        *self.issuers.write() = Arc::new(issuers);
    }

    /// Who asks with a request that is counted, as [`Authenticator::recognise`].
    ///
    /// # Errors
    /// `LimitExceeded` where too many came; as recognising.
    pub async fn authenticate(
        &self,
        protocol: &'static str,
        peer: &Peer,
        token: Option<&str>,
    ) -> Result<Caller> {
        self.admit(protocol, peer).await?;
        let caller = self.recognise(protocol, peer, token).await?;
        self.count(&caller).await?;
        Ok(caller)
    }

    /// Counts a request of a client: also one behind the first of a batch, and one that its header says is another client's than the
    /// connection's.
    ///
    /// # Errors
    /// `LimitExceeded` where too many came.
    pub async fn count(&self, caller: &Caller) -> Result<()> {
        let second = self.engine.clock().now().seconds();
        let Err(error) = self.of_clients.admit(caller.id(), second) else { return Ok(()) };
        let told = format!("{}: {error}", caller.name());
        if let Some(address) = caller.source {
            self.record(caller.protocol, address, caller.request, (TOO_MANY, &told)).await;
        }
        Err(error)
    }

    /// Counts a request from an address.
    ///
    /// # Errors
    /// `LimitExceeded` where too many came.
    async fn admit(&self, protocol: &'static str, peer: &Peer) -> Result<()> {
        let second = self.engine.clock().now().seconds();
        let Err(error) = self.of_addresses.admit(Source::from(peer.address.ip()), second) else {
            return Ok(());
        };
        let request = self.requests.next(&self.engine)?;
        self.record(protocol, peer.address, request, (TOO_MANY, error.public())).await;
        Err(error)
    }

    /// Who asks, proven anew for every request, so that a revocation counts at once. Where a certificate and a token
    /// are shown, both must be good and name the same principal.
    ///
    /// # Errors
    /// `Unauthenticated` with one text for every cause; log and journal have the cause, of a flood in part.
    pub async fn recognise(
        &self,
        protocol: &'static str,
        peer: &Peer,
        token: Option<&str>,
    ) -> Result<Caller> {
        let proven = self.prove(peer, token).await;
        let request = self.requests.next(&self.engine)?;
        match proven {
            Ok(Proven { principal, credentials, expires }) => {
                peer.known.set();
                let caller = Caller::authenticated(principal, protocol, Some(peer.address), request);
                Ok(caller.proven_by(credentials).until(expires))
            }
            Err(error) if error.kind() == ErrorKind::Unauthenticated => {
                self.record(protocol, peer.address, request, (FAILED, cause(&error))).await;
                Err(Error::new(ErrorKind::Unauthenticated, REFUSAL))
            }
            Err(error) => Err(error),
        }
    }

    /// Who asks, where a request on a proven connection brought the name of a principal and a token of it. The name is looked
    /// at once the token is good: who has none learns nothing of names.
    ///
    /// # Errors
    /// As [`Authenticator::authenticate`].
    pub async fn authenticate_named(&self, connection: &Caller, name: &str, token: &str) -> Result<Caller> {
        let others: Vec<_> = connection.credentials().collect();
        let proven = match token::proof(&**self.engine.crypto(), token) {
            Some(proof) => self.known(proof, &others),
            None => Err(refused("a password that is not one of this server's tokens")),
        };
        let proven = proven.and_then(|(principal, proof)| {
            if principal.name == name {
                return Ok((principal, proof));
            }
            Err(refused(format!("a token of {} under another name", principal.name)))
        });
        self.on(connection, proven).await
    }

    /// Who asks, where a request on a proven connection brought what stands for this credential.
    ///
    /// # Errors
    /// As [`Authenticator::authenticate`].
    pub async fn authenticate_proven(&self, connection: &Caller, proof: CredentialId) -> Result<Caller> {
        let others: Vec<_> = connection.credentials().collect();
        self.on(connection, self.known(proof, &others)).await
    }

    /// Puts on record that what a request brought proves nothing. What its peer is told.
    pub async fn refuse(&self, connection: &Caller, cause: impl std::fmt::Display) -> Error {
        let cause = format!("on a connection of {}: {cause}", connection.name());
        match connection.source {
            Some(address) => {
                self.record(connection.protocol, address, connection.request, (FAILED, &cause)).await;
            }
            None => warn!(request = %connection.request, %cause, "authentication failed"),
        }
        Error::new(ErrorKind::Unauthenticated, CREDENTIAL_REFUSAL)
    }

    async fn on(
        &self,
        connection: &Caller,
        proven: Result<(Arc<Principal>, CredentialId)>,
    ) -> Result<Caller> {
        let elsewhere = |principal: &Principal| {
            refused(format!("a credential of {}, which is of another realm", principal.name))
        };
        let proven = proven.and_then(|(principal, proof)| match principal.realm == connection.realm() {
            true => Ok((principal, proof)),
            false => Err(elsewhere(&principal)),
        });
        match proven {
            Ok((principal, proof)) => {
                let Caller { protocol, source, request, .. } = *connection;
                let caller = Caller::authenticated(principal, protocol, source, request);
                Ok(caller.proven_by([Some(proof), None]).on(connection.clone()))
            }
            Err(error) if error.kind() == ErrorKind::Unauthenticated => {
                Err(self.refuse(connection, error.cause().unwrap_or(error.public())).await)
            }
            Err(error) => Err(error),
        }
    }

    /// Whom a proof belongs to that counts now, on a connection that is proven by these others.
    fn known(&self, proof: CredentialId, others: &[CredentialId]) -> Result<(Arc<Principal>, CredentialId)> {
        let now = self.engine.clock().now();
        Ok((principals::authenticate(&**self.engine.store(), proof, others, now)?, proof))
    }

    /// Whom the connection's certificate proves, where there is one.
    fn by_certificate(&self, peer: &Peer) -> Result<Option<(Arc<Principal>, CredentialId)>> {
        let Some(shown) = &peer.certificate else { return Ok(None) };
        let Some(member) = &peer.member else { return self.known(certificate::proof(shown), &[]).map(Some) };
        let now = self.engine.clock().now();
        let proof = self.organisations.proof(&**self.engine.crypto(), member, now).map_err(refused)?;
        let known = self.known(proof, &[]).map_err(|error| match error.kind() {
            ErrorKind::Unauthenticated => {
                let cause = error.cause().unwrap_or(error.public());
                refused(format!("{} {:?} of {}: {cause}", member.field, member.name, member.organisation))
            }
            _ => error,
        })?;
        Ok(Some(known))
    }

    async fn prove(&self, peer: &Peer, token: Option<&str>) -> Result<Proven> {
        let by_certificate = self.by_certificate(peer)?;
        let certificate = by_certificate.as_ref().map(|(_, proof)| *proof);
        let by_token = match token {
            Some(token) => Some(self.bearer(token, certificate).await?),
            None => None,
        };
        match (by_certificate, by_token) {
            (Some((certificate, _)), Some(((token, _), _))) if certificate.id != token.id => {
                Err(refused(format!("certificate of {} with a token of {}", certificate.name, token.name)))
            }
            (Some((principal, proof)), token) => {
                let (by_token, expires) = token.map(|((_, proof), expires)| (proof, expires)).unzip();
                Ok(Proven { principal, credentials: [Some(proof), by_token], expires: expires.flatten() })
            }
            (None, Some(((principal, proof), expires))) => {
                Ok(Proven { principal, credentials: [None, Some(proof)], expires })
            }
            (None, None) => Err(refused("neither client certificate nor token was shown")),
        }
    }

    /// Whom a bearer token proves, by which credential, and until when where it expires by itself.
    async fn bearer(
        &self,
        token: &str,
        certificate: Option<CredentialId>,
    ) -> Result<((Arc<Principal>, CredentialId), Option<Time>)> {
        let crypto = &**self.engine.crypto();
        if let Some(proof) = token::proof(crypto, token) {
            return Ok((self.known(proof, certificate.as_slice())?, None));
        }
        if !jwt::has_form(token) {
            return Err(refused("a bearer token that is not one of this server's"));
        }
        let proven = self.issuers().verify(crypto, token, self.engine.clock().now()).await;
        let jwt::Proven { id, subject, expires } = proven.map_err(refused)?;
        let known = self.known(id, &[]).map_err(|error| match error.kind() {
            // Whose the subject is, the cause says: a person's subject does not get on record.
            ErrorKind::Unauthenticated if !self.is_on_record(id) => {
                refused(format!("{subject}: {}", error.cause().unwrap_or(error.public())))
            }
            _ => error,
        })?;
        Ok((known, Some(expires)))
    }

    fn is_on_record(&self, id: CredentialId) -> bool {
        matches!(self.engine.store().get(&RecordKey::Credential(id)), Ok(Some(_)))
    }

    /// Puts on record why a handshake was refused that should have proven who the peer is.
    pub async fn refused_handshake(&self, protocol: &'static str, address: SocketAddr, cause: &str) {
        // Without a number for the request, which only a failing generator does not give, the log has it.
        let Ok(request) = self.requests.next(&self.engine) else { return };
        self.record(protocol, address, request, (HANDSHAKE, cause)).await;
    }

    /// Puts on record and into the log what was refused and why, of a flood in part.
    async fn record(
        &self,
        protocol: &'static str,
        address: SocketAddr,
        request: RequestId,
        (what, cause): (&'static str, &str),
    ) {
        COUNTED.authentication_refused(protocol);
        let second = self.engine.clock().now().seconds();
        let Some(suppressed) = self.failures.admit(Source::from(address.ip()), second) else { return };
        warn!(protocol, peer = %address, %request, cause, suppressed, "{what}");
        let mut detail = cause.to_owned();
        if suppressed > 0 {
            detail.push_str(&format!("; {suppressed} failures before it are not on record"));
        }
        // The note is itself a denial; a journal that cannot take it stops the server by its own way.
        let caller = Caller::stranger(protocol, Some(address), request);
        let _ =
            execute(&self.engine, &caller, Note { action: Action::Authenticate, detail, denied: true }).await;
    }
}

/// What is said in the log of what is refused here.
const FAILED: &str = "authentication failed";
const HANDSHAKE: &str = "handshake refused";
const TOO_MANY: &str = "too many requests";

/// What the log is told of an error.
fn cause(error: &Error) -> &str {
    error.cause().unwrap_or(error.public())
}

/// Ids of requests, one after the other behind random bytes of this process: an id must be nobody else's, and need not be
/// hard to guess, which is dear.
#[derive(Default)]
struct RequestIds {
    first: OnceLock<[u8; 10]>,
    given: AtomicU64,
}

impl RequestIds {
    fn next(&self, engine: &Engine) -> Result<RequestId> {
        let mut bytes = match self.first.get() {
            Some(first) => *first,
            None => {
                let mut random = [0; 10];
                engine.crypto().fill(&mut random)?;
                *self.first.get_or_init(|| random)
            }
        };
        // 48 bits of it count; the 26 random ones before them stay (6 of the ten bytes' 80 are the UUID's own).
        let (_, counted) = bytes.split_at_mut(2);
        let Some(counted) = counted.first_chunk_mut::<8>() else { return request_id(engine) };
        let given = self.given.fetch_add(1, Ordering::Relaxed) & COUNTED_BITS;
        let first = u64::from_be_bytes(*counted);
        *counted = (first & !COUNTED_BITS | first.wrapping_add(given) & COUNTED_BITS).to_be_bytes();
        Ok(RequestId::from_parts(engine.clock().now().0.max(0) as u64, &bytes))
    }
}

/// The bits of an id that count.
const COUNTED_BITS: u64 = (1 << 48) - 1;

/// An id for a new request.
///
/// # Errors
/// The generator's.
pub fn request_id(engine: &Engine) -> Result<RequestId> {
    let mut random = [0; 10];
    engine.crypto().fill(&mut random)?;
    Ok(RequestId::from_parts(engine.clock().now().0.max(0) as u64, &random))
}

/// What every refused peer is told, whatever was wrong.
const REFUSAL: &str =
    "authentication failed: show a client certificate of this server's CA, or a valid bearer token";

/// The same of what a request brought on a connection that is proven.
const CREDENTIAL_REFUSAL: &str =
    "authentication failed: the credential in the request's header is none that counts here";

fn refused(cause: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Unauthenticated, REFUSAL).because(cause)
}
