//! Who may set an attribute, when, and how often: one rule an attribute.

use crate::model::{AttributeKind, AttributeName};

/// When a client may change the value of an attribute once it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Never.
    Never,
    /// At any time.
    Always,
    /// While the object is PreActive.
    PreActive,
    /// While the object is PreActive or Active.
    UntilDeactivated,
    /// While the object is PreActive or Active and the date that stands there has not come.
    UntilReached,
}

/// The rule of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// An object may have several values of it.
    pub multiple: bool,
    /// A client may give it with a new object, or add it later where it is absent.
    pub given_by_client: bool,
    /// When a client may change it.
    pub change: Change,
    /// A client may delete it.
    pub deletable: bool,
}

const SERVER: Rule =
    Rule { multiple: false, given_by_client: false, change: Change::Never, deletable: false };
const SERVER_MANY: Rule = Rule { multiple: true, ..SERVER };
/// Given at most once, with the object or later, and fixed from then on.
const ONCE: Rule = Rule { given_by_client: true, ..SERVER };
const FREE: Rule = Rule { multiple: false, given_by_client: true, change: Change::Always, deletable: true };
const FREE_MANY: Rule = Rule { multiple: true, ..FREE };

/// The rule of an attribute.
///
/// # Standard
/// The tables "Attribute Rules" in KMIP 1.4 section 3 and KMIP 2.1 section 4.
pub fn rule(name: &AttributeName) -> Rule {
    let kind = match name {
        // Custom attributes whose name starts with `y-` are the server's own.
        AttributeName::Vendor { vendor, .. } => return if vendor == "y" { SERVER_MANY } else { FREE_MANY },
        AttributeName::Standard(kind) => *kind,
    };
    use AttributeKind::*;
    match kind {
        Name
        | AlternativeName
        | ApplicationSpecificInformation
        | CryptographicParameters
        | KeyValueLocation
        | Link
        | ObjectGroup => FREE_MANY,
        Comment | ContactInformation | Description | Pkcs12FriendlyName | ProtectionLevel
        | ProtectionPeriod | QuantumSafe | RotateName | UsageLimits => FREE,
        Sensitive | Extractable => Rule { deletable: false, ..FREE },
        ActivationDate => Rule { change: Change::PreActive, ..ONCE },
        DeactivationDate => Rule { change: Change::UntilDeactivated, ..ONCE },
        ProcessStartDate | ProtectStopDate => Rule { change: Change::UntilReached, ..ONCE },
        CertificateLength
        | CertificateType
        | CryptographicAlgorithm
        | CryptographicDomainParameters
        | CryptographicLength
        | CryptographicUsageMask
        | Fresh
        | ObjectType
        | OpaqueDataType
        | OperationPolicyName
        | OriginalCreationDate
        | ProtectionStorageMask
        | RandomNumberGenerator
        | RotateAutomatic
        | RotateInterval
        | RotateOffset => ONCE,
        NistKeyType => Rule { multiple: true, ..ONCE },
        Digest | DigitalSignatureAlgorithm => SERVER_MANY,
        _ if is_part_of_certificate_name(kind) => SERVER_MANY,
        // Everything else is the server's alone: what nobody thought of is not for clients to change.
        _ => SERVER,
    }
}

pub(super) fn is_part_of_certificate_name(kind: AttributeKind) -> bool {
    let word = kind.word();
    let part = word.strip_prefix("Certificate Subject ").or_else(|| word.strip_prefix("Certificate Issuer "));
    part.is_some()
}
