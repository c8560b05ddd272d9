//! One run of 1,000 full replicas, with everything that can go wrong.

use rollbook_sim::{Plan, run};

#[test]
fn a_thousand_full_replicas_come_to_one_roll() {
    let mut plan = Plan::faulty(1, 1_000);
    plan.faults_ms = 60_000;
    plan.fault_every_ms = 1_000;
    let report = run(&plan).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(report.running > 900 && report.roll >= report.running, "{report}");
    assert!(report.tally.lost > 10_000 && report.tally.authority_outages > 0, "{report}");
    assert!(report.tally.power_cuts + report.tally.kills > 0, "{report}");
}
