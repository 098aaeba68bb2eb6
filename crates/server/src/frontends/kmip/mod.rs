//! KMIP 1.0 to 2.1: request bytes to core's operations and back, one file an operation or a family of them.
//! Not here: TLS and sockets (listen), HTTP (rest), what the bytes look like (the kmip crate), and anything that decides (core).

use std::sync::Arc;
use std::time::Duration;

use keyreeve_core::access::Caller;
use keyreeve_core::engine::Engine;
use keyreeve_core::operations::server::OtherRequest;
use keyreeve_core::per_second::PerSecond;
use keyreeve_kmip::message::{
    RejectedRequest, RequestMessage, ResponseHeader, ResponseItem, ResponseMessage,
};
use keyreeve_kmip::values::DateTime;
use keyreeve_kmip::{Encoding, Limits, SecretBytes, Version};
use keyreeve_pki::CertificateAuthority;
use parking_lot::RwLock;
use tokio::task::JoinSet;
use tracing::warn;

use crate::authn::Authenticator;
use crate::config::Credentials;
use crate::execute::execute;
use crate::follow::Progress;
use crate::in_flight::InFlight;
use crate::listen::{Peer, Shutdown};
use crate::server_identity::ServerIdentity;
use crate::source::Source;

mod answer;
mod attestation;
mod attributes;
mod batch;
mod certificates;
mod certify;
mod check;
mod connection;
mod create;
mod credentials;
mod data;
mod derive_key;
mod encrypt;
pub(crate) mod endpoints;
mod errors;
mod get;
mod get_attributes;
mod hash;
mod import;
mod interop;
mod jobs;
mod lifecycle;
mod locate;
mod login;
mod mac;
mod modify_attributes;
mod object_rules;
mod objects;
mod parameters;
mod pipeline;
mod pkcs11;
mod pkcs12;
mod query;
mod register;
mod rekey;
mod reprovision;
mod rng;
mod sign;
mod split_key;
mod storage_masks;
mod streams;
mod templates;
mod tickets;
mod told;
mod transparent;
mod validate;
mod wrapping;

use answer::whole;
pub use attestation::Attestation;
use attestation::Nonces;
use endpoints::Endpoint;
use errors::Failure;
use jobs::Jobs;
use pkcs11::Applications;
use streams::Streams;
use tickets::Tickets;

/// Log lines in a second about messages of one source that could not be read, and of all sources.
const UNREAD_TOLD_MAX: u32 = 10;
const UNREAD_TOLD_TOTAL_MAX: u32 = 100;

/// How often the server looks after what clients left behind.
const TENDED_EVERY: Duration = Duration::from_secs(1);

/// What the front-end allows.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Answer the operation Interop, which test suites use.
    pub interop: bool,
    /// Name of the private key that Certify and Re-certify sign with; `None`: they are not offered.
    pub issuer: Option<Arc<str>>,
    /// What becomes of credentials in a request's header.
    pub credentials: Credentials,
    /// Who attests for clients, and what takes that; `None`: nothing does.
    pub attestation: Option<Attestation>,
    /// Time from the first byte of a message to its last.
    pub message_max: Duration,
    /// Limits on messages.
    pub limits: Limits,
}

/// The front-end.
pub struct Kmip {
    engine: Arc<Engine>,
    authenticator: Arc<Authenticator>,
    settings: RwLock<Settings>,
    in_flight: Arc<InFlight>,
    /// Messages that could not be read, as the log tells of them.
    unread: PerSecond<Source>,
    streams: Streams,
    jobs: Jobs,
    tickets: Tickets,
    nonces: Nonces,
    endpoints: Vec<Arc<Endpoint>>,
    applications: Applications,
    /// Issues the certificates by which clients prove themselves.
    authority: Option<Arc<CertificateAuthority>>,
}

impl Kmip {
    /// Over these parts; long messages have their room in `in_flight`.
    pub fn new(
        engine: Arc<Engine>,
        authenticator: Arc<Authenticator>,
        settings: Settings,
        in_flight: Arc<InFlight>,
    ) -> Self {
        Self {
            engine,
            authenticator,
            settings: RwLock::new(settings),
            in_flight,
            unread: PerSecond::new(UNREAD_TOLD_MAX, UNREAD_TOLD_TOTAL_MAX),
            streams: Streams::default(),
            jobs: Jobs::default(),
            tickets: Tickets::default(),
            nonces: Nonces::default(),
            endpoints: Vec::new(),
            applications: Applications::default(),
            authority: None,
        }
    }

    /// With the authority of the listeners, for clients that ask for another certificate.
    pub fn with_authority(self, authority: Arc<CertificateAuthority>) -> Self {
        Self { authority: Some(authority), ..self }
    }

    /// With these to be sent Put and Notify.
    pub(crate) fn with_endpoints(self, endpoints: Vec<Endpoint>) -> Self {
        Self { endpoints: endpoints.into_iter().map(Arc::new).collect(), ..self }
    }

    /// Sends Put and Notify from now on, until the server stops.
    pub(crate) fn push(
        self: &Arc<Self>,
        identity: &Arc<ServerIdentity>,
        shutdown: &Shutdown,
        tasks: &mut JoinSet<()>,
    ) {
        for endpoint in &self.endpoints {
            tasks.spawn(endpoint.clone().run(self.clone(), identity.clone(), shutdown.clone()));
        }
    }

    /// How far each endpoint has come.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Progress> {
        self.endpoints.iter().map(|endpoint| &**endpoint.progress())
    }

    /// Endpoints that are told nothing by the rights that they have, for doctor.
    pub(crate) fn barred_endpoints(&self) -> impl Iterator<Item = String> {
        self.endpoints.iter().filter_map(|endpoint| endpoint.barred(&self.engine))
    }

    /// Does asynchronous requests that wait, and forgets what nobody comes back for, until the server stops.
    pub async fn tend(self: Arc<Self>, mut shutdown: Shutdown) {
        let mut ticks = tokio::time::interval(TENDED_EVERY);
        let mut running = JoinSet::new();
        loop {
            tokio::select! {
                () = shutdown.requested() => break,
                _ = ticks.tick() => {
                    let now = self.engine.clock().now();
                    self.streams.forget_idle(now);
                    self.tickets.forget_over(now);
                    self.applications.forget_idle(now);
                    jobs::tend(&self, &mut running);
                }
            }
        }
        // What is begun is done.
        self.jobs.begin_no_more();
        while running.join_next().await.is_some() {}
    }

    /// Allows something else from the next message on.
    pub fn set(&self, settings: Settings) {
        *self.settings.write() = settings;
    }

    fn settings(&self) -> Settings {
        self.settings.read().clone()
    }

    fn random<const N: usize>(&self) -> Result<[u8; N], Failure> {
        let mut bytes = [0; N];
        self.engine.crypto().fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Answers the request of a peer. Whatever the bytes are, the answer is a response message. It may hold secrets.
    /// Runs on a multi-threaded runtime only.
    pub async fn handle(&self, peer: &Peer, request: &[u8]) -> SecretBytes {
        self.handle_decoded(peer, RequestMessage::decode(request, &self.settings().limits)).await
    }

    async fn handle_decoded(
        &self,
        peer: &Peer,
        message: Result<RequestMessage, Box<RejectedRequest>>,
    ) -> SecretBytes {
        let message = match message {
            Ok(message) => message,
            Err(rejected) => return self.reject(peer, &rejected).await,
        };
        match self.authenticator.authenticate("kmip", peer, None).await {
            Ok(caller) => self.answer(&caller, message).await,
            Err(error) => self.refuse(&message, error.into()),
        }
    }

    /// Answers a request of a caller who has been proven, in the encoding of the request. As [`Kmip::handle`] else.
    pub async fn handle_as(&self, caller: &Caller, encoding: Encoding, request: &[u8]) -> SecretBytes {
        let (version, answer) = match RequestMessage::decode_from(encoding, request, &self.settings().limits)
        {
            Ok(message) => (message.version, self.answer(caller, message).await),
            Err(rejected) => {
                warn!(request = %caller.request, cause = %rejected.error, "a KMIP message could not be read");
                self.record_unread(caller, &rejected).await;
                (rejected.version, self.rejected(&rejected))
            }
        };
        encoding.translate(answer).unwrap_or_else(|cause| {
            warn!(request = %caller.request, %cause, "the answer to a KMIP message could not be written");
            whole(encoding.translate(self.unread(version, cause.into())))
        })
    }

    async fn answer(&self, caller: &Caller, mut message: RequestMessage) -> SecretBytes {
        if let Err((failure, nonce)) = Box::pin(attestation::check(self, caller, &mut message)).await {
            self.record_header(caller, &message, &failure).await;
            let types = if nonce.is_some() { attestation::types(self) } else { Vec::new() };
            let header = ResponseHeader { nonce, attestation_types: types, ..self.header() };
            return Self::refuse_under(header, &message, failure);
        }
        let asker = match &message.header.authentication {
            Some(authentication) => match Box::pin(credentials::check(self, caller, authentication)).await {
                Ok(asker) => asker,
                Err(failure) => {
                    self.record_header(caller, &message, &failure).await;
                    return self.refuse(&message, failure);
                }
            },
            None => None,
        };
        let (caller, ticket) =
            asker.as_ref().map_or((caller, None), |(caller, held)| (caller, held.as_ref()));
        let version = message.version;
        let size_max = message.header.maximum_response_size;
        let mut header = self.header();
        header.client_correlation_value = message.header.client_correlation_value.clone();
        header.server_correlation_value = Some(caller.request.to_string());
        let mut answers = batch::run(self, (caller, ticket), message).await;
        let response = answer::assemble(version, &header, &mut answers, size_max);
        for (name, kept) in answers.iter_mut().filter_map(answer::Answer::told) {
            jobs::told(self, &name, kept);
        }
        response
    }

    fn header(&self) -> ResponseHeader {
        ResponseHeader::new(DateTime(self.engine.clock().now().seconds()))
    }

    /// One failure instead of any batch item.
    fn refuse(&self, message: &RequestMessage, failure: Failure) -> SecretBytes {
        Self::refuse_under(self.header(), message, failure)
    }

    fn refuse_under(mut header: ResponseHeader, message: &RequestMessage, failure: Failure) -> SecretBytes {
        header.client_correlation_value = message.header.client_correlation_value.clone();
        let operation = match &message.items[..] {
            [only] => Some(only.operation),
            _ => None,
        };
        let mut item = ResponseItem::failure(operation, failure.reason, failure.message);
        if let [only] = &message.items[..] {
            item.unique_batch_item_id.clone_from(&only.unique_batch_item_id);
        }
        whole(ResponseMessage { version: message.version, header, items: vec![item] }.encode())
    }

    /// Puts a request on record that came to no operation of core.
    async fn record_other(&self, caller: &Caller, what: &str, failure: Option<&Failure>) {
        let what = what.to_owned();
        let refused = failure.map(|failure| (failure.recorded_kind(), failure.message.clone()));
        // What is told here touches no key, and is told also while the disk is full and nothing can be put on record: else no
        // client could come to revoke anything then. The store tells of its own failure.
        let _ = execute(&self.engine, caller, OtherRequest { what, refused }).await;
    }

    /// Puts on record, as what the connection's client asked, a message that its header refuses. Of what was wrong with a proof
    /// there is an entry of its own.
    async fn record_header(&self, caller: &Caller, message: &RequestMessage, failure: &Failure) {
        let operations: Vec<String> = message.items.iter().map(|item| item.operation.to_string()).collect();
        self.record_other(caller, &operations.join(", "), Some(failure)).await;
    }

    async fn record_unread(&self, caller: &Caller, rejected: &RejectedRequest) {
        let failure = Failure::new(rejected.error.result_reason(), rejected.error.to_string());
        self.record_other(caller, "a message that cannot be read", Some(&failure)).await;
    }

    async fn reject(&self, peer: &Peer, rejected: &RejectedRequest) -> SecretBytes {
        // Whose it is, is on record: with what cannot be read, or as a failed authentication.
        if let Ok(caller) = self.authenticator.authenticate("kmip", peer, None).await {
            self.record_unread(&caller, rejected).await;
        }
        if let Some(suppressed) =
            self.unread.admit(peer.address.ip().into(), self.engine.clock().now().seconds())
        {
            warn!(peer = %peer.address, cause = %rejected.error, suppressed, "a KMIP message could not be read");
        }
        self.rejected(rejected)
    }

    fn rejected(&self, rejected: &RejectedRequest) -> SecretBytes {
        let mut header = self.header();
        header.client_correlation_value.clone_from(&rejected.client_correlation_value);
        let item = ResponseItem::failure(None, rejected.error.result_reason(), rejected.error.to_string());
        whole(ResponseMessage { version: rejected.version, header, items: vec![item] }.encode())
    }

    /// The answer to a message of which nothing but its length was read, and to one whose answer cannot be written.
    fn unread(&self, version: Version, failure: Failure) -> SecretBytes {
        let item = ResponseItem::failure(None, failure.reason, failure.message);
        whole(ResponseMessage { version, header: self.header(), items: vec![item] }.encode())
    }
}

#[cfg(test)]
mod tests;
