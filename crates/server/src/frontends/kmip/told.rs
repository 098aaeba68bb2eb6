//! The identifiers that answers tell, in their order: later items of a batch refer to them by number. Not here: references by the
//! name of an operation (`batch`).

use keyreeve_kmip::payloads::Response;
use keyreeve_kmip::values::UniqueIdentifier;

/// The identifiers of objects in an answer.
pub(super) fn identifiers(answer: &Response) -> Vec<&UniqueIdentifier> {
    /// The answers that tell one object, and what is left for the others.
    macro_rules! one {
        ($($operation:ident)*) => {
            match answer {
                $(Response::$operation(answer) => vec![&answer.unique_identifier],)*
                Response::Check(answer) => answer.unique_identifier.iter().collect(),
                Response::ReProvision(answer) => answer.unique_identifier.iter().collect(),
                Response::CreateKeyPair(answer) => {
                    vec![&answer.private_key_unique_identifier, &answer.public_key_unique_identifier]
                }
                Response::ReKeyKeyPair(answer) => {
                    vec![&answer.private_key_unique_identifier, &answer.public_key_unique_identifier]
                }
                Response::CreateSplitKey(answer) => answer.unique_identifiers.iter().collect(),
                Response::Locate(answer) => answer.unique_identifiers.iter().collect(),
                _ => Vec::new(),
            }
        };
    }
    one!(
        Activate AddAttribute AdjustAttribute Archive Certify Create Decrypt DeleteAttribute DeriveKey Destroy Encrypt Export
        Get GetAttributeList GetAttributes GetUsageAllocation Import JoinSplitKey Mac MacVerify ModifyAttribute ObtainLease
        ReCertify ReKey Recover Register Revoke SetAttribute Sign SignatureVerify
    )
}
