//! Requests that are sent before the answers to earlier ones: answered in their order, as if one after the other.

use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::{CryptographicParameters, RevocationReason};
use keyreeve_kmip::enums::{BlockCipherMode, ResultStatus, RevocationReasonCode};
use keyreeve_kmip::message::{RequestItem, RequestMessage, ResponseItem};
use keyreeve_kmip::payloads::activate::ActivateRequest;
use keyreeve_kmip::payloads::decrypt::DecryptRequest;
use keyreeve_kmip::payloads::encrypt::EncryptRequest;
use keyreeve_kmip::payloads::revoke::RevokeRequest;
use keyreeve_kmip::payloads::{Request, Response};
use keyreeve_kmip::values::UniqueIdentifier;

use crate::harness::Server;

const VERSION: Version = Version::V2_1;

fn gcm() -> Option<CryptographicParameters> {
    let block_cipher_mode = Some(BlockCipherMode::Gcm);
    Some(CryptographicParameters { block_cipher_mode, tag_length: Some(16), ..Default::default() })
}

fn encrypt(id: &UniqueIdentifier, data: &[u8]) -> Request {
    EncryptRequest {
        unique_identifier: Some(id.clone()),
        cryptographic_parameters: gcm(),
        data: Some(data.to_vec().into()),
        ..EncryptRequest::default()
    }
    .into()
}

fn message(request: Request) -> Vec<u8> {
    RequestMessage::new(VERSION, vec![RequestItem::new(request)]).encode().unwrap().expose().to_vec()
}

fn only(mut items: Vec<ResponseItem>) -> ResponseItem {
    assert_eq!(items.len(), 1);
    items.remove(0)
}

#[test]
fn answers_come_in_the_order_of_the_requests() {
    let server = Server::start();
    let mut client = server.connect();
    let id = client.create(VERSION, "pipelined");
    client.done(VERSION, ActivateRequest { unique_identifier: Some(id.clone()) });
    // More than are under way at once, and of lengths that end within and between reads.
    let data: Vec<Vec<u8>> = (0..150).map(|at| vec![at as u8; at * 13]).collect();
    let sent: Vec<u8> = data.iter().flat_map(|data| message(encrypt(&id, data))).collect();
    client.send(&sent);
    let mut decrypts = Vec::new();
    for _ in &data {
        let Some(Response::Encrypt(sealed)) = only(client.receive().items).payload else { panic!() };
        let opened = DecryptRequest {
            unique_identifier: Some(id.clone()),
            cryptographic_parameters: gcm(),
            data: sealed.data.map(Into::into),
            iv_counter_nonce: sealed.iv_counter_nonce,
            authenticated_encryption_tag: sealed.authenticated_encryption_tag,
            ..DecryptRequest::default()
        };
        decrypts.extend(message(opened.into()));
    }
    client.send(&decrypts);
    for data in &data {
        let Some(Response::Decrypt(opened)) = only(client.receive().items).payload else { panic!() };
        assert_eq!(opened.data.unwrap().expose(), data);
    }
}

#[test]
fn a_change_counts_for_what_is_sent_behind_it_and_not_before() {
    let server = Server::start();
    let mut client = server.connect();
    let id = client.create(VERSION, "revoked between");
    client.done(VERSION, ActivateRequest { unique_identifier: Some(id.clone()) });
    let revoke = RevokeRequest {
        unique_identifier: Some(id.clone()),
        revocation_reason: RevocationReason {
            revocation_reason_code: RevocationReasonCode::CessationOfOperation,
            revocation_message: None,
        },
        compromise_occurrence_date: None,
    };
    let uses = || (0..20).flat_map(|_| message(encrypt(&id, b"data")));
    let sent: Vec<u8> = uses().chain(message(revoke.into())).chain(uses()).collect();
    client.send(&sent);
    let statuses: Vec<_> = (0..41).map(|_| only(client.receive().items).result_status).collect();
    assert!(statuses[..21].iter().all(|status| *status == ResultStatus::Success), "{statuses:?}");
    assert!(statuses[21..].iter().all(|status| *status == ResultStatus::OperationFailed), "{statuses:?}");
}
