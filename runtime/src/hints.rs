//! Where imported nodes were once reached: for this node to dial, and for nobody else to know.
//!
//! Invariant: bounded in nodes and in addresses of each.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::Path,
};

use libp2p::Multiaddr;
use rollbook_core::{PeerId, limits::ADDRESSES_MAX};
use tracing::warn;

use crate::{addresses::split_peer_id, files};

/// Nodes with hints.
const NODES_MAX: usize = 10_000;
/// Eight addresses of 10,000 nodes, generously.
const FILE_SIZE_MAX: u64 = 16 * 1024 * 1024;

/// Addresses by node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hints(BTreeMap<PeerId, Vec<Multiaddr>>);

impl Hints {
    /// Reads the file of an earlier run. Hints are a convenience: a file that cannot be used is
    /// left alone and said to be so.
    pub(crate) fn load(dir: &Path) -> Hints {
        let path = dir.join(files::HINTS);
        match read(&path) {
            Ok(hints) => hints,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Hints::default(),
            Err(error) => {
                warn!(path = %path.display(), %error, "dial hints not read");
                Hints::default()
            }
        }
    }

    /// Adds what an import said of a node; texts that are no addresses are passed over. Says
    /// whether that is new.
    pub(crate) fn add(&mut self, peer: &PeerId, addresses: &[String]) -> bool {
        let addresses: Vec<Multiaddr> =
            addresses.iter().filter_map(|text| text.parse().ok()).collect();
        self.insert(peer, addresses)
    }

    /// The addresses of one node.
    pub(crate) fn of(&self, peer: &PeerId) -> &[Multiaddr] {
        self.0.get(peer).map_or(&[], Vec::as_slice)
    }

    /// The nodes with hints.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PeerId, &[Multiaddr])> {
        self.0.iter().map(|(peer, addresses)| (peer, addresses.as_slice()))
    }

    /// The file's content.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let texts: BTreeMap<String, &[Multiaddr]> =
            self.iter().map(|(peer, addresses)| (peer.to_string(), addresses)).collect();
        serde_json::to_vec(&texts).expect("texts have a JSON form")
    }

    fn insert(&mut self, peer: &PeerId, addresses: Vec<Multiaddr>) -> bool {
        let mut bare: Vec<Multiaddr> =
            addresses.into_iter().map(|address| split_peer_id(address).0).collect();
        bare.retain(|address| !address.is_empty());
        bare.truncate(ADDRESSES_MAX);
        let full = self.0.len() >= NODES_MAX && !self.0.contains_key(peer);
        if bare.is_empty() || full || self.0.get(peer) == Some(&bare) {
            return false;
        }
        self.0.insert(*peer, bare);
        true
    }
}

fn read(path: &Path) -> io::Result<Hints> {
    if fs::metadata(path)?.len() > FILE_SIZE_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too large"));
    }
    let texts: BTreeMap<String, Vec<String>> = serde_json::from_slice(&fs::read(path)?)?;
    let mut hints = Hints::default();
    for (peer, addresses) in texts {
        if let Ok(peer) = peer.parse() {
            hints.add(&peer, &addresses);
        }
    }
    Ok(hints)
}

/// Replaces the file as a whole.
pub(crate) fn write(dir: &Path, json: &[u8]) -> io::Result<()> {
    let new = dir.join(files::HINTS_NEW);
    let mut file = fs::File::create(&new)?;
    file.write_all(json)?;
    file.sync_all()?;
    fs::rename(&new, dir.join(files::HINTS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

    #[test]
    fn hints_outlive_a_restart() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let peer: PeerId = PEER.parse().expect("it is a peer id");
        let mut hints = Hints::load(dir.path());
        let texts = ["no address".to_owned(), format!("/ip4/1.2.3.4/tcp/5/p2p/{PEER}")];
        assert!(hints.add(&peer, &texts));
        assert!(!hints.add(&peer, &texts));
        assert!(!hints.add(&peer, &[]));
        write(dir.path(), &hints.to_json()).expect("it is written");
        let loaded = Hints::load(dir.path());
        assert_eq!(loaded, hints);
        let addresses: Vec<String> =
            loaded.iter().flat_map(|(_, addresses)| addresses).map(Multiaddr::to_string).collect();
        assert_eq!(addresses, ["/ip4/1.2.3.4/tcp/5"]);
    }

    #[test]
    fn a_damaged_file_gives_no_hints() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::write(dir.path().join(files::HINTS), b"{\"x").expect("it is written");
        assert_eq!(Hints::load(dir.path()), Hints::default());
    }
}
