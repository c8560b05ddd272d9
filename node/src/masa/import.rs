//! From the Go network's records to Rollbook's neutral ones.
//!
//! Every record of the file is accounted for: imported, merged into an earlier one of the same
//! peer, skipped as a ghost, or refused with a reason.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use rollbook::{ImportRecord, InvalidRecord, TallyView};

use super::duration::seconds_from_nanos;
use super::ids;
use super::record::MasaRecord;
use super::shape::{IMPORT_SIZE_MAX, ImportError, RawRecord, for_each_record};
use super::text::{printable, readable};
use super::time::GoTime;

/// What a file holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ParsedImport {
    /// One record per peer, in the order of the file.
    pub(crate) records: Vec<ImportRecord>,
    /// Records in the file, of whatever kind.
    pub(crate) record_count: usize,
    /// Records that say nothing, left by a fault of the Go network: skipped.
    pub(crate) ghost_count: usize,
    /// Records that could not be used, by peer id or by number: skipped.
    pub(crate) invalid: Vec<InvalidRecord>,
    /// Records that were used after a correction.
    pub(crate) corrected: Vec<InvalidRecord>,
}

/// Reads a file of the Go network's node data, never more of it than can be imported.
pub(crate) fn read_import_file(path: &Path) -> anyhow::Result<ParsedImport> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(IMPORT_SIZE_MAX + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().with_context(|| format!("cannot read {}", path.display()))?;
    read_import(&bytes).with_context(|| format!("cannot import {}", path.display()))
}

/// Reads the Go network's node data from the contents of a file.
pub(crate) fn read_import(bytes: &[u8]) -> Result<ParsedImport, ImportError> {
    if u64::try_from(bytes.len()).map_or(true, |size| size > IMPORT_SIZE_MAX) {
        return Err(ImportError::TooLarge);
    }
    let text = readable(bytes);
    let mut import = Import::default();
    for_each_record(&text, |record| import.take(record))?;
    Ok(import.parsed)
}

/// Longest name of a record in a report, in characters; peer ids have at most 60.
const NAME_MAX: usize = 80;

/// A record that was taken, with what decides when the same peer comes again.
#[derive(Debug)]
struct Taken {
    index: usize,
    last_updated: i64,
}

#[derive(Debug, Default)]
struct Import {
    parsed: ParsedImport,
    by_peer: HashMap<String, Taken>,
}

impl Import {
    fn take(&mut self, raw: RawRecord<'_>) {
        self.parsed.record_count += 1;
        let mut name = raw.key.clone().unwrap_or_default();
        if let Err(reason) = self.try_take(raw, &mut name) {
            let peer_id = self.shown(&name);
            self.parsed.invalid.push(InvalidRecord { peer_id, reason });
        }
    }

    /// Takes one record, and learns the name to report it by as early as possible.
    fn try_take(&mut self, raw: RawRecord<'_>, name: &mut String) -> Result<(), String> {
        let record = MasaRecord::decode(raw.json).inspect_err(|_| {
            if name.is_empty() {
                *name = text_of_peer_id(raw.json);
            }
        })?;
        if name.is_empty() {
            name.clone_from(&record.peer_id);
        }
        let peer_id = ids::peer_id(name)?;
        if !record.peer_id.is_empty() && record.peer_id != *name {
            let other = printable(&record.peer_id, NAME_MAX);
            return Err(format!("stands over a record of another peer, {other}"));
        }
        if is_ghost(&record) {
            self.parsed.ghost_count += 1;
            return Ok(());
        }
        let (import, correction) = neutral(&record, peer_id)?;
        if let Some(reason) = correction {
            self.correct(name, reason);
        }
        self.keep(import, record.last_updated);
        Ok(())
    }

    fn keep(&mut self, import: ImportRecord, last_updated: i64) {
        match self.by_peer.entry(import.peer_id.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(Taken { index: self.parsed.records.len(), last_updated });
                self.parsed.records.push(import);
            }
            Entry::Occupied(mut entry) => {
                let taken = entry.get_mut();
                let peer_id = import.peer_id.clone();
                let earlier = &mut self.parsed.records[taken.index];
                merge(earlier, import, last_updated > taken.last_updated);
                taken.last_updated = taken.last_updated.max(last_updated);
                let reason = "is there more than once: merged".to_owned();
                self.correct(&peer_id, reason);
            }
        }
    }

    fn correct(&mut self, name: &str, reason: String) {
        let peer_id = self.shown(name);
        self.parsed.corrected.push(InvalidRecord { peer_id, reason });
    }

    fn shown(&self, name: &str) -> String {
        if name.is_empty() {
            return format!("record {}", self.parsed.record_count);
        }
        printable(name, NAME_MAX)
    }
}

/// The peer id of a record that is not sound as a whole.
fn text_of_peer_id(json: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Named {
        #[serde(rename = "peerId")]
        peer_id: String,
    }
    serde_json::from_str::<Named>(json).map(|named| named.peer_id).unwrap_or_default()
}

/// A stub that the Go network's clean-up spread about a peer it had never met.
fn is_ghost(record: &MasaRecord) -> bool {
    record.first_joined == 0 && record.last_joined == 0 && record.multiaddrs.is_empty()
}

/// The neutral record, and what had to be corrected for it.
fn neutral(record: &MasaRecord, peer_id: String) -> Result<(ImportRecord, Option<String>), String> {
    let mut multiaddrs = Vec::with_capacity(record.multiaddrs.len());
    for address in &record.multiaddrs {
        let Some(address) = ids::address(address) else {
            return Err(format!("has a bad address, {}", printable(address, NAME_MAX)));
        };
        if !multiaddrs.contains(&address) {
            multiaddrs.push(address);
        }
    }
    // A node that never ran the Go network's "first joined" still has the last time it joined.
    let joins = [record.first_joined, record.last_joined];
    let first_joined = joins.into_iter().find(|joined| *joined > 0).unwrap_or_default();
    let first_joined = u64::try_from(first_joined).unwrap_or_default();
    let (uptime, correction) = match seconds_from_nanos(record.accumulated_uptime) {
        None => (0, Some("has a negative uptime: counted as none".to_owned())),
        Some(uptime) if uptime > 0 && first_joined == 0 => {
            (0, Some(format!("has {uptime} s of uptime but never joined: counted as none")))
        }
        Some(uptime) => (uptime, None),
    };
    let import = ImportRecord {
        peer_id,
        multiaddrs,
        first_joined,
        accumulated_uptime_seconds: uptime,
        is_staked: record.is_staked,
        is_validator: record.is_validator,
        tallies: tallies(record),
    };
    Ok((import, correction))
}

/// What nodes counted of it as a worker. Counts below one are none.
fn tallies(record: &MasaRecord) -> Vec<TallyView> {
    let counted = [
        ("successes", record.returned_tweets, &record.last_returned_tweet),
        ("timeouts", record.tweet_timeouts, &record.last_tweet_timeout),
        ("not-found", record.not_found_count, &record.last_not_found_time),
    ];
    let tally = |(counter, count, last): (&str, i64, &GoTime)| {
        let count = u64::try_from(count).ok().filter(|count| *count > 0)?;
        let last = u64::try_from(last.unix()).unwrap_or(0);
        Some(TallyView { counter: counter.to_owned(), count, last })
    };
    counted.into_iter().filter_map(tally).collect()
}

/// Merges two records of one peer: the earliest join, the greatest uptime, and the rest from
/// the one that was updated last.
fn merge(earlier: &mut ImportRecord, later: ImportRecord, later_is_newer: bool) {
    let joins = [earlier.first_joined, later.first_joined];
    let first_joined = joins.into_iter().filter(|joined| *joined > 0).min().unwrap_or_default();
    let uptime = earlier.accumulated_uptime_seconds.max(later.accumulated_uptime_seconds);
    if later_is_newer {
        *earlier = later;
    }
    earlier.first_joined = first_joined;
    earlier.accumulated_uptime_seconds = uptime;
}

#[cfg(test)]
mod tests;
