//! The end of a call: who counts it, and who goes on.
//!
//! What comes from outside is counted once: by the pod that answered it, or by the proxy before the service where none did. A call from one service to
//! another has two ends: the called pod counts what it answered, in time or not, and the calling pod what came of its call. What never reached a pod,
//! no pod of the called service has heard of.

use super::Mesh;
use crate::rehearsal::traffic::calls::{Call, CallId, Seat, Stage};
use crate::rehearsal::traffic::replica::micros_f64;
use crate::rehearsal::traffic::tally::Outcome;

impl Mesh {
    /// The caller has its answer, or has given up: it is counted, and whoever waits goes on.
    pub(super) fn settle(&mut self, id: CallId, code: u16) {
        let Some(call) = self.calls.get_mut(id).filter(|call| !call.settled) else { return };
        call.settled = true;
        let call = call.clone();
        if call.visit {
            self.visited.push((id, code));
        }
        if !call.inside() {
            self.calls.end(id);
        }
        self.hand_back(&call);
        let again = call.tries > 0 && matches!(code, 502..=504) && call.parent.is_none_or(|parent| self.works(parent));
        self.count(&call, code, again);
        if again {
            let wait = 25_000 + self.services[call.service].streams.network.below(25_000);
            let id = self.call(call.service, call.parent, call.from, call.method, call.tries - 1);
            self.agenda.plan(self.now + wait, super::Step::Send(id));
        } else if let Some(parent) = call.parent
            && let Some(waiting) = self.calls.get_mut(parent).filter(|waiting| waiting.stage == Stage::Worked)
        {
            waiting.failed |= code >= 500;
            self.worked(parent);
        }
    }

    fn count(&mut self, call: &Call, code: u16, again: bool) {
        let seconds = micros_f64(self.now - call.sent) / 1e6;
        let weight = self.weight;
        let in_time = call.stage == Stage::Answered && code != 504;
        if let Some(caller) = call.from.and_then(|seat| self.replica(seat)) {
            let outcome = if in_time { Outcome::Code(code) } else { Outcome::without_answer(code) };
            *caller.outgoing.entry((call.service, outcome)).or_insert(0.0) += weight;
        }
        let inner = call.parent.is_some();
        let service = &mut self.services[call.service];
        match service.replicas.get_mut(&call.to.unwrap_or(u32::MAX)) {
            Some(replica) if in_time => replica.tally.count(code, call.method, seconds, weight),
            // the answer is on its way to who waits no longer
            Some(replica) if inner && call.stage == Stage::Answered => {
                replica.tally.count(if call.failed { 500 } else { 200 }, call.method, seconds, weight);
            }
            Some(_) | None if inner => service.unheard += weight,
            Some(_) | None if again => service.retried += 1,
            Some(_) | None => service.unanswered.count(code, call.method, seconds, weight),
        }
    }

    /// A pod answers a call whose caller waits no longer. It does not know that.
    pub(super) fn answered_late(&mut self, id: CallId, seat: Seat, code: u16) {
        let Some((method, sent)) = self.calls.get(id).filter(|call| call.parent.is_some()).map(|call| (call.method, call.sent)) else {
            return;
        };
        let seconds = micros_f64(self.now - sent) / 1e6;
        let weight = self.weight;
        let service = &mut self.services[seat.service];
        if let Some(replica) = service.replicas.get_mut(&seat.replica) {
            service.unheard -= weight;
            replica.tally.count(code, method, seconds, weight);
        }
    }

    fn works(&self, id: CallId) -> bool {
        self.calls.get(id).is_some_and(|call| call.stage == Stage::Worked)
    }

    /// A connection of the caller's pool is free again, for whoever waits first.
    fn hand_back(&mut self, call: &Call) {
        let Some(seat) = call.from.filter(|_| call.pooled) else { return };
        let Some(pool) = self.replica(seat).and_then(|replica| replica.pools.get_mut(&call.service)) else { return };
        pool.used = pool.used.saturating_sub(1);
        while let Some(id) = self.replica(seat).and_then(|r| r.pools.get_mut(&call.service)).and_then(|pool| pool.waiting.pop_front()) {
            if let Some(next) = self.calls.get_mut(id).filter(|next| !next.settled) {
                next.pooled = true;
                if let Some(pool) = self.replica(seat).and_then(|replica| replica.pools.get_mut(&call.service)) {
                    pool.used += 1;
                }
                self.connect(id);
                return;
            }
        }
    }
}
