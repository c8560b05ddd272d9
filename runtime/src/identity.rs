//! Who this node is: a key, made once and kept.
//!
//! Invariants:
//! - a key that is there is never overwritten;
//! - a new key and the first frame of its journal are made together, and that frame is on disk
//!   first: a key without it is a node that lost its history. A crash in between leaves a journal
//!   of nobody, which the next identity's replaces.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use libp2p::identity;
use rollbook_core::{EthAddress, PeerId};
use serde::{Deserialize, Serialize};

use crate::{
    data_dir::{DataDir, OsDir},
    files,
    journal_owner::{self, Owner},
    key_file::{self, io_error},
    lock::DirLock,
};

/// The kind of a node's key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyType {
    /// The default.
    #[default]
    Ed25519,
    /// As Ethereum has: such a node has an Ethereum address.
    Secp256k1,
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyType::Ed25519 => "ed25519",
            KeyType::Secp256k1 => "secp256k1",
        })
    }
}

impl FromStr for KeyType {
    type Err = UnknownKeyType;

    fn from_str(text: &str) -> Result<KeyType, UnknownKeyType> {
        match text {
            "ed25519" => Ok(KeyType::Ed25519),
            "secp256k1" => Ok(KeyType::Secp256k1),
            _ => Err(UnknownKeyType),
        }
    }
}

/// The text names no kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key type is `ed25519` or `secp256k1`")]
pub struct UnknownKeyType;

/// Why an identity cannot be read or made. No file changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The file cannot be read or written.
    #[error("identity in {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others can read the key.
    #[error("identity key {0} can be read by others (mode {mode:03o}): run `chmod 600 {0}`",
        path.display())]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds no key that can be used.
    #[error("identity key {} is not a libp2p private key: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The key is of another kind than was asked for.
    #[error("identity key {} is of type {found}, not {wanted}: leave the key type out, or move \
        the file away to make a new identity", path.display())]
    KeyType {
        /// The file.
        path: PathBuf,
        /// Its kind.
        found: KeyType,
        /// The kind asked for.
        wanted: KeyType,
    },
    /// The text to take over is no key.
    #[error("not a hex-encoded libp2p private key: {0}")]
    Hex(String),
    /// There is another identity already.
    #[error("{} holds another identity, {found}: choose another data directory for {wanted}",
        path.display())]
    Exists {
        /// The file.
        path: PathBuf,
        /// Whose key it is.
        found: PeerId,
        /// Whose key was to be taken over.
        wanted: PeerId,
    },
    /// There is a journal, and the key that it belongs to is gone.
    #[error("{} is there, and the identity.key that it belongs to is not: restore that key, or \
        move the journal away to make a new identity", path.display())]
    JournalWithoutKey {
        /// The file.
        path: PathBuf,
    },
    /// A node runs there, so nothing may be made.
    #[error("data directory {} is in use: stop the node that runs there", path.display())]
    DirInUse {
        /// The directory.
        path: PathBuf,
    },
    /// The system gives no random numbers.
    #[error("no random numbers: {0}")]
    Random(String),
}

/// A node's key, as it lies in its data directory.
#[derive(Clone)]
pub struct Identity {
    network: identity::Keypair,
    key_type: KeyType,
    peer_id: PeerId,
    created: bool,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key itself stays out of logs.
        f.debug_struct("Identity")
            .field("peer_id", &self.peer_id)
            .field("key_type", &self.key_type)
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// Reads the identity in `data_dir`; `None` if there is none. May be called while a node runs.
    pub fn open(data_dir: &Path) -> Result<Option<Identity>, IdentityError> {
        let path = data_dir.join(files::KEY);
        let Some(bytes) = key_file::read(&path)? else { return Ok(None) };
        match Identity::from_protobuf(&bytes) {
            Ok(identity) => Ok(Some(identity)),
            Err(reason) => Err(IdentityError::Content { path, reason }),
        }
    }

    /// Reads the identity in `data_dir`, or makes one of the kind `key_type` (ed25519 if `None`).
    /// A key of another kind than was asked for is an error.
    pub fn open_or_create(
        data_dir: &Path,
        key_type: Option<KeyType>,
    ) -> Result<Identity, IdentityError> {
        if let Some(identity) = Identity::open_as(data_dir, key_type)? {
            return Ok(identity);
        }
        let _lock = lock(data_dir)?;
        Identity::open_or_create_locked(data_dir, key_type)
    }

    /// As `open_or_create`, by a caller that holds the directory's lock.
    pub(crate) fn open_or_create_locked(
        data_dir: &Path,
        key_type: Option<KeyType>,
    ) -> Result<Identity, IdentityError> {
        if let Some(identity) = Identity::open_as(data_dir, key_type)? {
            return Ok(identity);
        }
        let identity = Identity::generate(key_type.unwrap_or_default())?;
        identity.write(data_dir)?;
        Ok(Identity { created: true, ..identity })
    }

    /// Takes over a key in hex, as the Go network keeps it (the protobuf form of a libp2p private
    /// key). An identity that is there already stays: the same one is fine, another is an error.
    pub fn take_over(data_dir: &Path, hex_text: &str) -> Result<Identity, IdentityError> {
        let bytes =
            hex::decode(hex_text.trim()).map_err(|error| IdentityError::Hex(error.to_string()))?;
        let identity = Identity::from_protobuf(&bytes).map_err(IdentityError::Hex)?;
        let existing = |found: Identity| match found.peer_id == identity.peer_id {
            true => Ok(found),
            false => Err(IdentityError::Exists {
                path: data_dir.join(files::KEY),
                found: found.peer_id,
                wanted: identity.peer_id,
            }),
        };
        if let Some(found) = Identity::open(data_dir)? {
            return existing(found);
        }
        let _lock = lock(data_dir)?;
        if let Some(found) = Identity::open(data_dir)? {
            return existing(found);
        }
        identity.write(data_dir)?;
        Ok(Identity { created: true, ..identity })
    }

    /// Whose identity it is.
    pub fn peer_id(&self) -> PeerId {
        self.peer_id
    }

    /// The kind of its key.
    pub fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// The Ethereum address of a secp256k1 key.
    pub fn eth_address(&self) -> Option<EthAddress> {
        EthAddress::of(&self.peer_id)
    }

    /// Whether the call that returned this made the key.
    pub fn created(&self) -> bool {
        self.created
    }

    /// The key as libp2p has it.
    pub(crate) fn network_key(&self) -> identity::Keypair {
        self.network.clone()
    }

    /// The key as the core has it.
    pub(crate) fn core_key(&self) -> rollbook_core::Keypair {
        core_key(&self.network).expect("the key was converted when it was read")
    }

    fn open_as(
        data_dir: &Path,
        key_type: Option<KeyType>,
    ) -> Result<Option<Identity>, IdentityError> {
        let Some(identity) = Identity::open(data_dir)? else { return Ok(None) };
        match key_type {
            Some(wanted) if wanted != identity.key_type => Err(IdentityError::KeyType {
                path: data_dir.join(files::KEY),
                found: identity.key_type,
                wanted,
            }),
            _ => Ok(Some(identity)),
        }
    }

    pub(crate) fn generate(key_type: KeyType) -> Result<Identity, IdentityError> {
        // Not every 32 bytes are a secp256k1 key, but all except about 2^-128 of them.
        loop {
            let mut secret = [0u8; 32];
            getrandom::fill(&mut secret)
                .map_err(|error| IdentityError::Random(error.to_string()))?;
            let network = match key_type {
                KeyType::Ed25519 => identity::Keypair::ed25519_from_bytes(&mut secret).ok(),
                KeyType::Secp256k1 => identity::secp256k1::SecretKey::try_from_bytes(&mut secret)
                    .ok()
                    .map(|secret| identity::secp256k1::Keypair::from(secret).into()),
            };
            let identity = network.map(Identity::from_network);
            if let Some(Ok(identity)) = identity {
                return Ok(identity);
            }
        }
    }

    pub(crate) fn from_protobuf(bytes: &[u8]) -> Result<Identity, String> {
        let network =
            identity::Keypair::from_protobuf_encoding(bytes).map_err(|error| error.to_string())?;
        Identity::from_network(network)
    }

    fn from_network(network: identity::Keypair) -> Result<Identity, String> {
        let key_type = match network.key_type() {
            identity::KeyType::Ed25519 => KeyType::Ed25519,
            identity::KeyType::Secp256k1 => KeyType::Secp256k1,
            other => return Err(format!("keys of type {other} are not supported")),
        };
        let peer_id = PeerId::from_bytes(&network.public().to_peer_id().to_bytes())
            .map_err(|error| error.to_string())?;
        core_key(&network)?;
        Ok(Identity { network, key_type, peer_id, created: false })
    }

    fn write(&self, data_dir: &Path) -> Result<(), IdentityError> {
        self.write_in(&OsDir::at(data_dir), data_dir)
    }

    /// Writes journal and key in `dir`, which errors call `path`.
    pub(crate) fn write_in<D: DataDir>(&self, dir: &D, path: &Path) -> Result<(), IdentityError> {
        let journal = path.join(files::JOURNAL);
        let journal_error = |source| io_error(&journal, source);
        match journal_owner::owner(dir).map_err(journal_error)? {
            Owner::Nobody => journal_owner::begin(dir, &self.peer_id).map_err(journal_error)?,
            // Its key is back.
            Owner::Node(owner) if owner == self.peer_id => {}
            Owner::Node(_) | Owner::Unknown => {
                return Err(IdentityError::JournalWithoutKey { path: journal });
            }
        }
        let bytes = self
            .network
            .to_protobuf_encoding()
            .expect("ed25519 and secp256k1 keys have a protobuf form");
        key_file::write(dir, &bytes).map_err(|source| io_error(&path.join(files::KEY), source))
    }
}

/// The same key for the core, which signs statements with it.
fn core_key(network: &identity::Keypair) -> Result<rollbook_core::Keypair, String> {
    if let Ok(pair) = network.clone().try_into_ed25519() {
        let secret: [u8; 32] =
            pair.secret().as_ref().try_into().expect("an ed25519 secret has 32 bytes");
        return Ok(rollbook_core::Keypair::ed25519(secret));
    }
    let pair = network.clone().try_into_secp256k1().map_err(|error| error.to_string())?;
    rollbook_core::Keypair::secp256k1(pair.secret().to_bytes()).map_err(|error| error.to_string())
}

fn lock(data_dir: &Path) -> Result<DirLock, IdentityError> {
    OsDir::make(data_dir).map_err(|source| io_error(data_dir, source))?;
    match DirLock::take(data_dir) {
        Ok(Some(lock)) => Ok(lock),
        Ok(None) => Err(IdentityError::DirInUse { path: data_dir.to_owned() }),
        Err(source) => Err(io_error(&data_dir.join(files::LOCK), source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of a Go node as its `masa_oracle_key` has it, made from the secret 1.
    const HEX: &str = "08021220\
        0000000000000000000000000000000000000000000000000000000000000001";

    #[test]
    fn a_new_key_is_read_again() {
        for key_type in [KeyType::Ed25519, KeyType::Secp256k1] {
            let dir = tempfile::tempdir().expect("a temporary directory");
            assert!(Identity::open(dir.path()).expect("it is readable").is_none());
            let made = Identity::open_or_create(dir.path(), Some(key_type)).expect("it is made");
            let read = Identity::open_or_create(dir.path(), None).expect("it is read");
            assert!(made.created() && !read.created());
            assert_eq!((made.peer_id(), made.key_type()), (read.peer_id(), key_type));
            assert_eq!(read.eth_address().is_some(), key_type == KeyType::Secp256k1);
            assert!(dir.path().join(files::JOURNAL).exists());
            assert!(!dir.path().join(files::KEY_NEW).exists());
        }
    }

    #[test]
    fn both_libraries_have_the_same_key() {
        for key_type in [KeyType::Ed25519, KeyType::Secp256k1] {
            let identity = Identity::generate(key_type).expect("it is made");
            let core = rollbook_core::Signer::peer_id(&identity.core_key());
            assert_eq!(core, identity.peer_id());
            let network = identity.network_key().public().to_peer_id();
            assert_eq!(core.as_bytes(), network.to_bytes());
        }
    }

    #[test]
    fn a_key_of_another_kind_than_asked_for_is_refused() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        Identity::open_or_create(dir.path(), Some(KeyType::Secp256k1)).expect("it is made");
        let error = Identity::open_or_create(dir.path(), Some(KeyType::Ed25519));
        assert!(matches!(error, Err(IdentityError::KeyType { .. })));
    }

    #[test]
    fn a_go_key_is_taken_over_once() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let identity = Identity::take_over(dir.path(), &format!("{HEX}\n")).expect("it is a key");
        // The address of the secret 1 is well known.
        let address = identity.eth_address().expect("a secp256k1 key has one").to_string();
        assert_eq!(address, "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf");
        assert!(identity.created());
        let again = Identity::take_over(dir.path(), HEX).expect("it is the same");
        assert!(!again.created());
        let other = HEX.replace("01\n", "02").replace("0001", "0002");
        let error = Identity::take_over(dir.path(), &other).expect_err("it is another");
        assert!(matches!(error, IdentityError::Exists { .. }), "{error}");
        for text in ["", "zz", "08021220", "0801122000"] {
            let empty = tempfile::tempdir().expect("a temporary directory");
            let error = Identity::take_over(empty.path(), text).expect_err("it is no key");
            assert!(matches!(error, IdentityError::Hex(_)), "{error}");
            assert!(!empty.path().join(files::KEY).exists());
        }
    }

    #[test]
    fn nothing_is_made_where_a_node_runs() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let _lock = DirLock::take(dir.path()).expect("it opens").expect("it is free");
        let error = Identity::open_or_create(dir.path(), None).expect_err("it is in use");
        assert!(matches!(error, IdentityError::DirInUse { .. }));
    }

    #[test]
    fn an_identity_does_not_show_its_key() {
        let identity = Identity::generate(KeyType::Ed25519).expect("it is made");
        let shown = format!("{identity:?}");
        assert!(shown.contains(&identity.peer_id().to_string()), "{shown}");
        assert!(!shown.to_lowercase().contains("keypair"), "{shown}");
    }
}
