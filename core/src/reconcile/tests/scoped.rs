//! Two rolls of replicas with other lists of authorities: walks make equal what both can hold.

use std::{vec, vec::Vec};

use super::{
    super::{
        Parts, Pen, Scope, Side, Walk, Work, Writer, range::KeyRange, slot::SlotSet, tag::EMPTY,
    },
    Figures, HEADER_SIZE_MAX, Narrow, WORK, announcement, answer_with, ask, authority, cost,
    decision, index, listed, node, presence, roll, statements, walk_once,
};
use crate::{
    authorities::Authorities,
    in_common,
    message::{self, Request, WalkRequest},
    random::Random,
    reconcile::part::Part,
    roll::Roll,
    statement::{Kind, Signed, StatementBytes},
    storage::{Heap, Storage},
};

/// Authority 2 is the first of one list and the last of another: its slots are numbered anew.
const LISTS: [(&[u64], &[u64]); 3] =
    [(&[1, 2], &[1, 2, 3]), (&[2, 3], &[0, 1, 2]), (&[0, 1, 4, 2], &[3, 2, 1])];

fn authorities(numbers: &[u64]) -> Authorities {
    let listed: Vec<_> = numbers.iter().map(|number| authority(*number)).collect();
    Authorities::new(&listed).expect("distinct")
}

/// What a roll holds that is in scope of a walk between such replicas.
fn in_scope<S: Storage>(roll: &Roll<S>, both: &Authorities) -> Vec<StatementBytes> {
    let is_in_scope = |wire: &StatementBytes| {
        let statement = Signed::parse(wire).expect("well formed");
        statement.kind() != Kind::Announcement && both.contains(statement.writer())
    };
    statements(roll).into_iter().filter(is_in_scope).collect()
}

fn out_of_scope<S: Storage>(roll: &Roll<S>, both: &Authorities) -> Vec<StatementBytes> {
    let scoped = in_scope(roll, both);
    statements(roll).into_iter().filter(|wire| !scoped.contains(wire)).collect()
}

/// Two rolls of `n` nodes each that differ in what both can hold of `d` of them, and otherwise in
/// all: each holds what only its own authorities said, of these nodes and of as many others, and
/// another announcement.
fn differing(
    random: &mut Random,
    (ours, theirs): (&[u64], &[u64]),
    n: u64,
    d: u64,
) -> [Vec<StatementBytes>; 2] {
    let both: Vec<u64> = ours.iter().copied().filter(|number| theirs.contains(number)).collect();
    let only = |own: &[u64]| own.iter().copied().find(|number| !both.contains(number));
    let own = [only(ours), only(theirs)];
    let mut sides = [vec![], vec![]];
    for number in 0..n {
        let (subject, other) = (node(random.number(), number), node(random.number(), n + number));
        let writer = both[index(random, both.len())];
        let common = [presence(writer, &subject, 10, 0), decision(writer, &subject, 11)];
        let differs = number % (n / d.max(1)) == 0 && number / (n / d.max(1)) < d;
        let lacking = if differs { index(random, 4) } else { 4 };
        for (side, held) in sides.iter_mut().enumerate() {
            let agent = ["ours", "theirs"][side];
            held.push(announcement(&subject, 10 + u32::from(side == 1), agent));
            held.extend(own[side].map(|number| presence(number, &subject, 12, 1)));
            held.extend(own[side].map(|number| decision(number, &other, 13)));
            match lacking {
                // Nothing of it, an older presence, or the presence alone.
                lacking if lacking == side => {}
                2 if side == 0 => held.push(presence(writer, &subject, 9, 0)),
                3 if side == 1 => held.push(common[0].clone()),
                _ => held.extend(common.iter().cloned()),
            }
        }
    }
    sides
}

/// Walks until one moves nothing, which is at once, and checks what they came to.
fn reconcile<S: Storage, T: Storage>(
    lists: (&[u64], &[u64]),
    (ours, theirs): (&mut Roll<S>, &mut Roll<T>),
    frame: usize,
) -> Figures {
    let (our_list, their_list) = (authorities(lists.0), authorities(lists.1));
    let both = in_common::in_common(&our_list, &their_list);
    let together = in_scope(ours, &both).into_iter().chain(in_scope(theirs, &both));
    let together: Roll<Heap> = roll(together);
    let rest = (out_of_scope(ours, &both), out_of_scope(theirs, &both));
    let mut figures = Figures::default();
    loop {
        let before = figures.sent;
        walk_once((&our_list, &their_list), ours, theirs, frame, &mut figures).expect("honest");
        assert!(figures.walks <= 5, "{figures:?}");
        if figures.sent == before {
            break;
        }
    }
    let together = statements(&together);
    assert!(in_scope(ours, &both) == together, "all that was in common is here");
    assert!(in_scope(theirs, &both) == together, "all that was in common is there");
    let still = (out_of_scope(ours, &both), out_of_scope(theirs, &both));
    assert!(still == rest, "nothing else moved");
    figures
}

#[test]
fn what_both_can_hold_becomes_equal_and_nothing_else_moves() {
    let mut random = Random::new(&[11; 32]);
    for lists in LISTS {
        for (n, d) in [(3, 0), (5, 2), (40, 7), (300, 0), (300, 5), (300, 300)] {
            let [ours, theirs] = differing(&mut random, lists, n, d);
            for frame in [1_200, 16 << 10] {
                let mut rolls = (roll::<Narrow>(ours.clone()), roll::<Heap>(theirs.clone()));
                let figures = reconcile(lists, (&mut rolls.0, &mut rolls.1), frame);
                assert_eq!(figures.redundant, 0, "{figures:?}");
                let mut rolls = (roll::<Heap>(ours.clone()), roll::<Narrow>(theirs.clone()));
                reconcile(lists, (&mut rolls.0, &mut rolls.1), frame);
            }
        }
    }
}

#[test]
fn walk_over_what_is_in_common_costs_what_differs() {
    let mut random = Random::new(&[12; 32]);
    let (n, lists) = (2_000, LISTS[0]);
    for (d, bytes_max) in [(0, 400), (1, 2_000), (10, 6_000)] {
        let [ours, theirs] = differing(&mut random, lists, n, d);
        let (mut ours, mut theirs) = (roll::<Heap>(ours), roll::<Heap>(theirs));
        let figures = reconcile(lists, (&mut ours, &mut theirs), 16 << 10);
        assert!(figures.digest_bytes() < bytes_max, "{d}: {figures:?}");
        // Each walk looks at all that is held a few times, and says so.
        let held = u64::try_from(ours.count() + in_scope(&ours, &authorities(&[1, 2])).len());
        let once = held.expect("few");
        let walks = figures.walks;
        assert!((walks * once..walks * 3 * once).contains(&figures.work.0), "{figures:?}");
        // What one peer may have done at once is enough for a walk.
        let granted = 8 * (512 + u64::try_from(theirs.count()).expect("few"));
        assert!((once..granted).contains(&(figures.work.1 / walks)), "{figures:?}");
    }
}

#[test]
fn both_sides_give_the_same_tags_of_what_is_in_common() {
    let (mut random, mut empty) = (Random::new(&[13; 32]), 0);
    for lists in LISTS {
        let [ours, theirs] = differing(&mut random, lists, 200, 0);
        let (ours, theirs) = (roll::<Heap>(ours), roll::<Narrow>(theirs));
        assert_ne!(ours.root(), theirs.root());
        let (our_list, their_list) = (authorities(lists.0), authorities(lists.1));
        let (here, scope) = listed(&our_list, &their_list);
        let (there, _) = listed(&their_list, &our_list);
        for bits in (0..=64).step_by(4) {
            for place in 0..ours.count().min(100) {
                let range = KeyRange::around(ours.at(place).order_key(), bits);
                let tag = |salt| {
                    let side = Side { scope, ..super::side(&ours, &here, salt) };
                    side.tag(range, &mut Work(WORK))
                };
                let side = Side { scope, ..super::side(&theirs, &there, &[1; 16]) };
                let theirs = side.tag(range, &mut Work(WORK)).expect("work");
                assert_eq!(tag(&[1; 16]), Some(theirs));
                assert!(theirs == EMPTY || tag(&[2; 16]) != Some(theirs));
                empty += u32::from(theirs == EMPTY);
            }
        }
    }
    assert!(empty > 100, "there are nodes that one side alone holds: {empty}");
}

#[test]
fn tag_is_of_all_that_is_in_scope_and_of_nothing_else() {
    let (subject, list) = (node(7, 7), authorities(&[1, 2]));
    let base = [presence(1, &subject, 10, 0), decision(2, &subject, 10)];
    let tag = |more: &[StatementBytes]| {
        let roll = roll::<Heap>(base.iter().chain(more).cloned());
        let side = Side { scope: Scope::InCommon, ..super::side(&roll, &list, &[1; 16]) };
        side.tag(KeyRange::ALL, &mut Work(WORK)).expect("work")
    };
    let other = node(9, 9);
    for inside in [
        presence(1, &subject, 11, 0),
        presence(1, &subject, 10, 1),
        presence(2, &subject, 10, 0),
        decision(1, &subject, 10),
        presence(1, &other, 10, 0),
    ] {
        assert_ne!(tag(&[inside]), tag(&[]));
    }
    for outside in [
        announcement(&subject, 10, "said"),
        announcement(&other, 10, "said"),
        presence(3, &subject, 10, 0),
        decision(3, &other, 10),
    ] {
        assert_eq!(tag(&[outside]), tag(&[]));
    }
}

#[test]
fn nodes_out_of_scope_are_in_no_list() {
    let lists = LISTS[0];
    let mut random = Random::new(&[14; 32]);
    let few: Vec<_> = (0..5).map(|number| node(random.number(), number)).collect();
    let scoped = few.iter().map(|subject| presence(1, subject, 10, 0));
    let others = (5..500).map(|number| presence(3, &node(random.number(), number), 10, 0));
    let ours: Roll<Heap> = roll(scoped.chain(others));
    let (our_list, their_list) = (authorities(lists.1), authorities(lists.0));
    let mut walk = Walk::new();
    walk.begin();
    let lists = (&our_list, &their_list);
    let request = ask(lists, &mut walk, &ours, [1; 16], &mut Work(WORK), 4_000);
    let request = request.expect("honest").expect("something to ask");
    let decoded = message::decode(&request, 4_000).expect("well formed");
    let Request::Walk(fields) = decoded else { panic!("it walks") };
    let read = in_common::read_list(fields.authorities).expect("well formed");
    assert_eq!(read.map(|list| list.set_hash()), Some(our_list.set_hash()));
    let parts = Parts::parse(fields.parts).expect("well formed");
    let [Part::List(list)] = parts.iter().collect::<Vec<_>>()[..] else { panic!("one list") };
    assert_eq!((list.range, list.count()), (KeyRange::ALL, 5));
    assert!(list.entries().all(|entry| entry.slots.iter().count() == 1));
}

#[test]
fn equal_order_keys_and_suffixes_become_equal_between_other_lists_too() {
    let mut random = Random::new(&[15; 32]);
    for round in 0..100 {
        let lists = LISTS[index(&mut random, LISTS.len())];
        let [mut ours, mut theirs] = differing(&mut random, lists, 20, 5);
        for number in 0..2 + random.below(12) {
            let key = 0x1234_5678 << 32 | random.below(3) << (random.below(2) * 20);
            let subject = node(key, 1_000 + number);
            for (own, held) in [(lists.0, &mut ours), (lists.1, &mut theirs)] {
                // By authorities of one side or both, so that nodes out of scope are between.
                let writer = own[index(&mut random, own.len())];
                // No honest writer gives two statements one version.
                let seq = u32::try_from(100 * number + random.below(3)).expect("small");
                if random.below(4) > 0 {
                    held.push(presence(writer, &subject, seq, 0));
                }
            }
        }
        let (mut ours, mut theirs) = (roll::<Narrow>(ours), roll::<Heap>(theirs));
        let figures = reconcile(lists, (&mut ours, &mut theirs), 16 << 10);
        assert!(figures.walks <= 5, "round {round}: {figures:?}");
    }
}

/// A roll of so many nodes of which nothing is in scope, and one of which something is.
fn mostly_out_of_scope(n: u64) -> Roll<Heap> {
    let mut random = Random::new(&[16; 32]);
    let others = (1..n).map(|number| presence(3, &node(random.number(), number), 10, 0));
    roll(others.chain([presence(1, &node(5, 5), 10, 0)]))
}

/// How many questions of a request with these parts are answered for what a peer is granted.
fn answered(theirs: &Roll<Heap>, list: &[u8], parts: &[u8]) -> (u16, u64) {
    let own = authorities(&[1, 2, 3]);
    let walk = WalkRequest { step: 1, salt: [7; 16], credit: 60_000, authorities: list, parts };
    let granted = 8 * (512 + u64::try_from(theirs.count()).expect("few"));
    let mut work = Work(granted);
    let (resume, _) = answer_with(&own, theirs, &walk, &mut work, 1 << 20);
    (resume.map_or(u16::MAX, |(questions, _)| questions), granted - work.0)
}

#[test]
fn looking_through_what_is_out_of_scope_is_paid_for() {
    let theirs = mostly_out_of_scope(3_000);
    let list = in_common::list(&authorities(&[1]));
    let empty_tags = [&[0, 0, 0xff, 0xff][..], &[1; 64]].concat();
    for (name, question) in [
        ("a list of nothing", vec![1, 0, 0]),
        ("tags of everything", empty_tags),
        ("a want of nothing", vec![2, 0, 0, 0, 0]),
        ("a want of everything", vec![2, 0, 1, 0xff, 0xff]),
    ] {
        let (questions, spent) = answered(&theirs, &list, &question.repeat(500));
        assert!((1..=10).contains(&questions), "{name}: {questions} for {spent}");
    }
    // So is looking for what nobody holds, where the lists are the same.
    let (questions, _) = answered(&theirs, &[], &[2, 0, 0, 0, 0].repeat(500));
    assert!((1..=10).contains(&questions), "{questions}");
}

#[test]
fn bent_requests_with_lists_never_panic_and_cost_no_more_than_is_granted() {
    let mut random = Random::new(&[17; 32]);
    let lists = LISTS[1];
    let [ours, theirs] = differing(&mut random, lists, 200, 40);
    let (mut ours, mut theirs) = (roll::<Narrow>(ours), roll::<Heap>(theirs));
    let (our_list, their_list) = (authorities(lists.0), authorities(lists.1));
    let (here, scope) = listed(&our_list, &their_list);
    // The requests of a walk, whose answers lead to all kinds of steps.
    let (mut requests, mut figures, mut walk) = (vec![], Figures::default(), Walk::new());
    walk.begin();
    while !walk.is_done() {
        let (lists, mut work) = ((&our_list, &their_list), Work(WORK));
        let request = ask(lists, &mut walk, &ours, [9; 16], &mut work, 2_000).expect("honest");
        let Some(request) = request else { break };
        let response = super::respond(&their_list, &mut theirs, &request, 2_000, &mut figures);
        let decoded = message::decode(&response, 2_000).expect("well formed");
        let message::Response::Walk(fields) = decoded else { panic!("it walks") };
        let parts = Parts::parse(fields.parts).expect("well formed");
        walk.settle(fields.resume).expect("honest");
        figures.take(&mut ours, &response, &parts);
        let side = Side { scope, ..super::side(&ours, &here, &[9; 16]) };
        walk.read(&side, &parts, &mut work).expect("honest");
        requests.push(request);
    }
    let (mut answered, mut refused) = (0, 0);
    for _ in 0..10_000 {
        let mut request = requests[index(&mut random, requests.len())].clone();
        for _ in 0..random.below(4) {
            let place = index(&mut random, request.len());
            request[place] = random.number().to_le_bytes()[0];
        }
        let Ok(Request::Walk(walk)) = message::decode(&request, 2_000) else { continue };
        if Parts::parse(walk.parts).is_err() {
            continue;
        }
        if in_common::read_list(walk.authorities).is_err() {
            refused += 1;
            continue;
        }
        answered += 1;
        let mut work = Work(random.below(8 * 900));
        let frame = HEADER_SIZE_MAX + index(&mut random, 2_000);
        let (_, parts) = answer_with(&their_list, &theirs, &walk, &mut work, frame);
        let parts = Parts::parse(&parts).expect("an answer is well formed");
        assert!(cost(&parts) <= walk.credit.into());
    }
    assert!(answered > 500 && refused > 50, "{answered} {refused}");
}

#[test]
fn what_may_not_be_shown_is_withheld_from_other_lists_too() {
    let (subject, both) = (node(7, 7), authorities(&[1, 2]));
    let theirs: Roll<Heap> = roll([
        announcement(&subject, 10, "said"),
        presence(1, &subject, 10, 0),
        presence(2, &subject, 10, 0),
        presence(3, &subject, 10, 0),
    ]);
    let own = authority(1);
    for (visible, withheld, sent) in
        [(u64::MAX, None, 2), (3, None, 2), (2, None, 1), (0, None, 0), (4, Some(&own), 1)]
    {
        let base = super::side(&theirs, &both, &[0; 16]);
        let side = Side { visible, withheld, scope: Scope::InCommon, ..base };
        let mut room = [0; 1_000];
        let mut pen = Pen { side: &side, work: &mut Work(100), out: Writer::new(&mut room) };
        assert!(pen.send(0, SlotSet::ALL).is_empty());
        let size = pen.out.used();
        let parts = Parts::parse(&room[..size]).expect("just written");
        assert_eq!(parts.statements().flat_map(message::statements).count(), sent);
    }
}
