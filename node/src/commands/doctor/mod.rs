//! `rollbook doctor`: looks whether everything is well, and says what to do where it is not.
//!
//! Invariants:
//! * nothing is changed, neither on disk nor at the node
//! * whatever is found wrong comes with what to do about it
//! * it ends with an error if, and only if, something is wrong; what is merely worth a look is not

mod disk;
mod node;

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use serde::Serialize;

use crate::cli::DoctorArgs;
use crate::client::Client;
use crate::colour::{self, Mood};
use crate::exit::Unwell;
use crate::output;
use crate::table::harmless;

/// How grave something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum State {
    Ok,
    Look,
    Wrong,
}

/// What one look found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    check: &'static str,
    state: State,
    found: String,
    /// What to do; null if all is well.
    advice: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, state: State::Ok, found: found.into(), advice: None }
    }

    fn look(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        let advice = Some(advice.into());
        Self { check, state: State::Look, found: found.into(), advice }
    }

    fn wrong(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { state: State::Wrong, ..Self::look(check, found, advice) }
    }
}

pub(crate) fn run(args: &DoctorArgs) -> Result<()> {
    let data_dir = args.data_dir.path();
    let mut findings = disk::look(&data_dir);
    match Client::open(&data_dir).and_then(|client| node::Facts::gather(&client)) {
        Ok(facts) => findings.extend(node::look(&facts)),
        Err(error) => findings.push(Finding::wrong(
            "node",
            output::one_line(&error),
            "start it: rollbook start, with the same --data-dir; if it does not stay, what it \
             prints to standard error says why",
        )),
    }
    match args.json {
        true => output::print_line(&serde_json::to_string(&findings)?)?,
        false => output::print(&text(&findings, colour::wanted()))?,
    }
    match findings.iter().filter(|finding| finding.state == State::Wrong).count() {
        0 => Ok(()),
        count => Err(Unwell(count).into()),
    }
}

fn text(findings: &[Finding], colours: bool) -> String {
    let mut text = String::new();
    for finding in findings {
        let (word, mood) = match finding.state {
            State::Ok => ("ok   ", Mood::Good),
            State::Look => ("look ", Mood::Doubtful),
            State::Wrong => ("WRONG", Mood::Bad),
        };
        let word = if colours { colour::painted(word, mood) } else { word.to_owned() };
        text.push_str(&format!("{word}  {:<12}  {}\n", finding.check, harmless(&finding.found)));
        if let Some(advice) = &finding.advice {
            text.push_str(&format!("{:21}-> {}\n", "", harmless(advice)));
        }
    }
    text
}

/// Now, by this machine's clock.
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_stands_out_and_comes_with_advice() {
        let findings =
            [Finding::ok("disk", "much"), Finding::wrong("clock", "early\u{1b}", "set it")];
        let plain = text(&findings, false);
        let lines: Vec<_> = plain.lines().collect();
        assert_eq!(lines[0], "ok     disk          much");
        assert_eq!(lines[1], "WRONG  clock         early\u{fffd}");
        assert_eq!(lines[2].trim(), "-> set it");
        assert!(text(&findings, true).contains("\u{1b}[31mWRONG\u{1b}[0m"));
    }
}
