//! The corpus in the tree: read, and its seeds written from a cluster's run and from the vectors.

use std::{collections::BTreeSet, fs, path::PathBuf};

use rollbook_core::{Inline, PeerId, Random, fuzzing::TARGETS};

use crate::common::{Cluster, INTERVAL_MS};

/// Seeds are written, and not only looked at, where this is set.
const WRITE: &str = "ROLLBOOK_WRITE_CORPUS";
/// How many seeds of one origin a target gets.
const SEEDS_MAX: usize = 24;

type Storage = Inline<16, 2048, 8, 16>;

pub(crate) fn fuzz_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// All inputs of a target with their names, in the order of the names.
pub(crate) fn read(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = fuzz_folder().join("corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{target}: {error}"));
    let mut inputs: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let entry = entry.expect("the folder can be listed");
            let bytes = fs::read(entry.path()).expect("the input can be read");
            (entry.file_name().into_string().expect("a plain name"), bytes)
        })
        .collect();
    inputs.sort_unstable();
    inputs
}

/// A number that stands for an input (FNV-1a).
pub(crate) fn name_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

pub(crate) fn write_seeds_if_asked() {
    if std::env::var_os(WRITE).is_none() {
        return;
    }
    crate::common::on_a_large_stack(|| {
        for target in TARGETS {
            let folder = fuzz_folder().join("corpus").join(target.name);
            fs::create_dir_all(&folder).expect("a folder");
            for (name, _) in read(target.name) {
                if name.starts_with("seed-") {
                    fs::remove_file(folder.join(name)).expect("an old seed");
                }
            }
            for seed in seeds(target.name) {
                let name = format!("seed-{:016x}", name_of(&seed));
                fs::write(folder.join(name), seed).expect("a new seed");
            }
        }
    });
}

fn seeds(target: &str) -> BTreeSet<Vec<u8>> {
    let mut cluster = Cluster::<Storage>::new(2, 2);
    cluster.run_until_converged();
    cluster.crash_and_restart(3);
    cluster.run(3 * INTERVAL_MS);
    // A request and its response stand one after the other.
    let (requests, responses): (Vec<_>, Vec<_>) =
        cluster.exchange_log().chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).unzip();
    let said = match target {
        "request" => some(requests),
        "response" => some(responses),
        "gossip" => some(cluster.gossip_log().to_vec()),
        "statement" => some(cluster.gossip_log().iter().map(|told| told[1..].to_vec()).collect()),
        "journal" => journals(&cluster),
        "calls" => programs(),
        "texts" => BTreeSet::new(),
        _ => panic!("no seeds are known for {target}"),
    };
    said.into_iter().chain(vectors(target)).collect()
}

/// A few of many, of all sizes.
fn some(mut inputs: Vec<Vec<u8>>) -> BTreeSet<Vec<u8>> {
    inputs.sort_by_key(|input| (input.len(), input.clone()));
    inputs.dedup();
    let step = inputs.len().div_ceil(SEEDS_MAX).max(1);
    inputs.into_iter().step_by(step).collect()
}

/// The journals of an authority and of a member: as they are, and as bodies of frames.
fn journals(cluster: &Cluster<Storage>) -> BTreeSet<Vec<u8>> {
    let mut seeds = BTreeSet::new();
    for (node, actor) in [(0, 0u8), (1, 1), (2, 2)] {
        let journal = cluster.journal(node);
        for storage in [0, 1] {
            let kind = actor << 1 | storage << 3;
            seeds.insert([&[kind][..], journal].concat());
            seeds.insert([&[kind | 1][..], &bodies(journal)].concat());
        }
    }
    seeds
}

/// The bodies of a journal's frames, each after its size in two bytes.
fn bodies(journal: &[u8]) -> Vec<u8> {
    let mut bodies = Vec::new();
    for stuffed in journal.split(|byte| *byte == 0).filter(|stuffed| !stuffed.is_empty()) {
        let plain = unstuffed(stuffed);
        let body = &plain[..plain.len() - 4];
        bodies.extend_from_slice(&u16::try_from(body.len()).expect("bounded").to_be_bytes());
        bodies.extend_from_slice(body);
    }
    bodies
}

/// COBS: a count, so many bytes but one, and a zero, unless the count was the greatest.
fn unstuffed(mut stuffed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    while let Some((count, rest)) = stuffed.split_first() {
        let (bytes, after) = rest.split_at(usize::from(*count) - 1);
        plain.extend_from_slice(bytes);
        if *count != 0xff && !after.is_empty() {
            plain.push(0);
        }
        stuffed = after;
    }
    plain
}

/// Programs of calls, of which nothing is known but that they are long enough to do something.
fn programs() -> BTreeSet<Vec<u8>> {
    let mut random = Random::new(&[9; 32]);
    let mut program =
        |size: usize| -> Vec<u8> { (0..size).map(|_| random.number().to_le_bytes()[0]).collect() };
    (1..=SEEDS_MAX).map(|number| program(number * 100)).collect()
}

/// What the golden vectors hold of it.
fn vectors(target: &str) -> Vec<Vec<u8>> {
    let (file, key) = match target {
        "statement" => ("statements.json", "wire"),
        "request" | "response" | "gossip" => ("messages.json", "bytes"),
        "texts" => ("peer_ids.json", "text"),
        _ => return Vec::new(),
    };
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors").join(file);
    let text = fs::read_to_string(path).expect("the vectors are there");
    let section = match target {
        "request" | "response" => format!("\n  \"{target}s\": ["),
        "gossip" => "\n  \"gossip\": [".to_owned(),
        "texts" => "\n  \"peer_ids\": [".to_owned(),
        _ => "\n  \"statements\": [".to_owned(),
    };
    let text = text.split(section.as_str()).nth(1).expect("the file has the section");
    let text = text.split("\n  ]").next().expect("the section ends");
    let key = format!("\"{key}\": \"");
    let values = text.split(key.as_str()).skip(1).filter_map(|rest| rest.split('"').next());
    match target {
        "texts" => values.map(text_seed).collect(),
        _ => some(values.map(unhex).collect()).into_iter().collect(),
    }
}

/// A peer id as text, as two addresses and as bytes.
fn text_seed(text: &str) -> Vec<u8> {
    let peer_id = text.parse::<PeerId>().map(|peer_id| peer_id.as_bytes().to_vec());
    let bytes = peer_id.unwrap_or_default();
    let size = u8::try_from(bytes.len()).expect("at most 42 bytes");
    let p2p = [&[0xa5, 3, size][..], &bytes].concat();
    let address = [&[4, 10, 0, 0, 1, 6, 0x1d, 0xe7][..], &p2p].concat();
    let mut seed = Vec::new();
    for piece in [text.as_bytes(), &address, &p2p] {
        seed.extend_from_slice(&u16::try_from(piece.len()).expect("short").to_be_bytes());
        seed.extend_from_slice(piece);
    }
    seed.extend_from_slice(&bytes);
    seed
}

fn unhex(digits: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("hexadecimal digits");
    let byte = |pair: &[u8]| u8::try_from(digit(pair[0]) * 16 + digit(pair[1])).expect("a byte");
    digits.as_bytes().chunks_exact(2).map(byte).collect()
}
