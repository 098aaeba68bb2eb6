//! Logout: ends a ticket.

use crate::message::Ticket;
use crate::schema::structure;

structure! {
    /// The request of Logout. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.31.
    LogoutRequest {
        /// The ticket that is to prove nothing any more.
        ticket: Ticket = TICKET, V2_0..;
    }
}

structure! {
    /// The response of Logout.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.31.
    #[derive(Default)]
    LogoutResponse {}
}
