//! Statements that no replica takes in, each with the error that it meets.

use rollbook_core::{
    PeerId, PresenceState, PublicKey, Signed, Signer,
    limits::{PAYLOAD_SIZE_MAX, STATEMENT_SIZE_MAX},
};
use serde::{Deserialize, Serialize};

use crate::{
    envelope::signed_envelope,
    golden::{Hex, golden},
    keys::{KeyVector, NETWORK, Who, keys, network},
    layout::Layout,
    signatures::{high_s, loose_der, unreduced},
    statement_cases::{
        QUIC, announced, announcement, bare_announcement, bare_presence, decision, presence,
        version,
    },
    statements::{AnnouncementVector, PresenceVector, TallyVector},
};

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct File {
    about: String,
    network: String,
    keys: Vec<KeyVector>,
    statements: Vec<RefusedVector>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RefusedVector {
    name: String,
    /// Under whose key it is checked, if it can be read.
    writer: String,
    wire: Hex,
    /// `parse` or `verify`.
    refused_by: String,
    error: String,
}

/// How the core refuses a statement.
fn refusal(writer: &PeerId, wire: &[u8]) -> (&'static str, String) {
    let signed = match Signed::parse(wire) {
        Ok(signed) => signed,
        Err(error) => return ("parse", format!("{error:?}")),
    };
    let error = signed.verify(&network(), writer, &Who::Node.keys()).expect_err("refused");
    ("verify", format!("{error:?}"))
}

fn case(name: &str, writer: PeerId, wire: Vec<u8>) -> RefusedVector {
    let (refused_by, error) = refusal(&writer, &wire);
    RefusedVector {
        name: name.to_owned(),
        writer: writer.to_string(),
        wire: Hex(wire),
        refused_by: refused_by.to_owned(),
        error,
    }
}

/// A statement with this payload, properly signed by `who`.
fn signed(who: Who, payload: &[u8]) -> Vec<u8> {
    let signature = who.keys().sign(&signed_envelope(NETWORK, &who.peer_id(), payload));
    Layout::statement(payload, &signature)
}

/// A case of a properly signed payload.
fn form(name: &str, who: Who, payload: &Layout) -> RefusedVector {
    case(name, who.peer_id(), signed(who, &payload.0))
}

fn prefix(kind: u8, who: Who) -> Layout {
    Layout::prefix(kind, who.peer_id().as_bytes(), &who.hint().0, version(7))
}

fn about_node(kind: u8, who: Who) -> Layout {
    Layout::prefix(kind, Who::Node.peer_id().as_bytes(), &who.hint().0, version(7))
}

fn announcing(said: &AnnouncementVector) -> Layout {
    prefix(3, Who::Node).announcement(said)
}

fn signatures() -> Vec<RefusedVector> {
    let of = |who: Who| announced("", who, version(101), announcement(Who::FirstAuthority));
    let node = Who::Node.peer_id();
    let good = of(Who::Node);
    let with = |payload: &[u8], signature: &[u8]| Layout::statement(payload, signature);
    let mut flipped = good.signature.0.clone();
    flipped[40] ^= 4;
    let elsewhere = Who::Node.keys().sign(&signed_envelope("other", &node, &good.payload.0));
    let bare = Who::Node.keys().sign(&good.payload.0);
    let others = Who::Stranger.keys().sign(&good.envelope.0);

    let eth = of(Who::EthereumNode);
    let eth_node = Who::EthereumNode.peer_id();
    let (eth_payload, eth_signature) = (&eth.payload.0, &eth.signature.0);

    // The identity point as key: this signature holds for every message, where it is not refused.
    let mut weak_key = [0; 32];
    weak_key[0] = 1;
    let weak = PublicKey::Ed25519(weak_key).peer_id();
    let weak_payload = Layout::prefix(3, weak.as_bytes(), &weak.hint().0, version(7))
        .announcement(&bare_announcement());
    let anything = [&weak_key[..], &[0; 32]].concat();
    let no_point = PublicKey::Ed25519([2; 32]).peer_id();
    let no_point_payload = Layout::prefix(3, no_point.as_bytes(), &no_point.hint().0, version(7))
        .announcement(&bare_announcement());
    let hashed: PeerId = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N".parse().expect("valid");
    let hashed_payload = Layout::prefix(3, hashed.as_bytes(), &hashed.hint().0, version(7))
        .announcement(&bare_announcement());
    vec![
        case("a flipped bit in the signature", node, with(&good.payload.0, &flipped)),
        case("signed for another network", node, with(&good.payload.0, &elsewhere)),
        case("signed without an envelope", node, with(&good.payload.0, &bare)),
        case("signed by somebody else", node, with(&good.payload.0, &others)),
        case("ed25519: s + L", node, with(&good.payload.0, &unreduced(&good.signature.0))),
        case("ed25519: cut short", node, with(&good.payload.0, &good.signature.0[..63])),
        case("no signature", node, with(&good.payload.0, &[])),
        case("secp256k1: high s", eth_node, with(eth_payload, &high_s(eth_signature))),
        case("secp256k1: loose DER", eth_node, with(eth_payload, &loose_der(eth_signature))),
        case(
            "secp256k1: a byte too many",
            eth_node,
            with(eth_payload, &[&eth_signature[..], &[0]].concat()),
        ),
        case("a key of small order", weak, with(&weak_payload.0, &anything)),
        case("a key that is no point", no_point, with(&no_point_payload.0, &anything)),
        case("a peer id that is a hash", hashed, with(&hashed_payload.0, &anything)),
    ]
}

fn framing() -> Vec<RefusedVector> {
    let node = Who::Node.peer_id();
    let good = announced("", Who::Node, version(101), announcement(Who::FirstAuthority));
    let wire = &good.wire.0;
    let payload = &good.payload.0;
    // A size of 5 bytes that does not fit 32 bits.
    let huge = [&[0xff, 0xff, 0xff, 0xff, 0x1f][..], &wire[2..]].concat();
    // The same size in a byte more than it needs.
    let padded = [&[wire[0] | 0x80, wire[1] | 0x80, 0][..], &wire[2..]].concat();
    let endless = [&[0x80; 6][..], &wire[2..]].concat();
    let long_tail = prefix(3, Who::Node).announcement(&bare_announcement());
    let rest = PAYLOAD_SIZE_MAX + 1 - long_tail.0.len();
    let long_tail = long_tail.raw(&vec![0; rest]);
    vec![
        case("empty", node, vec![]),
        case("cut inside the payload", node, wire[..payload.len() / 2].to_vec()),
        case("cut before the signature", node, wire[..2 + payload.len()].to_vec()),
        case("cut inside the signature", node, wire[..wire.len() - 1].to_vec()),
        case("a byte behind the end", node, [&wire[..], &[0]].concat()),
        case("a size over 32 bits", node, huge),
        case("a size in more bytes than it needs", node, padded),
        case("a size without end", node, endless),
        case("a payload over its bound", node, signed(Who::Node, &long_tail.0)),
        case("a signature over its bound", node, Layout::statement(payload, &[0x30; 73])),
        case("no payload", node, Layout::statement(&[], &good.signature.0)),
    ]
}

fn prefixes() -> Vec<RefusedVector> {
    let node = Who::Node;
    let said = announcement(Who::FirstAuthority);
    let (peer, hint) = (node.peer_id(), node.hint().0);
    let subject = |bytes: &[u8]| {
        Layout::prefix(1, bytes, &Who::FirstAuthority.hint().0, version(7)).decision(&decision(&[]))
    };
    let begun = Layout::default().byte(3).byte(38).raw(peer.as_bytes()).raw(&hint);
    let last_epoch = begun.clone().varint(u64::from(u32::MAX)).varint(1).announcement(&said);
    let over_32_bits = begun.clone().varint(1 << 32).varint(1).announcement(&said);
    vec![
        form("kind 0", node, &prefix(0, node).announcement(&said)),
        form("kind 4", node, &prefix(4, node).announcement(&said)),
        form(
            "an announcement about somebody else",
            Who::Stranger,
            &about_node(3, Who::Stranger).announcement(&said),
        ),
        form("a subject that is no peer id", Who::FirstAuthority, &subject(&[0x12, 0x20, 1, 2])),
        form("no subject", Who::FirstAuthority, &subject(&[])),
        form(
            "a subject of 43 bytes",
            Who::FirstAuthority,
            &subject(&[&[0, 41][..], &[8; 41]].concat()),
        ),
        form("an epoch over 32 bits", node, &over_32_bits),
        form("the last epoch", node, &last_epoch),
        form("no version", node, &begun),
    ]
}

fn fields() -> Vec<RefusedVector> {
    let bare = bare_announcement;
    let node = Who::Node;
    let authority = Who::FirstAuthority;
    let say = |name: &str, said: AnnouncementVector| form(name, node, &announcing(&said));
    let long_address = [&[54, 92][..], &[b'n'; 92], &[6, 0x1d, 0xe7]].concat();
    let cut = announcing(&announcement(authority));
    let cut = Layout(cut.0[..cut.0.len() - 3].to_vec());
    let not_utf8 = prefix(3, node).raw(&[0; 8]).byte(0).varint(0).count(0).counted(&[0xff, 0xfe]);
    let not_utf8 = not_utf8.count(0).count(0);
    let registers = vec![(1, 1, 1); 17];
    let tally = TallyVector { counter: 0, count: 0, last: 0 };
    let tallies = PresenceVector { tallies: vec![tally; 9], ..bare_presence() };
    let cut_presence = about_node(2, authority).presence(&presence(PresenceState::ONLINE));
    let cut_presence = Layout(cut_presence.0[..cut_presence.0.len() - 4].to_vec());
    // The distance from the first joining leads before 1970, and past the end of time.
    let before = about_node(2, authority).raw(&[0; 4]).byte(0).varint(0).varint(0);
    let before = before.varint(5).signed_varint(-6).byte(0).varint(0).signed_varint(0);
    let before = before.byte(0).byte(0).count(0);
    let past = about_node(2, authority).raw(&[0; 4]).byte(0).varint(0).varint(0);
    let past = past.varint(u64::MAX).signed_varint(1).byte(0).varint(0).signed_varint(0);
    let past = past.byte(0).byte(0).count(0);
    let option = about_node(2, authority).raw(&[0; 4]).byte(0).varint(0).varint(0).varint(0);
    let option = option.signed_varint(0).byte(2).varint(0).signed_varint(0);
    let option = option.byte(0).byte(0).count(0);
    vec![
        say("nine addresses", AnnouncementVector { addresses: vec![Hex::of(&QUIC); 9], ..bare() }),
        say(
            "an address of 97 bytes",
            AnnouncementVector { addresses: vec![Hex(long_address)], ..bare() },
        ),
        say("an agent of 49 bytes", AnnouncementVector { agent: "a".repeat(49), ..bare() }),
        form("an agent that is not UTF-8", node, &not_utf8),
        say(
            "thirteen capabilities",
            AnnouncementVector { capabilities: vec!["c".to_owned(); 13], ..bare() },
        ),
        say(
            "a capability without a name",
            AnnouncementVector { capabilities: vec![String::new()], ..bare() },
        ),
        say(
            "a capability of 33 bytes",
            AnnouncementVector { capabilities: vec!["c".repeat(33)], ..bare() },
        ),
        say(
            "an opaque payload of 65 bytes",
            AnnouncementVector { extra: Hex(vec![0; 65]), ..bare() },
        ),
        form("an announcement cut short", node, &cut),
        form("a decision without fields", authority, &about_node(1, authority)),
        form(
            "seventeen registers",
            authority,
            &about_node(1, authority).decision(&decision(&registers)),
        ),
        form("nine tallies", authority, &about_node(2, authority).presence(&tallies)),
        form("a presence cut short", authority, &cut_presence),
        form("a time before 1970", authority, &before),
        form("a time past 64 bits", authority, &past),
        form("an option that is neither 0 nor 1", authority, &option),
    ]
}

fn file() -> File {
    let mut statements = signatures();
    statements.extend(framing());
    statements.extend(prefixes());
    statements.extend(fields());
    File {
        about: "Statements that are refused: when they are read (`parse`) or when their signature \
                is checked under `writer` (`verify`), with the error."
            .to_owned(),
        network: NETWORK.to_owned(),
        keys: keys(),
        statements,
    }
}

#[test]
fn statements_are_refused_as_in_the_file() {
    let file = golden("statements_refused.json", &file());
    for vector in &file.statements {
        let writer = vector.writer.parse().expect("valid");
        let (refused_by, error) = refusal(&writer, &vector.wire.0);
        assert_eq!((refused_by, &error), (&vector.refused_by[..], &vector.error));
    }
    let of = |refused_by: &str| {
        file.statements.iter().filter(|vector| vector.refused_by == refused_by).count()
    };
    assert_eq!((of("verify"), of("parse")), (signatures().len(), file.statements.len() - 13));
}

#[test]
fn payload_and_signature_at_their_bounds_are_read() {
    let said = prefix(3, Who::Node).announcement(&bare_announcement());
    let rest = PAYLOAD_SIZE_MAX - said.0.len();
    let wire = Layout::statement(&said.raw(&vec![0; rest]).0, &[0x30; 72]);
    assert_eq!(wire.len(), STATEMENT_SIZE_MAX);
    assert!(Signed::parse(&wire).is_ok());
}
