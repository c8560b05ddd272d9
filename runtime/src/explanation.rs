//! Why a node is seen as it is, in an application's terms.

use libp2p::Multiaddr;
use rollbook_core::{Explained, Fact, Intent, PeerId, PresenceState, Version, statement::Kind};
use serde::{Deserialize, Serialize};

use crate::{grants::GrantNames, text, view::Standing};

/// A fact that a statement holds, and where it is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct FactView {
    /// What it is about, as `standing` or `address`.
    pub fact: String,
    /// What is said.
    pub value: String,
    /// The kind of statement: `decision`, `presence` or `announcement`.
    pub statement: String,
    /// Who says it.
    #[serde(with = "text::peer_id")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub writer: PeerId,
    /// The statement's epoch.
    pub epoch: u32,
    /// Its number within the epoch.
    pub seq: u32,
    /// The stamp of what was decided; of several authorities the greatest counts.
    pub stamp: Option<u32>,
    /// Whether the node is seen as it is because of this.
    pub counts: bool,
}

/// Two statements of one writer that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct EquivocationView {
    /// Who made them.
    #[serde(with = "text::peer_id")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub writer: PeerId,
    /// The epoch of both.
    pub epoch: u32,
    /// Their number within the epoch.
    pub seq: u32,
}

/// Why a node is seen as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Every fact that is known of it.
    pub facts: Vec<FactView>,
    /// Who contradicted itself about it lately.
    pub equivocations: Vec<EquivocationView>,
}

impl FactView {
    pub(crate) fn of(said: &Explained<'_>, names: &GrantNames) -> FactView {
        let (fact, value) = words(&said.fact, names);
        let statement = match said.kind {
            Kind::Decision => "decision",
            Kind::Presence => "presence",
            Kind::Announcement => "announcement",
        };
        let Version { epoch, seq } = said.version;
        FactView {
            fact: fact.to_owned(),
            value,
            statement: statement.to_owned(),
            writer: said.writer,
            epoch,
            seq,
            stamp: said.stamp,
            counts: said.counts,
        }
    }
}

/// For who drives the core alone: the application's grants go by their numbers, as `app0`.
impl From<&Explained<'_>> for FactView {
    fn from(said: &Explained<'_>) -> FactView {
        FactView::of(said, &GrantNames::default())
    }
}

impl From<(PeerId, Version)> for EquivocationView {
    fn from(contradiction: (PeerId, Version)) -> EquivocationView {
        EquivocationView::of(contradiction)
    }
}

impl EquivocationView {
    pub(crate) fn of((writer, version): (PeerId, Version)) -> EquivocationView {
        EquivocationView { writer, epoch: version.epoch, seq: version.seq }
    }
}

fn words(fact: &Fact<'_>, names: &GrantNames) -> (&'static str, String) {
    match fact {
        Fact::Standing(standing) => ("standing", Standing::of(*standing).name().to_owned()),
        Fact::Grant(grant, true) => ("grant", format!("{} granted", names.name(*grant))),
        Fact::Grant(grant, false) => ("grant", format!("{} revoked", names.name(*grant))),
        Fact::Session(session) => ("session", session.to_string()),
        Fact::Home(home) => ("home", home.map_or_else(String::new, |home| home.to_string())),
        Fact::Intent(Intent::LEAVING) => ("intent", "leaving".to_owned()),
        Fact::Intent(_) => ("intent", "up".to_owned()),
        Fact::Agent(agent) => ("agent", (*agent).to_owned()),
        Fact::Address(bytes) => {
            let address = Multiaddr::try_from(bytes.to_vec());
            ("address", address.map_or_else(|_| hex::encode(bytes), |known| known.to_string()))
        }
        Fact::Capability(name) => ("capability", (*name).to_owned()),
        Fact::Presence(state, session, rests_on) => {
            let state = match *state {
                PresenceState::ONLINE => "online",
                PresenceState::LEFT => "left",
                PresenceState::MOVED => "moved",
                _ => "unknown",
            };
            let Version { epoch, seq } = rests_on;
            ("presence", format!("{state} in session {session}, resting on {epoch}.{seq}"))
        }
        Fact::FirstJoined(time) => ("firstJoined", time.to_string()),
        Fact::Joined(time) => ("joined", time.to_string()),
        Fact::Left(time) => ("left", time.to_string()),
        Fact::Uptime(seconds) => ("uptimeSeconds", seconds.to_string()),
        Fact::Imported(history) => {
            let (first, uptime) = (history.first_joined, history.uptime);
            let [successes, timeouts, not_found] = history.counted.map(|counted| counted.count);
            let counted =
                format!("successes {successes}, timeouts {timeouts}, not-found {not_found}");
            ("imported", format!("first joined {first}, uptime {uptime} s, {counted}"))
        }
        Fact::Tally(tally) => {
            let name = rollbook_core::Counter::new(tally.counter)
                .map_or_else(|| tally.counter.to_string(), crate::view::counter_name);
            ("tally", format!("{name} {} last {}", tally.count, tally.last))
        }
        _ => ("other", String::new()),
    }
}
