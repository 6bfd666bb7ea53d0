//! The keys of a scenario: which are known where, and which are still to come.

/// The keys of one mapping.
pub struct Keys {
    /// What the mapping is, with its article: "a step".
    pub what: &'static str,
    /// Its keys.
    pub known: &'static [&'static str],
}

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident = $what:literal: $($key:literal)*;)*) => {
        $($(#[$doc])* pub const $name: Keys = Keys { what: $what, known: &[$($key),*] };)*
    };
}

keys! {
    /// The top of the file.
    FILE = "the file": "apiVersion" "kind" "metadata" "spec";
    /// `metadata`.
    METADATA = "metadata": "name" "labels";
    /// `spec`.
    SPEC = "spec": "title" "hypothesis" "owner" "runbook" "environments" "parameters" "target" "injector" "panels" "steadyState" "steps" "criteria" "stopWhen" "limits" "acknowledgeDataRisk" "brake" "world";
    /// An entry of `environments`.
    ENVIRONMENT = "an environment": "tier" "context" "namespace" "prometheus";
    /// `prometheus` of an environment.
    PROMETHEUS = "prometheus": "url" "service";
    /// `target`, or an entry of it.
    TARGET = "a target": "kind" "name" "namespace";
    /// An entry of `panels`.
    PANEL = "a panel": "name" "unit" "whenEmpty" "query";
    /// An entry of `criteria` or `steadyState`.
    CRITERION = "a criterion": "name" "ready" "recovery" "promql" "http" "alert" "object" "command" "burn" "during" "for" "stableFor";
    /// `ready` of a criterion.
    READY = "ready": "min";
    /// `ready` of a stop condition.
    READY_BELOW = "ready": "below";
    /// `recovery`.
    RECOVERY = "recovery": "within";
    /// `promql`.
    PROMQL = "promql": "query" "above" "below" "whenEmpty";
    /// `http`.
    HTTP = "http": "url" "expect" "success" "p99";
    /// `alert`.
    ALERT = "alert": "name" "firesWithin" "resolvesWithin";
    /// `object`.
    OBJECT = "object": "kind" "apiVersion" "name" "selector" "match" "namespace" "cel";
    /// `command` of a criterion.
    COMMAND = "command": "argv" "timeout" "expect" "env";
    /// `command` of a stop condition.
    COMMAND_UNLESS = "command of a stop condition": "argv" "timeout" "unless" "env";
    /// `burn`.
    BURN = "burn": "good" "total" "objective" "window" "spend" "whenEmpty";
    /// `http` of a stop condition.
    HTTP_UNLESS = "http of a stop condition": "url" "unless";
    /// `alert` of a stop condition.
    ALERT_FIRES = "alert of a stop condition": "name";
    /// `recovery` of a stop condition.
    RECOVERY_OVER = "recovery of a stop condition": "longerThan";
    /// `during` as a mapping.
    DURING = "during": "step";
    /// An entry of `stopWhen`.
    STOP = "a stop condition": "name" "ready" "recovery" "promql" "http" "alert" "object" "command" "burn" "for";
    /// An entry of `steps`.
    STEP = "a step": "name" "fault" "lasts" "observe" "manual" "expect" "timeout" "hold" "after" "at" "parallel";
    /// An entry of `steps` that is a group.
    GROUP = "a parallel group": "name" "parallel" "hold" "after" "at";
    /// An entry of `parallel`.
    MEMBER = "a step of a parallel group": "name" "fault" "lasts" "observe" "manual" "expect" "timeout";
    /// `fault` that names a file.
    FAULT_FILE = "fault": "manifest";
    /// `limits`.
    LIMITS = "limits": "maxTargets" "maxShare" "allowAll" "maxDuration" "blindLimit" "hours";
    /// `hours`.
    HOURS = "hours": "timezone" "only";
    /// A file of kind `World`.
    WORLD_FILE = "the file": "apiVersion" "kind" "metadata" "spec";
    /// `world` that names a file.
    WORLD_ELSEWHERE = "world": "file";
    /// `world`, or `spec` of a world's file.
    WORLD = "a world": "namespace" "namespaces" "nodes" "workloads" "services" "secrets" "configMaps" "budgets" "quotas" "denials" "missingImages" "chaosMesh" "daemonLatency" "requestLatency" "scrapeInterval" "timings" "rules" "troubles";
    /// An entry of `nodes`.
    WORLD_NODE = "a node": "name" "count" "cpu" "memory" "pods" "labels" "taints";
    /// An entry of `taints` or `tolerations`.
    TAINT = "a taint": "key" "value" "effect";
    /// An entry of `workloads`: with the keys of a container where it has but one.
    WORKLOAD = "a workload": "name" "kind" "namespace" "replicas" "labels" "grace" "containers" "image" "port" "requests" "limits" "readiness" "liveness" "startup" "secrets" "configMaps" "mounts" "nodeSelector" "tolerations" "apart" "timings" "traffic" "calls";
    /// An entry of `containers`.
    CONTAINER = "a container": "name" "image" "port" "requests" "limits" "readiness" "liveness" "startup" "secrets" "configMaps" "mounts";
    /// `requests` or `limits`.
    AMOUNTS = "requests and limits": "cpu" "memory";
    /// A probe.
    PROBE = "a probe": "path" "initialDelay" "period" "timeout" "successes" "failures";
    /// `timings`.
    TIMINGS = "timings": "schedule" "admit" "prepare" "pull" "start" "ready" "stop" "endpoints";
    /// A length of time as a mapping.
    SPREAD = "a spread of times": "least" "mode" "most";
    /// `traffic`.
    TRAFFIC = "traffic": "rps" "swing" "period" "burst" "latency" "errors" "capacity" "concurrency" "backlog" "disk" "timeout" "retries" "pool";
    /// An entry of `services`.
    WORLD_SERVICE = "a service": "name" "namespace" "port" "targetPort" "selector" "workload";
    /// An entry of `secrets` or `configMaps`.
    HELD = "an object": "name" "namespace";
    /// An entry of `budgets`.
    BUDGET = "a budget": "name" "namespace" "workload" "selector" "minAvailable" "maxUnavailable";
    /// An entry of `quotas`.
    QUOTA = "a quota": "name" "namespace" "hard";
    /// An entry of `denials`.
    DENIAL = "a denial": "verb" "group" "resource" "namespace";
    /// An entry of `troubles`.
    TROUBLE = "a trouble": "what" "of" "by" "at" "for";
}

/// Keys that the scenario's description has and this version does not serve, with what they are.
const LATER: [(&str, &str); 15] = [
    ("rto", "recovery-time objectives (rto) are"),
    ("rpo", "recovery-point objectives (rpo) are"),
    ("cost", "cost criteria are"),
    ("backup", "backup drills are"),
    ("restore", "restore drills are"),
    ("dataProbe", "data probes are"),
    ("regions", "regions are"),
    ("requiredLabels", "required labels are"),
    ("budget", "budgets are"),
    ("secret", "drills with a secret are"),
    ("window", "drills within a window are"),
    ("injects", "injects of a drill are"),
    ("predictions", "predictions are"),
    ("roles", "roles are"),
    ("scenarios", "plans that list scenarios are"),
];

/// What `key` of the mapping `what` will be, where it is to come: "restore drills are".
pub fn later(what: &str, key: &str) -> Option<&'static str> {
    // What a scenario will have is not what a world will have.
    let of_world = [WORLD, WORLD_NODE, TAINT, WORKLOAD, CONTAINER, PROBE, TIMINGS, TRAFFIC, BUDGET, QUOTA, DENIAL, TROUBLE];
    if of_world.iter().any(|keys| keys.what == what) {
        return None;
    }
    LATER.iter().find(|(name, _)| *name == key).map(|(_, what)| *what)
}
