//! The statements of the vectors.

use rollbook_core::{Grant, PresenceState, Standing, limits::PAYLOAD_SIZE_MAX};

use crate::{
    golden::Hex,
    keys::Who,
    statements::{
        AnnouncementVector, DecisionVector, Fields, ImportedVector, PresenceVector, RegisterVector,
        StatementVector, TallyVector, VersionVector,
    },
};

/// Unix seconds, as a first epoch is.
pub(crate) const EPOCH: u32 = 1_793_500_000;
pub(crate) const SESSION: [u8; 4] = [0x5e, 0x55, 0x10, 0x01];
/// The session before.
pub(crate) const OLD_SESSION: [u8; 4] = [0x5e, 0x55, 0x10, 0x00];
/// When most things happen.
pub(crate) const AT: u64 = 1_793_504_000;

/// `/ip4/198.51.100.7/udp/7655/quic-v1`.
pub(crate) const QUIC: [u8; 11] = [4, 198, 51, 100, 7, 0x91, 0x02, 0x1d, 0xe7, 0xcd, 0x03];
/// `/ip4/198.51.100.7/tcp/7655`.
pub(crate) const TCP: [u8; 8] = [4, 198, 51, 100, 7, 6, 0x1d, 0xe7];

pub(crate) const fn version(seq: u32) -> VersionVector {
    VersionVector { epoch: EPOCH, seq }
}

/// What a node commonly says of itself.
pub(crate) fn announcement(home: Who) -> AnnouncementVector {
    AnnouncementVector {
        session: Hex::of(&SESSION),
        home: Hex::of(&home.hint().0),
        intent: 0,
        issued_at: AT,
        addresses: vec![Hex::of(&QUIC), Hex::of(&TCP)],
        agent: "rollbook/0.1.0".to_owned(),
        capabilities: vec!["twitter-scraper".to_owned(), "web-scraper".to_owned()],
        extra: Hex::default(),
    }
}

/// As little as a node can say of itself.
pub(crate) fn bare_announcement() -> AnnouncementVector {
    AnnouncementVector {
        session: Hex::of(&[0; 4]),
        home: Hex::of(&[0; 4]),
        intent: 0,
        issued_at: 0,
        addresses: vec![],
        agent: String::new(),
        capabilities: vec![],
        extra: Hex::default(),
    }
}

pub(crate) fn decision(registers: &[(u8, u8, u32)]) -> DecisionVector {
    let registers = registers.iter();
    let registers = registers.map(|(id, value, stamp)| RegisterVector {
        id: *id,
        value: *value,
        stamp: *stamp,
    });
    DecisionVector { issued_at: AT, registers: registers.collect() }
}

/// A session that began a while ago and is here.
pub(crate) fn presence(state: PresenceState) -> PresenceVector {
    PresenceVector {
        session: Hex::of(&SESSION),
        state: state.0,
        rests_on: version(101),
        first_joined: AT - 1_000_000,
        joined: AT,
        uptime: 86_400,
        issued_at: AT,
        counted_from: AT,
        ..bare_presence()
    }
}

pub(crate) fn bare_presence() -> PresenceVector {
    PresenceVector { session: Hex::of(&[0; 4]), ..PresenceVector::default() }
}

/// An own announcement.
pub(crate) fn announced(
    name: &str,
    who: Who,
    version: VersionVector,
    said: AnnouncementVector,
) -> StatementVector {
    let fields = Fields::Announcement(said);
    StatementVector::new(name, who, &who.peer_id(), version, fields, &[])
}

fn decided(name: &str, version: VersionVector, decision: DecisionVector) -> StatementVector {
    let subject = Who::Node.peer_id();
    let fields = Fields::Decision(decision);
    StatementVector::new(name, Who::FirstAuthority, &subject, version, fields, &[])
}

fn seen(name: &str, version: VersionVector, presence: PresenceVector) -> StatementVector {
    let subject = Who::Node.peer_id();
    let fields = Fields::Presence(presence);
    StatementVector::new(name, Who::FirstAuthority, &subject, version, fields, &[])
}

pub(crate) fn all() -> Vec<StatementVector> {
    let mut all = announcements();
    all.extend(decisions());
    all.extend(presences());
    all
}

fn announcements() -> Vec<StatementVector> {
    let home = Who::FirstAuthority;
    let typical = announcement(home);
    let last = VersionVector { epoch: u32::MAX - 1, seq: u32::MAX };
    // As much of everything as fits beside as much of everything else.
    let mut addresses = vec![Hex::of(&TCP); 2];
    addresses.resize(8, Hex::of(&TCP[..5]));
    let maximal = AnnouncementVector {
        session: Hex::of(&[0xff; 4]),
        home: Hex::of(&Who::SecondAuthority.hint().0),
        intent: 0,
        issued_at: u64::MAX,
        addresses,
        agent: "a".repeat(48),
        capabilities: (0..12).map(|number| format!("{number:032}")).collect(),
        extra: Hex(vec![0xee; 64]),
    };
    let long_name = [&[54, 91][..], &[b'n'; 91], &[6, 0x1d, 0xe7]].concat();
    let longest_address =
        AnnouncementVector { addresses: vec![Hex(long_name); 4], ..typical.clone() };
    let later = AnnouncementVector {
        intent: 9,
        addresses: vec![Hex::of(&[0xff, 0x7f, 1, 2, 3])],
        agent: "später/1.0".to_owned(),
        ..typical.clone()
    };
    let subject = Who::Node.peer_id();
    let all = vec![
        announced("announcement, typical", Who::Node, version(101), typical.clone()),
        announced(
            "announcement, minimal",
            Who::Node,
            VersionVector { epoch: 1, seq: 1 },
            bare_announcement(),
        ),
        announced("announcement, maximal", Who::EthereumNode, last, maximal),
        announced("announcement, longest addresses", Who::Node, version(102), longest_address),
        announced("announcement, secp256k1", Who::EthereumNode, version(101), typical.clone()),
        announced(
            "announcement, no home yet",
            Who::Node,
            version(100),
            AnnouncementVector { home: Hex::of(&[0; 4]), ..typical.clone() },
        ),
        announced(
            "announcement, leaving",
            Who::Node,
            version(103),
            AnnouncementVector { intent: 1, ..typical.clone() },
        ),
        announced(
            "announcement, with an opaque payload",
            Who::Node,
            version(104),
            AnnouncementVector { extra: Hex::of(&[0, 1, 2, 0xff]), ..typical },
        ),
        StatementVector::new(
            "announcement of a later version: unknown intent, address protocol and fields",
            Who::Node,
            &subject,
            version(105),
            Fields::Announcement(later),
            &[1, 2, 3, 0, 0xff],
        ),
    ];
    assert_eq!(all[2].payload.0.len(), PAYLOAD_SIZE_MAX, "the maximal one is maximal");
    all
}

fn decisions() -> Vec<StatementVector> {
    let subject = Who::Node.peer_id();
    let standing = |standing: Standing, stamp: u32| (0, standing.0, stamp);
    let granted: Vec<(u8, u8, u32)> = Grant::all()
        .map(|grant| (grant.register().0, 1, 300 + u32::from(grant.register().0)))
        .collect();
    let every_register = [&[standing(Standing::ADMITTED, u32::MAX)][..], &granted].concat();
    let banned = decision(&[standing(Standing::BANNED, 7)]);
    vec![
        decided(
            "decision, typical: admitted and staked",
            version(417),
            decision(&[standing(Standing::ADMITTED, 1), (1, 1, 2)]),
        ),
        decided("decision, minimal", VersionVector { epoch: 1, seq: 1 }, DecisionVector::default()),
        decided("decision, every register", version(418), decision(&every_register)),
        decided("decision, removed", version(419), decision(&[standing(Standing::REMOVED, 3)])),
        decided(
            "decision, a grant taken back",
            version(420),
            decision(&[standing(Standing::ADMITTED, 1), (2, 0, 5), (15, 1, 4)]),
        ),
        StatementVector::new(
            "decision, banned by a secp256k1 authority",
            Who::SecondAuthority,
            &subject,
            version(421),
            Fields::Decision(banned),
            &[],
        ),
        StatementVector::new(
            "decision about a node whose key is unknown",
            Who::FirstAuthority,
            &"QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N".parse().expect("valid"),
            version(422),
            Fields::Decision(decision(&[standing(Standing::ADMITTED, 1)])),
            &[],
        ),
        StatementVector::new(
            "decision of a later version: unknown standing, register, value and fields",
            Who::FirstAuthority,
            &subject,
            version(423),
            Fields::Decision(decision(&[(0, 0x91, 8), (200, 3, 9), (1, 7, 10)])),
            &[0, 0],
        ),
    ]
}

fn presences() -> Vec<StatementVector> {
    let subject = Who::Node.peer_id();
    let online = presence(PresenceState::ONLINE);
    let left = PresenceVector {
        left: AT + 3_600,
        uptime: 90_000,
        issued_at: AT + 3_640,
        ..presence(PresenceState::LEFT)
    };
    let history = ImportedVector {
        first_joined: 1_700_000_000,
        uptime: 12_345_678,
        counted: [(2_500, AT - 60), (3, AT), (0, 0)],
    };
    let imported = PresenceVector { issued_at: AT, imported: Some(history), ..bare_presence() };
    let tally = TallyVector { counter: 7, count: u64::MAX, last: u64::MAX };
    let half = 1 << 63;
    let maximal = PresenceVector {
        session: Hex::of(&[0xff; 4]),
        state: 3,
        rests_on: VersionVector { epoch: u32::MAX, seq: u32::MAX },
        first_joined: 1,
        joined: half,
        left: u64::MAX,
        uptime: u64::MAX,
        issued_at: half,
        counted_from: half,
        imported: Some(ImportedVector {
            first_joined: u64::MAX,
            uptime: u64::MAX,
            counted: [(u64::MAX, u64::MAX); 3],
        }),
        horizon: Some(VersionVector { epoch: u32::MAX, seq: u32::MAX }),
        tallies: vec![tally; 8],
    };
    let tallies = [(0, 1, AT), (1, 2_500, AT - 60), (5, 0, 0)];
    let tallies = tallies.map(|(counter, count, last)| TallyVector { counter, count, last });
    let own = StatementVector::new(
        "presence of an authority about itself, with a horizon",
        Who::FirstAuthority,
        &Who::FirstAuthority.peer_id(),
        version(423),
        Fields::Presence(PresenceVector { horizon: Some(version(400)), ..online.clone() }),
        &[],
    );
    vec![
        seen("presence, typical: online", version(417), online.clone()),
        seen("presence, minimal", VersionVector { epoch: 1, seq: 1 }, bare_presence()),
        seen("presence, left", version(418), left.clone()),
        seen(
            "presence, moved",
            version(419),
            PresenceVector { state: PresenceState::MOVED.0, ..left.clone() },
        ),
        seen("presence, imported history only", version(420), imported),
        seen(
            "presence, with tallies",
            version(421),
            PresenceVector { tallies: tallies.to_vec(), ..online.clone() },
        ),
        seen(
            "presence, by a clock that went back",
            version(422),
            PresenceVector { left: AT - 30, issued_at: AT - 60, ..left },
        ),
        own,
        StatementVector::new(
            "presence, by a secp256k1 authority",
            Who::SecondAuthority,
            &subject,
            version(424),
            Fields::Presence(online.clone()),
            &[],
        ),
        StatementVector::new(
            "presence, maximal",
            Who::SecondAuthority,
            &Who::EthereumNode.peer_id(),
            VersionVector { epoch: u32::MAX - 1, seq: u32::MAX },
            Fields::Presence(maximal),
            &[],
        ),
        StatementVector::new(
            "presence of a later version: unknown state and fields",
            Who::FirstAuthority,
            &subject,
            version(425),
            Fields::Presence(PresenceVector { state: 9, ..online }),
            &[7],
        ),
    ]
}
