//! Credentials of a request header. They hold secrets; checking them is the server's business.

use crate::enums::{AttestationType, CredentialType, HashingAlgorithm, TicketType};
use crate::error::DecodeError;
use crate::schema::{Field, Fields, Version, Wire, structure};
use crate::secret::{SecretBytes, SecretText};
use crate::tags::Tag;
use crate::ttlv::Value;
use crate::ttlv::binary::Writer;
use crate::values::DateTimeExtended;

structure! {
    /// The credentials of a request. Hold secrets.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 9.4.
    Authentication {
        /// The credentials; one before KMIP 1.2.
        credentials: Vec<Credential> = CREDENTIAL, V1_0..;
    }
}

structure! {
    /// A user name with a password. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 9.11.
    UsernameAndPassword {
        /// The user.
        username: String = USERNAME, V1_0..;
        /// The password.
        password: Option<SecretText> = PASSWORD, V1_0..;
    }
}

structure! {
    /// A device. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 9.11.
    #[derive(Default)]
    DeviceCredential {
        /// Serial number.
        device_serial_number: Option<String> = DEVICE_SERIAL_NUMBER, V1_1..;
        /// The password.
        password: Option<SecretText> = PASSWORD, V1_1..;
        /// Device.
        device_identifier: Option<String> = DEVICE_IDENTIFIER, V1_1..;
        /// Network.
        network_identifier: Option<String> = NETWORK_IDENTIFIER, V1_1..;
        /// Machine.
        machine_identifier: Option<String> = MACHINE_IDENTIFIER, V1_1..;
        /// Medium.
        media_identifier: Option<String> = MEDIA_IDENTIFIER, V1_1..;
    }
}

structure! {
    /// A number used once.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 9.14.
    #[derive(Clone, Debug, PartialEq)]
    Nonce {
        /// Names it.
        nonce_id: Vec<u8> = NONCE_ID, V1_2..;
        /// The number.
        nonce_value: Vec<u8> = NONCE_VALUE, V1_2..;
    }
}

structure! {
    /// What a platform attests.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 9.11.
    AttestationCredential {
        /// The server's nonce.
        nonce: Nonce = NONCE, V1_2..;
        /// How it attests.
        attestation_type: AttestationType = ATTESTATION_TYPE, V1_2..;
        /// The measurement.
        attestation_measurement: Option<Vec<u8>> = ATTESTATION_MEASUREMENT, V1_2..;
        /// The assertion.
        attestation_assertion: Option<Vec<u8>> = ATTESTATION_ASSERTION, V1_2..;
    }
}

structure! {
    /// A user name with a password for one use. Holds secrets.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 9.11.
    OneTimePasswordCredential {
        /// The user.
        username: String = USERNAME, V2_0..;
        /// The password.
        password: Option<SecretText> = PASSWORD, V2_0..;
        /// The password for one use.
        one_time_password: SecretText = ONE_TIME_PASSWORD, V2_0..;
    }
}

structure! {
    /// A user name with the proof of a password. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 9.11.
    HashedPasswordCredential {
        /// The user.
        username: String = USERNAME, V2_0..;
        /// When it was made.
        time_stamp: DateTimeExtended = TIME_STAMP, V2_0..;
        /// Hash function; SHA-256 when absent.
        hashing_algorithm: Option<HashingAlgorithm> = HASHING_ALGORITHM, V2_0..;
        /// The proof.
        hashed_password: SecretBytes = HASHED_PASSWORD, V2_0..;
    }
}

structure! {
    /// A ticket that an earlier login answered. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.39.
    Ticket {
        /// Kind of ticket.
        ticket_type: TicketType = TICKET_TYPE, V2_0..;
        /// The ticket.
        ticket_value: SecretBytes = TICKET_VALUE, V2_0..;
    }
}

structure! {
    /// A credential that is a ticket. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 9.11.
    TicketCredential {
        /// The ticket.
        ticket: Ticket = TICKET, V2_0..;
    }
}

/// One line a kind of credential: its type code and its value.
macro_rules! credentials {
    ($($kind:ident($type:ident);)*) => {
        /// A credential. Holds secrets.
        ///
        /// # Standard
        ///
        /// KMIP 2.1, section 9.11.
        pub enum Credential {
            $(
                #[doc = concat!("See [`", stringify!($type), "`].")]
                $kind($type),
            )*
            /// A kind that this crate does not know.
            Unknown {
                /// Its type code.
                credential_type: CredentialType,
                /// Its value as it came. May hold a secret: [`Value::scrub`] wipes it.
                value: Value,
            },
        }

        impl Credential {
            /// The type code.
            pub fn credential_type(&self) -> CredentialType {
                match self {
                    $(Self::$kind(_) => CredentialType::$kind,)*
                    Self::Unknown { credential_type, .. } => *credential_type,
                }
            }
        }

        impl Wire for Credential {
            fn read(value: &mut Value, version: Version) -> Result<Self, DecodeError> {
                let mut fields = Fields::of(value, version)?;
                let credential_type: CredentialType = Field::take(&mut fields, Tag::CREDENTIAL_TYPE)?;
                match credential_type {
                    $(CredentialType::$kind => Field::take(&mut fields, Tag::CREDENTIAL_VALUE).map(Self::$kind),)*
                    credential_type => {
                        let value = Field::take(&mut fields, Tag::CREDENTIAL_VALUE)?;
                        Ok(Self::Unknown { credential_type, value })
                    }
                }
            }

            fn write(&self, writer: &mut Writer, tag: Tag) {
                writer.structure(tag, |writer| {
                    self.credential_type().write(writer, Tag::CREDENTIAL_TYPE);
                    match self {
                        $(Self::$kind(value) => value.write(writer, Tag::CREDENTIAL_VALUE),)*
                        Self::Unknown { value, .. } => writer.value(Tag::CREDENTIAL_VALUE, value),
                    }
                });
            }
        }

        /// One credential of every kind.
        #[cfg(test)]
        pub(super) fn samples() -> Vec<Credential> {
            vec![$(Credential::$kind(crate::schema::Sample::sample()),)*]
        }
    };
}

credentials! {
    UsernameAndPassword(UsernameAndPassword);
    Device(DeviceCredential);
    Attestation(AttestationCredential);
    OneTimePassword(OneTimePasswordCredential);
    HashedPassword(HashedPasswordCredential);
    Ticket(TicketCredential);
}

#[cfg(test)]
impl crate::schema::Sample for Credential {
    fn sample() -> Self {
        Self::UsernameAndPassword(crate::schema::Sample::sample())
    }
}
