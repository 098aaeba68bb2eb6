//! Interop: marks begin and end of an interoperability test.

use crate::enums::InteropFunction;
use crate::schema::structure;

structure! {
    /// The request of Interop.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.26.
    InteropRequest {
        /// Begin, end or reset.
        interop_function: InteropFunction = INTEROP_FUNCTION, V2_0..;
        /// Which test.
        interop_identifier: Option<String> = INTEROP_IDENTIFIER, V2_0..;
    }
}

structure! {
    /// The response of Interop.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.26.
    #[derive(Default)]
    InteropResponse {}
}
