//! Statements of every kind: fields, payload, what is signed, signature, and the whole as on the
//! wire.

use rollbook_core::{
    Announcement, Counted, Decision, Imported, Intent, PeerId, Presence, PresenceState, Session,
    Signed, Signer, Version,
    statement::{Any, Kind, Register, RegisterId, StatementBytes, Tally, envelope},
};
use serde::{Deserialize, Serialize};

use crate::{
    envelope::signed_envelope,
    golden::{Hex, golden},
    keys::{KeyVector, NETWORK, Who, keys, network},
    layout::Layout,
    statement_cases,
};

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct File {
    about: String,
    network: String,
    keys: Vec<KeyVector>,
    statements: Vec<StatementVector>,
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StatementVector {
    pub(crate) name: String,
    pub(crate) writer: String,
    pub(crate) subject: String,
    pub(crate) version: VersionVector,
    pub(crate) fields: Fields,
    /// What a later version would say after the fields that are known.
    pub(crate) later_fields: Hex,
    pub(crate) payload: Hex,
    pub(crate) envelope: Hex,
    pub(crate) signature: Hex,
    pub(crate) wire: Hex,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VersionVector {
    pub(crate) epoch: u32,
    pub(crate) seq: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fields {
    Announcement(AnnouncementVector),
    Decision(DecisionVector),
    Presence(PresenceVector),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AnnouncementVector {
    pub(crate) session: Hex,
    pub(crate) home: Hex,
    pub(crate) intent: u8,
    pub(crate) issued_at: u64,
    pub(crate) addresses: Vec<Hex>,
    pub(crate) agent: String,
    pub(crate) capabilities: Vec<String>,
    pub(crate) extra: Hex,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DecisionVector {
    pub(crate) issued_at: u64,
    pub(crate) registers: Vec<RegisterVector>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RegisterVector {
    pub(crate) id: u8,
    pub(crate) value: u8,
    pub(crate) stamp: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PresenceVector {
    pub(crate) session: Hex,
    pub(crate) state: u8,
    pub(crate) rests_on: VersionVector,
    pub(crate) first_joined: u64,
    pub(crate) joined: u64,
    pub(crate) left: u64,
    pub(crate) uptime: u64,
    pub(crate) issued_at: u64,
    pub(crate) imported: Option<ImportedVector>,
    pub(crate) horizon: Option<VersionVector>,
    pub(crate) tallies: Vec<TallyVector>,
    pub(crate) counted_from: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImportedVector {
    pub(crate) first_joined: u64,
    pub(crate) uptime: u64,
    /// Count and time of successes, timeouts and not found.
    pub(crate) counted: [(u64, u64); 3],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TallyVector {
    pub(crate) counter: u8,
    pub(crate) count: u64,
    pub(crate) last: u64,
}

impl From<VersionVector> for Version {
    fn from(vector: VersionVector) -> Version {
        Version { epoch: vector.epoch, seq: vector.seq }
    }
}

impl From<Version> for VersionVector {
    fn from(version: Version) -> VersionVector {
        VersionVector { epoch: version.epoch, seq: version.seq }
    }
}

impl AnnouncementVector {
    fn to_core(&self) -> Announcement<'_> {
        Announcement {
            session: Session(self.session.array()),
            home: rollbook_core::Hint(self.home.array()),
            intent: Intent(self.intent),
            issued_at: self.issued_at,
            addresses: self.addresses.iter().map(|address| &address.0[..]).collect(),
            agent: &self.agent,
            capabilities: self.capabilities.iter().map(String::as_str).collect(),
            extra: &self.extra.0,
        }
    }

    fn of_core(said: &Announcement<'_>) -> AnnouncementVector {
        AnnouncementVector {
            session: Hex::of(&said.session.0),
            home: Hex::of(&said.home.0),
            intent: said.intent.0,
            issued_at: said.issued_at,
            addresses: said.addresses.iter().map(|address| Hex::of(address)).collect(),
            agent: said.agent.to_owned(),
            capabilities: said.capabilities.iter().map(|name| (*name).to_owned()).collect(),
            extra: Hex::of(said.extra),
        }
    }
}

impl DecisionVector {
    fn to_core(&self) -> Decision {
        let registers = self.registers.iter();
        let registers = registers.map(|register| Register {
            id: RegisterId(register.id),
            value: register.value,
            stamp: register.stamp,
        });
        Decision { issued_at: self.issued_at, registers: registers.collect() }
    }

    fn of_core(decided: &Decision) -> DecisionVector {
        let registers = decided.registers.iter();
        let registers = registers.map(|register| RegisterVector {
            id: register.id.0,
            value: register.value,
            stamp: register.stamp,
        });
        DecisionVector { issued_at: decided.issued_at, registers: registers.collect() }
    }
}

impl PresenceVector {
    fn to_core(&self) -> Presence {
        let tallies = self.tallies.iter();
        Presence {
            session: Session(self.session.array()),
            state: PresenceState(self.state),
            rests_on: self.rests_on.into(),
            first_joined: self.first_joined,
            joined: self.joined,
            left: self.left,
            uptime: self.uptime,
            issued_at: self.issued_at,
            imported: self.imported.map(|imported| Imported {
                first_joined: imported.first_joined,
                uptime: imported.uptime,
                counted: imported.counted.map(|(count, last)| Counted { count, last }),
            }),
            horizon: self.horizon.map(Version::from),
            tallies: tallies
                .map(|tally| Tally { counter: tally.counter, count: tally.count, last: tally.last })
                .collect(),
            counted_from: self.counted_from,
        }
    }

    fn of_core(seen: &Presence) -> PresenceVector {
        let tallies = seen.tallies.iter();
        PresenceVector {
            session: Hex::of(&seen.session.0),
            state: seen.state.0,
            rests_on: seen.rests_on.into(),
            first_joined: seen.first_joined,
            joined: seen.joined,
            left: seen.left,
            uptime: seen.uptime,
            issued_at: seen.issued_at,
            imported: seen.imported.map(|imported| ImportedVector {
                first_joined: imported.first_joined,
                uptime: imported.uptime,
                counted: imported.counted.map(|counted| (counted.count, counted.last)),
            }),
            horizon: seen.horizon.map(VersionVector::from),
            tallies: tallies
                .map(|tally| TallyVector {
                    counter: tally.counter,
                    count: tally.count,
                    last: tally.last,
                })
                .collect(),
            counted_from: seen.counted_from,
        }
    }
}

impl Fields {
    /// The statement that the core makes of these.
    pub(crate) fn sign(&self, who: Who, subject: &PeerId, version: Version) -> StatementBytes {
        let (network, keys) = (network(), who.keys());
        match self {
            Fields::Announcement(said) => {
                Signed::sign(&network, &keys, subject, version, &said.to_core())
            }
            Fields::Decision(decided) => {
                Signed::sign(&network, &keys, subject, version, &decided.to_core())
            }
            Fields::Presence(seen) => {
                Signed::sign(&network, &keys, subject, version, &seen.to_core())
            }
        }
        .expect("within the bounds")
    }

    /// What the core reads in a statement.
    fn read(signed: Signed<'_, Any>) -> Fields {
        match signed.kind() {
            Kind::Announcement => {
                let typed = signed.typed::<Announcement<'_>>().expect("of that kind");
                Fields::Announcement(AnnouncementVector::of_core(&typed.read().expect("readable")))
            }
            Kind::Decision => {
                let typed = signed.typed::<Decision>().expect("of that kind");
                Fields::Decision(DecisionVector::of_core(&typed.read().expect("readable")))
            }
            Kind::Presence => {
                let typed = signed.typed::<Presence>().expect("of that kind");
                Fields::Presence(PresenceVector::of_core(&typed.read().expect("readable")))
            }
        }
    }
}

impl StatementVector {
    /// The statement that `who` makes.
    pub(crate) fn new(
        name: &str,
        who: Who,
        subject: &PeerId,
        version: VersionVector,
        fields: Fields,
        later_fields: &[u8],
    ) -> StatementVector {
        let bytes = fields.sign(who, subject, version.into());
        let signed = Signed::parse(&bytes).expect("just signed");
        let payload = [&signed.payload().to_bytes(), later_fields].concat();
        let envelope = envelope(&network(), &who.peer_id(), &payload);
        let signature = who.keys().sign(&envelope);
        StatementVector {
            name: name.to_owned(),
            writer: who.peer_id().to_string(),
            subject: subject.to_string(),
            version,
            fields,
            later_fields: Hex::of(later_fields),
            envelope: Hex::of(&envelope),
            wire: Hex(Layout::statement(&payload, &signature)),
            payload: Hex(payload),
            signature: Hex::of(&signature),
        }
    }

    /// Reads the statement, checks every part of the vector against what was read, and makes it
    /// again.
    fn check(&self) {
        let name = &self.name;
        let who = Who::of(&self.writer);
        let subject: PeerId = self.subject.parse().expect("valid");
        let signed = Signed::parse(&self.wire.0).expect("well formed");
        assert_eq!(signed.subject(), Some(subject), "{name}");
        assert_eq!(signed.writer(), who.hint(), "{name}");
        assert_eq!(VersionVector::from(signed.version()), self.version, "{name}");
        assert_eq!(signed.payload().to_bytes()[..], self.payload.0, "{name}");
        assert_eq!(Fields::read(signed), self.fields, "{name}");
        assert_eq!(signed.verify(&network(), &who.peer_id(), &who.keys()), Ok(()), "{name}");

        let hint = who.hint().0;
        let known = Layout::payload(subject.as_bytes(), &hint, self.version, &self.fields);
        assert_eq!(self.payload.0, [known, self.later_fields.0.clone()].concat(), "{name}");
        let envelope = signed_envelope(NETWORK, &who.peer_id(), &self.payload.0);
        assert_eq!(self.envelope.0, envelope, "{name}");
        assert_eq!(who.keys().sign(&envelope)[..], self.signature.0, "{name}: not deterministic");
        assert_eq!(self.wire.0, Layout::statement(&self.payload.0, &self.signature.0), "{name}");
        if self.later_fields.0.is_empty() {
            let again = self.fields.sign(who, &subject, self.version.into());
            assert_eq!(again[..], self.wire.0, "{name}");
        }
    }
}

#[test]
fn statements_are_as_in_the_file() {
    let computed = File {
        about:
            "Statements: fields, payload, what is signed (`envelope`), signature, and the whole \
                as on the wire. Times are unix seconds; intent, state, id and value are codes."
                .to_owned(),
        network: NETWORK.to_owned(),
        keys: keys(),
        statements: statement_cases::all(),
    };
    let file = golden("statements.json", &computed);
    assert_eq!(file, computed);
    file.statements.iter().for_each(StatementVector::check);
}
