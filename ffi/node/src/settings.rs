//! What a node is told once, as a structure.

use core::mem::size_of;
use std::{path::PathBuf, time::Duration};

use rollbook::{Admission, KeyType, Multiaddr, Node, NodeBuilder, PeerId, Reach};
use rollbook_c::{
    ROLLBOOK_ADDRESS_SIZE_MAX, ROLLBOOK_ADDRESSES_MAX, ROLLBOOK_ADMISSION_ALLOW_LIST,
    ROLLBOOK_ADMISSION_MANUAL, ROLLBOOK_ADMISSION_OPEN, ROLLBOOK_AUTHORITIES_MAX,
    ROLLBOOK_CAPABILITIES_MAX, ROLLBOOK_E_CONFIG, ROLLBOOK_E_MALFORMED, ROLLBOOK_KEY_ED25519,
    ROLLBOOK_KEY_SECP256K1, ROLLBOOK_NETWORK_SIZE_MAX, rollbook_address_t, rollbook_announcement_t,
    rollbook_capability_t, rollbook_error_t, rollbook_peer_id_t,
};

use crate::support::{self, Answer, Code, Out, Plain};

/// The nearest addresses that a node announces, and dials where others announced them, are those of
/// its own machine.
pub const ROLLBOOK_REACH_LOOPBACK: u8 = 1;
/// The same: those of private networks.
pub const ROLLBOOK_REACH_PRIVATE: u8 = 2;
/// The same: those that everybody can reach.
pub const ROLLBOOK_REACH_PUBLIC: u8 = 3;

/// The most addresses of authorities, of which one may have several.
pub const ROLLBOOK_AUTHORITY_ADDRESSES_MAX: usize = 16;
/// How many grants mean what the application says.
pub const ROLLBOOK_APP_GRANTS: usize = 13;

const _: () = assert!(
    ROLLBOOK_APP_GRANTS
        == (rollbook_c::ROLLBOOK_GRANT_LAST - rollbook_c::ROLLBOOK_GRANT_APP + 1) as usize
);

/// An authority, and where it is reached. `rollbook_authority_parse` makes one of text.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rollbook_authority_t {
    /// Who it is.
    pub peer_id: rollbook_peer_id_t,
    /// Where it is reached; of size 0 where that is found out otherwise.
    pub address: rollbook_address_t,
}

// SAFETY: it is made of bytes alone.
unsafe impl Plain for rollbook_authority_t {}

/// What a node is told once. Zeros stand for the defaults, so a program sets the structure to zeros
/// and then what it wants otherwise.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rollbook_settings_t {
    /// How often a member asks its home for changes and renews its lease, in milliseconds; 0 for
    /// 10 seconds. All nodes of a network have the same, as leases are counted in it.
    pub interval_ms: u64,
    /// The most connections at a time; 0 for 1024. An authority needs one for each member.
    pub max_connections: u32,
    /// The most nodes that the roll holds; 0 for 100,000.
    pub capacity: u32,
    /// How many threads do the node's work, beside the one that writes the journal; 0 for one for
    /// each processor.
    pub threads: u32,
    /// Whom it lets in, if it is an authority: one of `ROLLBOOK_ADMISSION_*`. The list of
    /// `ROLLBOOK_ADMISSION_ALLOW_LIST` is set by `rollbook_runtime_set_allowed`.
    pub admission: u8,
    /// `ROLLBOOK_KEY_ED25519` or `ROLLBOOK_KEY_SECP256K1`: the kind of key to make where there is
    /// none, and to insist on; 0 for ed25519 where there is none, and whatever there is.
    pub key_kind: u8,
    /// One of `ROLLBOOK_REACH_*`; 0 for that of the addresses which it announces anyway.
    pub reach: u8,
    /// 1: looks for nodes on the local network by multicast DNS, and is found there.
    pub mdns: u8,
    /// 1: for an authority that lost its journal. Its operator vouches that nothing which it signed
    /// is left anywhere, so it signs at once. For one start.
    pub fresh: u8,
    /// The size of the network's name; 0 for the network `main`.
    pub network_size: u8,
    /// How many addresses to listen on; 0 for port 7655, by TCP and QUIC, on all interfaces.
    pub listen_count: u8,
    /// How many addresses of authorities there are; 0 for a node that is its own authority.
    pub authority_count: u8,
    /// How many retired authorities there are.
    pub retired_count: u8,
    /// How many grants of the application have a name.
    pub grant_name_count: u8,
    /// Zeros.
    pub zero: [u8; 2],
    /// The name of the network: 1 to 32 characters of `a-z`, `0-9` and `-`.
    pub network: [u8; ROLLBOOK_NETWORK_SIZE_MAX],
    /// Where to listen; port 0 takes a free one.
    pub listen: [rollbook_address_t; ROLLBOOK_ADDRESSES_MAX],
    /// The authorities in the order of preference. A node whose own peer id is among them is one.
    pub authorities: [rollbook_authority_t; ROLLBOOK_AUTHORITY_ADDRESSES_MAX],
    /// Authorities that retired: nobody's home, and what they signed still counts.
    pub retired: [rollbook_peer_id_t; ROLLBOOK_AUTHORITIES_MAX],
    /// The names of the application's grants, in the order of their numbers: the first is that of
    /// `ROLLBOOK_GRANT_APP`. They are for people; a program uses the numbers.
    pub grant_names: [rollbook_capability_t; ROLLBOOK_APP_GRANTS],
    /// What the node says of itself: how others reach it, if not by the addresses that it listens
    /// on; what it can do; the software that it runs, where the size 0 stands for this library.
    /// `extra` is not passed on by a whole node.
    pub announcement: rollbook_announcement_t,
    /// Zeros.
    pub zero_end: [u8; 7],
}

const _: () = assert!(
    size_of::<rollbook_settings_t>()
        == 8 + 3 * 4
            + 12
            + 32
            + 8 * 97
            + 16 * (48 + 97)
            + 8 * 48
            + 13 * 33
            + size_of::<rollbook_announcement_t>()
            + 7
);

// SAFETY: it is made of integers and rows of them, without padding, as is asserted.
unsafe impl Plain for rollbook_settings_t {}

/// A sentence about settings that cannot be used.
pub(crate) fn bad(why: impl core::fmt::Display) -> rollbook_error_t {
    rollbook_error_t::new(Code(ROLLBOOK_E_CONFIG), 0, why)
}

impl rollbook_settings_t {
    /// A node with these settings.
    pub(crate) fn builder(
        &self,
        data_dir: Option<PathBuf>,
    ) -> Result<NodeBuilder, rollbook_error_t> {
        if self.zero != [0; 2] || self.zero_end != [0; 7] {
            return Err(bad("what is to be zeros is not"));
        }
        let mut builder = Node::builder()
            .admission(self.admission()?)
            .mdns(switch(self.mdns, "mdns")?)
            .fresh(switch(self.fresh, "fresh")?)
            .authorities(self.authorities()?)
            .retired(self.retired()?)
            .grant_names(self.grant_names()?);
        if let Some(dir) = data_dir {
            builder = builder.data_dir(dir);
        }
        builder = self.counted(builder);
        builder = self.chosen(builder)?;
        self.said(builder)
    }

    /// The settings that are numbers.
    fn counted(&self, mut builder: NodeBuilder) -> NodeBuilder {
        if self.interval_ms > 0 {
            builder = builder.sync_interval(Duration::from_millis(self.interval_ms));
        }
        if self.max_connections > 0 {
            builder = builder.max_connections(self.max_connections);
        }
        if self.capacity > 0 {
            builder = builder.capacity(self.capacity);
        }
        builder
    }

    /// The settings that replace a default.
    fn chosen(&self, mut builder: NodeBuilder) -> Result<NodeBuilder, rollbook_error_t> {
        if self.network_size > 0 {
            let name = self.network.get(..self.network_size.into());
            let name = name.ok_or_else(|| bad("the network's name is too long"))?;
            let name = core::str::from_utf8(name);
            builder =
                builder.network(name.map_err(|_none| bad("the network's name is not UTF-8"))?);
        }
        if self.listen_count > 0 {
            let listen = self.listen.get(..self.listen_count.into());
            let listen = listen.ok_or_else(|| bad("too many addresses to listen on"))?;
            let listen: Result<_, _> = listen.iter().map(multiaddr).collect();
            builder = builder.listen(listen?);
        }
        builder = match self.reach {
            0 => builder,
            ROLLBOOK_REACH_LOOPBACK => builder.reach(Reach::Loopback),
            ROLLBOOK_REACH_PRIVATE => builder.reach(Reach::Private),
            ROLLBOOK_REACH_PUBLIC => builder.reach(Reach::Public),
            _ => return Err(bad("there is no such reach")),
        };
        Ok(match self.key_kind {
            0 => builder,
            ROLLBOOK_KEY_ED25519 => builder.key_type(KeyType::Ed25519),
            ROLLBOOK_KEY_SECP256K1 => builder.key_type(KeyType::Secp256k1),
            _ => return Err(bad("a key of a node is of ed25519 or of secp256k1")),
        })
    }

    /// What the node says of itself.
    fn said(&self, mut builder: NodeBuilder) -> Result<NodeBuilder, rollbook_error_t> {
        let said = Said::of(&self.announcement)
            .map_err(|Code(code)| rollbook_error_t::new(Code(code), 0, "what it says of itself"))?;
        if !said.agent.is_empty() {
            builder = builder.agent(said.agent);
        }
        Ok(builder.external_addresses(said.external_addresses).capabilities(said.capabilities))
    }

    fn admission(&self) -> Result<Admission, rollbook_error_t> {
        match self.admission {
            ROLLBOOK_ADMISSION_OPEN => Ok(Admission::Open),
            ROLLBOOK_ADMISSION_ALLOW_LIST => Ok(Admission::AllowList),
            ROLLBOOK_ADMISSION_MANUAL => Ok(Admission::Manual),
            _ => Err(bad("there is no such admission")),
        }
    }

    fn authorities(&self) -> Result<Vec<Multiaddr>, rollbook_error_t> {
        let listed = self.authorities.get(..self.authority_count.into());
        let listed = listed.ok_or_else(|| bad("too many addresses of authorities"))?;
        listed.iter().map(rollbook_authority_t::full).collect()
    }

    fn retired(&self) -> Result<Vec<PeerId>, rollbook_error_t> {
        let listed = self.retired.get(..self.retired_count.into());
        let listed = listed.ok_or_else(|| bad("too many retired authorities"))?;
        listed
            .iter()
            .map(|peer| peer.read().map_err(|_none| bad("a retired one is nobody")))
            .collect()
    }

    fn grant_names(&self) -> Result<Vec<String>, rollbook_error_t> {
        let listed = self.grant_names.get(..self.grant_name_count.into());
        let listed = listed.ok_or_else(|| bad("too many names of grants"))?;
        let text = |name: &rollbook_capability_t| {
            let bytes = name.name.get(..name.size.into())?;
            core::str::from_utf8(bytes).ok().map(str::to_owned)
        };
        listed.iter().map(|name| text(name).ok_or_else(|| bad("a grant's name is none"))).collect()
    }
}

impl rollbook_authority_t {
    /// Its address with its peer id behind it.
    pub(crate) fn full(&self) -> Result<Multiaddr, rollbook_error_t> {
        let peer = self.peer_id.read().map_err(|_none| bad("an authority has no peer id"))?;
        let address = match self.address.size {
            0 => Multiaddr::empty(),
            _ => multiaddr(&self.address)?,
        };
        let full = format!("{address}/p2p/{peer}");
        full.parse().map_err(|why| bad(format_args!("{full}: {why}")))
    }
}

/// What a node is to say of itself, in the runtime's terms.
pub(crate) struct Said {
    pub(crate) external_addresses: Vec<Multiaddr>,
    pub(crate) capabilities: Vec<String>,
    pub(crate) agent: String,
}

impl Said {
    pub(crate) fn of(said: &rollbook_announcement_t) -> Answer<Said> {
        if said.extra_size != 0 {
            return Err(Code(rollbook_c::ROLLBOOK_E_UNSUPPORTED));
        }
        let mut addresses = [&[][..]; ROLLBOOK_ADDRESSES_MAX];
        let mut names = [""; ROLLBOOK_CAPABILITIES_MAX];
        let fields = support::fields(said, &mut addresses, &mut names)?;
        let addresses = fields.addresses.iter().map(|bytes| Multiaddr::try_from(bytes.to_vec()));
        let addresses: Result<Vec<_>, _> = addresses.collect();
        Ok(Said {
            external_addresses: addresses
                .map_err(|_malformed| Code(rollbook_c::ROLLBOOK_E_ARGUMENT))?,
            capabilities: fields.capabilities.iter().map(|name| (*name).to_owned()).collect(),
            agent: fields.agent.to_owned(),
        })
    }
}

fn multiaddr(address: &rollbook_address_t) -> Result<Multiaddr, rollbook_error_t> {
    let bytes = address.bytes.get(..address.size.into()).unwrap_or_default();
    match Multiaddr::try_from(bytes.to_vec()) {
        Ok(address) if !address.is_empty() => Ok(address),
        _ => Err(bad("an address is none")),
    }
}

fn switch(value: u8, name: &str) -> Result<bool, rollbook_error_t> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(bad(format_args!("{name} is 0 or 1"))),
    }
}

/// Reads an authority as text: its address, ending in `/p2p/ID`.
///
/// @param error takes what is wrong; may be NULL
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UTF8`, `ROLLBOOK_E_MALFORMED`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_authority_parse(
    text: *const u8,
    text_size: usize,
    authority: *mut rollbook_authority_t,
    error: *mut rollbook_error_t,
) -> i32 {
    support::guard(|| {
        // SAFETY: the caller's pointers, as described.
        let (text, mut out, mut error) =
            unsafe { (support::text(text, text_size)?, Out::new(authority)?, Out::wanted(error)?) };
        let read = parse_authority(text).map_err(|(offset, why)| {
            let code = Code(ROLLBOOK_E_MALFORMED);
            if let Some(error) = &mut error {
                error.put(rollbook_error_t::new(code, u32::try_from(offset).unwrap_or(0), why));
            }
            code
        })?;
        out.put(read);
        Ok(())
    })
}

/// An authority; or where its text is wrong, and what.
fn parse_authority(text: &str) -> Result<rollbook_authority_t, (usize, String)> {
    let without = || (text.len(), "it must end in /p2p/ID, the authority's peer id".to_owned());
    let (address, peer) = text.rsplit_once("/p2p/").ok_or_else(without)?;
    let after = address.len() + "/p2p/".len();
    let peer: PeerId = peer.parse().map_err(|why| (after, format!("{peer}: {why}")))?;
    let parsed: Multiaddr = match address {
        "" => Multiaddr::empty(),
        address => address.parse().map_err(|why| (0, format!("{address}: {why}")))?,
    };
    let mut bytes = [0; ROLLBOOK_ADDRESS_SIZE_MAX];
    let parsed = parsed.to_vec();
    let place = bytes.get_mut(..parsed.len()).ok_or((0, "the address is too long".to_owned()))?;
    place.copy_from_slice(&parsed);
    let size = u8::try_from(parsed.len()).unwrap_or_default();
    Ok(rollbook_authority_t {
        peer_id: (&peer).into(),
        address: rollbook_address_t { size, bytes },
    })
}
