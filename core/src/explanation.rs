//! Why a node is seen as it is: each fact with the statement that it stands in.

use crate::{
    authorities::Authorities,
    node_data::NodeData,
    peer_id::{Hint, PeerId},
    statement::{
        Announcement, Any, Decision, Grant, Imported, Intent, Kind, Presence, PresenceState,
        RegisterId, Session, Signed, Standing, Tally,
    },
    storage::Buffer,
    version::Version,
};

/// Something that a statement says. Times are unix seconds by the writer's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fact<'a> {
    /// Whether the node belongs to the network.
    Standing(Standing),
    /// Whether it was granted something.
    Grant(Grant, bool),
    /// Its run.
    Session(Session),
    /// The authority that it names as its home; none, or one that is not configured, is none.
    Home(Option<PeerId>),
    /// Whether it means to stay.
    Intent(Intent),
    /// The software that it runs.
    Agent(&'a str),
    /// How it is reached: a binary multiaddr.
    Address(&'a [u8]),
    /// What it can do.
    Capability(&'a str),
    /// What an authority last saw of a session, and the announcement that this rests on.
    Presence(PresenceState, Session, Version),
    /// When it first joined there.
    FirstJoined(u64),
    /// When it last joined there.
    Joined(u64),
    /// When it last left there.
    Left(u64),
    /// For how long it was there in its ended sessions, in seconds.
    Uptime(u64),
    /// Its history from before Rollbook.
    Imported(Imported),
    /// What others counted about it.
    Tally(Tally),
}

/// A fact, and where it is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explained<'a> {
    /// What is said.
    pub fact: Fact<'a>,
    /// The kind of statement.
    pub kind: Kind,
    /// Who says it.
    pub writer: PeerId,
    /// The statement's version: of statements of one writer the greatest stands.
    pub version: Version,
    /// The stamp of what was decided: of several authorities the greatest counts.
    pub stamp: Option<u32>,
    /// Whether the view has it from here: another authority's register may count instead, nobody
    /// but the home says whether a session is here, and who is not admitted says nothing.
    pub counts: bool,
}

/// All facts that the statements about a node hold, in the order of its slots.
pub(crate) fn explain<'a, B: Buffer>(
    node: &'a NodeData<B>,
    authorities: &'a Authorities,
) -> impl Iterator<Item = Explained<'a>> {
    let home = node.announcement().and_then(|signed| signed.read()).map(|said| said.home);
    let standing = node.standing(authorities);
    let is_shown = standing.admits() || standing == Standing::PENDING;
    node.statements().flat_map(move |held| {
        let statement = held.statement;
        let writer = match statement.kind() {
            Kind::Announcement => Some(*node.subject()),
            _ => authorities.resolve(statement.writer()).copied(),
        };
        let facts = (0..).map_while(move |index| fact_at(&statement, index, authorities));
        facts.flatten().filter_map(move |(fact, stamp)| {
            let writer = writer?;
            let counts = match fact {
                Fact::Standing(_) => wins(node, authorities, RegisterId::STANDING, &writer, stamp),
                Fact::Grant(grant, _) => wins(node, authorities, grant.register(), &writer, stamp),
                Fact::Presence(..) => is_shown && home == Some(statement.writer()),
                _ => is_shown || statement.kind() != Kind::Announcement,
            };
            let (kind, version) = (statement.kind(), statement.version());
            Some(Explained { fact, kind, writer, version, stamp, counts })
        })
    })
}

/// Whether the register of `writer` is the one that counts.
fn wins<B: Buffer>(
    node: &NodeData<B>,
    authorities: &Authorities,
    id: RegisterId,
    writer: &PeerId,
    stamp: Option<u32>,
) -> bool {
    let winner = node
        .decisions()
        .filter_map(|signed| {
            let writer = authorities.resolve(signed.writer())?;
            let decision = signed.read()?;
            let register = decision.registers.into_iter().find(|register| register.id == id)?;
            Some((register.precedence(), *writer))
        })
        .max();
    winner.is_some_and(|((greatest, _), by)| by == *writer && Some(greatest) == stamp)
}

/// A fact with its stamp; none where this one means nothing or is not there.
type Stamped<'a> = Option<(Fact<'a>, Option<u32>)>;

/// What stands at place `index` of a statement. `None` behind the last place.
fn fact_at<'a>(
    statement: &Signed<'a, Any>,
    index: usize,
    authorities: &Authorities,
) -> Option<Stamped<'a>> {
    match statement.kind() {
        Kind::Decision => decided_at(&statement.typed()?.read()?, index),
        Kind::Presence => Some(seen_at(&statement.typed()?.read()?, index)?.map(unstamped)),
        Kind::Announcement => {
            Some(Some(unstamped(said_at(&statement.typed()?.read()?, index, authorities)?)))
        }
    }
}

fn unstamped(fact: Fact<'_>) -> (Fact<'_>, Option<u32>) {
    (fact, None)
}

fn decided_at<'a>(decision: &Decision, index: usize) -> Option<Stamped<'a>> {
    let register = decision.registers.get(index)?;
    let fact = match register.id {
        RegisterId::STANDING => Some(Fact::Standing(Standing(register.value))),
        id => Grant::all()
            .find(|grant| grant.register() == id)
            .map(|grant| Fact::Grant(grant, register.value != 0)),
    };
    Some(fact.map(|fact| (fact, Some(register.stamp))))
}

fn seen_at<'a>(seen: &Presence, index: usize) -> Option<Option<Fact<'a>>> {
    let some = |value: u64, fact: fn(u64) -> Fact<'a>| (value != 0).then(|| fact(value));
    Some(match index {
        0 => (seen.state != PresenceState::NONE).then_some(Fact::Presence(
            seen.state,
            seen.session,
            seen.rests_on,
        )),
        1 => some(seen.first_joined, Fact::FirstJoined),
        2 => some(seen.joined, Fact::Joined),
        3 => some(seen.left, Fact::Left),
        4 => some(seen.uptime, Fact::Uptime),
        5 => seen.imported.map(Fact::Imported),
        _ => Some(Fact::Tally(*seen.tallies.get(index - 6)?)),
    })
}

fn said_at<'a>(
    said: &Announcement<'a>,
    index: usize,
    authorities: &Authorities,
) -> Option<Fact<'a>> {
    let home: Hint = said.home;
    Some(match index {
        0 => Fact::Session(said.session),
        1 => Fact::Home(authorities.resolve(home).copied()),
        2 => Fact::Intent(said.intent),
        3 => Fact::Agent(said.agent),
        _ => match said.addresses.get(index - 4) {
            Some(address) => Fact::Address(address),
            None => Fact::Capability(said.capabilities.get(index - 4 - said.addresses.len())?),
        },
    })
}
