//! Set Defaults: says what new objects get where a request leaves it out.

use super::query::DefaultsInformation;
use crate::schema::structure;

structure! {
    /// The request of Set Defaults.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.53.
    #[derive(Default)]
    SetDefaultsRequest {
        /// The defaults from now on; none when absent.
        defaults_information: Option<DefaultsInformation> = DEFAULTS_INFORMATION, V2_1..;
    }
}

structure! {
    /// The response of Set Defaults: empty.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.53.
    #[derive(Default)]
    SetDefaultsResponse {}
}
