//! kubectl side by side: the same words to a real API server and to the served practice cluster, with the same objects in both, and what it prints compared.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, and says what differs")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use support::cluster::cluster;
use support::scratch;
use support::served::Served;

const NS: &str = "gameday-test-kubectl";

/// What is there in both.
const OBJECTS: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {of: test}}
data: {color: blue, size: "3"}
---
apiVersion: v1
kind: Secret
metadata: {name: key}
stringData: {password: open}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      automountServiceAccountToken: false
      enableServiceLinks: false
      containers:
      - name: web
        image: localhost/gameday/task-api:1
        imagePullPolicy: IfNotPresent
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /cgi-bin/healthz, port: 8080}, periodSeconds: 1}
        resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}
---
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, selector: {app: db}, ports: [{name: db, port: 5432, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, labels: {app: db}}
spec:
  replicas: 1
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 1
      automountServiceAccountToken: false
      enableServiceLinks: false
      containers:
      - name: db
        image: localhost/gameday/task-api:1
        imagePullPolicy: IfNotPresent
        ports: [{containerPort: 8080}]
"#;

/// The commands, each a line of words; in this order. Those after a `!` are run and not compared: what they print is a matter of moments.
const COMMANDS: &[&str] = &[
    "apply -f objects.yaml",
    "apply -f objects.yaml",
    "!rollout status deploy/web --timeout=30s",
    "rollout status deploy/web --timeout=30s",
    "!rollout status sts/db --timeout=30s",
    "wait --for=condition=Ready pod/db-0 --timeout=30s",
    "wait --for=condition=Available deploy/web --timeout=30s",
    "get deploy",
    "get deploy web",
    "get deploy,sts,svc",
    "get deploy -o wide",
    "get rs",
    "get pods --sort-by=.metadata.name",
    "get pods -l app=db",
    "get pod db-0 -o wide",
    "get pods -l app=web --no-headers",
    "get pods -l app=nobody",
    "get pods --field-selector=status.phase=Failed",
    "get svc",
    "get svc web -o wide",
    "get sts -o wide",
    "get cm settings",
    "get cm settings -o yaml",
    "get cm settings -o json",
    "get cm settings -o name",
    "get cm settings -o jsonpath={.data.color}",
    "get cm settings -o go-template={{.data.size}}",
    "get cm settings -o custom-columns=NAME:.metadata.name,COLOR:.data.color",
    "get cm settings --show-labels",
    "get cm settings -L of",
    "get secret key",
    "get deploy web -o jsonpath={.spec.replicas}/{.status.readyReplicas}",
    "get deploy web -o yaml",
    "get svc web -o yaml",
    "get endpoints web",
    "get ns gameday-test-kubectl",
    "get nothing",
    "get pod nobody",
    "get cm settings nobody",
    "get pods -l a,,b",
    "get --raw /api/v1/namespaces/gameday-test-kubectl/pods/nobody",
    "describe deploy web",
    "describe sts db",
    "describe svc web",
    "describe cm settings",
    "describe secret key",
    "describe pod db-0",
    "describe ns gameday-test-kubectl",
    "describe pod nobody",
    "create cm made --from-literal=a=b",
    "create cm made --from-literal=a=b",
    "create cm Made_Badly",
    "create deploy made --image=x --dry-run=server",
    "create sa runner",
    "create quota few --hard=configmaps=50",
    "create job once --image=localhost/gameday/task-api:1",
    "!wait --for=condition=Ready pod -l job-name=once --timeout=60s",
    "get job once",
    "delete job once",
    "label cm made tier=low",
    "label cm made tier=high",
    "label cm made tier=high --overwrite",
    "annotate cm made note=well",
    "patch cm made -p {\"data\":{\"a\":\"c\"}}",
    "patch cm made --type=json -p [{\"op\":\"test\",\"path\":\"/data/a\",\"value\":\"z\"}]",
    "patch cm nobody -p {}",
    "get cm made -o jsonpath={.data}",
    "scale deploy/web --replicas=3",
    "!rollout status deploy/web --timeout=30s",
    "get deploy web -o jsonpath={.status.availableReplicas}",
    "scale deploy/web --current-replicas=7 --replicas=1",
    "scale deploy/nobody --replicas=1",
    "scale deploy/web --replicas=2",
    "set env deploy/web A=1",
    "!rollout status deploy/web --timeout=30s",
    "rollout history deploy/web",
    "rollout undo deploy/web",
    "!rollout status deploy/web --timeout=30s",
    "rollout restart deploy/web",
    "!rollout status deploy/web --timeout=30s",
    "rollout history deploy/web",
    "rollout undo deploy/web --to-revision=99",
    "rollout pause deploy/web",
    "rollout pause deploy/web",
    "rollout resume deploy/web",
    "rollout status deploy/nobody",
    "logs nobody",
    "logs db-0 --previous",
    "logs db-0 -c nobody",
    "auth can-i get pods",
    "auth can-i get pods --as=nobody",
    "auth can-i get nonsense",
    "get pods --as=nobody",
    "delete cm made",
    "delete cm made",
    "delete cm made --ignore-not-found",
    "delete pod db-0 --now",
    "!wait --for=condition=Ready pod/db-0 --timeout=30s",
    "delete -f objects.yaml --wait=false",
    "delete sa runner",
    "delete quota few",
    "delete ns default",
];

/// The differences there are: the command (a star for anything), a line of its output (likewise), and why the practice cluster, which plays 1.36 and other
/// nodes, has or lacks it.
const MEANT: &[(&str, &str, &str)] = &[
    ("get deploy web -o yaml", "terminatingReplicas: 0", "since 1.35 workloads count what is terminating"),
    ("get deploy web -o yaml", "creationTimestamp: null", "since 1.34 null times are left out"),
    ("get svc web -o yaml", "internalTrafficPolicy: Cluster", "since 1.22 Services have it"),
    ("get svc web -o yaml", "ipFamil*", "since 1.23 Services have address families"),
    ("get svc web -o yaml", "- IPv4", "since 1.23 Services have address families"),
    ("describe deploy web", "Normal ScalingReplicaSet * to 2", "since 1.28 the event says from how many"),
    ("describe svc web", "IP Famil*", "since 1.23 Services have address families"),
    ("describe svc web", "Internal Traffic Policy: Cluster", "since 1.22 Services have it"),
    ("describe svc *", "Endpoints: *", "kubectl reads EndpointSlices of discovery.k8s.io/v1, which 1.20 has not"),
    ("describe pod db-0", "apps.kubernetes.io/pod-index=0", "since 1.28 pods of a StatefulSet have their number as a label"),
    ("describe pod db-0", "PodReadyToStartContainers True", "since 1.29 pods have the condition"),
    ("describe pod db-0", "Image ID: *", "a practice image has a digest of its own"),
    ("describe pod db-0", "Normal Pull* kubelet *", "the image is on the test cluster's node, and is fetched in the practice cluster"),
    ("describe pod db-0", "Normal Created AGE kubelet *", "newer kubelets do not name the container"),
    ("describe pod db-0", "Normal Started AGE kubelet *", "newer kubelets do not name the container"),
    ("describe pod db-0", "Warning MissingClusterDNS *", "the test cluster has no DNS"),
    ("describe ns *", "Labels: *", "since 1.21 a namespace is labelled with its name"),
    ("get job once", "*", "since 1.30 the table has a STATUS"),
];

/// What a command printed, and how it ended.
struct Told {
    code: i32,
    lines: Vec<String>,
}

fn kubectl(folder: &Path, kubeconfig: &Path, words: &str) -> Told {
    let run = Command::new("kubectl")
        .current_dir(folder)
        .env("KUBECONFIG", kubeconfig)
        .env("HOME", folder)
        .args(["-n", NS, "--request-timeout=120s"])
        .args(words.split(' '))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    Told { code: run.status.code().unwrap_or(-1), lines: text.lines().map(plain).filter(|line| !line.is_empty()).collect() }
}

/// A line without what is chance: ages, addresses, hashes, ids, revisions, nodes, and how wide columns are.
fn plain(line: &str) -> String {
    let words: Vec<String> = line.split_whitespace().map(word).collect();
    words.join(" ")
}

fn word(word: &str) -> String {
    if word.contains(',') && word.len() > 1 && !word.ends_with(',') && !word.starts_with(['{', '"', '[']) {
        return word.split(',').map(self::word).collect::<Vec<_>>().join(",");
    }
    if let Some((key, _)) = word.split_once("-hash=") {
        return format!("{key}-hash=HASH");
    }
    if word.starts_with("containerd://") || word.starts_with("sha256:") {
        return "HASH".to_owned();
    }
    if word.starts_with("node-") {
        return "NODE".to_owned();
    }
    if word.len() == 8 && word.split(':').count() == 3 {
        return "CLOCK".to_owned();
    }
    let core = word.trim_matches(|c: char| matches!(c, '"' | ',' | '(' | ')' | '\''));
    let swap = |new: &str| word.replacen(core, new, 1);
    let hash = |text: &str, least: usize| text.len() >= least && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if let Some((name, rest)) = core.split_once("web-") {
        let parts: Vec<&str> = rest.split('-').collect();
        if parts.iter().all(|part| hash(part.trim_end_matches(':'), 5)) && parts.len() <= 2 {
            return swap(&format!("{name}web{}", "-HASH".repeat(parts.len())));
        }
    }
    let uid = core.len() == 36 && core.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    let age = core.len() < 8
        && core.starts_with(|c: char| c.is_ascii_digit())
        && core.ends_with(['s', 'm', 'h', 'd'])
        && core.chars().all(|c| c.is_ascii_digit() || matches!(c, 's' | 'm' | 'h' | 'd'));
    let host = core.split(':').next().unwrap_or_default();
    if uid {
        return swap("UID");
    }
    if age {
        return swap("AGE");
    }
    if host.parse::<std::net::Ipv4Addr>().is_ok() {
        return swap(&core.replacen(host, "IP", 1));
    }
    if chrono::DateTime::parse_from_rfc3339(core).is_ok() {
        return swap("TIME");
    }
    if core.parse::<u64>().is_ok_and(|number| number > 999) {
        return swap("NUMBER");
    }
    word.to_owned()
}

/// Whether a text is of this pattern, in which a star stands for anything.
fn is_like(text: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => text == pattern,
        Some((start, rest)) => {
            text.strip_prefix(start).is_some_and(|text| (0..=text.len()).any(|at| text.is_char_boundary(at) && is_like(&text[at..], rest)))
        }
    }
}

/// Lines that the first has and the second has not.
fn lacking<'a>(mine: &'a [String], other: &[String]) -> Vec<&'a String> {
    let mut left: Vec<&String> = other.iter().collect();
    mine.iter()
        .filter(|line| match left.iter().position(|found| found == line) {
            Some(at) => {
                left.remove(at);
                false
            }
            None => true,
        })
        .collect()
}

/// Whether the kubectl here is one that the table was written with: an older one asks other groups, and prints other things.
#[expect(clippy::print_stdout, reason = "a test says what it skipped")]
fn is_of_today() -> bool {
    const LEAST: u32 = 32;
    let told = Command::new("kubectl").args(["version", "--client", "-o", "json"]).output();
    let version: Option<serde_json::Value> = told.ok().and_then(|out| serde_json::from_slice(&out.stdout).ok());
    let minor = version.as_ref().and_then(|version| version["clientVersion"]["minor"].as_str());
    let minor: Option<u32> = minor.and_then(|minor| minor.trim_end_matches('+').parse().ok());
    let fits = minor.is_some_and(|minor| minor >= LEAST);
    if !fits {
        println!("skipped: no kubectl of 1.{LEAST} or later, but {minor:?}");
    }
    fits
}

/// What `kubectl api-resources` says of each resource: its short names, whether it is namespaced, its kind; by its name and its group,
/// since versions of a group come and go.
fn resources(told: &Told) -> BTreeMap<(String, String), String> {
    assert_eq!(told.code, 0);
    let each = |line: &String| {
        let words: Vec<&str> = line.split(' ').collect();
        let at = words.iter().position(|word| matches!(*word, "true" | "false")).unwrap();
        let group = words[at - 1].rsplit_once('/').map_or("", |(group, _)| group);
        ((words[0].to_owned(), group.to_owned()), format!("{} {}", words[1..at - 1].join(" "), words[at..].join(" ")))
    };
    told.lines.iter().map(each).collect()
}

#[test]
fn kubectl_should_be_told_the_same_of_each_resource_that_both_serve() {
    let Some(cluster) = cluster() else { return };
    if !is_of_today() {
        return;
    }
    let folder = scratch("kubectl-api-resources");
    let served = Served::at_speed(&folder, "1");
    let real = std::path::absolute(&cluster.kubeconfig).unwrap();
    let [ours, theirs] =
        [&served.kubeconfig, &real].map(|kubeconfig| resources(&kubectl(&folder, kubeconfig, "api-resources --no-headers")));
    let both: Vec<_> = ours.iter().filter_map(|(place, told)| Some((place, told, theirs.get(place)?))).collect();
    assert!(both.len() > 45, "{} of {} and {}", both.len(), ours.len(), theirs.len());
    for (place, ours, theirs) in both {
        assert_eq!(ours, theirs, "{place:?}");
    }
}

#[test]
fn kubectl_should_print_the_same_of_the_practice_cluster_as_of_a_real_one() {
    let Some(cluster) = cluster() else { return };
    if !is_of_today() {
        return;
    }
    let folder = scratch("kubectl-side-by-side");
    std::fs::File::create(folder.join("objects.yaml")).unwrap().write_all(OBJECTS.as_bytes()).unwrap();
    let served = Served::at_speed(&folder, "1");
    let real = std::path::absolute(&cluster.kubeconfig).unwrap();
    for kubeconfig in [&real, &served.kubeconfig] {
        kubectl(&folder, kubeconfig, &format!("delete ns {NS} --ignore-not-found"));
        assert_eq!(kubectl(&folder, kubeconfig, &format!("create ns {NS}")).code, 0);
    }
    let (mut found, mut used) = (Vec::new(), BTreeSet::new());
    for command in COMMANDS {
        let words = command.trim_start_matches('!');
        let (ours, theirs) = std::thread::scope(|scope| {
            let theirs = scope.spawn(|| kubectl(&folder, &real, words));
            (kubectl(&folder, &served.kubeconfig, words), theirs.join().unwrap())
        });
        if command.starts_with('!') {
            continue;
        }
        if ours.code != theirs.code {
            found.push(format!("kubectl {command}: exit code {} here, {} there", ours.code, theirs.code));
        }
        for (sign, lines) in [("+", lacking(&ours.lines, &theirs.lines)), ("-", lacking(&theirs.lines, &ours.lines))] {
            for line in lines {
                match MEANT.iter().position(|(which, what, _)| is_like(command, which) && is_like(line, what)) {
                    Some(row) => drop(used.insert(row)),
                    None => found.push(format!("kubectl {command}: {sign} {line}")),
                }
            }
        }
    }
    kubectl(&folder, &real, &format!("delete ns {NS} --wait=false"));
    println!("{} commands compared, {} kinds of differences meant", COMMANDS.len(), MEANT.len());
    let idle = MEANT.iter().enumerate().filter(|(row, _)| !used.contains(row));
    found.extend(idle.map(|(_, row)| format!("a row that explains nothing: {row:?}")));
    assert!(
        found.is_empty(),
        "{} unexplained lines (+ only the practice cluster's, - only the real one's)\n{}",
        found.len(),
        found.join("\n")
    );
}
