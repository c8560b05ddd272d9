//! `rollbook import`: takes another system's records to an authority, in pieces of bounded size.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use rollbook::{ImportRecord, ImportReport, InvalidRecord};

use crate::api::ImportRequest;
use crate::cli::{ImportArgs, ImportFormat};
use crate::client::Client;
use crate::masa;
use crate::output;
use crate::progress::Progress;
use crate::table::harmless;

const RECORDS_PER_REQUEST: usize = 1_000;
/// Well below what the API takes.
const BYTES_PER_REQUEST: usize = 4 << 20;
/// Where `-` reads from.
const STANDARD_INPUT: &str = "/dev/stdin";

/// What reading a file told, beside its records.
#[derive(Debug, Default)]
struct Remarks {
    record_count: usize,
    ghost_count: usize,
    invalid: Vec<InvalidRecord>,
    corrected: Vec<InvalidRecord>,
}

pub(crate) fn run(args: &ImportArgs) -> Result<()> {
    let client = Client::open(&args.data_dir.path())?;
    let (records, remarks) = read(&args.file, args.format)?;
    let count = records.len();
    let (mut total, mut sent) = (ImportReport::default(), 0);
    let progress = Progress::new("records imported", count as u64);
    for records in pieces(records)? {
        let size = records.len();
        let request = ImportRequest { trust_grants: args.trust_grants, records };
        let report: ImportReport =
            client.post("/api/v1/import", &request).with_context(|| match sent {
                0 => "nothing was imported".to_owned(),
                _ => format!("{sent} of {count} records were imported (importing again is safe)"),
            })?;
        add(&mut total, report);
        sent += size;
        progress.advance(size);
    }
    drop(progress);
    match args.json {
        true => output::print_line(&json(&remarks, total)),
        false => output::print(&summary(&remarks, &total)),
    }
}

fn read(file: &Path, format: ImportFormat) -> Result<(Vec<ImportRecord>, Remarks)> {
    let file = if file.as_os_str() == "-" { Path::new(STANDARD_INPUT) } else { file };
    let parsed = match format {
        ImportFormat::Masa => masa::read_import_file(file)?,
    };
    let remarks = Remarks {
        record_count: parsed.record_count,
        ghost_count: parsed.ghost_count,
        invalid: parsed.invalid,
        corrected: parsed.corrected,
    };
    Ok((parsed.records, remarks))
}

/// Splits records into requests that the API takes.
fn pieces(records: Vec<ImportRecord>) -> Result<Vec<Vec<ImportRecord>>> {
    let mut pieces: Vec<Vec<ImportRecord>> = Vec::new();
    let mut bytes = usize::MAX;
    for record in records {
        let size = serde_json::to_vec(&record)?.len() + 1;
        match pieces.last_mut() {
            Some(piece)
                if piece.len() < RECORDS_PER_REQUEST && bytes + size <= BYTES_PER_REQUEST =>
            {
                piece.push(record);
                bytes += size;
            }
            _ => {
                pieces.push(vec![record]);
                bytes = size;
            }
        }
    }
    Ok(pieces)
}

fn add(total: &mut ImportReport, report: ImportReport) {
    total.imported += report.imported;
    total.unchanged += report.unchanged;
    total.clamped += report.clamped;
    total.grants_taken += report.grants_taken;
    total.grants_left_out += report.grants_left_out;
    total.not_admitted += report.not_admitted;
    total.invalid.extend(report.invalid);
}

/// The API's report, with what was found before anything was sent.
fn json(remarks: &Remarks, mut report: ImportReport) -> String {
    report.invalid.splice(0..0, remarks.invalid.iter().cloned());
    let mut json = serde_json::json!(report);
    json["recordsRead"] = remarks.record_count.into();
    json["ghostsSkipped"] = remarks.ghost_count.into();
    json["corrected"] = serde_json::json!(remarks.corrected);
    json.to_string()
}

fn summary(remarks: &Remarks, report: &ImportReport) -> String {
    let mut text = String::new();
    let mut count = |name: &str, count: u64, remark: &str| {
        let line = format!("{name:<15}  {count:>6}  {remark}");
        writeln!(text, "{}", line.trim_end()).expect("a string takes any text");
    };
    let length = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    count("records read", length(remarks.record_count), "");
    count("imported", report.imported, "");
    count("unchanged", report.unchanged, "known already");
    count("clamped", report.clamped, "more uptime than time since they joined: cut to that time");
    count("ghosts skipped", length(remarks.ghost_count), "neither joins nor addresses");
    count("grants taken", report.grants_taken, "");
    count(
        "grants left out",
        report.grants_left_out,
        match report.grants_left_out {
            0 => "",
            _ => "nobody verified them there; take them with --trust-grants",
        },
    );
    count("not admitted", report.not_admitted, "banned or removed here");
    count("corrected", length(remarks.corrected.len()), "");
    count("invalid", length(remarks.invalid.len() + report.invalid.len()), "");
    let corrected = remarks.corrected.iter().map(|r| ("corrected", &r.peer_id, &r.reason));
    let unread = remarks.invalid.iter().map(|r| ("invalid", &r.peer_id, &r.reason));
    let refused = report.invalid.iter().map(|r| ("invalid", &r.peer_id, &r.reason));
    for (name, peer_id, reason) in corrected.chain(unread).chain(refused) {
        writeln!(text, "{name} {}: {}", harmless(peer_id), harmless(reason))
            .expect("a string takes any text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(addresses: usize) -> ImportRecord {
        ImportRecord { multiaddrs: vec!["x".repeat(100); addresses], ..ImportRecord::default() }
    }

    #[test]
    fn pieces_are_bounded_in_count_and_size_and_lose_nothing() {
        let many = pieces(vec![record(0); 2_500]).expect("split");
        assert_eq!(many.iter().map(Vec::len).collect::<Vec<_>>(), [1_000, 1_000, 500]);
        let large = pieces(vec![record(20_000); 5]).expect("split");
        assert_eq!(large.iter().map(Vec::len).sum::<usize>(), 5);
        for piece in &large {
            let size = serde_json::to_vec(piece).expect("JSON").len();
            assert!(piece.len() == 1 || size <= BYTES_PER_REQUEST + piece.len());
        }
        assert_eq!(pieces(Vec::new()).expect("split"), Vec::<Vec<ImportRecord>>::new());
    }

    #[test]
    fn reports_add_up_and_every_count_is_shown() {
        let report = |invalid: &str| ImportReport {
            imported: 1,
            unchanged: 2,
            clamped: 3,
            grants_taken: 4,
            grants_left_out: 5,
            not_admitted: 6,
            invalid: vec![InvalidRecord { peer_id: invalid.into(), reason: "no key".into() }],
        };
        let mut total = ImportReport::default();
        add(&mut total, report("a"));
        add(&mut total, report("b\u{1b}"));
        let remarks = Remarks { record_count: 30, ghost_count: 7, ..Remarks::default() };
        let json: serde_json::Value =
            serde_json::from_str(&json(&remarks, total.clone())).expect("JSON");
        assert_eq!((&json["recordsRead"], &json["imported"]), (&30.into(), &2.into()));
        assert_eq!(json["invalid"][1]["peerId"], "b\u{1b}");
        let text = summary(&remarks, &total);
        for line in [
            "records read         30",
            "imported              2",
            "unchanged             4  known already",
            "ghosts skipped        7  neither joins nor addresses",
            "grants left out      10  nobody verified them there; take them with --trust-grants",
            "invalid               2",
            "invalid a: no key",
            "invalid b\u{fffd}: no key",
        ] {
            assert!(text.lines().any(|found| found == line), "{line:?} in\n{text}");
        }
    }
}
