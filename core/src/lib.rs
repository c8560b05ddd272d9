#![no_std]
#![forbid(unsafe_code)]
//! The roll of a peer-to-peer network as a state machine.

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(feature = "secp256k1")]
mod ethereum;
mod key;
mod peer_id;

#[cfg(feature = "secp256k1")]
pub use ethereum::EthAddress;
pub use key::{
    Keypair, PublicKey, SIGNATURE_SIZE_MAX, Signature, Signer, Verifier, VerifyError,
};
pub use peer_id::{Hint, PEER_ID_SIZE_MAX, PEER_ID_TEXT_MAX, PeerId, PeerIdError};
