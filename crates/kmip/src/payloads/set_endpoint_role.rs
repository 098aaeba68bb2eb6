//! SetEndpointRole: asks the other end to be client or server from now on.

use crate::enums::EndpointRole;
use crate::schema::structure;

structure! {
    /// The request of SetEndpointRole.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, sections 6.1.54 and 6.2.5.
    SetEndpointRoleRequest {
        /// The role that the other end is to take.
        endpoint_role: EndpointRole = ENDPOINT_ROLE, V2_0..;
    }
}

structure! {
    /// The response of SetEndpointRole.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, sections 6.1.54 and 6.2.5.
    SetEndpointRoleResponse {
        /// The role that was taken.
        endpoint_role: EndpointRole = ENDPOINT_ROLE, V2_0..;
    }
}
