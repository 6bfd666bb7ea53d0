//! What is worth telling, in order: the lines of timeline, headless output and report.

use std::time::Duration;

use crate::clock::At;
use crate::command::{AbortedBy, Answer};
use crate::effect::{ChaosRef, Conclusion, FaultId, PodRef};
use crate::event::hindrance::Hindrance;
use crate::event::{ReportedFact, Source};
use crate::run::checks::Checkpoint;
use crate::run::phase::End;
use crate::run::recovery::Back;
use crate::run::verdicts::Standing;
use crate::text::Untrusted;

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// When.
    pub at: At,
    /// The entry that told it.
    pub seq: u64,
    /// What.
    pub noted: Noted,
}

/// How often the same was told, without a long silence in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Once, or more often.
    pub count: u32,
    /// When last.
    pub last: At,
}

/// Which list a criterion stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// `steadyState`, at the gate.
    Gate,
    /// `steadyState`, proven again after.
    Proof,
    /// `criteria`.
    Criteria,
    /// `stopWhen`.
    StopWhen,
}

/// What is worth telling.
#[derive(Clone, Debug, PartialEq)]
pub enum Noted {
    /// The cluster answered.
    Connected,
    /// All that must be known before the start is known, and nothing forbids it.
    Ready,
    /// A check of the preflight did not simply pass.
    Checked(Box<Checkpoint>),
    /// What was typed to begin is not what had to be typed.
    Mistyped(Untrusted),
    /// Something forbids it.
    Refused(Untrusted),
    /// The operator said go.
    Started,
    /// The steady state holds.
    Steady,
    /// A step began.
    StepBegan(usize),
    /// A step waits for the leader's word.
    Held(usize),
    /// The leader gave it.
    Released(usize),
    /// The person whose step it is said how it went.
    Answered(usize, Answer),
    /// The operator skipped the rest of a step.
    Skipped(usize),
    /// A fault was asked for.
    FaultAsked(FaultId),
    /// A pod was hit by a fault.
    Hit(FaultId, PodRef),
    /// The brake of a kind of fault was rehearsed, and works.
    Braked(FaultId),
    /// All victims are hit.
    InEffect(FaultId),
    /// A fault did not take effect in time, or was refused.
    NotInEffect(FaultId, Untrusted),
    /// A pod of a target came to be.
    PodCreated(PodRef),
    /// A pod of a target became ready.
    PodReady(PodRef),
    /// A pod of a target stopped being ready.
    PodUnready(PodRef, Untrusted),
    /// A container restarted.
    PodRestarted(PodRef, u32),
    /// A pod of a target was deleted by somebody else.
    PodDeleted(PodRef),
    /// The targets are at strength again.
    Recovered(FaultId, Back),
    /// A criterion began to be violated.
    Violated(List, usize),
    /// It is good again.
    Eased(List, usize, Duration),
    /// A criterion was decided.
    Decided(List, usize, Standing),
    /// A source was lost.
    Lost(Source, Untrusted),
    /// A source is back.
    Back(Source, Duration),
    /// A lasting fault's time is up, or the run ends: its undo was asked for.
    LiftAsked(FaultId, ChaosRef, u32),
    /// An undo did not work yet.
    LiftTrouble(FaultId, Untrusted),
    /// A lasting fault is past its time and not seen lifted.
    Overdue(FaultId),
    /// The object of a fault hangs in its deletion.
    Stuck(FaultId),
    /// A way out of that, by its place among them, the safest first.
    WayOut(FaultId, usize),
    /// A lasting fault of a Schedule is in effect, on these pods.
    RoundInEffect(FaultId, Untrusted, Vec<PodRef>),
    /// It is lifted.
    RoundLifted(FaultId, Untrusted),
    /// It is past its own time and not seen lifted.
    RoundOverdue(FaultId, Untrusted),
    /// A lasting fault is lifted: no pod is under it any more.
    Lifted(FaultId),
    /// The object of a fault is gone, and what it may have left was looked for.
    Removed(FaultId),
    /// What is left was handed over.
    HandedOver(FaultId, ChaosRef),
    /// A pod's status says what keeps it from being ready.
    Hindered(PodRef, Hindrance),
    /// The cluster warned about one of our objects; so often until then, in the same words.
    Warned(ReportedFact, Times),
    /// A remark.
    Note(Untrusted, Untrusted),
    /// The operator stopped the run.
    Aborted(AbortedBy),
    /// The run's Lease could not be taken: nobody else sees that it is live.
    Unclaimed(Untrusted),
    /// It could be taken after all.
    Claimed,
    /// The operator left.
    Left,
    /// The cluster was looked over after the end.
    Swept,
    /// The run turned to its end.
    Ending(End),
    /// The steps are over; waiting for the targets to be steady again.
    Settling,
    /// The end.
    Sealed(Conclusion),
}

impl Noted {
    /// Its name for machines.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Noted::Connected => "connected",
            Noted::Ready => "ready",
            Noted::Checked(_) => "checked",
            Noted::Mistyped(_) => "mistyped",
            Noted::Refused(_) => "refused",
            Noted::Started => "started",
            Noted::Steady => "steady",
            Noted::StepBegan(_) => "step_began",
            Noted::Held(_) => "held",
            Noted::Released(_) => "released",
            Noted::Answered(..) => "answered",
            Noted::Skipped(_) => "skipped",
            Noted::FaultAsked(_) => "fault_asked",
            Noted::Hit(..) => "hit",
            Noted::Braked(_) => "braked",
            Noted::InEffect(_) => "in_effect",
            Noted::NotInEffect(..) => "not_in_effect",
            Noted::PodCreated(_) => "pod_created",
            Noted::PodReady(_) => "pod_ready",
            Noted::PodUnready(..) => "pod_unready",
            Noted::PodRestarted(..) => "pod_restarted",
            Noted::PodDeleted(_) => "pod_deleted",
            Noted::Recovered(..) => "recovered",
            Noted::Violated(..) => "violated",
            Noted::Eased(..) => "eased",
            Noted::Decided(..) => "decided",
            Noted::Lost(..) => "source_lost",
            Noted::Back(..) => "source_back",
            Noted::LiftAsked(..) => "undo_asked",
            Noted::LiftTrouble(..) => "undo_trouble",
            Noted::Overdue(_) | Noted::RoundOverdue(..) => "overdue",
            Noted::Stuck(_) => "stuck",
            Noted::WayOut(..) => "way_out",
            Noted::RoundInEffect(..) => "round_in_effect",
            Noted::RoundLifted(..) => "round_lifted",
            Noted::Lifted(_) => "lifted",
            Noted::Removed(_) => "removed",
            Noted::HandedOver(..) => "left_behind",
            Noted::Hindered(..) => "hindered",
            Noted::Warned(..) => "warned",
            Noted::Note(..) => "note",
            Noted::Aborted(_) => "aborted",
            Noted::Unclaimed(_) => "unclaimed",
            Noted::Claimed => "claimed",
            Noted::Left => "left",
            Noted::Swept => "swept",
            Noted::Ending(_) => "ending",
            Noted::Settling => "settling",
            Noted::Sealed(_) => "sealed",
        }
    }
}
