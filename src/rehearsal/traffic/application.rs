//! What a service's pods show of their requests and of their own calls, and the proxies of those from outside that no pod answered.
//!
//! A request lasts from its sending to its answer, as a mesh reports it.

use super::mesh::Mesh;
use super::page::Lines;
use super::replica::Replica;
use super::tally::{BUCKET_LABELS, METHODS, Outcome, Tally};

/// Says which lines a tally has.
#[must_use]
pub fn layout(tally: &Tally) -> u64 {
    tally.codes.keys().fold(1, |sum, (code, method)| sum.wrapping_mul(8191).wrapping_add(u64::from(*code) * 2 + *method as u64))
}

/// The same for a pod, with its own calls.
#[must_use]
pub fn layout_of(replica: &Replica) -> u64 {
    replica.outgoing.keys().fold(layout(&replica.tally), |sum, (callee, outcome)| {
        let outcome = match outcome {
            Outcome::Code(code) => u64::from(*code),
            Outcome::Timeout => 1,
            Outcome::Refused => 2,
            Outcome::Nobody => 3,
        };
        sum.wrapping_mul(8191).wrapping_add(*callee as u64 * 1000 + outcome)
    })
}

/// What a pod shows.
pub fn pod(lines: &mut Lines<'_>, mesh: &Mesh, replica: &Replica, started: f64) {
    let weight = mesh.weight;
    requests(lines, &replica.tally);
    for ((callee, outcome), count) in &replica.outgoing {
        let host = mesh.services[*callee].workload.name.as_str();
        lines.put("http_client_requests_total", &[("host", host), ("outcome", &outcome.label())], *count);
    }
    let waiting = u32::try_from(replica.queue.len()).unwrap_or(u32::MAX);
    lines.put("http_requests_in_flight", &[], f64::from(replica.working + waiting) * weight);
    lines.put("process_cpu_seconds_total", &[], replica.usage.cpu);
    lines.put("process_resident_memory_bytes", &[], replica.usage.memory);
    lines.put("process_start_time_seconds", &[], started);
}

/// How requests ended, and after how long.
pub fn requests(lines: &mut Lines<'_>, tally: &Tally) {
    for ((code, method), count) in &tally.codes {
        let code = code.to_string();
        lines.put("http_requests_total", &[("code", &code), ("method", METHODS[*method])], *count);
    }
    let mut total = 0.0;
    for (count, end) in tally.buckets.iter().zip(BUCKET_LABELS) {
        total += count;
        lines.put("http_request_duration_seconds_bucket", &[("le", end)], total);
    }
    lines.put("http_request_duration_seconds_sum", &[], tally.seconds);
    lines.put("http_request_duration_seconds_count", &[], total);
}
