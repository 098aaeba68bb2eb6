//! KMIP 1.0 to 2.1 in TTLV: request bytes to core's operations and back, one file an operation or a family of them.
//! Not here: TLS and sockets (listen), what the bytes look like (the kmip crate), and anything that decides (core).

use std::sync::Arc;

use keyreeve_core::access::Caller;
use keyreeve_core::engine::Engine;
use keyreeve_core::{Error, ErrorKind};
use keyreeve_kmip::message::{
    RejectedRequest, RequestMessage, ResponseHeader, ResponseItem, ResponseMessage,
};
use keyreeve_kmip::values::DateTime;
use keyreeve_kmip::{Limits, SecretBytes, Version};
use tracing::{error, warn};

use crate::authn::Authenticator;
use crate::listen::Peer;

mod attributes;
mod batch;
mod certificates;
mod check;
mod connection;
mod create;
mod encrypt;
mod errors;
mod get;
mod get_attributes;
mod hash;
mod interop;
mod lifecycle;
mod locate;
mod mac;
mod modify_attributes;
mod objects;
mod parameters;
mod query;
mod register;
mod rekey;
mod rng;
mod sign;
mod transparent;

use errors::Failure;

/// What the front-end allows.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Answer the operation Interop, which test suites use.
    pub interop: bool,
    /// Take requests with credentials in their header, and look at the TLS certificate alone. Otherwise such requests
    /// are refused: what cannot be checked must not look as if it had been.
    pub credentials_ignored: bool,
    /// Limits on messages.
    pub limits: Limits,
}

/// The front-end.
pub struct Kmip {
    engine: Arc<Engine>,
    authenticator: Arc<Authenticator>,
    settings: Settings,
}

impl Kmip {
    /// Over these parts.
    pub fn new(engine: Arc<Engine>, authenticator: Arc<Authenticator>, settings: Settings) -> Self {
        Self { engine, authenticator, settings }
    }

    /// Answers the request of a peer. Whatever the bytes are, the answer is a response message. It may hold secrets.
    pub async fn handle(&self, peer: &Peer, request: &[u8]) -> SecretBytes {
        let message = match RequestMessage::decode(request, &self.settings.limits) {
            Ok(message) => message,
            Err(rejected) => return self.reject(peer, &rejected),
        };
        match self.authenticator.authenticate("kmip", peer, None).await {
            Ok(caller) => self.answer(&caller, message).await,
            Err(error) => self.refuse(&message, error.into()),
        }
    }

    /// Answers a request of a caller who has been proven.
    pub async fn handle_as(&self, caller: &Caller, request: &[u8]) -> SecretBytes {
        match RequestMessage::decode(request, &self.settings.limits) {
            Ok(message) => self.answer(caller, message).await,
            Err(rejected) => self.rejected(&rejected),
        }
    }

    async fn answer(&self, caller: &Caller, message: RequestMessage) -> SecretBytes {
        if message.header.authentication.is_some() && !self.settings.credentials_ignored {
            let public = "credentials in the header are not taken: the TLS client certificate says who asks";
            warn!(request = %caller.request, "a KMIP request brought credentials, which are not configured");
            return self.refuse(&message, Error::new(ErrorKind::Unauthenticated, public).into());
        }
        let version = message.version;
        let size_max = message.header.maximum_response_size;
        let mut header = self.header();
        header.client_correlation_value = message.header.client_correlation_value.clone();
        header.server_correlation_value = Some(caller.request.to_string());
        let items = batch::run(self, caller, message).await;
        self.encode(ResponseMessage { version, header, items }, size_max)
    }

    fn header(&self) -> ResponseHeader {
        ResponseHeader::new(DateTime(self.engine.clock().now().seconds()))
    }

    /// One failure instead of any batch item.
    fn refuse(&self, message: &RequestMessage, failure: Failure) -> SecretBytes {
        let mut header = self.header();
        header.client_correlation_value = message.header.client_correlation_value.clone();
        let operation = match &message.items[..] {
            [only] => Some(only.operation),
            _ => None,
        };
        let mut item = ResponseItem::failure(operation, failure.reason, failure.message);
        if let [only] = &message.items[..] {
            item.unique_batch_item_id.clone_from(&only.unique_batch_item_id);
        }
        self.encode(ResponseMessage { version: message.version, header, items: vec![item] }, None)
    }

    fn reject(&self, peer: &Peer, rejected: &RejectedRequest) -> SecretBytes {
        warn!(peer = %peer.address, cause = %rejected.error, "a KMIP message could not be read");
        self.rejected(rejected)
    }

    fn rejected(&self, rejected: &RejectedRequest) -> SecretBytes {
        let mut header = self.header();
        header.client_correlation_value.clone_from(&rejected.client_correlation_value);
        let item = ResponseItem::failure(None, rejected.error.result_reason(), rejected.error.to_string());
        self.encode(ResponseMessage { version: rejected.version, header, items: vec![item] }, None)
    }

    /// Encodes the response; what makes it longer than the client takes is answered by a failure, from the end.
    fn encode(&self, mut message: ResponseMessage, size_max: Option<i32>) -> SecretBytes {
        let size_max = size_max.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX);
        let mut shortened = message.items.len();
        loop {
            match message.encode() {
                Ok(bytes) if bytes.len() <= size_max || shortened == 0 => return bytes,
                Err(cause) if shortened == 0 => {
                    error!(%cause, "a KMIP response could not be encoded");
                    return SecretBytes::default();
                }
                _ => {}
            }
            while shortened > 0 {
                shortened -= 1;
                let item = &mut message.items[shortened];
                if item.payload.is_some() {
                    let public = "the response is longer than the request's Maximum Response Size";
                    let failure = Failure::new(keyreeve_kmip::enums::ResultReason::ResponseTooLarge, public);
                    let failed = ResponseItem::failure(item.operation, failure.reason, failure.message);
                    let id = item.unique_batch_item_id.take();
                    *item = ResponseItem { unique_batch_item_id: id, ..failed };
                    break;
                }
            }
        }
    }

    /// The answer to a message whose length alone rules it out, before anything else of it was read.
    fn too_long(&self, error: &keyreeve_kmip::DecodeError) -> SecretBytes {
        let item = ResponseItem::failure(None, error.result_reason(), error.to_string());
        self.encode(
            ResponseMessage { version: Version::V1_0, header: self.header(), items: vec![item] },
            None,
        )
    }
}
