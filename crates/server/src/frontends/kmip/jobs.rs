//! Asynchronous requests: what waits, what was done and is not fetched yet. Not here: doing it (batch).
//!
//! A request waits until its client asks for it (Poll, Process), or a moment, in which it can be taken back (Cancel); then
//! it is done by the server itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keyreeve_core::access::{Action, ActionGroup, Caller};
use keyreeve_core::model::{PrincipalId, RealmId, Time};
use keyreeve_core::operations::collect::Collect;
use keyreeve_core::request::Reference;
use keyreeve_kmip::Version;
use keyreeve_kmip::enums::{CancellationResult, Operation, ProcessingStage, ResultReason, ResultStatus};
use keyreeve_kmip::message::{RequestItem, RequestMessage, ResponseHeader, ResponseItem, ResponseMessage};
use keyreeve_kmip::payloads::cancel::{CancelRequest, CancelResponse};
use keyreeve_kmip::payloads::process::{ProcessRequest, ProcessResponse};
use keyreeve_kmip::payloads::query_asynchronous_requests::{
    AsynchronousRequest, QueryAsynchronousRequestsRequest, QueryAsynchronousRequestsResponse,
};
use keyreeve_kmip::values::{DateTime as KmipTime, DateTimeExtended};
use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::Kmip;
use super::batch::Batch;
use super::errors::Failure;

/// Requests that wait or were not fetched, of one principal and of all.
const JOBS_OF_ONE_MAX: u8 = 16;
const JOBS_MAX: usize = 256;

/// So long a request waits for a word of its client.
const WAIT_MS: i64 = 5000;

/// Requests that the server does side by side, where nobody polls for them.
const SIDE_BY_SIDE_MAX: usize = 4;

/// Bytes of a request that waits, and of an answer that is kept.
const ITEM_BYTES_MAX: usize = 1 << 20;

/// An answer that nobody fetches for so long is forgotten.
const KEPT_MAX_MS: i64 = 10 * 60 * 1000;

/// Asynchronous requests. Hold secrets.
#[derive(Default)]
pub(super) struct Jobs(Mutex<HashMap<Name, Job>>, AtomicBool);

/// Whose it is, and its number among theirs: the lowest that is free. Nobody else's can be named.
pub(super) type Name = ((RealmId, PrincipalId), u8);

struct Job {
    caller: Caller,
    version: Version,
    operation: Operation,
    submitted: Time,
    stage: Stage,
    /// What was done for it last, of what gives data to its client: asked for once more when the answer is fetched.
    gave: Option<(Action, Option<Reference>)>,
}

enum Stage {
    Waiting(Box<RequestItem>),
    Running,
    Done(Box<ResponseItem>),
    /// Its answer stands in a response that is being made.
    Told,
}

/// Whether this may be asked for asynchronously. What asks about such requests, and a part of a stream, is answered at once.
pub(super) fn may_wait(item: &RequestItem) -> bool {
    use Operation::{Cancel, Poll, Process, QueryAsynchronousRequests, ReProvision};
    // After Re-Provision nobody can ask for the answer any more.
    !matches!(item.operation, Poll | Cancel | Process | QueryAsynchronousRequests | ReProvision)
        && item.payload.as_ref().is_ok_and(|payload| !super::streams::is_part(payload))
}

/// Takes an item in, to be done later.
pub(super) fn submit(kmip: &Kmip, caller: &Caller, version: Version, item: RequestItem) -> ResponseItem {
    let (operation, unique_batch_item_id) = (item.operation, item.unique_batch_item_id.clone());
    let refused = |reason, message: &str| {
        let answer = ResponseItem::failure(Some(operation), reason, message);
        ResponseItem { unique_batch_item_id: unique_batch_item_id.clone(), ..answer }
    };
    let mut message = RequestMessage::new(version, vec![item]);
    let fits = message.encode().is_ok_and(|bytes| bytes.expose().len() <= ITEM_BYTES_MAX);
    let Some(item) = message.items.pop().filter(|_| fits) else {
        return refused(ResultReason::ServerLimitExceeded, "this is too long to wait: ask for it at once");
    };
    let job = Job {
        caller: caller.clone(),
        version,
        operation,
        submitted: kmip.engine.clock().now(),
        stage: Stage::Waiting(Box::new(item)),
        gave: None,
    };
    let answer = match kmip.jobs.keep(job) {
        Ok(number) => pending(operation, number),
        Err(failure) => return refused(failure.reason, &failure.message),
    };
    ResponseItem { unique_batch_item_id, ..answer }
}

/// The answer to an asynchronous request, which is done now where it was not yet. One that was made before is given out only where
/// the client may have the same now, and that is on record.
pub(super) async fn poll(batch: &mut Batch<'_>, name: &[u8]) -> Result<ResponseItem, Failure> {
    let (kmip, name) = (batch.kmip, own(batch, name)?);
    let mut was_there = true;
    if let Some((job, item)) = kmip.jobs.begin(&name) {
        was_there = false;
        do_now(kmip, &name, job, item).await;
    }
    let (answer, gave) = {
        let mut jobs = kmip.jobs.0.lock();
        let job = jobs.get_mut(&name).ok_or_else(unknown)?;
        match std::mem::replace(&mut job.stage, Stage::Told) {
            Stage::Done(answer) => (answer, job.gave.clone()),
            Stage::Told => return Err(unknown()),
            other => {
                job.stage = other;
                return Ok(pending(job.operation, name.1));
            }
        }
    };
    if let Some((action, subject)) = gave.filter(|_| was_there && answer.payload.is_some())
        && let Err(failure) = batch.run(Collect { action, subject }).await
    {
        // INVARIANT: what may not be had any more is not kept for another try.
        told(kmip, &name, None);
        return Err(failure);
    }
    batch.polled = Some(name);
    Ok(*answer)
}

/// Forgets a request whose answer is in the response; keeps the answer where it had no room there.
pub(super) fn told(kmip: &Kmip, name: &Name, kept: Option<Box<ResponseItem>>) {
    let mut jobs = kmip.jobs.0.lock();
    match (kept, jobs.get_mut(name)) {
        (Some(answer), Some(job)) => job.stage = Stage::Done(answer),
        _ => drop(jobs.remove(name)),
    }
}

pub(super) async fn process(batch: &Batch<'_>, request: ProcessRequest) -> Result<ProcessResponse, Failure> {
    batch.refuse_in_rehearsal("Process")?;
    let name = own(batch, &request.asynchronous_correlation_value)?;
    if let Some((job, item)) = batch.kmip.jobs.begin(&name) {
        do_now(batch.kmip, &name, job, item).await;
    }
    Ok(ProcessResponse::default())
}

pub(super) fn cancel(batch: &Batch<'_>, request: CancelRequest) -> Result<CancelResponse, Failure> {
    batch.refuse_in_rehearsal("Cancel")?;
    let name = own(batch, &request.asynchronous_correlation_value)?;
    let mut jobs = batch.kmip.jobs.0.lock();
    let cancellation_result = match jobs.get(&name).map(|job| &job.stage) {
        Some(Stage::Waiting(_)) => {
            jobs.remove(&name);
            CancellationResult::Canceled
        }
        Some(Stage::Running) => CancellationResult::UnableToCancel,
        Some(Stage::Done(_) | Stage::Told) => CancellationResult::Completed,
        None => CancellationResult::Unavailable,
    };
    Ok(CancelResponse {
        asynchronous_correlation_value: request.asynchronous_correlation_value,
        cancellation_result,
    })
}

pub(super) fn query(
    batch: &Batch<'_>,
    request: &QueryAsynchronousRequestsRequest,
) -> QueryAsynchronousRequestsResponse {
    let of = owner(batch.caller);
    let is_asked = |(whose, number): &Name, job: &Job| {
        let values = request.asynchronous_correlation_values.as_ref();
        let operations = request.operations.as_ref();
        *whose == of
            && is_of(job, batch.caller)
            && values.is_none_or(|asked| asked.values.iter().any(|value| value[..] == [*number]))
            && operations.is_none_or(|asked| asked.operations.contains(&job.operation))
    };
    let jobs = batch.kmip.jobs.0.lock();
    let mut told: Vec<AsynchronousRequest> = jobs
        .iter()
        .filter(|(name, job)| is_asked(name, job))
        .map(|(name, job)| AsynchronousRequest {
            asynchronous_correlation_value: vec![name.1],
            operation: job.operation,
            submission_date: DateTimeExtended(job.submitted.0.saturating_mul(1000)),
            processing_stage: match job.stage {
                Stage::Waiting(_) => ProcessingStage::Submitted,
                Stage::Running => ProcessingStage::InProcess,
                Stage::Done(_) | Stage::Told => ProcessingStage::Completed,
            },
        })
        .collect();
    told.sort_by_key(|request| request.submission_date.0);
    QueryAsynchronousRequestsResponse { asynchronous_requests: told }
}

/// Has done what has waited long enough, some of it side by side, and forgets what nobody fetched.
pub(super) fn tend(kmip: &Arc<Kmip>, running: &mut JoinSet<()>) {
    let now = kmip.engine.clock().now();
    while running.try_join_next().is_some() {}
    let due = {
        let mut jobs = kmip.jobs.0.lock();
        let is_over = |job: &Job| matches!(job.stage, Stage::Done(_) | Stage::Told);
        jobs.retain(|_, job| age(job, now) < KEPT_MAX_MS || !is_over(job));
        jobs.values().filter(|job| is_due(job, now)).count()
    };
    for _ in running.len()..SIDE_BY_SIDE_MAX.min(running.len() + due) {
        let kmip = kmip.clone();
        running.spawn(async move {
            while let Some(name) = kmip.jobs.first_due(kmip.engine.clock().now()) {
                if let Some((job, item)) = kmip.jobs.begin(&name) {
                    do_now(&kmip, &name, job, item).await;
                }
            }
        });
    }
}

fn is_due(job: &Job, now: Time) -> bool {
    matches!(job.stage, Stage::Waiting(_)) && age(job, now) >= WAIT_MS
}

impl Jobs {
    fn keep(&self, job: Job) -> Result<u8, Failure> {
        let mut jobs = self.0.lock();
        let whose = owner(&job.caller);
        let free = (0..JOBS_OF_ONE_MAX).find(|number| !jobs.contains_key(&(whose, *number)));
        let Some(number) = free.filter(|_| jobs.len() < JOBS_MAX) else {
            let message = "too many asynchronous requests were not fetched: poll for them, or cancel some";
            return Err(Failure::new(ResultReason::ServerLimitExceeded, message));
        };
        jobs.insert((whose, number), job);
        Ok(number)
    }

    /// The server stops: what waits is not begun any more.
    pub(super) fn begin_no_more(&self) {
        self.1.store(true, Ordering::Relaxed);
    }

    /// What has waited the longest of what nobody polled for.
    fn first_due(&self, now: Time) -> Option<Name> {
        if self.1.load(Ordering::Relaxed) {
            return None;
        }
        let jobs = self.0.lock();
        let due = jobs.iter().filter(|(_, job)| is_due(job, now));
        due.min_by_key(|(_, job)| job.submitted).map(|(name, _)| *name)
    }

    /// What is to be done, for the only one who does it; `None` where it is done or somebody is at it.
    fn begin(&self, name: &Name) -> Option<((Caller, Version), RequestItem)> {
        let mut jobs = self.0.lock();
        let job = jobs.get_mut(name)?;
        match std::mem::replace(&mut job.stage, Stage::Running) {
            Stage::Waiting(item) => Some(((job.caller.clone(), job.version), *item)),
            other => {
                job.stage = other;
                None
            }
        }
    }
}

async fn do_now(kmip: &Kmip, name: &Name, (caller, version): (Caller, Version), item: RequestItem) {
    let operation = item.operation;
    let failed = |reason, message: &str| ResponseItem::failure(Some(operation), reason, message);
    let given_up = "the connection of the poll that this was done for ended: look whether it was done";
    let mut ending = Ending {
        kmip,
        name,
        answer: Some(failed(ResultReason::OperationCanceledByRequester, given_up)),
        gave: None,
    };
    let mut batch = Batch::new(kmip, &caller, version, None);
    let answer = batch.item_boxed(item).await;
    let gives = |action: &Action| {
        action.hands_out() || matches!(action.group(), ActionGroup::Use | ActionGroup::Read)
    };
    ending.gave = batch.latest.take().filter(|(action, _)| gives(action));
    let mut message =
        ResponseMessage { version, header: ResponseHeader::new(KmipTime(0)), items: vec![answer] };
    let fits = message.encode().is_ok_and(|bytes| bytes.expose().len() <= ITEM_BYTES_MAX);
    let too_long =
        || failed(ResultReason::ResponseTooLarge, "it was done, and its answer is too long to be kept");
    ending.answer = Some(message.items.pop().filter(|_| fits).unwrap_or_else(too_long));
}

/// Puts the answer on record, also where what does the request is dropped: who waits must not hang, nor its place be lost.
struct Ending<'a> {
    kmip: &'a Kmip,
    name: &'a Name,
    answer: Option<ResponseItem>,
    gave: Option<(Action, Option<Reference>)>,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if let (Some(answer), Some(job)) = (self.answer.take(), self.kmip.jobs.0.lock().get_mut(self.name)) {
            job.stage = Stage::Done(Box::new(answer));
            job.gave = self.gave.take();
        }
    }
}

/// The name of a request of the caller's own.
fn own(batch: &Batch<'_>, name: &[u8]) -> Result<Name, Failure> {
    let [number] = *name else { return Err(unknown()) };
    let name = (owner(batch.caller), number);
    let is_known = batch.kmip.jobs.0.lock().get(&name).is_some_and(|job| is_of(job, batch.caller));
    is_known.then_some(name).ok_or_else(unknown)
}

/// Whether who asks is proven by what proved who submitted it: another credential of the same client may be a narrower one.
fn is_of(job: &Job, caller: &Caller) -> bool {
    job.caller.credentials().eq(caller.credentials())
}

fn owner(caller: &Caller) -> (RealmId, PrincipalId) {
    (caller.realm(), caller.id())
}

fn age(job: &Job, now: Time) -> i64 {
    now.0.saturating_sub(job.submitted.0)
}

fn pending(operation: Operation, number: u8) -> ResponseItem {
    ResponseItem {
        operation: Some(operation),
        unique_batch_item_id: None,
        result_status: ResultStatus::OperationPending,
        result_reason: None,
        result_message: None,
        asynchronous_correlation_value: Some(vec![number]),
        payload: None,
        message_extensions: Vec::new(),
    }
}

fn unknown() -> Failure {
    let message = "no such asynchronous request: its name is unknown, or its answer was fetched or forgotten";
    Failure::new(ResultReason::InvalidAsynchronousCorrelationValue, message)
}
