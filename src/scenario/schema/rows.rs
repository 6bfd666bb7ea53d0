//! What stands behind each key of a scenario, and what an editor says of it.

use super::super::keys::{self, Keys};

/// What may stand behind a key.
pub enum Is {
    /// Any text.
    Text,
    /// A DNS label.
    Label,
    /// Text by text.
    Labels,
    /// `30s`, `1m30s`.
    Duration,
    /// An http or https URL.
    Address,
    /// true or false.
    Truth,
    /// A whole number from the one to the other.
    Whole(i64, i64),
    /// Any number.
    Number,
    /// A number of pods, or a share of them.
    Pods,
    /// A share.
    Share,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A text, or several.
    Texts,
    /// A list of texts.
    TextList,
    /// A mapping.
    Of(&'static Keys),
    /// One of several mappings.
    OneOf(&'static [&'static Keys]),
    /// A list of mappings.
    List(&'static Keys),
    /// A mapping, or a list of them.
    OneOrList(&'static Keys),
    /// Mappings by name.
    Named(&'static Keys),
    /// A word, or a mapping.
    WordOr(&'static [&'static str], &'static Keys),
    /// Steps and groups of them.
    Steps,
    /// The steps of a group.
    Members,
    /// A manifest of Chaos Mesh, or the file of one.
    Fault,
}

/// A key.
pub struct Row {
    /// The key.
    pub key: &'static str,
    /// What stands behind it.
    pub is: Is,
    /// What an editor says of it.
    pub says: &'static str,
    /// Whether it must be there.
    pub needed: bool,
}

const fn must(key: &'static str, is: Is, says: &'static str) -> Row {
    Row { key, is, says, needed: true }
}

const fn may(key: &'static str, is: Is, says: &'static str) -> Row {
    Row { key, is, says, needed: false }
}

/// The rows of a mapping; none where it has none yet, and then anything may stand behind its keys.
pub fn rows(keys: &Keys) -> &'static [Row] {
    TABLE.iter().find(|(of, _)| of.what == keys.what && of.known == keys.known).map_or(&[], |(_, rows)| rows)
}

/// All of them.
pub static TABLE: &[(&Keys, &[Row])] = &[
    (
        &keys::FILE,
        &[
            must("apiVersion", Is::Word(&["gameday/v1"]), "The version of this form."),
            must("kind", Is::Word(&["GameDay"]), "What this file is: one game day."),
            must("metadata", Is::Of(&keys::METADATA), "What it is called."),
            must("spec", Is::Of(&keys::SPEC), "What we believe, what we break, and how we will know."),
        ],
    ),
    (
        &keys::METADATA,
        &[
            must("name", Is::Label, "The scenario's name: lower-case letters, digits and -, at most 63."),
            may("labels", Is::Labels, "Whose it is: team, app, cost center."),
        ],
    ),
    (
        &keys::SPEC,
        &[
            may("title", Is::Text, "One line for people."),
            must("hypothesis", Is::Text, "One sentence that can turn out to be false. The criteria decide it."),
            may("owner", Is::Text, "Who answers for this drill."),
            may("runbook", Is::Address, "What to do when it goes wrong; one key opens it during the drill."),
            may("environments", Is::Named(&keys::ENVIRONMENT), "One drill, several places; --env chooses, the first is the default."),
            may("parameters", Is::Labels, "Values for ${NAME} in this file; --set NAME=VALUE overrides."),
            may("target", Is::OneOrList(&keys::TARGET), "The workloads that are watched and must recover."),
            may("injector", Is::Word(&["auto", "chaos-mesh", "agentless", "eviction"]), "Who breaks things."),
            may("panels", Is::List(&keys::PANEL), "Charts in the cockpit and the report."),
            may("steadyState", Is::List(&keys::CRITERION), "Must hold before anything is broken, and again at the end."),
            must("steps", Is::Steps, "What is done, one after the other unless a step says otherwise."),
            may("criteria", Is::List(&keys::CRITERION), "What makes the hypothesis true: one broken criterion refutes it."),
            may("stopWhen", Is::List(&keys::STOP), "What ends the drill at once and undoes everything."),
            may("limits", Is::Of(&keys::LIMITS), "How far it may go."),
            may("world", Is::OneOf(&[&keys::WORLD, &keys::WORLD_ELSEWHERE]), "What a rehearsal fills its practice cluster with."),
            may("acknowledgeDataRisk", Is::Truth, "true: the risk that a fault of files (IOChaos) costs data is taken."),
            may(
                "brake",
                Is::Truth,
                "true: each kind of lasting fault is put on a pod of gameday's own and lifted, before anything is broken. Production's default.",
            ),
        ],
    ),
    (
        &keys::ENVIRONMENT,
        &[
            must(
                "tier",
                Is::Word(&["development", "staging", "production"]),
                "Who is hurt if it goes wrong; production asks more before it starts.",
            ),
            may("context", Is::Text, "The kubeconfig context this has to be."),
            may("namespace", Is::Label, "The namespace of target and faults that name none."),
            may("prometheus", Is::Of(&keys::PROMETHEUS), "Where its metrics are."),
        ],
    ),
    (
        &keys::PROMETHEUS,
        &[may("url", Is::Address, "Its base URL."), may("service", Is::Text, "NAMESPACE/NAME:PORT, reached through the API server.")],
    ),
    (
        &keys::TARGET,
        &[
            must("kind", Is::Word(&["Deployment", "StatefulSet", "DaemonSet"]), "The kind of the workload."),
            must("name", Is::Text, "The name of the workload."),
            may("namespace", Is::Label, "Its namespace, where it is not the environment's."),
        ],
    ),
    (
        &keys::PANEL,
        &[
            must("name", Is::Text, "The chart's title."),
            may("unit", Is::Word(&["none", "percent", "seconds", "bytes", "cores", "per-second"]), "What its numbers are."),
            may("whenEmpty", Is::Number, "The author's word on what no series means."),
            must("query", Is::Text, "In PromQL."),
        ],
    ),
    (&keys::READY, &[must("min", Is::Pods, "At least so many pods ready: a number, or a share of the desired ones like 50%.")]),
    (&keys::READY_BELOW, &[must("below", Is::Pods, "Fewer pods ready than this: a number, or a share of the desired ones like 50%.")]),
    (&keys::RECOVERY, &[must("within", Is::Duration, "From impact, or from the lift of a lasting fault.")]),
    (
        &keys::PROMQL,
        &[
            must("query", Is::Text, "In PromQL."),
            may("above", Is::Number, "The bound: what a stop trips over, or a criterion must stay above."),
            may("below", Is::Number, "The bound: what a criterion must stay below."),
            may("whenEmpty", Is::Number, "The author's word on what no series means, where the source answered."),
        ],
    ),
    (
        &keys::HTTP,
        &[
            must("url", Is::Address, "What is asked, once a second."),
            may("expect", Is::Whole(100, 599), "The status code of a good answer; 200 where none is given."),
            may("success", Is::Share, "The share of answers that must be good."),
            may("p99", Is::Duration, "How long 99 % of the answers may take at most."),
        ],
    ),
    (
        &keys::ALERT,
        &[
            must("name", Is::Text, "The alert's name in Prometheus."),
            may("firesWithin", Is::Duration, "From impact until it fires."),
            may("resolvesWithin", Is::Duration, "From the end of the fault until it is resolved."),
        ],
    ),
    (
        &keys::OBJECT,
        &[
            must("kind", Is::Text, "The kind of the objects, as Kubernetes writes it: Deployment."),
            may("apiVersion", Is::Text, "GROUP/VERSION; needed where the kind is none of Kubernetes' own."),
            may("name", Is::Text, "The object's name; or selector."),
            may("selector", Is::Labels, "The labels of the objects; or name."),
            may("match", Is::Word(&["all", "any"]), "Of how many selected objects it must be true; all where nothing is said."),
            may("namespace", Is::Label, "Where they are, if not in the environment's namespace."),
            must("cel", Is::Text, "In CEL, with the object as `object`: object.status.readyReplicas >= 2."),
        ],
    ),
    (&keys::COMMAND, &[ARGV, COMMAND_TIMEOUT, may("expect", Is::Whole(0, 255), "The exit code that holds; 0 where none is given."), ENV]),
    (
        &keys::COMMAND_UNLESS,
        &[ARGV, COMMAND_TIMEOUT, must("unless", Is::Whole(0, 255), "The one exit code that does not stop the run."), ENV],
    ),
    (
        &keys::BURN,
        &[
            must("good", Is::Text, "A counter of the good events, in PromQL, without rate()."),
            must("total", Is::Text, "A counter of all events, in PromQL, without rate()."),
            must("objective", Is::Share, "The share that must be good: 99.9%."),
            must("window", Is::Duration, "The window of the objective: 720h."),
            must("spend", Is::Share, "The share of the window's budget that this run may use."),
            may("whenEmpty", Is::Number, "The author's word on what no series means, where the source answered."),
        ],
    ),
    (
        &keys::HTTP_UNLESS,
        &[
            must("url", Is::Address, "What is asked, once a second."),
            must("unless", Is::Whole(100, 599), "The one status code that does not stop the run."),
        ],
    ),
    (&keys::ALERT_FIRES, &[must("name", Is::Text, "The alert's name in Prometheus.")]),
    (&keys::RECOVERY_OVER, &[must("longerThan", Is::Duration, "From impact, or from the lift of a lasting fault.")]),
    (&keys::DURING, &[must("step", Is::Text, "While this step is on.")]),
    (
        &keys::LIMITS,
        &[
            may("maxTargets", Is::Whole(1, 4_294_967_295), "The most pods one fault may take."),
            may("maxShare", Is::Share, "The largest share of a workload one fault may take."),
            may("allowAll", Is::Truth, "Whether a fault may take all pods of a workload."),
            may("maxDuration", Is::Duration, "The longest the run may take."),
            may("blindLimit", Is::Duration, "How long a source may be lost before the run stops; 30s where none is given."),
            may("hours", Is::Of(&keys::HOURS), "When it may begin."),
        ],
    ),
    (
        &keys::HOURS,
        &[
            must("timezone", Is::Text, "The zone of the times, by its IANA name: Europe/Berlin."),
            must("only", Is::TextList, "Days and times: ['Tue-Thu 09:00-16:00']."),
        ],
    ),
    (
        &keys::STOP,
        &[
            must("name", Is::Text, "What is wrong then, in a few words."),
            may("ready", Is::Of(&keys::READY_BELOW), "Stops where too few pods are ready."),
            may("recovery", Is::Of(&keys::RECOVERY_OVER), "Stops where the targets are not back at full strength in time."),
            may("promql", Is::Of(&keys::PROMQL), "Stops where a query's value is over its bound."),
            may("http", Is::Of(&keys::HTTP_UNLESS), "Stops where an endpoint answers otherwise."),
            may("alert", Is::Of(&keys::ALERT_FIRES), "Stops where an alert fires."),
            may("object", Is::Of(&keys::OBJECT), "Stops where an expression over objects is true."),
            may("command", Is::Of(&keys::COMMAND_UNLESS), "Stops where a probe of your own exits otherwise."),
            may("burn", Is::Of(&keys::BURN), "Stops where the run has spent its share of an error budget."),
            may("for", Is::Duration, "How long it must be so without a break."),
        ],
    ),
    (
        &keys::CRITERION,
        &[
            must("name", Is::Text, "What must hold, in a few words."),
            may("ready", Is::Of(&keys::READY), "Holds while enough pods are ready."),
            may("recovery", Is::Of(&keys::RECOVERY), "Holds where the targets are at full strength again in time."),
            may("promql", Is::Of(&keys::PROMQL), "Holds while a query's value keeps to its bound."),
            may("http", Is::Of(&keys::HTTP), "Holds where an endpoint answers well."),
            may("alert", Is::Of(&keys::ALERT), "Holds where an alert tells of the fault in time."),
            may("object", Is::Of(&keys::OBJECT), "Holds while an expression over objects is true."),
            may("command", Is::Of(&keys::COMMAND), "Holds while a probe of your own exits with the code it should."),
            may("burn", Is::Of(&keys::BURN), "Holds until the run has spent its share of an error budget."),
            may(
                "during",
                Is::WordOr(&["before", "fault", "after", "always"], &keys::DURING),
                "When it is looked at; always where nothing is said.",
            ),
            may("for", Is::Duration, "How long it must be violated without a break before it is broken."),
            may("stableFor", Is::Duration, "How long the good state must last to be proven; 5s where none is given."),
        ],
    ),
    (&keys::STEP, STEP),
    (
        &keys::GROUP,
        &[
            may("name", Is::Text, "What after: knows the group by."),
            must("parallel", Is::Members, "Steps that begin together."),
            HOLD,
            AFTER,
            AT,
        ],
    ),
    (&keys::MEMBER, &[NAME, FAULT, LASTS, OBSERVE, MANUAL, EXPECT, TIMEOUT]),
    (&keys::FAULT_FILE, &[must("manifest", Is::Text, "The path of a manifest, from this file.")]),
    (&keys::WORLD_ELSEWHERE, &[must("file", Is::Text, "The path of a file of kind World, from this file.")]),
];

const ARGV: Row = must("argv", Is::TextList, "The program and its arguments; there is no shell.");
const COMMAND_TIMEOUT: Row = may("timeout", Is::Duration, "How long it may take; 5s where none is given, 30s at most.");
const ENV: Row = may("env", Is::TextList, "Names of the variables it is given of gameday's own environment.");
const NAME: Row = must("name", Is::Text, "What is done, in a few words; each name once.");
const FAULT: Row = may("fault", Is::Fault, "Something breaks: an object of Chaos Mesh, word for word, or manifest: PATH.");
const LASTS: Row = may("lasts", Is::Duration, "How long a Schedule goes on; it has no end of its own.");
const OBSERVE: Row = may("observe", Is::Duration, "Watch for so long.");
const MANUAL: Row = may("manual", Is::Text, "What a person has to do.");
const EXPECT: Row = may("expect", Is::Word(&["confirm"]), "What is asked of the person.");
const TIMEOUT: Row = may("timeout", Is::Duration, "How long the person may take; 10m where none is given.");
const HOLD: Row = may("hold", Is::Truth, "true: it begins only when the leader says so.");
const AFTER: Row = may("after", Is::Texts, "Begins when these steps have ended.");
const AT: Row = may("at", Is::Duration, "Begins so long after the steady state was proven.");
const PARALLEL: Row = may("parallel", Is::Members, "Steps that begin together, in place of this one.");
const STEP: &[Row] = &[NAME, FAULT, LASTS, OBSERVE, MANUAL, EXPECT, TIMEOUT, HOLD, AFTER, AT, PARALLEL];
