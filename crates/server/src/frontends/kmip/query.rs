//! Query and DiscoverVersions: what this server is and does, truthfully.

use keyreeve_kmip::attributes::RngParameters;
use keyreeve_kmip::enums::{
    CryptographicAlgorithm, DestroyAction, DrbgAlgorithm, ObjectType, Operation, QueryFunction, RngAlgorithm,
    RngMode, ShreddingAlgorithm, UnwrapMode,
};
use keyreeve_kmip::payloads::OPERATIONS;
use keyreeve_kmip::payloads::discover_versions::{DiscoverVersionsRequest, DiscoverVersionsResponse};
use keyreeve_kmip::payloads::query::{CapabilityInformation, QueryRequest, QueryResponse, ServerInformation};
use keyreeve_kmip::payloads::storage::ProtectionStorageMasks;
use keyreeve_kmip::values::ProtectionStorageMask;
use keyreeve_kmip::{ProtocolVersion, Version};

use super::batch::Batch;
use super::errors::{Failure, missing};
use super::{attestation, object_rules};
use crate::config::Credentials;

const OBJECT_TYPES: &[ObjectType] = &[
    ObjectType::Certificate,
    ObjectType::SymmetricKey,
    ObjectType::PublicKey,
    ObjectType::PrivateKey,
    ObjectType::SplitKey,
    ObjectType::Template,
    ObjectType::SecretData,
    ObjectType::OpaqueObject,
    ObjectType::PgpKey,
    ObjectType::CertificateRequest,
];

pub(super) async fn query(batch: &mut Batch<'_>, request: &QueryRequest) -> Result<QueryResponse, Failure> {
    if request.query_functions.is_empty() {
        return Err(missing("QueryFunction"));
    }
    let mut answer = QueryResponse::default();
    for function in &request.query_functions {
        match function {
            QueryFunction::QueryOperations => answer.operations = operations(batch),
            QueryFunction::QueryObjects => {
                let known = |kind: &&ObjectType| match kind {
                    ObjectType::Template => !batch.version.has_tagged_attributes(),
                    kind => kind.since() <= batch.version,
                };
                answer.object_types = OBJECT_TYPES.iter().filter(known).copied().collect();
            }
            QueryFunction::QueryServerInformation => {
                answer.vendor_identification = Some("Keyreeve".to_owned());
                answer.server_information = Some(ServerInformation {
                    server_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
                    product_name: Some("Keyreeve".to_owned()),
                    ..ServerInformation::default()
                });
            }
            QueryFunction::QueryRngs => answer.rng_parameters = vec![generator()],
            QueryFunction::QueryCapabilities => {
                answer.capability_information = vec![capabilities(!attestation::types(batch.kmip).is_empty())]
            }
            QueryFunction::QueryStorageProtectionMasks => {
                let masks = vec![ProtectionStorageMask::SOFTWARE];
                answer.protection_storage_masks = Some(ProtectionStorageMasks { masks });
            }
            QueryFunction::QueryDefaultsInformation => {
                let groups = request.object_groups.as_ref();
                answer.defaults_information = object_rules::defaults_information(batch, groups).await?;
            }
            QueryFunction::QueryAttestationTypes => {
                answer.attestation_types = attestation::types(batch.kmip);
            }
            // There is nothing of these to tell: no namespaces, extensions, validations, profiles
            // or registration methods.
            QueryFunction::QueryApplicationNamespaces
            | QueryFunction::QueryExtensionList
            | QueryFunction::QueryExtensionMap
            | QueryFunction::QueryValidations
            | QueryFunction::QueryProfiles
            | QueryFunction::QueryClientRegistrationMethods
            | QueryFunction::Unnamed(_) => {}
        }
    }
    Ok(answer)
}

fn operations(batch: &Batch<'_>) -> Vec<Operation> {
    let settings = batch.kmip.settings();
    let offered = |operation: &&Operation| {
        operation.since() <= batch.version
            && match operation {
                Operation::Interop => settings.interop,
                Operation::Login | Operation::DelegatedLogin | Operation::Logout => {
                    settings.credentials == Credentials::Check
                }
                // These go from server to client.
                Operation::Notify | Operation::Put => false,
                Operation::ReProvision => batch.kmip.authority.is_some(),
                Operation::Certify | Operation::ReCertify => settings.issuer.is_some(),
                _ => true,
            }
    };
    OPERATIONS.iter().filter(offered).copied().collect()
}

/// As `keyreeve_core::attributes::server_generator` tells it of a key.
fn generator() -> RngParameters {
    RngParameters {
        rng_algorithm: RngAlgorithm::Drbg,
        cryptographic_algorithm: Some(CryptographicAlgorithm::Aes),
        cryptographic_length: Some(256),
        hashing_algorithm: None,
        drbg_algorithm: Some(DrbgAlgorithm::Ctr),
        recommended_curve: None,
        fips186_variation: None,
        prediction_resistance: None,
    }
}

fn capabilities(attestation: bool) -> CapabilityInformation {
    CapabilityInformation {
        streaming_capability: Some(true),
        asynchronous_capability: Some(true),
        attestation_capability: Some(attestation),
        batch_undo_capability: Some(true),
        batch_continue_capability: Some(true),
        unwrap_mode: Some(UnwrapMode::Processed),
        destroy_action: Some(DestroyAction::KeyMaterialDeleted),
        shredding_algorithm: Some(ShreddingAlgorithm::Unspecified),
        rng_mode: Some(RngMode::SharedInstantiation),
        quantum_safe_capability: Some(true),
    }
}

/// The versions that both sides speak, newest first.
pub(super) fn discover_versions(request: &DiscoverVersionsRequest) -> DiscoverVersionsResponse {
    let spoken = Version::ALL.iter().rev().map(|version| ProtocolVersion::from(*version));
    let asked = &request.protocol_versions;
    let both = spoken.filter(|version| asked.is_empty() || asked.contains(version));
    DiscoverVersionsResponse { protocol_versions: both.collect() }
}
