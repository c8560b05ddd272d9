//! What it costs two replicas to come to one roll.

use rollbook_core::{MAX_REQUEST, Now, Signer};

use crate::{
    population::{self, NOW, Tracker, Trusting, authority, of_node},
    table::{Table, number},
    timing::Stopwatch,
};

/// Half of the differing nodes are newer here, a quarter there, an eighth each only on one side.
struct Pair {
    one: Tracker,
    other: Tracker,
    /// The bytes of all statements that one side lacks.
    differing: usize,
    /// The bytes of all statements.
    all: usize,
}

fn pair(count: usize, differing: usize) -> Pair {
    let vouches = Trusting(authority(0).peer_id());
    let mut pages = [Vec::new(), Vec::new()];
    let (mut bytes_differing, mut bytes_all) = (0, 0);
    // Spread over the roll, since numbers are hashed into its order.
    for node in 0..count {
        let old = of_node(&vouches, node, 1);
        let new = of_node(&vouches, node, 2);
        let size = |statements: &[rollbook_core::statement::StatementBytes]| {
            statements.iter().map(|statement| statement.len()).sum::<usize>()
        };
        bytes_all += size(&old);
        let (here, there) = match (node < differing).then_some(node % 8) {
            None => (Some(&old), Some(&old)),
            Some(0 | 2 | 4 | 6) => (Some(&new), Some(&old)),
            Some(1 | 5) => (Some(&old), Some(&new)),
            Some(3) => (Some(&old), None),
            Some(_) => (None, Some(&old)),
        };
        bytes_differing += match (here, there) {
            (Some(_), Some(_)) if node < differing => new[1].len(),
            (Some(_), Some(_)) => 0,
            _ => size(&old),
        };
        pages[0].extend(here.into_iter().flatten().cloned());
        pages[1].extend(there.into_iter().flatten().cloned());
    }
    let [one, other] = pages;
    let mut pair = Pair {
        one: population::member(population::own(1), 1, one),
        other: population::member(population::own(2), 1, other),
        differing: bytes_differing,
        all: bytes_all,
    };
    compute_roots(&mut pair);
    pair
}

/// Lets somebody ask both, so that the digests of their rolls are at hand, as they are in a node
/// that has run for a while.
fn compute_roots(pair: &mut Pair) {
    let nothing = [[0; 0]; 0];
    let mut stranger = population::member(population::own(3), 1, nothing);
    let asking = *stranger.peer_id();
    let (mut request, mut response) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    for tracker in [&mut pair.one, &mut pair.other] {
        let asked = *tracker.peer_id();
        let mut now = NOW;
        stranger.handle_connected(now, &asked);
        let sent = loop {
            if let Some(sent) = stranger.poll_request(now, &mut request) {
                break sent;
            }
            let next = stranger.poll_timeout().expect("it asks sooner or later");
            now = Now { mono_ms: next.max(now.mono_ms + 1), ..now };
            stranger.handle_timeout(now);
        };
        tracker
            .handle_request(NOW, &asking, &request[..sent.len], &mut response)
            .expect("an honest request is answered");
        stranger.handle_request_failed(now, &asked);
        stranger.handle_disconnected(now, &asked);
    }
}

struct Cost {
    exchanges: usize,
    bytes: usize,
    largest: (usize, usize),
    time: Stopwatch,
}

/// Lets one side ask until both hold the same.
fn converge(pair: &mut Pair) -> Cost {
    let mut cost = Cost { exchanges: 0, bytes: 0, largest: (0, 0), time: Stopwatch::default() };
    let (one, other) = (*pair.one.peer_id(), *pair.other.peer_id());
    let mut now = NOW;
    pair.one.handle_connected(now, &other);
    pair.other.handle_connected(now, &one);
    let (mut request, mut response) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    assert!(request.len() >= MAX_REQUEST, "a request fits");
    let mut asked = false;
    while !asked || pair.one.root() != pair.other.root() {
        let Some(sent) = cost.time.run(|| pair.one.poll_request(now, &mut request)) else {
            let next = pair.one.poll_timeout().expect("it goes on asking");
            now = Now { mono_ms: next.max(now.mono_ms + 1), ..now };
            cost.time.run(|| pair.one.handle_timeout(now));
            // The epochs of both are durable, so whoever is due asks.
            assert!(now.mono_ms < NOW.mono_ms + 3_600_000, "they come to one roll within an hour");
            continue;
        };
        asked = true;
        let size = cost
            .time
            .run(|| pair.other.handle_request(now, &one, &request[..sent.len], &mut response))
            .expect("an honest request is answered");
        cost.time
            .run(|| pair.one.handle_response(now, &other, &response[..size]))
            .expect("an honest answer is understood");
        cost.exchanges += 1;
        cost.bytes += sent.len + size;
        cost.largest = (cost.largest.0.max(sent.len), cost.largest.1.max(size));
    }
    cost
}

pub(crate) fn report() -> String {
    let mut table = Table::new(&[
        "nodes",
        "differ",
        "bytes, both ways",
        "round trips",
        "of what differs",
        "of everything",
        "ms, both sides",
    ]);
    for count in [100, 1_000, 10_000, 100_000] {
        for differing in [0, 1, 10, 100, 1_000] {
            if differing > count {
                continue;
            }
            let mut pair = pair(count, differing);
            let cost = converge(&mut pair);
            let share = |of: usize| match of {
                0 => "-".to_owned(),
                _ => format!("{:.4}", cost.bytes as f64 / of as f64),
            };
            table.row([
                number(count as u64),
                number(differing as u64),
                number(cost.bytes as u64),
                number(cost.exchanges as u64),
                share(pair.differing),
                share(pair.all),
                format!("{:.2}", cost.time.total().as_secs_f64() * 1e3),
            ]);
        }
    }
    table.print(
        "Synchronisation",
        "Two replicas that never met, with an announcement and a presence for each node; from the \
         first request\nuntil their roots are equal. The bytes are those of all requests and \
         responses, statements included,\nbeside the bytes of the statements that one side lacks \
         and of all statements (a full transfer).",
    )
}
