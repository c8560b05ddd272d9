//! Messages: gossip, requests and responses, with their fields.

use rollbook_core::{
    MAX_GOSSIP, MAX_REQUEST, MAX_RESPONSE, Session,
    message::{
        self, Cursor, FORMAT, Flags, Hello, LeaseAnswer, Observation, ObservationBatch, Renew,
        Request, Response, SyncRequest, SyncResponse,
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    golden::{Hex, golden},
    keys::{KeyVector, keys},
    message_cases::{self, gossips, refused, requests, responses},
    statements::VersionVector,
};

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct File {
    about: String,
    keys: Vec<KeyVector>,
    gossip: Vec<GossipVector>,
    requests: Vec<RequestVector>,
    responses: Vec<ResponseVector>,
    refused: Vec<RefusedVector>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GossipVector {
    pub(crate) name: String,
    /// As on the wire, one after the other.
    pub(crate) statements: Vec<Hex>,
    pub(crate) bytes: Hex,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RequestVector {
    pub(crate) name: String,
    pub(crate) hello: HelloVector,
    pub(crate) cursor: CursorVector,
    pub(crate) renew: Option<RenewVector>,
    pub(crate) observations: Option<BatchVector>,
    pub(crate) statements: Vec<Hex>,
    pub(crate) bytes: Hex,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResponseVector {
    pub(crate) name: String,
    pub(crate) hello: HelloVector,
    pub(crate) cursor: CursorVector,
    pub(crate) lease: u8,
    pub(crate) acknowledged: VersionVector,
    pub(crate) observed: u32,
    /// Peer ids, sorted.
    pub(crate) authorities: Vec<Hex>,
    pub(crate) statements: Vec<Hex>,
    pub(crate) bytes: Hex,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HelloVector {
    pub(crate) count: u32,
    pub(crate) root: Hex,
    pub(crate) authorities: Hex,
    pub(crate) flags: u16,
    pub(crate) in_touch: u8,
    pub(crate) size_max: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CursorVector {
    pub(crate) incarnation: Hex,
    pub(crate) since: u64,
    pub(crate) after: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RenewVector {
    pub(crate) session: Hex,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BatchVector {
    pub(crate) session: Hex,
    pub(crate) number: u32,
    pub(crate) observations: Vec<ObservationVector>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObservationVector {
    pub(crate) subject: Hex,
    pub(crate) counter: u8,
    pub(crate) count: u32,
    pub(crate) last: u64,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefusedVector {
    pub(crate) name: String,
    /// `request` or `response`.
    pub(crate) read_as: String,
    pub(crate) bytes: Hex,
    pub(crate) error: String,
}

impl HelloVector {
    fn to_core(&self) -> Hello {
        Hello {
            count: self.count,
            root: self.root.array(),
            authorities: self.authorities.array(),
            flags: Flags(self.flags),
            in_touch: self.in_touch,
            size_max: self.size_max,
        }
    }

    fn of_core(hello: &Hello) -> HelloVector {
        HelloVector {
            count: hello.count,
            root: Hex::of(&hello.root),
            authorities: Hex::of(&hello.authorities),
            flags: hello.flags.0,
            in_touch: hello.in_touch,
            size_max: hello.size_max,
        }
    }
}

impl CursorVector {
    fn to_core(&self) -> Cursor {
        let incarnation = self.incarnation.array();
        Cursor { incarnation, since: self.since, after: self.after }
    }

    fn of_core(cursor: Cursor) -> CursorVector {
        let incarnation = Hex::of(&cursor.incarnation);
        CursorVector { incarnation, since: cursor.since, after: cursor.after }
    }
}

impl BatchVector {
    /// The observations, one after the other.
    fn observations(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for seen in &self.observations {
            let observation = Observation {
                subject: &seen.subject.0,
                counter: seen.counter,
                count: seen.count,
                last: seen.last,
            };
            let mut out = [0; 64];
            let size = message::encode_observation(&observation, &mut out).expect("it fits");
            bytes.extend_from_slice(&out[..size]);
        }
        bytes
    }

    fn of_core(batch: ObservationBatch<'_>) -> BatchVector {
        let observations = batch.iter().map(|seen| {
            let seen = seen.expect("well formed");
            ObservationVector {
                subject: Hex::of(seen.subject),
                counter: seen.counter,
                count: seen.count,
                last: seen.last,
            }
        });
        BatchVector {
            session: Hex::of(&batch.session.0),
            number: batch.number,
            observations: observations.collect(),
        }
    }
}

/// Statements one after the other.
pub(crate) fn concatenated(statements: &[Hex]) -> Vec<u8> {
    statements.iter().flat_map(|statement| statement.0.clone()).collect()
}

/// Splits bytes into the statements that stand in them.
fn split(bytes: &[u8]) -> Vec<Hex> {
    message::statements(bytes)
        .map(|statement| Hex::of(&statement.expect("well formed").wire()))
        .collect()
}

impl RequestVector {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let statements = concatenated(&self.statements);
        let observations = self.observations.as_ref().map(BatchVector::observations);
        let batch = self.observations.as_ref().zip(observations.as_deref());
        let request = Request::Sync(SyncRequest {
            hello: self.hello.to_core(),
            cursor: self.cursor.to_core(),
            renew: self
                .renew
                .as_ref()
                .map(|renew| Renew { session: Session(renew.session.array()) }),
            observations: batch.map(|(batch, observations)| ObservationBatch {
                session: Session(batch.session.array()),
                number: batch.number,
                observations,
            }),
            statements: &statements,
        });
        let mut out = [0; MAX_REQUEST];
        let size = message::encode(&request, &mut out).expect("it fits");
        out[..size].to_vec()
    }

    fn decode(name: &str, bytes: &[u8]) -> RequestVector {
        let request = message::decode(bytes, MAX_REQUEST).expect("well formed");
        let Request::Sync(request) = request else { panic!("{name}: another request") };
        RequestVector {
            name: name.to_owned(),
            hello: HelloVector::of_core(&request.hello),
            cursor: CursorVector::of_core(request.cursor),
            renew: request.renew.map(|renew| RenewVector { session: Hex::of(&renew.session.0) }),
            observations: request.observations.map(BatchVector::of_core),
            statements: split(request.statements),
            bytes: Hex::of(bytes),
        }
    }
}

impl ResponseVector {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let statements = concatenated(&self.statements);
        let authorities = listed(&self.authorities);
        let response = Response::Sync(SyncResponse {
            hello: self.hello.to_core(),
            cursor: self.cursor.to_core(),
            lease: LeaseAnswer(self.lease),
            acknowledged: self.acknowledged.into(),
            observed: self.observed,
            authorities: &authorities,
            statements: &statements,
        });
        let mut out = [0; MAX_RESPONSE];
        let size = message::encode(&response, &mut out).expect("it fits");
        out[..size].to_vec()
    }

    fn decode(name: &str, bytes: &[u8]) -> ResponseVector {
        let response = message::decode(bytes, MAX_RESPONSE).expect("well formed");
        let Response::Sync(response) = response else { panic!("{name}: another response") };
        ResponseVector {
            name: name.to_owned(),
            hello: HelloVector::of_core(&response.hello),
            cursor: CursorVector::of_core(response.cursor),
            lease: response.lease.0,
            acknowledged: response.acknowledged.into(),
            observed: response.observed,
            authorities: unlisted(response.authorities),
            statements: split(response.statements),
            bytes: Hex::of(bytes),
        }
    }
}

/// A list of authorities as it travels.
pub(crate) fn listed(authorities: &[Hex]) -> Vec<u8> {
    let sized = authorities.iter().map(|peer_id| {
        let size = u8::try_from(peer_id.0.len()).expect("at most 42 bytes");
        [&[size][..], &peer_id.0].concat()
    });
    sized.collect::<Vec<_>>().concat()
}

/// The peer ids of a list that travelled.
pub(crate) fn unlisted(mut bytes: &[u8]) -> Vec<Hex> {
    let mut listed = Vec::new();
    while let Some((size, rest)) = bytes.split_first() {
        let (peer_id, rest) = rest.split_at((*size).into());
        listed.push(Hex::of(peer_id));
        bytes = rest;
    }
    listed
}

/// How a message is refused.
pub(crate) fn refusal(read_as: &str, bytes: &[u8]) -> String {
    let error = match read_as {
        "request" => message::decode::<Request<'_>>(bytes, MAX_REQUEST).err(),
        _ => message::decode::<Response<'_>>(bytes, MAX_RESPONSE).err(),
    };
    format!("{:?}", error.expect("refused"))
}

#[test]
fn messages_are_as_in_the_file() {
    let computed = File {
        about: "Messages: gossip, requests and responses of the sync protocol, with their fields; \
                then bytes that are none. `flags` is a set of bits, as is `in_touch`; `lease` is a \
                code."
            .to_owned(),
        keys: keys(),
        gossip: gossips(),
        requests: requests(),
        responses: responses(),
        refused: refused(),
    };
    let file = golden("messages.json", &computed);
    assert_eq!(file, computed);
    for vector in &file.gossip {
        let [FORMAT, statements @ ..] = &vector.bytes.0[..] else { panic!("{}", vector.name) };
        assert!(vector.bytes.0.len() <= MAX_GOSSIP);
        assert_eq!(split(statements), vector.statements, "{}", vector.name);
    }
    for vector in &file.requests {
        assert_eq!(RequestVector::decode(&vector.name, &vector.bytes.0), *vector);
        assert_eq!(vector.encode(), vector.bytes.0, "{}", vector.name);
    }
    for vector in &file.responses {
        assert_eq!(ResponseVector::decode(&vector.name, &vector.bytes.0), *vector);
        assert_eq!(vector.encode(), vector.bytes.0, "{}", vector.name);
    }
    for vector in &file.refused {
        assert_eq!(refusal(&vector.read_as, &vector.bytes.0), vector.error, "{}", vector.name);
    }
}

#[test]
fn bytes_behind_a_message_are_those_of_a_later_version() {
    for (read_as, bytes) in message_cases::all() {
        let longer = [&bytes[..], &[1, 2, 3]].concat();
        match read_as {
            "request" => {
                let vector = RequestVector::decode("", &longer);
                assert_eq!(vector.encode(), bytes);
            }
            "response" => {
                let vector = ResponseVector::decode("", &longer);
                assert_eq!(vector.encode(), bytes);
            }
            _ => {}
        }
    }
}
