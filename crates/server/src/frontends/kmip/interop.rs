//! Interop, Log, Ping and Set Endpoint Role: operations that touch no object.

use keyreeve_kmip::enums::{EndpointRole, InteropFunction, ResultReason};
use keyreeve_kmip::payloads::interop::{InteropRequest, InteropResponse};
use keyreeve_kmip::payloads::log::{LogRequest, LogResponse};
use keyreeve_kmip::payloads::ping::PingResponse;
use keyreeve_kmip::payloads::set_endpoint_role::{SetEndpointRoleRequest, SetEndpointRoleResponse};
use tracing::info;

use super::batch::Batch;
use super::errors::{Failure, not_supported};

/// Begin, End and Reset of a test case answer success and change nothing: a suite cleans up after itself.
pub(super) fn interop(batch: &Batch<'_>, request: &InteropRequest) -> Result<InteropResponse, Failure> {
    if !batch.kmip.settings().interop {
        return Err(not_supported("Interop, unless the configuration says kmip.interop = true,"));
    }
    match request.interop_function {
        InteropFunction::Begin | InteropFunction::End | InteropFunction::Reset => {
            Ok(InteropResponse::default())
        }
        InteropFunction::Unnamed(code) => {
            let message = format!("there is no Interop Function 0x{code:08X}");
            Err(Failure::new(ResultReason::InvalidField, message))
        }
    }
}

pub(super) fn log(batch: &Batch<'_>, request: &LogRequest) -> LogResponse {
    let message = &request.log_message;
    info!(request = %batch.caller.request, principal = batch.caller.name(), %message, "a KMIP client logs");
    LogResponse::default()
}

pub(super) fn ping() -> PingResponse {
    PingResponse::default()
}

/// This server stays one: whom it sends messages to, over connections of its own, the configuration says.
pub(super) fn set_endpoint_role(
    request: &SetEndpointRoleRequest,
) -> Result<SetEndpointRoleResponse, Failure> {
    match request.endpoint_role {
        EndpointRole::Server => Ok(SetEndpointRoleResponse { endpoint_role: EndpointRole::Server }),
        EndpointRole::Client => Err(not_supported("the endpoint role Client")),
        EndpointRole::Unnamed(code) => {
            let message = format!("there is no Endpoint Role 0x{code:08X}");
            Err(Failure::new(ResultReason::InvalidField, message))
        }
    }
}
