//! What was found of each fault.

use std::time::Duration;

use serde::Serialize;

use crate::run::Run;
use crate::run::ledger::{FaultState, Via};
use crate::run::recovery::{self, Back, Stage};
use crate::run::rounds::Round;
use crate::text::Untrusted;
use crate::wording;

/// One fault.
#[derive(Clone, Debug, Serialize)]
pub struct FaultFinding {
    /// Its step.
    pub step: String,
    /// What it is, in words.
    pub what: String,
    /// How far it came.
    pub state: &'static str,
    /// What did it: `chaos-mesh` or `agentless`.
    pub injector: Option<&'static str>,
    /// How much of each workload it could take, in words.
    pub shares: Vec<String>,
    /// Whom it was seen to hit.
    pub victims: Vec<String>,
    /// First impact, seconds since the start.
    pub impact: Option<f64>,
    /// Lifted, seconds since the start.
    pub lifted: Option<f64>,
    /// The recovery, in words.
    pub recovery: String,
    /// The recovery, as an interval.
    pub recovery_ms: Option<Interval>,
    /// What holds its object in the cluster, where something does.
    pub stuck: Option<String>,
    /// The ways out of that, the safest first.
    pub ways_out: Vec<String>,
    /// Each fault that it spawned, where it is a Schedule.
    pub rounds: Vec<RoundFinding>,
    /// Each victim's way back.
    pub waterfalls: Vec<WaterfallFinding>,
}

/// A span within bounds, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Interval {
    /// As the watch told it.
    pub nominal: f64,
    /// Not less.
    pub least: f64,
    /// Not more.
    pub most: f64,
}

/// One victim's way back.
#[derive(Clone, Debug, Serialize)]
pub struct WaterfallFinding {
    /// The victim.
    pub victim: String,
    /// Who came in its place.
    pub replacement: Option<String>,
    /// Milliseconds from the hit to each stage; `null` where it was not seen.
    pub stages: Vec<(&'static str, Option<f64>)>,
}

/// One fault of a Schedule.
#[derive(Clone, Debug, Serialize)]
pub struct RoundFinding {
    /// Its object's name.
    pub name: String,
    /// Whom it was seen to hit.
    pub victims: Vec<String>,
    /// When it hit, seconds since the start.
    pub impact: f64,
    /// When it was lifted, seconds since the start, where there was anything to lift.
    pub lifted: Option<f64>,
    /// The recovery from it, in words.
    pub recovery: String,
    /// The recovery, as an interval.
    pub recovery_ms: Option<Interval>,
}

pub(super) fn fault(run: &Run, state: &FaultState, back: &Back) -> FaultFinding {
    let stage = |stage: Stage| wording::stage(stage);
    FaultFinding {
        step: Untrusted::from(state.step.as_str()).to_string(),
        what: wording::fault_line(state),
        state: wording::fault_state(state),
        injector: state.via.map(|via| match via {
            Via::ChaosMesh => "chaos-mesh",
            Via::Agentless => "agentless",
        }),
        stuck: wording::stuck::held_by(state),
        ways_out: wording::stuck::ways(run, state),
        shares: run.shares(state).unwrap_or_default().iter().map(wording::share).collect(),
        victims: state.victims.iter().filter(|victim| victim.hit.is_some()).map(|victim| victim.pod.to_string()).collect(),
        impact: state.impact().map(|seen| seen.at.seconds()),
        lifted: state.lifted.map(|seen| seen.at.seconds()),
        recovery: wording::recovery(run, back),
        recovery_ms: interval(back),
        rounds: run.rounds(state).map(|(round, back)| self::round(run, state, round, &back)).collect(),
        waterfalls: recovery::waterfalls(state, run.fleet())
            .into_iter()
            .map(|fall| WaterfallFinding {
                victim: fall.victim.to_string(),
                replacement: fall.replacement.as_ref().map(ToString::to_string),
                stages: fall.stages.iter().map(|(s, _)| (stage(*s), fall.span_to(*s).map(ms))).collect(),
            })
            .collect(),
    }
}

fn round(run: &Run, state: &FaultState, round: &Round, back: &Back) -> RoundFinding {
    RoundFinding {
        name: round.name.to_string(),
        victims: round.victims.iter().map(ToString::to_string).collect(),
        impact: state.hit_of(round).at.seconds(),
        lifted: round.lifted.filter(|_| state.fault.action.experiment().is_lasting()).map(|seen| seen.at.seconds()),
        recovery: wording::recovery(run, back),
        recovery_ms: interval(back),
    }
}

fn interval(back: &Back) -> Option<Interval> {
    match back {
        Back::At { span, .. } => Some(Interval { nominal: ms(span.nominal), least: ms(span.least), most: ms(span.most) }),
        Back::Undisturbed { .. } | Back::NotAsked | Back::NotYet { .. } => None,
    }
}

pub(super) fn ms(span: Duration) -> f64 {
    (span.as_secs_f64() * 1e6).round() / 1e3
}
