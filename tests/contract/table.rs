//! The differences there are: those that are meant, and those that are still to be mended. A row that explains nothing fails the test.

/// Calls about revisions that are gone. A server forgets its first ones some minutes after its start (compaction every 5 min, a watch cache
/// that fills): one so young that it still has what the first call of a group asks for can't show the group's answers.
pub const OF_THE_PAST: &[&[&str]] = &[
    &["watch from a revision that is gone"],
    &["list exactly at a revision that is gone"],
    &["page of an expired token", "page of the token that is offered instead", "page after that one"],
];

/// The calls (a star for anything), the place in the answer (likewise), and why the practice cluster, which plays 1.36, is not as 1.20 there.
pub const MEANT: &[(&str, &str, &str)] = &[
    ("*namespace*", "/body/metadata/labels", "since 1.21 a namespace is labelled with its name"),
    ("*namespace*", "/body/metadata/deletionGracePeriodSeconds", "since 1.2x a namespace that is going says its grace period"),
    ("*deployment*", "/body/spec/template/metadata/creationTimestamp", "since 1.34 null times are left out"),
    ("patch the *", "/body/spec/template/metadata/creationTimestamp", "since 1.34 null times are left out"),
    ("strategic patch *", "/body/spec/template/metadata/creationTimestamp", "since 1.34 null times are left out"),
    ("may I", "/body/metadata", "since 1.34 null times are left out"),
    ("*", "/body/status/terminatingReplicas", "since 1.35 workloads count what is terminating"),
    ("*pod*", "/body/metadata/generation", "since 1.33 pods have a generation"),
    ("*pod*", "/body/rows/*/metadata/generation", "since 1.33 pods have a generation"),
    ("*pod*", "*/observedGeneration", "since 1.33 pods have a generation"),
    ("*pod*", "/body/status/conditions/*", "since 1.29 pods have the condition PodReadyToStartContainers"),
    ("*pod*", "/body/status/hostIPs", "since 1.28 pods say all addresses of their node"),
    ("table of pods", "/body/columnDefinitions/3/type", "since 1.22 RESTARTS is a text that says when"),
    ("table of pods", "/body/rows/*/cells/3", "since 1.22 RESTARTS is a text that says when"),
    ("create a service", "/body/spec/internalTrafficPolicy", "since 1.22 Services have it"),
    ("create a service", "/body/spec/ipFamil*", "since 1.23 Services have address families"),
    ("create a budget", "/body/apiVersion", "policy/v1 since 1.21, v1beta1 until 1.24"),
    ("loosen the budget", "/body/apiVersion", "policy/v1 since 1.21, v1beta1 until 1.24"),
    ("loosen the budget", "/body/status/conditions", "since 1.22 budgets have conditions"),
    ("create a budget", "/body/status", "policy/v1 drops the status at creation, v1beta1 fills it with zeros"),
    ("create with a number for a text", "/body/message", "since 1.23 bodies are read by Go's own reader, with its words"),
    ("update of another uid", "/body/message", "1.20 tells of its storage"),
    ("create an experiment as a dry run", "/body/status", "the test cluster has no webhooks of Chaos Mesh"),
    ("version of discovery", "/body/serverAddressByClientCIDRs/0/serverAddress", "the port is the test cluster's own"),
    ("watch ConfigMap kube-root-ca.crt", "*", "the certificate is the cluster's own; a watch may begin before or after it is there"),
    ("may I", "/body/status/reason", "the user of the test cluster is of system:masters, which needs no rule"),
    ("unknown path", "*", "1.20 lists its paths to whoever may see them"),
    ("proxy to a *port*", "/body/tasks", "a practice pod has no tasks: it says whose answer it is"),
    ("proxy to a *port*", "/body/namespace", "a practice pod says whose answer it is"),
    ("proxy to a *port*", "/body/code", "a practice pod says whose answer it is"),
    ("proxy to *where nobody listens", "*code", "newer servers say 503 where 1.20 says 500 (apimachinery's Transport.RoundTrip)"),
    ("proxy to *where nobody listens", "/body/reason", "newer servers say 503 where 1.20 says 500 (apimachinery's Transport.RoundTrip)"),
    ("list no older than*", "/body/items/*", "1.20 lists what it has cached in no order"),
    ("list experiments", "/body/metadata/continue", "1.20 writes an empty token for custom resources"),
    ("watch from what is there", "/body/*", "1.20 tells what is there in no order"),
    ("create a deployment*", "/body/status", "1.20 writes an empty status"),
    ("create a broken secret", "/body/message", "since 1.23 bodies are read by Go's own reader, with its words"),
    ("create as a dry run of another kind", "/body/*", "since 1.34 refused values are written as JSON, not as Go"),
    ("merge patch with a list", "*", "since 1.23 a patch is read before it is applied: 400"),
    ("json patch that is no list", "*", "since 1.23 a patch is read before it is applied, with the words of Go's reader"),
    ("list by a broken selector", "/body/message", "since 1.22 the message lists all operators"),
    ("create a deployment that does not select its pods", "/body/*", "since 1.34 refused values are written as JSON, not as Go"),
    ("create a deployment of nothing", "/body/*", "since 1.34 refused values are written as JSON, not as Go"),
    ("change a selector", "/body/*", "since 1.34 refused values are written as JSON, not as Go"),
    ("create a pod that asks for more than its limit", "/body/*", "since 1.2x the message says the limit"),
    ("create a pod with a broken quantity", "/body/message", "since 1.23 bodies are read by Go's own reader, with its words"),
    (
        "merge patch of a bad type",
        "*/message",
        "the refusal quotes the whole object: 1.20 with its managed fields, which objects here have only once they are applied",
    ),
    ("patch from half a document", "*", "since 1.23 a patch is read before it is applied: 400, with the words of Go's reader"),
    ("list at a broken revision", "*", "since 1.33 a list's revision is checked first: 400; a watch says 500 as ever"),
    ("table of *", "/body/columnDefinitions/*/description", "the descriptions are those of 1.36"),
    ("answer in a form that there is not", "/body/message", "since 1.25 the router names the forms that there are"),
    (
        "change the command of a pod",
        "/body/*",
        "the newer server names one field more; each shows the change as a dump of Go's internal types, of a form of its version's own",
    ),
    ("may I, of nothing", "/body/*", "since 1.34 refused values are written as JSON, not as Go"),
];

/// The same, where the practice cluster is wrong.
pub const OPEN: &[(&str, &str, &str)] = &[];
