//! The messages of the vectors.

use rollbook_core::{
    Authorities, MAX_RESPONSE,
    message::{FORMAT, Flags, LeaseAnswer},
};

use crate::{
    golden::Hex,
    keys::Who,
    messages::{
        BatchVector, CursorVector, GossipVector, HelloVector, ObservationVector, RefusedVector,
        RenewVector, RequestVector, ResponseVector, concatenated, refusal,
    },
    statement_cases::{self, AT, SESSION, version},
    statements::VersionVector,
};

fn statement(name: &str) -> Hex {
    let all = statement_cases::all();
    let found = all.into_iter().find(|statement| statement.name == name);
    found.expect("a statement of the vectors").wire
}

fn gossip(name: &str, statements: &[Hex]) -> GossipVector {
    let bytes = [&[FORMAT][..], &concatenated(statements)].concat();
    GossipVector { name: name.to_owned(), statements: statements.to_vec(), bytes: Hex(bytes) }
}

fn hello(flags: Flags) -> HelloVector {
    let authorities = [Who::FirstAuthority.peer_id(), Who::SecondAuthority.peer_id()];
    let authorities = Authorities::new(&authorities).expect("two authorities");
    HelloVector {
        count: 500,
        root: Hex((0xa0..0xb0).collect()),
        authorities: Hex::of(&authorities.set_hash()),
        flags: flags.0,
        in_touch: 0,
        size_max: u32::try_from(MAX_RESPONSE).expect("small"),
    }
}

fn authoritys_hello() -> HelloVector {
    HelloVector { in_touch: 0b11, ..hello(Flags::AUTHORITY) }
}

fn cursor(since: u64, after: u64) -> CursorVector {
    CursorVector { incarnation: Hex((1..5).collect()), since, after }
}

pub(crate) fn requests() -> Vec<RequestVector> {
    let plain = |name: &str| RequestVector {
        name: name.to_owned(),
        hello: hello(Flags::default()),
        cursor: cursor(1_234, 1_234),
        renew: None,
        observations: None,
        statements: vec![],
        bytes: Hex::default(),
    };
    let nobody = HelloVector {
        count: 0,
        root: Hex(vec![0; 16]),
        authorities: Hex(vec![0; 8]),
        flags: 0,
        in_touch: 0,
        size_max: 0,
    };
    let first = CursorVector { incarnation: Hex(vec![0; 4]), since: 0, after: 0 };
    let renew = RenewVector { session: Hex::of(&SESSION) };
    let observed = |who: Who, count: u32| ObservationVector {
        subject: Hex::of(who.peer_id().as_bytes()),
        counter: 2,
        count,
        last: AT,
    };
    let batch = BatchVector {
        session: Hex::of(&SESSION),
        number: 3,
        observations: vec![observed(Who::EthereumNode, 1), observed(Who::Stranger, 70_000)],
    };
    let all = Flags::AUTHORITY.with(Flags::RECOVERING).with(Flags::PARTIAL).with(Flags::RECONCILES);
    let flags = [
        ("flag: authority", Flags::AUTHORITY),
        ("flag: recovering", Flags::RECOVERING),
        ("flag: partial", Flags::PARTIAL),
        ("flag: reconciles", Flags::RECONCILES),
        ("all flags", all),
        ("flags of a later version", Flags(0xffff)),
    ];
    let mut requests = vec![
        RequestVector { hello: nobody, cursor: first.clone(), ..plain("minimal") },
        plain("nothing new"),
        RequestVector { renew: Some(renew.clone()), ..plain("a renewal") },
        RequestVector {
            cursor: first,
            renew: Some(renew.clone()),
            statements: vec![statement("announcement, no home yet")],
            ..plain("a first renewal, with the announcement")
        },
        RequestVector {
            renew: Some(renew),
            observations: Some(batch),
            ..plain("a renewal with observations")
        },
        RequestVector { cursor: cursor(1_000, 1_100), ..plain("in the middle of a page") },
        RequestVector { hello: authoritys_hello(), ..plain("of an authority") },
    ];
    requests
        .extend(flags.map(|(name, flags)| RequestVector { hello: hello(flags), ..plain(name) }));
    for request in &mut requests {
        request.bytes = Hex(request.encode());
    }
    requests
}

pub(crate) fn responses() -> Vec<ResponseVector> {
    let plain = |name: &str| ResponseVector {
        name: name.to_owned(),
        hello: authoritys_hello(),
        cursor: cursor(1_240, 1_240),
        lease: LeaseAnswer::NONE.0,
        acknowledged: version(101),
        observed: 0,
        authorities: vec![],
        statements: vec![],
        bytes: Hex::default(),
    };
    let mut listed =
        [Who::FirstAuthority, Who::SecondAuthority].map(|who| Hex::of(who.peer_id().as_bytes()));
    listed.sort_unstable_by_key(|peer_id| peer_id.0.clone());
    let answers = [
        ("lease granted", LeaseAnswer::GRANTED),
        ("lease pending", LeaseAnswer::PENDING),
        ("lease refused", LeaseAnswer::REFUSED),
        ("lease not answered while recovering", LeaseAnswer::RECOVERING),
        ("lease without room", LeaseAnswer::FULL),
        ("lease answer of a later version", LeaseAnswer(9)),
    ];
    let statements = ["decision, typical: admitted and staked", "presence, typical: online"];
    let mut responses = vec![
        plain("nothing new"),
        ResponseVector {
            hello: hello(Flags::default()),
            acknowledged: VersionVector::default(),
            ..plain("of a member that holds no announcement of the asking node")
        },
        ResponseVector {
            lease: LeaseAnswer::GRANTED.0,
            statements: statements.map(statement).to_vec(),
            ..plain("what changed")
        },
        ResponseVector {
            cursor: cursor(1_000, 1_100),
            statements: vec![statement("announcement, typical")],
            ..plain("a page that is not the last")
        },
        ResponseVector { observed: 3, ..plain("observations acknowledged") },
        ResponseVector {
            authorities: listed.to_vec(),
            statements: statements.map(statement).to_vec(),
            ..plain("to who has other authorities")
        },
    ];
    responses.extend(answers.map(|(name, lease)| ResponseVector { lease: lease.0, ..plain(name) }));
    for response in &mut responses {
        response.bytes = Hex(response.encode());
    }
    responses
}

pub(crate) fn refused() -> Vec<RefusedVector> {
    let request = requests().swap_remove(1).bytes.0;
    let response = responses().swap_remove(0).bytes.0;
    let case = |name: &str, read_as: &str, bytes: Vec<u8>| RefusedVector {
        name: name.to_owned(),
        read_as: read_as.to_owned(),
        error: refusal(read_as, &bytes),
        bytes: Hex(bytes),
    };
    let format = |bytes: &[u8]| [&[FORMAT + 1], &bytes[1..]].concat();
    let variant = |bytes: &[u8]| [&[FORMAT, 2], &bytes[2..]].concat();
    vec![
        case("empty", "request", vec![]),
        case("another format", "request", format(&request)),
        case("another format", "response", format(&response)),
        case("an unknown request", "request", variant(&request)),
        case("an unknown response", "response", variant(&response)),
        case("cut short", "request", request[..request.len() - 1].to_vec()),
        case("cut short", "response", response[..response.len() - 1].to_vec()),
    ]
}

/// The bytes of all messages, by what they are read as.
pub(crate) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let gossip = gossips().into_iter().map(|vector| ("gossip", vector.bytes.0));
    let requests = requests().into_iter().map(|vector| ("request", vector.bytes.0));
    let responses = responses().into_iter().map(|vector| ("response", vector.bytes.0));
    gossip.chain(requests).chain(responses).collect()
}

/// Of all messages: what they are read as, their names and their sizes.
pub(crate) fn sizes() -> Vec<(&'static str, String, usize)> {
    let gossip = gossips().into_iter().map(|vector| ("gossip", vector.name, vector.bytes));
    let requests = requests().into_iter().map(|vector| ("request", vector.name, vector.bytes));
    let responses = responses().into_iter().map(|vector| ("response", vector.name, vector.bytes));
    let all = gossip.chain(requests).chain(responses);
    all.map(|(read_as, name, bytes)| (read_as, name, bytes.0.len())).collect()
}

pub(crate) fn gossips() -> Vec<GossipVector> {
    let presence = statement("presence, typical: online");
    let announcement = statement("announcement, typical");
    vec![
        gossip("nothing", &[]),
        gossip("a decision", &[statement("decision, typical: admitted and staked")]),
        gossip("a first vouching: presence and announcement", &[presence, announcement]),
    ]
}
