//! PKCS#11: the functions by which a client finds out what this is, C_Initialize, C_GetInfo and C_Finalize. Not here: any
//! function that uses a key, which KMIP's own operations do.
//!
//! # Standard
//! KMIP 2.1 section 6.1.37; PKCS #11 3.0 section 5.4 (general-purpose functions).

use std::collections::HashMap;

use keyreeve_core::model::{PrincipalId, RealmId, Time};
use keyreeve_kmip::enums::{Pkcs11Function, Pkcs11ReturnCode, ResultReason};
use keyreeve_kmip::payloads::pkcs11::{Pkcs11Request, Pkcs11Response};
use parking_lot::Mutex;

use super::batch::Batch;
use super::errors::Failure;

/// The name of the interface that the standard defines.
const INTERFACE: &str = "PKCS 11";

/// Major and minor version of the C functions that this answers as.
const CRYPTOKI_VERSION: [u8; 2] = [2, 40];

/// Clients that are initialised at once, of one principal and of all.
const OF_ONE_MAX: usize = 16;
const ALL_MAX: usize = 256;

/// Who does not come back for so long is forgotten.
const IDLE_MAX_MS: i64 = 10 * 60 * 1000;

/// Clients between C_Initialize and C_Finalize, by correlation value.
#[derive(Default)]
pub(super) struct Applications(Mutex<HashMap<[u8; 16], Application>>);

struct Application {
    owner: (RealmId, PrincipalId),
    latest: Time,
}

pub(super) fn pkcs11(batch: &Batch<'_>, request: &Pkcs11Request) -> Result<Pkcs11Response, Failure> {
    if request.interface.as_deref().is_some_and(|name| name != INTERFACE) {
        let message = format!("the only interface is {INTERFACE:?}");
        return Err(Failure::new(ResultReason::Pkcs11InvalidInterface, message));
    }
    if let Pkcs11Function::Unnamed(code) = request.function {
        let message = format!("PKCS #11 has no function 0x{code:08X}");
        return Err(Failure::new(ResultReason::Pkcs11InvalidFunction, message));
    }
    let applications = &batch.kmip.applications;
    let mut response = Pkcs11Response {
        interface: request.interface.clone(),
        function: request.function,
        correlation_value: None,
        output_parameters: None,
        return_code: Pkcs11ReturnCode::Ok,
    };
    let known = request.correlation_value.as_deref().and_then(|value| applications.find(batch, value));
    match (request.function, known) {
        (Pkcs11Function::Initialize, Some(_)) => {
            response.return_code = Pkcs11ReturnCode::CryptokiAlreadyInitialized;
        }
        // A byte says whether there are arguments: of threads and locks, which are the client's own.
        (Pkcs11Function::Initialize, None)
            if !matches!(request.input_parameters.as_deref(), None | Some([0 | 1])) =>
        {
            response.return_code = Pkcs11ReturnCode::ArgumentsBad;
        }
        (Pkcs11Function::Initialize, None) => response.correlation_value = Some(applications.begin(batch)?),
        (_, None) => response.return_code = Pkcs11ReturnCode::CryptokiNotInitialized,
        (Pkcs11Function::GetInfo, Some(_)) => response.output_parameters = Some(information()),
        (Pkcs11Function::Finalize, Some(value)) => {
            batch.refuse_in_rehearsal("C_Finalize")?;
            applications.0.lock().remove(&value);
        }
        _ => response.return_code = Pkcs11ReturnCode::FunctionNotSupported,
    }
    Ok(response)
}

/// CK_INFO: versions are two bytes, texts are padded with blanks, flags have 64 bits.
fn information() -> Vec<u8> {
    let text = |text: &str| format!("{text:<32}").into_bytes();
    let number = |text: &str| text.parse().unwrap_or(u8::MAX);
    let version = [number(env!("CARGO_PKG_VERSION_MAJOR")), number(env!("CARGO_PKG_VERSION_MINOR"))];
    [&CRYPTOKI_VERSION[..], &text("Keyreeve"), &[0; 8], &text("Keyreeve KMIP"), &version].concat()
}

impl Applications {
    /// Forgets who did not come back.
    pub(super) fn forget_idle(&self, now: Time) {
        self.0.lock().retain(|_, application| now.0.saturating_sub(application.latest.0) < IDLE_MAX_MS);
    }

    /// INVARIANT: a correlation value says something to its own principal alone.
    fn find(&self, batch: &Batch<'_>, value: &[u8]) -> Option<[u8; 16]> {
        let now = batch.kmip.engine.clock().now();
        self.forget_idle(now);
        let value = value.try_into().ok()?;
        let mut all = self.0.lock();
        let application = all.get_mut(&value).filter(|application| application.owner == owner(batch))?;
        application.latest = now;
        Some(value)
    }

    fn begin(&self, batch: &Batch<'_>) -> Result<Vec<u8>, Failure> {
        batch.refuse_in_rehearsal("C_Initialize")?;
        let (value, now) = (batch.kmip.random::<16>()?, batch.kmip.engine.clock().now());
        self.forget_idle(now);
        let mut all = self.0.lock();
        let own = all.values().filter(|application| application.owner == owner(batch)).count();
        if own >= OF_ONE_MAX || all.len() >= ALL_MAX {
            let message = "too many clients are initialised: end some of them with C_Finalize";
            return Err(Failure::new(ResultReason::ServerLimitExceeded, message));
        }
        all.insert(value, Application { owner: owner(batch), latest: now });
        Ok(value.to_vec())
    }
}

fn owner(batch: &Batch<'_>) -> (RealmId, PrincipalId) {
    (batch.caller.realm(), batch.caller.id())
}
