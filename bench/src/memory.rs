//! How much memory a known node takes.

use rollbook_core::{PresenceState, Signer, Version};

use crate::{
    allocator,
    population::{self, Trusting, announcement, authority, presence},
    table::{Table, number},
};

pub(crate) fn report() -> String {
    let mut table =
        Table::new(&["nodes", "authorities", "bytes of statements", "bytes in all", "beside them"]);
    for count in [1_000, 10_000, 100_000] {
        for authorities in [1, 2] {
            let vouches: Vec<Trusting> =
                (0..authorities).map(|number| Trusting(authority(number).peer_id())).collect();
            let home = vouches[0].0.hint();
            let own = population::own(0);
            let mut size = 0;
            let before = allocator::held_bytes();
            let statements = (0..count).flat_map(|number| {
                let node = Trusting(population::peer(number));
                let version = |seq| Version { epoch: 1_790_000_000, seq };
                let seq = u32::try_from(number).expect("few") + 1;
                let states = [PresenceState::ONLINE, PresenceState::MOVED];
                let mut statements: Vec<_> = vouches
                    .iter()
                    .zip(states)
                    .map(|(keys, state)| presence(keys, &node.peer_id(), state, version(seq)))
                    .collect();
                statements.push(announcement(&node, home, version(1)));
                size += statements.iter().map(|statement| statement.len()).sum::<usize>();
                statements
            });
            let tracker = population::member(own, authorities, statements);
            let held = allocator::held_bytes() - before;
            drop(tracker);
            table.row([
                number(count as u64),
                authorities.to_string(),
                number((size / count) as u64),
                number((held / count) as u64),
                number(((held - size) / count) as u64),
            ]);
        }
    }
    table.print(
        "Memory",
        "For each known node on the heap: its announcement, a presence by its home, and with two \
         authorities one by\nthe home that it had before. Allocated bytes, without the allocator's \
         own.",
    )
}
