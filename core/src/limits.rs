//! Every bound on what comes from outside, in one place, tied together at compile time.

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
/// Bytes of a network's name.
pub const NETWORK_SIZE_MAX: usize = 32;
/// Entries of one batch of observations.
pub const OBSERVATIONS_MAX: usize = 64;

/// Bytes of one statement's payload, as signed.
pub const PAYLOAD_SIZE_MAX: usize = 640;
/// Bytes of one signed statement on the wire: two lengths, payload, signature.
pub const STATEMENT_SIZE_MAX: usize = 2 + PAYLOAD_SIZE_MAX + 1 + crate::key::SIGNATURE_SIZE_MAX;
/// Bytes of one gossip message.
pub const GOSSIP_SIZE_MAX: usize = 4 * 1024;
/// Bytes of one synchronisation request.
pub const REQUEST_SIZE_MAX: usize = 8 * 1024;
/// Bytes of one synchronisation response.
pub const RESPONSE_SIZE_MAX: usize = 16 * 1024;
/// Bytes of one journal frame with checksum, stuffing and delimiter.
pub const FRAME_SIZE_MAX: usize = 1024;
/// Bytes of what is signed: the domain, the payload type, the writer and the payload.
pub(crate) const ENVELOPE_SIZE_MAX: usize = PAYLOAD_SIZE_MAX + 192;

// One node's statements fit a gossip message, so a first vouching can travel with what it is
// about; a statement fits a frame after COBS has added a byte per 254.
const _: () = assert!(3 * STATEMENT_SIZE_MAX + 16 <= GOSSIP_SIZE_MAX);
const _: () = assert!(STATEMENT_SIZE_MAX + STATEMENT_SIZE_MAX / 254 + 16 <= FRAME_SIZE_MAX);
// A node's statements fit one page of a response beside its header.
const _: () = assert!((1 + 2 * AUTHORITIES_MAX) * STATEMENT_SIZE_MAX + 256 <= RESPONSE_SIZE_MAX);
