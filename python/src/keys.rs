//! Keys, peer ids, signatures and addresses.

use pyo3::{prelude::*, types::PyBytes};
use rollbook::Multiaddr;
use rollbook_core::{EthAddress, PeerId, PublicKey, Signer as _, Verifier as _};

use crate::{
    bytes::Octets,
    error::{Failure, guarded},
};

/// A key of 32 secret bytes.
const SECRET_SIZE: usize = 32;
/// Heads of libp2p's protobuf form of a private key: the kind, and the size of what follows.
const ED25519_HEAD: [u8; 4] = [0x08, 0x01, 0x12, 0x40];
const ED25519_REDUNDANT_HEAD: [u8; 4] = [0x08, 0x01, 0x12, 0x60];
const SECP256K1_HEAD: [u8; 4] = [0x08, 0x02, 0x12, 0x20];

/// Reads a peer id.
pub(crate) fn peer(text: &str) -> Result<PeerId, Failure> {
    Ok(text.parse::<PeerId>()?)
}

/// Reads several.
pub(crate) fn peers(texts: &[String]) -> Result<Vec<PeerId>, Failure> {
    texts.iter().map(|text| peer(text)).collect()
}

/// Reads an address in its text form.
pub(crate) fn multiaddr(text: &str) -> Result<Multiaddr, Failure> {
    text.parse()
        .map_err(|error| Failure::new("ARGUMENT", "Address", format!("address {text:?}: {error}")))
}

/// Reads several.
pub(crate) fn multiaddrs(texts: &[String]) -> Result<Vec<Multiaddr>, Failure> {
    texts.iter().map(|text| multiaddr(text)).collect()
}

/// The secret key of a node. It shows its peer id only, and is not pickled.
#[pyclass(frozen, module = "rollbook")]
pub(crate) struct Keypair {
    pub(crate) keys: rollbook_core::Keypair,
    secret: [u8; SECRET_SIZE],
}

impl Keypair {
    fn ed25519_of(secret: [u8; SECRET_SIZE]) -> Keypair {
        Keypair { keys: rollbook_core::Keypair::ed25519(secret), secret }
    }

    fn secp256k1_of(secret: [u8; SECRET_SIZE]) -> Result<Keypair, Failure> {
        Ok(Keypair { keys: rollbook_core::Keypair::secp256k1(secret)?, secret })
    }

    fn is_ed25519(&self) -> bool {
        matches!(self.keys, rollbook_core::Keypair::Ed25519(_))
    }

    fn public_bytes(&self) -> Vec<u8> {
        key_parts(&self.keys.public_key()).1
    }
}

#[pymethods]
impl Keypair {
    /// A new key of random bytes of the system.
    #[staticmethod]
    #[pyo3(signature = (key_type = "ed25519"))]
    fn generate(key_type: &str) -> PyResult<Keypair> {
        guarded(|| {
            let mut secret = [0; SECRET_SIZE];
            let fill = getrandom::fill(&mut secret);
            fill.map_err(|error| {
                Failure::new("IO", "Random", format!("no random numbers: {error}"))
            })?;
            match key_type {
                "ed25519" => Ok(Keypair::ed25519_of(secret)),
                // About one scalar in 2^128 is none.
                "secp256k1" => Ok(Keypair::secp256k1_of(secret)?),
                _ => Err(Failure::argument("the key type is `ed25519` or `secp256k1`").into()),
            }
        })
    }

    /// The ed25519 key of a seed of 32 bytes (RFC 8032).
    #[staticmethod]
    fn ed25519(seed: Octets) -> PyResult<Keypair> {
        guarded(|| Ok(Keypair::ed25519_of(secret(&seed)?)))
    }

    /// The secp256k1 key of a scalar of 32 bytes.
    #[staticmethod]
    fn secp256k1(scalar: Octets) -> PyResult<Keypair> {
        guarded(|| Ok(Keypair::secp256k1_of(secret(&scalar)?)?))
    }

    /// A private key in libp2p's protobuf form, as `identity.key` holds it.
    #[staticmethod]
    fn from_protobuf(data: Octets) -> PyResult<Keypair> {
        guarded(|| Ok(of_protobuf(&data)?))
    }

    /// The private key in libp2p's protobuf form.
    fn to_protobuf<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes = match self.is_ed25519() {
            true => [&ED25519_HEAD[..], &self.secret, &self.public_bytes()].concat(),
            false => [&SECP256K1_HEAD[..], &self.secret].concat(),
        };
        PyBytes::new(py, &bytes)
    }

    /// Whose key it is.
    #[getter]
    fn peer_id(&self) -> String {
        self.keys.peer_id().to_string()
    }

    /// `ed25519` or `secp256k1`.
    #[getter]
    fn key_type(&self) -> &'static str {
        key_parts(&self.keys.public_key()).0
    }

    /// The public half: 32 bytes of an ed25519 key, 33 of a secp256k1 key.
    #[getter]
    fn public_key<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.public_bytes())
    }

    /// Signs a message.
    fn sign<'py>(&self, py: Python<'py>, message: Octets) -> PyResult<Bound<'py, PyBytes>> {
        let signature = guarded(|| Ok(py.detach(|| self.keys.sign(&message))))?;
        Ok(PyBytes::new(py, &signature))
    }

    fn __repr__(&self) -> String {
        format!("Keypair({:?})", self.peer_id())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Keypair>().is_ok_and(|other| other.get().keys.peer_id() == self.keys.peer_id())
    }

    fn __hash__(&self) -> u64 {
        self.keys.peer_id().order_key()
    }
}

fn secret(bytes: &[u8]) -> Result<[u8; SECRET_SIZE], Failure> {
    bytes.try_into().map_err(|_size| {
        let message = format!("a secret key has {SECRET_SIZE} bytes, not {}", bytes.len());
        Failure::new("KEY", "Size", message)
    })
}

/// Reads libp2p's protobuf form. Old programs wrote the public half of an ed25519 key twice.
fn of_protobuf(data: &[u8]) -> Result<Keypair, Failure> {
    let refused = |message: &str| Failure::new("KEY", "Protobuf", message);
    if let Some(rest) = data.strip_prefix(&SECP256K1_HEAD) {
        return Keypair::secp256k1_of(secret(rest)?);
    }
    let rest = match (data.strip_prefix(&ED25519_HEAD), data.strip_prefix(&ED25519_REDUNDANT_HEAD))
    {
        (Some(rest), _) if rest.len() == 64 => rest,
        (_, Some(rest)) if rest.len() == 96 && rest[32..64] == rest[64..] => &rest[..64],
        _ => return Err(refused("not a libp2p private key of ed25519 or secp256k1")),
    };
    let keypair = Keypair::ed25519_of(secret(&rest[..SECRET_SIZE])?);
    match keypair.public_bytes() == rest[SECRET_SIZE..] {
        true => Ok(keypair),
        false => Err(refused("the public half does not belong to the secret one")),
    }
}

fn key_parts(key: &PublicKey) -> (&'static str, Vec<u8>) {
    match key {
        PublicKey::Ed25519(bytes) => ("ed25519", bytes.to_vec()),
        PublicKey::Secp256k1(bytes) => ("secp256k1", bytes.to_vec()),
        _ => ("other", Vec::new()),
    }
}

/// The bytes of a peer id: its multihash.
#[pyfunction]
pub(crate) fn peer_id_to_bytes<'py>(
    py: Python<'py>,
    peer_id: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, peer(peer_id)?.as_bytes()))
}

/// The text of a peer id's bytes.
#[pyfunction]
pub(crate) fn peer_id_from_bytes(data: Octets) -> PyResult<String> {
    let peer_id = PeerId::from_bytes(&data).map_err(Failure::from)?;
    Ok(peer_id.to_string())
}

/// The kind and the bytes of the key in a peer id; nothing where it holds none that is known.
#[pyfunction]
pub(crate) fn public_key_of<'py>(
    py: Python<'py>,
    peer_id: &str,
) -> PyResult<Option<(&'static str, Bound<'py, PyBytes>)>> {
    let key = PublicKey::of(&peer(peer_id)?);
    Ok(key.map(|key| {
        let (kind, bytes) = key_parts(&key);
        (kind, PyBytes::new(py, &bytes))
    }))
}

/// The peer id of a public key, if signatures may count under it.
#[pyfunction]
pub(crate) fn peer_id_of_key(key_type: &str, public_key: Octets) -> PyResult<String> {
    guarded(|| {
        let size = |_size| Failure::new("KEY", "Size", "the key has not the size of its kind");
        let key = match key_type {
            "ed25519" => PublicKey::Ed25519(public_key[..].try_into().map_err(size)?),
            "secp256k1" => PublicKey::Secp256k1(public_key[..].try_into().map_err(size)?),
            _ => return Err(Failure::argument("the key type is `ed25519` or `secp256k1`").into()),
        };
        key.check().map_err(Failure::from)?;
        Ok(key.peer_id().to_string())
    })
}

/// The Ethereum address of a secp256k1 peer id, with its checksum; nothing for others.
#[pyfunction]
pub(crate) fn eth_address(peer_id: &str) -> PyResult<Option<String>> {
    let peer_id = peer(peer_id)?;
    guarded(|| Ok(EthAddress::of(&peer_id).map(|address| address.to_string())))
}

/// The 4 bytes that stand for a peer id as a writer of statements.
#[pyfunction]
pub(crate) fn writer_hint<'py>(py: Python<'py>, peer_id: &str) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &peer(peer_id)?.hint().0))
}

/// Checks that a signature over a message is that of a peer id; raises if it is not.
#[pyfunction]
pub(crate) fn verify(
    py: Python<'_>,
    peer_id: &str,
    message: Octets,
    signature: Octets,
) -> PyResult<()> {
    let peer_id = peer(peer_id)?;
    let checked = guarded(|| {
        // The keys of the one who checks do not matter.
        let verifier = rollbook_core::Keypair::ed25519([0; SECRET_SIZE]);
        Ok(py.detach(|| verifier.verify(&peer_id, &message, &signature)))
    })?;
    Ok(checked.map_err(Failure::from)?)
}

/// The bytes of an address.
#[pyfunction]
pub(crate) fn multiaddr_to_bytes<'py>(
    py: Python<'py>,
    address: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &multiaddr(address)?.to_vec()))
}

/// The text of an address's bytes.
#[pyfunction]
pub(crate) fn multiaddr_from_bytes(data: Octets) -> PyResult<String> {
    let address = Multiaddr::try_from(data.0);
    let refused = |error| Failure::new("ARGUMENT", "Address", format!("not an address: {error}"));
    Ok(address.map_err(refused)?.to_string())
}

/// Whether an address names the node that the address of a central authority names.
#[pyfunction]
pub(crate) fn is_central_authority(node_address: &str, authority_address: &str) -> PyResult<bool> {
    let (node, authority) = (multiaddr(node_address)?, multiaddr(authority_address)?);
    guarded(|| Ok(rollbook_core::is_central_authority(&node.to_vec(), &authority.to_vec())))
}
