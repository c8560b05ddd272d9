//! Who makes the statements of the vectors: keys of fixed seeds.

use rollbook_core::{Hint, Keypair, Network, PeerId, PublicKey, Signer};
use serde::{Deserialize, Serialize};

use crate::golden::Hex;

/// The network of all vectors.
pub(crate) const NETWORK: &str = "main";

pub(crate) fn network() -> Network {
    NETWORK.parse().expect("a network's name")
}

/// The nodes of the vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// A member with an ed25519 key.
    Node,
    /// A member with a secp256k1 key.
    EthereumNode,
    /// An authority with an ed25519 key.
    FirstAuthority,
    /// An authority with a secp256k1 key.
    SecondAuthority,
    /// A node that nobody vouches for, with an ed25519 key.
    Stranger,
}

impl Who {
    pub(crate) const ALL: [Who; 5] =
        [Who::Node, Who::EthereumNode, Who::FirstAuthority, Who::SecondAuthority, Who::Stranger];

    fn name(self) -> &'static str {
        match self {
            Who::Node => "node",
            Who::EthereumNode => "ethereum-node",
            Who::FirstAuthority => "first-authority",
            Who::SecondAuthority => "second-authority",
            Who::Stranger => "stranger",
        }
    }

    fn secret(self) -> [u8; 32] {
        let byte = match self {
            Who::Node => 1,
            Who::FirstAuthority => 2,
            Who::SecondAuthority => 3,
            Who::Stranger => 4,
            Who::EthereumNode => 5,
        };
        [byte; 32]
    }

    fn is_secp256k1(self) -> bool {
        matches!(self, Who::EthereumNode | Who::SecondAuthority)
    }

    pub(crate) fn keys(self) -> Keypair {
        if self.is_secp256k1() {
            Keypair::secp256k1(self.secret()).expect("a scalar below the order")
        } else {
            Keypair::ed25519(self.secret())
        }
    }

    pub(crate) fn peer_id(self) -> PeerId {
        self.keys().peer_id()
    }

    pub(crate) fn hint(self) -> Hint {
        self.peer_id().hint()
    }

    /// The one of that peer id.
    pub(crate) fn of(peer_id: &str) -> Who {
        Who::ALL
            .into_iter()
            .find(|who| who.peer_id().to_string() == peer_id)
            .expect("only nodes of the vectors sign")
    }
}

/// A key, as the files state it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyVector {
    pub(crate) name: String,
    /// `ed25519` or `secp256k1`.
    pub(crate) key_type: String,
    /// The seed of an ed25519 key, the scalar of a secp256k1 key.
    pub(crate) secret: Hex,
    pub(crate) public_key: Hex,
    pub(crate) peer_id: String,
    pub(crate) hint: Hex,
}

/// All keys.
pub(crate) fn keys() -> Vec<KeyVector> {
    Who::ALL
        .into_iter()
        .map(|who| {
            let (key_type, public_key) = match who.keys().public_key() {
                PublicKey::Ed25519(key) => ("ed25519", Hex::of(&key)),
                PublicKey::Secp256k1(key) => ("secp256k1", Hex::of(&key)),
                _ => unreachable!("there are two kinds of keys"),
            };
            KeyVector {
                name: who.name().to_owned(),
                key_type: key_type.to_owned(),
                secret: Hex::of(&who.secret()),
                public_key,
                peer_id: who.peer_id().to_string(),
                hint: Hex::of(&who.hint().0),
            }
        })
        .collect()
}
