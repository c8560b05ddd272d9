//! What it costs to write and to read a statement.

use rollbook_core::{Announcement, Presence, Signed};

use crate::{
    population,
    recovery::{JsonNode, json_node, rows},
    table::Table,
    timing::{best_of, each_ns},
};

/// How many nodes are written and read.
const NODES: usize = 10_000;

pub(crate) fn report() -> String {
    let statements = population::statements(NODES);
    let json: Vec<JsonNode> = rows(NODES).iter().map(json_node).collect();
    let texts: Vec<Vec<u8>> =
        json.iter().map(|node| serde_json::to_vec(node).expect("plain data")).collect();
    let keys = population::Trusting(population::peer(1));
    let home = keys.0.hint();
    let version = rollbook_core::Version { epoch: 1_790_000_000, seq: 1 };

    let write = best_of(
        5,
        || (),
        |()| {
            for _ in 0..NODES {
                std::hint::black_box(population::announcement(&keys, home, version));
                let state = rollbook_core::PresenceState::ONLINE;
                std::hint::black_box(population::presence(&keys, &keys.0, state, version));
            }
        },
    );
    let write_json = best_of(
        5,
        || (),
        |()| {
            for node in &json {
                std::hint::black_box(serde_json::to_vec(node).expect("plain data"));
            }
        },
    );
    let read = best_of(
        5,
        || (),
        |()| {
            for bytes in &statements {
                let statement = Signed::parse(bytes).expect("made here");
                match statement.typed::<Announcement<'_>>() {
                    Some(announcement) => drop(std::hint::black_box(announcement.read())),
                    None => drop(std::hint::black_box(
                        statement.typed::<Presence>().and_then(|presence| presence.read()),
                    )),
                }
            }
        },
    );
    let read_json = best_of(
        5,
        || (),
        |()| {
            for text in &texts {
                std::hint::black_box(
                    serde_json::from_slice::<JsonNode>(text).expect("just written"),
                );
            }
        },
    );
    let size: usize = statements.iter().map(|statement| statement.len()).sum::<usize>() / NODES;
    let size_json: usize = texts.iter().map(Vec::len).sum::<usize>() / NODES;
    let mut table = Table::new(&["form", "bytes", "write, ns", "read, ns"]);
    for (form, size, write, read) in
        [("statements", size, write, read), ("JSON", size_json, write_json, read_json)]
    {
        table.row([
            form.to_owned(),
            size.to_string(),
            format!("{:.0}", each_ns(write, NODES)),
            format!("{:.0}", each_ns(read, NODES)),
        ]);
    }
    let ratio = |one: std::time::Duration, other: std::time::Duration| {
        format!("{:.1}", one.as_secs_f64() / other.as_secs_f64())
    };
    table.row([
        "ratio".to_owned(),
        format!("{:.1}", size_json as f64 / size as f64),
        ratio(write_json, write),
        ratio(read_json, read),
    ]);
    table.print(
        "Encoding",
        "One node: an announcement with two addresses and a presence, signatures included but \
         neither made nor\nchecked. JSON by serde_json.",
    )
}
