//! Colours for people at a terminal. What goes elsewhere has none.

use std::io::{self, IsTerminal as _};

/// What a text says about its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Good,
    Doubtful,
    Bad,
}

/// Whether standard output shows colours: it is a terminal, and nobody asked for none.
pub(crate) fn wanted() -> bool {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    io::stdout().is_terminal() && variable("NO_COLOR").is_empty() && variable("TERM") != "dumb"
}

/// The text in the colour of a mood.
pub(crate) fn painted(text: &str, mood: Mood) -> String {
    let code = match mood {
        Mood::Good => "32",
        Mood::Doubtful => "33",
        Mood::Bad => "31",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// What the words for presence and standing say.
pub(crate) fn of_word(word: &str) -> Option<Mood> {
    match word {
        "online" | "admitted" => Some(Mood::Good),
        "unknown" | "pending" => Some(Mood::Doubtful),
        "left" | "banned" | "removed" => Some(Mood::Bad),
        _ => None,
    }
}
