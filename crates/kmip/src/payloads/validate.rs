//! Validate: says whether a chain of certificates is valid.

use crate::enums::ValidityIndicator;
use crate::objects::Certificate;
use crate::schema::structure;
use crate::values::{DateTime, UniqueIdentifier};

structure! {
    /// The request of Validate.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.57; KMIP 1.4, section 4.24.
    #[derive(Default)]
    ValidateRequest {
        /// Certificates of the chain.
        certificates: Vec<Certificate> = CERTIFICATE, V1_0..;
        /// Further certificates of it, which lie on the server.
        unique_identifiers: Vec<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// The date on which all must be valid; now when absent.
        validity_date: Option<DateTime> = VALIDITY_DATE, V1_0..;
    }
}

structure! {
    /// The response of Validate.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.57; KMIP 1.4, section 4.24.
    ValidateResponse {
        /// Whether the chain is valid.
        validity_indicator: ValidityIndicator = VALIDITY_INDICATOR, V1_0..;
    }
}
