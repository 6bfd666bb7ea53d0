//! How much of a fault there is: what its manifest says beside whom it takes and for how long.

use serde_json::Value;

use crate::fault::{Action, Fault};
use crate::text::Untrusted;

/// The longest value that is told.
const LONGEST: usize = 40;

/// `300ms ± 50ms` of a delay, `25 %` of a loss, `2 workers at 80 %` of CPU stress; empty where the action says it all.
#[must_use]
pub fn dose(fault: &Fault) -> String {
    let spec = fault.manifest.get("spec").unwrap_or(&Value::Null);
    // of a Schedule its fault, which alone says whom it takes
    let of_schedule = || spec.as_object()?.values().find(|block| block.get("selector").is_some());
    let spec = if matches!(fault.action, Action::Schedule { .. }) { of_schedule().unwrap_or(&Value::Null) } else { spec };
    let said = |place: &str| match spec.pointer(place)? {
        Value::String(text) => Some(Untrusted::from(text.as_str()).short(LONGEST)),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let with = |place: &str, before: &str, after: &str| said(place).map(|value| format!("{before}{value}{after}"));
    let parts: Vec<Option<String>> = match fault.action.experiment() {
        Action::Network { .. } => vec![
            with("/delay/latency", "", &with("/delay/jitter", " ± ", "").filter(|jitter| jitter != " ± 0ms").unwrap_or_default()),
            with("/loss/loss", "", " % lost"),
            with("/duplicate/duplicate", "", " % doubled"),
            with("/corrupt/corrupt", "", " % corrupted"),
            with("/bandwidth/rate", "", ""),
        ],
        Action::Io { .. } => vec![with("/delay", "", ""), with("/errno", "errno ", ""), with("/percent", "", " % of calls")],
        Action::Stress { .. } => vec![
            with("/stressors/cpu/workers", "", &with("/stressors/cpu/load", " workers at ", " %").unwrap_or_else(|| " workers".to_owned())),
            with("/stressors/memory/size", "", ""),
        ],
        Action::ContainerKill { containers } => vec![Some(Untrusted::from(containers.join(", ")).short(LONGEST))],
        Action::PodKill { .. } | Action::PodFailure | Action::Schedule { .. } | Action::Other { .. } => Vec::new(),
    };
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
