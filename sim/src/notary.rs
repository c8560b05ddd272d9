//! Keys that remember: every signature is made and checked once for the whole cluster, and what was
//! ever signed with a real key is known, honestly or not.
//!
//! Invariant: `signed` holds every message that any key of the simulation signed in its own name.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    rc::Rc,
};

use rollbook_core::{Keypair, PeerId, PublicKey, Signature, Signer, Verifier, VerifyError};
use sha2::{Digest, Sha256};

/// A hash that stands for bytes. These maps are asked and never walked, so the order of a run does
/// not depend on them.
pub(crate) type Digest16 = [u8; 16];

/// What is known of signatures.
#[derive(Debug, Default)]
pub(crate) struct Notary {
    checked: HashMap<Digest16, Result<(), VerifyError>>,
    signed: HashSet<Digest16>,
    /// Signatures that were really checked.
    pub(crate) verified: u64,
    /// Checks whose result was known.
    pub(crate) remembered: u64,
}

/// The keys of one node, and the cluster's notary.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    keys: Keypair,
    /// In whose name it signs: a forger's is not its own.
    name: PeerId,
    own: PeerId,
    /// They are not in the tracker's hands.
    are_elsewhere: bool,
    notary: Rc<RefCell<Notary>>,
}

impl Notary {
    /// Whether the key of `writer` ever signed `message`.
    pub(crate) fn has_signed(&self, writer: &PeerId, message: &[u8]) -> bool {
        self.signed.contains(&digest(&[writer.as_bytes(), message]))
    }
}

impl Keys {
    pub(crate) fn new(keys: Keypair, notary: &Rc<RefCell<Notary>>) -> Keys {
        let own = keys.peer_id();
        Keys { keys, name: own, own, are_elsewhere: false, notary: Rc::clone(notary) }
    }

    /// The same, in a tracker's hands or not.
    pub(crate) fn elsewhere(&self, are_elsewhere: bool) -> Keys {
        Keys { are_elsewhere, ..self.clone() }
    }

    /// Signs, wherever the keys are.
    pub(crate) fn really_sign(&self, message: &[u8]) -> Signature {
        // What is signed holds the writer's name: a forgery is none of that name's, and nothing
        // that anybody would take for this key's own either.
        self.notary.borrow_mut().signed.insert(digest(&[self.own.as_bytes(), message]));
        self.keys.sign(message)
    }

    /// The same key, signing in the name of somebody else.
    pub(crate) fn in_the_name_of(&self, name: PeerId) -> Keys {
        Keys { name, ..self.clone() }
    }
}

impl Signer for Keys {
    fn peer_id(&self) -> PeerId {
        self.name
    }

    fn sign(&self, message: &[u8]) -> Signature {
        if self.are_elsewhere { Signature::new() } else { self.really_sign(message) }
    }
}

impl Verifier for Keys {
    fn verify(&self, writer: &PeerId, message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        let key = digest(&[writer.as_bytes(), message, signature]);
        let mut notary = self.notary.borrow_mut();
        if let Some(known) = notary.checked.get(&key).copied() {
            notary.remembered += 1;
            return known;
        }
        let result = PublicKey::of(writer)
            .ok_or(VerifyError::UnsupportedKey)
            .and_then(|key| key.verify(message, signature));
        notary.verified += 1;
        notary.checked.insert(key, result);
        result
    }
}

/// Stands for `parts` and where each ends.
pub(crate) fn digest(parts: &[&[u8]]) -> Digest16 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut half = [0; 16];
    half.copy_from_slice(&hasher.finalize()[..16]);
    half
}
