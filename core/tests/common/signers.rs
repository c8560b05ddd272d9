//! Who signs for the nodes of a cluster: they themselves, or somebody else for them.

use rollbook_core::{Keypair, SIGNATURE_SIZE_MAX, Signature, Signer, Verifier};

/// The keys of a node of a cluster.
pub(crate) trait Keys: Signer + Verifier + Clone {
    /// Those that sign as `keys` do.
    fn of(keys: Keypair) -> Self;

    /// Signs, where the tracker's own signer leaves it to others.
    fn sign_elsewhere(&self, message: &[u8]) -> Signature {
        self.sign(message)
    }
}

impl Keys for Keypair {
    fn of(keys: Keypair) -> Keypair {
        keys
    }
}

/// No message holds what stands for a signature that is not made yet.
pub(super) fn assert_signed(message: &[u8]) {
    let is_placeholder = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    assert!(!message.windows(SIGNATURE_SIZE_MAX).any(is_placeholder), "something is not signed");
}
