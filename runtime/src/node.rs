//! How a node is configured and started.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use libp2p::Multiaddr;
use rollbook_core::PeerId;
use serde::{Deserialize, Serialize};

use crate::{error::StartError, handle::NodeHandle, identity::KeyType, reach::Reach};

/// Whom authorities let in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Admission {
    /// Whoever comes, up to the authority's share of the capacity, at a limited rate, a limited
    /// number from public addresses that begin alike.
    #[default]
    Open,
    /// Whoever is on the list, and whom an operator admits.
    AllowList,
    /// Whom an operator admits.
    Manual,
}

impl fmt::Display for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Admission::Open => "open",
            Admission::AllowList => "allow-list",
            Admission::Manual => "manual",
        })
    }
}

impl FromStr for Admission {
    type Err = UnknownAdmission;

    fn from_str(text: &str) -> Result<Admission, UnknownAdmission> {
        match text {
            "open" => Ok(Admission::Open),
            "allow-list" => Ok(Admission::AllowList),
            "manual" => Ok(Admission::Manual),
            _ => Err(UnknownAdmission),
        }
    }
}

/// The text names no admission mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the admission is `open`, `allow-list` or `manual`")]
pub struct UnknownAdmission;

/// A node of the network. It is made by [`Node::builder`] and used by its [`NodeHandle`].
#[derive(Debug)]
pub struct Node;

impl Node {
    /// Configures a node; every setting has a default.
    pub fn builder() -> NodeBuilder {
        NodeBuilder::default()
    }
}

/// The settings of a node.
#[derive(Clone, Debug)]
pub struct NodeBuilder {
    pub(crate) data_dir: PathBuf,
    pub(crate) network: String,
    pub(crate) listen: Vec<Multiaddr>,
    pub(crate) external_addresses: Vec<Multiaddr>,
    pub(crate) reach: Option<Reach>,
    pub(crate) mdns: bool,
    pub(crate) authorities: Vec<Multiaddr>,
    pub(crate) retired: Vec<PeerId>,
    pub(crate) capabilities: Vec<String>,
    pub(crate) agent: String,
    pub(crate) sync_interval: Duration,
    pub(crate) key_type: Option<KeyType>,
    pub(crate) admission: Admission,
    pub(crate) allowed: Vec<PeerId>,
    pub(crate) grant_names: Vec<String>,
    pub(crate) max_connections: u32,
    pub(crate) capacity: u32,
    pub(crate) fresh: bool,
}

impl From<Admission> for rollbook_core::Admission {
    fn from(admission: Admission) -> rollbook_core::Admission {
        match admission {
            Admission::Open => rollbook_core::Admission::Open,
            Admission::AllowList => rollbook_core::Admission::AllowList,
            Admission::Manual => rollbook_core::Admission::Manual,
        }
    }
}

impl Default for NodeBuilder {
    fn default() -> NodeBuilder {
        NodeBuilder {
            data_dir: PathBuf::from("rollbook-data"),
            network: "main".to_owned(),
            listen: default_listen_addresses(),
            external_addresses: Vec::new(),
            reach: None,
            mdns: false,
            authorities: Vec::new(),
            retired: Vec::new(),
            capabilities: Vec::new(),
            agent: concat!("rollbook/", env!("CARGO_PKG_VERSION")).to_owned(),
            sync_interval: Duration::from_secs(10),
            key_type: None,
            admission: Admission::Open,
            allowed: Vec::new(),
            grant_names: Vec::new(),
            max_connections: 1024,
            capacity: 100_000,
            fresh: false,
        }
    }
}

/// Port 7655 on all interfaces, by TCP and (where it is built in) QUIC.
fn default_listen_addresses() -> Vec<Multiaddr> {
    let texts: &[&str] = match cfg!(feature = "quic") {
        true => &["/ip4/0.0.0.0/tcp/7655", "/ip4/0.0.0.0/udp/7655/quic-v1"],
        false => &["/ip4/0.0.0.0/tcp/7655"],
    };
    texts.iter().map(|text| text.parse().expect("the defaults are addresses")).collect()
}

impl NodeBuilder {
    /// Where the node keeps its files; made if it is missing. Default: `rollbook-data` in the
    /// current directory.
    pub fn data_dir(mut self, dir: PathBuf) -> NodeBuilder {
        self.data_dir = dir;
        self
    }

    /// The network's name: 1 to 32 characters of `a-z`, `0-9` and `-`. Default: `main`.
    pub fn network(mut self, name: &str) -> NodeBuilder {
        name.clone_into(&mut self.network);
        self
    }

    /// Where to listen; port 0 takes a free one. Default: port 7655 by TCP and QUIC.
    pub fn listen(mut self, addresses: Vec<Multiaddr>) -> NodeBuilder {
        self.listen = addresses;
        self
    }

    /// How others reach this node, if not by the addresses that it listens on.
    pub fn external_addresses(mut self, addresses: Vec<Multiaddr>) -> NodeBuilder {
        self.external_addresses = addresses;
        self
    }

    /// The narrowest addresses that this node announces beside external ones, and dials where others
    /// announced them. Those of authorities are always dialled. Default: the narrowest of those that
    /// it announces anyway, which are external ones or, of those that it listens on, the ones that
    /// reach farthest.
    pub fn reach(mut self, reach: Reach) -> NodeBuilder {
        self.reach = Some(reach);
        self
    }

    /// Whether to look for nodes on the local network by mDNS, and to be found there. It needs the
    /// feature `mdns`. Default: no.
    pub fn mdns(mut self, wanted: bool) -> NodeBuilder {
        self.mdns = wanted;
        self
    }

    /// The network's authorities, each address ending in `/p2p/ID`, in the order of preference.
    /// Several addresses of one authority are allowed. Default: this node itself.
    pub fn authorities(mut self, addresses: Vec<Multiaddr>) -> NodeBuilder {
        self.authorities = addresses;
        self
    }

    /// Authorities that retired: they are nobody's home and sign nothing new, and what they signed
    /// still counts. Default: none. See [`NodeHandle::set_authorities`] for another list while the
    /// node runs.
    pub fn retired(mut self, peers: Vec<PeerId>) -> NodeBuilder {
        self.retired = peers;
        self
    }

    /// What this node can do, for others to find.
    pub fn capabilities(mut self, names: Vec<String>) -> NodeBuilder {
        self.capabilities = names;
        self
    }

    /// The software that this node says it runs. Default: `rollbook/` and the version.
    pub fn agent(mut self, agent: String) -> NodeBuilder {
        self.agent = agent;
        self
    }

    /// How often the node synchronises with its home. A shorter interval shows absence sooner and
    /// costs more messages; all nodes of a network must have the same, as leases are counted in
    /// it. Default: 10 seconds.
    pub fn sync_interval(mut self, interval: Duration) -> NodeBuilder {
        self.sync_interval = interval;
        self
    }

    /// The kind of key to make, and to insist on. Default: ed25519 for a new key, and whatever
    /// kind an existing key is.
    pub fn key_type(mut self, key_type: KeyType) -> NodeBuilder {
        self.key_type = Some(key_type);
        self
    }

    /// Whom this node lets in, if it is an authority. Default: whoever comes.
    pub fn admission(mut self, admission: Admission) -> NodeBuilder {
        self.admission = admission;
        self
    }

    /// Whom this node lets in, if it is an authority under [`Admission::AllowList`]. See
    /// [`NodeHandle::set_allowed`] for another list while it runs. Default: nobody.
    pub fn allowed(mut self, peers: Vec<PeerId>) -> NodeBuilder {
        self.allowed = peers;
        self
    }

    /// The names of the application's grants, in the order of their numbers.
    pub fn grant_names(mut self, names: Vec<String>) -> NodeBuilder {
        self.grant_names = names;
        self
    }

    /// How many connections to hold at most. An authority needs one for each member.
    /// Default: 1024.
    pub fn max_connections(mut self, count: u32) -> NodeBuilder {
        self.max_connections = count;
        self
    }

    /// How many nodes the roll may hold. Default: 100,000.
    pub fn capacity(mut self, count: u32) -> NodeBuilder {
        self.capacity = count;
        self
    }

    /// Whether the operator vouches for an authority that lost its journal, or a part of it: that it
    /// never signed anything, or that nothing of that is left anywhere. It then signs at once,
    /// instead of waiting until another replica gave back what it said. To vouch wrongly lets
    /// decisions of before come back, or new ones be ignored. Default: no.
    pub fn fresh(mut self, vouched: bool) -> NodeBuilder {
        self.fresh = vouched;
        self
    }

    /// Starts the node on the current tokio runtime. It listens and has read its journal when
    /// this returns; it joins the network in the background.
    pub async fn start(self) -> Result<NodeHandle, StartError> {
        crate::start::start(self).await
    }
}
