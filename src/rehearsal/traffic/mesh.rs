//! All services and the calls between them: a request at a time, each step at its moment.
//!
//! Nothing here knows what a fault looks like on a chart. A call takes a connection, crosses the network, waits for a worker, for the CPU and for those
//! whom it calls; somebody waits for it, and not for ever. What comes of that under a fault is what a team would see.

mod settling;
mod visiting;

use super::calls::{Agenda, Call, CallId, Calls, Seat, Stage, Step};
use super::network::{OUTSIDE, Path};
use super::replica::micros;
use super::service::Service;
use super::sight::{Proxied, Sight};
use crate::rehearsal::dice::Dice;
use crate::rehearsal::world::Workload;

/// Calls a second that are followed one by one; of more, several are followed as one.
const FOLLOWED: f64 = 600.0;

/// Bytes of a question and of an answer, headers and all.
const QUESTION: f64 = 600.0;
const ANSWER: f64 = 3_000.0;

/// The share of calls that need a new connection.
const FRESH: f64 = 0.04;

/// Microseconds until a proxy says that there is nobody.
const NOBODY: u64 = 600;

/// Services, and the calls under way between them.
#[derive(Debug)]
pub struct Mesh {
    /// The services, in the world's order.
    pub services: Vec<Service>,
    /// How many requests each followed one stands for.
    pub weight: f64,
    calls: Calls,
    agenda: Agenda,
    now: u64,
    /// Wall time at moment 0, in milliseconds.
    wall: i64,
    visited: Vec<(CallId, u16)>,
}

impl Mesh {
    /// The mesh of these workloads, which begins at this wall time, in Unix milliseconds.
    #[must_use]
    pub fn new(workloads: &[Workload], dice: &Dice, wall: i64) -> Self {
        let find = |from: &Workload, name: &String| workloads.iter().position(|w| w.namespace == from.namespace && &w.name == name);
        let callees: Vec<Vec<usize>> =
            workloads.iter().map(|from| from.calls.iter().filter_map(|name| find(from, name)).collect()).collect();
        let load: f64 = (0..workloads.len()).map(|n| workloads[n].traffic.map_or(0.0, |t| t.rps) * hops(&callees, n, 0)).sum();
        let weight = (load / FOLLOWED).ceil().max(1.0);
        let mut mesh = Self {
            services: workloads.iter().map(|workload| Service::new(workload, dice, weight)).collect(),
            weight,
            calls: Calls::default(),
            agenda: Agenda::default(),
            now: 0,
            wall,
            visited: Vec::new(),
        };
        for (index, service) in mesh.services.iter_mut().enumerate() {
            service.callees.clone_from(&callees[index]);
            // who calls itself, over whatever way, would never end
            service.callees.retain(|callee| !reaches(&callees, *callee, index, 0));
            mesh.agenda.plan(1, Step::Arrive(index));
        }
        mesh
    }

    /// The moment that was reached, in microseconds from the beginning.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Calls of this service whose callers wait.
    #[must_use]
    pub fn waiting(&self, service: usize) -> u64 {
        self.calls.iter().filter(|(_, call)| call.service == service && !call.settled).count() as u64
    }

    /// A service is seen like this now.
    pub fn see(&mut self, service: usize, sight: &Sight) {
        let gone = self.services[service].see(sight, self.now);
        for replica in gone {
            self.die(Seat { service, replica });
        }
    }

    /// Lives on until this moment.
    pub fn run(&mut self, until: u64) {
        for service in &mut self.services {
            service.believe(self.now);
        }
        while let Some((at, step)) = self.agenda.next(until) {
            self.now = at;
            match step {
                Step::Arrive(service) => self.arrive(service),
                Step::Send(id) => self.send(id),
                Step::Reach(id) => self.reach(id),
                Step::Worked(id) => self.worked(id),
                Step::Answered(id, code) => self.settle(id, code),
                Step::GiveUp(id) => self.settle(id, 504),
            }
        }
        self.now = until;
        for service in &mut self.services {
            service.use_up(until);
        }
    }

    fn arrive(&mut self, service: usize) {
        let wall = self.wall + i64::try_from(self.now / 1000).unwrap_or(0);
        let Some(next) = self.services[service].next_arrival(self.now, wall) else {
            self.agenda.plan(self.now + 1_000_000, Step::Arrive(service));
            return;
        };
        self.agenda.plan(self.now + next, Step::Arrive(service));
        let method = usize::from(self.services[service].streams.arrivals.unit() < 0.2);
        let tries = self.services[service].traffic.retries;
        let id = self.call(service, None, None, method, tries);
        self.send(id);
    }

    /// A new call, not yet sent.
    fn call(&mut self, service: usize, parent: Option<CallId>, from: Option<Seat>, method: usize, tries: u32) -> CallId {
        self.services[service].sent += 1;
        self.calls.add(Call { parent, from, ..Call::new(service, method, tries, self.now) })
    }

    /// The caller begins to wait, first for a connection of its pool.
    fn send(&mut self, id: CallId) {
        let now = self.now;
        let Some(call) = self.calls.get_mut(id) else { return };
        call.sent = now;
        let (service, from) = (call.service, call.from);
        let patience = self.services[service].patience();
        self.agenda.wait(now, patience, id);
        let most = self.services[service].traffic.pool;
        if let Some(pool) = from.filter(|_| most > 0).and_then(|seat| self.replica(seat)).map(|r| r.pools.entry(service).or_default()) {
            if pool.used >= most {
                pool.waiting.push_back(id);
                return;
            }
            pool.used += 1;
            if let Some(call) = self.calls.get_mut(id) {
                call.pooled = true;
            }
        }
        self.connect(id);
    }

    /// A pod is chosen, and the question goes there.
    fn connect(&mut self, id: CallId) {
        let Some(call) = self.calls.get(id) else { return };
        let (service, from) = (call.service, call.from);
        let caller = from.and_then(|seat| self.services[seat.service].replicas.get(&seat.replica)).map(|replica| &replica.pod);
        let proxy = caller.map(|pod| pod.proxy);
        let workload = &self.services[service].workload;
        let misled = caller.and_then(|pod| pod.misled.iter().find(|fault| fault.means(&workload.name, &workload.namespace)));
        if let Some(astray) = misled.map(|fault| fault.astray) {
            // who is told a wrong address hears nothing from there
            if !astray {
                self.agenda.plan(self.now + NOBODY, Step::Answered(id, 502));
            }
            return;
        }
        let Some(to) = self.services[service].route(proxy) else {
            self.agenda.plan(self.now + NOBODY, Step::Answered(id, 503));
            return;
        };
        // a pod that is no more has no number
        let to = to.unwrap_or(u32::MAX);
        if let Some(call) = self.calls.get_mut(id) {
            call.to = Some(to);
        }
        self.question(id, from, Seat { service, replica: to });
    }

    /// The question of a call is on its way to this pod.
    fn question(&mut self, id: CallId, from: Option<Seat>, to: Seat) {
        let path = self.path(from, to);
        let service = to.service;
        let rolls = &mut self.services[service].streams.network;
        let open = if rolls.unit() < FRESH { path.open(rolls) } else { Some(0.0) };
        let there = path.there(QUESTION, rolls);
        if let (Some(open), Some(there)) = (open, there) {
            self.agenda.plan(self.now + micros((open + there + self.proxied(id, None).late) * 1e6), Step::Reach(id));
        }
        let overhead = path.overhead() * self.weight;
        if let Some(replica) = from.and_then(|seat| self.replica(seat)) {
            replica.usage.sent += QUESTION * overhead;
        }
        if let Some(replica) = self.replica(to) {
            replica.usage.received += QUESTION * overhead;
        }
    }

    /// The question is at the pod, or where the pod was.
    fn reach(&mut self, id: CallId) {
        let Some(call) = self.calls.get(id) else { return };
        let (service, settled) = (call.service, call.settled);
        let seat = Seat { service, replica: call.to.unwrap_or(u32::MAX) };
        let backlog = self.services[service].traffic.backlog as usize;
        let concurrency = self.services[service].traffic.concurrency;
        if settled {
            self.calls.end(id);
            return;
        }
        if self.proxied(id, None).aborted {
            return self.reply(id, seat, 502);
        }
        let room = match self.replica(seat) {
            Some(replica) if replica.takes() => Some((replica.working < concurrency, replica.queue.len() < backlog)),
            Some(_) | None => None,
        };
        match room {
            Some((true, _)) => self.work(id, seat),
            Some((false, true)) => {
                if let Some(replica) = self.replica(seat) {
                    replica.queue.push_back(id);
                }
                if let Some(call) = self.calls.get_mut(id) {
                    call.stage = Stage::Queued;
                }
            }
            Some((false, false)) => {
                if let Some(call) = self.calls.get_mut(id) {
                    call.stage = Stage::Answered;
                }
                self.reply(id, seat, 503);
            }
            // most often something says that nobody listens there; else it is silence
            None if self.services[service].streams.network.unit() < 0.85 => self.reply(id, seat, 502),
            None => {}
        }
    }

    /// A worker takes the call.
    fn work(&mut self, id: CallId, seat: Seat) {
        let Some(call) = self.calls.get_mut(id) else { return };
        call.stage = Stage::Worked;
        let (now, weight) = (self.now, self.weight);
        let service = &mut self.services[seat.service];
        let demand = service.draw_demand();
        let disk = service.replicas.get(&seat.replica).map(|replica| replica.pod.disk).unwrap_or_default();
        let (own, failed) = service.own_part(disk);
        call.failed = failed;
        let touches = f64::from(service.traffic.disk) * weight;
        let Some(replica) = service.replicas.get_mut(&seat.replica) else { return };
        replica.working += 1;
        replica.usage.reads += touches * if call.method == 0 { 1.0 } else { 0.5 };
        replica.usage.writes += touches * if call.method == 0 { 0.1 } else { 0.5 };
        let done = replica.work(now, demand, weight) + micros(own);
        self.agenda.plan(done, Step::Worked(id));
    }

    /// The pod's own part, or that of one that it called, is done: the next one is called, or the caller is answered.
    fn worked(&mut self, id: CallId) {
        let Some(call) = self.calls.get(id).filter(|call| call.stage == Stage::Worked) else { return };
        let seat = Seat { service: call.service, replica: call.to.unwrap_or(u32::MAX) };
        let (failed, next, method) = (call.failed, call.next, call.method);
        if let Some(callee) = self.services[seat.service].callees.get(next).copied().filter(|_| !failed) {
            if let Some(call) = self.calls.get_mut(id) {
                call.next += 1;
            }
            let tries = self.services[callee].traffic.retries;
            let child = self.call(callee, Some(id), Some(seat), method, tries);
            self.send(child);
            return;
        }
        let code = if failed { 500 } else { 200 };
        let settled = match self.calls.get_mut(id) {
            None => true,
            Some(call) => {
                call.stage = Stage::Answered;
                call.settled
            }
        };
        if settled {
            self.answered_late(id, seat, code);
            self.calls.end(id);
        } else {
            self.reply(id, seat, code);
        }
        self.release(seat);
    }

    /// A worker is free: who waits first is next, unless nobody waits for its answer any more.
    fn release(&mut self, seat: Seat) {
        let Some(replica) = self.replica(seat) else { return };
        replica.working = replica.working.saturating_sub(1);
        while let Some(id) = self.replica(seat).and_then(|replica| replica.queue.pop_front()) {
            if self.calls.get(id).is_some_and(|call| !call.settled) {
                self.work(id, seat);
                return;
            }
            self.calls.end(id);
        }
    }

    /// The answer goes back to the caller.
    fn reply(&mut self, id: CallId, seat: Seat, code: u16) {
        let Some(call) = self.calls.get(id) else { return };
        let from = call.from;
        let made = if call.stage == Stage::Answered { self.proxied(id, Some(code)) } else { Proxied::default() };
        let code = if made.aborted { 502 } else { made.code.unwrap_or(code) };
        let path = self.path(from, seat);
        let back = path.back(ANSWER, &mut self.services[seat.service].streams.network).map(|back| back + made.late);
        let bytes = ANSWER * path.overhead() * self.weight;
        if let Some(replica) = self.replica(seat) {
            replica.usage.sent += bytes;
        }
        if let Some(back) = back {
            self.agenda.plan(self.now + micros(back * 1e6), Step::Answered(id, code));
            if let Some(replica) = from.and_then(|seat| self.replica(seat)) {
                replica.usage.received += bytes;
            }
        }
    }

    /// A process is no more: what it worked on is cut off.
    fn die(&mut self, seat: Seat) {
        let cut: Vec<CallId> =
            self.calls.iter().filter(|(_, call)| call.service == seat.service && call.to == Some(seat.replica)).map(|(id, _)| id).collect();
        for id in cut {
            let Some(call) = self.calls.get_mut(id) else { continue };
            if !call.inside() {
                // an answer that is on its way arrives; a question finds nobody
                continue;
            }
            call.stage = Stage::Coming;
            if call.settled {
                self.calls.end(id);
            } else {
                self.reply(id, seat, 502);
            }
        }
        let service = &mut self.services[seat.service];
        if let Some(replica) = service.replicas.remove(&seat.replica) {
            service.buried += replica.tally.total();
        }
    }

    /// What a proxy in the pod that is called makes of this call, or of its answer.
    fn proxied(&self, id: CallId, answered: Option<u16>) -> Proxied {
        let Some(call) = self.calls.get(id) else { return Proxied::default() };
        let replica = self.services[call.service].replicas.get(&call.to.unwrap_or(u32::MAX));
        replica.map(|replica| replica.pod.proxied(call.method, answered)).unwrap_or_default()
    }

    fn replica(&mut self, seat: Seat) -> Option<&mut super::replica::Replica> {
        self.services[seat.service].replicas.get_mut(&seat.replica)
    }

    fn path(&self, from: Option<Seat>, to: Seat) -> Path {
        let end = |seat: Seat| self.services[seat.service].replicas.get(&seat.replica).map(|replica| replica.pod.end());
        Path::between(from.and_then(end).unwrap_or(OUTSIDE), end(to).unwrap_or(OUTSIDE))
    }
}

/// How many calls one request makes, itself among them.
fn hops(callees: &[Vec<usize>], service: usize, depth: usize) -> f64 {
    1.0 + if depth > 8 { 0.0 } else { callees[service].iter().map(|callee| hops(callees, *callee, depth + 1)).sum() }
}

/// Whether one service calls another, directly or not.
fn reaches(callees: &[Vec<usize>], from: usize, to: usize, depth: usize) -> bool {
    from == to || depth <= callees.len() && callees[from].iter().any(|callee| reaches(callees, *callee, to, depth + 1))
}
