//! Batches: order, identifiers that pass from item to item, and what a failure does to the rest.

use keyreeve_kmip::Version;
use keyreeve_kmip::enums::{
    BatchErrorContinuationOption, QueryFunction, ResultReason, ResultStatus, UniqueIdentifierReference,
};
use keyreeve_kmip::message::{RequestItem, RequestMessage, ResponseItem};
use keyreeve_kmip::payloads::activate::ActivateRequest;
use keyreeve_kmip::payloads::destroy::DestroyRequest;
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::query::QueryRequest;
use keyreeve_kmip::payloads::{Request, Response};
use keyreeve_kmip::values::UniqueIdentifier;

use crate::harness::{Server, create};

fn batch(option: Option<BatchErrorContinuationOption>, payloads: Vec<Request>) -> RequestMessage {
    let mut message =
        RequestMessage::new(Version::V2_1, payloads.into_iter().map(RequestItem::new).collect());
    message.header.batch_error_continuation_option = option;
    message
}

fn statuses(items: &[ResponseItem]) -> Vec<ResultStatus> {
    items.iter().map(|item| item.result_status).collect()
}

fn nobody() -> Request {
    ActivateRequest { unique_identifier: Some("no such object".into()) }.into()
}

const DONE: ResultStatus = ResultStatus::Success;
const FAILED: ResultStatus = ResultStatus::OperationFailed;
const UNDONE: ResultStatus = ResultStatus::OperationUndone;

#[test]
fn the_id_placeholder_passes_from_item_to_item() {
    let server = Server::start();
    let mut client = server.connect();
    let by_reference = UniqueIdentifier::Reference(UniqueIdentifierReference::Create);
    let request = batch(
        None,
        vec![
            create("passed on").into(),
            ActivateRequest::default().into(),
            GetRequest::default().into(),
            GetRequest { unique_identifier: Some(by_reference), ..GetRequest::default() }.into(),
        ],
    );
    let answer = client.exchange(&request);
    assert_eq!(statuses(&answer.items), [DONE; 4]);
    let ids: Vec<_> = request.items.iter().map(|item| item.unique_batch_item_id.clone()).collect();
    let mirrored: Vec<_> = answer.items.iter().map(|item| item.unique_batch_item_id.clone()).collect();
    assert_eq!(ids, mirrored);
    let Some(Response::Create(created)) = &answer.items[0].payload else { panic!() };
    for item in &answer.items[2..] {
        let Some(Response::Get(gotten)) = &item.payload else { panic!() };
        assert_eq!(gotten.unique_identifier, created.unique_identifier);
    }
    let alone = client.exchange(&batch(None, vec![GetRequest::default().into()]));
    assert_eq!(alone.items[0].result_reason, Some(ResultReason::MissingData));
}

#[test]
fn a_failure_stops_the_batch_unless_it_is_to_continue() {
    let server = Server::start();
    let mut client = server.connect();
    let items = |name: &str| vec![create(name).into(), nobody(), create(&format!("{name} too")).into()];
    let stopped = client.exchange(&batch(None, items("stop")));
    assert_eq!(statuses(&stopped.items), [DONE, FAILED]);
    assert_eq!(stopped.items[1].result_reason, Some(ResultReason::ObjectNotFound));
    let option = Some(BatchErrorContinuationOption::Continue);
    let continued = client.exchange(&batch(option, items("continue")));
    assert_eq!(statuses(&continued.items), [DONE, FAILED, DONE]);
}

#[test]
fn undo_leaves_nothing_of_a_batch_that_fails() {
    let server = Server::start();
    let mut client = server.connect();
    let kept = client.create(Version::V2_1, "kept");
    let option = Some(BatchErrorContinuationOption::Undo);
    let request = batch(
        option,
        vec![
            DestroyRequest { unique_identifier: Some(kept.clone()) }.into(),
            create("never made").into(),
            GetRequest::default().into(),
            nobody(),
            create("not reached").into(),
        ],
    );
    let answer = client.exchange(&request);
    assert_eq!(statuses(&answer.items), [UNDONE, UNDONE, UNDONE, FAILED]);
    assert!(matches!(answer.items[0].payload, Some(Response::Destroy(_))));
    assert!(
        answer.items[1..3].iter().all(|item| item.payload.is_none()),
        "no secret leaves without a record"
    );
    client.done(Version::V2_1, GetRequest { unique_identifier: Some(kept), ..GetRequest::default() });
    // The name is free: nothing of the batch stayed.
    client.create(Version::V2_1, "never made");
    let done = client.exchange(&batch(option, vec![create("made").into(), GetRequest::default().into()]));
    assert_eq!(statuses(&done.items), [DONE, DONE]);
}

#[test]
fn an_answer_keeps_to_the_size_that_the_client_takes() {
    let server = Server::start();
    let mut client = server.connect();
    let query_functions = vec![QueryFunction::QueryOperations, QueryFunction::QueryObjects];
    let mut request = batch(None, vec![QueryRequest { query_functions, ..QueryRequest::default() }.into()]);
    request.header.maximum_response_size = Some(256);
    let answer = client.exchange(&request);
    assert_eq!(answer.items[0].result_reason, Some(ResultReason::ResponseTooLarge));
    request.header.maximum_response_size = Some(4096);
    assert_eq!(statuses(&client.exchange(&request).items), [DONE]);
}
