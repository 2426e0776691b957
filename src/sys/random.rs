//! Randomness from the kernel: blocks at most once per boot, until the pool is seeded, and needs no state of ours.

use std::io;

/// Fills the buffer with random bytes.
///
/// # Errors
/// Only where the kernel has no `getrandom`; there is no weaker source to fall back to, and none is wanted.
pub fn fill(buffer: &mut [u8]) -> io::Result<()> {
    let mut rest = buffer;
    while !rest.is_empty() {
        // SAFETY: the pointer and the length describe `rest`, which is writable and outlives the call; the kernel
        // writes at most that many bytes and keeps no reference.
        let got = unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) };
        match usize::try_from(got) {
            Ok(got) => rest = rest.get_mut(got..).unwrap_or_default(),
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_fills_differ_and_every_byte_is_reached() {
        let (mut first, mut second) = ([0u8; 600], [0u8; 600]);
        fill(&mut first).unwrap();
        fill(&mut second).unwrap();
        assert_ne!(first, second);
        assert!(first.rchunks(32).all(|chunk| chunk.iter().any(|byte| *byte != 0)));
    }
}
