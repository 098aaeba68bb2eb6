//! Batches: order, identifiers that pass from item to item, and what a failure does to the rest.

use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::{AttributeReference, CryptographicParameters};
use keyreeve_kmip::enums::{
    BatchErrorContinuationOption, BlockCipherMode, PaddingMethod, QueryFunction, ResultReason, ResultStatus,
    UniqueIdentifierReference,
};
use keyreeve_kmip::message::{MessageExtension, RequestItem, RequestMessage, ResponseItem};
use keyreeve_kmip::payloads::activate::ActivateRequest;
use keyreeve_kmip::payloads::decrypt::DecryptRequest;
use keyreeve_kmip::payloads::destroy::DestroyRequest;
use keyreeve_kmip::payloads::encrypt::EncryptRequest;
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::get_attributes::GetAttributesRequest;
use keyreeve_kmip::payloads::ping::PingRequest;
use keyreeve_kmip::payloads::query::QueryRequest;
use keyreeve_kmip::payloads::rng_retrieve::RngRetrieveRequest;
use keyreeve_kmip::payloads::{Request, Response};
use keyreeve_kmip::ttlv::Value;
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
fn a_number_means_that_identifier_of_all_that_were_answered() {
    let server = Server::start();
    let mut client = server.connect();
    let by = |index: i32| GetRequest {
        unique_identifier: Some(UniqueIdentifier::Index(index)),
        ..GetRequest::default()
    };
    let request = batch(
        Some(BatchErrorContinuationOption::Continue),
        vec![
            create("the first").into(),
            create("the second").into(),
            by(0).into(),
            by(-1).into(),
            by(1).into(),
            by(-4).into(),
            by(6).into(),
            by(-7).into(),
        ],
    );
    let answer = client.exchange(&request);
    assert_eq!(statuses(&answer.items), [DONE, DONE, DONE, DONE, DONE, DONE, FAILED, FAILED]);
    let told: Vec<_> = answer
        .items
        .iter()
        .filter_map(|item| match item.payload.as_ref()? {
            Response::Create(created) => Some(&created.unique_identifier),
            Response::Get(gotten) => Some(&gotten.unique_identifier),
            _ => None,
        })
        .collect();
    let (first, second) = (told[0], told[1]);
    assert_ne!(first, second);
    // The answers before: first, second, [0] first, [-1] first again, [1] second, and four before that the second.
    assert_eq!(told, [first, second, first, first, second, second]);
    let missing = Some(ResultReason::MissingData);
    assert!(answer.items[6..].iter().all(|item| item.result_reason == missing));
}

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

/// What is told of a batch that fails is on record, however many come.
#[test]
fn a_flood_of_batches_with_undo_is_told_no_more_than_is_on_record() {
    let server = Server::start_with(|config| config.limits.client_failures_per_second_max = 5);
    let mut client = server.connect();
    let option = Some(BatchErrorContinuationOption::Undo);
    let (mut told, mut held_up) = (0, 0);
    for _ in 0..60 {
        let answer = client.exchange(&batch(option, vec![create("made").into(), nobody()]));
        let last = answer.items.last().unwrap();
        match last.result_message.as_deref() {
            Some(message) if message.starts_with("too many of your requests failed") => held_up += 1,
            _ => told += 1,
        }
    }
    let page = loop {
        // The same administrator asks, whom the flood holds up for this second.
        match server.rest_told("GET", "/v1/journal?limit=1000", &serde_json::Value::Null) {
            (429, _) => continue,
            (status, page) => {
                assert_eq!(status, 200);
                break page;
            }
        }
    };
    let failed = |entry: &&serde_json::Value| entry["protocol"] == "kmip" && entry["outcome"] != "success";
    let recorded = page["entries"].as_array().unwrap().iter().filter(failed).count();
    assert!(held_up > 0, "{told} told");
    assert_eq!(recorded, told);
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

#[test]
fn a_batch_of_too_many_items_is_refused_whole() {
    let server = Server::start();
    let mut client = server.connect();
    let mut payloads: Vec<Request> = vec![create("first of many").into()];
    payloads.extend((0..256).map(|_| Request::from(PingRequest::default())));
    let answer = client.exchange(&batch(None, payloads));
    assert_eq!(answer.items.len(), 1);
    assert_eq!(answer.items[0].result_reason, Some(ResultReason::ServerLimitExceeded));
    client.create(Version::V2_1, "first of many");
}

#[test]
fn answers_beyond_the_limit_are_refused_before_their_items_run() {
    let server = Server::start_with(|config| config.limits.message_bytes_max = 1 << 16);
    let mut client = server.connect();
    let random = || Request::from(RngRetrieveRequest { data_length: 1 << 20 });
    let option = Some(BatchErrorContinuationOption::Continue);
    let answer = client.exchange(&batch(option, vec![random(), create("not made").into(), random()]));
    assert_eq!(statuses(&answer.items), [DONE, FAILED, FAILED], "one answer of full size passes");
    let Some(Response::RngRetrieve(drawn)) = &answer.items[0].payload else { panic!() };
    assert_eq!(drawn.data.as_ref().unwrap().len(), 1 << 20);
    for item in &answer.items[1..] {
        assert_eq!(item.result_reason, Some(ResultReason::ResponseTooLarge));
    }
    client.create(Version::V2_1, "not made");
    // Nor does a rehearsal draw without end.
    let option = Some(BatchErrorContinuationOption::Undo);
    let answer = client.exchange(&batch(option, vec![random(), random()]));
    assert_eq!(statuses(&answer.items), [UNDONE, FAILED]);
    assert!(answer.items[0].payload.is_none());
}

#[test]
fn no_key_is_used_in_a_batch_that_may_be_undone() {
    let server = Server::start();
    let mut client = server.connect();
    let key = client.create(Version::V2_1, "no oracle");
    client.done(Version::V2_1, ActivateRequest { unique_identifier: Some(key.clone()) });
    let named = || Some(key.clone());
    let parameters = || {
        Some(CryptographicParameters {
            block_cipher_mode: Some(BlockCipherMode::Cbc),
            padding_method: Some(PaddingMethod::Pkcs5),
            ..CryptographicParameters::default()
        })
    };
    let data = Some(b"a secret".to_vec().into());
    let encrypt = EncryptRequest {
        unique_identifier: named(),
        cryptographic_parameters: parameters(),
        data,
        ..EncryptRequest::default()
    };
    let Response::Encrypt(sealed) = client.done(Version::V2_1, encrypt) else { panic!() };
    let (right, iv) = (sealed.data.unwrap(), sealed.iv_counter_nonce.unwrap());
    let mut wrong = right.clone();
    *wrong.last_mut().unwrap() ^= 1;
    let decrypt = |ciphertext: &[u8]| {
        Request::from(DecryptRequest {
            unique_identifier: named(),
            cryptographic_parameters: parameters(),
            data: Some(ciphertext.to_vec().into()),
            iv_counter_nonce: Some(iv.clone()),
            ..DecryptRequest::default()
        })
    };
    let data = Some(b"more".to_vec().into());
    let encrypt = EncryptRequest { unique_identifier: named(), data, ..EncryptRequest::default() };
    let option = Some(BatchErrorContinuationOption::Undo);
    let mut told = Vec::new();
    for used in [decrypt(&right), decrypt(&wrong), encrypt.into()] {
        let answer = client.exchange(&batch(option, vec![used, nobody()]));
        assert_eq!(statuses(&answer.items), [FAILED]);
        assert_eq!(answer.items[0].result_reason, Some(ResultReason::FeatureNotSupported));
        told.push(answer.items[0].result_message.clone());
    }
    assert_eq!(told[0], told[1], "a right and a wrong padding look alike");
}

#[test]
fn a_refusal_quotes_little_of_what_was_sent() {
    let server = Server::start();
    let mut client = server.connect();
    let long = "x".repeat(1 << 20);
    let get = GetAttributesRequest {
        unique_identifier: None,
        attribute_references: vec![AttributeReference::UnknownName(long.clone())],
    };
    let mut unknown = RequestMessage::new(Version::V1_4, vec![RequestItem::new(get.into())]);
    let mut extended = batch(None, vec![PingRequest::default().into()]);
    extended.items[0].message_extensions = vec![MessageExtension {
        vendor_identification: long.clone(),
        criticality_indicator: true,
        vendor_extension: Value::Structure(Vec::new()),
    }];
    let named = batch(
        None,
        vec![GetRequest { unique_identifier: Some(long.as_str().into()), ..GetRequest::default() }.into()],
    );
    unknown.items[0].unique_batch_item_id = None;
    for request in [unknown, extended, named] {
        let answer = client.exchange(&request);
        assert_eq!(statuses(&answer.items), [FAILED]);
        let message = answer.items[0].result_message.clone().unwrap();
        assert!(message.len() < 1100, "{} bytes", message.len());
    }
}
