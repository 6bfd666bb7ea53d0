//! `spec.steps`: what is done, in order.

use std::time::Duration;

use super::super::fields::{self, Fields, Zero};
use super::super::mistake::Mistakes;
use super::super::model::{Begins, Injector, Limits, Manual, Step, StepAction, course};
use super::super::parameters::Parameters;
use super::super::tree::{self, Content, Node, Span};
use super::super::{Source, keys, manifest};
use super::order::{self, Entry};
use super::{breaks, items, name_of, overlap, tell_twice};
use crate::clock::go;
use crate::fault::{Action, Fault, Mode};
use crate::manifest::policy as manifest_policy;

/// The most steps of a scenario.
const MOST: usize = 1000;
/// The most bytes of manifests that stand in other files.
const MOST_INCLUDED: usize = tree::LARGEST;

/// What a step may be.
const ACTIONS: [&str; 3] = ["fault", "observe", "manual"];
/// What `import` writes where it found no action: a step that is always refused.
const UNMAPPED: &str = "unmapped";
/// How the mistake of such a step begins.
pub const NOT_IMPORTED: &str = "this step was not imported";
/// How long a person's step may take where the file does not say.
const PATIENCE: Duration = Duration::from_mins(10);

/// A step as far as it could be read.
pub struct Read {
    /// Where it stands.
    pub place: Span,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Whether it is a fault, sound or not.
    pub is_fault: bool,
    /// How long it observes.
    pub observe: Option<Duration>,
    /// The step, where nothing is wrong with it.
    pub done: Option<Step>,
}

/// What reading steps needs.
pub struct Reader<'r> {
    /// The file, and the way to others.
    pub source: &'r Source<'r>,
    /// For filling in manifests of other files.
    pub parameters: &'r mut Parameters,
    /// What the faults must keep to.
    pub limits: &'r Limits,
    /// Who breaks things.
    pub injector: Injector,
    /// Whether the author takes the risk to data.
    pub acknowledge_data_risk: bool,
    /// The mistakes of other files.
    pub included: &'r mut Mistakes,
    /// How many bytes of other files were read.
    pub bytes: usize,
}

impl Reader<'_> {
    /// `spec.steps`, at least one.
    pub fn steps(mut self, spec: Fields<'_>, mistakes: &mut Mistakes) -> Vec<Read> {
        let Some(node) = spec.need("steps", mistakes) else { return Vec::new() };
        let list = items(spec, "steps", false, mistakes);
        if list.is_empty() {
            if matches!(node.content, Content::List(_)) {
                mistakes.error(node.span, "[]", "a scenario needs one step or more");
            }
            return Vec::new();
        }
        let members = |node: &Node| match node.get("parallel").map(|group| &group.content) {
            Some(Content::List(members)) => members.len(),
            _ => 1,
        };
        let count: usize = list.iter().map(members).sum();
        if count > MOST {
            let message = format!("the scenario has {count} steps");
            mistakes.error(node.span, "", message).allow(format!("at most {MOST} steps")).hint("split it into several scenarios");
            return Vec::new();
        }
        let before = mistakes.errors();
        let (mut steps, mut entries, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for node in list {
            let first = steps.len();
            let group = if node.get("parallel").is_some() {
                self.group(node, &mut steps, &mut names, mistakes)
            } else {
                let fields = known(node, &keys::STEP, mistakes);
                self.step(node, fields, &mut names, mistakes, &mut steps);
                fields.map(|fields| (fields, None))
            };
            if let Some((fields, name)) = group {
                entries.push(Entry::read(fields, name, first..steps.len(), mistakes));
            }
        }
        tell_twice("step", names.iter().map(|(name, place)| (name.as_str(), *place)), mistakes);
        // A step with an error may have been meant to break something.
        if !steps.iter().any(|step| step.is_fault) && mistakes.errors() == before {
            mistakes.warn(node.span, "", "no step breaks anything, so nothing is tested").hint("add a step with a fault");
        }
        let called: Vec<Option<String>> = steps.iter().map(|step| step.name.clone()).collect();
        let begins = order::begins(&entries, &called, mistakes);
        let spans: Vec<Duration> = steps.iter().map(|step| step.observe.unwrap_or_default()).collect();
        let least = course(&begins, &spans);
        if let Some(max) = self.limits.max_duration.filter(|max| least > *max) {
            let message = format!("the steps observe for {} in all, longer than maxDuration {}", go(least), go(max));
            mistakes.error(node.span, "", message).hint("raise limits.maxDuration, or observe less");
        }
        overlap::tell(&steps, &begins, mistakes);
        for (step, begins) in steps.iter_mut().zip(begins) {
            if let Some(step) = &mut step.done {
                step.begins = begins;
            }
        }
        steps
    }

    /// A group whose steps begin together.
    fn group<'n>(
        &mut self,
        node: &'n Node,
        steps: &mut Vec<Read>,
        names: &mut Vec<(String, Span)>,
        mistakes: &mut Mistakes,
    ) -> Option<(Fields<'n>, Option<String>)> {
        let fields = Fields::of(node, &keys::GROUP, mistakes)?;
        let named = fields.get("name").and_then(|node| fields::name(node, "the name of a group", mistakes).map(|name| (name, node.span)));
        names.extend(named.clone());
        let members = items(fields, "parallel", false, mistakes);
        if let (Some(list), true) = (node.get("parallel").filter(|list| matches!(list.content, Content::List(_))), members.len() < 2) {
            mistakes.error(list.span, "", "a parallel group needs two steps or more");
        }
        for member in members {
            let fields = known(member, &keys::MEMBER, mistakes);
            self.step(member, fields, names, mistakes, steps);
        }
        Some((fields, named.map(|(name, _)| name)))
    }

    /// One step.
    fn step(
        &mut self,
        node: &Node,
        fields: Option<Fields<'_>>,
        names: &mut Vec<(String, Span)>,
        mistakes: &mut Mistakes,
        steps: &mut Vec<Read>,
    ) {
        let mut read = Read { place: node.span, name: None, is_fault: false, observe: None, done: None };
        if let Some(entry) = node.entry(UNMAPPED) {
            read.name = node.get("name").and_then(Node::scalar).map(|scalar| scalar.text.clone());
            // it may have been meant to break something
            read.is_fault = true;
            tell_unmapped(entry, mistakes);
        } else if let Some(fields) = fields {
            if let Some((name, place)) = name_of(fields, "a step", mistakes) {
                names.push((name.clone(), place));
                read.name = Some(name);
            }
            let holds = fields.get("hold").and_then(Node::scalar).is_some_and(|scalar| scalar.text == "true");
            let only_holds = holds && ACTIONS.iter().all(|action| fields.get(action).is_none());
            let action = if only_holds { Some(StepAction::Hold) } else { self.action(fields, &mut read, mistakes) };
            for key in ["expect", "timeout"] {
                if let Some(entry) = fields.entry(key).filter(|_| fields.get("manual").is_none()) {
                    mistakes.error(entry.key_span, key, format!("{key} belongs to a manual step, and this is none"));
                }
            }
            if let (Some(name), Some(action)) = (&read.name, action) {
                debug_assert_eq!(breaks(&action), read.is_fault);
                read.done = Some(Step { name: name.clone(), begins: Begins::default(), action });
            }
        }
        steps.push(read);
    }

    fn action(&mut self, fields: Fields<'_>, read: &mut Read, mistakes: &mut Mistakes) -> Option<StepAction> {
        match fields.one_of(&ACTIONS, mistakes)? {
            ("fault", node) => {
                read.is_fault = true;
                let fault = self.fault(node, mistakes);
                lasts(fields, fault, mistakes).map(|fault| StepAction::Fault(Box::new(fault)))
            }
            ("manual", node) => {
                if let Some(node) = fields.get("expect") {
                    fields::word(node, "expect", &["confirm"], mistakes);
                }
                let timeout = fields.get("timeout").map(|node| fields::duration(node, "timeout", Zero::Refused, mistakes));
                let what = fields::text(node, "manual", mistakes)?;
                Some(StepAction::Manual(Manual { what, timeout: timeout.unwrap_or(Some(PATIENCE))? }))
            }
            (_, node) => {
                read.observe = fields::duration(node, "observe", Zero::Refused, mistakes);
                read.observe.map(StepAction::Observe)
            }
        }
    }

    fn fault(&mut self, node: &Node, mistakes: &mut Mistakes) -> Option<Fault> {
        if let Some(path) = node.get("manifest") {
            Fields::of(node, &keys::FAULT_FILE, mistakes)?;
            let path_text = fields::text(path, "the path of a manifest", mistakes)?;
            let (tree, mut found) = self.include(path, &path_text, mistakes)?;
            let fault = tree.and_then(|tree| self.check(&tree, &mut found));
            self.included.absorb(found);
            return fault;
        }
        self.check(node, mistakes)
    }

    /// The tree of another file, and the list for its mistakes.
    fn include(&mut self, node: &Node, path: &str, mistakes: &mut Mistakes) -> Option<(Option<Node>, Mistakes)> {
        let text = match (self.source.manifests)(path) {
            Ok(text) => text,
            Err(reason) => {
                let reason = crate::text::Untrusted::from(reason).short(200);
                mistakes.error(node.span, path, format!("the manifest can't be read: {reason}"));
                return None;
            }
        };
        self.bytes += text.len();
        if self.bytes > MOST_INCLUDED {
            mistakes.error(node.span, path, "the manifests are too large").allow(format!("at most {MOST_INCLUDED} bytes in all"));
            return None;
        }
        let mut found = Mistakes::of(path);
        let mut tree = tree::read(&text, &mut found);
        if let Some(tree) = &mut tree {
            self.parameters.fill(tree, &mut found);
        }
        Some((tree, found))
    }

    fn check(&mut self, node: &Node, mistakes: &mut Mistakes) -> Option<Fault> {
        let fault = manifest::check(node, self.limits.allow_all, mistakes)?;
        self.hold_against_limits(&fault, node, mistakes);
        if matches!(fault.action.experiment(), Action::Io { .. }) && !self.acknowledge_data_risk {
            let at = node.get("kind").unwrap_or(node);
            mistakes
                .error(at.span, "IOChaos", "faults of files can cost data: a run may lose what is written meanwhile, or corrupt it")
                .hint("write acknowledgeDataRisk: true under spec, once a backup is there and tried");
        }
        if matches!(self.injector, Injector::Agentless | Injector::Eviction) && !fault.is_agentless() {
            let at = node.get("spec").and_then(|spec| spec.get("action")).unwrap_or(node);
            mistakes
                .error(at.span, &fault.action.to_string(), format!("{} needs Chaos Mesh, and injector leaves it out", fault.action.kind()))
                .allow("PodChaos pod-kill, NetworkChaos partition as far as a NetworkPolicy can cut it")
                .hint(match manifest_policy::why_not(&fault).filter(|_| fault.action.to_string() == "partition") {
                    Some(why) => format!("a NetworkPolicy can't do this one: {why}; or write injector: auto"),
                    None => "write injector: auto".to_owned(),
                });
        }
        Some(fault)
    }

    /// What is sure to be refused in preflight is said now.
    fn hold_against_limits(&self, fault: &Fault, node: &Node, mistakes: &mut Mistakes) {
        let Some(spec) = node.get("spec") else { return };
        let mode = spec.get("mode").unwrap_or(spec);
        let value = spec.get("value").unwrap_or(mode);
        if let (Mode::Fixed(count), Some(most)) = (fault.mode, self.limits.max_targets)
            && count > most
        {
            let message = format!("this fault takes {count} pods, and limits.maxTargets is {most}");
            mistakes.error(value.span, &value.excerpt(), message).hint("take fewer, or raise limits.maxTargets");
        }
        let whole = matches!(fault.mode, Mode::All | Mode::FixedPercent(100) | Mode::RandomMaxPercent(100));
        if whole && !self.limits.allow_all {
            mistakes
                .warn(mode.span, &mode.excerpt(), "this takes every pod it selects; a run is refused if those are all of a workload")
                .hint("write limits: {allowAll: true} if that is meant");
        }
        if let (Mode::FixedPercent(percent), Some(most)) = (fault.mode, self.limits.max_share)
            && f64::from(percent) > most * 100.0 + 1e-9
        {
            let message = format!("this takes {percent} % of what it selects, and limits.maxShare is {} %", most * 100.0);
            mistakes.warn(value.span, &value.excerpt(), message).hint("take less, or raise limits.maxShare");
        }
        if let (Some(lasts), Some(max)) = (fault.duration.filter(|_| fault.is_lasting()), self.limits.max_duration)
            && lasts > max
        {
            let at = spec.get("duration").unwrap_or(spec);
            let message = format!("this fault lasts longer than maxDuration {}, so it is always cut short", go(max));
            mistakes.error(at.span, &at.excerpt(), message).hint(format!("shorten it, or raise limits.maxDuration above {}", go(lasts)));
        }
    }
}

/// The keys of a step, unless it is one that `import` could not map: that is all there is to say of it.
fn known<'n>(node: &'n Node, keys: &keys::Keys, mistakes: &mut Mistakes) -> Option<Fields<'n>> {
    if node.entry(UNMAPPED).is_some() { None } else { Fields::of(node, keys, mistakes) }
}

/// Says of a step that `import` could not map what it was. Until its author has dealt with it nothing is run.
fn tell_unmapped(entry: &tree::Entry, mistakes: &mut Mistakes) {
    let said = |key: &str| entry.value.get(key).map(Node::excerpt).unwrap_or_default();
    let place = crate::text::Untrusted::from(said("at")).short(200);
    let why = crate::text::Untrusted::from(said("why")).short(300);
    mistakes
        .error(entry.key_span, &said("what"), format!("{NOT_IMPORTED} (it stands at {place} of the source): {why}"))
        .allow(format!("{} in place of {UNMAPPED}", ACTIONS.join(", ")))
        .hint("write what is to happen here, as in manual: WHAT TO DO, or take the whole step away");
}

/// How long a Schedule goes on, which it can't say itself.
fn lasts(fields: Fields<'_>, fault: Option<Fault>, mistakes: &mut Mistakes) -> Option<Fault> {
    let Some(entry) = fields.entry("lasts") else { return fault };
    let span = fields::duration(&entry.value, "lasts", Zero::Refused, mistakes);
    let mut fault = fault?;
    let Action::Schedule { every, .. } = &fault.action else {
        mistakes
            .error(entry.key_span, "lasts", "lasts belongs to a Schedule, which has no end of its own")
            .hint("write duration in the fault's spec");
        return None;
    };
    if let (Some(every), Some(span)) = (every, span)
        && *every >= span
    {
        mistakes.error(entry.value.span, &entry.value.excerpt(), format!("the first fault comes after {}, when all is over", go(*every)));
        return None;
    }
    fault.duration = Some(span?);
    Some(fault)
}
