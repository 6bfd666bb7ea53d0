//! What mends a check that did not pass: one command, with the names that are known, or in words why none can.

use crate::event::inspected::Inspected;
use crate::run::Run;
use crate::scenario::model::{Injector, TargetRef, Tier, WorkloadKind};
use crate::text::Untrusted;

/// Installs Chaos Mesh, or what of it is missing, from its own charts.
pub const INSTALL_CHAOS_MESH: &str =
    "helm upgrade --install chaos-mesh chaos-mesh --repo https://charts.chaos-mesh.org --namespace chaos-mesh --create-namespace";

/// Whether a request was refused because a webhook that has to be asked first does not answer: in Kubernetes' own words.
#[must_use]
pub fn is_unasked(why: &Untrusted) -> bool {
    why.raw().contains("failed calling webhook")
}

/// Whether a request was refused because a right is missing: in Kubernetes' own words, which other admission does not use.
#[must_use]
pub fn is_forbidden(why: &str) -> bool {
    why.contains("is forbidden: User ")
}

impl Run {
    /// Grants what the run needs: to the user that asks, where the API server says who that is.
    #[must_use]
    pub fn grant(&self) -> String {
        let place = &self.header.place;
        if self.header.scenario.file.is_empty() {
            return format!("gameday rbac | kubectl -n {} apply -f -", word(&place.namespace));
        }
        let mut command = format!("gameday rbac {}", self.file_and_place());
        let injector = self.header.injector.map(|injector| match injector {
            Injector::Auto => "auto",
            Injector::ChaosMesh => "chaos-mesh",
            Injector::Agentless => "agentless",
            Injector::Eviction => "eviction",
        });
        command.extend(injector.map(|name| format!(" --injector {name}")));
        if let Some(Inspected::User(Ok(user))) = self.inspected("user") {
            command.push_str(&format!(" --user {}", word(user.raw())));
        }
        format!("{command} | kubectl apply -f -")
    }

    /// The scenario's file, and the flags that lead to the same place.
    fn file_and_place(&self) -> String {
        let place = &self.header.place;
        let mut words = word(&self.header.scenario.file);
        let environment = self.scenario.environment(Some(&place.environment));
        if self.scenario.environments.first().is_some_and(|first| first.name != place.environment) {
            words.push_str(&format!(" --env {}", word(&place.environment)));
        }
        if environment.is_some_and(|own| own.namespace.as_ref() != Some(&place.namespace)) {
            words.push_str(&format!(" -n {}", word(&place.namespace)));
        }
        words
    }

    /// Runs the same drill in staging, where the scenario says which environment that is.
    pub(super) fn stage(&self) -> String {
        let staging = self.scenario.environments.iter().find(|environment| environment.tier == Tier::Staging);
        match staging {
            Some(staging) => format!("gameday run {} --env {}", word(&self.header.scenario.file), word(&staging.name)),
            None => "by hand: the scenario has no environment of tier staging; add one, and run it there".to_owned(),
        }
    }

    /// Undoes what a run left, by this command: in a rehearsal nobody has to.
    pub(super) fn undo_by(&self, command: &str) -> String {
        if self.header.place.rehearsal {
            return "no command does, and none has to: the practice cluster ends with this process".to_owned();
        }
        command.to_owned()
    }

    /// Brings the webhooks of Chaos Mesh back, where those don't answer.
    #[must_use]
    pub fn wake(&self) -> String {
        let namespace = match self.inspected("chaos-mesh") {
            Some(Inspected::ChaosMesh(Ok(fact))) => fact.namespace.as_str(),
            _ => "chaos-mesh",
        };
        format!("kubectl -n {} rollout restart deployment chaos-controller-manager", word(namespace))
    }

    /// In the scenario's file, by hand.
    pub(super) fn write(&self, what: &str) -> String {
        let file = &self.header.scenario.file;
        format!("by hand: {what}{}", if file.is_empty() { String::new() } else { format!(" in {file}") })
    }
}

/// `deployment/task-api`, as kubectl takes it.
pub(super) fn resource(workload: &TargetRef) -> String {
    let kind = match workload.kind {
        WorkloadKind::Deployment => "deployment",
        WorkloadKind::StatefulSet => "statefulset",
        WorkloadKind::DaemonSet => "daemonset",
    };
    format!("{kind}/{}", workload.name)
}

/// One word of a shell.
pub(super) fn word(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'/' | b'-' | b':' | b'@');
    if !text.is_empty() && text.bytes().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_should_be_one_for_a_shell() {
        for (text, wanted) in
            [("task-api.yaml", "task-api.yaml"), ("my file", "'my file'"), ("it's", "'it'\\''s'"), ("$(id)", "'$(id)'"), ("", "''")]
        {
            assert_eq!(word(text), wanted);
        }
    }
}
