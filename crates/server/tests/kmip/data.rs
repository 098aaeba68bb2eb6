//! Data that passes from item to item of a batch, and data that its client does not want to see.

use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::CryptographicParameters;
use keyreeve_kmip::enums::{
    BatchErrorContinuationOption, BlockCipherMode, DataReference, HashingAlgorithm, PaddingMethod,
    ResultReason, ResultStatus,
};
use keyreeve_kmip::message::{RequestItem, RequestMessage, ResponseItem};
use keyreeve_kmip::payloads::activate::ActivateRequest;
use keyreeve_kmip::payloads::decrypt::DecryptRequest;
use keyreeve_kmip::payloads::encrypt::EncryptRequest;
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::hash::HashRequest;
use keyreeve_kmip::payloads::rng_retrieve::RngRetrieveRequest;
use keyreeve_kmip::payloads::rng_seed::RngSeedRequest;
use keyreeve_kmip::payloads::{Request, Response};
use keyreeve_kmip::values::{Data, UniqueIdentifier};

use crate::harness::{Client, Server};

const V: Version = Version::V2_1;

fn draw(bytes: i32) -> Request {
    RngRetrieveRequest { data_length: bytes }.into()
}

fn hash(data: Data) -> Request {
    let sha256 = Some(HashingAlgorithm::Sha256);
    let parameters =
        CryptographicParameters { hashing_algorithm: sha256, ..CryptographicParameters::default() };
    HashRequest {
        cryptographic_parameters: parameters,
        data: Some(data),
        correlation_value: None,
        init_indicator: None,
        final_indicator: None,
    }
    .into()
}

fn cbc() -> Option<CryptographicParameters> {
    Some(CryptographicParameters {
        block_cipher_mode: Some(BlockCipherMode::Cbc),
        padding_method: Some(PaddingMethod::Pkcs5),
        ..CryptographicParameters::default()
    })
}

fn encrypt(key: &UniqueIdentifier, data: Data) -> Request {
    EncryptRequest {
        unique_identifier: Some(key.clone()),
        cryptographic_parameters: cbc(),
        data: Some(data),
        iv_counter_nonce: Some(vec![7; 16]),
        ..EncryptRequest::default()
    }
    .into()
}

fn decrypt(key: &UniqueIdentifier, data: Data) -> Request {
    DecryptRequest {
        unique_identifier: Some(key.clone()),
        cryptographic_parameters: cbc(),
        data: Some(data),
        iv_counter_nonce: Some(vec![7; 16]),
        ..DecryptRequest::default()
    }
    .into()
}

/// Answers to a batch that goes on after a failure. `true` stands with items whose data is not to be told.
fn answers(client: &mut Client, version: Version, payloads: Vec<(Request, bool)>) -> Vec<ResponseItem> {
    let items = payloads.into_iter().map(|(payload, ephemeral)| RequestItem {
        ephemeral: ephemeral.then_some(true),
        ..RequestItem::new(payload)
    });
    let mut message = RequestMessage::new(version, items.collect());
    message.header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Continue);
    client.exchange(&message).items
}

fn active_key(client: &mut Client, name: &str) -> UniqueIdentifier {
    let key = client.create(V, name);
    client.done(V, ActivateRequest { unique_identifier: Some(key.clone()) });
    key
}

#[test]
fn an_item_works_on_what_an_item_before_it_put_out() {
    let server = Server::start();
    let mut client = server.connect();
    let key = active_key(&mut client, "chain");
    let items = vec![
        (draw(100), true),
        (hash(Data::Reference(DataReference::RngRetrieve)), false),
        (encrypt(&key, Data::Index(0)), false),
        (decrypt(&key, Data::Reference(DataReference::Encrypt)), true),
        (hash(Data::Index(-1)), false),
        // The latest of its operation is meant: the hash of the hash.
        (hash(Data::Reference(DataReference::Hash)), false),
        (RngSeedRequest { data: Data::Index(1) }.into(), false),
    ];
    let answers = answers(&mut client, V, items);
    let failed = answers.iter().find(|answer| answer.result_status != ResultStatus::Success);
    assert!(failed.is_none(), "{:?}", failed.map(|answer| &answer.result_message));
    let hashes: Vec<_> = answers
        .iter()
        .filter_map(|answer| match answer.payload.as_ref()? {
            Response::Hash(told) => told.data.clone(),
            Response::RngRetrieve(drawn) => {
                assert!(drawn.data.is_none(), "an ephemeral answer tells no data");
                None
            }
            Response::Decrypt(opened) => {
                assert!(opened.data.is_none(), "an ephemeral answer tells no data");
                assert_eq!(opened.unique_identifier, key);
                None
            }
            _ => None,
        })
        .collect();
    let [of_drawn, of_opened, of_hash] = &hashes[..] else { panic!() };
    assert_eq!(of_drawn, of_opened, "what was drawn went through the key and back");
    let Response::Hash(sent) = client.done(V, hash(of_opened.clone().into())) else { panic!() };
    assert_eq!(sent.data.as_ref(), Some(of_hash));
    let Some(Response::Encrypt(sealed)) = &answers[2].payload else { panic!() };
    let Response::Decrypt(opened) = client.done(V, decrypt(&key, sealed.data.clone().unwrap().into())) else {
        panic!()
    };
    assert_eq!(opened.data.unwrap().len(), 100);
}

#[test]
fn data_that_no_item_before_put_out_is_missing() {
    let server = Server::start();
    let mut client = server.connect();
    let items = vec![
        (hash(Data::Index(-1)), false),
        (hash(Data::Index(0)), false),
        (draw(16), false),
        (hash(Data::Index(1)), false),
        (hash(Data::Index(-2)), false),
        (hash(Data::Reference(DataReference::Decrypt)), false),
        (hash(Data::Reference(DataReference::Unnamed(0x8000_0001))), false),
        (hash(Data::Index(-1)), false),
    ];
    let reasons: Vec<_> =
        answers(&mut client, V, items).into_iter().map(|answer| answer.result_reason).collect();
    let missing = Some(ResultReason::MissingData);
    assert_eq!(reasons, [missing, missing, None, missing, missing, missing, missing, None]);
    // What a batch put out ends with it.
    assert_eq!(client.refused(V, hash(Data::Index(0))), ResultReason::MissingData);
    // Versions before 2.0 have bytes there and nothing else.
    let older = answers(&mut client, Version::V1_4, vec![(draw(16), false), (hash(Data::Index(0)), false)]);
    assert_eq!(older[1].result_reason, Some(ResultReason::InvalidField));
}

#[test]
fn references_stand_for_no_more_than_a_message_may_have() {
    let server = Server::start_with(|config| config.limits.message_bytes_max = 1 << 16);
    let mut client = server.connect();
    let one = || (hash(Data::Index(0)), false);
    let told = answers(&mut client, V, vec![(draw(1 << 15), true), one(), one(), one()]);
    let reasons: Vec<_> = told.into_iter().map(|answer| answer.result_reason).collect();
    assert_eq!(reasons, [None, None, None, Some(ResultReason::ServerLimitExceeded)]);
    // What is kept and not told counts as what is told.
    let drawn = || (draw(1 << 15), true);
    let told = answers(&mut client, V, vec![drawn(), drawn(), drawn(), one()]);
    assert_eq!(told[2].result_reason, Some(ResultReason::ResponseTooLarge));
}

#[test]
fn only_data_can_be_kept_from_the_client_that_asks_for_it() {
    let server = Server::start();
    let mut client = server.connect();
    let key = client.create(V, "told or not");
    let get = GetRequest { unique_identifier: Some(key), ..GetRequest::default() };
    let told = answers(&mut client, V, vec![(get.into(), true)]);
    assert_eq!(told[0].result_reason, Some(ResultReason::FeatureNotSupported));
    assert!(told[0].payload.is_none());
}
