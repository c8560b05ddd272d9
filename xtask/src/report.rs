//! Running named tasks one after the other, and saying how each of them went.

use std::time::Instant;

use anyhow::Result;

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed(String),
    /// Left out, and why. In CI that counts as failed.
    Skipped(String),
}

/// What is known of a task when it is over.
#[derive(Debug)]
struct Entry {
    name: &'static str,
    outcome: Outcome,
    minutes: f64,
}

/// The results of a run.
#[derive(Debug)]
pub(crate) struct Report {
    in_ci: bool,
    entries: Vec<Entry>,
}

impl Report {
    pub(crate) fn new(in_ci: bool) -> Report {
        Report { in_ci, entries: Vec::new() }
    }

    /// Runs a task and prints a line about it. One that fails does not keep the next from running.
    pub(crate) fn task(&mut self, name: &'static str, task: impl FnOnce() -> Result<Outcome>) {
        println!("\n=== {name}");
        let start = Instant::now();
        let outcome = task().unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        self.add(name, outcome, start.elapsed().as_secs_f64() / 60.0);
    }

    fn add(&mut self, name: &'static str, outcome: Outcome, minutes: f64) {
        let outcome = match outcome {
            Outcome::Skipped(why) if self.in_ci => {
                Outcome::Failed(format!("skipped, which CI does not allow: {why}"))
            }
            outcome => outcome,
        };
        let entry = Entry { name, outcome, minutes };
        println!("{}", line(&entry));
        self.entries.push(entry);
    }

    /// Prints the summary; says whether nothing failed.
    pub(crate) fn finish(self) -> bool {
        println!("\n{}", self.summary());
        self.count(|outcome| matches!(outcome, Outcome::Failed(_))) == 0
    }

    /// A line for each task, a loud one if any was skipped, and the counts.
    fn summary(&self) -> String {
        let mut lines: Vec<String> = self.entries.iter().map(line).collect();
        let skipped = self.count(|outcome| matches!(outcome, Outcome::Skipped(_)));
        if skipped > 0 {
            lines.push(format!("!!! {skipped} SKIPPED: not everything was tested, see above"));
        }
        let passed = self.count(|outcome| *outcome == Outcome::Passed);
        let failed = self.count(|outcome| matches!(outcome, Outcome::Failed(_)));
        lines.push(format!("{passed} passed, {failed} failed"));
        lines.join("\n")
    }

    fn count(&self, which: impl Fn(&Outcome) -> bool) -> usize {
        self.entries.iter().filter(|entry| which(&entry.outcome)).count()
    }
}

fn line(entry: &Entry) -> String {
    let (word, why) = match &entry.outcome {
        Outcome::Passed => ("passed", String::new()),
        Outcome::Failed(why) => ("FAILED", format!("  {why}")),
        Outcome::Skipped(why) => ("SKIPPED", format!("  {why}")),
    };
    format!("{:<14}{word:<9}{:>5.1} min{why}", entry.name, entry.minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(in_ci: bool) -> Report {
        let mut report = Report::new(in_ci);
        report.add("core", Outcome::Passed, 0.52);
        report.add("deny", Outcome::Skipped("no cargo-deny".to_owned()), 0.0);
        report.task("node", || anyhow::bail!("exit code 1"));
        report.task("docs", || Ok(Outcome::Passed));
        report
    }

    #[test]
    fn the_summary_ends_with_the_counts() {
        let summary = report(false).summary();
        let lines: Vec<&str> = summary.lines().collect();
        assert_eq!(lines[0], "core          passed     0.5 min");
        assert_eq!(lines[1], "deny          SKIPPED    0.0 min  no cargo-deny");
        assert_eq!(lines[2], "node          FAILED     0.0 min  exit code 1");
        assert_eq!(lines[4], "!!! 1 SKIPPED: not everything was tested, see above");
        assert_eq!(lines[5], "2 passed, 1 failed");
    }

    #[test]
    fn ci_does_not_allow_skipping() {
        let summary = report(true).summary();
        assert!(summary.ends_with("\n2 passed, 2 failed"), "{summary}");
        assert!(!summary.contains("SKIPPED"), "{summary}");
    }

    #[test]
    fn only_failures_fail_the_run() {
        assert!(!report(false).finish());
        let mut skipped = Report::new(false);
        skipped.add("deny", Outcome::Skipped("no network".to_owned()), 0.0);
        assert!(skipped.finish());
    }
}
