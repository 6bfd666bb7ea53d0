//! Taking one event into the run: facts first, without deciding anything.

use std::time::Duration;

use crate::clock::At;
use crate::command::Command;
use crate::effect::{Effect, EffectId, FaultId, Outcome, PodRef, ProbeId};
use crate::event::inspected::Inspected;
use crate::event::{Event, FaultFact, PodFact, Reading, Skew, Source};
use crate::fault::Action;
use crate::run::Run;
use crate::run::claim::{Claim, News};
use crate::run::fleet::Change;
use crate::run::ledger::{FaultState, Via};
use crate::run::phase::{End, Phase};
use crate::run::probes::Sample;
use crate::run::sight::Seen;
use crate::run::timeline::Noted;

impl Run {
    /// Takes an event; says which probe was answered, if one was.
    pub(super) fn take(&mut self, event: &Event) -> Option<ProbeId> {
        let now = self.now;
        match event {
            Event::Connected(fact) => {
                if self.cluster.replace(fact.clone()).is_none() {
                    self.note(Noted::Connected);
                }
            }
            Event::SkewMeasured(skew) => self.sight.measured(Skew { took: whole(skew.took), ..*skew }),
            Event::TargetMissing { target, why } => self.fleet.missing(*target, why),
            Event::WorkloadSeen(fact) => self.fleet.workload(fact, self.sight.live(now)),
            Event::PodSeen(fact) => self.pod_seen(fact),
            Event::PodGone { uid } => {
                if let Some(pod) = self.fleet.pod_of(uid) {
                    self.sight.heard(Source::Pods(pod.fact.target), now);
                    self.warnings.forget(&pod.fact.pod);
                }
                if let Some(fact) = self.fleet.gone(uid, &self.sight, now, None) {
                    self.pod_changed(&fact, Change::Deleted);
                }
            }
            Event::PodsComing { target, seen, ready } => {
                self.fleet.targets.get_mut(*target).into_iter().for_each(|target| target.coming = (*seen, *ready));
            }
            Event::PodsListed { target, pods } => {
                for (fact, change) in self.fleet.listed(*target, pods, &self.sight, now) {
                    self.pod_changed(&fact, change);
                }
                self.sight.heard(Source::Pods(*target), now);
            }
            Event::EndpointsSeen(fact) => self.fleet.endpoints(fact, self.sight.live(now)),
            Event::Reported(fact) => {
                if fact.warning {
                    self.warned(fact);
                }
            }
            Event::SourceLost { source, why } => {
                if self.sight.lose(*source, why, now) {
                    self.note(Noted::Lost(*source, why.clone()));
                }
            }
            Event::SourceBack { source } => {
                if let Some(blind) = self.sight.regain(*source, now) {
                    self.regained(*source, blind);
                }
            }
            Event::TargetsResolved { fault, round, pods, peers } => {
                if let Some(state) = self.fault_mut(*fault) {
                    state.resolved.insert(*round, Ok(pods.clone()));
                    state.peers.clone_from(peers);
                }
            }
            Event::PeersResolved { fault, round, peers } => {
                self.fault_mut(*fault).into_iter().for_each(|state| drop(state.peer_addresses.insert(*round, peers.clone())));
            }
            Event::TargetsUnresolved { fault, round, why } => {
                if let Some(state) = self.fault_mut(*fault) {
                    state.resolved.insert(*round, Err(why.clone()));
                }
            }
            Event::Sampled { probe, took, reading } => {
                if self.probes.take(*probe, Sample { at: now, took: whole(*took), reading: reading.clone() }) {
                    self.probe_changed(*probe, reading);
                    return Some(*probe);
                }
            }
            Event::Inspected { seen } => {
                let after = matches!(seen, Inspected::Residue { after: true, .. });
                let before = self.inspections.insert(seen.aspect(), seen.clone());
                if after && before.as_ref() != Some(seen) {
                    self.note(Noted::Swept);
                }
            }
            Event::FaultSeen(fact) => self.fault_seen(fact),
            Event::FaultGone { fault, watched } => self.fault_mut(*fault).into_iter().for_each(|state| state.vanished(now, *watched)),
            Event::FaultLookedFor { fault, present, residue, blocking } => {
                let seen = self.sight.live(now);
                let mut trouble = None;
                if let Some(state) = self.fault_mut(*fault) {
                    state.blocking.clone_from(blocking);
                    let before = state.undo.trouble.clone();
                    state.looked(*present, residue.as_deref(), now, seen);
                    trouble = state.undo.trouble.clone().filter(|now| before.as_ref() != Some(now));
                }
                if let Some(why) = trouble {
                    self.note(Noted::LiftTrouble(*fault, why));
                }
            }
            Event::Commanded(command) => self.commanded(command),
            Event::Asked(effect) => self.effect_asked(effect),
            Event::Answered { effect, outcome } => self.effect_answered(effect, &in_whole_micros(outcome)),
            Event::DeadlinePassed => {}
            Event::Sealed(conclusion) => {
                self.phase = Phase::Sealed;
                self.since = now;
                self.note(Noted::Sealed(conclusion.clone()));
                self.conclusion = Some(conclusion.clone());
            }
        }
        None
    }

    fn commanded(&mut self, command: &Command) {
        let now = self.now;
        match command {
            Command::Start => self.asked.start |= self.typed_word().is_none(),
            Command::Confirm { typed } => self.confirmed(typed),
            Command::Skip => self.skip(),
            Command::Release { step } => self.release(*step),
            Command::Answer { step, answer } => self.answer(*step, answer),
            Command::Abort { by } => {
                self.note(Noted::Aborted(*by));
                if !matches!(self.phase, Phase::Undoing(_) | Phase::Sealed) {
                    self.turn_to(End::Aborted);
                }
                // whoever asks may be another process than the one that asked before and died,
                // perhaps on the way to its last entry
                self.asked.seal = false;
                self.look_again_after();
                self.all_faults_mut().for_each(|state| state.undo_again(now));
                self.claim.iter_mut().for_each(Claim::release_again);
            }
            Command::Leave => {
                self.asked.seal = false;
                self.asked.left = true;
                self.note(Noted::Left);
                if !matches!(self.phase, Phase::Undoing(_) | Phase::Sealed) {
                    self.turn_to(End::Aborted);
                }
                self.hand_over();
            }
            Command::Note { author, text } => self.note(Noted::Note(author.clone(), text.clone())),
        }
    }

    fn effect_asked(&mut self, effect: &Effect) {
        let now = self.now;
        match effect {
            Effect::Kill { fault, .. } | Effect::Apply { fault, .. } => {
                let first = self.fault_mut(*fault).is_some_and(|state| {
                    let first = state.asked.is_none();
                    state.asked(effect, now);
                    first
                });
                if first {
                    self.note(Noted::FaultAsked(*fault));
                }
            }
            Effect::Lift { fault, object, attempt } => {
                if let Some(state) = self.fault_mut(*fault) {
                    state.asked(effect, now);
                }
                self.note(Noted::LiftAsked(*fault, object.clone(), *attempt));
            }
            Effect::Claim { .. } => self.claim.iter_mut().for_each(|claim| claim.asked_at(now)),
            Effect::Release { attempt, .. } => {
                self.claim.iter_mut().for_each(|claim| claim.attempts = claim.attempts.max(*attempt));
            }
            Effect::Resolve { .. }
            | Effect::Inspect { .. }
            | Effect::Sample { .. }
            | Effect::DryRun { .. }
            | Effect::LookFor { .. }
            | Effect::Seal { .. } => {}
        }
    }

    fn effect_answered(&mut self, effect: &EffectId, outcome: &Outcome) {
        let now = self.now;
        let fault = effect.0.split('/').nth(1).and_then(|part| part.parse().ok()).map(FaultId);
        let lift = effect.0.starts_with("lift/");
        let of_claim = effect.0 == "claim" || effect.0.starts_with("release/");
        match self.claim.as_mut().filter(|_| of_claim).and_then(|claim| claim.answered(effect, outcome, now)) {
            Some(News::Unclaimed(why)) => self.note(Noted::Unclaimed(why)),
            Some(News::Claimed) => self.note(Noted::Claimed),
            None => {}
        }
        if let Some(state) = fault.and_then(|id| self.fault_mut(id)) {
            state.answered(effect, outcome, now);
        }
        if let (Outcome::Done { took }, true) = (outcome, effect.0.starts_with("kill/")) {
            self.lag_measured(effect.0.rsplit('/').next().unwrap_or_default(), now.minus(*took));
        }
        if let (true, Some(id), Outcome::Failed { why } | Outcome::Refused { why }) = (lift, fault, outcome) {
            self.note(Noted::LiftTrouble(id, why.clone()));
        }
    }

    fn pod_seen(&mut self, fact: &PodFact) {
        self.sight.heard(Source::Pods(fact.target), self.now);
        for change in self.fleet.pod(fact, &self.sight, self.now, None) {
            self.pod_changed(fact, change);
        }
        if self.begun.is_some() && self.warnings.is_news(fact) {
            self.note(Noted::Hindered(fact.pod.clone(), fact.hindrance.clone().unwrap_or_default()));
        }
    }

    fn pod_changed(&mut self, fact: &PodFact, change: Change) {
        let pod = fact.pod.clone();
        let noted = match change {
            Change::Created => Noted::PodCreated(pod),
            Change::Ready => Noted::PodReady(pod),
            Change::Unready => Noted::PodUnready(pod, fact.state.clone()),
            Change::Restarted => Noted::PodRestarted(pod, fact.restarts),
            Change::Deleted => {
                match self.victim_deleted(&pod) {
                    Some((fault, true)) => Noted::Hit(fault, pod),
                    // its record said so before its deletion was seen
                    Some((_, false)) => return,
                    None => Noted::PodDeleted(pod),
                }
            }
        };
        self.note(noted);
    }

    /// Marks the victim of a kill as hit; says of which fault, and whether that is news.
    fn victim_deleted(&mut self, pod: &PodRef) -> Option<(FaultId, bool)> {
        let uid = pod.uid.as_str();
        let hit = self.fleet.pod_of(uid)?.deleting?;
        let mut of = None;
        for state in &mut self.faults {
            let kills = matches!(state.fault.action, Action::PodKill { .. });
            if !kills
                || state.asked.is_none_or(|asked| hit.latest < asked)
                || (state.in_effect.is_some() && state.via == Some(Via::Agentless))
            {
                continue;
            }
            let known = state
                .victims
                .iter_mut()
                .find(|v| v.pod.uid == uid || (v.pod.uid.is_empty() && v.pod.name == pod.name && v.pod.namespace == pod.namespace));
            if let Some(victim) = known {
                uid.clone_into(&mut victim.pod.uid);
                of = Some((state.id, victim.hit.replace(hit).is_none()));
            } else if state.via == Some(Via::ChaosMesh)
                && state.in_effect.is_none()
                && state.candidates().is_some_and(|pods| pods.iter().any(|matched| matched.pod.uid == uid))
            {
                of = Some((state.id, true));
            }
        }
        if let Some((id, _)) = of {
            let now = self.now;
            let answered = self.fault(id).and_then(|state| state.victims.iter().find(|v| v.pod.uid == uid)?.answered);
            if let Some((at, took)) = answered {
                self.lag_measured(uid, at.minus(took));
            }
            let all_hit = |state: &&mut FaultState| state.victims.iter().all(|victim| victim.hit.is_some());
            if let Some(state) = self.fault_mut(id).filter(|state| state.via == Some(Via::Agentless)).filter(all_hit) {
                state.in_effect.get_or_insert(now);
            }
        }
        of.or_else(|| self.killed_on_schedule(hit).map(|id| (id, false)))
    }

    /// The Schedule of kills that is on: its records will say whether it was one of its own.
    fn killed_on_schedule(&self, hit: Seen) -> Option<FaultId> {
        let on = |state: &&FaultState| state.undo.done.is_none() && state.asked.is_some_and(|asked| hit.latest >= asked);
        let kills = |state: &&FaultState| {
            matches!(state.fault.action, Action::Schedule { .. }) && matches!(state.fault.action.experiment(), Action::PodKill { .. })
        };
        self.faults.iter().filter(on).find(kills).map(|state| state.id)
    }

    /// A source is back after so long.
    fn regained(&mut self, source: Source, blind: Duration) {
        self.note(Noted::Back(source, blind));
        if source != Source::Prometheus {
            let now = self.now;
            self.all_faults_mut().for_each(|state| state.hurry(now));
            self.claim.iter_mut().for_each(|claim| claim.hurry(now));
        }
    }

    /// From the request to the watch event of it: no watch event of this run is taken to be faster.
    fn lag_measured(&mut self, uid: &str, sent: At) {
        // what a list told after blindness says nothing of how late a watch is
        let told = |deleting: &Seen| deleting.at == deleting.latest;
        if let Some(deleting) = self.fleet.pod_of(uid).and_then(|pod| pod.deleting).filter(told) {
            self.sight.lagged(deleting.at.since(sent));
        }
    }

    fn fault_seen(&mut self, fact: &FaultFact) {
        let now = self.now;
        let seen = self.sight.live(now);
        if fact.fault.is_brake() {
            // nobody's pod but our own is under it
            return self.fault_mut(fact.fault).into_iter().for_each(|state| state.observed(fact, seen, now));
        }
        let pod_kill = self.fault(fact.fault).is_some_and(|state| matches!(state.fault.action.experiment(), Action::PodKill { .. }));
        let scheduled = self.fault(fact.fault).is_some_and(|state| matches!(state.fault.action, Action::Schedule { .. }));
        let mut hits = Vec::new();
        if let Some(state) = self.fault_mut(fact.fault) {
            let known: Vec<PodRef> = state.victims.iter().filter(|v| v.hit.is_some()).map(|v| v.pod.clone()).collect();
            state.observed(fact, seen, now);
            hits.extend(state.victims.iter().filter(|v| v.hit.is_some() && !known.contains(&v.pod)).map(|v| v.pod.clone()));
        }
        for hit in hits {
            let asked = self.fault(fact.fault).and_then(|state| state.asked).unwrap_or_default();
            let pods = self.fleet.targets.iter().flat_map(|target| target.pods.values());
            let same = pods.filter(|pod| pod.fact.pod.namespace == hit.namespace && pod.fact.pod.name == hit.name);
            let old = if pod_kill {
                same.filter(|pod| pod.deleting.is_some_and(|d| d.latest >= asked)).min_by_key(|pod| pod.order)
            } else {
                same.max_by_key(|pod| (pod.gone.is_none(), pod.order))
            };
            let (uid, deleting) = old.map_or((String::new(), None), |pod| (pod.fact.pod.uid.clone(), pod.deleting));
            let full = PodRef { uid: uid.clone(), ..hit.clone() };
            if let Some(victim) = self.fault_mut(fact.fault).and_then(|state| state.victims.iter_mut().find(|v| v.pod == hit)) {
                victim.pod.uid = uid;
                if pod_kill {
                    victim.hit = deleting.or(victim.hit);
                }
            }
            // the deletion that a one-shot kill waits for was told by the pod's own watch
            if !(pod_kill && !scheduled && deleting.is_some()) {
                self.note(Noted::Hit(fact.fault, full));
            }
        }
    }

    fn probe_changed(&mut self, id: ProbeId, reading: &Reading) {
        let Some(source) = self.probes.get(id).and_then(|probe| probe.ask.source(id)) else { return };
        let now = self.now;
        match reading {
            Reading::Failed { why } => {
                // one query that is refused does not mean that Prometheus is away
                let spoken = source == Source::Prometheus && self.probes.heard_from_metrics(id, now);
                if !spoken && self.sight.lose(source, why, now) {
                    self.note(Noted::Lost(source, why.clone()));
                }
            }
            // whoever is not asked on purpose is not lost
            Reading::Withheld { .. } => {}
            Reading::Values { .. }
            | Reading::Empty
            | Reading::Alert { .. }
            | Reading::Http { .. }
            | Reading::Object { .. }
            | Reading::Command { .. }
            | Reading::Counts { .. } => {
                if let Some(blind) = self.sight.regain(source, now) {
                    self.note(Noted::Back(source, blind));
                }
            }
        }
    }
}

/// A span as the journal keeps it, so that a run that is driven and one that is read are equal.
fn whole(span: Duration) -> Duration {
    u64::try_from(span.as_micros()).map_or(Duration::MAX, Duration::from_micros)
}

fn in_whole_micros(outcome: &Outcome) -> Outcome {
    match outcome {
        Outcome::Done { took } => Outcome::Done { took: whole(*took) },
        Outcome::Already { took } => Outcome::Already { took: whole(*took) },
        Outcome::Refused { .. } | Outcome::Failed { .. } => outcome.clone(),
    }
}
