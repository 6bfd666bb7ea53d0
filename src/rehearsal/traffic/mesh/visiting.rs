//! Calls that come through the API server's proxy: to one pod, once, and whoever waits for them is told.

use super::Mesh;
use crate::rehearsal::traffic::calls::{CallId, Seat};

/// How long the API server tries to reach a pod, in microseconds.
const PATIENCE: u64 = 30_000_000;

impl Mesh {
    /// A call to this pod; none where no process of it listens.
    pub fn visit(&mut self, namespace: &str, pod: &str, method: usize) -> Option<CallId> {
        let ours = self.services.iter().enumerate().filter(|(_, service)| service.workload.namespace == namespace);
        let seat = ours
            .flat_map(|(service, found)| found.replicas.iter().map(move |(number, replica)| (Seat { service, replica: *number }, replica)))
            .find(|(_, replica)| &*replica.pod.name == pod)
            .map(|(seat, _)| seat)?;
        let id = self.call(seat.service, None, None, method, 0);
        if let Some(call) = self.calls.get_mut(id) {
            call.visit = true;
            call.to = Some(seat.replica);
        }
        self.agenda.wait(self.now, PATIENCE, id);
        self.question(id, None, seat);
        Some(id)
    }

    /// What has become of such calls since this was asked last, by the codes of their answers.
    pub fn visited(&mut self) -> Vec<(CallId, u16)> {
        std::mem::take(&mut self.visited)
    }
}
