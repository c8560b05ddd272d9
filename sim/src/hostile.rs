//! Nodes that do what they like: they contradict themselves, forge, bend, flood and lie.
//!
//! What they sign with a real key, their own or an authority's that leaked, is really signed, and
//! counts; everything else must come to nothing.

use rollbook_core::{
    Announcement, Decision, Grant, Hint, Intent, Keypair, MAX_GOSSIP, PeerId, Presence,
    PresenceState, Session, Signed, Signer as _, Version,
    message::{self, FORMAT, Renew},
    statement::{Register, StatementBytes},
};

use crate::{
    adapter,
    faults::{Undo, running},
    node::{Input, Role},
    notary::Keys,
    world::{Happening, World, network_name},
};

/// The order of the group that ed25519 signatures live in, little-endian.
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];
/// Epochs of hostile announcements begin here.
const EPOCH: u32 = 1_800_000_000;

/// A hostile node comes, and stays for a while.
pub(crate) fn begin(world: &mut World) {
    let keys = Keys::new(Keypair::ed25519(world.hostile_dice.seed()), &world.notary);
    let node = world.add(Role::Hostile, keys, 0);
    world.nodes[node].is_up = true;
    world.wire(node);
    for other in world.nodes[node].wanted.clone() {
        let wait_ms = world.hostile_dice.between(10, 1_000);
        world.queue.push(world.ms + wait_ms, Happening::Connect { one: node, other });
    }
    world.queue.push(world.ms + 1_500, Happening::Act { node });
    let until_ms = world.ms + world.hostile_dice.between(20_000, 120_000);
    world.queue.push(until_ms, Happening::Undo(Undo::HostileGoes(node)));
}

/// A hostile node goes.
pub(crate) fn end(world: &mut World, node: usize) {
    world.nodes[node].is_up = false;
    world.nodes[node].wanted.clear();
    world.nodes[node].run += 1;
    for (other, link) in std::mem::take(&mut world.nodes[node].links) {
        let lost = Happening::LinkLost { node: other, other: node, link };
        world.queue.push(world.ms + 1, lost);
    }
}

/// It does something, and plans to do more.
pub(crate) fn act(world: &mut World, node: usize) {
    if !world.nodes[node].is_up {
        return;
    }
    let wait_ms = world.hostile_dice.between(100, 4_000);
    world.queue.push(world.ms + wait_ms, Happening::Act { node });
    match world.hostile_dice.below(11) {
        0 => contradict(world, node),
        1 => contradict_as_authority(world, node),
        2 => forge(world, node),
        3 | 4 => bend(world, node),
        5 => flood_identities(world, node),
        6 => flood_versions(world, node),
        7 => renew(world, node),
        8 | 9 => garbage(world, node),
        _ => replay(world, node),
    }
}

/// What it does with what it is sent: its answers are lies, noise, or none.
pub(crate) fn handle(world: &mut World, node: usize, input: &Input) {
    let Input::Request { from, from_run, .. } = input else { return };
    let peer = world.nodes[node].peer;
    let bytes = match world.hostile_dice.below(4) {
        0 => {
            let size = world.hostile_dice.index(400);
            world.tally.garbage += 1;
            world.hostile_dice.bytes(size)
        }
        1 | 2 => {
            let statements = bent(world).unwrap_or_default();
            let with = world.hostile_dice.chance(300);
            let hello = adapter::hello(&mut world.hostile_dice, &world.lists[0]);
            let statements = if with { &statements[..] } else { &[] };
            world.tally.lies += 1;
            adapter::response(&mut world.hostile_dice, hello, statements)
        }
        _ => return,
    };
    let response = Input::Response { peer, bytes: bytes.into() };
    world.send_response(node, *from, *from_run, response);
}

/// Sends bytes as gossip to every other one that it is connected with.
fn gossip(world: &mut World, node: usize, statements: &[u8], half: Option<usize>) {
    let mut bytes = vec![FORMAT];
    bytes.extend_from_slice(statements);
    let message = world.new_message(&bytes, false);
    let links: Vec<usize> = world.nodes[node].links.keys().copied().collect();
    for (place, to) in links.into_iter().enumerate() {
        if half.is_none_or(|half| place % 2 == half) {
            world.send_gossip(node, to, message);
        }
    }
}

fn announcement(world: &mut World, keys: &Keys, version: Version, home: Hint) -> StatementBytes {
    let agent = format!("hostile/{}", world.hostile_dice.below(1_000_000));
    let fields = Announcement {
        session: Session([7; 4]),
        home,
        intent: Intent::UP,
        issued_at: 1,
        addresses: heapless::Vec::new(),
        agent: &agent,
        capabilities: heapless::Vec::new(),
        extra: &[],
    };
    Signed::sign(&network_name(), keys, &keys.peer_id(), version, &fields).expect("it is bounded")
}

/// The next version that it has not used.
fn next_version(world: &mut World) -> Version {
    let ms = u32::try_from(world.ms).expect("a run is shorter than weeks");
    Version {
        epoch: EPOCH,
        seq: ms * 64 + u32::try_from(world.hostile_dice.below(64)).expect("small"),
    }
}

fn contradict(world: &mut World, node: usize) {
    let keys = world.nodes[node].keys.clone();
    let version = next_version(world);
    for half in [0, 1] {
        let statement = announcement(world, &keys, version, Hint::NONE);
        gossip(world, node, &statement, Some(half));
    }
    world.tally.members_equivocated += 1;
}

/// With a key of an authority that leaked: two statements of one version about somebody.
fn contradict_as_authority(world: &mut World, node: usize) {
    let Some(authority) = running(world, |node| node.is_authority) else { return };
    let keys = world.nodes[authority].keys.elsewhere(false);
    let tracker = world.nodes[authority].tracker.as_ref().expect("it runs");
    let seq = u32::try_from(world.hostile_dice.below(500)).expect("small");
    let version = Version { epoch: tracker.announced().epoch, seq };
    let subject = world.nodes[world.hostile_dice.index(world.nodes.len())].peer;
    let decides = world.hostile_dice.chance(500);
    for half in [0, 1] {
        let statement = match decides {
            true => grant(world, &keys, &subject, version),
            false => presence(world, &keys, &subject, version),
        };
        gossip(world, node, &statement, Some(half));
    }
    crate::check::tainted(world, subject);
    // Its own view of the subject is a stranger's work until it has watched it for a while.
    let until_ms = world.ms + 10 * world.plan.interval_ms;
    world.disturb(authority, until_ms);
    world.tally.authorities_equivocated += 1;
}

fn grant(world: &mut World, keys: &Keys, subject: &PeerId, version: Version) -> StatementBytes {
    let mut decision =
        Decision { issued_at: world.hostile_dice.below(1_000_000), ..Decision::default() };
    let stamp = u32::try_from(world.hostile_dice.between(1, 9)).expect("small");
    let register = Register { id: Grant::STAKED.register(), value: 1, stamp };
    assert!(decision.set(register), "an empty decision has room");
    Signed::sign(&network_name(), keys, subject, version, &decision).expect("it is small")
}

fn presence(world: &mut World, keys: &Keys, subject: &PeerId, version: Version) -> StatementBytes {
    let holder = world.by_peer.get(subject).and_then(|machines| machines.first().copied());
    let tracker = holder.and_then(|machine| world.nodes[machine].tracker.as_ref());
    let (session, rests_on) = tracker.map_or((Session([9; 4]), Version::ZERO), |tracker| {
        (tracker.session(), tracker.announced())
    });
    let left = world.hostile_dice.chance(500);
    let fields = Presence {
        session,
        state: if left { PresenceState::LEFT } else { PresenceState::ONLINE },
        rests_on,
        first_joined: 1,
        joined: 2,
        issued_at: world.hostile_dice.below(1_000_000),
        ..Presence::default()
    };
    Signed::sign(&network_name(), keys, subject, version, &fields).expect("it is small")
}

/// In an authority's name, with another key.
fn forge(world: &mut World, node: usize) {
    let Some(authority) = running(world, |node| node.is_authority) else { return };
    let keys = world.nodes[node].keys.in_the_name_of(world.nodes[authority].peer);
    let subject = world.nodes[world.hostile_dice.index(world.nodes.len())].peer;
    let version = Version { epoch: EPOCH, seq: 1 };
    let statement = match world.hostile_dice.chance(500) {
        true => grant(world, &keys, &subject, version),
        false => presence(world, &keys, &subject, version),
    };
    gossip(world, node, &statement, None);
    world.tally.forged += 1;
}

/// A genuine statement of late, with another signature or another byte.
fn bent(world: &mut World) -> Option<Vec<u8>> {
    let late = world.messages.len().saturating_sub(1 + world.hostile_dice.index(8));
    let genuine = world.messages.get(late)?;
    let statement = message::statements(genuine.bytes.get(1..)?).find_map(Result::ok)?;
    let mut bytes = statement.wire().to_vec();
    match world.hostile_dice.chance(500) {
        true => {
            // s + L: the same signature in another form.
            let from = bytes.len().checked_sub(32)?;
            let mut carry = 0;
            for (byte, order) in bytes[from..].iter_mut().zip(ED25519_ORDER) {
                let sum = u16::from(*byte) + u16::from(order) + carry;
                *byte = sum.to_le_bytes()[0];
                carry = sum >> 8;
            }
        }
        false => {
            let place = world.hostile_dice.index(bytes.len());
            bytes[place] ^= 1 << world.hostile_dice.below(8);
        }
    }
    world.tally.malleated += 1;
    Some(bytes)
}

fn bend(world: &mut World, node: usize) {
    if let Some(bytes) = bent(world) {
        gossip(world, node, &bytes, None);
    }
}

fn flood_identities(world: &mut World, node: usize) {
    let mut page = Vec::new();
    for _ in 0..world.hostile_dice.between(5, 40) {
        let keys = Keys::new(Keypair::ed25519(world.hostile_dice.seed()), &world.notary);
        let version = Version { epoch: EPOCH, seq: 1 };
        let statement = announcement(world, &keys, version, Hint::NONE);
        world.tally.fresh_identities += 1;
        if page.len() + statement.len() >= MAX_GOSSIP {
            gossip(world, node, &page, None);
            page.clear();
        }
        page.extend_from_slice(&statement);
    }
    gossip(world, node, &page, None);
}

fn flood_versions(world: &mut World, node: usize) {
    let keys = world.nodes[node].keys.clone();
    let first = next_version(world);
    for number in 0..world.hostile_dice.between(5, 30) {
        let number = u32::try_from(number).expect("small");
        let version = Version { epoch: first.epoch, seq: first.seq + number };
        let statement = announcement(world, &keys, version, Hint::NONE);
        gossip(world, node, &statement, None);
        world.tally.version_floods += 1;
    }
}

/// Asks an authority for a lease, as an honest node would, and will never come again.
fn renew(world: &mut World, node: usize) {
    let links: Vec<usize> = world.nodes[node].links.keys().copied().collect();
    let Some(to) = links.into_iter().find(|to| world.nodes[*to].is_authority) else { return };
    let keys = world.nodes[node].keys.clone();
    let version = next_version(world);
    let home = world.nodes[to].peer.hint();
    let statement = announcement(world, &keys, version, home);
    let hello = adapter::hello(&mut world.hostile_dice, &world.lists[0]);
    let renew = Renew { session: Session([7; 4]) };
    send_request(world, node, to, adapter::request(hello, Some(renew), &statement));
    world.tally.sybils += 1;
}

fn send_request(world: &mut World, node: usize, to: usize, bytes: Vec<u8>) {
    let from_run = world.nodes[node].run;
    world.send(node, to, &Input::Request { from: node, from_run, bytes: bytes.into() });
}

/// Bytes without meaning, some that look like a message, on every input.
fn garbage(world: &mut World, node: usize) {
    let links: Vec<usize> = world.nodes[node].links.keys().copied().collect();
    let Some(to) = world.hostile_dice.pick(&links).copied() else { return };
    let size = world.hostile_dice.index(600);
    let mut bytes = world.hostile_dice.bytes(size);
    if world.hostile_dice.chance(700) {
        bytes.insert(0, FORMAT);
    }
    world.tally.garbage += 1;
    match world.hostile_dice.below(3) {
        0 => {
            let message = world.new_message(&bytes, false);
            world.send_gossip(node, to, message);
        }
        1 => send_request(world, node, to, bytes),
        _ => {
            let peer = world.nodes[node].peer;
            world.send(node, to, &Input::Response { peer, bytes: bytes.into() });
        }
    }
}

fn replay(world: &mut World, node: usize) {
    if world.messages.is_empty() {
        return;
    }
    let old = &world.messages[world.hostile_dice.index(world.messages.len())];
    let (bytes, is_honest) = (old.bytes.clone(), old.is_honest);
    let message = world.new_message(&bytes, is_honest);
    for to in world.nodes[node].links.keys().copied().collect::<Vec<usize>>() {
        world.send_gossip(node, to, message);
    }
    world.tally.replays += 1;
}
