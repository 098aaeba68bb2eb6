//! Batches over a store of their own, without a network.

use std::sync::mpsc;

use keyreeve_core::access::{Action, Permit};
use keyreeve_core::model::Time;
use keyreeve_core::operations::{Operation, Subject};
use keyreeve_core::ports::clock::Clock;
use keyreeve_core::request::{Context, Resolved};
use keyreeve_core::{Result, SecretBytes as CoreBytes};
use keyreeve_crypto::SoftwareCrypto;
use keyreeve_kmip::attributes::CryptographicParameters;
use keyreeve_kmip::enums::{ResultReason, ResultStatus};
use keyreeve_kmip::message::{RequestItem, RequestMessage};
use keyreeve_kmip::payloads::Response;
use keyreeve_kmip::payloads::hash::HashRequest;
use keyreeve_kmip::payloads::query::{QueryRequest, QueryResponse};
use keyreeve_store::{Store, StoreOptions, Unlock};
use tokio::runtime::Handle;

use super::answer::{Answer, assemble};
use super::batch::Batch;
use super::*;
use crate::authn::request_id;
use crate::listen::Known;

struct Still;

impl Clock for Still {
    fn now(&self) -> Time {
        Time(1_700_000_000_000)
    }

    fn wait(&self, _: Duration) {}
}

fn kmip(dir: &std::path::Path) -> Kmip {
    let (crypto, clock) = (Arc::new(SoftwareCrypto::new()), Arc::new(Still));
    let options = StoreOptions::new(dir.join("data"), crypto.clone(), clock.clone());
    let unlock = Unlock::KeyFile(CoreBytes::copy_from("17".repeat(32).as_bytes()));
    Store::create(&options, &unlock).unwrap();
    let store = Arc::new(Store::open(&options, &unlock).unwrap());
    let engine = Arc::new(Engine::new(store.clone(), store.sealer(), crypto, clock));
    let message_max = Duration::from_secs(60);
    let settings = Settings {
        interop: false,
        issuer: None,
        credentials: Credentials::Refuse,
        attestation: None,
        message_max,
        limits: Limits::default(),
    };
    Kmip::new(
        engine.clone(),
        Arc::new(Authenticator::new(engine, 10)),
        settings,
        Arc::new(InFlight::new(64 << 20)),
    )
}

/// Ends only once another task of the same runtime has run.
struct NeedsAnotherTask;

impl Operation for NeedsAnotherTask {
    type Reply = bool;

    fn action(&self) -> Action {
        Action::Status
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, _: &mut Context<'_>, _: Option<Resolved>) -> Result<bool> {
        let (sender, receiver) = mpsc::channel();
        Handle::current().spawn(async move { sender.send(()).unwrap() });
        Ok(receiver.recv_timeout(Duration::from_secs(20)).is_ok())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_slow_rehearsal_holds_up_no_other_connection() {
    let dir = tempfile::tempdir().unwrap();
    let kmip = kmip(dir.path());
    // On the runtime's only worker, where connections are.
    let rehearsed = tokio::spawn(async move {
        let caller = Caller::system(request_id(&kmip.engine).unwrap());
        let mut batch = Batch::new(&kmip, &caller, Version::V2_1, Some(kmip.engine.rehearse(&caller)));
        batch.run(NeedsAnotherTask).await.unwrap()
    });
    assert!(rehearsed.await.unwrap(), "the rehearsal kept the worker to itself");
}

fn items(count: usize) -> Vec<ResponseItem> {
    let namespaces = vec!["x".repeat(100)];
    let item = |number: usize| ResponseItem {
        unique_batch_item_id: Some(vec![number as u8; 1 + number % 9]),
        ..ResponseItem::success(Response::from(QueryResponse {
            application_namespaces: namespaces.clone(),
            ..QueryResponse::default()
        }))
    };
    (0..count).map(item).collect()
}

#[test]
fn an_answer_is_encoded_item_by_item_and_shortened_by_arithmetic() {
    let version = Version::V2_1;
    let header = ResponseHeader::new(DateTime(1_700_000_000));
    let answers = || items(50).into_iter().map(|item| Answer::new(item, version)).collect::<Vec<_>>();
    let whole = ResponseMessage { version, header: header.clone(), items: items(50) }.encode().unwrap();
    assert_eq!(assemble(version, &header, &mut answers(), None).expose(), whole.expose());
    for size_max in [0, 4000, whole.len() - 1, whole.len()] {
        let bytes = assemble(version, &header, &mut answers(), Some(size_max as i32));
        let read = ResponseMessage::decode(bytes.expose(), &Limits::default()).unwrap();
        let kept = read.items.iter().take_while(|item| item.result_status == ResultStatus::Success).count();
        let (_, cut) = read.items.split_at(kept);
        assert!(cut.iter().all(|item| item.result_reason == Some(ResultReason::ResponseTooLarge)));
        assert!(bytes.len() <= size_max || kept == 0, "{} of {size_max}", bytes.len());
        assert!(
            read.items.iter().zip(items(50)).all(|(a, b)| a.unique_batch_item_id == b.unique_batch_item_id)
        );
        assert_eq!(kept == 50, size_max == whole.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn items_under_way_are_bounded_as_well_as_requests() {
    let dir = tempfile::tempdir().unwrap();
    let kmip = kmip(dir.path());
    let item = || {
        let hash = HashRequest {
            cryptographic_parameters: CryptographicParameters::default(),
            data: Some(b"x".to_vec().into()),
            correlation_value: None,
            init_indicator: None,
            final_indicator: None,
        };
        RequestItem::new(hash.into())
    };
    let peer = Peer {
        address: ([127, 0, 0, 1], 1).into(),
        certificate: None,
        member: None,
        known: Known::default(),
    };
    for (items, requests_begun) in [(1, 64), (100, 3)] {
        let items = (0..items).map(|_| item()).collect();
        let request = RequestMessage::new(Version::V2_1, items).encode().unwrap();
        let answered = kmip.answer_whole(&peer, &request.expose().repeat(70)).await;
        assert_eq!(answered.bytes, requests_begun * request.len());
    }
}

#[tokio::test]
async fn a_message_too_many_is_told_so_by_the_servers_limit() {
    let dir = tempfile::tempdir().unwrap();
    let kmip = kmip(dir.path());
    kmip.authenticator.set_requests_max([0; 3], [1, 0, 0]);
    let query = RequestItem::new(QueryRequest::default().into());
    let message = RequestMessage::new(Version::V2_1, vec![query]).encode().unwrap();
    let peer = Peer {
        address: ([192, 0, 2, 1], 1).into(),
        certificate: None,
        member: None,
        known: Known::default(),
    };
    let mut reasons = Vec::new();
    for _ in 0..2 {
        let answer = kmip.handle(&peer, message.expose()).await;
        let answer = ResponseMessage::decode(answer.expose(), &Limits::default()).unwrap();
        reasons.push(answer.items[0].result_reason);
    }
    let wanted = [ResultReason::AuthenticationNotSuccessful, ResultReason::ServerLimitExceeded];
    assert_eq!(reasons, wanted.map(Some));
}
