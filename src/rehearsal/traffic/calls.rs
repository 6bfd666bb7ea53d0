//! The calls under way, and what is due when.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

/// Names a call; another call in the same place has another number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallId {
    place: u32,
    number: u32,
}

/// A pod of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// The service.
    pub service: usize,
    /// The replica's number there.
    pub replica: u32,
}

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The pod has not got it, or has it no longer.
    Coming,
    /// It waits in the pod for a worker.
    Queued,
    /// It is worked on.
    Worked,
    /// The pod's answer is on its way.
    Answered,
}

/// One try of one request: from the caller to a pod, and back.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and any of them may hold at once")]
pub struct Call {
    /// The service that is called.
    pub service: usize,
    /// The call that waits for this one; none when it comes from outside.
    pub parent: Option<CallId>,
    /// The pod that calls; none from outside.
    pub from: Option<Seat>,
    /// The pod that is called, once one is chosen.
    pub to: Option<u32>,
    /// Which method.
    pub method: usize,
    /// Tries that are left after this one.
    pub tries: u32,
    /// When it was sent, in microseconds.
    pub sent: u64,
    /// How many of the services that it needs were called.
    pub next: usize,
    /// Whether something it needs has failed.
    pub failed: bool,
    /// How far it has come.
    pub stage: Stage,
    /// Whether its caller has its answer, or has given up.
    pub settled: bool,
    /// Whether it holds a connection of its caller's pool.
    pub pooled: bool,
    /// Whether it comes through the API server's proxy, where somebody waits for it.
    pub visit: bool,
}

impl Call {
    /// Whether it is in the pod.
    #[must_use]
    pub fn inside(&self) -> bool {
        matches!(self.stage, Stage::Queued | Stage::Worked)
    }

    /// A call from outside that is sent now.
    #[must_use]
    pub fn new(service: usize, method: usize, tries: u32, sent: u64) -> Self {
        Self {
            service,
            parent: None,
            from: None,
            to: None,
            method,
            tries,
            sent,
            next: 0,
            failed: false,
            stage: Stage::Coming,
            settled: false,
            pooled: false,
            visit: false,
        }
    }
}

/// All calls under way.
#[derive(Debug, Default)]
pub struct Calls {
    places: Vec<(u32, Option<Call>)>,
    free: Vec<u32>,
    number: u32,
}

impl Calls {
    /// A new call.
    pub fn add(&mut self, call: Call) -> CallId {
        self.number = self.number.wrapping_add(1);
        let number = self.number;
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push((0, None));
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(taken) = self.places.get_mut(place as usize) {
            *taken = (number, Some(call));
        }
        CallId { place, number }
    }

    /// The call of this id, if it is under way.
    #[must_use]
    pub fn get(&self, id: CallId) -> Option<&Call> {
        self.places.get(id.place as usize).filter(|(number, _)| *number == id.number).and_then(|(_, call)| call.as_ref())
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, id: CallId) -> Option<&mut Call> {
        self.places.get_mut(id.place as usize).filter(|(number, _)| *number == id.number).and_then(|(_, call)| call.as_mut())
    }

    /// This call is over.
    pub fn end(&mut self, id: CallId) {
        if let Some(place) = self.places.get_mut(id.place as usize).filter(|(number, _)| *number == id.number)
            && place.1.take().is_some()
        {
            self.free.push(id.place);
        }
    }

    /// All calls under way, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = (CallId, &Call)> {
        let id = |place: usize, number: u32| CallId { place: u32::try_from(place).unwrap_or(u32::MAX), number };
        self.places.iter().enumerate().filter_map(move |(place, (number, call))| Some((id(place, *number), call.as_ref()?)))
    }
}

/// What comes next for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Somebody outside calls this service.
    Arrive(usize),
    /// It is sent, perhaps again.
    Send(CallId),
    /// It has come to the pod.
    Reach(CallId),
    /// The pod has done its own part.
    Worked(CallId),
    /// The caller has this answer.
    Answered(CallId, u16),
    /// The caller has waited long enough.
    GiveUp(CallId),
}

/// What is due when; of two steps at one moment the one that was planned first comes first.
#[derive(Debug, Default)]
pub struct Agenda {
    due: BinaryHeap<Reverse<(u64, u64, Step)>>,
    /// Who gives up when, by how long they wait: of those who wait equally long, who began first gives up first. Nearly all have their answer by then,
    /// and would be most of the heap.
    patience: BTreeMap<u64, VecDeque<(u64, u64, CallId)>>,
    planned: u64,
}

impl Agenda {
    /// This step is due at this moment.
    pub fn plan(&mut self, at: u64, step: Step) {
        self.planned += 1;
        self.due.push(Reverse((at, self.planned, step)));
    }

    /// From this moment on, never before one given earlier, the caller waits this long.
    pub fn wait(&mut self, now: u64, patience: u64, id: CallId) {
        self.planned += 1;
        self.patience.entry(patience).or_default().push_back((now + patience, self.planned, id));
    }

    /// The next step that is due until this moment.
    pub fn next(&mut self, until: u64) -> Option<(u64, Step)> {
        let due = self.due.peek().map(|Reverse((at, planned, _))| (*at, *planned));
        let fronts = self.patience.values_mut().filter_map(|queue| queue.front().map(|(at, planned, _)| (*at, *planned)).zip(Some(queue)));
        if let Some((first, queue)) = fronts.min_by_key(|(first, _)| *first).filter(|(first, _)| due.is_none_or(|due| *first < due)) {
            return if first.0 > until { None } else { queue.pop_front().map(|(at, _, id)| (at, Step::GiveUp(id))) };
        }
        if due?.0 > until {
            return None;
        }
        self.due.pop().map(|Reverse((at, _, step))| (at, step))
    }
}
