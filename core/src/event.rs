//! What an application is told.

use crate::peer_id::PeerId;

/// A past fact about the roll. What it is about is read from the roll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A node of the roll came online in a session that was not told of, or after it left.
    Joined {
        /// The node.
        peer: PeerId,
    },
    /// A node of which nobody in touch could say is online, in the session that it joined in.
    Returned {
        /// The node.
        peer: PeerId,
    },
    /// A node left.
    Left {
        /// The node.
        peer: PeerId,
    },
    /// Nobody in touch can say any more whether a node is here.
    Unknown {
        /// The node.
        peer: PeerId,
    },
    /// A node changed what it says of itself.
    Changed {
        /// The node.
        peer: PeerId,
    },
    /// A node was admitted.
    Admitted {
        /// The node.
        peer: PeerId,
    },
    /// A node was removed.
    Removed {
        /// The node.
        peer: PeerId,
    },
    /// A node was banned.
    Banned {
        /// The node.
        peer: PeerId,
    },
    /// No authority vouches for a node any more: it was gone for so long that it gave its place up,
    /// or those who vouched are not listed any more. It is not in the roll.
    Forgotten {
        /// The node.
        peer: PeerId,
    },
    /// A node waits to be admitted.
    Pending {
        /// The node.
        peer: PeerId,
    },
    /// What a node was granted changed.
    GrantsChanged {
        /// The node.
        peer: PeerId,
    },
    /// A writer made two statements with one version.
    Equivocation {
        /// The writer.
        writer: PeerId,
        /// The node that they are about.
        subject: PeerId,
    },
    /// This replica and another hold different rolls, and find nothing to tell each other: one of
    /// them is wrong about what it holds, or lies. Told once, until they hold the same.
    RootsDiffer {
        /// The other.
        peer: PeerId,
    },
    /// A replica of this network lists none of the authorities that this one does: neither takes
    /// anything that the other's say. One of the two is configured wrongly. Told once for each run
    /// of the other.
    NothingInCommon {
        /// The other.
        peer: PeerId,
    },
    /// Somebody else keeps speaking in this node's name: two machines with one key.
    DuplicateIdentity,
    /// An authority is in touch again.
    AuthorityInTouch {
        /// The authority.
        peer: PeerId,
    },
    /// An authority was not heard for a lease window.
    AuthorityLost {
        /// The authority.
        peer: PeerId,
    },
    /// The list of authorities was replaced.
    AuthoritiesChanged,
    /// This node has another home, or none.
    HomeChanged {
        /// The authority that it renews its lease with.
        home: Option<PeerId>,
    },
    /// This authority lost its journal, or a part of it: it signs nothing until others gave back
    /// what it said.
    Recovering,
    /// This authority has what it said before and signs again.
    Recovered,
    /// There is a node, or what is said of one, that this replica has no room for or cannot check.
    /// It keeps what it has, and does not hold every node: until it starts again, or until others are
    /// forgotten where it was room that it lacked.
    BecamePartial,
    /// This replica has room again, and holds every node.
    BecameWhole,
    /// The journal has grown to several times what it holds: time for a snapshot.
    CompactionDue,
}
