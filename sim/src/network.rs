//! The network between the nodes: what becomes of each message.

use crate::{dice::Dice, tally::Tally};

/// A partition: what one side sends, the other does not hear.
#[derive(Debug)]
struct Cut {
    from: Vec<bool>,
    to: Vec<bool>,
    until_ms: u64,
}

/// What is wrong with the whole network, all of it in permille.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weather {
    pub(crate) loss: u64,
    pub(crate) duplication: u64,
    /// Messages that take several times as long as others.
    pub(crate) reordering: u64,
}

#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) weather: Weather,
    /// Until when messages are lost at another rate.
    pub(crate) storm: Option<(u64, u64)>,
    /// Until when messages are held up.
    pub(crate) spike_until_ms: u64,
    /// Decides how long each pair's messages take.
    salt: u64,
    latency_max_ms: u64,
    cuts: Vec<Cut>,
    dice: Dice,
}

impl Network {
    pub(crate) fn new(seed: u64, weather: Weather, latency_max_ms: u64) -> Network {
        let mut dice = Dice::new(seed, "network");
        Network {
            weather,
            storm: None,
            spike_until_ms: 0,
            salt: dice.number(),
            latency_max_ms,
            cuts: Vec::new(),
            dice,
        }
    }

    /// After how many milliseconds a message arrives: never, once, or twice.
    pub(crate) fn send(&mut self, now_ms: u64, from: usize, to: usize, tally: &mut Tally) -> Fate {
        if !self.hears(now_ms, from, to) {
            tally.cut_off += 1;
            return Fate::default();
        }
        let loss = match self.storm {
            Some((until_ms, loss)) if until_ms > now_ms => loss,
            _ => self.weather.loss,
        };
        if self.dice.chance(loss) {
            tally.lost += 1;
            return Fate::default();
        }
        let mut fate = Fate { first: Some(self.delay(now_ms, from, to, tally)), second: None };
        if self.dice.chance(self.weather.duplication) {
            tally.duplicated += 1;
            fate.second = Some(self.delay(now_ms, from, to, tally) + self.dice.below(2_000));
        }
        fate
    }

    fn delay(&mut self, now_ms: u64, from: usize, to: usize, tally: &mut Tally) -> u64 {
        // Each pair of nodes has its own distance.
        let pair = (from.min(to) as u64) << 32 | from.max(to) as u64;
        let mixed = (pair ^ self.salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let base = 1 + mixed % self.latency_max_ms.max(1);
        let mut delay = base + self.dice.below(base / 4 + 1);
        if self.dice.chance(self.weather.reordering) {
            tally.reordered += 1;
            delay += self.dice.between(base, 10 * base + 200);
        }
        if self.spike_until_ms > now_ms {
            tally.delayed += 1;
            delay += self.dice.between(500, 6_000);
        }
        delay
    }

    /// Whether what `from` sends can reach `to`.
    pub(crate) fn hears(&self, now_ms: u64, from: usize, to: usize) -> bool {
        let on = |side: &[bool], node: usize| side.get(node).copied().unwrap_or(false);
        !self.cuts.iter().any(|cut| cut.until_ms > now_ms && on(&cut.from, from) && on(&cut.to, to))
    }

    /// Stops what `from` sends to `to`, until a time.
    pub(crate) fn cut(&mut self, now_ms: u64, from: Vec<bool>, to: Vec<bool>, until_ms: u64) {
        self.cuts.retain(|cut| cut.until_ms > now_ms);
        self.cuts.push(Cut { from, to, until_ms });
    }

    /// Nothing is wrong any more.
    pub(crate) fn heal(&mut self) {
        self.cuts.clear();
        self.weather = Weather::default();
        self.storm = None;
        self.spike_until_ms = 0;
    }
}

/// After how many milliseconds a message arrives, and arrives again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) first: Option<u64>,
    pub(crate) second: Option<u64>,
}
