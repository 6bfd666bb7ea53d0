//! The served practice cluster under the real kubectl, where one is installed.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops where it fails, and says what it skips")]

mod support;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use support::{scratch, until};

/// A served cluster, ended with its test.
struct Served {
    child: Child,
    kubeconfig: PathBuf,
    kubectl: PathBuf,
    prometheus: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What kubectl said and how it ended.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Served {
    /// Serve one, if there is a kubectl to ask it: `GAMEDAY_KUBECTL`, or the PATH's.
    fn start(name: &str) -> Option<Served> {
        let named = std::env::var_os("GAMEDAY_KUBECTL").map(PathBuf::from);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = named.or_else(|| std::env::split_paths(&path).map(|folder| folder.join("kubectl")).find(|file| file.is_file()));
        let Some(kubectl) = found else {
            println!("skipped: no kubectl");
            return None;
        };
        let kubeconfig = scratch(name).join("kubeconfig");
        let mut child = Command::new(env!("CARGO_BIN_EXE_gameday"))
            .args(["rehearsal", "serve", "--speed", "5", "--user", "alice", "--kubeconfig"])
            .arg(&kubeconfig)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut prometheus = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some((_, url)) = line.split_once("Prometheus at ") {
                url.trim().clone_into(&mut prometheus);
            }
            if line.contains("Ctrl-C ends it") {
                break;
            }
        }
        Some(Served { child, kubeconfig, kubectl, prometheus })
    }

    fn ask(&self, words: &str) -> Said {
        self.tell(words, "")
    }

    /// kubectl with these words and this standard input.
    fn tell(&self, words: &str, input: &str) -> Said {
        use std::io::Write;
        let cache = self.kubeconfig.with_file_name("cache");
        let mut child = Command::new(&self.kubectl)
            .arg("--cache-dir")
            .arg(cache)
            .args(words.split_whitespace())
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// What it prints when it succeeds.
    fn shows(&self, words: &str) -> String {
        let said = self.ask(words);
        assert_eq!(said.code, 0, "kubectl {words}: {said:?}");
        said.out
    }

    /// What it prints when it fails, with its code.
    fn fails(&self, words: &str) -> (i32, String) {
        let said = self.ask(words);
        assert_ne!(said.code, 0, "kubectl {words}: {said:?}");
        (said.code, said.err.trim().to_owned())
    }
}

/// A table's rows as words.
fn rows(table: &str) -> Vec<Vec<&str>> {
    table.lines().map(|line| line.split_whitespace().collect()).collect()
}

#[test]
fn kubectl_should_see_the_cluster_as_a_real_one() {
    let Some(served) = Served::start("kubectl-get") else { return };
    assert_eq!(served.shows("get pods -o name").lines().count(), 4, "three of the task API, and its database");
    let wide = served.shows("get pods -l app=task-api -o wide");
    let wide = rows(&wide);
    assert_eq!(wide[0].join(" "), "NAME READY STATUS RESTARTS AGE IP NODE NOMINATED NODE READINESS GATES");
    assert_eq!(wide.len(), 4);
    for pod in &wide[1..] {
        assert_eq!((pod[1], pod[2], pod[3], pod[7], pod[8]), ("1/1", "Running", "0", "<none>", "<none>"), "{pod:?}");
    }
    let name = wide[1][0];
    assert_eq!(served.shows("get pods -l app=task-api -o name").lines().count(), 3);
    assert_eq!(served.shows(&format!("get pods --field-selector metadata.name={name} --no-headers")).lines().count(), 1);
    assert_eq!(served.ask("get pods -l app=nobody").err.trim(), "No resources found in staging namespace.");
    assert!(served.shows(&format!("get pod {name} -o yaml")).starts_with("apiVersion: v1\nkind: Pod\n"));
    assert_eq!(served.shows(&format!("get pod {name} -o jsonpath={{.metadata.namespace}}")), "staging");
    let all = served.shows("get all");
    for kind in ["pod/", "service/task-api", "deployment.apps/task-api", "replicaset.apps/"] {
        assert!(all.contains(kind), "{kind} in\n{all}");
    }
    let deployment = served.shows("get deploy task-api");
    assert_eq!(rows(&deployment)[0], ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]);
    assert_eq!(rows(&deployment)[1][..4], ["task-api", "3/3", "3", "3"]);
    assert_eq!(rows(&served.shows("get svc task-api"))[0], ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"]);
    assert_eq!(rows(&served.shows("get nodes"))[0], ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]);
    let described = served.shows("describe deployment task-api");
    for line in [
        "Selector:               app=task-api",
        "StrategyType:           RollingUpdate",
        "3 desired | 3 updated | 3 total | 3 available | 0 unavailable",
    ] {
        assert!(described.contains(line), "{line} in\n{described}");
    }
    assert!(served.shows(&format!("describe pod {name}")).contains("Controlled By:  ReplicaSet/"));
    assert!(served.shows("describe node node-1").contains("Non-terminated Pods:"));
    let kinds = served.shows("api-resources");
    for kind in ["pods", "deployments", "podchaos", "networkchaos", "horizontalpodautoscalers", "rolebindings"] {
        assert!(kinds.lines().any(|line| line.starts_with(kind)), "{kind} in\n{kinds}");
    }
    assert_eq!(served.fails("get pod nobody"), (1, "Error from server (NotFound): pods \"nobody\" not found".to_owned()));
    assert_eq!(served.fails("get unicorns"), (1, "error: the server doesn't have a resource type \"unicorns\"".to_owned()));
    assert!(served.shows("explain pod.spec.containers").contains("livenessProbe"));
    let log = served.shows(&format!("logs {name} --tail=2"));
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(!served.prometheus.is_empty());
    let up = served.shows("get --raw /api/v1/namespaces/monitoring/services/prometheus-server:80/proxy/api/v1/query?query=up");
    assert!(up.contains("\"status\":\"success\""), "{up}");
}

#[test]
fn kubectl_should_change_the_cluster_as_a_real_one() {
    let Some(served) = Served::start("kubectl-change") else { return };
    assert_eq!(served.shows("create deployment web --image=registry.example/web:1"), "deployment.apps/web created\n");
    assert_eq!(
        served.fails("create deployment web --image=registry.example/web:1"),
        (1, "error: failed to create deployment: deployments.apps \"web\" already exists".to_owned())
    );
    assert!(served.shows("rollout status deployment/web --timeout=60s").contains("deployment \"web\" successfully rolled out"));
    assert_eq!(served.shows("scale deployment web --replicas=2"), "deployment.apps/web scaled\n");
    served.shows("rollout status deployment/web --timeout=60s");
    assert_eq!(served.shows("wait --for=condition=Available deployment/web --timeout=60s"), "deployment.apps/web condition met\n");
    assert_eq!(served.shows("get deploy web -o jsonpath={.status.readyReplicas}"), "2");
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  colour: red\n  size: big\n";
    let apply = |text: &str| served.tell("apply -f -", text);
    assert_eq!(apply(map).out, "configmap/settings created\n");
    assert_eq!(apply(map).out, "configmap/settings unchanged\n");
    assert_eq!(apply(&map.replace("  size: big\n", "")).out, "configmap/settings configured\n");
    assert_eq!(served.shows("get cm settings -o jsonpath={.data}"), "{\"colour\":\"red\"}");
    assert_eq!(served.tell("apply --server-side --force-conflicts -f -", map).out, "configmap/settings serverside-applied\n");
    let wrong = apply(&map.replace("\ndata:", "\ndato: 1\ndata:"));
    assert_ne!(wrong.code, 0);
    assert!(wrong.err.contains("unknown field \"dato\"") || wrong.err.contains("unknown field"), "{wrong:?}");
    assert_eq!(served.shows("delete configmap settings"), "configmap \"settings\" deleted\n");
    let chaos = "apiVersion: chaos-mesh.org/v1alpha1\nkind: PodChaos\nmetadata:\n  name: kill\nspec:\n  action: pod-kill\n  mode: one\n  selector:\n    namespaces: [staging]\n    labelSelectors: {app: task-api}\n";
    assert_eq!(served.tell("create -f -", chaos).out, "podchaos.chaos-mesh.org/kill created\n");
    assert_eq!(rows(&served.shows("get podchaos"))[0], ["NAME", "AGE"]);
    assert_eq!(served.shows("delete podchaos kill --timeout=60s"), "podchaos.chaos-mesh.org \"kill\" deleted\n");
    let pod = served.shows("get pods -l app=web -o name").lines().next().unwrap().to_owned();
    assert_eq!(served.shows(&format!("delete {pod} --wait=false")), format!("pod \"{}\" deleted\n", pod.trim_start_matches("pod/")));
    assert_eq!(served.shows("delete deployment web --timeout=60s"), "deployment.apps \"web\" deleted\n");
    assert_eq!(served.shows("create namespace gone"), "namespace/gone created\n");
    assert_eq!(served.shows("delete namespace gone --timeout=60s"), "namespace \"gone\" deleted\n");
}

/// A workload of two containers' variables, as a manifest.
const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: registry.example/web:1
        env: [{name: A, value: a}, {name: B, value: b}]
        ports: [{containerPort: 80}]
";

#[test]
fn kubectl_should_apply_on_the_server_by_keys_and_managers() {
    let Some(served) = Served::start("kubectl-apply") else { return };
    let apply = |text: &str| {
        let said = served.tell("apply --server-side -f -", text);
        assert_eq!((said.code, said.out.as_str()), (0, "deployment.apps/web serverside-applied\n"), "{said:?}");
    };
    let shows = |path: &str| served.shows(&format!("get deploy web -o jsonpath={{{path}}}"));
    let env = ".spec.template.spec.containers[0].env[*].name";
    apply(WEB);
    assert_eq!(shows(".metadata.generation"), "1");
    apply(WEB);
    assert_eq!((shows(env), shows(".metadata.generation")), ("A B".to_owned(), "1".to_owned()));
    // Another manager's variable and container stay when this one's goes.
    let theirs = WEB.replace("  replicas: 2\n", "").replace("{name: A, value: a}, {name: B, value: b}", "{name: C, value: c}");
    let said = served.tell("apply --server-side --field-manager=team -f -", &theirs);
    assert_eq!(said.code, 0, "{said:?}");
    let fewer = WEB.replace(", {name: B, value: b}", "");
    apply(&fewer);
    let names = shows(env);
    let mut names: Vec<&str> = names.split(' ').collect();
    names.sort_unstable();
    assert_eq!(names, ["A", "C"]);
    assert_eq!(shows(".spec.template.spec.containers[0].terminationMessagePolicy"), "File");
    // What was scaled belongs to who scaled it: it stays when it leaves the manifest.
    served.shows("scale deployment web --replicas=3");
    apply(&fewer.replace("  replicas: 2\n", ""));
    assert_eq!(shows(".spec.replicas"), "3");
    let managers = shows(".metadata.managedFields[*].manager");
    assert!(managers.contains("kubectl") && managers.contains("team"), "{managers}");
}

#[test]
fn kubectl_should_roll_back_and_tell_what_happened() {
    let Some(served) = Served::start("kubectl-undo") else { return };
    assert_eq!(served.tell("apply -f -", WEB).code, 0);
    let rolled = || assert!(served.shows("rollout status deployment/web --timeout=60s").contains("successfully rolled out"));
    rolled();
    served.shows("set image deployment/web main=registry.example/web:2");
    rolled();
    assert_eq!(
        rows(&served.shows("rollout history deployment/web"))[1..4],
        [vec!["REVISION", "CHANGE-CAUSE"], vec!["1", "<none>"], vec!["2", "<none>"]]
    );
    assert!(served.shows("rollout history deployment/web --revision=2").contains("registry.example/web:2"));
    assert_eq!(served.shows("rollout undo deployment/web"), "deployment.apps/web rolled back\n");
    rolled();
    let history = served.shows("rollout history deployment/web");
    assert_eq!(rows(&history)[2..4], [vec!["2", "<none>"], vec!["3", "<none>"]]);
    assert_eq!(served.shows("get deploy web -o jsonpath={.spec.template.spec.containers[0].image}"), "registry.example/web:1");
    let events = served.shows("get events --sort-by=.lastTimestamp -o jsonpath={.items[*].lastTimestamp}");
    // The scheduler's say their time in another field, and come first.
    let times: Vec<&str> = events.split(' ').skip_while(|time| *time == "null").collect();
    assert!(times.len() > 10 && times.is_sorted(), "{times:?}");
    assert_eq!(rows(&served.shows("get crd"))[0], ["NAME", "CREATED", "AT"]);
    assert_eq!(
        served.shows("wait --for=condition=Established crd/podchaos.chaos-mesh.org"),
        "customresourcedefinition.apiextensions.k8s.io/podchaos.chaos-mesh.org condition met\n"
    );
}

#[test]
fn kubectl_should_drain_a_node_as_budgets_allow() {
    let Some(served) = Served::start("kubectl-drain") else { return };
    // the world's own; two over one pod would be an error of their own
    served.shows("delete poddisruptionbudget task-api");
    served.shows("create poddisruptionbudget task-api --selector=app=task-api --min-available=2");
    let node = served.shows("get pods -l app=task-api -o jsonpath={.items[0].spec.nodeName}");
    let drained = served.shows(&format!("drain {node} --ignore-daemonsets --delete-emptydir-data --timeout=100s"));
    assert!(drained.trim_end().ends_with(" drained") || drained.trim_end().ends_with(" evicted"), "{drained}");
    let left = served.shows(&format!("get pods --field-selector spec.nodeName={node} -o name"));
    assert_eq!(left, "");
    assert!(served.shows(&format!("get node {node} --no-headers")).contains("Ready,SchedulingDisabled"));
    assert_eq!(served.shows(&format!("uncordon {node}")), format!("node/{node} uncordoned\n"));
    // A budget that allows none holds the drain up until its time is over.
    served.shows("delete poddisruptionbudget task-api");
    served.shows("create poddisruptionbudget task-api --selector=app=task-api --min-available=3");
    let node = served.shows("get pods -l app=task-api -o jsonpath={.items[0].spec.nodeName}");
    let (code, why) = served.fails(&format!("drain {node} --ignore-daemonsets --delete-emptydir-data --timeout=7s"));
    assert_eq!(code, 1);
    assert!(why.contains("Cannot evict pod as it would violate the pod's disruption budget."), "{why}");
}

#[test]
fn kubectl_should_watch_a_pod_go_and_its_heir_come() {
    let Some(served) = Served::start("kubectl-watch") else { return };
    let mut watch = Command::new(&served.kubectl)
        .args(["get", "pods", "-l", "app=task-api", "-w", "--no-headers"])
        .env("KUBECONFIG", &served.kubeconfig)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
    let first: Vec<String> = lines.by_ref().take(3).collect();
    let doomed = first[0].split_whitespace().next().unwrap().to_owned();
    assert_eq!(served.shows(&format!("delete pod {doomed} --wait=false")), format!("pod \"{doomed}\" deleted\n"));
    let mut seen = Vec::new();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let fresh = !first.iter().any(|old| old.starts_with(words[0]));
        seen.push(format!("{} {} {}", if fresh { "heir" } else { "doomed" }, words[1], words[2]));
        if fresh && words[1] == "1/1" {
            break;
        }
    }
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert!(seen.contains(&"doomed 1/1 Terminating".to_owned()), "{seen:?}");
    for step in ["heir 0/1 Pending", "heir 0/1 ContainerCreating", "heir 1/1 Running"] {
        assert!(seen.iter().any(|line| line == step), "{step} in {seen:?}");
    }
}

#[test]
fn kubectl_should_be_refused_what_roles_do_not_grant() {
    let Some(served) = Served::start("kubectl-rights") else { return };
    let denied = "Error from server (Forbidden): pods is forbidden: User \"alice\" cannot list resource \"pods\" in API group \"\" in the namespace \"staging\"";
    assert_eq!(served.fails("--context alice get pods"), (1, denied.to_owned()));
    assert_eq!(served.shows("auth can-i delete pods"), "yes\n");
    let asked = served.ask("--context alice auth can-i get pods");
    assert_eq!((asked.code, asked.out.as_str()), (1, "no\n"));
    assert_eq!(
        served.shows("create rolebinding alice-views --clusterrole=view --user=alice"),
        "rolebinding.rbac.authorization.k8s.io/alice-views created\n"
    );
    assert_eq!(served.shows("--context alice auth can-i get pods"), "yes\n");
    assert_eq!(rows(&served.shows("--context alice get pods")).len(), 5);
    let pod = served.shows("get pods -o name").lines().next().unwrap().trim_start_matches("pod/").to_owned();
    assert_eq!(
        served.fails(&format!("--context alice delete pod {pod}")),
        (
            1,
            format!(
                "Error from server (Forbidden): pods \"{pod}\" is forbidden: User \"alice\" cannot delete resource \"pods\" in API group \"\" in the namespace \"staging\""
            )
        )
    );
    assert!(served.shows("--context alice auth can-i --list").contains("pods"));
}

#[test]
fn kubectl_should_create_with_its_generators_what_it_then_describes() {
    let Some(served) = Served::start("kubectl-generators") else { return };
    for (create, told) in [
        ("create ingress front --rule=a.example/*=task-api:80", "ingress.networking.k8s.io/front created\n"),
        ("autoscale deployment task-api --min=1 --max=5 --cpu-percent=70", "horizontalpodautoscaler.autoscaling/task-api autoscaled\n"),
        ("create serviceaccount robot", "serviceaccount/robot created\n"),
    ] {
        assert_eq!(served.shows(create), told);
    }
    assert!(served.shows("describe ingress front").contains("task-api:80"));
    assert!(served.shows("get hpa task-api").contains("70%"));
    assert_eq!(served.shows("create token robot").trim().split('.').count(), 3);
    assert_eq!(served.shows("get serviceaccount default -o name"), "serviceaccount/default\n");
    let explained = served.shows("explain podchaos.spec.selector.labelSelectors");
    assert!(explained.contains("map[string]string"), "{explained}");
}

/// A terminal of tmux's, with a program in it.
struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    fn start(socket: PathBuf, kubeconfig: &Path, program: &str) -> std::io::Result<Terminal> {
        let home = socket.with_extension("home");
        std::fs::create_dir_all(&home)?;
        let run = format!("env HOME={} KUBECONFIG={} TERM=xterm-256color {program}", home.display(), kubeconfig.display());
        let status = Command::new("tmux").arg("-S").arg(&socket).args(["new-session", "-d", "-x", "140", "-y", "40", &run]).status()?;
        assert!(status.success(), "{run}");
        Ok(Terminal { socket })
    }

    fn ask(&self, words: &[&str]) -> String {
        let out = Command::new("tmux").arg("-S").arg(&self.socket).args(words).output().unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    fn screen(&self) -> String {
        self.ask(&["capture-pane", "-p"])
    }

    /// The rows of the pods on screen: name, ready, status.
    fn pods(&self) -> Vec<Vec<String>> {
        let screen = self.screen();
        let words = |line: &str| line.trim_matches('│').split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        screen.lines().map(words).filter(|row| row.len() == 4 && row[0].starts_with("task-api-") && row[1].contains('/')).collect()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.ask(&["kill-server"]);
    }
}

/// kubetui is another hand's client on kube: what it shows, it got by lists, tables, watches and logs.
#[test]
fn kubetui_should_list_and_follow_the_pods() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |name: &str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    if !there("kubetui") || !there("tmux") {
        println!("skipped: no kubetui, or no tmux to run it in");
        return;
    }
    let Some(served) = Served::start("kubetui") else { return };
    let terminal = Terminal::start(served.kubeconfig.with_file_name("tmux"), &served.kubeconfig, "kubetui -n staging").unwrap();
    until("kubetui's pods", || terminal.pods().len() == 3);
    let doomed = terminal.pods()[0][0].clone();
    terminal.ask(&["send-keys", "Enter"]);
    until("the pod's log", || terminal.screen().matches("level=info").count() > 3);
    served.shows(&format!("delete pod {doomed} --wait=false"));
    until("its heir", || {
        let pods = terminal.pods();
        pods.len() == 3 && pods.iter().all(|pod| pod[0] != doomed && pod[1] == "1/1" && pod[2] == "Running")
    });
}
