//! Taking over what another system knew about nodes.

use rollbook_core::{Counted, Grant, Imported, PeerId, PeerIdError, PublicKey, VerifyError};
use serde::{Deserialize, Serialize};

use crate::view::{TallyView, counter_of_name};

/// What another system knew about one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ImportRecord {
    /// The node, as text: a bad one is reported and skipped.
    pub peer_id: String,
    /// Where it was reached: hints for dialling, kept on this node only.
    #[serde(default)]
    pub multiaddrs: Vec<String>,
    /// When it joined for the first time, in unix seconds; 0 if not known.
    #[serde(default)]
    pub first_joined: u64,
    /// How long it was here.
    #[serde(default)]
    pub accumulated_uptime_seconds: u64,
    /// Whether it was staked.
    #[serde(default)]
    pub is_staked: bool,
    /// Whether it was a validator.
    #[serde(default)]
    pub is_validator: bool,
    /// What was counted about it: `successes`, `timeouts` and `not-found`.
    #[serde(default)]
    pub tallies: Vec<TallyView>,
}

/// How to import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// Take over the stake and validator flags, which the other system did not verify.
    pub trust_grants: bool,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ImportReport {
    /// Records that changed the roll.
    pub imported: u64,
    /// Records that the roll held already.
    pub unchanged: u64,
    /// Records whose uptime was longer than the time since they joined, and was cut to it.
    pub clamped: u64,
    /// Grants taken over.
    pub grants_taken: u64,
    /// Grants left out, because the import did not ask to trust them.
    pub grants_left_out: u64,
    /// Records of nodes that the roll has banned or removed.
    pub not_admitted: u64,
    /// Records that could not be used.
    pub invalid: Vec<InvalidRecord>,
}

/// A record that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct InvalidRecord {
    /// The peer id as it stood in the record.
    pub peer_id: String,
    /// Why.
    pub reason: String,
}

/// A clock that runs ahead by less than this is forgiven.
const CLOCK_SLACK_S: u64 = 24 * 60 * 60;

/// A record that can be taken over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Prepared {
    pub(crate) peer: PeerId,
    pub(crate) history: Imported,
    /// The uptime was cut to what is possible.
    pub(crate) clamped: bool,
    pub(crate) grants: Vec<Grant>,
    pub(crate) grants_left_out: u64,
}

impl ImportRecord {
    /// Checks the record and cuts it to what is possible at `now_s`; the error says what is wrong.
    pub(crate) fn prepare(&self, now_s: u64, options: ImportOptions) -> Result<Prepared, String> {
        let peer: PeerId = self.peer_id.parse().map_err(|error: PeerIdError| error.to_string())?;
        PublicKey::of(&peer)
            .ok_or(VerifyError::UnsupportedKey)
            .and_then(|key| key.check())
            .map_err(|error| error.to_string())?;
        if self.first_joined > now_s.saturating_add(CLOCK_SLACK_S) {
            return Err(format!("firstJoined {} is in the future", self.first_joined));
        }
        let possible = match self.first_joined {
            // Without a beginning no length is credible.
            0 => 0,
            first_joined => now_s.saturating_sub(first_joined),
        };
        let uptime = self.accumulated_uptime_seconds.min(possible);
        let flags = [(self.is_staked, Grant::STAKED), (self.is_validator, Grant::VALIDATOR)];
        let claimed: Vec<Grant> =
            flags.into_iter().filter_map(|(set, grant)| set.then_some(grant)).collect();
        let (grants, left_out) = match options.trust_grants {
            true => (claimed, Vec::new()),
            false => (Vec::new(), claimed),
        };
        Ok(Prepared {
            peer,
            history: Imported {
                counted: self.counted(now_s)?,
                ..Imported::of(self.first_joined, uptime)
            },
            clamped: uptime < self.accumulated_uptime_seconds,
            grants,
            grants_left_out: left_out.len() as u64,
        })
    }

    /// What was counted, by counter. A time in the future is now.
    fn counted(&self, now_s: u64) -> Result<[Counted; 3], String> {
        let mut counted = [Counted::default(); 3];
        for tally in &self.tallies {
            let counter = counter_of_name(&tally.counter);
            let place = counter.and_then(|counter| counted.get_mut(usize::from(counter.number())));
            let Some(place) = place else {
                return Err(format!(
                    "{:?} is no counter that is imported: successes, timeouts, not-found",
                    tally.counter
                ));
            };
            *place = Counted { count: tally.count, last: tally.last.min(now_s) };
        }
        Ok(counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9";
    const NOW_S: u64 = 1_800_000_000;

    fn record() -> ImportRecord {
        ImportRecord {
            peer_id: PEER.to_owned(),
            first_joined: NOW_S - 1_000,
            accumulated_uptime_seconds: 900,
            is_staked: true,
            ..ImportRecord::default()
        }
    }

    fn prepare(record: &ImportRecord) -> Result<Prepared, String> {
        record.prepare(NOW_S, ImportOptions { trust_grants: true })
    }

    #[test]
    fn possible_history_is_taken_as_it_is() {
        let prepared = prepare(&record()).expect("it can be taken over");
        assert_eq!(prepared.history, Imported::of(NOW_S - 1_000, 900));
        assert_eq!((prepared.clamped, prepared.grants_left_out), (false, 0));
        assert_eq!(prepared.grants, [Grant::STAKED]);
    }

    #[test]
    fn impossible_uptime_is_cut() {
        let uptimes = [(NOW_S - 1_000, 1_001, 1_000), (0, 5, 0), (NOW_S + 60, 5, 0)];
        for (first_joined, accumulated_uptime_seconds, uptime) in uptimes {
            let record = ImportRecord { first_joined, accumulated_uptime_seconds, ..record() };
            let prepared = prepare(&record).expect("it can be taken over");
            assert_eq!((prepared.history.uptime, prepared.clamped), (uptime, true));
        }
    }

    #[test]
    fn counts_are_taken_by_the_names_of_their_counters() {
        let tally = |counter: &str, count, last| TallyView { counter: counter.into(), count, last };
        let tallies = vec![tally("not-found", 3, 7), tally("successes", 5, NOW_S + 9)];
        let prepared = prepare(&ImportRecord { tallies, ..record() }).expect("they are known");
        let expected = [(5, NOW_S), (0, 0), (3, 7)].map(|(count, last)| Counted { count, last });
        assert_eq!(prepared.history.counted, expected);
        for name in ["app0", "tweets", ""] {
            let unknown = ImportRecord { tallies: vec![tally(name, 1, 1)], ..record() };
            let error = prepare(&unknown).expect_err("it is not imported");
            assert!(error.contains("successes, timeouts, not-found"), "{error}");
        }
    }

    #[test]
    fn flags_are_left_out_unless_they_are_trusted() {
        let record = ImportRecord { is_validator: true, ..record() };
        let prepared = record.prepare(NOW_S, ImportOptions::default()).expect("it is fine");
        assert_eq!((prepared.grants, prepared.grants_left_out), (vec![], 2));
    }

    #[test]
    fn bad_records_say_what_is_wrong() {
        let nobody = ImportRecord { peer_id: "nobody".to_owned(), ..record() };
        assert!(prepare(&nobody).expect_err("it is no peer id").contains("not a peer id"));
        let rsa = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N".to_owned();
        let rsa = ImportRecord { peer_id: rsa, ..record() };
        assert!(prepare(&rsa).expect_err("it is a hash").contains("not supported"));
        let future = ImportRecord { first_joined: 4_102_444_800, ..record() };
        assert!(prepare(&future).expect_err("it is far ahead").contains("in the future"));
    }
}
