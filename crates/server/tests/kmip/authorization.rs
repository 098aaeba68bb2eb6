//! Who may do what over KMIP, and in which states of the key: the matrix, operation by operation. An operation without a row fails.
//! Not here: the matrix itself (testkit).

use std::collections::BTreeSet;

use keyreeve_core::access::Action;
use keyreeve_kmip::attributes::{
    Attribute, AttributeKind, AttributeReference, AttributeValue, Attributes, CryptographicParameters,
    RevocationReason, TemplateAttribute,
};
use keyreeve_kmip::enums::{
    CryptographicAlgorithm, DerivationMethod, HashingAlgorithm, KeyFormatType, ObjectType, Operation,
    QueryFunction, ResultReason, ResultStatus, RevocationReasonCode, SplitKeyMethod,
};
use keyreeve_kmip::message::{RequestItem, RequestMessage, ResponseItem};
use keyreeve_kmip::objects::{KeyBlock, KeyMaterial, KeyValue, PlainKeyValue, SymmetricKey};
use keyreeve_kmip::payloads::activate::ActivateRequest;
use keyreeve_kmip::payloads::add_attribute::AddAttributeRequest;
use keyreeve_kmip::payloads::archive::ArchiveRequest;
use keyreeve_kmip::payloads::check::CheckRequest;
use keyreeve_kmip::payloads::create_key_pair::CreateKeyPairRequest;
use keyreeve_kmip::payloads::create_split_key::CreateSplitKeyRequest;
use keyreeve_kmip::payloads::decrypt::DecryptRequest;
use keyreeve_kmip::payloads::delete_attribute::DeleteAttributeRequest;
use keyreeve_kmip::payloads::derive_key::{DerivationParameters, DeriveKeyRequest};
use keyreeve_kmip::payloads::destroy::DestroyRequest;
use keyreeve_kmip::payloads::encrypt::EncryptRequest;
use keyreeve_kmip::payloads::export::{ExportRequest, ExportResponse};
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::get_attribute_list::GetAttributeListRequest;
use keyreeve_kmip::payloads::get_attributes::GetAttributesRequest;
use keyreeve_kmip::payloads::get_constraints::GetConstraintsRequest;
use keyreeve_kmip::payloads::get_usage_allocation::GetUsageAllocationRequest;
use keyreeve_kmip::payloads::hash::HashRequest;
use keyreeve_kmip::payloads::locate::LocateRequest;
use keyreeve_kmip::payloads::login::LoginRequest;
use keyreeve_kmip::payloads::mac::MacRequest;
use keyreeve_kmip::payloads::mac_verify::MacVerifyRequest;
use keyreeve_kmip::payloads::modify_attribute::ModifyAttributeRequest;
use keyreeve_kmip::payloads::obtain_lease::ObtainLeaseRequest;
use keyreeve_kmip::payloads::query::QueryRequest;
use keyreeve_kmip::payloads::recover::RecoverRequest;
use keyreeve_kmip::payloads::register::RegisterRequest;
use keyreeve_kmip::payloads::rekey::ReKeyRequest;
use keyreeve_kmip::payloads::rekey_key_pair::ReKeyKeyPairRequest;
use keyreeve_kmip::payloads::revoke::RevokeRequest;
use keyreeve_kmip::payloads::rng_retrieve::RngRetrieveRequest;
use keyreeve_kmip::payloads::set_attribute::SetAttributeRequest;
use keyreeve_kmip::payloads::set_constraints::{Constraints, SetConstraintsRequest};
use keyreeve_kmip::payloads::set_defaults::SetDefaultsRequest;
use keyreeve_kmip::payloads::sign::SignRequest;
use keyreeve_kmip::payloads::signature_verify::SignatureVerifyRequest;
use keyreeve_kmip::payloads::{Request, Response};
use keyreeve_kmip::values::{CryptographicUsageMask, UniqueIdentifier};
use keyreeve_kmip::{Encoding, Version};
use keyreeve_server::config::Credentials;
use keyreeve_testkit::matrix::{STATES, Seen, WHO, check, key_for, line, lines, steps};
use serde_json::{Value, json};

use crate::harness::{Client, Server, attribute, create};

const VERSION: Version = Version::V2_1;

/// What a request is about.
struct Subject {
    /// The newest version, or its private half.
    id: UniqueIdentifier,
    /// The public half of a pair.
    public: UniqueIdentifier,
    /// A name that nobody has.
    free: String,
}

/// One operation, as it asks for an action.
struct Row {
    operation: Operation,
    action: Action,
    request: fn(&Subject) -> Request,
}

fn some(id: &UniqueIdentifier) -> Option<UniqueIdentifier> {
    Some(id.clone())
}

fn contact(text: &str) -> Attribute {
    attribute(AttributeValue::ContactInformation(text.to_owned()))
}

fn template(values: Vec<AttributeValue>) -> TemplateAttribute {
    TemplateAttribute::from(values.into_iter().collect::<Attributes>())
}

fn aes_128(usage: CryptographicUsageMask) -> Vec<AttributeValue> {
    vec![
        AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::Aes),
        AttributeValue::CryptographicLength(128),
        AttributeValue::CryptographicUsageMask(usage),
    ]
}

fn rows() -> Vec<Row> {
    let mut rows = rows_of_management();
    rows.extend(rows_of_use());
    rows.extend(rows_of_the_realm());
    rows
}

fn rows_of_management() -> Vec<Row> {
    use Operation as O;
    let row = |operation, action, request| Row { operation, action, request };
    vec![
        row(O::Activate, Action::Activate, |on| ActivateRequest { unique_identifier: some(&on.id) }.into()),
        row(O::Revoke, Action::Revoke, |on| {
            let revocation_reason = RevocationReason {
                revocation_reason_code: RevocationReasonCode::CessationOfOperation,
                revocation_message: None,
            };
            let unique_identifier = some(&on.id);
            RevokeRequest { unique_identifier, revocation_reason, compromise_occurrence_date: None }.into()
        }),
        row(O::Destroy, Action::Destroy, |on| DestroyRequest { unique_identifier: some(&on.id) }.into()),
        row(O::Archive, Action::Archive, |on| ArchiveRequest { unique_identifier: some(&on.id) }.into()),
        row(O::Recover, Action::Recover, |on| RecoverRequest { unique_identifier: some(&on.id) }.into()),
        row(O::ReKey, Action::Rekey, |on| {
            ReKeyRequest { unique_identifier: some(&on.id), ..ReKeyRequest::default() }.into()
        }),
        row(O::ReKeyKeyPair, Action::Rekey, |on| {
            ReKeyKeyPairRequest { private_key_unique_identifier: some(&on.id), ..Default::default() }.into()
        }),
        row(O::AddAttribute, Action::ModifyAttributes, |on| {
            AddAttributeRequest { unique_identifier: some(&on.id), attribute: contact("a") }.into()
        }),
        row(O::SetAttribute, Action::ModifyAttributes, |on| {
            SetAttributeRequest { unique_identifier: some(&on.id), attribute: contact("b") }.into()
        }),
        row(O::ModifyAttribute, Action::ModifyAttributes, |on| {
            let (unique_identifier, attribute) = (some(&on.id), contact("b"));
            ModifyAttributeRequest { unique_identifier, current_attribute: None, attribute }.into()
        }),
        row(O::DeleteAttribute, Action::ModifyAttributes, |on| {
            let attribute_reference = Some(AttributeReference::Kind(AttributeKind::ContactInformation));
            let unique_identifier = some(&on.id);
            DeleteAttributeRequest { unique_identifier, attribute_reference, ..Default::default() }.into()
        }),
        row(O::GetAttributes, Action::GetAttributes, |on| {
            GetAttributesRequest { unique_identifier: some(&on.id), attribute_references: Vec::new() }.into()
        }),
        row(O::GetAttributeList, Action::GetAttributes, |on| {
            GetAttributeListRequest { unique_identifier: some(&on.id) }.into()
        }),
        row(O::Check, Action::Check, |on| {
            CheckRequest { unique_identifier: some(&on.id), ..CheckRequest::default() }.into()
        }),
        row(O::ObtainLease, Action::ObtainLease, |on| {
            ObtainLeaseRequest { unique_identifier: some(&on.id) }.into()
        }),
    ]
}

fn rows_of_use() -> Vec<Row> {
    use Operation as O;
    let row = |operation, action, request| Row { operation, action, request };
    vec![
        row(O::Get, Action::Get, |on| {
            GetRequest { unique_identifier: some(&on.id), ..GetRequest::default() }.into()
        }),
        row(O::Export, Action::Get, |on| {
            ExportRequest { unique_identifier: some(&on.id), ..ExportRequest::default() }.into()
        }),
        row(O::CreateSplitKey, Action::CreateSplitKey, |on| {
            CreateSplitKeyRequest {
                object_type: ObjectType::SplitKey,
                unique_identifier: some(&on.id),
                split_key_parts: 3,
                split_key_threshold: 2,
                split_key_method: SplitKeyMethod::PolynomialSharingGf2_8,
                prime_field_size: None,
                template_attribute: None,
                protection_storage_masks: None,
            }
            .into()
        }),
        row(O::GetUsageAllocation, Action::GetUsageAllocation, |on| {
            GetUsageAllocationRequest { unique_identifier: some(&on.id), usage_limits_count: 1 }.into()
        }),
        row(O::DeriveKey, Action::Derive, |on| {
            DeriveKeyRequest {
                object_type: ObjectType::SymmetricKey,
                unique_identifiers: vec![on.id.clone()],
                derivation_method: DerivationMethod::Hmac,
                derivation_parameters: DerivationParameters {
                    cryptographic_parameters: Some(CryptographicParameters {
                        hashing_algorithm: Some(HashingAlgorithm::Sha256),
                        ..CryptographicParameters::default()
                    }),
                    initialization_vector: None,
                    derivation_data: vec![b"data".to_vec()],
                    salt: None,
                    iteration_count: None,
                },
                template_attribute: template(aes_128(CryptographicUsageMask::ENCRYPT)),
            }
            .into()
        }),
        row(O::Encrypt, Action::Encrypt, |on| {
            let data = Some(b"data".to_vec().into());
            EncryptRequest { unique_identifier: some(&on.id), data, ..EncryptRequest::default() }.into()
        }),
        // A wrong tag: who may decrypt is told that it is wrong.
        row(O::Decrypt, Action::Decrypt, |on| {
            DecryptRequest {
                unique_identifier: some(&on.id),
                data: Some(vec![0; 16].into()),
                iv_counter_nonce: Some(vec![0; 12]),
                authenticated_encryption_tag: Some(vec![0; 16]),
                ..DecryptRequest::default()
            }
            .into()
        }),
        row(O::Sign, Action::Sign, |on| {
            let data = Some(b"data".to_vec().into());
            SignRequest { unique_identifier: some(&on.id), data, ..SignRequest::default() }.into()
        }),
        row(O::SignatureVerify, Action::Verify, |on| {
            SignatureVerifyRequest {
                unique_identifier: some(&on.public),
                data: Some(b"data".to_vec().into()),
                signature_data: Some(vec![0; 64]),
                ..SignatureVerifyRequest::default()
            }
            .into()
        }),
        row(O::Mac, Action::Mac, |on| {
            let data = Some(b"data".to_vec().into());
            MacRequest { unique_identifier: some(&on.id), data, ..MacRequest::default() }.into()
        }),
        row(O::MacVerify, Action::MacVerify, |on| {
            MacVerifyRequest {
                unique_identifier: some(&on.id),
                data: Some(b"data".to_vec().into()),
                mac_data: Some(vec![0; 32]),
                ..MacVerifyRequest::default()
            }
            .into()
        }),
    ]
}

fn rows_of_the_realm() -> Vec<Row> {
    use Operation as O;
    let row = |operation, action, request| Row { operation, action, request };
    vec![
        row(O::Create, Action::Create, |on| create(&on.free).into()),
        row(O::CreateKeyPair, Action::CreateKeyPair, |_| {
            let usage = |mask| Some(template(vec![AttributeValue::CryptographicUsageMask(mask)]));
            CreateKeyPairRequest {
                common_template_attribute: Some(template(vec![AttributeValue::CryptographicAlgorithm(
                    CryptographicAlgorithm::Ed25519,
                )])),
                private_key_template_attribute: usage(CryptographicUsageMask::SIGN),
                public_key_template_attribute: usage(CryptographicUsageMask::VERIFY),
                ..CreateKeyPairRequest::default()
            }
            .into()
        }),
        row(O::Register, Action::Register, |on| {
            let mut material = [7; 16].to_vec();
            material[..8].copy_from_slice(&on.free.as_bytes()[on.free.len() - 8..]);
            let key_block = KeyBlock {
                key_format_type: KeyFormatType::Raw,
                key_compression_type: None,
                key_value: Some(KeyValue::Plain(PlainKeyValue {
                    key_material: KeyMaterial::Bytes(material.into()),
                    attributes: None,
                })),
                cryptographic_algorithm: Some(CryptographicAlgorithm::Aes),
                cryptographic_length: Some(128),
                key_wrapping_data: None,
            };
            RegisterRequest {
                object_type: ObjectType::SymmetricKey,
                template_attribute: template(aes_128(CryptographicUsageMask::ENCRYPT)),
                object: SymmetricKey { key_block }.into(),
                protection_storage_masks: None,
            }
            .into()
        }),
        row(O::Locate, Action::Locate, |_| LocateRequest::default().into()),
        row(O::Hash, Action::Hash, |_| {
            let hashing_algorithm = Some(HashingAlgorithm::Sha256);
            let cryptographic_parameters =
                CryptographicParameters { hashing_algorithm, ..Default::default() };
            let data = Some(b"data".to_vec().into());
            HashRequest {
                cryptographic_parameters,
                data,
                correlation_value: None,
                init_indicator: None,
                final_indicator: None,
            }
            .into()
        }),
        row(O::RngRetrieve, Action::Random, |_| RngRetrieveRequest { data_length: 8 }.into()),
        row(O::Query, Action::Query, |_| {
            let query_functions = vec![QueryFunction::QueryDefaultsInformation];
            QueryRequest { query_functions, object_groups: None }.into()
        }),
        row(O::GetConstraints, Action::Query, |_| GetConstraintsRequest {}.into()),
        row(O::SetDefaults, Action::SetDefaults, |_| {
            SetDefaultsRequest { defaults_information: None }.into()
        }),
        row(O::SetConstraints, Action::SetConstraints, |_| {
            SetConstraintsRequest { constraints: Constraints { constraints: Vec::new() } }.into()
        }),
        row(O::Login, Action::Login, |_| LoginRequest::default().into()),
    ]
}

/// Operations without a row, each with the reason.
const WITHOUT_A_ROW: &[(Operation, &str)] = &[
    (Operation::Certify, "takes an issuer: certify.rs tries who may"),
    (Operation::ReCertify, "as the one before"),
    (
        Operation::JoinSplitKey,
        "takes parts, and the right to get each: split.rs of REST's tests tries who may",
    ),
    (Operation::AdjustAttribute, "as Modify Attribute: one operation of the core"),
    (Operation::Import, "Register under an identifier of the client's choice: import.rs tries who may"),
    (Operation::Validate, "reads certificates that it is given, or that Get Attributes would show"),
    (Operation::Logout, "takes a ticket: credentials.rs tries who may"),
    (Operation::DelegatedLogin, "as the one before"),
    (Operation::ReProvision, "replaces what its connection is proven by: reprovision.rs tries who may"),
    (Operation::Cancel, "jobs are their own client's: later.rs tries who may"),
    (Operation::Poll, "as the one before"),
    (Operation::Process, "as the one before"),
    (Operation::QueryAsynchronousRequests, "as the one before"),
    (Operation::DiscoverVersions, "tells nothing but versions"),
    (Operation::RngSeed, "changes nothing"),
    (Operation::Log, "a note in the server's log"),
    (Operation::Interop, "a note in the server's log, where tests of interoperability are allowed"),
    (Operation::SetEndpointRole, "changes nothing"),
    (Operation::Pkcs11, "reads what the server offers: pkcs11.rs"),
    (Operation::Ping, "changes nothing"),
    (Operation::Notify, "only a server sends it"),
    (Operation::Put, "only a server sends it"),
];

#[test]
fn every_kmip_operation_has_a_row() {
    check();
    let rows = rows();
    for operation in Operation::ALL {
        let has_row = rows.iter().any(|row| row.operation == *operation);
        let left_out = WITHOUT_A_ROW.iter().filter(|(known, _)| known == operation).count();
        assert_eq!(
            usize::from(has_row) + left_out,
            1,
            "{operation} has neither a row nor a reason to have none, or both"
        );
    }
    let with_states: BTreeSet<Action> =
        lines().iter().filter(|line| line.kmip.is_some()).map(|line| line.action).collect();
    let tried: BTreeSet<Action> =
        rows.iter().map(|row| row.action).filter(|action| action.is_about_keys()).collect();
    assert_eq!(
        with_states, tried,
        "what the matrix has of KMIP is tried here, and what is tried stands in it"
    );
}

/// The certificate and key of each of `WHO`, as connections over KMIP.
struct People<'a> {
    server: &'a Server,
    clients: Vec<(&'static str, Client)>,
    /// Of each but the administrator.
    pairs: Vec<(&'static str, Pair)>,
}

/// A certificate and its key, in PEM.
type Pair = (Vec<u8>, Vec<u8>);

impl<'a> People<'a> {
    fn of(server: &'a Server) -> Self {
        let (mut clients, mut pairs) = (vec![("admin", server.connect())], Vec::new());
        for who in &WHO[1..] {
            let role = if matches!(*who, "operator" | "auditor") { who } else { "user" };
            let made = server.post("/v1/clients", &json!({ "name": who, "roles": [role] }));
            let pem = |field: &str| made[field].as_str().unwrap().as_bytes().to_vec();
            let pair = (pem("certificate"), pem("private_key"));
            clients.push((who, server.connect_to(server.address, &pair.0, &pair.1)));
            pairs.push((*who, pair));
        }
        Self { server, clients, pairs }
    }

    fn pair(&self, who: &str) -> Pair {
        let file = |name: &str| std::fs::read(self.server.files.join(name)).unwrap();
        let known = self.pairs.iter().find(|(known, _)| *known == who);
        known.map_or_else(|| (file("client.pem"), file("client.key")), |(_, pair)| pair.clone())
    }

    fn ask_over_https(&self, who: &str, encoding: Encoding, request: Request) -> ResponseItem {
        let (certificate, key) = self.pair(who);
        let message = RequestMessage::new(VERSION, vec![RequestItem::new(request)]);
        self.server.over_https((&certificate, &key), encoding, &message).items.remove(0)
    }

    fn ask(&mut self, who: &str, request: Request) -> ResponseItem {
        let client = self.clients.iter_mut().find(|(known, _)| *known == who);
        client.unwrap().1.ask(VERSION, request)
    }

    /// Asks REST as the owner; it must be done.
    fn owner(&self, method: &str, path: &str, body: &Value) -> Value {
        let (certificate, key) = self.pair("owner");
        let (status, answer) = self.server.rest_by((&certificate, &key), method, path, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// A key of the owner's that can do it, with a grant of just this action, in this state.
    fn prepare(&mut self, row: &Row, name: &str, state: &str) -> Subject {
        let action = row.action;
        let text = |id: &Value| UniqueIdentifier::Text(id.as_str().unwrap_or_default().to_owned());
        let mut subject =
            Subject { id: text(&Value::Null), public: text(&Value::Null), free: format!("free {name}") };
        if !action.is_about_keys() {
            return subject;
        }
        let mut key = key_for(action, name, state);
        if row.operation == Operation::ReKey {
            key["algorithm"] = json!("aes-128");
        }
        let made = self.owner("POST", "/v1/keys", &key);
        let version = &made["versions"][0];
        (subject.id, subject.public) = (text(&version["object_id"]), text(&version["public_object_id"]));
        let more = (action == Action::CreateSplitKey).then_some(Action::Get.word());
        let actions: Vec<&str> = std::iter::once(action.word()).chain(more).collect();
        self.owner("PUT", &format!("/v1/keys/{name}/grants/granted"), &json!({ "actions": actions }));
        if matches!(row.operation, Operation::ModifyAttribute | Operation::DeleteAttribute) {
            let add = AddAttributeRequest { unique_identifier: some(&subject.id), attribute: contact("a") };
            assert_eq!(self.ask("owner", add.into()).result_status, ResultStatus::Success);
        }
        for (method, step, body) in steps(state) {
            self.owner(method, &format!("/v1/keys/{name}{step}"), &body);
        }
        subject
    }
}

fn is_gone(exported: &ExportResponse) -> bool {
    exported.object.key_block().is_none_or(|block| block.key_value.is_none())
}

/// What an answer says: done, refused for the state of the key, denied or not found.
fn told(answer: &ResponseItem) -> Option<char> {
    match (answer.result_status, answer.result_reason) {
        // Of what is destroyed Export tells the attributes, and no value.
        (ResultStatus::Success, _) if matches!(&answer.payload, Some(Response::Export(told)) if is_gone(told)) => {
            Some('-')
        }
        (ResultStatus::Success, _) => Some('+'),
        // It was tried: what it was tried on is nothing that the key has made.
        (_, Some(ResultReason::CryptographicFailure | ResultReason::InvalidField)) => Some('+'),
        (
            _,
            Some(
                ResultReason::WrongKeyLifecycleState
                | ResultReason::ObjectDestroyed
                | ResultReason::ObjectArchived,
            ),
        ) => Some('-'),
        (_, Some(ResultReason::PermissionDenied)) => Some('D'),
        (_, Some(ResultReason::ObjectNotFound)) => Some('N'),
        _ => None,
    }
}

#[test]
fn every_operation_role_and_state_is_as_the_matrix_says_over_kmip() {
    let server = Server::start_with(|config| config.kmip.credentials = Credentials::Check);
    let mut people = People::of(&server);
    let mut wrong = Vec::new();
    for (index, row) in rows().iter().enumerate() {
        let line = line(row.action);
        let states: Vec<(&str, char)> = match line.kmip {
            Some(states) => STATES.iter().copied().zip(states.chars()).collect(),
            None => vec![("active", '+')],
        };
        for (state, done) in states {
            let shared = people.prepare(row, &format!("k{index}-{state}-all"), state);
            for (who, seen) in WHO.iter().zip(line.who) {
                let own =
                    (seen == Seen::A).then(|| people.prepare(row, &format!("k{index}-{state}-{who}"), state));
                let answer = people.ask(who, (row.request)(own.as_ref().unwrap_or(&shared)));
                let expected = match seen {
                    Seen::A => done,
                    Seen::D => 'D',
                    Seen::N => 'N',
                };
                if told(&answer) != Some(expected) {
                    let (reason, message) = (answer.result_reason, answer.result_message);
                    wrong.push(format!(
                        "{} {who} {state}: {reason:?} {message:?}, not {expected}",
                        row.operation
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same door behind HTTPS, in turn by each encoding: what may be done does not hang on the way a message comes.
#[test]
fn every_operation_and_role_is_as_the_matrix_says_over_https() {
    let server = Server::start_with(|config| config.kmip.credentials = Credentials::Check);
    let mut people = People::of(&server);
    let mut wrong = Vec::new();
    for (index, (row, encoding)) in rows().iter().zip(Encoding::ALL.into_iter().cycle()).enumerate() {
        let line = line(row.action);
        let active = STATES.iter().position(|state| *state == "active").unwrap();
        let done = line.kmip.map_or('+', |states| states.chars().nth(active).unwrap());
        let shared = people.prepare(row, &format!("k{index}-all"), "active");
        for (who, seen) in WHO.iter().zip(line.who) {
            let own = (seen == Seen::A).then(|| people.prepare(row, &format!("k{index}-{who}"), "active"));
            let answer = people.ask_over_https(who, encoding, (row.request)(own.as_ref().unwrap_or(&shared)));
            let expected = match seen {
                Seen::A => done,
                Seen::D => 'D',
                Seen::N => 'N',
            };
            if told(&answer) != Some(expected) {
                let (reason, message) = (answer.result_reason, answer.result_message);
                wrong.push(format!(
                    "{} {who} {encoding:?}: {reason:?} {message:?}, not {expected}",
                    row.operation
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
