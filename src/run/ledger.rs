//! What was broken, by whom, and what has become of it: one [`FaultState`] a fault.
//!
//! Owns the promise: from the moment a breaking effect was asked for, its undo is owed until the
//! fault is lifted or handed over.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::clock::At;
use crate::effect::{ChaosRef, Effect, EffectId, FaultId, Outcome, PodRef};
use crate::event::{BlockingPod, FaultFact, MatchedPod, PeerFact};
use crate::fault::{Action, DEFAULT_DURATION, Fault, Mode, OtherKind};
use crate::run::rounds::{self, Round};
use crate::run::sight::Seen;
use crate::run::undo::{LIFT_LIMIT, REQUEST_DEADLINE, Undo};
use crate::text::Untrusted;

/// How long a fault may take to be in effect.
pub const EFFECT_LIMIT: Duration = Duration::from_secs(30);

/// How long after its end a lasting fault may go on before the alarm: less than two seconds, so that
/// it is heard within two.
pub const OVERDUE_AFTER: Duration = Duration::from_millis(1900);

/// How long after its deletion was asked for an object that is still held counts as stuck.
pub const STUCK_AFTER: Duration = Duration::from_secs(10);

/// Who breaks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// An object of Chaos Mesh.
    ChaosMesh,
    /// gameday deletes the pods itself.
    Agentless,
}

/// One pod that a fault takes.
#[derive(Clone, Debug)]
pub struct Victim {
    /// Which; the uid is empty where only the name is known.
    pub pod: PodRef,
    /// When its end was asked for, for agentless kills.
    pub asked: Option<At>,
    /// When the answer came and how long it took.
    pub answered: Option<(At, Duration)>,
    /// Refused or failed.
    pub failed: Option<Untrusted>,
    /// Refused: surely not hit.
    pub refused: bool,
    /// Seen to be hit: its deletion, or its record injected.
    pub hit: Option<Seen>,
}

impl Victim {
    /// When it was hit, with what request and watch together say: not before the request went
    /// out, not after its answer came.
    #[must_use]
    pub fn impact(&self) -> Option<Seen> {
        let hit = self.hit?;
        Some(match self.answered {
            Some((at, took)) => {
                // the answer may have waited before it was stamped: what it says of the sending is
                // then too late, and only the moment of asking is sure
                let (earliest, latest) = (self.asked.unwrap_or(at.minus(took)).min(at.minus(took)), at.min(hit.latest));
                // what a watch told keeps its moment; what a list told late is better known by the request
                let told = hit.at == hit.latest || latest < earliest;
                Seen { at: if told { hit.at } else { hit.at.clamp(earliest, latest) }, earliest, latest }
            }
            None => hit,
        })
    }
}

/// What the timeline has told of a fault.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "six lines, each told once, in no order")]
pub(super) struct Told {
    pub in_effect: bool,
    pub lifted: bool,
    pub removed: bool,
    pub overdue: bool,
    pub stuck: bool,
    pub handed_over: bool,
}

/// One fault of the run.
#[derive(Clone, Debug)]
pub struct FaultState {
    /// Which: the place of its step.
    pub id: FaultId,
    /// Its step's name.
    pub step: String,
    /// As the scenario has it.
    pub fault: Fault,
    /// Who does it; `None` until the cluster is known.
    pub via: Option<Via>,
    /// The pods its selector means, by round of asking.
    pub resolved: BTreeMap<u32, Result<Vec<MatchedPod>, Untrusted>>,
    /// The pods at the other end, as last resolved; `None` where there is none, or nobody has looked.
    pub peers: Option<Vec<MatchedPod>>,
    /// Their addresses, by round of asking, where gameday does the partition itself.
    pub peer_addresses: BTreeMap<u32, Vec<PeerFact>>,
    /// Its object: one of Chaos Mesh, or a policy of ours.
    pub object: Option<(ChaosRef, Value)>,
    /// How the dry run went.
    pub dry_run: Option<Outcome>,
    /// When the first breaking effect was asked for.
    pub asked: Option<At>,
    /// How the creation was answered, and when.
    pub answered: Option<(At, Outcome)>,
    /// The pods it takes, as far as known.
    pub victims: Vec<Victim>,
    /// The faults that it spawned, where it is a Schedule.
    pub rounds: Vec<Round>,
    /// Its object as last seen.
    pub seen: Option<FaultFact>,
    /// When its object was last seen to be gone.
    pub gone: Option<At>,
    /// The pods that hold its object back, as last looked for.
    pub blocking: Vec<BlockingPod>,
    /// When all victims were hit.
    pub in_effect: Option<At>,
    /// When every record was seen not injected after the stop.
    pub recovered: Option<Seen>,
    /// When the fault itself was over: lifted, or found gone.
    pub lifted: Option<Seen>,
    /// The undo.
    pub undo: Undo,
    pub(super) told: Told,
}

impl FaultState {
    pub(super) fn new(id: FaultId, step: &str, fault: &Fault) -> FaultState {
        FaultState {
            id,
            step: step.to_owned(),
            fault: fault.clone(),
            via: None,
            resolved: BTreeMap::new(),
            peers: None,
            peer_addresses: BTreeMap::new(),
            object: None,
            dry_run: None,
            asked: None,
            answered: None,
            victims: Vec::new(),
            seen: None,
            gone: None,
            blocking: Vec::new(),
            in_effect: None,
            recovered: None,
            rounds: Vec::new(),
            lifted: None,
            undo: Undo::default(),
            told: Told::default(),
        }
    }

    /// The pods its selector meant when last asked.
    #[must_use]
    pub fn candidates(&self) -> Option<&[MatchedPod]> {
        self.resolved.values().next_back().and_then(|answer| answer.as_deref().ok())
    }

    /// Whether it is a partition that gameday does itself, by a `NetworkPolicy`.
    #[must_use]
    pub fn cuts(&self) -> bool {
        self.via == Some(Via::Agentless) && self.fault.is_lasting()
    }

    /// The pods that get something put into them, each end with how many of it.
    #[must_use]
    pub fn ends(&self) -> Vec<(&[MatchedPod], Mode)> {
        let peer = self.fault.peer.as_ref().filter(|_| self.fault.reaches_peers() && !self.cuts()).zip(self.peers.as_deref());
        let own = self.candidates().map(|pods| (pods, self.fault.mode));
        own.into_iter().chain(peer.map(|((_, mode), pods)| (pods, *mode))).collect()
    }

    /// All pods that have to do with it: those it is aimed at, and those at the other end.
    pub fn concerned(&self) -> impl Iterator<Item = &MatchedPod> {
        self.candidates().into_iter().flatten().chain(self.peers.iter().flatten())
    }

    /// How long it lasts.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.fault.duration.unwrap_or(DEFAULT_DURATION)
    }

    /// How long it may take to be in effect: a Schedule until it is over, since its first time may be late.
    #[must_use]
    pub fn effect_limit(&self) -> Duration {
        if matches!(self.fault.action, Action::Schedule { .. }) { self.duration().max(EFFECT_LIMIT) } else { EFFECT_LIMIT }
    }

    /// When its first victim was hit.
    #[must_use]
    pub fn impact(&self) -> Option<Seen> {
        self.victims.iter().filter_map(Victim::impact).min_by_key(|seen| seen.at)
    }

    /// When the last of its victims was hit.
    #[must_use]
    pub fn last_impact(&self) -> Option<Seen> {
        self.victims.iter().filter_map(Victim::impact).max_by_key(|seen| seen.at)
    }

    /// Whether something of it may be in the cluster that must be undone: its object, injected or not.
    #[must_use]
    pub fn owes_undo(&self) -> bool {
        self.asked.is_some()
            && self.object.is_some()
            && self.undo.done.is_none()
            && self.undo.handed_over.is_none()
            // refused, and yet seen: it is there
            && (self.seen.is_some() || !matches!(self.answered, Some((_, Outcome::Refused { .. }))))
    }

    /// Whether it broke something, or may have: it was asked for and not surely refused.
    #[must_use]
    pub fn may_have_hit(&self) -> bool {
        let created = self.object.is_some() && !matches!(self.answered, Some((_, Outcome::Refused { .. })));
        self.asked.is_some() && (created || self.victims.iter().any(|victim| !victim.refused))
    }

    /// Whether pods may be under its effect right now.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.fault.is_lasting() && self.owes_undo() && self.lifted.is_none()
    }

    /// When it should have been lifted: its time was up, or its undo was asked for. `None` where it
    /// does not last, has not begun or is over.
    #[must_use]
    pub fn should_end(&self) -> Option<At> {
        let own = self.in_effect.map(|from| from + self.duration());
        own.into_iter().chain(self.undo.asked).min().filter(|_| self.is_alive())
    }

    /// Whether it is past its time, and by more than the moment that a lift takes.
    #[must_use]
    pub fn is_overdue(&self, now: At) -> bool {
        self.should_end().is_some_and(|end| now >= end + OVERDUE_AFTER)
    }

    /// Whether its object hangs: its deletion was asked for a while ago, and a finalizer holds it.
    #[must_use]
    pub fn is_stuck(&self, now: At) -> bool {
        let held = self.seen.as_ref().is_some_and(|fact| fact.deleting && !fact.finalizers.is_empty());
        held && self.gone.is_none() && self.undo.done.is_none() && self.undo.asked.is_some_and(|asked| now >= asked + STUCK_AFTER)
    }

    /// Whether it leaves nothing in pods that could be looked for: its end is known by its records alone.
    #[must_use]
    pub fn leaves_no_trace(&self) -> bool {
        matches!(self.fault.action.experiment(), Action::Stress { .. } | Action::Other { kind: OtherKind::Dns | OtherKind::Time })
    }

    /// Whether its creation is known to have come to pass.
    pub(super) fn has_landed(&self) -> bool {
        self.seen.is_some() || matches!(self.answered, Some((_, Outcome::Done { .. } | Outcome::Already { .. })))
    }

    pub(super) fn is_refused(&self) -> Option<&Untrusted> {
        match &self.answered {
            Some((_, Outcome::Refused { why } | Outcome::Failed { why })) => Some(why),
            Some((_, Outcome::Done { .. } | Outcome::Already { .. })) => None,
            None => self.victims.iter().find_map(|victim| victim.failed.as_ref()),
        }
    }

    pub(super) fn asked(&mut self, effect: &Effect, at: At) {
        match effect {
            Effect::Apply { object, manifest, .. } => {
                self.asked.get_or_insert(at);
                self.object = Some((object.clone(), manifest.clone()));
            }
            Effect::Kill { victim, .. } => {
                self.asked.get_or_insert(at);
                if let Some(known) = self.victims.iter_mut().find(|v| v.pod == *victim) {
                    known.asked.get_or_insert(at);
                } else {
                    self.victims.push(Victim {
                        pod: victim.clone(),
                        asked: Some(at),
                        answered: None,
                        failed: None,
                        refused: false,
                        hit: None,
                    });
                }
            }
            Effect::Lift { attempt, .. } => {
                self.undo.asked.get_or_insert(at);
                self.undo.until.get_or_insert(at + LIFT_LIMIT);
                self.undo.attempts = self.undo.attempts.max(*attempt);
                self.undo.next = Some(at + REQUEST_DEADLINE);
            }
            Effect::Claim { .. }
            | Effect::Release { .. }
            | Effect::Resolve { .. }
            | Effect::Inspect { .. }
            | Effect::Sample { .. }
            | Effect::DryRun { .. }
            | Effect::LookFor { .. }
            | Effect::Seal { .. } => {}
        }
    }

    /// Takes the answer to an effect of this fault.
    pub(super) fn answered(&mut self, effect: &EffectId, outcome: &Outcome, at: At) {
        let kind = effect.0.split('/').next().unwrap_or_default();
        match kind {
            "dry-run" => self.dry_run = Some(outcome.clone()),
            "apply" if self.answered.is_none() => {
                let landed = self.has_landed();
                self.answered = Some((at, outcome.clone()));
                if !landed && self.has_landed() {
                    self.turned_up(at);
                }
            }
            "kill" => {
                let uid = effect.0.rsplit('/').next().unwrap_or_default();
                if let Some(victim) = self.victims.iter_mut().find(|v| v.pod.uid == uid) {
                    match outcome {
                        Outcome::Done { took } => {
                            victim.answered.get_or_insert((at, *took));
                        }
                        Outcome::Already { .. } => {}
                        Outcome::Refused { why } | Outcome::Failed { why } => {
                            victim.failed = Some(why.clone());
                            victim.refused = matches!(outcome, Outcome::Refused { .. });
                        }
                    }
                }
            }
            "lift" if self.undo.done.is_none() => self.lift_answered(outcome, at),
            _ => {}
        }
    }

    /// Takes the object as it stands.
    pub(super) fn observed(&mut self, fact: &FaultFact, seen: Seen, at: At) {
        self.gone = None;
        let another = self.seen.as_ref().map_or_else(|| !self.has_landed(), |last| last.uid != fact.uid);
        let scheduled = matches!(self.fault.action, Action::Schedule { .. });
        if scheduled {
            rounds::observe(&mut self.rounds, fact, seen);
        }
        for record in fact.records.iter().filter(|record| record.has_hit()) {
            let pod = record.pod();
            match self.victims.iter_mut().find(|v| v.pod.namespace == pod.namespace && v.pod.name == pod.name) {
                Some(victim) => {
                    victim.hit.get_or_insert(seen);
                }
                None => self.victims.push(Victim { pod, asked: None, answered: None, failed: None, refused: false, hit: Some(seen) }),
            }
        }
        if self.cuts() && !fact.deleting {
            // nobody tells of each pod: the policy is stored, and holds for all of its labels
            for pod in self.candidates().unwrap_or_default().iter().map(|matched| matched.pod.clone()).collect::<Vec<_>>() {
                if !self.victims.iter().any(|victim| victim.pod == pod) {
                    self.victims.push(Victim { pod, asked: None, answered: None, failed: None, refused: false, hit: Some(seen) });
                }
            }
            self.in_effect.get_or_insert(at);
        }
        let injected = !fact.records.is_empty() && fact.records.iter().all(|record| record.injected > 0);
        if injected {
            self.in_effect.get_or_insert(at);
        }
        let stopping = fact.deleting || fact.desired.as_ref().is_some_and(|desired| desired.raw() == "Stop");
        if stopping && injected && self.fault.is_lasting() && fact.records.iter().all(|record| record.phase.raw() == "Not Injected") {
            self.recovered.get_or_insert(seen);
            // a Schedule may have spawned one more, whose records are not told yet: it is over when all of it is gone
            if !scheduled {
                self.lifted.get_or_insert(seen);
            }
        } else if scheduled && self.undo.done.is_none() {
            self.recovered = None;
        }
        self.seen = Some(fact.clone());
        if another && !fact.deleting {
            self.turned_up(at);
        }
    }
}
