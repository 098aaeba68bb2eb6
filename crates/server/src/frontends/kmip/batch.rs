//! Batches: their items in order, what happens when one fails, and the identifiers that one item leaves to the next.
//!
//! A batch with the option Undo is rehearsed before it is done, and nothing of a rehearsal is on record. So that no key
//! is used without a record, such a batch may hold no use of a key (Encrypt, Decrypt, Sign, SignatureVerify, MAC,
//! MACVerify, Register of a wrapped key): else its failure would tell, say, whether a padding is right, as often as
//! anybody asks. Get is allowed, wrapped or not: what it gave is withheld where the batch fails, and that it would have
//! given something tells no more than the object's attributes do.

use std::future::Future;
use std::pin::Pin;

use keyreeve_core::ErrorKind;
use keyreeve_core::access::{Action, ActionGroup, Caller};
use keyreeve_core::engine::Rehearsal;
use keyreeve_core::model::ObjectId;
use keyreeve_core::operations::undone::Undone;
use keyreeve_core::operations::{Operation as CoreOperation, Subject};
use keyreeve_core::request::Reference;
use keyreeve_kmip::enums::{
    AsynchronousIndicator, BatchErrorContinuationOption, Operation, ResultReason, ResultStatus,
    UniqueIdentifierReference,
};
use keyreeve_kmip::message::{MessageExtension, RequestHeader, RequestItem, RequestMessage, ResponseItem};
use keyreeve_kmip::payloads::{Request, Response};
use keyreeve_kmip::values::{Data, UniqueIdentifier};
use keyreeve_kmip::{SecretBytes, Version};
use tracing::warn;

use super::answer::Answer;
use super::data::{self, Outputs};
use super::errors::{Failure, missing, not_supported};
use super::tickets::Held;
use super::{
    Kmip, certify, check, create, derive_key, encrypt, get, get_attributes, hash, import, interop, jobs,
    lifecycle, locate, login, mac, modify_attributes, object_rules, pkcs11, query, register, rekey,
    reprovision, rng, sign, split_key, storage_masks, told, validate,
};
use crate::execute::execute;
use crate::frontends::echo::{QUOTED_BYTES_MAX, cut};

/// Items of one batch.
const BATCH_ITEMS_MAX: usize = 256;

/// A batch while its items are run.
pub(super) struct Batch<'a> {
    pub(super) kmip: &'a Kmip,
    pub(super) caller: &'a Caller,
    /// What its requests are proven by, where that is a ticket.
    ticket: Option<&'a Held>,
    /// The caller as the ticket narrows the item that is run.
    narrowed: Option<Caller>,
    /// The caller by another certificate, once an item has replaced the one that the request was proven by.
    pub(super) renewed: Option<Caller>,
    pub(super) version: Version,
    /// The ID Placeholder.
    placeholder: Option<ObjectId>,
    /// Identifiers that items have answered, the latest last.
    answered: Vec<(Operation, Vec<ObjectId>)>,
    rehearsal: Option<Rehearsal<'a>>,
    /// What was run last, for the record of a rehearsal that failed, and for who fetches an answer later.
    pub(super) latest: Option<(Action, Option<Reference>)>,
    /// Whether the item that is run came to an operation of core, whose entry it then has.
    ran: bool,
    /// Bytes of the answers so far.
    answer_bytes: usize,
    /// A Get stands behind the item that is run.
    pub(super) gets_later: bool,
    /// Whose answer the item that is run tells.
    pub(super) polled: Option<jobs::Name>,
    /// No item stands behind the one that is run.
    is_last: bool,
    /// Every identifier in the answers so far.
    told: Vec<Reference>,
    /// The data that the items so far have put out.
    outputs: Outputs,
}

/// Runs the items of a request.
///
/// # Standard
/// KMIP 2.1 sections 9.5 to 9.7 and 11.5 (batches), 4.61 and 11.62 (ID Placeholder).
pub(super) async fn run(
    kmip: &Kmip,
    (caller, ticket): (&Caller, Option<&Held>),
    message: RequestMessage,
) -> Vec<Answer> {
    let RequestMessage { version, header, items } = message;
    let (option, is_asynchronous) = match planned(version, ticket, &header, &items) {
        Ok(planned) => planned,
        Err(failure) => {
            kmip.record_other(caller, "a batch", Some(&failure)).await;
            let answer = |refused| Answer::new(refused, version);
            if failure.reason == ResultReason::UnknownMessageExtension {
                // It fails every item before any of it is done.
                return items.into_iter().map(|item| answer(item_refused(item, &failure.message))).collect();
            }
            return vec![answer(ResponseItem::failure(None, failure.reason, failure.message))];
        }
    };
    // Undo means all or nothing: the batch is rehearsed, and done only where all of it succeeds.
    if option == BatchErrorContinuationOption::Undo
        && items.len() > 1
        && let Some(undone) = Box::pin(rehearse(kmip, (caller, ticket), version, &items)).await
    {
        return undone;
    }
    let mut batch = Batch { ticket, ..Batch::new(kmip, caller, version, None) };
    batch.outputs = outputs(kmip, &items);
    let mut answers = Vec::with_capacity(items.len());
    let mut items = items.into_iter();
    while let Some(item) = items.next() {
        batch.gets_later = items.as_slice().iter().any(|later| later.operation == Operation::Get);
        batch.is_last = items.as_slice().is_empty();
        // The first counts as the whole did when it came.
        let counted = if answers.is_empty() { Ok(()) } else { kmip.authenticator.count(caller).await };
        let answer = match counted {
            Err(error) => batch.failed(item.operation, item.unique_batch_item_id, error.into()),
            Ok(()) if is_asynchronous && jobs::may_wait(&item) => jobs::submit(kmip, caller, version, item),
            Ok(()) => batch.item(item).await,
        };
        let failed = answer.result_status == ResultStatus::OperationFailed;
        let answer = batch.encoded(answer);
        batch.answer_bytes += answer.len();
        answers.push(answer);
        if failed && option != BatchErrorContinuationOption::Continue {
            break;
        }
    }
    answers
}

/// What is done when an item fails, and whether the answer may come later.
fn planned(
    version: Version,
    ticket: Option<&Held>,
    header: &RequestHeader,
    items: &[RequestItem],
) -> Result<(BatchErrorContinuationOption, bool), Failure> {
    if items.len() > BATCH_ITEMS_MAX {
        let message = format!("{} items in one batch: send at most {BATCH_ITEMS_MAX}", items.len());
        return Err(Failure::new(ResultReason::ServerLimitExceeded, message));
    }
    // None is known here.
    if let Some(extension) = items.iter().find_map(|item| critical(&item.message_extensions)) {
        return Err(Failure::new(ResultReason::UnknownMessageExtension, extension));
    }
    let option = match header.batch_error_continuation_option.unwrap_or(BatchErrorContinuationOption::Stop) {
        BatchErrorContinuationOption::Unnamed(code) => {
            let message = format!("there is no Batch Error Continuation Option 0x{code:08X}");
            return Err(Failure::new(ResultReason::InvalidField, message));
        }
        option => option,
    };
    let is_asynchronous = match header.asynchronous_indicator {
        // Nobody would look then whether the ticket still holds.
        Some(AsynchronousIndicator::Mandatory) if ticket.is_some() => {
            return Err(not_supported("asynchronous processing of what a ticket proves"));
        }
        Some(AsynchronousIndicator::Mandatory) if items.len() > 1 => {
            return Err(not_supported("asynchronous processing of several items in one request"));
        }
        Some(AsynchronousIndicator::Mandatory) => true,
        // Before 2.0 there is one word for a client that can wait, and published cases count on its being taken at it.
        Some(AsynchronousIndicator::Optional) => {
            !version.has_tagged_attributes() && items.len() == 1 && ticket.is_none()
        }
        _ => false,
    };
    if option == BatchErrorContinuationOption::Undo && ticket.is_some_and(|held| held.rights.is_some()) {
        return Err(not_supported("a batch with the option Undo under a ticket for certain rights"));
    }
    Ok((option, is_asynchronous))
}

/// The answers of a batch that would fail; `None` where it would succeed. Nothing is done in either case.
async fn rehearse(
    kmip: &Kmip,
    (caller, ticket): (&Caller, Option<&Held>),
    version: Version,
    items: &[RequestItem],
) -> Option<Vec<Answer>> {
    let rehearsal = Some(kmip.engine.rehearse(caller));
    let outputs = outputs(kmip, items);
    let mut batch = Batch { ticket, outputs, ..Batch::new(kmip, caller, version, rehearsal) };
    let mut undone = Vec::with_capacity(items.len());
    for item in items {
        let refused = |batch: &Batch<'_>, failure| {
            batch.failed(item.operation, item.unique_batch_item_id.clone(), failure)
        };
        let mut answer = match kmip.engine.refuse_flood(caller) {
            Err(error) => refused(&batch, error.into()),
            Ok(()) => match copied(item, version) {
                Ok(copy) => batch.item(copy).await,
                Err(failure) => refused(&batch, failure),
            },
        };
        if answer.result_status != ResultStatus::Success {
            let recorded = batch.record_undone(answer.result_message.as_deref().unwrap_or_default()).await;
            if let Err(failure) = recorded {
                answer = refused(&batch, failure);
            }
            undone.push(Answer::new(answer, version));
            return Some(undone);
        }
        batch.answer_bytes += answer.encode(version).map_or(0, |encoded| encoded.len());
        answer.result_status = ResultStatus::OperationUndone;
        // What was not done is not told: a secret must not leave without a record.
        answer.payload.take_if(|payload| !tells_only_names(payload));
        undone.push(Answer::new(answer, version));
    }
    None
}

/// What the items of a batch put out, before the first is done.
fn outputs(kmip: &Kmip, items: &[RequestItem]) -> Outputs {
    let payloads = items.iter().filter_map(|item| item.payload.as_ref().ok());
    Outputs::of(payloads, kmip.settings().limits.message_bytes_max)
}

/// A second copy of an item, through its encoding: payloads hold secrets and so are not cloned by accident.
fn copied(item: &RequestItem, version: Version) -> Result<RequestItem, Failure> {
    let payload = match &item.payload {
        Ok(payload) => Ok(payload.copied(version)?),
        Err(error) => Err(error.clone()),
    };
    Ok(RequestItem {
        operation: item.operation,
        ephemeral: item.ephemeral,
        unique_batch_item_id: item.unique_batch_item_id.clone(),
        payload,
        message_extensions: item.message_extensions.clone(),
    })
}

/// What is said of an extension that must be understood.
fn critical(extensions: &[MessageExtension]) -> Option<String> {
    let found = extensions.iter().find(|extension| extension.criticality_indicator)?;
    let vendor = cut(found.vendor_identification.clone(), QUOTED_BYTES_MAX);
    Some(format!("the extension of {vendor} is not known here"))
}

fn item_refused(item: RequestItem, extension: &str) -> ResponseItem {
    let RequestItem { operation, unique_batch_item_id, .. } = item;
    let failure = ResponseItem::failure(Some(operation), ResultReason::UnknownMessageExtension, extension);
    ResponseItem { unique_batch_item_id, ..failure }
}

fn tells_only_names(payload: &Response) -> bool {
    matches!(
        payload,
        Response::Activate(_)
            | Response::AddAttribute(_)
            | Response::AdjustAttribute(_)
            | Response::Archive(_)
            | Response::Check(_)
            | Response::DeleteAttribute(_)
            | Response::Destroy(_)
            | Response::GetUsageAllocation(_)
            | Response::ModifyAttribute(_)
            | Response::ObtainLease(_)
            | Response::Recover(_)
            | Response::Revoke(_)
            | Response::SetAttribute(_)
    )
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        kmip: &'a Kmip,
        caller: &'a Caller,
        version: Version,
        rehearsal: Option<Rehearsal<'a>>,
    ) -> Self {
        Self {
            kmip,
            caller,
            ticket: None,
            narrowed: None,
            renewed: None,
            version,
            placeholder: None,
            answered: Vec::new(),
            rehearsal,
            latest: None,
            ran: false,
            answer_bytes: 0,
            gets_later: false,
            polled: None,
            is_last: false,
            told: Vec::new(),
            outputs: Outputs::of([].into_iter(), 0),
        }
    }

    fn encoded(&mut self, answer: ResponseItem) -> Answer {
        match self.polled.take() {
            Some(name) => Answer::polled(answer, self.version, name),
            None => Answer::new(answer, self.version),
        }
    }

    async fn item(&mut self, item: RequestItem) -> ResponseItem {
        let RequestItem { operation, ephemeral, unique_batch_item_id, payload, message_extensions } = item;
        self.ran = false;
        let unknown = critical(&message_extensions);
        let is_ephemeral = ephemeral == Some(true);
        let answers_bytes_max = self.kmip.settings().limits.message_bytes_max;
        let outcome = match (unknown, payload) {
            _ if self.answer_bytes >= answers_bytes_max => {
                let message = format!(
                    "the answers before this one have reached {answers_bytes_max} bytes: ask in another request"
                );
                Err(Failure::new(ResultReason::ResponseTooLarge, message))
            }
            (Some(extension), _) => Err(Failure::new(ResultReason::UnknownMessageExtension, extension)),
            (None, Ok(payload)) if operation.since() <= self.version => {
                match data::check_ephemeral(operation, is_ephemeral)
                    .and_then(|()| storage_masks::check(&payload))
                    .and_then(|()| self.narrow(operation))
                {
                    Ok(()) => self.dispatch(payload).await,
                    Err(failure) => Err(failure),
                }
            }
            (None, Ok(_)) => Err(unsupported(operation)),
            (None, Err(error)) => Err(error.into()),
        };
        if !self.ran && (self.rehearsal.is_none() || outcome.is_err()) {
            self.kmip.record_other(self.caller, &operation.to_string(), outcome.as_ref().err()).await;
        }
        match outcome {
            Ok(mut answer) => {
                if let Some(payload) = &mut answer.payload {
                    self.answer_bytes += self.outputs.note(payload, is_ephemeral);
                }
                self.note(&answer);
                ResponseItem { unique_batch_item_id, ..answer }
            }
            Err(failure) => {
                if operation == Operation::Check {
                    // What was asked for is not to be done by an item behind this one.
                    self.answered(operation, &[]);
                }
                self.failed(operation, unique_batch_item_id, failure)
            }
        }
    }

    /// Lets the item reach what its ticket allows, and nothing else.
    fn narrow(&mut self, operation: Operation) -> Result<(), Failure> {
        let scope = self.ticket.map(|held| held.scope(operation)).transpose()?.flatten();
        self.narrowed = scope.map(|scope| self.caller.clone().within(scope));
        Ok(())
    }

    fn failed(
        &self,
        operation: Operation,
        unique_batch_item_id: Option<Vec<u8>>,
        failure: Failure,
    ) -> ResponseItem {
        let Failure { reason, message, .. } = failure;
        // A word that names none is not told as a code.
        let told = (operation != Operation::Unnamed(0)).then_some(operation);
        warn!(request = %self.caller.request, %operation, %reason, cause = %message, "a KMIP batch item failed");
        ResponseItem { unique_batch_item_id, ..ResponseItem::failure(told, reason, message) }
    }

    /// Puts on record that what was run last, and all before it, was not done.
    ///
    /// # Errors
    /// Where it is not on record, so that nothing may be told of it.
    async fn record_undone(&mut self, cause: &str) -> Result<(), Failure> {
        let Some((action, subject)) = self.latest.take() else { return Ok(()) };
        let undone = Undone { action, subject, detail: format!("undone with its whole batch: {cause}") };
        match execute(&self.kmip.engine, self.caller, undone).await {
            Err(error) if matches!(error.kind(), ErrorKind::LimitExceeded | ErrorKind::Unavailable) => {
                Err(error.into())
            }
            // The entry is itself that of a failure.
            _ => Ok(()),
        }
    }

    /// As `item`, where that is part of what it does itself.
    pub(super) fn item_boxed<'b>(
        &'b mut self,
        item: RequestItem,
    ) -> Pin<Box<dyn Future<Output = ResponseItem> + Send + 'b>> {
        Box::pin(self.item(item))
    }

    async fn dispatch(&mut self, payload: Request) -> Result<ResponseItem, Failure> {
        match payload {
            Request::Poll(request) => {
                self.refuse_in_rehearsal("Poll")?;
                Box::pin(jobs::poll(self, &request.asynchronous_correlation_value)).await
            }
            payload => self.done(payload).await.map(ResponseItem::success),
        }
    }

    async fn done(&mut self, payload: Request) -> Result<Response, Failure> {
        /// Boxed: else the task of every request, which is moved, had room for the largest.
        macro_rules! rare {
            ($answer:expr) => {
                Box::pin($answer).await.map(Response::from)
            };
        }
        match payload {
            Request::Create(request) => rare!(create::create(self, request)),
            Request::CreateKeyPair(request) => rare!(create::create_key_pair(self, request)),
            Request::Register(request) => rare!(register::register(self, request)),
            Request::ReKey(request) => rare!(rekey::rekey(self, request)),
            Request::ReKeyKeyPair(request) => rare!(rekey::rekey_key_pair(self, request)),
            Request::Certify(request) => rare!(certify::certify(self, request)),
            Request::ReCertify(request) => rare!(certify::recertify(self, request)),
            Request::Validate(request) => rare!(validate::validate(self, request)),
            Request::DeriveKey(request) => rare!(derive_key::derive_key(self, request)),
            Request::Locate(request) => rare!(locate::locate(self, request)),
            Request::Check(request) => rare!(check::check(self, request)),
            Request::ObtainLease(request) => rare!(check::obtain_lease(self, request)),
            Request::GetUsageAllocation(request) => rare!(check::get_usage_allocation(self, request)),
            Request::Get(request) => get::get(self, request).await.map(Response::from),
            Request::Export(request) => rare!(get::export(self, request)),
            Request::Import(request) => rare!(import::import(self, request)),
            Request::GetAttributes(request) => rare!(get_attributes::get_attributes(self, request)),
            Request::GetAttributeList(request) => rare!(get_attributes::get_attribute_list(self, request)),
            Request::AddAttribute(request) => rare!(modify_attributes::add(self, request)),
            Request::ModifyAttribute(request) => rare!(modify_attributes::modify(self, request)),
            Request::SetAttribute(request) => rare!(modify_attributes::set(self, request)),
            Request::DeleteAttribute(request) => rare!(modify_attributes::delete(self, request)),
            Request::AdjustAttribute(request) => rare!(modify_attributes::adjust(self, request)),
            Request::Activate(request) => rare!(lifecycle::activate(self, request)),
            Request::Revoke(request) => rare!(lifecycle::revoke(self, request)),
            Request::Destroy(request) => rare!(lifecycle::destroy(self, request)),
            Request::Archive(request) => rare!(lifecycle::archive(self, request)),
            Request::Recover(request) => rare!(lifecycle::recover(self, request)),
            Request::Cancel(request) => jobs::cancel(self, request).map(Response::from),
            Request::Process(request) => rare!(jobs::process(self, request)),
            Request::QueryAsynchronousRequests(request) => Ok(jobs::query(self, &request).into()),
            Request::Encrypt(request) => encrypt::encrypt(self, request).await.map(Response::from),
            Request::Decrypt(request) => encrypt::decrypt(self, request).await.map(Response::from),
            Request::Sign(request) => sign::sign(self, request).await.map(Response::from),
            Request::SignatureVerify(request) => {
                sign::signature_verify(self, request).await.map(Response::from)
            }
            Request::Mac(request) => mac::mac(self, request).await.map(Response::from),
            Request::MacVerify(request) => mac::mac_verify(self, request).await.map(Response::from),
            Request::Hash(request) => hash::hash(self, request).await.map(Response::from),
            Request::CreateSplitKey(request) => rare!(split_key::create_split_key(self, request)),
            Request::JoinSplitKey(request) => rare!(split_key::join_split_key(self, request)),
            Request::RngRetrieve(request) => rare!(rng::retrieve(self, request)),
            Request::RngSeed(request) => rng::seed(self, request).map(Response::from),
            payload => Box::pin(self.done_about_server(payload)).await,
        }
    }

    /// What is about no object.
    async fn done_about_server(&mut self, payload: Request) -> Result<Response, Failure> {
        match payload {
            Request::SetDefaults(request) => {
                object_rules::set_defaults(self, request).await.map(Response::from)
            }
            Request::SetConstraints(request) => {
                object_rules::set_constraints(self, request).await.map(Response::from)
            }
            Request::GetConstraints(_) => object_rules::get_constraints(self).await.map(Response::from),
            Request::Query(request) => query::query(self, &request).await.map(Response::from),
            Request::DiscoverVersions(request) => Ok(query::discover_versions(&request).into()),
            Request::Interop(request) => interop::interop(self, &request).map(Response::from),
            Request::Log(request) => Ok(interop::log(self, &request).into()),
            Request::Login(request) => login::login(self, request).await.map(Response::from),
            Request::DelegatedLogin(request) => {
                login::delegated_login(self, request).await.map(Response::from)
            }
            Request::Logout(request) => login::logout(self, request).await.map(Response::from),
            Request::ReProvision(request) => {
                reprovision::reprovision(self, request).await.map(Response::from)
            }
            Request::Pkcs11(request) => pkcs11::pkcs11(self, &request).map(Response::from),
            Request::Ping(_) => Ok(interop::ping().into()),
            Request::SetEndpointRole(request) => interop::set_endpoint_role(&request).map(Response::from),
            Request::Unknown { operation, mut payload } => {
                payload.scrub();
                Err(unsupported(operation))
            }
            // `dispatch` answers Poll: its answer is that of another request. Put and Notify only a server sends.
            other => Err(unsupported(other.operation())),
        }
    }

    /// Runs an operation of core.
    pub(super) async fn run<O: CoreOperation + 'static>(
        &mut self,
        operation: O,
    ) -> Result<O::Reply, Failure> {
        let subject = match operation.subject() {
            Subject::Key(reference) => Some(reference.clone()),
            Subject::Realm => None,
        };
        self.latest = Some((operation.action(), subject));
        self.ran = true;
        match &mut self.rehearsal {
            Some(_) if !operation.action().hands_out() && operation.action().group() == ActionGroup::Use => {
                let message =
                    "a use of a key cannot be undone: send it outside of batches with the option Undo";
                Err(Failure::new(ResultReason::FeatureNotSupported, message))
            }
            // Making keys takes seconds: meanwhile this thread's other connections go on elsewhere.
            Some(rehearsal) => Ok(tokio::task::block_in_place(|| rehearsal.run(&operation))?),
            None => {
                let caller = self.narrowed.as_ref().or(self.renewed.as_ref()).unwrap_or(self.caller);
                Ok(execute(&self.kmip.engine, caller, operation).await?)
            }
        }
    }

    /// What lives on after its batch cannot be undone.
    pub(super) fn refuse_in_rehearsal(&self, what: &str) -> Result<(), Failure> {
        match &self.rehearsal {
            None => Ok(()),
            Some(_) => Err(not_supported(&format!("{what}, in a batch with the option Undo,"))),
        }
    }

    /// The object that an item names, or that the items before it left.
    pub(super) fn object(&self, named: Option<&UniqueIdentifier>) -> Result<Reference, Failure> {
        let object = match named {
            Some(UniqueIdentifier::Text(text)) => return Ok(Reference::object(text)),
            None if self.placeholder.is_none() && self.found_nothing() => {
                let message = "the item before this one found no object";
                return Err(Failure::new(ResultReason::ObjectNotFound, message));
            }
            None => self.placeholder,
            Some(UniqueIdentifier::Reference(reference)) => self.referred(*reference),
            Some(UniqueIdentifier::Index(index)) => {
                let missing = || missing("UniqueIdentifier, or so many in the answers before this one,");
                return self.indexed(*index).cloned().ok_or_else(missing);
            }
        };
        object
            .map(Reference::Object)
            .ok_or_else(|| missing("UniqueIdentifier, or an item before that answered one,"))
    }

    /// Notes the identifiers that an item answers. Exactly one becomes the ID Placeholder.
    pub(super) fn answered(&mut self, operation: Operation, objects: &[ObjectId]) {
        self.placeholder = match objects {
            [only] => Some(*only),
            // Of a pair it is the private key.
            [private, _] if is_pair(operation) || operation == Operation::ReProvision => Some(*private),
            [first, ..] if operation == Operation::CreateSplitKey => Some(*first),
            _ => None,
        };
        self.answered.push((operation, objects.to_vec()));
    }

    /// The bytes that this stands for: sent, or put out by an item before this one.
    pub(super) fn resolved(&mut self, data: Data) -> Result<SecretBytes, Failure> {
        self.outputs.resolved(data)
    }

    fn found_nothing(&self) -> bool {
        self.answered.last().is_some_and(|(_, objects)| objects.is_empty())
    }

    fn referred(&self, reference: UniqueIdentifierReference) -> Option<ObjectId> {
        use UniqueIdentifierReference as Named;
        let (operation, index) = match reference {
            Named::IdPlaceholder => return self.placeholder,
            Named::Create => (Operation::Create, 0),
            Named::Certify => (Operation::Certify, 0),
            Named::ReCertify => (Operation::ReCertify, 0),
            Named::CreateKeyPair | Named::CreateKeyPairPrivateKey => (Operation::CreateKeyPair, 0),
            Named::CreateKeyPairPublicKey => (Operation::CreateKeyPair, 1),
            Named::Locate => (Operation::Locate, 0),
            Named::Import => (Operation::Import, 0),
            Named::Register => (Operation::Register, 0),
            Named::CreateSplitKey => (Operation::CreateSplitKey, 0),
            Named::DeriveKey => (Operation::DeriveKey, 0),
            Named::JoinSplitKey => (Operation::JoinSplitKey, 0),
            Named::ReKey => (Operation::ReKey, 0),
            Named::ReKeyKeyPair | Named::ReKeyKeyPairPrivateKey => (Operation::ReKeyKeyPair, 0),
            Named::ReKeyKeyPairPublicKey => (Operation::ReKeyKeyPair, 1),
            _ => return None,
        };
        let (_, objects) = self.answered.iter().rev().find(|(answered, _)| *answered == operation)?;
        objects.get(index).copied()
    }

    /// Notes every identifier that an item answers, for those behind it.
    fn note(&mut self, answer: &ResponseItem) {
        if self.is_last || !self.version.has_tagged_attributes() {
            return;
        }
        let identifiers = answer.payload.as_ref().into_iter().flat_map(told::identifiers);
        self.told.extend(identifiers.filter_map(|identifier| match identifier {
            UniqueIdentifier::Text(text) => Some(Reference::object(text)),
            UniqueIdentifier::Reference(_) | UniqueIdentifier::Index(_) => None,
        }));
    }

    /// The identifier of this number in the answers so far; a negative one counts backwards.
    ///
    /// # Standard
    /// KMIP 2.1 section 4.58.
    fn indexed(&self, index: i32) -> Option<&Reference> {
        let index = match usize::try_from(index) {
            Ok(index) => index,
            Err(_) => self.told.len().checked_sub(index.unsigned_abs() as usize)?,
        };
        self.told.get(index)
    }
}

fn is_pair(operation: Operation) -> bool {
    matches!(operation, Operation::CreateKeyPair | Operation::ReKeyKeyPair)
}

fn unsupported(operation: Operation) -> Failure {
    Failure::new(ResultReason::OperationNotSupported, format!("the operation {operation} is not supported"))
}

/// An identifier in the text form that every version has.
pub(super) fn identifier(object: ObjectId) -> UniqueIdentifier {
    UniqueIdentifier::Text(object.to_string())
}
