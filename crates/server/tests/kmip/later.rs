//! Asynchronous requests, and objects that are set aside for later.

use std::time::{Duration, Instant};

use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::{AttributeReference, AttributeValue, Attributes, TemplateAttribute};
use keyreeve_kmip::enums::{
    AsynchronousIndicator, CancellationResult, CryptographicAlgorithm, Operation, ProcessingStage,
    ResultReason, ResultStatus, State,
};
use keyreeve_kmip::message::{RequestItem, RequestMessage};
use keyreeve_kmip::payloads::activate::ActivateRequest;
use keyreeve_kmip::payloads::archive::ArchiveRequest;
use keyreeve_kmip::payloads::cancel::CancelRequest;
use keyreeve_kmip::payloads::create_key_pair::CreateKeyPairRequest;
use keyreeve_kmip::payloads::encrypt::EncryptRequest;
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::get_attributes::GetAttributesRequest;
use keyreeve_kmip::payloads::poll::PollRequest;
use keyreeve_kmip::payloads::process::ProcessRequest;
use keyreeve_kmip::payloads::query_asynchronous_requests::QueryAsynchronousRequestsRequest;
use keyreeve_kmip::payloads::recover::RecoverRequest;
use keyreeve_kmip::payloads::{Request, Response};

use crate::clock::HandClock;
use crate::harness::{Client, Server};

const VERSION: Version = Version::V2_1;

/// Has this done later; the name of the request.
fn submit(client: &mut Client, payload: Request) -> Vec<u8> {
    let mut message = RequestMessage::new(VERSION, vec![RequestItem::new(payload)]);
    message.header.asynchronous_indicator = Some(AsynchronousIndicator::Mandatory);
    let answer = client.exchange(&message);
    assert_eq!(answer.items[0].result_status, ResultStatus::OperationPending);
    assert!(answer.items[0].payload.is_none());
    answer.items[0].asynchronous_correlation_value.clone().unwrap()
}

fn outstanding(client: &mut Client) -> Vec<Operation> {
    match client.done(VERSION, QueryAsynchronousRequestsRequest::default()) {
        Response::QueryAsynchronousRequests(told) => {
            let told = told.asynchronous_requests.into_iter();
            told.map(|request| request.operation).collect()
        }
        _ => panic!("another operation was answered"),
    }
}

#[test]
fn an_archived_object_serves_nobody_until_it_is_recovered() {
    let server = Server::start();
    let mut client = server.connect();
    let id = client.create(VERSION, "archived");
    let unique_identifier = || Some(id.clone());
    let get = || GetRequest { unique_identifier: unique_identifier(), ..GetRequest::default() };
    client.done(VERSION, ActivateRequest { unique_identifier: unique_identifier() });
    let name = submit(&mut client, ArchiveRequest { unique_identifier: unique_identifier() }.into());
    assert_eq!(outstanding(&mut client), [Operation::Archive]);
    let poll = || PollRequest { asynchronous_correlation_value: name.clone() };
    assert!(matches!(client.done(VERSION, poll()), Response::Archive(_)), "the answer is the request's own");
    assert_eq!(client.refused(VERSION, poll()), ResultReason::InvalidAsynchronousCorrelationValue);
    assert!(outstanding(&mut client).is_empty());
    assert_eq!(client.refused(VERSION, get()), ResultReason::ObjectArchived);
    let encrypt = EncryptRequest {
        unique_identifier: unique_identifier(),
        data: Some(b"x".to_vec().into()),
        ..EncryptRequest::default()
    };
    assert_eq!(client.refused(VERSION, encrypt), ResultReason::ObjectArchived);
    let again = ArchiveRequest { unique_identifier: unique_identifier() };
    assert_eq!(client.refused(VERSION, again), ResultReason::ObjectArchived);

    let recover = || RecoverRequest { unique_identifier: unique_identifier() };
    let taken_back = submit(&mut client, recover().into());
    let cancel = || CancelRequest { asynchronous_correlation_value: taken_back.clone() };
    match client.done(VERSION, cancel()) {
        Response::Cancel(answer) => assert_eq!(answer.cancellation_result, CancellationResult::Canceled),
        _ => panic!("another operation was answered"),
    }
    assert_eq!(client.refused(VERSION, cancel()), ResultReason::InvalidAsynchronousCorrelationValue);
    assert_eq!(
        client.refused(VERSION, get()),
        ResultReason::ObjectArchived,
        "what was cancelled is not done"
    );

    let name = submit(&mut client, recover().into());
    client.done(VERSION, ProcessRequest { asynchronous_correlation_value: name.clone() });
    let cancel = CancelRequest { asynchronous_correlation_value: name.clone() };
    match client.done(VERSION, cancel) {
        Response::Cancel(answer) => assert_eq!(answer.cancellation_result, CancellationResult::Completed),
        _ => panic!("another operation was answered"),
    }
    client.done(VERSION, get());
    client.done(VERSION, PollRequest { asynchronous_correlation_value: name });
}

#[test]
fn what_nobody_polls_for_is_done_all_the_same() {
    let server = Server::start();
    let mut client = server.connect();
    let id = client.create(VERSION, "later");
    let name = submit(&mut client, ActivateRequest { unique_identifier: Some(id.clone()) }.into());
    let state = AttributeReference::Kind(keyreeve_kmip::attributes::AttributeKind::State);
    let is_active = |client: &mut Client| {
        let attribute_references = vec![state.clone()];
        let ask = GetAttributesRequest { unique_identifier: Some(id.clone()), attribute_references };
        match client.done(VERSION, ask) {
            Response::GetAttributes(read) => {
                read.attributes.0[0].value == AttributeValue::State(State::Active)
            }
            _ => panic!("another operation was answered"),
        }
    };
    let done = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        is_active(&mut client)
    });
    assert!(done, "nothing was done in half a minute");
    client.done(VERSION, PollRequest { asynchronous_correlation_value: name });
}

#[test]
fn an_answer_that_the_client_has_no_room_for_is_kept() {
    let server = Server::start();
    let mut client = server.connect();
    let id = client.create(VERSION, "polled");
    let name =
        submit(&mut client, GetRequest { unique_identifier: Some(id), ..GetRequest::default() }.into());
    let poll = || PollRequest { asynchronous_correlation_value: name.clone() };
    let mut message = RequestMessage::new(VERSION, vec![RequestItem::new(poll().into())]);
    message.header.maximum_response_size = Some(256);
    for _ in 0..2 {
        let answer = client.exchange(&message).items.remove(0);
        assert_eq!(answer.result_reason, Some(ResultReason::ResponseTooLarge));
        assert!(answer.payload.is_none());
    }
    assert!(matches!(client.done(VERSION, poll()), Response::Get(_)));
    assert_eq!(client.refused(VERSION, poll()), ResultReason::InvalidAsynchronousCorrelationValue);
}

#[test]
fn requests_that_wait_are_done_side_by_side_and_no_more_than_a_few() {
    let clock = HandClock::of_today();
    let server = Server::start_at(clock.clone(), |_| {});
    let mut client = server.connect();
    let names: Vec<Vec<u8>> = (0..8).map(|_| submit(&mut client, pair().into())).collect();
    clock.advance(5);
    let (mut most, begin) = (0, Instant::now());
    loop {
        let told = match client.done(VERSION, QueryAsynchronousRequestsRequest::default()) {
            Response::QueryAsynchronousRequests(told) => told.asynchronous_requests,
            _ => panic!("another operation was answered"),
        };
        let of = |stage| told.iter().filter(|request| request.processing_stage == stage).count();
        most = most.max(of(ProcessingStage::InProcess));
        if of(ProcessingStage::Completed) == names.len() {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(120), "they are not done");
    }
    assert!((2..=4).contains(&most), "{most} at once");
    for name in names {
        let poll = PollRequest { asynchronous_correlation_value: name };
        assert!(matches!(client.done(VERSION, poll), Response::CreateKeyPair(_)));
    }
}

/// What takes a while: an RSA key.
fn pair() -> CreateKeyPairRequest {
    let common = [
        AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::Rsa),
        AttributeValue::CryptographicLength(3072),
    ];
    let common = TemplateAttribute::from(common.into_iter().collect::<Attributes>());
    CreateKeyPairRequest { common_template_attribute: Some(common), ..CreateKeyPairRequest::default() }
}

#[test]
fn asynchronous_requests_are_bounded() {
    let server = Server::start();
    let mut client = server.connect();
    let id = client.create(VERSION, "mine");
    let refused = client.refused(VERSION, PollRequest { asynchronous_correlation_value: vec![7] });
    assert_eq!(refused, ResultReason::InvalidAsynchronousCorrelationValue);
    let archive = || RequestItem::new(ArchiveRequest { unique_identifier: Some(id.clone()) }.into());
    let mut message = RequestMessage::new(VERSION, vec![archive(), archive()]);
    message.header.asynchronous_indicator = Some(AsynchronousIndicator::Mandatory);
    assert_eq!(client.exchange(&message).items[0].result_reason, Some(ResultReason::FeatureNotSupported));
    for _ in 0..16 {
        submit(&mut client, archive().payload.unwrap());
    }
    let mut message = RequestMessage::new(VERSION, vec![archive()]);
    message.header.asynchronous_indicator = Some(AsynchronousIndicator::Mandatory);
    assert_eq!(client.exchange(&message).items[0].result_reason, Some(ResultReason::ServerLimitExceeded));
}
