//! The random number port.

use crate::error::Result;

/// A cryptographically strong generator.
pub trait Rng: Send + Sync {
    /// Fills `out` with random bytes.
    ///
    /// # Errors
    /// `Unavailable` where the generator failed: nothing random is handed out then.
    fn fill(&self, out: &mut [u8]) -> Result<()>;
}
