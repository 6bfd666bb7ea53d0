//! Before data is put at risk: whether a recent backup of it could be restored.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::clock::go;
use crate::event::inspected::{BackupFact, BackupsFact, Inspected};
use crate::fault::{Action, Fault};
use crate::run::Run;
use crate::run::checks::Checkpoint;

/// How old a backup may be that is called recent.
const RECENT: Duration = Duration::from_hours(24);

/// Whether a fault meddles with files.
fn risks_data(fault: &Fault) -> bool {
    matches!(fault.action.experiment(), Action::Io { .. })
}

impl Run {
    /// The namespaces whose files a fault meddles with.
    pub(super) fn namespaces_at_risk(&self) -> BTreeSet<String> {
        let risky = self.faults.iter().filter(|state| risks_data(&state.fault));
        let named = risky.flat_map(|state| {
            let own = state.fault.namespace().unwrap_or(&self.header.place.namespace);
            crate::run::rights::namespaces_of(&state.fault.selector, own).into_iter().map(ToOwned::to_owned)
        });
        named.collect()
    }

    pub(super) fn backup(&self) -> Option<Checkpoint> {
        if !self.asked.inspections.contains("backups") {
            return None;
        }
        let risked = self.namespaces_at_risk();
        let names: Vec<&str> = risked.iter().map(String::as_str).collect();
        let names = names.join(", ");
        Some(match self.inspected("backups") {
            Some(Inspected::Backups(Ok(Some(fact)))) => {
                let told: Vec<Result<String, Checkpoint>> = risked.iter().map(|namespace| self.backed_up(fact, namespace)).collect();
                match told.into_iter().collect::<Result<Vec<String>, Checkpoint>>() {
                    Ok(told) => Checkpoint::pass("backup", told.join("; ")),
                    Err(point) => point,
                }
            }
            Some(Inspected::Backups(Ok(None))) => {
                let seen = format!("nobody here knows of a backup of {names}, since Velero is not served: an IOChaos may cost data");
                Checkpoint::warn("backup", seen).mend("by hand: make a backup by whatever is used here, and see that it can be restored")
            }
            Some(Inspected::Backups(Err(why))) => {
                let seen = format!("whether there is a usable backup of {names} could not be seen: {}", why.raw());
                Checkpoint::fail("backup", seen).mend(self.grant())
            }
            _ => Checkpoint::waiting("backup"),
        })
    }

    /// What holds a namespace, or why it can't be relied on.
    fn backed_up(&self, fact: &BackupsFact, namespace: &str) -> Result<String, Checkpoint> {
        let home = fact.locations.first().map_or(crate::effect::inspection::VELERO_HOME, |location| &location.namespace);
        if !fact.locations.iter().any(|location| location.available) {
            let seen = match fact.locations.first() {
                Some(location) => {
                    format!("no backup can be made or restored: location {} is {}", location.name.raw(), location.phase.raw())
                }
                None => "no backup can be made: Velero has no BackupStorageLocation".to_owned(),
            };
            let mend = format!("by what mends the location: `kubectl -n {home} describe backupstoragelocations` says what it wants");
            return Err(Checkpoint::fail("backup", seen).mend(mend));
        }
        let now = self.now.on_wall(self.header.started);
        let age = |backup: &BackupFact| backup.started.map(|started| (now - started).to_std().unwrap_or_default());
        let whole = || fact.backups.iter().filter(|backup| backup.holds.iter().any(|held| held == namespace));
        let usable = whole().filter(|backup| backup.unusable.is_none()).filter_map(|backup| Some((backup, age(backup)?)));
        let seen = match usable.min_by_key(|(_, age)| *age) {
            Some((backup, age)) if age <= RECENT => {
                return Ok(format!("{} holds {namespace} as it was {} ago", backup.name.raw(), roughly(age)));
            }
            Some((backup, age)) => format!("the newest usable backup of {namespace}, {}, is {} old", backup.name.raw(), roughly(age)),
            None => match whole().find_map(|backup| Some((backup, backup.unusable.as_ref()?))) {
                Some((backup, why)) => format!("no usable backup of all of {namespace}: of {}, {}", backup.name.raw(), why.raw()),
                None => format!("no backup holds all of {namespace}"),
            },
        };
        let seen = format!("{seen}; one of the last {} is wanted before its files are meddled with", go(RECENT));
        let mend = format!("velero backup create {namespace}-{} -n {home} --include-namespaces {namespace} --wait", self.header.token);
        Err(Checkpoint::fail("backup", seen).mend(mend))
    }
}

/// A span as it is said of backups: to the minute, days once there are some.
fn roughly(span: Duration) -> String {
    let minutes = span.as_secs() / 60;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, minutes) => format!("{hours}h{minutes}m"),
        (days, hours, _) => format!("{days}d{hours}h"),
    }
}
