//! What an application sees of a node: statements, authorities, those in touch and a time, and the
//! fold of them.

use rollbook_core::{Authorities, Context, Here, Hint, InTouch, NodeView, PresenceState, Standing};
use serde::{Deserialize, Serialize};

use crate::{
    golden::{Hex, golden},
    keys::{KeyVector, Who, keys},
    merge::{about_node, node, says},
    statement_cases::{
        AT, OLD_SESSION, announced, announcement, bare_presence, decision, presence, version,
    },
    statements::{AnnouncementVector, Fields, ImportedVector, PresenceVector, VersionVector},
};

const FIRST: Who = Who::FirstAuthority;
const SECOND: Who = Who::SecondAuthority;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct File {
    about: String,
    keys: Vec<KeyVector>,
    authorities: Vec<String>,
    cases: Vec<CaseVector>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CaseVector {
    name: String,
    subject: String,
    statements: Vec<Hex>,
    /// Hints of the authorities in touch.
    in_touch: Vec<Hex>,
    now: u64,
    view: ViewVector,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ViewVector {
    /// The code.
    standing: u8,
    /// The numbers of the registers of what is granted.
    grants: Vec<u8>,
    here: String,
    last_known: String,
    is_active: bool,
    /// The version of the announcement, where that is shown.
    announced: Option<VersionVector>,
    session: Option<Hex>,
    home: Option<String>,
    first_joined: Option<u64>,
    last_joined: Option<u64>,
    last_left: Option<u64>,
    last_updated: Option<u64>,
    uptime: u64,
    accumulated_uptime: u64,
    /// The number of each counter that is not zero, how often, and when last.
    tallies: Vec<(u8, u64, u64)>,
}

fn authorities() -> Authorities {
    Authorities::new(&[FIRST, SECOND].map(Who::peer_id)).expect("two authorities")
}

fn describe(view: &NodeView<'_>) -> ViewVector {
    let here = |here: Here| match here {
        Here::Online => "online".to_owned(),
        Here::Left => "left".to_owned(),
        Here::Unknown => "unknown".to_owned(),
    };
    ViewVector {
        standing: view.standing.0,
        grants: view.grants.iter().map(|grant| grant.register().0).collect(),
        here: here(view.here),
        last_known: here(view.last_known),
        is_active: view.is_active(),
        announced: view.announcement.as_ref().map(|(version, _)| (*version).into()),
        session: view.session().map(|session| Hex::of(&session.0)),
        home: view.home.map(|home| home.to_string()),
        first_joined: view.first_joined,
        last_joined: view.last_joined,
        last_left: view.last_left,
        last_updated: view.last_updated,
        uptime: view.uptime,
        accumulated_uptime: view.accumulated_uptime,
        tallies: view
            .tallies
            .iter()
            .map(|(counter, count, last)| (counter.number(), count, last))
            .collect(),
    }
}

fn case_of(name: &str, subject: Who, in_touch: &[Hex], statements: &[Hex]) -> CaseVector {
    let now = AT + 5_000;
    let node = node(subject.peer_id(), statements);
    let authorities = authorities();
    let in_touch_set: InTouch = in_touch.iter().map(|hint| Hint(hint.array())).collect();
    let context = Context { authorities: &authorities, in_touch: &in_touch_set, now_unix: now };
    CaseVector {
        name: name.to_owned(),
        subject: subject.peer_id().to_string(),
        statements: statements.to_vec(),
        in_touch: in_touch.to_vec(),
        now,
        view: describe(&node.view(&context)),
    }
}

fn case(name: &str, in_touch: &[Who], statements: &[Hex]) -> CaseVector {
    let in_touch: Vec<Hex> = in_touch.iter().map(|who| Hex::of(&who.hint().0)).collect();
    case_of(name, Who::Node, &in_touch, statements)
}

fn decides(who: Who, seq: u32, registers: &[(u8, u8, u32)]) -> Hex {
    about_node(who, version(seq), Fields::Decision(decision(registers)))
}

fn sees(who: Who, seq: u32, seen: PresenceVector) -> Hex {
    about_node(who, version(seq), Fields::Presence(seen))
}

fn presences() -> Vec<CaseVector> {
    let up = says(101, announcement(FIRST));
    let online = sees(FIRST, 417, presence(PresenceState::ONLINE));
    let left = PresenceVector {
        left: AT + 3_600,
        uptime: 90_000,
        issued_at: AT + 3_640,
        ..presence(PresenceState::LEFT)
    };
    let of_old_session =
        |seen: &PresenceVector| PresenceVector { session: Hex::of(&OLD_SESSION), ..seen.clone() };
    let leaving = says(102, AnnouncementVector { intent: 1, ..announcement(FIRST) });
    let left_before = sees(FIRST, 418, of_old_session(&left));
    let online_before = sees(FIRST, 418, of_old_session(&presence(PresenceState::ONLINE)));
    let left_after = sees(FIRST, 418, left.clone());
    let homeless = AnnouncementVector { home: Hex::of(&[0; 4]), ..announcement(FIRST) };
    let elsewhere = says(101, announcement(Who::Stranger));
    let both = [FIRST, SECOND];
    vec![
        case("nothing", &both, &[]),
        case("announced only", &both, std::slice::from_ref(&up)),
        case("online", &[FIRST], &[up.clone(), online.clone()]),
        case("home not in touch", &[SECOND], &[up.clone(), online.clone()]),
        case("nobody in touch", &[], &[up.clone(), online.clone()]),
        case("left", &[FIRST], &[up.clone(), left_after.clone()]),
        case("left, home not in touch", &[], &[up.clone(), left_after.clone()]),
        case("refuted", &[FIRST], &[says(102, announcement(FIRST)), left_after.clone()]),
        case("leaving, whoever is in touch", &[], &[leaving, online.clone()]),
        case("moved", &[FIRST], &[up.clone(), sees(FIRST, 419, presence(PresenceState::MOVED))]),
        case("the session before was online", &[FIRST], &[up.clone(), online_before]),
        case("the session before left", &[FIRST], &[up.clone(), left_before]),
        case("another than home says left", &both, &[up.clone(), sees(SECOND, 3, left)]),
        case("no home yet", &both, &[says(101, homeless), online.clone()]),
        case("home is no authority", &both, &[elsewhere, online.clone()]),
        case("vouched for, never announced", &both, std::slice::from_ref(&online)),
        case("vouched for, left", &both, &[left_after]),
        case(
            "a state of a later version",
            &[FIRST],
            &[up.clone(), sees(FIRST, 420, presence(PresenceState(9)))],
        ),
        case(
            "a stranger vouches",
            &both,
            &[up, sees(Who::Stranger, 1, presence(PresenceState::ONLINE))],
        ),
    ]
}

fn standings() -> Vec<CaseVector> {
    let up = || says(101, announcement(FIRST));
    let online = || sees(FIRST, 417, presence(PresenceState::ONLINE));
    let (admitted, removed, banned) =
        (Standing::ADMITTED.0, Standing::REMOVED.0, Standing::BANNED.0);
    let decided = |name: &str, decisions: &[Hex]| {
        case(name, &[FIRST], &[decisions, &[online(), up()]].concat())
    };
    let one =
        |name: &str, registers: &[(u8, u8, u32)]| decided(name, &[decides(FIRST, 418, registers)]);
    // The second authority booted later, so its versions are greater; that says nothing.
    let later = |registers: &[(u8, u8, u32)]| {
        let boot = VersionVector { epoch: version(0).epoch + 9, seq: 1 };
        about_node(SECOND, boot, Fields::Decision(decision(registers)))
    };
    let two = |name: &str, first: &[(u8, u8, u32)], second: &[(u8, u8, u32)]| {
        decided(name, &[decides(FIRST, 418, first), later(second)])
    };
    vec![
        one(
            "admitted, staked, validator and two grants of the application",
            &[(0, admitted, 1), (1, 1, 2), (2, 1, 3), (3, 1, 4), (15, 1, 5)],
        ),
        one("grants without a decided standing", &[(1, 1, 1)]),
        one("removed", &[(0, removed, 1), (1, 1, 2)]),
        one("banned", &[(0, banned, 1)]),
        one("an unknown standing that admits", &[(0, 0x91, 1)]),
        one("an unknown standing that does not", &[(0, 0x11, 1)]),
        one("an unknown register and an unknown value", &[(200, 1, 1), (1, 7, 2)]),
        two(
            "the greater stamp decides, not the later boot",
            &[(0, banned, 2)],
            &[(0, admitted, 1)],
        ),
        two("the later decision decides, whoever takes it", &[(0, banned, 2)], &[(0, admitted, 3)]),
        two("equal stamps: the more restrictive", &[(0, admitted, 5)], &[(0, removed, 5)]),
        two("equal stamps: banned before removed", &[(0, banned, 5)], &[(0, removed, 5)]),
        two("register by register", &[(1, 1, 4), (2, 1, 1)], &[(1, 0, 3), (2, 0, 2)]),
        two("equal stamps: not granted", &[(1, 1, 4)], &[(1, 0, 4)]),
    ]
}

fn histories() -> Vec<CaseVector> {
    let up = says(101, announcement(FIRST));
    let history = |first_joined: u64, uptime: u64| {
        Some(ImportedVector { first_joined, uptime, counted: [(0, 0); 3] })
    };
    let imported = PresenceVector {
        issued_at: AT + 1,
        imported: history(1_700_000_000, 5_000),
        ..bare_presence()
    };
    let online = PresenceVector {
        imported: history(1_690_000_000, 4_000),
        ..presence(PresenceState::ONLINE)
    };
    let moved = PresenceVector {
        first_joined: AT - 2_000_000,
        joined: AT - 2_000_000,
        left: AT - 1_500_000,
        uptime: 500_000,
        issued_at: AT - 1_500_000,
        imported: history(1_700_000_000, 6_000),
        ..presence(PresenceState::MOVED)
    };
    let ahead = PresenceVector { joined: AT + 9_000, ..presence(PresenceState::ONLINE) };
    let full = PresenceVector { uptime: u64::MAX, ..presence(PresenceState::ONLINE) };
    let own = announced("", FIRST, version(1), announcement(FIRST)).wire;
    let of_second = announced("", SECOND, version(1), announcement(SECOND)).wire;
    let in_touch = |who: Who| vec![Hex::of(&who.hint().0)];
    vec![
        case(
            "imported history makes nobody online",
            &[FIRST],
            &[up.clone(), sees(FIRST, 1, imported)],
        ),
        case(
            "uptimes are summed, imported history counts once",
            &[FIRST],
            &[up.clone(), sees(FIRST, 417, online), sees(SECOND, 2, moved)],
        ),
        case(
            "joined after now by the authority's clock",
            &[FIRST],
            &[up.clone(), sees(FIRST, 417, ahead)],
        ),
        case("uptime does not wrap", &[FIRST], &[up, sees(FIRST, 417, full)]),
        case_of("an authority in touch", FIRST, &in_touch(FIRST), std::slice::from_ref(&own)),
        case_of("an authority not in touch", SECOND, &in_touch(FIRST), &[of_second]),
    ]
}

fn cases() -> Vec<CaseVector> {
    let mut cases = presences();
    cases.extend(standings());
    cases.extend(histories());
    cases
}

#[test]
fn views_are_as_in_the_file() {
    let computed = File {
        about: "Statements about one node, the authorities in touch and the time, and what an \
                application sees. `standing` is the code, 0 while nobody decided or vouched."
            .to_owned(),
        keys: keys(),
        authorities: authorities().iter().map(|(_, peer_id)| peer_id.to_string()).collect(),
        cases: cases(),
    };
    let file = golden("view.json", &computed);
    for vector in &file.cases {
        let subject = Who::of(&vector.subject);
        let again = case_of(&vector.name, subject, &vector.in_touch, &vector.statements);
        assert_eq!(again, *vector);
    }
}
