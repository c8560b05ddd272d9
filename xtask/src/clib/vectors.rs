//! The golden vectors put to the library from C: a program answers questions line by line, and the
//! answers are what the vectors say.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::run::root;

/// The codes of errors, by the core's names for them.
const ERRORS: [(&str, &str); 9] = [
    ("Base58", "-12"),
    ("Multihash", "-12"),
    ("UnsupportedKey", "-13"),
    ("WeakKey", "-13"),
    ("BadSignature", "-21"),
    ("Malformed", "-22"),
    ("ForeignAnnouncement", "-22"),
    ("Format", "-22"),
    ("UnknownKind", "-7"),
];

/// A program that answers.
struct Program {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    asked: u64,
    wrong: Vec<String>,
}

/// Puts all vectors to the program; says how many questions were answered.
pub(crate) fn ask_all(program: &Path) -> Result<u64> {
    let mut program = Program::start(program)?;
    peer_ids(&mut program)?;
    signatures(&mut program)?;
    statements(&mut program)?;
    frames(&mut program)?;
    messages(&mut program)?;
    rolls(&mut program)?;
    merges(&mut program)?;
    program.end()
}

impl Program {
    fn start(path: &Path) -> Result<Program> {
        let mut child = Command::new(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", path.display()))?;
        let questions = child.stdin.take().expect("it has a standard input");
        let answers = BufReader::new(child.stdout.take().expect("it has a standard output"));
        Ok(Program { child, questions, answers, asked: 0, wrong: Vec::new() })
    }

    fn ask(&mut self, question: &str) -> Result<String> {
        writeln!(self.questions, "{question}").context("the program takes no more questions")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        ensure!(!answer.is_empty(), "the program gave up at: {question}");
        self.asked += 1;
        Ok(answer.trim_end().to_owned())
    }

    /// Asks, and notes an answer that is another.
    fn expect(&mut self, question: &str, expected: &str) -> Result<()> {
        let answer = self.ask(question)?;
        if answer != expected {
            self.wrong.push(format!("{question}\n    {answer}\n    and not {expected}"));
        }
        Ok(())
    }

    fn end(self) -> Result<u64> {
        let Program { mut child, questions, asked, wrong, .. } = self;
        drop(questions);
        ensure!(child.wait()?.success(), "the program failed at its end");
        ensure!(wrong.is_empty(), "wrong answers:\n  {}", wrong.join("\n  "));
        Ok(asked)
    }
}

fn read(name: &str) -> Result<Value> {
    let path = root().join("tests/vectors").join(name);
    let text = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
    Ok(serde_json::from_str(&text)?)
}

fn list<'a>(value: &'a Value, name: &str) -> Result<&'a Vec<Value>> {
    value[name].as_array().with_context(|| format!("there is no list '{name}'"))
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name].as_str().with_context(|| format!("there is no text '{name}'"))
}

/// Digits, or the sign for none of them.
fn or_none(digits: &str) -> &str {
    if digits.is_empty() { "-" } else { digits }
}

/// The code of an error that a vector names, or of none.
fn code(error: &Value) -> Result<&'static str> {
    let Some(name) = error.as_str() else { return Ok("0") };
    let known = ERRORS.iter().find(|(listed, _)| *listed == name);
    Ok(known.with_context(|| format!("no code stands for {name}"))?.1)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Texts of a list with commas between them.
fn joined(value: &Value, name: &str) -> Result<String> {
    let texts: Vec<&str> = list(value, name)?.iter().filter_map(Value::as_str).collect();
    Ok(or_none(&texts.join(",")).to_owned())
}

fn peer_ids(program: &mut Program) -> Result<()> {
    let vectors = read("peer_ids.json")?;
    for vector in list(&vectors, "peer_ids")? {
        let (id, bytes) = (text(vector, "text")?, text(vector, "bytes")?);
        let address = vector["eth_address"].as_str().unwrap_or("-").trim_start_matches("0x");
        let asked = format!("parse {}", hex(id.as_bytes()));
        program.expect(&asked, &format!("{bytes} {}", address.to_lowercase()))?;
        program.expect(&format!("text {bytes}"), id)?;
    }
    for vector in list(&vectors, "refused_texts")? {
        let id = hex(text(vector, "text")?.as_bytes());
        program.expect(&format!("parse {}", or_none(&id)), code(&vector["error"])?)?;
    }
    for vector in list(&vectors, "refused_bytes")? {
        let bytes = or_none(text(vector, "bytes")?);
        program.expect(&format!("text {bytes}"), code(&vector["error"])?)?;
    }
    Ok(())
}

fn signatures(program: &mut Program) -> Result<()> {
    let vectors = read("signatures.json")?;
    for vector in list(&vectors, "signatures")? {
        let id = text(vector, "peer_id")?;
        let (message, signature) = (text(vector, "message")?, text(vector, "signature")?);
        let asked = format!("verify {id} {} {}", or_none(message), or_none(signature));
        program.expect(&asked, code(&vector["error"])?)?;
    }
    Ok(())
}

fn statements(program: &mut Program) -> Result<()> {
    let vectors = read("statements.json")?;
    let network = text(&vectors, "network")?;
    let keys = list(&vectors, "keys")?;
    for vector in list(&vectors, "statements")? {
        let (writer, wire) = (text(vector, "writer")?, text(vector, "wire")?);
        let (envelope, signature) = (text(vector, "envelope")?, text(vector, "signature")?);
        program.expect(&format!("check {network} {writer} {wire}"), "0")?;
        let is_writer = |key: &&Value| key["peer_id"].as_str() == Some(writer);
        let key = keys.iter().find(is_writer).context("the writer's key is there")?;
        let (kind, secret) = (text(key, "key_type")?, text(key, "secret")?);
        program.expect(&format!("sign {kind} {secret} {envelope}"), signature)?;
        let payload = text(vector, "payload")?;
        let read = program.ask(&format!("read {wire}"))?;
        let parts: Vec<&str> = read.split(' ').collect();
        let [number, epoch, seq, hint, subject, payload_size, signature_size] = parts[..] else {
            program.wrong.push(format!("read {wire}: {read}"));
            continue;
        };
        let version = &vector["version"];
        let is_so = payload.starts_with(&format!("0{number}"))
            && version["epoch"].as_u64() == epoch.parse().ok()
            && version["seq"].as_u64() == seq.parse().ok()
            && payload.contains(&format!("{subject}{hint}"))
            && (payload.len() / 2).to_string() == payload_size
            && (signature.len() / 2).to_string() == signature_size;
        if !is_so {
            program.wrong.push(format!("read {wire}: {read}"));
        }
    }
    let vectors = read("statements_refused.json")?;
    for vector in list(&vectors, "statements")? {
        let (writer, wire) = (text(vector, "writer")?, or_none(text(vector, "wire")?));
        let asked = format!("check {} {writer} {wire}", text(&vectors, "network")?);
        program.expect(&asked, code(&vector["error"])?)?;
    }
    Ok(())
}

/// Frames are made in C from the description of the format, not by the library.
fn frames(program: &mut Program) -> Result<()> {
    let vectors = read("frames.json")?;
    for vector in list(&vectors, "frames")? {
        program.expect(&format!("frame {}", text(vector, "body")?), text(vector, "bytes")?)?;
    }
    let frames = list(&vectors, "frames")?;
    let owner = text(&frames[0]["fields"]["header"], "peer_id")?;
    for vector in list(&vectors, "journals")? {
        let expected = format!(
            "0 {} {} {}",
            list(vector, "frames")?.len(),
            vector["damaged_bytes"],
            vector["torn_bytes"]
        );
        let bytes = or_none(text(vector, "bytes")?);
        program.expect(&format!("journal {owner} {bytes}"), &expected)?;
    }
    Ok(())
}

fn messages(program: &mut Program) -> Result<()> {
    let vectors = read("messages.json")?;
    let keys = list(&vectors, "keys")?;
    let is_authority =
        |key: &&Value| key["name"].as_str().is_some_and(|n| n.ends_with("authority"));
    let authorities: Vec<&str> =
        keys.iter().filter(is_authority).filter_map(|key| key["peer_id"].as_str()).collect();
    let authorities = authorities.join(",");
    for vector in list(&vectors, "gossip")? {
        let asked = format!("gossip {} {authorities}", text(vector, "bytes")?);
        let answer = program.ask(&asked)?;
        if answer == "0 2" {
            program.wrong.push(format!("{asked}: rejected"));
        }
    }
    for vector in list(&vectors, "requests")? {
        let asked = format!("request {} {authorities}", text(vector, "bytes")?);
        program.expect(&asked, "0")?;
    }
    for vector in list(&vectors, "refused")? {
        if text(vector, "read_as")? == "request" {
            let asked = format!("request {} {authorities}", or_none(text(vector, "bytes")?));
            program.expect(&asked, code(&vector["error"])?)?;
        }
    }
    Ok(())
}

/// Whether an authority speaks of every node: a tracker keeps others outside its roll.
fn are_vouched(statements: &[Value]) -> bool {
    let of = |is_wanted: fn(&str) -> bool| -> BTreeSet<&str> {
        let all = statements.iter().filter_map(Value::as_str).map(payload_of);
        all.filter(|payload| is_wanted(payload)).map(subject_of).collect()
    };
    let vouched = of(|payload| !payload.starts_with("03"));
    of(|_payload| true) == vouched
}

/// The payload of a statement as on the wire, behind its size.
fn payload_of(wire: &str) -> &str {
    let is_long = u8::from_str_radix(&wire[..2], 16).is_ok_and(|byte| byte >= 128);
    &wire[if is_long { 4 } else { 2 }..]
}

/// The subject of a payload, behind its kind and its size.
fn subject_of(payload: &str) -> &str {
    let size = usize::from_str_radix(&payload[2..4], 16).unwrap_or(0);
    &payload[4..4 + 2 * size]
}

fn rolls(program: &mut Program) -> Result<()> {
    let vectors = read("root.json")?;
    let authorities = joined(&read("merge.json")?, "authorities")?;
    let mut asked = 0;
    for vector in list(&vectors, "rolls")? {
        if !are_vouched(list(vector, "statements")?) {
            continue;
        }
        let nodes = list(vector, "nodes")?.iter().filter_map(Value::as_str);
        let expected: Vec<&str> = std::iter::once(text(vector, "root")?).chain(nodes).collect();
        let statements = joined(vector, "statements")?;
        program.expect(&format!("roll {authorities} {statements}"), &expected.join(" "))?;
        asked += 1;
    }
    ensure!(asked > 1, "there are rolls whose nodes are all vouched for");
    Ok(())
}

/// A statement as on the wire without its signature: of two that say the same, either is kept.
fn unsigned(wire: &str) -> &str {
    let payload = payload_of(wire);
    let digits = |at: usize| usize::from_str_radix(&wire[at..at + 2], 16).unwrap_or(0);
    let size =
        if wire.len() - payload.len() == 4 { digits(0) % 128 + 128 * digits(2) } else { digits(0) };
    &payload[..2 * size]
}

/// Two sets of statements, as the journal of a tracker, in either order: what it keeps is the two
/// merged.
fn merges(program: &mut Program) -> Result<()> {
    let vectors = read("merge.json")?;
    let authorities = joined(&vectors, "authorities")?;
    let mut asked = 0;
    for vector in list(&vectors, "pairs")? {
        let normalised: BTreeSet<&str> =
            list(vector, "normalised")?.iter().filter_map(Value::as_str).map(unsigned).collect();
        let (a, b) = (list(vector, "a")?, list(vector, "b")?);
        if normalised.is_empty() || !are_vouched(list(vector, "merged")?) {
            continue;
        }
        for order in [[a, b], [b, a]] {
            let given: Vec<&str> = order.into_iter().flatten().filter_map(Value::as_str).collect();
            let question = format!("kept {authorities} {}", given.join(","));
            let answer = program.ask(&question)?;
            let kept: BTreeSet<&str> = answer.split_whitespace().map(unsigned).collect();
            if kept != normalised {
                program.wrong.push(format!("{}: {kept:?}", vector["name"]));
            }
            asked += 1;
        }
    }
    ensure!(asked > 4, "there are pairs about nodes that are vouched for");
    Ok(())
}
