//! Every bound on what comes from outside, in one place, tied together at compile time.

use crate::bucket::Rate;

/// Addresses in one announcement.
pub const ADDRESSES_MAX: usize = 8;
/// Bytes of one binary multiaddr.
pub const ADDRESS_SIZE_MAX: usize = 96;
/// Bytes of the agent text.
pub const AGENT_SIZE_MAX: usize = 48;
/// Capabilities in one announcement.
pub const CAPABILITIES_MAX: usize = 12;
/// Bytes of one capability's name.
pub const CAPABILITY_SIZE_MAX: usize = 32;
/// Bytes of the opaque payload in an announcement.
pub const EXTRA_SIZE_MAX: usize = 64;
/// Decided registers in one decision: the standing and fifteen grants.
pub const REGISTERS_MAX: usize = 16;
/// Tallies in one presence.
pub const TALLIES_MAX: usize = 8;
/// Configured authorities, retired ones included.
pub const AUTHORITIES_MAX: usize = 8;
/// Bytes of a list of authorities, as it travels: each peer id after its size.
pub(crate) const AUTHORITIES_SIZE_MAX: usize =
    AUTHORITIES_MAX * (1 + crate::peer_id::PEER_ID_SIZE_MAX);
/// Bytes of a network's name.
pub const NETWORK_SIZE_MAX: usize = 32;
/// Entries of one batch of observations. With the totals that they come to, they fit one journal
/// frame: a batch is counted whole or not at all.
pub const OBSERVATIONS_MAX: usize = 10;
/// Bytes of one observation: the subject and its size, the counter, the count, the time.
pub const OBSERVATION_SIZE_MAX: usize = 1 + crate::peer_id::PEER_ID_SIZE_MAX + 1 + 5 + 10;
/// What all counts of one batch come to at most: what an observer can say in an interval, in the
/// long run. What is over it is not counted.
pub const BATCH_COUNT_MAX: u32 = 10_000;

/// Bytes of one statement's payload, as signed.
pub const PAYLOAD_SIZE_MAX: usize = 640;
/// Bytes of one signed statement on the wire: two lengths, payload, signature.
pub const STATEMENT_SIZE_MAX: usize = 2 + PAYLOAD_SIZE_MAX + 1 + crate::key::SIGNATURE_SIZE_MAX;
/// Bytes of one gossip message.
pub const GOSSIP_SIZE_MAX: usize = 4 * 1024;
/// Bytes of a request to a peer whose hello was not heard yet.
pub const REQUEST_SIZE_MAX: usize = 8 * 1024;
/// Bytes of a message of synchronisation that everybody takes. A hello may say more.
pub const RESPONSE_SIZE_MAX: usize = 16 * 1024;
/// Bytes of a message of synchronisation, whatever a hello says.
pub const MESSAGE_SIZE_MAX: usize = 1024 * 1024;
/// Bytes of one journal frame with checksum, stuffing and delimiter.
pub const FRAME_SIZE_MAX: usize = 1024;
/// Bytes of what is signed: the domain, the payload type, the writer and the payload.
pub const SIGNING_SIZE_MAX: usize = PAYLOAD_SIZE_MAX + 192;

/// Signatures that are checked on behalf of one connected peer and turn out to be of no use. Some
/// 60 us each: an idle peer may waste 15 ms at once, and 0.2 % of a core for ever. Honest peers
/// waste none but where statements cross.
pub(crate) const VERIFICATIONS: Rate = Rate::new(256, 1_000_000 / 32);
/// As many of them as there are when a peer connects, so that connecting again, under whichever
/// name, costs who does it about as much as it buys.
pub(crate) const VERIFICATIONS_AT_FIRST: u64 = 32;
/// Announcements of one node that are taken from gossip. A start takes two or three, and a change
/// of home or addresses one; whoever says more is heard by synchronisation.
pub(crate) const ANNOUNCEMENTS: Rate = Rate::new(8, 10_000_000);
/// What one authority says by gossip: of every node of the network four times at once, and once in
/// each interval.
pub(crate) const fn authority_rate(capacity: u64, interval_ms: u64) -> Rate {
    let period_us = match (interval_ms * 1000).checked_div(capacity) {
        Some(period_us) if period_us > 0 => period_us,
        _ => 1,
    };
    Rate::new(4 * capacity, period_us)
}

/// New nodes that one authority vouches for by itself, with open admission. Each is signed, brought
/// to disk and told to everybody: a network of a thousand comes up at once, and a flood adds one
/// statement of 150 bytes with its announcement in 100 ms to what a member reads.
pub(crate) const NEWCOMERS: Rate = Rate::new(1_024, 100_000);
/// Of these: those whose addresses begin alike. So many at once, and as many again in a day: an
/// eighth of an authority's places, and no more than a /24 has addresses.
pub(crate) const fn newcomers_alike(places: u64) -> Rate {
    const DAY_US: u64 = 24 * 60 * 60 * 1_000_000;
    let alike = match places / 8 {
        0 => 1,
        alike if alike > 256 => 256,
        alike => alike,
    };
    Rate::new(alike, DAY_US / alike)
}
/// Address prefixes that an authority counts new nodes of. Where there are more, the one of which
/// the least came gives way.
pub(crate) const PREFIXES_MAX: usize = 4_096;

/// Batches of one observer: four at once, as after a time without an answer, and one in each
/// interval.
pub(crate) const fn batch_rate(interval_ms: u64) -> Rate {
    Rate::new(4, interval_ms * 1000)
}

/// Counters of nodes that an observer remembers until they are acknowledged.
pub(crate) const OBSERVATIONS_WAITING_MAX: usize = 1024;
/// Sessions of one observer that an authority remembers: two machines with one key take turns.
pub(crate) const SESSIONS_PER_OBSERVER: usize = 2;
/// Bytes of one total in a journal frame: an observation with a longer count.
pub(crate) const TOTAL_SIZE_MAX: usize = OBSERVATION_SIZE_MAX + 5;
/// Room among a node's statements for a presence with all tallies: where there is less, a
/// transition is issued without them.
pub(crate) const TALLIES_ROOM: usize = 400;

/// Of the places for nodes that wait, those for nodes that are not connected: one of so many.
pub(crate) const WAITING_INTRODUCED: usize = 2;
/// Of the places for nodes that wait, those for nodes that one peer introduced: one of so many, and
/// at least one.
pub(crate) const WAITING_BY_ONE: usize = 16;

// One node's statements fit a gossip message, so a first vouching can travel with what it is
// about; a statement fits a frame after COBS has added a byte per 254.
const _: () = assert!(3 * STATEMENT_SIZE_MAX + 16 <= GOSSIP_SIZE_MAX);
const _: () = assert!(STATEMENT_SIZE_MAX + STATEMENT_SIZE_MAX / 254 + 16 <= FRAME_SIZE_MAX);
// A node's statements fit one page of a response beside its header and a list of authorities.
const _: () = assert!(
    (1 + 2 * AUTHORITIES_MAX) * STATEMENT_SIZE_MAX
        + crate::message::HEADER_SIZE_MAX
        + AUTHORITIES_SIZE_MAX
        <= RESPONSE_SIZE_MAX
);
// A batch with its totals fits a frame beside the observer, its session and the number.
const _: () = assert!(
    OBSERVATIONS_MAX * TOTAL_SIZE_MAX + 1 + (1 + crate::peer_id::PEER_ID_SIZE_MAX) + 4 + 5 + 2
        <= STATEMENT_SIZE_MAX + 16
);
