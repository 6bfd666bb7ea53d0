//! Alerts as criteria: whether one fired, and resolved, in time.

use std::time::Duration;

use crate::criterion::AlertCheck;
use crate::effect::ProbeId;
use crate::event::Reading;
use crate::run::Run;
use crate::run::ledger::FaultState;
use crate::run::probes::Ask;
use crate::run::verdicts::Standing;

impl Run {
    /// Judges an alert by what its probe has answered since the first impact.
    pub(super) fn look_alert(&mut self, index: usize, check: &AlertCheck, sampled: Option<ProbeId>) {
        if self.judgement.criteria[index].standing != Standing::Pending {
            return;
        }
        let Some(impact) = self.faults.iter().filter_map(FaultState::impact).map(|seen| seen.at).min() else { return };
        let Some(probe) = self.probes.find(&Ask::Alert(check.name.clone())) else { return };
        let after = probe.samples.partition_point(|sample| sample.at < impact);
        let mut answers = probe.samples[after..].iter();
        let mut next = |firing: bool| answers.find(|sample| sample.reading == Reading::Alert { firing }).map(|sample| sample.at);
        let fired = next(true);
        let resolved = fired.and_then(|_| next(false));
        let failed = matches!(probe.last().map(|s| &s.reading), Some(Reading::Failed { .. }));
        let now = self.now;
        let (in_time, until) = (check.fires_within.unwrap_or(Duration::MAX), check.resolves_within);
        let verdict = match (fired, until, resolved) {
            (None, ..) if now.since(impact) > in_time => Some(if failed { Standing::Unknown } else { Standing::Broken }),
            (Some(at), ..) if at.since(impact) > in_time => Some(Standing::Broken),
            // it need not fire, but where it does not there is nothing that could resolve
            (None, ..) if check.fires_within.is_none() && self.is_late() => Some(Standing::Unknown),
            (Some(_), None, _) => Some(Standing::Held),
            (Some(at), Some(limit), Some(end)) => Some(if end.since(at) <= limit { Standing::Held } else { Standing::Broken }),
            (Some(at), Some(limit), None) if now.since(at) > limit => Some(if failed { Standing::Unknown } else { Standing::Broken }),
            (None | Some(_), ..) => None,
        };
        let judged = &mut self.judgement.criteria[index];
        if Some(probe.id) == sampled {
            judged.looked += 1;
            judged.blind += u32::from(failed);
        }
        judged.latest = fired.map(|at| at.since(impact).as_secs_f64());
        judged.worst = judged.latest;
        if let Some(verdict) = verdict {
            judged.decide(verdict, now);
        }
    }
}
