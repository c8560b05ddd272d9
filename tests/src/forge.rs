//! Statements that their writer did not make, put where a node keeps its own: a journal is read
//! back without checking signatures again, so that a node with such a journal offers them to
//! others.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use rollbook_core::journal::{self, Frame};
use rollbook_core::statement::{Decision, Grant, Register, StatementBytes};
use rollbook_core::{Keypair, MAX_FRAME, PeerId, Signature, Signed, Signer, Version};

/// Signs in another's name, with a key of its own.
#[derive(Debug)]
pub struct Forger {
    /// In whose name.
    pub claimed: PeerId,
    /// With which key.
    pub key: Keypair,
}

impl Signer for Forger {
    fn peer_id(&self) -> PeerId {
        self.claimed
    }

    fn sign(&self, message: &[u8]) -> Signature {
        self.key.sign(message)
    }
}

/// A decision that grants `staked` to a node, in the name of an authority that never made it, and
/// newer than all that it ever made.
pub fn forged_grant(network: &str, authority: &str, subject: &str) -> StatementBytes {
    let peer = |text: &str| -> PeerId { text.parse().expect("a peer id") };
    let forger = Forger { claimed: peer(authority), key: Keypair::ed25519([66; 32]) };
    let mut decision = Decision { issued_at: 1_700_000_000, ..Decision::default() };
    let register = Register { id: Grant::STAKED.register(), value: 1, stamp: u32::MAX / 2 };
    assert!(decision.set(register), "an empty decision has room");
    let network = network.parse().expect("a network's name");
    let version = Version { epoch: u32::MAX / 2, seq: 1 };
    Signed::sign(&network, &forger, &peer(subject), version, &decision).expect("it is small")
}

/// Adds a statement to the end of a journal.
pub fn append_statement(journal: &Path, statement: &[u8]) {
    let mut frame = [0; MAX_FRAME];
    let size = journal::encode(&Frame::Statement(statement), &mut frame).expect("it fits");
    let mut file = OpenOptions::new().append(true).open(journal).expect("there is a journal");
    file.write_all(&frame[..size]).expect("it is ours");
}
