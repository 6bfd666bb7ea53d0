//! Every check of the preflight comes out badly where it should, and says what mends it: `gameday doctor` in front of the practice cluster.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use serde_json::{Value, json};
use support::surgery::{Checklist, Served};
use support::{said, scratch, until};

const KILL: &str = "kind: PodChaos, spec: {action: pod-kill, mode: one, selector: {labelSelectors: {app: task-api}}}";
const DELAY: &str = "kind: NetworkChaos, spec: {action: delay, mode: one, duration: 20s, delay: {latency: 50ms}, selector: {labelSelectors: {app: task-api}}}";
const SLOW_DISK: &str = "kind: IOChaos, spec: {action: latency, mode: one, duration: 20s, delay: 20ms, volumePath: /data, selector: {labelSelectors: {app: task-api}}}";

/// A drill of one fault on the task-api, with nothing to think about.
fn drill(fault: &str) -> String {
    format!(
        "apiVersion: gameday/v1
kind: GameDay
metadata: {{name: drill}}
spec:
  hypothesis: it comes back
  runbook: https://runbooks.example.com/a
  acknowledgeDataRisk: true
  environments: {{staging: {{tier: staging, context: rehearsal, namespace: staging, prometheus: {{service: 'monitoring/prometheus-server:80'}}}}}}
  target: {{kind: Deployment, name: task-api}}
  injector: auto
  steadyState: [{{name: ready, ready: {{min: 100%}}}}]
  steps:
    - name: hit
      fault: {{apiVersion: chaos-mesh.org/v1alpha1, metadata: {{name: hit}}, {fault}}}
    - {{name: watch, observe: 10s}}
  criteria: [{{name: back, recovery: {{within: 30s}}}}]
  limits: {{maxTargets: 2, maxDuration: 10m}}
"
    )
}

fn served(name: &str, flags: &[&str]) -> Served {
    Served::start(&scratch(&format!("doctor-{name}")), flags)
}

/// Asks until a check comes out so: controllers take their time.
fn until_told(check: &str, verdict: &str, mut doctor: impl FnMut() -> Checklist) -> (String, String) {
    let mut last = None;
    until(&format!("{check} to {verdict}"), || {
        let told = doctor();
        let is = told.has(check, verdict);
        last = Some(told);
        is
    });
    last.unwrap().told(check, verdict)
}

const PODS: &str = "/api/v1/namespaces/staging/pods";
const API: &str = "/apis/apps/v1/namespaces/staging/deployments/task-api";

#[test]
fn doctor_should_find_nothing_wrong_where_nothing_is() {
    let served = served("well", &[]);
    for fault in [KILL, DELAY] {
        let told = served.doctor(&drill(fault), &[]);
        // a busy machine serves the cluster late, which looks like a clock that is behind
        let bad: Vec<&Value> = told.lines.iter().filter(|line| line["verdict"] != "pass" && line["check"] != "clock").collect();
        assert!(bad.is_empty() && told.code == Some(0), "{bad:#?}");
    }
    let told = served.doctor(&drill(SLOW_DISK), &[]);
    let (seen, _) = told.told("backup", "pass");
    assert!(seen.starts_with("daily holds staging as it was 1h"), "{seen}");
}

#[test]
fn doctor_should_tell_what_is_wrong_with_a_scenario() {
    let served = served("scenario", &[]);
    let told = served.doctor(&drill(KILL).replace("name: task-api}", "name: nobody}"), &[]);
    let (_, mend) = told.told("target", "fail");
    assert_eq!(mend, "kubectl -n staging get deployments,statefulsets,daemonsets");
    let told = served.doctor(&drill(&KILL.replace("app: task-api", "app: nobody")), &[]);
    let (_, mend) = told.told("takes", "fail");
    assert_eq!(mend, "kubectl -n staging get pods --show-labels");
    let http = "kind: HTTPChaos, spec: {mode: one, target: Nonsense, port: 80, duration: 10s, selector: {labelSelectors: {app: task-api}}}";
    served.doctor(&drill(http), &[]).told("manifest", "fail");
    // nothing says whether it holds now; whom to call; when it must be over
    let bare = drill(KILL)
        .replace("  steadyState: [{name: ready, ready: {min: 100%}}]\n", "")
        .replace("  runbook: https://runbooks.example.com/a\n", "")
        .replace(", maxDuration: 10m", "");
    let told = served.doctor(&bare, &[]);
    assert_eq!(told.told("runbook", "warn").1, "by hand: add runbook with the URL of what to do when it goes wrong in drill.yaml");
    told.told("steady", "warn");
    assert!(told.told("duration", "warn").0.contains("no limits.maxDuration"));
    assert_eq!(told.code, Some(0), "{}", told.whole);
    let by_hand = drill(KILL).replace("    - {name: watch, observe: 10s}", "    - {name: look, manual: look at it, timeout: 20m}");
    assert!(served.doctor(&by_hand, &[]).told("duration", "warn").0.contains("would end it before"));
    let long = drill(KILL).replace("observe: 10s", "observe: 20m");
    let told = served.doctor(&long, &[]);
    assert_eq!((told.code, told.lines.len()), (Some(2), 0), "it is a mistake of the file, and nothing is looked at: {}", told.whole);
    assert!(told.whole.contains("the steps observe for 20m in all, longer than maxDuration 10m"), "{}", told.whole);
    // each by itself is within it
    let twice = drill(&DELAY.replace("duration: 20s", "duration: 6m"));
    let step = twice.lines().skip_while(|line| !line.contains("name: hit")).take(2).collect::<Vec<_>>().join("\n");
    let twice = twice.replace("    - {name: watch", &format!("{}\n    - {{name: watch", step.replace("name: hit", "name: again")));
    assert_eq!(served.doctor(&twice, &[]).told("duration", "fail").0, "the steps take 12m10s, and limits.maxDuration is 10m");
    let never = drill(KILL).replace("[{name: ready, ready: {min: 100%}}]", "[{name: busy, promql: {query: vector(0), above: 1}}]");
    assert!(served.doctor(&never, &[]).told("steady", "warn").0.contains("\"busy\" does not hold now"));
    let system = drill(&KILL.replace("selector: {", "selector: {namespaces: [kube-system], "));
    served.doctor(&system, &[]).told("kube-system", "warn");
    let odd = drill(KILL).replace(
        "[{name: back, recovery: {within: 30s}}]",
        "[{name: open, object: {apiVersion: example.com/v1, kind: Gateway, name: a, cel: 'has(object.spec)'}}]",
    );
    let (seen, _) = served.doctor(&odd, &[]).told("kinds", "warn");
    assert!(seen.contains("does not serve Gateway of example.com/v1"), "{seen}");
    // policies end on y, and their plural was guessed once
    let known = odd.replace("example.com/v1, kind: Gateway", "networking.k8s.io/v1, kind: NetworkPolicy");
    let told = served.doctor(&known, &[]);
    assert!(told.has("kinds", "pass") && told.has("rights", "pass"), "{}", told.whole);
}

#[test]
fn doctor_should_tell_how_far_a_fault_reaches() {
    let served = served("reach", &[]);
    let all = drill(DELAY).replace("mode: one", "mode: all").replace("maxTargets: 2", "maxTargets: 9, allowAll: true");
    served.doctor(&all, &[]).told("first time", "warn");
    let cut =
        DELAY.replace("action: delay", "action: partition").replace("duration: 20s, delay: {latency: 50ms}", "direction: to, duration: 2m");
    assert!(served.doctor(&drill(&cut), &[]).told("liveness", "warn").0.contains("gives up after 30s"));
    // two of three, and the budget allows one
    let two = drill(&KILL.replace("mode: one", "mode: fixed, value: '2'"));
    served.doctor(&two, &[]).told("budgets", "warn");
    let (_, mend) = served.doctor(&two, &["--injector", "eviction"]).told("budgets", "fail");
    assert!(mend.starts_with("kubectl -n staging get pdb task-api --watch"), "{mend}");
    // as many as there are is all of them, however it is written
    for mode in ["mode: fixed, value: '3'", "mode: fixed-percent, value: '100'"] {
        let told = served.doctor(&drill(&KILL.replace("mode: one", mode)).replace("maxTargets: 2", "maxTargets: 9"), &[]);
        assert_eq!(told.code, Some(3), "{mode}: {}", told.whole);
    }
    // also of a workload that is no target
    let other = KILL.replace("app: task-api", "app: task-db").replace("mode: one", "mode: fixed, value: '3'");
    let scale = json!({"spec": {"replicas": 3}});
    served.ask("PATCH", "/apis/apps/v1/namespaces/staging/statefulsets/task-db", &scale);
    until("the database", || served.ask("GET", PODS, &Value::Null).to_string().contains("task-db-2"));
    let told = served.doctor(&drill(&other).replace("maxTargets: 2", "maxTargets: 9"), &[]);
    assert_eq!(told.code, Some(3), "{}", told.whole);
    let told = served.doctor(&drill(&other).replace("maxTargets: 2", "maxTargets: 9, allowAll: true"), &[]);
    assert_eq!(told.code, Some(0), "{}", told.whole);
    // the other end of a partition counts where rules are put into it
    let end = "mode: all, selector: {labelSelectors: {app: task-db}}";
    let both = |direction: &str| {
        let cut = format!("action: partition, direction: {direction}, target: {{{end}}}");
        drill(&DELAY.replace("action: delay", &cut).replace(", delay: {latency: 50ms}", ""))
    };
    let told = served.doctor(&both("to"), &[]);
    assert_eq!(told.code, Some(0), "{}", told.whole);
    assert!(told.whole.contains("at the other end all of task-db-0, task-db-1, task-db-2, which get no rules"), "{}", told.whole);
    let told = served.doctor(&both("both"), &[]);
    assert_eq!(told.code, Some(3), "one and three are more than two: {}", told.whole);
    assert!(told.whole.contains("which get rules too"), "{}", told.whole);
    served.ask("PATCH", API, &json!({"spec": {"replicas": 1}}));
    let (_, mend) = until_told("replicas", "warn", || served.doctor(&drill(KILL), &[]));
    assert_eq!(mend, "kubectl -n staging scale deployment/task-api --replicas=2");
    served.ask("PATCH", API, &json!({"spec": {"template": {"spec": {"hostNetwork": true}}}}));
    until_told("network", "fail", || served.doctor(&drill(DELAY), &[]));
    served.doctor(&drill(KILL), &[]).told("network", "warn");
}

#[test]
fn doctor_should_tell_who_else_is_at_it() {
    let served = served("others", &[]);
    served.ask("PATCH", API, &json!({"spec": {"template": {"metadata": {"annotations": {"new": "yes"}}}}}));
    let (_, mend) = served.doctor(&drill(KILL), &[]).told("rollout", "fail");
    assert_eq!(mend, "kubectl -n staging rollout status deployment/task-api");
    let database = drill(&KILL.replace("app: task-api", "app: task-db"))
        .replace("{kind: Deployment, name: task-api}", "{kind: StatefulSet, name: task-db}");
    served.ask("PATCH", "/apis/apps/v1/namespaces/staging/statefulsets/task-db", &json!({"spec": {"replicas": 3}}));
    until("the database", || served.ask("GET", PODS, &Value::Null).to_string().contains("task-db-2"));
    let newer = json!({"spec": {"template": {"metadata": {"annotations": {"new": "yes"}}}}});
    served.ask("PATCH", "/apis/apps/v1/namespaces/staging/statefulsets/task-db", &newer);
    let (seen, _) = served.doctor(&database, &[]).told("rollout", "fail");
    assert!(seen.contains("StatefulSet/task-db is being rolled out"), "{seen}");
    // leases: live on the same, live on others, dead; of one that does not say when it was renewed nobody takes its run for dead
    let leases = "/apis/coordination.k8s.io/v1/namespaces/staging/leases";
    let lease = |targets: &str, renewed: Value| {
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "gameday-00ff00", "namespace": "staging",
            "labels": {"app.kubernetes.io/managed-by": "gameday", "gameday/run": "00ff00"}, "annotations": {"gameday/targets": targets}},
            "spec": {"holderIdentity": "laptop 20260101-000000-abcd", "leaseDurationSeconds": 40, "renewTime": renewed}})
    };
    let mine = "Deployment/staging/task-api";
    for (targets, renewed, verdict, mend) in [
        (mine, json!(null), "fail", "gameday abort 20260101-000000-abcd"),
        ("Deployment/staging/web", json!(null), "warn", "gameday abort 20260101-000000-abcd"),
        (mine, json!("2020-01-01T00:00:00.000000Z"), "warn", "gameday recover"),
    ] {
        served.ask("POST", leases, &lease(targets, renewed));
        let told = served.doctor(&drill(KILL), &[]);
        assert_eq!(told.told("collisions", verdict).1, mend, "{}", told.whole);
        if verdict == "fail" {
            let told = served.doctor(&drill(KILL), &["--override", "collisions=they know"]);
            assert!(told.told("collisions", "warn").0.contains("they know"), "{}", told.whole);
        }
        served.ask("DELETE", &format!("{leases}/gameday-00ff00"), &Value::Null);
    }
    // faults of others: near, and on the same pods
    let chaos = "/apis/chaos-mesh.org/v1alpha1/namespaces/staging/networkchaos";
    let fault = |name: &str, app: &str| {
        json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "NetworkChaos", "metadata": {"name": name, "namespace": "staging"},
            "spec": {"action": "delay", "mode": "all", "duration": "10m", "delay": {"latency": "1ms"}, "selector": {"labelSelectors": {"app": app}}}})
    };
    served.ask("POST", chaos, &fault("near", "task-db"));
    let (_, mend) = until_told("collisions", "warn", || served.doctor(&drill(KILL), &[]));
    assert_eq!(mend, "kubectl -n staging get networkchaos near -o yaml, and ask whose it is");
    served.ask("POST", chaos, &fault("same", "task-api"));
    let (_, mend) = until_told("collisions", "fail", || served.doctor(&drill(KILL), &[]));
    assert_eq!(mend, "kubectl -n staging delete networkchaos same");
}

#[test]
fn doctor_should_tell_of_nodes_and_pods_in_trouble() {
    let served = served("nodes", &["--break", "pull-fails=task-api@0s"]);
    let nodes = served.ask("GET", "/api/v1/nodes", &Value::Null);
    let cordon = |node: &Value, is: bool| {
        let path = format!("/api/v1/nodes/{}", node["metadata"]["name"].as_str().unwrap());
        served.ask("PATCH", &path, &json!({"spec": {"unschedulable": is}}));
    };
    nodes["items"].as_array().unwrap().iter().for_each(|node| cordon(node, true));
    let (_, mend) = served.doctor(&drill(KILL), &[]).told("drain", "fail");
    assert!(mend.starts_with("kubectl uncordon ") && mend.split(' ').count() == 3, "{mend}");
    nodes["items"].as_array().unwrap().iter().for_each(|node| cordon(node, false));
    let pods = served.ask("GET", PODS, &Value::Null);
    let pod = pods["items"].as_array().unwrap().iter().find(|pod| pod["metadata"]["labels"]["app"] == "task-api").unwrap();
    served.ask("DELETE", &format!("{PODS}/{}?gracePeriodSeconds=0", pod["metadata"]["name"].as_str().unwrap()), &Value::Null);
    until_told("aims at", "warn", || served.doctor(&drill(KILL), &[]));
}

#[test]
fn doctor_should_tell_a_node_that_is_not_ready_from_one_that_is_cordoned() {
    let served = served(
        "node-down",
        &["--speed", "20", "--break", "node-down=node-1@0s", "--break", "node-down=node-2@0s", "--break", "node-down=node-3@0s"],
    );
    let (seen, mend) = until_told("drain", "fail", || served.doctor(&drill(KILL), &[]));
    assert!(seen.contains("is not ready") && mend.contains("kubectl describe node ") && !mend.contains("uncordon"), "{seen} {mend}");
}

#[test]
fn doctor_should_tell_what_chaos_mesh_lacks() {
    let served = served("chaos-mesh", &[]);
    let home = "/apis/apps/v1/namespaces/chaos-mesh";
    let template = |spec: Value| json!({"spec": {"template": {"spec": spec}}});
    let one = json!({"nodeSelector": {"kubernetes.io/hostname": "node-1"}});
    served.ask("PATCH", &format!("{home}/daemonsets/chaos-daemon"), &template(one));
    let (_, mend) = until_told("daemons", "fail", || served.doctor(&drill(DELAY), &[]));
    assert_eq!(mend, "kubectl -n chaos-mesh rollout restart daemonset chaos-daemon");
    served.ask("PATCH", &format!("{home}/daemonsets/chaos-daemon"), &template(json!({"nodeSelector": {"kubernetes.io/hostname": "none"}})));
    until_told("daemons", "unknown", || served.doctor(&drill(DELAY), &[]));
    let controller = served.ask("GET", &format!("{home}/deployments/chaos-controller-manager"), &Value::Null);
    let mut containers = controller["spec"]["template"]["spec"]["containers"].clone();
    containers[0]["env"] = json!([{"name": "ENABLE_FILTER_NAMESPACE", "value": "true"}]);
    served.ask("PATCH", &format!("{home}/deployments/chaos-controller-manager"), &template(json!({"containers": containers})));
    let (_, mend) = until_told("filter", "fail", || served.doctor(&drill(KILL), &[]));
    assert_eq!(mend, "kubectl annotate namespace staging chaos-mesh.org/inject=enabled");
    served.ask("PATCH", &format!("{home}/deployments/chaos-controller-manager"), &json!({"spec": {"replicas": 0}}));
    let (_, mend) = until_told("chaos mesh", "warn", || served.doctor(&drill(KILL), &[]));
    assert!(mend.starts_with("helm upgrade --install chaos-mesh "), "{mend}");
}

#[test]
fn doctor_should_tell_that_controllers_of_chaos_mesh_are_down() {
    let served = served("controller-down", &["--break", "controller-down@0s"]);
    let told = served.doctor(&drill(KILL), &[]);
    told.told("webhooks", "unknown");
    assert_eq!(told.code, Some(3), "its webhook does not answer the dry run either: {}", told.whole);
}

#[test]
fn doctor_should_tell_where_chaos_mesh_is_absent() {
    let folder = scratch("doctor-bare");
    let world = include_str!("../scenarios/worlds/task-api.yaml").replace("  nodes: 3\n", "  nodes: 3\n  chaosMesh: false\n");
    std::fs::write(folder.join("bare.yaml"), world).unwrap();
    let served = Served::start(&folder, &["--world", folder.join("bare.yaml").to_str().unwrap()]);
    let told = Checklist::of(&served.gameday(&["doctor", "--output", "json"]).output().unwrap());
    assert!(told.told("chaos mesh", "warn").1.starts_with("helm upgrade --install chaos-mesh "), "{}", told.whole);
    let told = served.doctor(&drill(DELAY), &[]);
    assert!(told.told("injector", "fail").1.starts_with("helm "), "{}", told.whole);
    assert_eq!(served.doctor(&drill(KILL), &[]).code, Some(0));
}

#[test]
fn doctor_should_tell_what_it_may_not_and_what_that_costs() {
    for (verb, resource, fault, verdict, seen) in [
        ("create", "podchaos.chaos-mesh.org", KILL, "fail", "not allowed: create podchaos.chaos-mesh.org in namespace staging"),
        ("delete", "networkchaos.chaos-mesh.org", DELAY, "fail", "not allowed: delete networkchaos.chaos-mesh.org in namespace staging"),
        ("list", "podiochaos.chaos-mesh.org", SLOW_DISK, "fail", "not allowed: list podiochaos.chaos-mesh.org in namespace staging"),
        ("list", "events", KILL, "warn", "less is seen without: list events in namespace staging"),
    ] {
        let denied = format!("denied={verb}:{resource}@0s");
        let served = served(&format!("rights-{verb}-{resource}"), &["--break", &denied]);
        let told = served.doctor(&drill(fault), &[]);
        let (found, mend) = told.told("rights", verdict);
        assert!(found.ends_with(seen), "{found}");
        let whom = if verdict == "fail" { " --user system:serviceaccount:gameday:gameday" } else { "" };
        assert_eq!(mend, format!("gameday rbac drill.yaml{whom} | kubectl apply -f -"));
    }
}

#[test]
fn doctor_should_not_take_a_namespace_it_can_not_read_for_a_harmless_one() {
    let served = served("tier", &["--break", "denied=get:namespaces@0s"]);
    served.doctor(&drill(KILL), &[]).told("tier", "unknown");
    let also = "prometheus-server:80'}}, production: {tier: production, context: rehearsal, namespace: production}}";
    let meant = drill(KILL).replace("prometheus-server:80'}}}", also);
    let (seen, mend) = served.doctor(&meant, &[]).told("tier", "fail");
    assert!(seen.contains("this may be it") && mend.starts_with("gameday rbac drill.yaml"), "{seen} {mend}");
}

#[test]
fn doctor_should_tell_where_the_tier_comes_from() {
    let folder = scratch("doctor-settings");
    let served = Served::start(&folder, &[]);
    let (seen, _) = served.doctor(&drill(KILL), &[]).told("tier", "pass");
    assert!(seen.contains("(no settings at ") && seen.contains("gameday/config.toml)"), "{seen}");
    let settings = folder.join("own.toml");
    std::fs::write(&settings, "[[cluster]]\ncontext = \"rehearsal\"\ntier = \"production\"\n").unwrap();
    let file = folder.join("drill.yaml");
    let bare = drill(KILL).replace("  runbook: https://runbooks.example.com/a\n", "");
    std::fs::write(&file, bare).unwrap();
    let mut command = served.gameday(&["doctor", file.to_str().unwrap(), "--output", "json"]);
    let told = Checklist::of(&command.env("GAMEDAY_CONFIG", &settings).output().unwrap());
    let (seen, _) = told.told("tier", "pass");
    assert!(seen.starts_with("production, by the settings ") && seen.contains("own.toml"), "{seen}");
    assert_eq!(told.told("held", "fail").1, "gameday run drill.yaml --env staging");
    told.told("hours", "fail");
    told.told("production", "fail");
}

#[test]
fn doctor_should_tell_that_clocks_differ() {
    let served = served("clock", &["--break", "clock-skew=1m@0s"]);
    until_told("clock", "warn", || served.doctor(&drill(KILL), &[]));
}

#[test]
fn doctor_should_tell_which_queries_fail_or_answer_with_nothing() {
    let served = served("queries", &[]);
    let asking = |query: &str| {
        drill(KILL).replace(
            "[{name: back, recovery: {within: 30s}}]",
            &format!("[{{name: odd, promql: {{query: '{query}', below: 1}}}}, {{name: even, promql: {{query: 'vector(0)', below: 1}}}}]"),
        )
    };
    // each series has its own, and there are too many
    let (seen, _) = served.doctor(&asking("{__name__=~\".+\"}"), &[]).told("answers", "fail");
    assert!(seen.contains("\"odd\"") && !seen.contains("\"even\"") && seen.contains("series, and 50 is the most"), "{seen}");
    let (seen, _) = served.doctor(&asking("nobody_counts_this"), &[]).told("answers", "warn");
    assert!(seen.contains("\"odd\" answers with no series"), "{seen}");
    let burn = "[{name: budget, burn: {good: nobody_counts_this, total: nor_this, objective: 99%, window: 720h, spend: 1%}}]";
    let (seen, _) = served.doctor(&drill(KILL).replace("[{name: back, recovery: {within: 30s}}]", burn), &[]).told("answers", "warn");
    assert!(seen.contains("\"budget\""), "{seen}");
    let none = asking("vector(0)").replace(", prometheus: {service: 'monitoring/prometheus-server:80'}", "");
    served.doctor(&none, &[]).told("answers", "warn");
}

#[test]
fn doctor_should_not_take_old_samples_for_new_ones() {
    let served = served("gap", &["--speed", "15", "--break", "prometheus-gap@20s"]);
    let query = "sum(http_requests_total{app=\"task-api\"})";
    let asking = drill(KILL)
        .replace("[{name: back, recovery: {within: 30s}}]", &format!("[{{name: busy, promql: {{query: '{query}', above: 0}}}}]"));
    let (seen, _) = until_told("samples", "fail", || served.doctor(&asking, &[]));
    assert!(seen.contains("http_requests_total{app=\"task-api\"}") && seen.contains(" old, and \"busy\" would be judged by it"), "{seen}");
}

#[test]
fn doctor_should_not_let_files_be_meddled_with_that_nobody_could_restore() {
    let served = served("backup", &[]);
    let velero = "/apis/velero.io/v1/namespaces/velero";
    let wants = |why: &str, mended: &str| {
        let told = served.doctor(&drill(SLOW_DISK), &["--override", "hours=no"]);
        let (seen, mend) = told.told("backup", "fail");
        assert!(seen.contains(why) && mend.contains(mended), "{seen} {mend}");
    };
    let create = "velero backup create staging-";
    let backup = format!("{velero}/backups/daily");
    let whole = served.ask("GET", &backup, &Value::Null);
    served.ask("PATCH", &backup, &json!({"status": {"phase": "PartiallyFailed"}}));
    wants("its phase is PartiallyFailed", create);
    served.ask("PATCH", &backup, &json!({"status": {"phase": "Completed", "startTimestamp": "2020-01-01T00:00:00Z"}}));
    wants("the newest usable backup of staging, daily, is ", create);
    served.ask("PATCH", &backup, &json!({"status": whole["status"], "spec": {"includedNamespaces": ["other"]}}));
    wants("no backup holds all of staging", create);
    served.ask("DELETE", &backup, &Value::Null);
    wants("no backup holds all of staging", create);
    served.ask("PATCH", &format!("{velero}/backupstoragelocations/default"), &json!({"status": {"phase": "Unavailable"}}));
    wants("location default is Unavailable", "describe backupstoragelocations");
}

#[test]
fn override_should_be_refused_where_it_could_do_nothing() {
    let served = served("override", &[]);
    for (check, why) in [("steady", "nothing overrules it"), ("backup", "can't be overruled"), ("rights", "can't be overruled")] {
        let file = scratch("doctor-override-file").join("drill.yaml");
        std::fs::write(&file, drill(KILL)).unwrap();
        let out = served.gameday(&["doctor", file.to_str().unwrap(), "--override", &format!("{check}=because")]).output().unwrap();
        assert!(out.status.code() == Some(2) && said(&out).contains(why), "{}", said(&out));
    }
}
