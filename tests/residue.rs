//! What outlives its fault or its run, planted in the practice cluster: found, named, and removed by the command that is offered.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use support::{gameday, said, scratch, until};

/// The practice cluster in a process of its own.
struct Cluster {
    child: Child,
    kubeconfig: PathBuf,
    api: String,
}

impl Cluster {
    fn start(folder: &Path) -> Cluster {
        Cluster::with(folder, &[])
    }

    fn with(folder: &Path, more: &[&str]) -> Cluster {
        let kubeconfig = folder.join("kubeconfig");
        let mut child = gameday(folder)
            .args(["rehearsal", "serve", "--speed", "4", "--kubeconfig"])
            .arg(&kubeconfig)
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let api = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().trim_end_matches(',').to_owned();
        until("the kubeconfig", || kubeconfig.exists());
        Cluster { child, kubeconfig, api }
    }

    fn ask(&self, method: &str, path: &str, content: &str, body: &Value) -> Value {
        let (host, body) = (self.api.strip_prefix("http://").unwrap(), if body.is_null() { String::new() } else { body.to_string() });
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        let head = format!("Accept: application/json\r\nContent-Type: {content}\r\nConnection: close");
        write!(stream, "{method} {path} HTTP/1.0\r\nHost: {host}\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap_or(Value::Null)
    }

    fn get(&self, path: &str) -> Value {
        self.ask("GET", path, "application/json", &Value::Null)
    }

    fn plant(&self, path: &str, object: &Value) {
        let made = self.ask("POST", path, "application/json", object);
        assert!(made["metadata"]["uid"].is_string(), "{path}: {made}");
    }

    fn patch(&self, path: &str, patch: &Value) {
        let done = self.ask("PATCH", path, "application/merge-patch+json", patch);
        assert!(done["metadata"]["uid"].is_string(), "{path}: {done}");
    }

    fn pods(&self) -> Vec<Value> {
        let pods = self.get("/api/v1/namespaces/staging/pods?labelSelector=app%3Dtask-api");
        pods["items"].as_array().unwrap().clone()
    }

    fn machine(&self, folder: &Path) -> Machine {
        std::fs::create_dir_all(folder).unwrap();
        Machine { folder: folder.to_owned(), kubeconfig: self.kubeconfig.clone() }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Machine {
    folder: PathBuf,
    kubeconfig: PathBuf,
}

impl Machine {
    fn gameday(&self, arguments: &[&str]) -> Command {
        let mut command = gameday(&self.folder);
        command.env("KUBECONFIG", &self.kubeconfig).args(arguments);
        command
    }

    fn said(&self, arguments: &[&str]) -> Output {
        self.gameday(arguments).output().unwrap()
    }

    /// The file of a scenario around this step.
    fn drill(&self, step: &str) -> String {
        let text = format!(
            "apiVersion: gameday/v1\nkind: GameDay\nmetadata: {{name: task-api-residue}}\nspec:\n  title: Task API comes back\n  hypothesis: it comes back\n  \
             runbook: https://runbooks.example.com/x\n  environments:\n    staging: {{tier: staging, context: rehearsal, namespace: staging}}\n  \
             target: {{kind: Deployment, name: task-api}}\n  injector: chaos-mesh\n  steps:\n    - {step}\n    - {{name: look, observe: 2s}}\n  \
             criteria:\n    - {{name: back, recovery: {{within: 90s}}}}\n  limits: {{maxTargets: 3, allowAll: true}}\n"
        );
        let file = self.folder.join("residue.yaml");
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }

    fn fail_one_pod(&self, lasts: &str) -> String {
        self.drill(&format!(
            "{{name: fail one pod, fault: {{apiVersion: chaos-mesh.org/v1alpha1, kind: PodChaos, metadata: {{name: task-api-one-pod-fails}}, \
             spec: {{action: pod-failure, mode: one, duration: {lasts}, selector: {{labelSelectors: {{app: task-api}}}}}}}}}}"
        ))
    }
}

const CHAOS: &str = "/apis/chaos-mesh.org/v1alpha1/namespaces/staging";
const PAUSE: &str = "gcr.io/google-containers/pause:latest";

fn rules(pod: &str, sources: &[&str]) -> Value {
    let rule = |source: &&str| json!({"name": format!("set-{}", &source[source.len() - 3..]), "ipsetType": "hash:net", "cidrs": ["10.0.0.1/32"], "source": source});
    json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "PodNetworkChaos", "metadata": {"name": pod, "namespace": "staging"},
        "spec": {"ipsets": sources.iter().map(rule).collect::<Vec<_>>(), "iptables": [], "tcs": []}})
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap().to_owned()
}

#[test]
fn residue_should_be_found_named_and_removed_by_the_command_that_is_offered() {
    let folder = scratch("residue-planted");
    let cluster = Cluster::start(&folder);
    let machine = cluster.machine(&folder.join("laptop"));
    let file = machine.fail_one_pod("10s");
    let clean = machine.said(&["doctor", &file]);
    assert!(said(&clean).contains("nothing of earlier faults and runs is left here"), "{}", said(&clean));

    let pods = cluster.pods();
    let (ruled, paused) = (name(&pods[0]), name(&pods[1]));
    let container = pods[1]["spec"]["containers"][0].clone();
    let ours = json!({"app.kubernetes.io/managed-by": "gameday", "gameday/run": "0a1b2c"});
    cluster.plant(&format!("{CHAOS}/podnetworkchaos"), &rules(&ruled, &["staging/task-api-network-delay-0a1b2c-0", "staging/somebodys"]));
    let short = format!("{}-normal", container["name"].as_str().unwrap());
    let mut swapped = container.clone();
    swapped["image"] = json!(PAUSE);
    let pod_path = format!("/api/v1/namespaces/staging/pods/{paused}");
    cluster.patch(&pod_path, &json!({"metadata": {"annotations": {short.clone(): container["image"]}}, "spec": {"containers": [swapped]}}));
    cluster.plant(
        "/apis/networking.k8s.io/v1/namespaces/staging/networkpolicies",
        &json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "cut-off", "namespace": "staging", "labels": ours},
            "spec": {"podSelector": {"matchLabels": {"app": "nobody"}}, "policyTypes": ["Ingress"]}}),
    );
    let namespace =
        |name: &str, labels: &Value| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
    cluster.plant("/api/v1/namespaces", &namespace("drill-0a1b2c", &ours));
    cluster.plant(
        "/api/v1/namespaces/staging/pods",
        &json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "gameday-brake-x", "namespace": "staging", "labels": ours},
            "spec": {"containers": [{"name": "sleep", "image": container["image"]}]}}),
    );
    cluster.plant(
        "/apis/coordination.k8s.io/v1/namespaces/staging/leases",
        &json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "gameday-0d0d0d", "namespace": "staging",
            "labels": {"app.kubernetes.io/managed-by": "gameday", "gameday/run": "0d0d0d"}},
            "spec": {"holderIdentity": "desk 20260101-000000-abcd", "leaseDurationSeconds": 40, "renewTime": "2020-01-01T00:00:00.000000Z"}}),
    );
    // a pod that holds a place for others runs the pause image of its own accord
    cluster.plant(
        "/api/v1/namespaces/staging/pods",
        &json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "place-holder", "namespace": "staging"},
            "spec": {"containers": [{"name": "pause", "image": "registry.k8s.io/pause:3.9"}]}}),
    );

    // the preflight names each, and forbids the run on pods that are not as they should be
    let out = machine.said(&["doctor", &file]);
    assert_eq!(out.status.code(), Some(3), "{}", said(&out));
    let told = said(&out);
    for named in [
        format!("network rules in pod staging/{ruled}"),
        format!("the pause image in pod staging/{paused}"),
        "gameday abort --all".to_owned(),
    ] {
        assert!(told.contains(&named), "{named}: {told}");
    }
    let json = machine.said(&["doctor", &file, "--output", "json"]);
    assert!(said(&json).contains("\"check\":\"residue\""), "{}", said(&json));

    // plain recover takes the dead run's Lease away, and touches nothing that is nobody's here
    let out = machine.said(&["recover"]);
    let told = said(&out);
    assert_eq!(out.status.code(), Some(7), "{told}");
    for named in [
        "the run of desk 20260101-000000-abcd in namespace staging".to_owned(),
        "left: NetworkPolicy staging/cut-off, of no run on this machine".to_owned(),
        "left: Pod staging/gameday-brake-x".to_owned(),
        "left: Namespace drill-0a1b2c".to_owned(),
        format!(
            "left: network rules in pod staging/{ruled}: of staging/task-api-network-delay-0a1b2c-0, which is gone; by its name of the run 0a1b2c"
        ),
        format!("seen, not of gameday: network rules in pod staging/{ruled}: of staging/somebodys, which is gone"),
        format!("left: the pause image in pod staging/{paused}: nothing says whose it is"),
        "`gameday abort --all` clears it".to_owned(),
    ] {
        assert!(told.contains(&named), "{named}: {told}");
    }
    assert!(!told.contains("place-holder"), "{told}");
    assert_eq!(cluster.get("/apis/coordination.k8s.io/v1/namespaces/staging/leases")["items"], json!([]));
    assert_eq!(cluster.get(&pod_path)["spec"]["containers"][0]["image"], PAUSE);

    let out = machine.said(&["abort", "--all", "--yes"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let carrier = cluster.get(&format!("{CHAOS}/podnetworkchaos/{ruled}"));
    assert_eq!(carrier["spec"]["ipsets"], json!([]), "{carrier}");
    let pod = cluster.get(&pod_path);
    assert_eq!(pod["spec"]["containers"][0]["image"], container["image"], "{pod}");
    assert!(pod["metadata"]["annotations"][&short].is_null(), "{pod}");
    assert_eq!(cluster.get("/apis/networking.k8s.io/v1/namespaces/staging/networkpolicies")["items"], json!([]));
    for gone in ["/api/v1/namespaces/drill-0a1b2c", "/api/v1/namespaces/staging/pods/gameday-brake-x"] {
        assert_eq!(cluster.get(gone)["code"], 404, "{gone}");
    }
    assert!(cluster.get("/api/v1/namespaces/staging/pods/place-holder")["metadata"]["uid"].is_string());
    let clean = machine.said(&["doctor", &file]);
    assert!(said(&clean).contains("nothing of earlier faults and runs is left here"), "{}", said(&clean));
    assert_eq!(machine.said(&["recover"]).status.code(), Some(0));
    // a namespace that no run says it made is never deleted with all that is in it
    cluster.plant("/api/v1/namespaces", &namespace("somebodys", &json!({"app.kubernetes.io/managed-by": "gameday"})));
    let out = machine.said(&["abort", "--all", "--yes"]);
    assert!(out.status.code() == Some(7) && said(&out).contains("`kubectl delete namespace somebodys`"), "{}", said(&out));
    assert!(cluster.get("/api/v1/namespaces/somebodys")["metadata"]["uid"].is_string());
}

#[test]
fn pause_image_of_a_run_should_be_seen_under_its_short_annotation_and_put_back_by_recover() {
    let folder = scratch("residue-pause");
    let cluster = Cluster::start(&folder);
    let machine = cluster.machine(&folder.join("laptop"));
    let file = machine.fail_one_pod("10m");
    let running = machine.gameday(&["run", &file, "--headless", "--yes"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let paused = || cluster.pods().into_iter().find(|pod| pod["spec"]["containers"][0]["image"] == PAUSE);
    until("the fault", || paused().is_some());
    let victim = name(&paused().unwrap());
    // with a name as real runs have it Chaos Mesh keeps the image under the short key
    let image = paused().unwrap()["metadata"]["annotations"]["task-api-normal"].clone();
    assert!(image.is_string(), "{:#}", paused().unwrap()["metadata"]["annotations"]);
    let object = name(&cluster.get(&format!("{CHAOS}/podchaos"))["items"][0]);
    // without the annotation its controller has nothing to swap back: it lets the object go, and the pod stays as it is
    let pod = format!("/api/v1/namespaces/staging/pods/{victim}");
    cluster.patch(&pod, &json!({"metadata": {"annotations": {"task-api-normal": null}}}));
    let stop = || Command::new("kill").args(["-INT", &running.id().to_string()]).status().unwrap();
    stop();
    until("the object to be gone", || cluster.get(&format!("{CHAOS}/podchaos/{object}"))["code"] == 404);
    // its end was seen, and is not believed
    std::thread::sleep(std::time::Duration::from_secs(3));
    stop();
    let out = running.wait_with_output().unwrap();
    let told = said(&out);
    assert_eq!(out.status.code(), Some(7), "{told}");
    assert!(told.contains(&format!("undo not done yet: left behind: the pause image in pod staging/{victim}")), "{told}");
    // what is printed last says the same, with the command that finishes
    let last = told.split("left in the cluster:").nth(1).unwrap_or_default();
    assert!(last.contains(&object) && last.contains("the pause image") && last.contains("`gameday recover`"), "{told}");
    // where nothing says what its image was only a person can help
    let out = machine.said(&["recover"]);
    assert_eq!(out.status.code(), Some(7), "{}", said(&out));
    assert!(said(&out).contains(&format!("kubectl -n staging delete pod {victim}")), "{}", said(&out));
    cluster.patch(&pod, &json!({"metadata": {"annotations": {"task-api-normal": image}}}));
    let out = machine.said(&["recover"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert_eq!(cluster.get(&pod)["spec"]["containers"][0]["image"], image);
}

#[test]
fn fault_of_our_own_in_the_fold_should_not_keep_anything_broken() {
    let folder = scratch("residue-panic");
    let cluster = Cluster::start(&folder);
    let machine = cluster.machine(&folder.join("laptop"));
    let file = machine.fail_one_pod("60s");
    let mut run = machine.gameday(&["run", &file, "--headless", "--yes"]);
    // it breaks down at the first sight of the fault, and again wherever its journal is folded
    let out = run.env("GAMEDAY_TEST_PANIC", "1").output().unwrap();
    let told = said(&out);
    assert_eq!(out.status.code(), Some(6), "{told}");
    assert!(told.contains("gameday itself failed") && told.contains("its cluster was looked over for what bears its token"), "{told}");
    let left = || {
        let chaos = cluster.get(&format!("{CHAOS}/podchaos"))["items"].as_array().unwrap().len();
        chaos + cluster.get("/apis/coordination.k8s.io/v1/namespaces/staging/leases")["items"].as_array().unwrap().len()
    };
    assert_eq!(left(), 0, "{told}");
    assert!(cluster.pods().iter().all(|pod| pod["spec"]["containers"][0]["image"] != PAUSE));
    // killed before it could: recover does it, with the same fault in the fold
    let mut running = machine.gameday(&["run", &file, "--headless", "--yes"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("the fault", || left() == 2);
    running.kill().unwrap();
    running.wait().unwrap();
    let mut recover = machine.gameday(&["recover"]);
    let out = recover.env("GAMEDAY_TEST_PANIC", "1").output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert_eq!(left(), 0, "{}", said(&out));
    // once mended, the journals are read as ever
    let out = machine.said(&["recover"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
}

#[test]
fn folder_of_a_run_should_be_for_its_owner_alone() {
    let folder = scratch("residue-modes");
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/task-api-pod-kill.yaml");
    let run = |more: &[&str]| {
        let mut command = Command::new("sh");
        let mut plain = gameday(&folder);
        plain.args(["rehearse", scenario.to_str().unwrap(), "--headless", "--speed", "max"]).args(more);
        // whatever the umask lets others do
        command
            .env_clear()
            .envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .args(["-c", "umask 0; exec \"$0\" \"$@\""]);
        let out = command.arg(plain.get_program()).args(plain.get_args()).stdin(Stdio::null()).output().unwrap();
        assert!(out.status.code().is_some_and(|code| code < 2), "{}", said(&out));
    };
    run(&[]);
    let own = folder.join("deep/down");
    run(&["--run-dir", own.to_str().unwrap()]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let runs = folder.join("data/gameday/runs");
    let first = std::fs::read_dir(&runs).unwrap().next().unwrap().unwrap().path();
    for place in [&first, &own] {
        assert_eq!(mode(place), 0o700, "{}", place.display());
        let mut files = 0;
        for file in std::fs::read_dir(place).unwrap() {
            let path = file.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            files += 1;
        }
        assert!(files >= 4, "{files} files");
    }
    assert_eq!(mode(&runs), 0o700);
    // what is written for others is as the umask says
    let report = folder.join("report.md");
    let out = gameday(&folder).args(["report", first.to_str().unwrap(), "-o"]).arg(&report).output().unwrap();
    assert!(out.status.success() && mode(&report) & 0o044 == 0o044, "{:o}: {}", mode(&report), said(&out));
}

#[test]
fn run_should_say_what_is_left_since_its_start_and_what_was_there_before() {
    let folder = scratch("residue-compared");
    let cluster = Cluster::start(&folder);
    let machine = cluster.machine(&folder.join("laptop"));
    let file = machine.drill(
        "{name: kill, fault: {apiVersion: chaos-mesh.org/v1alpha1, kind: PodChaos, metadata: {name: one-goes}, \
         spec: {action: pod-kill, mode: one, selector: {labelSelectors: {app: task-api}}}}}",
    );
    let policy = |name: &str| {
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": "staging", "labels": {"app.kubernetes.io/managed-by": "gameday"}},
            "spec": {"podSelector": {"matchLabels": {"app": "nobody"}}, "policyTypes": ["Ingress"]}})
    };
    let policies = "/apis/networking.k8s.io/v1/namespaces/staging/networkpolicies";
    cluster.plant(policies, &policy("old"));
    let running = machine.gameday(&["run", &file, "--headless", "--yes"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("the fault", || !cluster.get(&format!("{CHAOS}/podchaos"))["items"].as_array().unwrap().is_empty());
    cluster.plant(policies, &policy("new"));
    let out = running.wait_with_output().unwrap();
    let told = said(&out);
    assert_eq!(out.status.code(), Some(0), "{told}");
    assert!(told.contains("preflight warn: residue: left by others before: NetworkPolicy staging/old"), "{told}");
    let swept = "the cluster is not as it was found: NetworkPolicy staging/new, of nobody here; `gameday abort --all` removes it; what was left before it is still there (1)";
    assert!(told.contains(swept), "{told}");
    let report = machine.said(&["report", "last"]);
    for line in ["## How the cluster was left", "- new: NetworkPolicy staging/new", "- there before: NetworkPolicy staging/old"] {
        assert!(said(&report).contains(line), "{line}: {}", said(&report));
    }
    // the offered command
    assert_eq!(machine.said(&["abort", "--all", "--yes"]).status.code(), Some(0));
    let out = machine.said(&["run", &file, "--headless", "--yes"]);
    assert!(said(&out).contains("the cluster is as it was found\n"), "{}", said(&out));
}

#[test]
fn recover_should_not_end_with_0_where_a_cluster_answers_and_can_not_be_looked_over() {
    let folder = scratch("residue-blind");
    let cluster = Cluster::with(&folder, &["--break", "denied=list:stresschaos.chaos-mesh.org@0s", "--user", "guest"]);
    let machine = cluster.machine(&folder.join("laptop"));
    let out = machine.said(&["recover", "--context", "guest"]);
    assert_eq!(out.status.code(), Some(7), "{}", said(&out));
    assert!(
        said(&out).contains("not seen: these may not be listed") && said(&out).contains("not everything could be looked at"),
        "{}",
        said(&out)
    );
    // one kind is enough where nobody's journals say that it was never used
    let out = machine.said(&["recover"]);
    assert_eq!(out.status.code(), Some(7), "{}", said(&out));
    assert!(said(&out).contains("not seen: these may not be listed, so nothing is known of them: StressChaos"), "{}", said(&out));
    // whose journals say so may leave it at that
    let file = machine.drill(
        "{name: kill, fault: {apiVersion: chaos-mesh.org/v1alpha1, kind: PodChaos, metadata: {name: one-goes}, \
         spec: {action: pod-kill, mode: one, selector: {labelSelectors: {app: task-api}}}}}",
    );
    let out = machine.said(&["run", &file, "--headless", "--yes"]);
    assert!(said(&out).contains("StressChaos may not be listed") || said(&out).contains("list stresschaos"), "{}", said(&out));
    let out = machine.said(&["recover"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert!(said(&out).contains("nothing is known of them: StressChaos"), "{}", said(&out));
    // a cluster that is gone, and nothing owed: nothing to do, and said so
    drop(cluster);
    let out = machine.said(&["recover"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert!(said(&out).contains("nothing in the journals is left to undo"), "{}", said(&out));
}

#[test]
fn force_should_act_in_the_cluster_of_the_run_and_know_what_a_schedule_of_ours_made() {
    let folder = scratch("residue-force");
    let (one, other) = (folder.join("one"), folder.join("other"));
    std::fs::create_dir_all(&one).unwrap();
    std::fs::create_dir_all(&other).unwrap();
    let (cluster, another) = (Cluster::start(&one), Cluster::start(&other));
    let machine = cluster.machine(&folder.join("laptop"));
    let file = machine.fail_one_pod("60s");
    let mut running = machine.gameday(&["run", &file, "--headless", "--yes"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let chaos = || cluster.get(&format!("{CHAOS}/podchaos"))["items"].as_array().unwrap().first().map(name);
    until("the fault", || chaos().is_some());
    running.kill().unwrap();
    running.wait().unwrap();
    let object = format!("PodChaos/staging/{}", chaos().unwrap());
    let astray = Machine { folder: machine.folder.clone(), kubeconfig: another.kubeconfig.clone() };
    let out = astray.said(&["recover", "--force", &object]);
    assert_eq!(out.status.code(), Some(7), "{}", said(&out));
    assert!(said(&out).contains("but the run broke something in the one at http://127.0.0.1"), "{}", said(&out));
    let out = machine.said(&["recover", "--force", &object]);
    assert!(said(&out).contains("made by run ") && said(&out).contains("is not being deleted"), "{}", said(&out));
    // nobody's journal knows it, and it is not there: not good news
    let out = astray.said(&["recover", "--force", "PodChaos/staging/never-was"]);
    assert_eq!(out.status.code(), Some(7), "{}", said(&out));
    assert!(said(&out).contains("name that with --context") && said(&out).contains("no journal of this machine"), "{}", said(&out));
    assert_eq!(machine.said(&["recover"]).status.code(), Some(0));
    let out = machine.said(&["recover", "--force", &object]);
    assert!(out.status.success() && said(&out).contains("is gone already"), "{}", said(&out));
    // a child of a Schedule bears none of our labels
    let child = "gameday-0a1b2c-0-again-x7k2p-9m4fp";
    let stuck = json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "NetworkChaos",
        "metadata": {"name": child, "namespace": "staging", "finalizers": ["example.com/keep"]},
        "spec": {"action": "delay", "mode": "one", "remoteCluster": "elsewhere", "selector": {"labelSelectors": {"app": "nobody"}}, "delay": {"latency": "1ms"}}});
    cluster.plant(&format!("{CHAOS}/networkchaos"), &stuck);
    cluster.ask("DELETE", &format!("{CHAOS}/networkchaos/{child}"), "application/json", &Value::Null);
    let out = machine.said(&["recover", "--force", &format!("NetworkChaos/staging/{child}")]);
    assert_eq!(out.status.code(), Some(7), "{}", said(&out));
    assert!(said(&out).contains("held by its finalizer example.com/keep") && said(&out).contains("typed at a terminal"), "{}", said(&out));
}

#[test]
fn cockpit_that_is_left_should_print_what_remains_on_the_normal_screen() {
    let folder = scratch("residue-left");
    let cluster = Cluster::start(&folder);
    let machine = cluster.machine(&folder.join("laptop"));
    let file = machine.fail_one_pod("60s");
    let mut terminal = Command::new("script");
    let plain = machine.gameday(&[]);
    terminal.env_clear().env("TERM", "xterm-256color").envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run = format!("stty rows 36 cols 120; exec {} run {file} --yes", env!("CARGO_BIN_EXE_gameday"));
    let spawned = terminal.args(["-qefc", &run, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = spawned else { return println!("skipped: no `script` here, which gives a terminal") };
    let paused = || cluster.pods().into_iter().find(|pod| pod["spec"]["containers"][0]["image"] == PAUSE);
    until("the fault", || paused().is_some());
    // its controller finds nothing to swap back: the undo can't come to its end
    let pod = format!("/api/v1/namespaces/staging/pods/{}", name(&paused().unwrap()));
    let image = paused().unwrap()["metadata"]["annotations"]["task-api-normal"].clone();
    cluster.patch(&pod, &json!({"metadata": {"annotations": {"task-api-normal": null}}}));
    let mut keys = child.stdin.take().unwrap();
    keys.write_all(b"\x03").unwrap();
    until("the object to be gone", || cluster.get(&format!("{CHAOS}/podchaos"))["items"] == json!([]));
    std::thread::sleep(std::time::Duration::from_secs(2));
    keys.write_all(b"\x03").unwrap();
    drop(keys);
    let out = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(out.status.code(), Some(7), "{}", said(&out));
    // after the last time the screen was given back
    let last = told.rsplit("\x1b[?1049l").next().unwrap_or_default();
    for line in ["cleanup incomplete", "left in the cluster:", "the pause image in pod staging/", "`gameday recover` finishes the undo"] {
        assert!(last.contains(line), "{line}: {last}");
    }
    cluster.patch(&pod, &json!({"metadata": {"annotations": {"task-api-normal": image}}}));
    let out = machine.said(&["recover"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
}
