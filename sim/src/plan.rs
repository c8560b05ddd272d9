//! What a run is to be: everything follows from its seed.

use crate::{dice::Dice, network::Weather};

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// Members and authorities at the start.
    pub nodes: usize,
    /// Of these: authorities.
    pub authorities: usize,
    /// How long faults go on, in virtual milliseconds.
    pub faults_ms: u64,
    /// The time between two faults, in virtual milliseconds on average; 0 for none at all.
    pub fault_every_ms: u64,
    /// The time between two things that users do, on average; 0 for none.
    pub work_every_ms: u64,
    /// The trackers' interval.
    pub interval_ms: u64,
    /// Members that each member is connected to, besides the authorities.
    pub degree: usize,
    /// Places in the roll beyond those of the nodes at the start. Where they are few, the long gone
    /// are forgotten.
    pub spare: u32,
    /// How many nodes are looked at closely.
    pub watched: usize,
    /// Whether operators admit nodes by hand.
    pub manual: bool,
    /// Whether every other node has its signatures made elsewhere, the first authority among them.
    pub signs_elsewhere: bool,
    pub(crate) weather: Weather,
    pub(crate) latency_max_ms: u64,
    /// The size of journal below which none is compacted.
    pub(crate) compaction_floor: u64,
    /// Whether the seed was given alone, so that it says how many nodes there are.
    pub(crate) is_of_band: bool,
}

impl Plan {
    /// A small cluster with everything that can go wrong; its size is the seed's, too.
    pub fn small(seed: u64) -> Plan {
        let mut dice = Dice::new(seed, "plan");
        let nodes = usize::try_from(dice.between(5, 20)).expect("small");
        let mut plan = Plan::faulty(seed, nodes);
        plan.authorities = usize::try_from(dice.between(1, 4)).expect("small").min(nodes / 2);
        plan.faults_ms = dice.between(10, 25) * 60_000;
        plan.fault_every_ms = dice.between(5, 60) * 1_000;
        plan.work_every_ms = dice.between(2, 30) * 1_000;
        plan.manual = dice.chance(150);
        plan.spare = [16, 32, 1_024][dice.index(3)];
        plan.signs_elsewhere = dice.chance(300);
        plan.is_of_band = true;
        plan
    }

    /// A cluster of `nodes` with everything that can go wrong.
    pub fn faulty(seed: u64, nodes: usize) -> Plan {
        let mut dice = Dice::new(seed, "weather");
        let weather = Weather {
            loss: [0, 5, 20, 50, 100][dice.index(5)],
            duplication: [0, 10, 50][dice.index(3)],
            reordering: [0, 50, 200][dice.index(3)],
        };
        Plan {
            seed,
            nodes,
            authorities: 3.min(nodes),
            faults_ms: 10 * 60_000,
            fault_every_ms: 5_000,
            work_every_ms: 5_000,
            interval_ms: 10_000,
            degree: 3,
            spare: 1_024,
            watched: 32,
            manual: false,
            signs_elsewhere: false,
            weather,
            latency_max_ms: dice.between(2, 120),
            compaction_floor: 8 * 1024,
            is_of_band: false,
        }
    }

    /// A cluster in which nothing goes wrong but that messages are lost, `loss` of a thousand.
    pub fn calm(seed: u64, nodes: usize, loss: u64) -> Plan {
        Plan {
            faults_ms: 0,
            fault_every_ms: 0,
            work_every_ms: 0,
            weather: Weather { loss, ..Weather::default() },
            latency_max_ms: 50,
            watched: 0,
            compaction_floor: 256 * 1024,
            ..Plan::faulty(seed, nodes)
        }
    }

    /// The command that does the same again.
    pub fn command(&self) -> String {
        match self.is_of_band {
            true => format!("cargo xtask sim --seed {}", self.seed),
            false => format!(
                "cargo xtask sim --seed {} --nodes {} --minutes {}",
                self.seed,
                self.nodes,
                self.faults_ms / 60_000
            ),
        }
    }
}
