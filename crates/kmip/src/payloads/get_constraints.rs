//! Get Constraints: tells what new objects must be like.

use super::set_constraints::Constraints;
use crate::schema::structure;

structure! {
    /// The request of Get Constraints: empty.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.22.
    #[derive(Default)]
    GetConstraintsRequest {}
}

structure! {
    /// The response of Get Constraints.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.22.
    #[derive(Default)]
    GetConstraintsResponse {
        /// The constraints.
        constraints: Constraints = CONSTRAINTS, V2_1..;
    }
}
