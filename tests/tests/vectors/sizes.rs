//! How many bytes statements take on the wire, as a table and as bounds.

use rollbook_core::{MAX_FRAME, limits::STATEMENT_SIZE_MAX};

use crate::{frames, message_cases, statement_cases, statements::StatementVector};

/// Signature included.
const ANNOUNCEMENT_MAX: usize = 199;
const DECISION_OR_PRESENCE_MAX: usize = 149;
/// What a secp256k1 writer adds at most: the DER form of its signature, and a byte of peer id where
/// it is the subject too.
const SECP256K1_EXTRA: usize = 8 + 1;

fn row(statement: &StatementVector) -> String {
    format!(
        "{:>7} {:>9} {:>5}  {}",
        statement.payload.0.len(),
        statement.signature.0.len(),
        statement.wire.0.len(),
        statement.name
    )
}

/// Run with `--nocapture` to see it.
#[test]
fn table_of_sizes() {
    println!("payload signature  wire  statement");
    statement_cases::all().iter().for_each(|statement| println!("{}", row(statement)));
    println!("  bytes  message");
    for (read_as, name, size) in message_cases::sizes() {
        println!("{size:>7}  {read_as}: {name}");
    }
    println!("  bytes  frame");
    for frame in frames::frames() {
        println!("{:>7}  {}", frame.bytes.0.len(), frame.name);
    }
}

#[test]
fn typical_statements_are_small() {
    let statements = statement_cases::all();
    let size_of = |name: &str| {
        let found = statements.iter().find(|statement| statement.name == name);
        found.expect("a statement of the vectors").wire.0.len()
    };
    for (name, size_max) in [
        ("announcement, typical", ANNOUNCEMENT_MAX),
        ("announcement, secp256k1", ANNOUNCEMENT_MAX + SECP256K1_EXTRA),
        ("decision, typical: admitted and staked", DECISION_OR_PRESENCE_MAX),
        ("decision, banned by a secp256k1 authority", DECISION_OR_PRESENCE_MAX),
        ("presence, typical: online", DECISION_OR_PRESENCE_MAX),
        ("presence, left", DECISION_OR_PRESENCE_MAX),
        ("presence, by a secp256k1 authority", DECISION_OR_PRESENCE_MAX + SECP256K1_EXTRA),
    ] {
        assert!(size_of(name) <= size_max, "{name}");
    }
    assert!(statements.iter().all(|statement| statement.wire.0.len() <= STATEMENT_SIZE_MAX));
}

#[test]
fn asking_for_nothing_new_is_small() {
    let sizes = message_cases::sizes();
    let size_of = |read_as: &str, name: &str| {
        let found =
            sizes.iter().find(|(found, its_name, _)| (*found, &its_name[..]) == (read_as, name));
        found.expect("a message of the vectors").2
    };
    for (read_as, name) in
        [("request", "nothing new"), ("request", "a renewal"), ("response", "nothing new")]
    {
        assert!(size_of(read_as, name) < 64, "{read_as}: {name}");
    }
    assert!(frames::frames().iter().all(|frame| frame.bytes.0.len() <= MAX_FRAME));
}
