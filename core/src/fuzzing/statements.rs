//! Statements: one form only, and what is well formed can be read and is kept as it came.

use std::vec::Vec;

use super::rig;
use crate::{
    limits::{PAYLOAD_SIZE_MAX, STATEMENT_SIZE_MAX},
    message,
    node_data::NodeData,
    statement::{Announcement, Any, Decision, Fields, Kind, Presence, Signed, envelope},
};

/// Statements, one after the other.
pub(super) fn statement(bytes: &[u8]) -> bool {
    let (mut rest, mut split, mut parsed) = (bytes, Vec::new(), 0);
    while let Ok((statement, after)) = Signed::split(rest) {
        assert!(statement.len() <= STATEMENT_SIZE_MAX && !statement.is_empty());
        assert_eq!([statement, after].concat(), rest);
        split.push(statement);
        rest = after;
    }
    for (place, item) in message::statements(bytes).enumerate() {
        let Some(wire) = split.get(place) else {
            assert!(item.is_err(), "what cannot be split is no statement");
            break;
        };
        assert_eq!(item.as_ref().err().copied(), Signed::parse(wire).err());
        if let Ok(statement) = item {
            assert_eq!(statement.wire(), *wire);
            check(&statement);
            parsed += 1;
        }
    }
    parsed > 0
}

/// What must hold of every statement that can be parsed.
fn check(statement: &Signed<'_, Any>) {
    let subject = statement.subject().expect("a peer id as subject");
    assert_eq!(subject.as_bytes(), statement.subject_bytes());
    let payload = statement.payload();
    assert!(payload.size() <= PAYLOAD_SIZE_MAX && statement.version().epoch < u32::MAX);
    assert_eq!(payload.to_bytes().len(), payload.size());
    match statement.kind() {
        Kind::Announcement => {
            assert_eq!(statement.writer(), subject.hint());
            let said = fields::<Announcement<'_>>(statement);
            assert!(said.is_bounded());
            // Made again by its writer, from its fields alone.
            let Some(actor) = rig::actors().iter().find(|actor| actor.peer_id == subject) else {
                return;
            };
            let version = statement.version();
            let again = Signed::sign(&rig::network(), &actor.keys, &subject, version, &said);
            if let Some(again) = again {
                let again = Signed::parse(&again).expect("what is signed is well formed");
                assert_eq!(fields::<Announcement<'_>>(&again), said);
                assert!(again.payload().size() <= payload.size());
            }
        }
        Kind::Decision => same_when_encoded(&fields::<Decision>(statement)),
        Kind::Presence => same_when_encoded(&fields::<Presence>(statement)),
    }
    envelope(&rig::network(), &subject, &payload.to_bytes());
    check_slot(statement);
}

fn fields<'a, T: Fields<'a>>(statement: &Signed<'a, Any>) -> T {
    let typed = statement.typed::<T>().expect("its kind says so");
    typed.read().expect("the fields were checked when it was parsed")
}

fn same_when_encoded<T>(fields: &T)
where
    T: serde::Serialize + for<'a> serde::Deserialize<'a> + PartialEq + core::fmt::Debug,
{
    let mut bytes = [0; 2 * PAYLOAD_SIZE_MAX];
    let bytes = postcard::to_slice(fields, &mut bytes).expect("what was read fits");
    assert_eq!(postcard::from_bytes::<T>(bytes).as_ref(), Ok(fields));
}

/// It has one slot, which it fills once.
fn check_slot(statement: &Signed<'_, Any>) {
    let subject = statement.subject().expect("checked");
    let mut node = NodeData::<Vec<u8>>::new(subject);
    assert!(node.put(statement, 1).is_ok_and(|offer| offer.advances()));
    assert!(node.put(statement, 2).is_ok_and(|offer| !offer.advances()));
    let held: Vec<_> = node.statements().map(|held| held.statement.wire()).collect();
    assert_eq!(held, [statement.wire()]);
}
