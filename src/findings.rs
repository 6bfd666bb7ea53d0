//! All that any report may say, out of the run alone.
//!
//! Owns [`Findings`]: plain data, safe to show, the same for every report. A report that needs more
//! asks for it here.

mod faults;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::clock::At;
use crate::effect::Verdict;
use crate::event::EndpointsSource;
use crate::event::residue::ResidueFact;
pub use crate::findings::faults::{FaultFinding, Interval, RoundFinding, WaterfallFinding};
use crate::findings::faults::{fault, ms};
use crate::run::Run;
use crate::run::ledger::{FaultState, Via};
use crate::run::timeline::{List, Noted};
use crate::run::verdicts::{Judged, Standing};
use crate::text::Untrusted;
use crate::wording;

/// What a run found. Spans are in milliseconds, moments in seconds since the run's start.
#[derive(Clone, Debug, Serialize)]
pub struct Findings {
    /// Always `gameday/report/v1`.
    pub format: &'static str,
    /// The run's id.
    pub run: String,
    /// The version of gameday that wrote the journal.
    pub gameday: String,
    /// `metadata.name`.
    pub scenario: String,
    /// `spec.title`.
    pub title: String,
    /// `spec.hypothesis`.
    pub hypothesis: String,
    /// `spec.owner`.
    pub owner: Option<String>,
    /// `spec.runbook`.
    pub runbook: Option<String>,
    /// SHA-256 of the drill.
    pub drill_digest: String,
    /// SHA-256 of the file.
    pub file_digest: String,
    /// Where it was run, in words.
    pub place: String,
    /// Whether it was a rehearsal.
    pub rehearsal: bool,
    /// When it was recorded.
    pub recorded: DateTime<Utc>,
    /// How long it took, from the operator's word to the end.
    pub took_ms: f64,
    /// The verdict.
    pub verdict: Verdict,
    /// The verdict in words.
    pub verdict_text: &'static str,
    /// The exit code of the process.
    pub exit_code: u8,
    /// Why it ended early, if it did.
    pub why: Option<String>,
    /// Whether the last entry is there; a journal without it is of a run that died.
    pub sealed: bool,
    /// What may still be in the cluster.
    pub left: Vec<String>,
    /// How the cluster was found and left; `null` where it was not looked over.
    pub residue: Option<ResidueFinding>,
    /// What was broken, and how it came back.
    pub faults: Vec<FaultFinding>,
    /// The checks before the start; empty for journals from before there were any.
    pub preflight: Vec<CheckFinding>,
    /// The steady state at the gate.
    pub gate: Vec<JudgedFinding>,
    /// The steady state proven again.
    pub proof: Vec<JudgedFinding>,
    /// The criteria.
    pub criteria: Vec<JudgedFinding>,
    /// The stop conditions; the verdict is `tripped`, `not tripped`, `unknown` or `pending`.
    pub stops: Vec<JudgedFinding>,
    /// How the times were measured, in words.
    pub measured: Vec<String>,
    /// When what was not seen.
    pub blind: Vec<BlindFinding>,
    /// What happened.
    pub timeline: Vec<Line>,
}

/// How the cluster was found and left.
#[derive(Clone, Debug, Serialize)]
pub struct ResidueFinding {
    /// In one sentence.
    pub told: String,
    /// What earlier faults and runs had left.
    pub before: Vec<String>,
    /// What is left since the start.
    pub new: Vec<String>,
    /// What could not be looked at after the end.
    pub unseen: Vec<String>,
}

/// One check of the preflight.
#[derive(Clone, Debug, Serialize)]
pub struct CheckFinding {
    /// Its name.
    pub check: &'static str,
    /// `pass`, `warn`, `fail`, `unknown` or `waiting`.
    pub verdict: &'static str,
    /// What was seen.
    pub seen: String,
    /// What mends it.
    pub mend: Option<String>,
}

/// A criterion and its verdict.
#[derive(Clone, Debug, Serialize)]
pub struct JudgedFinding {
    /// Its name.
    pub name: String,
    /// Its bound, in words.
    pub bound: String,
    /// The verdict.
    pub verdict: &'static str,
    /// What it rests on, in words.
    pub evidence: String,
    /// When it was decided, seconds since the start.
    pub decided: Option<f64>,
}

/// A blind window.
#[derive(Clone, Debug, Serialize)]
pub struct BlindFinding {
    /// What was not seen.
    pub source: String,
    /// From, in seconds since the start.
    pub from: f64,
    /// To; `null` to the end.
    pub to: Option<f64>,
    /// Why.
    pub why: String,
}

/// One line of the timeline.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Seconds since the start.
    pub at: f64,
    /// `T+00:18.4`.
    pub t: String,
    /// Its name for machines.
    pub event: &'static str,
    /// The sentence.
    pub text: String,
}

impl Findings {
    /// The findings of a run as it stands.
    #[must_use]
    pub fn of(run: &Run) -> Findings {
        let (scenario, header) = (run.scenario(), run.header());
        let verdict = run.conclusion().map_or_else(|| run.verdict(), |conclusion| conclusion.verdict);
        let begun = run.begun().unwrap_or_default();
        let safe = |text: &str| Untrusted::from(text).to_string();
        let list = |list: List, names: Vec<(String, String, String)>| -> Vec<JudgedFinding> {
            names
                .into_iter()
                .enumerate()
                .filter_map(|(index, (name, bound, evidence))| {
                    let (_, judged) = run.judged(list, index)?;
                    Some(finding(name, bound, evidence, judged))
                })
                .collect()
        };
        let steady = |of: List| {
            let rows = scenario.steady_state.iter().enumerate().map(|(index, criterion)| {
                let evidence = run.judged(of, index).map_or_else(String::new, |(_, judged)| wording::evidence(run, criterion, judged));
                (safe(&criterion.name), wording::bound_of(criterion), evidence)
            });
            list(of, rows.collect())
        };
        let criteria = run.criteria().map(|(c, judged)| (safe(&c.name), wording::criterion(c), wording::evidence(run, c, judged)));
        let stops = run.stops().map(|(stop, judged)| (safe(&stop.name), wording::stop(stop), wording::stop_evidence(run, stop, judged)));
        Findings {
            format: "gameday/report/v1",
            run: safe(&header.run),
            gameday: safe(&header.gameday),
            scenario: safe(&scenario.name),
            title: safe(&scenario.title),
            hypothesis: safe(&scenario.hypothesis),
            owner: scenario.owner.as_deref().map(safe),
            runbook: scenario.runbook.as_deref().map(safe),
            drill_digest: scenario.drill_digest.clone(),
            file_digest: scenario.file_digest.clone(),
            place: place(run),
            rehearsal: header.place.rehearsal,
            recorded: header.recorded,
            took_ms: ms(run.now().since(begun)),
            verdict,
            verdict_text: wording::verdict(verdict),
            exit_code: verdict.exit_code(),
            why: wording::why(run),
            sealed: run.conclusion().is_some(),
            left: left(run),
            residue: residue(run),
            faults: run.recoveries().map(|(state, back)| fault(run, state, &back)).collect(),
            preflight: run
                .noted_checks()
                .map(|point| CheckFinding {
                    check: point.name,
                    verdict: wording::preflight::grade(point.grade),
                    seen: point.seen.to_string(),
                    mend: point.mend.as_ref().map(ToString::to_string),
                })
                .collect(),
            gate: steady(List::Gate),
            proof: steady(List::Proof),
            criteria: list(List::Criteria, criteria.collect()),
            stops: list(List::StopWhen, stops.collect())
                .into_iter()
                .zip(run.stops())
                .map(|(found, (_, judged))| JudgedFinding { verdict: wording::stop_standing(judged.standing), ..found })
                .collect(),
            measured: measured(run),
            blind: run
                .sight()
                .blind()
                .iter()
                .map(|blind| BlindFinding {
                    source: blind.source.to_string(),
                    from: blind.from.seconds(),
                    to: blind.to.map(At::seconds),
                    why: blind.why.to_string(),
                })
                .collect(),
            timeline: run
                .timeline()
                .iter()
                .map(|moment| Line {
                    at: moment.at.seconds(),
                    t: wording::t_plus(run, moment.at),
                    event: moment.noted.name(),
                    text: wording::moment(run, moment),
                })
                .collect(),
        }
    }
}

fn finding(name: String, bound: String, evidence: String, judged: &Judged) -> JudgedFinding {
    JudgedFinding { name, bound, verdict: wording::standing(judged.standing), evidence, decided: judged.decided.map(At::seconds) }
}

/// What was handed over, or is still owed by a run that died: faults, and the Lease.
fn left(run: &Run) -> Vec<String> {
    let died = run.conclusion().is_none();
    let faults = run.faults().iter().filter(|f| f.undo.handed_over.is_some() || (died && f.owes_undo())).map(wording::fault);
    let lease = run.claim().filter(|claim| claim.handed_over.is_some() || (died && claim.is_owed()));
    faults.chain(lease.map(|claim| format!("{}, by which others see a run as live", claim.lease))).collect()
}

fn residue(run: &Run) -> Option<ResidueFinding> {
    let traces = |fact: &ResidueFact| fact.found.iter().map(|trace| wording::residue::trace_of(run, trace)).collect();
    Some(ResidueFinding {
        told: wording::residue::after(run)?,
        before: run.residue_before().map(traces).unwrap_or_default(),
        new: run.residue_new().into_iter().map(|trace| wording::residue::trace_of(run, trace)).collect(),
        unseen: run.residue_after()?.unseen.iter().map(ToString::to_string).collect(),
    })
}

fn place(run: &Run) -> String {
    let place = &run.header().place;
    let version = run.cluster().map_or_else(String::new, |cluster| format!(" ({})", cluster.version));
    let safe = |text: &str| Untrusted::from(text).to_string();
    if place.rehearsal {
        let staged = run.header().world.as_ref();
        let world =
            staged.filter(|staged| !staged.file.is_empty()).map_or_else(String::new, |staged| format!(", world {}", safe(&staged.file)));
        let breaks: Vec<String> = staged.into_iter().flat_map(|staged| &staged.breaks).map(|wrong| safe(wrong)).collect();
        let ill = if breaks.is_empty() { String::new() } else { format!(", ill on purpose: {}", breaks.join(", ")) };
        format!("rehearsal on the practice cluster, seed {}, namespace {}{world}{ill}", run.header().seed, safe(&place.namespace))
    } else {
        format!(
            "{}: context {}, namespace {}, {}{version}",
            safe(&place.environment),
            safe(&place.context),
            safe(&place.namespace),
            place.tier
        )
    }
}

fn measured(run: &Run) -> Vec<String> {
    let mut said = vec![format!(
        "moments are those of watch events on a monotonic clock; a watch event is taken to be at most {} late on this run",
        wording::span(run.sight().lag())
    )];
    if let Some(skew) = run.sight().skew() {
        said.push(format!(
            "the API server's clock minus ours lay between {:+.2} s and {:+.2} s (its Date header)",
            micros(skew.least),
            micros(skew.most)
        ));
    }
    match run.cluster().map(|cluster| cluster.endpoints) {
        Some(EndpointsSource::EndpointSlices) => said.push("endpoints are read from discovery.k8s.io/v1 EndpointSlices".to_owned()),
        Some(EndpointsSource::Endpoints) => {
            said.push("endpoints are read from core/v1 Endpoints: this cluster has no discovery.k8s.io/v1".to_owned());
        }
        Some(EndpointsSource::None) | None => {}
    }
    if run.faults().iter().any(FaultState::cuts) {
        said.push(
            "pods were cut off by a NetworkPolicy of gameday's own: it cuts who opens a connection, the other end by its addresses at that moment; \
             that the network enforces it is not seen but by what it does"
                .to_owned(),
        );
    }
    if run.faults().iter().any(|state| state.via == Some(Via::Agentless) && !state.cuts()) {
        said.push("pods were deleted by gameday itself, without Chaos Mesh: the impact lies between the request and its answer".to_owned());
    }
    if run.faults().iter().any(|state| state.via == Some(Via::ChaosMesh) && state.fault.is_lasting()) {
        said.push(
            "each lasting fault had a limit of its own in the cluster, which Chaos Mesh's controllers keep, but not while they are down"
                .to_owned(),
        );
    }
    let broken = |m: &&crate::run::timeline::Moment| matches!(m.noted, Noted::Decided(List::Criteria, _, Standing::Unknown));
    if run.timeline().iter().any(|m| broken(&m)) {
        said.push("unknown is a verdict: what could not be seen was not taken for good".to_owned());
    }
    said
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a clock's skew are far below 2^52")]
fn micros(n: i64) -> f64 {
    n as f64 / 1e6
}
