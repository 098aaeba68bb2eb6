//! Delegated Login: asks for a ticket for a part of what the client may do.

use super::login::LeaseTime;
use super::query::ObjectGroups;
use super::query_asynchronous_requests::Operations;
use crate::attributes::UsageLimits;
use crate::message::Ticket;
use crate::schema::structure;
use crate::values::UniqueIdentifier;

structure! {
    /// The request of Delegated Login.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.12.
    DelegatedLoginRequest {
        /// How long the ticket holds.
        lease_time: Option<LeaseTime> = LEASE_TIME, V2_0..;
        /// Requests that can be made with it.
        request_count: Option<i32> = REQUEST_COUNT, V2_0..;
        /// How much may be done with it.
        usage_limits: Option<UsageLimits> = USAGE_LIMITS, V2_0..;
        /// What may be done with it.
        rights: Rights = RIGHTS, V2_0..;
    }
}

structure! {
    /// The response of Delegated Login. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.12.
    DelegatedLoginResponse {
        /// The ticket.
        ticket: Ticket = TICKET, V2_0..;
    }
}

structure! {
    /// Rights, of which one must allow what is done.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.35.
    #[derive(Clone, Debug, Default, PartialEq)]
    Rights {
        /// The rights.
        rights: Vec<Right> = RIGHT, V2_0..;
    }
}

structure! {
    /// A right: what is absent restricts nothing.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.34.
    #[derive(Clone, Debug, Default, PartialEq)]
    Right {
        /// How much may be done.
        usage_limits: Option<UsageLimits> = USAGE_LIMITS, V2_0..;
        /// The operations that may be done.
        operations: Option<Operations> = OPERATIONS, V2_0..;
        /// The objects that it may be done with.
        objects: Option<Objects> = OBJECTS, V2_0..;
        /// The groups with whose objects it may be done.
        object_groups: Option<ObjectGroups> = OBJECT_GROUPS, V2_1..;
    }
}

structure! {
    /// A list of objects.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.21.
    #[derive(Clone, Debug, Default, PartialEq)]
    Objects {
        /// Their identifiers.
        unique_identifiers: Vec<UniqueIdentifier> = UNIQUE_IDENTIFIER, V2_0..;
    }
}
