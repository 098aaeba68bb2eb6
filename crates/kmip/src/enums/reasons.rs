//! What the enumerations need beyond names: result reasons for older versions, and the Asynchronous Indicator, which
//! changed its type.

use super::{AsynchronousIndicator, ResultReason};
use crate::error::DecodeError;
use crate::schema::{Version, Wire, wrong_type};
use crate::tags::Tag;
use crate::ttlv::Value;
use crate::ttlv::binary::Writer;

impl ResultReason {
    /// The reason itself if `version` has it, else the nearest one that it has.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.46; KMIP 1.4, section 9.1.3.2.29.
    pub fn for_version(self, version: Version) -> ResultReason {
        use ResultReason::*;
        if self.since() <= version {
            return self;
        }
        let older = match self {
            ObjectDestroyed
            | ObjectNotFound
            | AttributeNotFound
            | AttributeInstanceNotFound
            | WrappingObjectNotFound
            | WrappingObjectDestroyed => ItemNotFound,
            WrappingObjectArchived => ObjectArchived,
            Sensitive
            | NotExtractable
            | ReadOnlyAttribute
            | AttributeReadOnly
            | NotAuthorised
            | ConstraintViolation
            | WrongKeyLifecycleState
            | IncompatibleCryptographicUsageMask
            | UsageLimitExceeded
            | AttestationRequired => PermissionDenied,
            InvalidTicket | AttestationFailed => AuthenticationNotSuccessful,
            InvalidDataType
            | InvalidAttribute
            | InvalidAttributeValue
            | InvalidCorrelationValue
            | InvalidAsynchronousCorrelationValue
            | InvalidCsr
            | InvalidObjectType
            | IllegalObjectType
            | BadCryptographicParameters
            | BadPassword
            | NumericRange
            | UnknownEnumeration
            | UnknownObjectGroup
            | AttributeSingleValued
            | MultiValuedAttribute
            | NonUniqueNameAttribute => InvalidField,
            UnsupportedAttribute
            | UnsupportedCryptographicParameters
            | KeyWrapTypeNotSupported
            | UnknownMessageExtension
            | EncodingOptionError
            | Pkcs11InvalidFunction
            | Pkcs11InvalidInterface => FeatureNotSupported,
            MissingInitializationVector => MissingData,
            CodecError | Pkcs11CodecError | UnknownTag | UnsupportedProtocolVersion => InvalidMessage,
            ObjectAlreadyExists | DuplicateProcessRequest => IllegalOperation,
            KeyValueNotPresent => ItemNotFound,
            _ => GeneralFailure,
        };
        debug_assert_eq!(older.since(), Version::V1_0);
        older
    }
}

impl Wire for AsynchronousIndicator {
    fn read(value: &mut Value, _: Version) -> Result<Self, DecodeError> {
        match value {
            Value::Boolean(true) => Ok(Self::Optional),
            Value::Boolean(false) => Ok(Self::Prohibited),
            Value::Enumeration(code) => Ok((*code).into()),
            other => Err(wrong_type("Enumeration (Boolean before 2.0)", other)),
        }
    }

    fn write(&self, writer: &mut Writer, tag: Tag) {
        if writer.version() < Version::V2_0 {
            writer.boolean(tag, *self != Self::Prohibited);
        } else {
            writer.enumeration(tag, (*self).into());
        }
    }
}

#[cfg(test)]
impl crate::schema::Sample for AsynchronousIndicator {
    fn sample() -> Self {
        Self::Prohibited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_never_newer_than_the_version() {
        for reason in ResultReason::ALL {
            for version in Version::ALL {
                assert!(reason.for_version(version).since() <= version, "{reason} at {version}");
            }
        }
    }

    #[test]
    fn a_destroyed_object_is_not_found_before_2_0() {
        assert_eq!(ResultReason::ObjectDestroyed.for_version(Version::V1_4), ResultReason::ItemNotFound);
        assert_eq!(ResultReason::ObjectDestroyed.for_version(Version::V2_1), ResultReason::ObjectDestroyed);
    }

    #[test]
    fn codes_without_a_name_survive() {
        assert_eq!(u32::from(ResultReason::from(0x8000_0001)), 0x8000_0001);
        assert_eq!(ResultReason::from(1), ResultReason::ItemNotFound);
    }
}
