//! The rehearsal of the brake: before anything of the target is broken, each kind of lasting fault is put on a pod of
//! gameday's own and lifted again. What can't be lifted there is not begun anywhere.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::clock::{At, go, say};
use crate::effect::{Effect, FaultId};
use crate::fault::Action;
use crate::manifest::{brake as made, prepared};
use crate::run::Run;
use crate::run::ledger::{EFFECT_LIMIT, FaultState, Via};
use crate::run::timeline::Noted;
use crate::scenario::model::Tier;
use crate::text::Untrusted;

/// How long the pod may take to run, and to go.
pub const POD_LIMIT: Duration = Duration::from_mins(1);
/// How long a lift may take.
pub const BRAKE_LIMIT: Duration = Duration::from_secs(30);

/// The rehearsal of the brake, from its first request on.
#[derive(Clone, Debug)]
pub struct Brake {
    /// The pod that it is tried on.
    pub pod: FaultState,
    /// The faults that are tried, one after the other.
    pub faults: Vec<FaultState>,
    /// Why it failed, and what to do.
    pub failed: Option<(Untrusted, &'static str)>,
    asked: usize,
    told: usize,
}

/// How a brake did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// From asking for the fault to seeing it in effect.
    pub on: Duration,
    /// From asking for the undo to seeing it lifted.
    pub off: Duration,
}

impl FaultState {
    /// How long it took to be in effect and to be lifted, once both were seen.
    #[must_use]
    pub fn times(&self) -> Option<Times> {
        let off = self.lifted?.at.since(self.undo.asked?);
        Some(Times { on: self.in_effect?.since(self.asked?), off })
    }
}

impl FaultState {
    /// How fast it was on and off, in words: `NetworkChaos delay in effect after 1.2 s, lifted after 0.8 s`.
    #[must_use]
    pub fn braked(&self) -> String {
        let action = self.fault.action.experiment();
        let what = format!("{} {action}", action.kind());
        match self.times() {
            Some(Times { on, off }) => format!("{what} in effect after {}, lifted after {}", say(on), say(off)),
            None => format!("{what} not seen on and off"),
        }
    }
}

impl Brake {
    /// The pod and the faults, the oldest first.
    pub fn all(&self) -> impl Iterator<Item = &FaultState> {
        std::iter::once(&self.pod).chain(&self.faults)
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut FaultState> {
        std::iter::once(&mut self.pod).chain(&mut self.faults)
    }

    /// Whether all was seen to work, and all is gone.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.failed.is_none() && self.pod.undo.done.is_some() && self.have_all_gone()
    }

    fn have_all_gone(&self) -> bool {
        self.faults.iter().all(|state| state.undo.done.is_some())
    }

    /// What of the undo is due: each fault as soon as it is seen in effect, then the pod; at the end of the run all at once.
    pub(super) fn undo(&mut self, now: At, ending: bool) -> Vec<Effect> {
        let over = self.asked == self.faults.len() && self.have_all_gone();
        let mut effects = Vec::new();
        for state in self.faults.iter_mut().rev() {
            if ending || state.undo.asked.is_some() || state.in_effect.is_some() {
                effects.extend(state.undo(now));
            }
        }
        if ending || self.pod.undo.asked.is_some() || over {
            effects.extend(self.pod.undo(now));
        }
        effects
    }

    /// When it has to be looked at again.
    pub(super) fn due(&self) -> impl Iterator<Item = At> {
        let limits = self.all().filter_map(|state| if self.failed.is_some() { None } else { limit(state) });
        limits.chain(self.all().filter_map(FaultState::undo_due))
    }

    /// What went wrong by now, and what to do.
    fn trouble(&self, now: At) -> Option<(Untrusted, &'static str)> {
        const IMAGE: &str = "set image of [brake] in config.toml to an image that has a sleep command and can be pulled here";
        const CHAOS: &str = "kubectl get pods -A -l app.kubernetes.io/part-of=chaos-mesh";
        self.all().find_map(|state| {
            let is_pod = state.id == FaultId::BRAKE_POD;
            let what = state.object.as_ref().map_or_else(String::new, |(object, _)| object.to_string());
            let late = limit(state).is_some_and(|limit| now >= limit);
            if let Some(why) = state.is_refused() {
                let mend = if is_pod { "gameday rbac shows the rights that it needs" } else { CHAOS };
                return Some((format!("{what} could not be made: {}", why.raw()).into(), mend));
            }
            if state.undo.handed_over.is_some() {
                return Some((format!("{what} could not be removed").into(), CHAOS));
            }
            if state.gone.is_some() && state.undo.asked.is_none() {
                return Some((format!("{what} was deleted by somebody else").into(), "kubectl get events"));
            }
            let failure = state.seen.iter().flat_map(|fact| &fact.records).find_map(|record| record.failure.as_ref());
            let failure = failure.map_or_else(String::new, |failure| format!(": {}", failure.raw()));
            match (late, state.undo.asked) {
                (false, _) => None,
                (true, None) if is_pod => Some((format!("{what} does not run after {}{failure}", go(POD_LIMIT)).into(), IMAGE)),
                (true, None) => Some((format!("{what} is not in effect after {}{failure}", go(EFFECT_LIMIT)).into(), CHAOS)),
                (true, Some(_)) => {
                    let why = state.undo.trouble.as_ref().map_or_else(String::new, |why| format!(": {}", why.raw()));
                    let limit = go(if is_pod { POD_LIMIT } else { BRAKE_LIMIT });
                    Some((format!("{what} is not seen lifted and gone {limit} after it was asked for{why}").into(), CHAOS))
                }
            }
        })
    }
}

/// Until when the next thing must have been seen of one of them.
fn limit(state: &FaultState) -> Option<At> {
    let is_pod = state.id == FaultId::BRAKE_POD;
    match (state.undo.done, state.undo.asked, state.in_effect) {
        (Some(_), ..) | (None, None, Some(_)) => None,
        (None, Some(asked), _) => Some(asked + if is_pod { POD_LIMIT } else { BRAKE_LIMIT }),
        (None, None, None) => state.asked.map(|asked| asked + if is_pod { POD_LIMIT } else { EFFECT_LIMIT }),
    }
}

impl Run {
    /// The rehearsal of the brake, once it has begun.
    #[must_use]
    pub const fn brake(&self) -> Option<&Brake> {
        self.brake.as_ref()
    }

    /// Whether the brake is to be rehearsed: as the scenario says, else in production.
    #[must_use]
    pub fn wants_brake(&self) -> bool {
        // journals from before there were gates know of no brake either
        self.scenario.brake.unwrap_or(self.header.gate.is_some() && self.header.place.tier == Tier::Production)
    }

    /// The faults whose brake can be rehearsed: of each kind and action the first. What runs the pause image in place of the
    /// pod's own comes last, since no container may come back from that.
    #[must_use]
    pub fn brakeable(&self) -> Vec<&FaultState> {
        let mut seen = BTreeSet::new();
        let mut is_new = |state: &FaultState| seen.insert(made::likeness(&state.fault));
        let lasts = |state: &&FaultState| state.via == Some(Via::ChaosMesh) && state.fault.action.experiment().is_lasting();
        let mut all: Vec<&FaultState> = self.faults.iter().filter(lasts).filter(|state| is_new(state)).collect();
        all.sort_by_key(|state| matches!(state.fault.action.experiment(), Action::PodFailure));
        all
    }

    /// Goes on with the rehearsal of the brake; says whether the start may be thought of.
    pub(super) fn rehearse_brake(&mut self, effects: &mut Vec<Effect>) -> Result<bool, Untrusted> {
        if !self.wants_brake() || self.looks_only || self.brakeable().is_empty() {
            return Ok(true);
        }
        let now = self.now;
        if self.brake.is_none() {
            let brake = self.brake_made()?;
            effects.extend(self.claim_once());
            effects.extend(apply(&brake.pod));
            self.brake = Some(brake);
            return Ok(false);
        }
        let Some(brake) = &mut self.brake else { return Ok(false) };
        brake.failed = brake.failed.take().or_else(|| brake.trouble(now));
        if let Some((why, mend)) = &brake.failed {
            return Err(format!("the brake did not work, so nothing of the target was broken: {}; {mend}", why.raw()).into());
        }
        let gone = brake.faults.iter().take_while(|state| state.undo.done.is_some()).count();
        if brake.pod.in_effect.is_some() && brake.pod.undo.asked.is_none() && brake.asked == gone && gone < brake.faults.len() {
            brake.asked += 1;
            effects.extend(apply(&brake.faults[gone]));
        }
        let news: Vec<FaultId> = brake.faults[brake.told..gone].iter().map(|state| state.id).collect();
        brake.told = gone;
        let done = brake.is_done();
        for id in news {
            self.note(Noted::Braked(id));
        }
        Ok(done)
    }

    fn brake_made(&self) -> Result<Brake, Untrusted> {
        let wanted = self.brakeable();
        let victims = self.victims_seen().unwrap_or_default();
        let meant = wanted.first().and_then(|state| state.candidates()).unwrap_or_default();
        let first =
            meant.iter().find_map(|matched| victims.iter().find(|victim| victim.pod.uid == matched.pod.uid && victim.node.is_some()));
        let first = first.ok_or("the brake can't be rehearsed: none of the victims was seen on a node; kubectl get pods -o wide")?;
        let own = self.header.gate.as_ref().and_then(|gate| gate.brake_image.as_deref());
        let image = own.or(first.image.as_ref().map(Untrusted::raw));
        let image =
            image.ok_or("the brake can't be rehearsed: the image of the first victim is not known; set image of [brake] in config.toml")?;
        let node = first.node.as_ref().map(Untrusted::raw).unwrap_or_default();
        let (object, manifest) = made::pod(&self.header, &first.pod.namespace, node, image);
        let mut pod = FaultState::new(FaultId::BRAKE_POD, "brake", &made::carrier(manifest.clone()));
        pod.object = Some((object.clone(), manifest));
        let mut faults = Vec::new();
        for state in wanted {
            let Some(fault) = made::mild(&state.fault, &self.header, &object) else { continue };
            let id = FaultId::brake(faults.len());
            let mut mild = FaultState::new(id, &state.step, &fault);
            mild.via = Some(Via::ChaosMesh);
            mild.object = Some(prepared(&fault, id, &self.header));
            faults.push(mild);
        }
        Ok(Brake { pod, faults, failed: None, asked: 0, told: 0 })
    }
}

fn apply(state: &FaultState) -> Option<Effect> {
    let (object, manifest) = state.object.clone()?;
    Some(Effect::Apply { fault: state.id, object, manifest })
}
