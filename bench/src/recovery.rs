//! What it costs to read a roll back from disk.

use std::collections::BTreeMap;

use rollbook_core::{
    Announcement, Heap, Hint, Intent, NodeData, PeerId, Presence, PresenceState, Session, Signed,
    Signer, Version,
    journal::{Frame, Next, Reader},
    statement::StatementBytes,
    storage::Storage,
};
use serde::{Deserialize, Serialize};

use crate::{
    population::{self, Tracker, Trusting},
    table::{Table, number},
    timing::best_of_each,
};

/// A node as JSON: the same facts and signatures, in the form that people read.
#[derive(Deserialize, Serialize)]
pub(crate) struct JsonNode {
    peer_id: String,
    announcement: JsonAnnouncement,
    presence: JsonPresence,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct JsonAnnouncement {
    epoch: u32,
    seq: u32,
    session: String,
    home: String,
    intent: u8,
    issued_at: u64,
    addresses: Vec<String>,
    agent: String,
    capabilities: Vec<String>,
    signature: String,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct JsonPresence {
    writer: String,
    epoch: u32,
    seq: u32,
    session: String,
    state: u8,
    rests_on_epoch: u32,
    rests_on_seq: u32,
    first_joined: u64,
    joined: u64,
    left: u64,
    uptime: u64,
    issued_at: u64,
    signature: String,
}

type Row = NodeData<<Heap as Storage>::Statements>;

/// The JSON form of a node of the population.
pub(crate) fn json_node(node: &Row) -> JsonNode {
    let signature = |wire: &[u8]| hex::encode(&wire[wire.len() - 64..]);
    let announced = node.announcement().expect("every node announced itself");
    let said = announced.read().expect("well formed");
    let observed = node.presences().next().expect("every node was observed");
    let presence: Presence = observed.read().expect("well formed");
    JsonNode {
        peer_id: node.subject().to_text().as_str().to_owned(),
        announcement: JsonAnnouncement {
            epoch: announced.version().epoch,
            seq: announced.version().seq,
            session: said.session.to_string(),
            home: hex::encode(said.home.0),
            intent: said.intent.0,
            issued_at: said.issued_at,
            addresses: said.addresses.iter().map(hex::encode).collect(),
            agent: said.agent.to_owned(),
            capabilities: said.capabilities.iter().map(|name| (*name).to_owned()).collect(),
            signature: signature(&announced.wire()),
        },
        presence: JsonPresence {
            writer: hex::encode(observed.writer().0),
            epoch: observed.version().epoch,
            seq: observed.version().seq,
            session: presence.session.to_string(),
            state: presence.state.0,
            rests_on_epoch: presence.rests_on.epoch,
            rests_on_seq: presence.rests_on.seq,
            first_joined: presence.first_joined,
            joined: presence.joined,
            left: presence.left,
            uptime: presence.uptime,
            issued_at: presence.issued_at,
            signature: signature(&observed.wire()),
        },
    }
}

/// All nodes of a population.
pub(crate) fn rows(count: usize) -> Vec<Row> {
    let statements = population::statements(count);
    let of_node = |(number, pair): (usize, &[StatementBytes])| {
        let mut row = Row::new(population::peer(number));
        for bytes in pair {
            let statement = Signed::parse(bytes).expect("made here");
            row.put(&statement, 1).expect("the heap has room");
        }
        row
    };
    statements.chunks(2).enumerate().map(of_node).collect()
}

fn recover(journal: &[u8]) -> Tracker {
    let mut tracker = Tracker::new();
    let keys = population::own(0);
    tracker.init(population::config(1), keys, [1; 32]).expect("a valid configuration");
    let mut reader = Reader::new(journal);
    loop {
        match reader.next_frame().expect("a slice does not fail") {
            Next::Frame(frame) => tracker.recover(&frame).expect("its own journal"),
            Next::End => return tracker,
            damaged => panic!("an undamaged journal reads as {damaged:?}"),
        }
    }
}

/// Makes the statements again that a node in JSON stands for, and puts them back.
fn recover_json(nodes: Vec<JsonNode>) -> Tracker {
    let mut tracker = Tracker::new();
    tracker
        .init(population::config(1), population::own(0), [1; 32])
        .expect("a valid configuration");
    let vouches = Trusting(population::authority(0).peer_id());
    let bytes = |text: &str| hex::decode(text).expect("just written");
    let session = |text: &str| Session(bytes(text).try_into().expect("a session has 4 bytes"));
    let mut put = |statement: StatementBytes| {
        tracker.recover(&Frame::Statement(&statement)).expect("there is room");
    };
    for JsonNode { peer_id, announcement, presence } in nodes {
        let keys = Trusting(peer_id.parse().expect("just written"));
        std::hint::black_box((bytes(&announcement.signature), bytes(&presence.signature)));
        let observed = Presence {
            session: session(&presence.session),
            state: PresenceState(presence.state),
            rests_on: Version { epoch: presence.rests_on_epoch, seq: presence.rests_on_seq },
            first_joined: presence.first_joined,
            joined: presence.joined,
            counted_from: presence.joined,
            left: presence.left,
            uptime: presence.uptime,
            issued_at: presence.issued_at,
            ..Presence::default()
        };
        let version = Version { epoch: presence.epoch, seq: presence.seq };
        let network = population::network();
        let signed = Signed::sign(&network, &vouches, &keys.0, version, &observed);
        put(signed.expect("within bounds"));
        let addresses: Vec<Vec<u8>> =
            announcement.addresses.iter().map(|address| bytes(address)).collect();
        let mut home = Hint::default();
        home.0.copy_from_slice(&bytes(&announcement.home));
        let said = Announcement {
            session: session(&announcement.session),
            home,
            intent: Intent(announcement.intent),
            issued_at: announcement.issued_at,
            addresses: addresses.iter().map(Vec::as_slice).collect(),
            agent: &announcement.agent,
            capabilities: announcement.capabilities.iter().map(String::as_str).collect(),
            extra: &[],
        };
        let version = Version { epoch: announcement.epoch, seq: announcement.seq };
        let signed = Signed::sign(&network, &keys, &keys.0, version, &said);
        put(signed.expect("within bounds"));
    }
    tracker
}

pub(crate) fn report() -> String {
    let mut table = Table::new(&["nodes", "form", "bytes", "ms", "times the compacted journal"]);
    for count in [10_000, 100_000] {
        let own = population::own(0);
        let statements = population::statements(count);
        let tracker = population::member(own, 1, &statements);
        let mut compacted = Vec::new();
        tracker.snapshot(&mut compacted).expect("a vector takes all");
        // In the order in which a network of nodes joins: that of no roll.
        let mut grown = Vec::new();
        for statement in &statements {
            let frame = Frame::Statement(statement);
            rollbook_core::journal::write(&frame, &mut grown).expect("a vector takes all");
        }
        let json: Vec<JsonNode> = rows(count).iter().map(json_node).collect();
        let json = serde_json::to_vec(&json).expect("plain data");
        drop((tracker, statements));

        let records = || -> Vec<JsonNode> { serde_json::from_slice(&json).expect("just written") };
        let named = |node: JsonNode| {
            (node.peer_id.parse::<PeerId>().expect("just written").order_key(), node)
        };
        let [from_compacted, from_grown, from_json, into_roll] = best_of_each(
            5,
            [
                &mut || Box::new(recover(&compacted)),
                &mut || Box::new(recover(&grown)),
                &mut || Box::new(records().into_iter().map(named).collect::<BTreeMap<_, _>>()),
                &mut || Box::new(recover_json(records())),
            ],
        );
        for (form, size, time) in [
            ("journal, compacted", compacted.len(), from_compacted),
            ("journal, as it grew", grown.len(), from_grown),
            ("JSON, into records", json.len(), from_json),
            ("JSON, into a roll", json.len(), into_roll),
        ] {
            table.row([
                number(count as u64),
                form.to_owned(),
                number(size as u64),
                format!("{:.0}", time.as_secs_f64() * 1e3),
                format!("{:.1}", time.as_secs_f64() / from_compacted.as_secs_f64()),
            ]);
        }
    }
    table.print(
        "Recovery",
        "From the bytes of a file to a roll that can be read. JSON: the same facts and signatures \
         as an array of\nobjects, read by serde_json into typed records and sorted by the same key; \
         or from there into the same roll\nof signed bytes.",
    )
}
