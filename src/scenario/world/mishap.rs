//! What goes wrong in a world, and when: `daemon-down@10s`, `slow-pull=task-api/30s@1m+2m`.

use std::fmt;
use std::time::Duration;

use super::super::near::{did_you_mean, nearest};
use super::super::units;
use super::World;
use crate::clock::go;

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Nobody answers at the API server's address.
    ApiOutage,
    /// Every open watch is cut.
    WatchCut,
    /// The API server forgets its history, and cuts every open watch.
    HistoryLost,
    /// The cluster's clocks are off.
    ClockSkew,
    /// The user may not do something.
    Denied,
    /// Chaos Mesh's daemon does not answer on a node, or on any.
    DaemonDown,
    /// Chaos Mesh's controllers and webhooks do not run.
    ControllerDown,
    /// Nothing is scraped.
    PrometheusGap,
    /// A node's kubelet does not answer.
    NodeDown,
    /// Nodes take no new pods.
    Unschedulable,
    /// Images of a workload are not on the nodes, and take long to fetch.
    SlowPull,
    /// Images of a workload are not on the nodes, and cannot be fetched.
    PullFails,
    /// The readiness probes of a workload are answered with 503.
    BadProbe,
    /// The liveness probes of a workload are answered with 503.
    LivenessFails,
    /// The processes of a workload end as soon as they are started.
    Crash,
    /// The processes of a workload fill their memory.
    Leak,
    /// A Secret is gone.
    MissingSecret,
    /// A quota allows a namespace no more pods than it has.
    Quota,
    /// A `PodDisruptionBudget` allows no pod of a workload to be evicted.
    Pdb,
}

/// What a mishap is about, if about anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Nothing but itself.
    Nothing,
    /// A node, by its name.
    Node,
    /// A node, by its name, or all.
    AnyNode,
    /// A workload, by its name.
    Workload,
    /// A Secret, by its name.
    Secret,
    /// A namespace, or the scenario's own.
    Namespace,
    /// A right: `VERB:RESOURCE`.
    Right,
}

/// How a kind of mishap is written.
struct Row {
    what: What,
    word: &'static str,
    about: About,
    /// Whether a length of time says how much.
    measured: bool,
    /// Whether it lasts.
    lasts: bool,
}

const fn row(what: What, word: &'static str, about: About) -> Row {
    Row { what, word, about, measured: false, lasts: true }
}

const fn measured(what: What, word: &'static str, about: About) -> Row {
    Row { what, word, about, measured: true, lasts: true }
}

const fn moment(what: What, word: &'static str) -> Row {
    Row { what, word, about: About::Nothing, measured: false, lasts: false }
}

const ROWS: [Row; 19] = [
    row(What::ApiOutage, "api-outage", About::Nothing),
    moment(What::WatchCut, "watch-cut"),
    moment(What::HistoryLost, "history-lost"),
    measured(What::ClockSkew, "clock-skew", About::Nothing),
    row(What::Denied, "denied", About::Right),
    row(What::DaemonDown, "daemon-down", About::AnyNode),
    row(What::ControllerDown, "controller-down", About::Nothing),
    row(What::PrometheusGap, "prometheus-gap", About::Nothing),
    row(What::NodeDown, "node-down", About::Node),
    row(What::Unschedulable, "unschedulable", About::AnyNode),
    measured(What::SlowPull, "slow-pull", About::Workload),
    row(What::PullFails, "pull-fails", About::Workload),
    row(What::BadProbe, "bad-probe", About::Workload),
    row(What::LivenessFails, "liveness-fails", About::Workload),
    row(What::Crash, "crash", About::Workload),
    measured(What::Leak, "leak", About::Workload),
    row(What::MissingSecret, "missing-secret", About::Secret),
    row(What::Quota, "quota", About::Namespace),
    row(What::Pdb, "pdb", About::Workload),
];

impl What {
    fn row(self) -> &'static Row {
        ROWS.iter().find(|row| row.what == self).unwrap_or(&ROWS[0])
    }

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.row().word
    }

    /// What it is about.
    #[must_use]
    pub fn about(self) -> About {
        self.row().about
    }

    /// Whether a length of time says how much: how far clocks are off, how long a pull takes.
    #[must_use]
    pub fn measured(self) -> bool {
        self.row().measured
    }

    /// Whether it lasts; else it is over at once.
    #[must_use]
    pub fn lasts(self) -> bool {
        self.row().lasts
    }

    /// All words.
    #[must_use]
    pub fn words() -> Vec<&'static str> {
        ROWS.iter().map(|row| row.word).collect()
    }

    /// What this word means.
    ///
    /// # Errors
    /// It is none of the words.
    pub fn of(word: &str) -> Result<Self, Wrong> {
        if let Some(row) = ROWS.iter().find(|row| row.word == word) {
            return Ok(row.what);
        }
        let hint = did_you_mean(word, Self::words());
        Err(Wrong { message: "nothing of this name can go wrong".to_owned(), allowed: Some(Self::words().join(", ")), hint })
    }
}

/// Why a mishap is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong.
    pub message: String,
    /// What is allowed.
    pub allowed: Option<String>,
    /// The next move.
    pub hint: Option<String>,
}

impl Wrong {
    fn because(message: impl Into<String>) -> Self {
        Self { message: message.into(), allowed: None, hint: None }
    }

    fn allow(self, allowed: impl Into<String>) -> Self {
        Self { allowed: Some(allowed.into()), ..self }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(allowed) = &self.allowed {
            write!(f, "; allowed: {allowed}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

/// One thing that goes wrong at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mishap {
    /// What.
    pub what: What,
    /// With what, where it is about something.
    pub of: Option<String>,
    /// How much, where it is measured; negative for clocks that are behind.
    pub by: Option<Measure>,
    /// When, from the start of the rehearsal.
    pub at: Duration,
    /// For how long; `None` until the end.
    pub length: Option<Duration>,
}

/// A length of time with a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Whether it is below zero.
    pub negative: bool,
    /// Its length.
    pub length: Duration,
}

impl Measure {
    /// What this text says: `30s`, `-1m30s`.
    ///
    /// # Errors
    /// It is no duration.
    pub fn of(text: &str) -> Result<Self, Wrong> {
        let negative = text.starts_with('-');
        duration(text.trim_start_matches(['-', '+'])).map(|length| Self { negative, length })
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.negative { "-" } else { "" }, go(self.length))
    }
}

impl fmt::Display for Mishap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what.word())?;
        match (&self.of, self.by) {
            (Some(of), Some(by)) => write!(f, "={of}/{by}")?,
            (Some(of), None) => write!(f, "={of}")?,
            (None, Some(by)) => write!(f, "={by}")?,
            (None, None) => {}
        }
        write!(f, "@{}", go(self.at))?;
        self.length.map_or(Ok(()), |length| write!(f, "+{}", go(length)))
    }
}

/// How a mishap is written on the command line.
pub const GRAMMAR: &str = "WHAT[=DETAIL]@T[+FOR]";

fn duration(text: &str) -> Result<Duration, Wrong> {
    let wrong = || Wrong::because(format!("{text:?} is no duration")).allow("numbers with ms, s, m or h: 500ms, 30s, 1m30s");
    let nanos = units::go_duration(text).map_err(|_| wrong())?;
    units::positive(nanos).filter(|length| *length <= units::LONGEST).ok_or_else(wrong)
}

impl std::str::FromStr for Mishap {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let (what, when) = text.rsplit_once('@').map_or((text, None), |(what, when)| (what, Some(when)));
        let (word, detail) = what.split_once('=').map_or((what, None), |(word, detail)| (word, Some(detail)));
        let what = What::of(word)?;
        let when = when.ok_or_else(|| Wrong::because(format!("{word} needs a time")).allow(format!("{GRAMMAR}, as in {word}@10s")))?;
        let (at, length) = when.split_once('+').map_or((when, None), |(at, length)| (at, Some(length)));
        let (of, by) = match (detail, what.about(), what.measured()) {
            (Some(detail), About::Nothing, true) => (None, Some(detail)),
            (Some(detail), _, true) => detail.rsplit_once('/').map_or((Some(detail), None), |(of, by)| (Some(of), Some(by))),
            (Some(detail), _, false) => (Some(detail), None),
            (None, ..) => (None, None),
        };
        let mishap = Self {
            what,
            of: of.map(str::to_owned),
            by: by.map(Measure::of).transpose()?,
            at: duration(at)?,
            length: length.map(duration).transpose()?,
        };
        mishap.whole()?;
        Ok(mishap)
    }
}

impl Mishap {
    /// Whether it says all that is needed, and nothing else.
    ///
    /// # Errors
    /// What is missing or too much.
    pub fn whole(&self) -> Result<(), Wrong> {
        let word = self.what.word();
        let needed = match self.what.about() {
            About::Nothing if self.of.is_some() => return Err(Wrong::because(format!("{word} is about nothing else"))),
            About::Nothing | About::AnyNode | About::Namespace => None,
            About::Node => Some("a node"),
            About::Workload => Some("a workload"),
            About::Secret => Some("a Secret"),
            About::Right => Some("a right as VERB:RESOURCE"),
        };
        if let (Some(needed), None) = (needed, &self.of) {
            return Err(Wrong::because(format!("{word} needs the name of {needed}")).allow(format!("{word}=NAME@{}", go(self.at))));
        }
        if self.what.measured() && self.by.is_none() {
            return Err(Wrong::because(format!("{word} needs a length of time")).allow(match self.what.about() {
                About::Nothing => format!("{word}=30s@{}", go(self.at)),
                _ => format!("{word}=NAME/30s@{}", go(self.at)),
            }));
        }
        if !self.what.measured() && self.by.is_some() {
            return Err(Wrong::because(format!("{word} takes no length of time but FOR")).allow(GRAMMAR));
        }
        if self.by.is_some_and(|by| by.negative) && self.what != What::ClockSkew {
            return Err(Wrong::because(format!("{word} takes a length of time that is not negative")));
        }
        if !self.what.lasts() && self.length.is_some() {
            return Err(Wrong::because(format!("{word} is over at once: it takes no FOR")));
        }
        if self.length.is_some_and(|length| length.is_zero()) {
            return Err(Wrong::because(format!("{word} for no time at all")));
        }
        if self.what.about() == About::Right && self.right().is_none() {
            return Err(
                Wrong::because("a right is malformed").allow("VERB:RESOURCE[.GROUP], as in delete:pods or create:podchaos.chaos-mesh.org")
            );
        }
        Ok(())
    }

    /// Verb, resource and group of the right it denies.
    #[must_use]
    pub fn right(&self) -> Option<(&str, &str, &str)> {
        let (verb, rest) = self.of.as_deref()?.split_once(':')?;
        let (resource, group) = rest.split_once('.').unwrap_or((rest, ""));
        (!verb.is_empty() && !resource.is_empty()).then_some((verb, resource, group))
    }

    /// Whether what it is about is in this world.
    ///
    /// # Errors
    /// It is not.
    pub fn fits(&self, world: &World) -> Result<(), Wrong> {
        let Some(of) = self.of.as_deref() else { return Ok(()) };
        let (kind, names): (&str, Vec<&str>) = match self.what.about() {
            About::Node | About::AnyNode => ("node", world.nodes.iter().map(|node| node.name.as_str()).collect()),
            About::Workload => ("workload", world.workloads.iter().map(|workload| workload.name.as_str()).collect()),
            About::Secret => ("Secret", world.secrets.iter().map(|secret| secret.name.as_str()).collect()),
            About::Nothing | About::Namespace | About::Right => return Ok(()),
        };
        if names.contains(&of) {
            return Ok(());
        }
        let hint = nearest(of, names.iter().copied()).map(|near| format!("did you mean {near:?}?"));
        let allowed = if names.is_empty() { format!("the world has no {kind}") } else { names.join(", ") };
        Err(Wrong { message: format!("the world has no {kind} {of:?}"), allowed: Some(allowed), hint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mishap_should_be_read_back_as_it_is_shown() {
        for text in ["daemon-down@10s", "api-outage@30s+20s", "slow-pull=task-api/30s@1m+2m", "clock-skew=-5s@0s", "denied=delete:pods@3s"]
        {
            let mishap: Mishap = text.parse().unwrap_or_else(|wrong| unreachable!("{text}: {wrong}"));
            assert_eq!(mishap.to_string(), text);
        }
    }

    #[test]
    fn wrong_mishaps_should_say_what_was_meant() {
        let told = |text: &str| text.parse::<Mishap>().map_err(|wrong| wrong.to_string());
        let nothing = told("demon-down@10s").unwrap_err();
        assert!(nothing.contains("did you mean \"daemon-down\"?") && nothing.contains("watch-cut"), "{nothing}");
        for (text, why) in [
            ("daemon-down", "needs a time"),
            ("daemon-down@ten", "no duration"),
            ("controller-down=node-1@1s", "about nothing else"),
            ("node-down@1s", "needs the name of a node"),
            ("slow-pull=task-api@1s", "needs a length of time"),
            ("watch-cut@1s+3s", "over at once"),
            ("leak=task-api/-3s@1s", "not negative"),
            ("denied=delete@1s", "malformed"),
        ] {
            let told = told(text).unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}
