//! The random number generator of the process: aws-lc's, seeded by the operating system.

use aws_lc_rs::rand;
use keyreeve_core::{Error, ErrorKind, Result, ports::rng::Rng};

/// aws-lc's generator: one DRBG a thread, reseeded from the operating system.
///
/// # Standard
/// SP 800-90A section 10.2.1 (CTR_DRBG).
pub(crate) struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, out: &mut [u8]) -> Result<()> {
        rand::fill(out).map_err(|_| {
            Error::new(ErrorKind::Unavailable, "the random number generator failed; try again later")
        })
    }
}
