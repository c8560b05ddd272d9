//! What it costs to be told something, known or new.

use rollbook_core::{Heap, Keypair, NodeData, Signed, Signer, storage::Storage};

use crate::{
    allocator,
    population::{self, NOW, Tracker, Trusting, announcement, authority, of_node},
    table::Table,
    timing::{best_of, each_ns},
};

/// How many nodes the roll has.
const NODES: usize = 10_000;
/// How many new statements are taken in.
const NEW: usize = 2_000;

pub(crate) fn report() -> String {
    let mut table = Table::new(&["what", "ns each", "allocations each"]);
    let vouches = Trusting(authority(0).peer_id());
    let old: Vec<_> = (0..NODES).flat_map(|node| of_node(&vouches, node, 1)).collect();
    let known: Vec<_> = (0..NODES).flat_map(|node| of_node(&vouches, node, 2)).collect();

    type Row = NodeData<<Heap as Storage>::Statements>;
    let mut rows: Vec<Row> = (0..NODES).map(|node| NodeData::new(population::peer(node))).collect();
    let put_all = |rows: &mut Vec<Row>, statements: &[_]| {
        for (place, statement) in statements.iter().enumerate() {
            let statement: &rollbook_core::statement::StatementBytes = statement;
            let statement = Signed::parse(statement).expect("made here");
            rows[place / 2].put(&statement, 1).expect("the heap has room");
        }
    };
    put_all(&mut rows, &known);
    let parsed = |statements: &'static [rollbook_core::statement::StatementBytes]| {
        statements.iter().map(|bytes| Signed::parse(bytes).expect("made here")).collect::<Vec<_>>()
    };
    let (old, known) = (&*old.leak(), &*known.leak());
    for (what, statements) in [("slot: known", parsed(known)), ("slot: older", parsed(old))] {
        let before = allocator::call_count();
        let time = best_of(
            5,
            || (),
            |()| {
                let advanced = statements
                    .iter()
                    .enumerate()
                    .filter(|(place, statement)| rows[place / 2].offer(statement).advances());
                assert_eq!(advanced.count(), 0, "nothing is new");
            },
        );
        let calls = allocator::call_count() - before;
        table.row(row(what, each_ns(time, statements.len()), calls, 5 * statements.len()));
    }

    let own = population::own(0);
    let from = population::peer(10_000_001);
    let mut tracker = population::member(own, 1, known);
    for (what, statements) in [("gossip: known", known), ("gossip: older", old)] {
        let messages = messages(statements);
        let before = allocator::call_count();
        let time = best_of(
            5,
            || (),
            |()| {
                for message in &messages {
                    tracker.handle_gossip(NOW, &from, message);
                }
            },
        );
        let calls = allocator::call_count() - before;
        table.row(row(what, each_ns(time, statements.len()), calls, 5 * statements.len()));
    }
    let text = table.print(
        "Statements that are known",
        "What is known or older is neither verified nor stored. *slot*: comparing a parsed \
         statement with\nthe one in its slot; *gossip*: from the bytes of a message to the verdict, \
         finding the node among 10,000.",
    );
    format!("{text}\n{}", new_statements())
}

fn row(what: &str, ns: f64, calls: u64, count: usize) -> [String; 3] {
    [what.to_owned(), format!("{ns:.0}"), format!("{:.2}", calls as f64 / count as f64)]
}

/// Gossip messages of eight statements each.
fn messages(statements: &[rollbook_core::statement::StatementBytes]) -> Vec<Vec<u8>> {
    let message = |statements: &[rollbook_core::statement::StatementBytes]| {
        let mut message = vec![rollbook_core::message::FORMAT];
        statements.iter().for_each(|statement| message.extend_from_slice(statement));
        message
    };
    statements.chunks(8).map(message).collect()
}

fn new_statements() -> String {
    let authority = authority(0);
    let version = |seq| rollbook_core::Version { epoch: 1_790_000_000, seq };
    let keys: Vec<Keypair> = (0..NEW)
        .map(|number| {
            let mut seed = [7; 32];
            seed[..8].copy_from_slice(&(number as u64).to_le_bytes());
            Keypair::ed25519(seed)
        })
        .collect();
    let home = authority.peer_id().hint();
    let held: Vec<_> = keys
        .iter()
        .zip(1..)
        .flat_map(|(keys, seq)| {
            let state = rollbook_core::PresenceState::ONLINE;
            [
                population::presence(&authority, &keys.peer_id(), state, version(seq)),
                announcement(keys, home, version(1)),
            ]
        })
        .collect();
    let newer: Vec<_> = keys.iter().map(|keys| announcement(keys, home, version(2))).collect();
    let messages = messages(&newer);
    let from = population::peer(10_000_001);

    fn take<K: Signer + rollbook_core::Verifier>(
        tracker: &mut Tracker<K>,
        from: &rollbook_core::PeerId,
        messages: &[Vec<u8>],
    ) {
        for message in messages {
            assert_eq!(tracker.handle_gossip(NOW, from, message), rollbook_core::Verdict::Accept);
        }
    }
    let checked = best_of(
        3,
        || population::member(Keypair::ed25519([9; 32]), 1, &held),
        |tracker| take(tracker, &from, &messages),
    );
    let unchecked = best_of(
        3,
        || population::member(population::own(0), 1, &held),
        |tracker| take(tracker, &from, &messages),
    );
    let share = 1.0 - unchecked.as_secs_f64() / checked.as_secs_f64();
    let mut table = Table::new(&["what", "us each", "share"]);
    let each_us = |time| each_ns(time, NEW) / 1e3;
    table.row([
        "new announcement by gossip".to_owned(),
        format!("{:.1}", each_us(checked)),
        "100.0 %".to_owned(),
    ]);
    table.row([
        "of it: its signature".to_owned(),
        format!("{:.1}", each_us(checked) - each_us(unchecked)),
        format!("{:.1} %", share * 100.0),
    ]);
    table.row([
        "of it: everything else".to_owned(),
        format!("{:.1}", each_us(unchecked)),
        format!("{:.1} %", (1.0 - share) * 100.0),
    ]);
    table.print(
        "Statements that are new",
        "Announcements of known nodes in a newer version, ed25519, eight to a message. What is not \
         the signature is\nthe time of the same with keys that believe anything.",
    )
}
