//! The random number generator of the process: aws-lc's and the operating system's together.

use aws_lc_rs::rand;
use keyreeve_core::{Error, ErrorKind, Result, ports::rng::Rng};
use zeroize::Zeroizing;

/// Bytes that are asked of the operating system at a time.
const CHUNK_BYTES: usize = 256;

/// Two generators, one XORed with the other. aws-lc's is a DRBG a thread, reseeded from the operating system, and new in a
/// child after `fork`. In a virtual machine that was cloned while it ran, both copies would go on with the same state
/// where neither the processor has a generator nor the system tells of it; the kernel is told by the hypervisor, or has
/// interrupts of its own. What comes out is as good as the better one.
///
/// # Standard
/// SP 800-90A section 10.2.1 (CTR_DRBG), SP 800-90C section 7 (combining).
pub(crate) struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, out: &mut [u8]) -> Result<()> {
        rand::fill(out).map_err(|_| failed())?;
        let mut fresh = Zeroizing::new([0; CHUNK_BYTES]);
        for chunk in out.chunks_mut(CHUNK_BYTES) {
            let fresh = &mut fresh[..chunk.len()];
            getrandom::fill(fresh).map_err(|_| failed())?;
            chunk.iter_mut().zip(fresh.iter()).for_each(|(byte, fresh)| *byte ^= fresh);
        }
        Ok(())
    }
}

fn failed() -> Error {
    Error::new(ErrorKind::Unavailable, "the random number generator failed; try again later")
}
