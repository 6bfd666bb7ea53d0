//! Secrets are planted wherever gameday could come upon them, and none appears: in no file of a run, on no output, at no terminal.
//! And text that would command a terminal, turn a line around or mark up a report is shown as what it is.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]
#![expect(clippy::type_complexity, clippy::assigning_clones, reason = "a test says what it skipped, and is read from above")]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use serde_json::{Value, json};
use support::served::{Served, ask, send};
use support::{said, scratch, until};

/// What is planted; each is told apart, so that the one that got out is named.
const PLANTED: [(&str, &str); 11] = [
    ("the token of the kubeconfig", "C4n4ryKubeToken0001"),
    ("the environment of its credential plugin", "C4n4ryPluginEnv0002"),
    ("the command line of its credential plugin", "C4n4ryPluginArg0003"),
    ("the password for Prometheus", "C4n4ryPassword00004"),
    ("the token for Prometheus", "C4n4ryBearer0000005"),
    ("a Secret", "C4n4rySecret0000006"),
    ("the environment of a pod", "C4n4ryPodEnv0000007"),
    ("an annotation of a pod", "C4n4ryAnnotation008"),
    ("an Event of no pod of the target", "C4n4ryEvent00000009"),
    ("the environment of gameday", "C4n4ryProcess000010"),
    ("the password in a URL", "C4n4ryUrl0000000011"),
];

fn planted(index: usize) -> &'static str {
    PLANTED[index].1
}

const DRILL: &str = "apiVersion: gameday/v1
kind: GameDay
metadata: {name: canary}
spec:
  title: canary
  hypothesis: nothing gets out
  environments: {staging: {tier: staging, context: canary, namespace: staging}}
  target: {kind: Deployment, name: task-api}
  injector: agentless
  steps:
    - name: kill
      fault:
        apiVersion: chaos-mesh.org/v1alpha1
        kind: PodChaos
        metadata: {name: kill}
        spec: {action: pod-kill, mode: one, selector: {labelSelectors: {app: task-api}}}
    - {name: look on, observe: 2s}
  criteria:
    - {name: back, recovery: {within: 60s}, stableFor: 1s}
    - {name: no errors, promql: {query: up, above: 0}}
    - {name: fails, command: {argv: [sh, -c, 'env; env >&2; exit 1'], timeout: 2s}}
  limits: {maxTargets: 3, blindLimit: 60s}
";

/// What would do harm where it is taken at its word.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}evil\u{200b} | x | <img src=x onerror=alert(1)> [click](javascript:alert(1)) `tick`\r\nT+00:00.0  held";

/// A kubeconfig of which everything is secret; `fails` makes its plugin fail, with the secrets on its lips.
fn kubeconfig(served: &Served, fails: bool) -> String {
    let credential = json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": planted(0)}});
    let script = if fails { "env >&2; echo \"$0\"; exit 3".to_owned() } else { format!("echo '{credential}'") };
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "canary",
        "clusters": [{"name": "c", "cluster": {"server": served.api}}],
        "contexts": [{"name": "canary", "context": {"cluster": "c", "user": "u", "namespace": "staging"}}],
        "users": [{"name": "u", "user": {"exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", script, planted(2)],
            "env": [{"name": "PLUGIN_SECRET", "value": planted(1)}], "interactiveMode": "Never",
        }}}],
    })
    .to_string()
}

/// A Prometheus that lets nobody in, and says back what it was told.
fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || refuse(&stream));
        }
    });
    address.to_string()
}

fn refuse(stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    let (mut line, mut told) = (String::new(), String::new());
    while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
        if line.to_ascii_lowercase().starts_with("authorization:") {
            told = line.trim().to_owned();
        }
        line.clear();
    }
    let body = format!("invalid credentials: {told} {HOSTILE}");
    let head =
        format!("HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = write!(&mut &*stream, "{head}{body}");
}

/// Plants everything that a cluster can hold.
fn plant(served: &Served) {
    let namespace = format!("{}/api/v1/namespaces/staging", served.api);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "canary"}, "stringData": {"password": planted(5)}});
    assert!(ask("POST", &format!("{namespace}/secrets"), &secret.to_string()).contains("\"uid\""));
    let template = json!({"spec": {"template": {
        "metadata": {"annotations": {"example.com/secret": planted(7), "example.com/hostile": HOSTILE}},
        "spec": {"containers": [{"name": "task-api", "env": [{"name": "PASSWORD", "value": planted(6)}]}]},
    }}});
    let deployment = format!("{}/apis/apps/v1/namespaces/staging/deployments/task-api", served.api);
    let patched = send("PATCH", &deployment, "application/strategic-merge-patch+json", &template.to_string());
    assert!(patched.contains(planted(6)), "{patched}");
    let annotated = |pod: &Value| pod["metadata"]["annotations"]["example.com/secret"] == planted(7);
    until("the rollout", || {
        let pods = served.list("/api/v1/namespaces/staging/pods?labelSelector=app%3Dtask-api");
        pods.len() == 3 && pods.iter().all(annotated) && served.ready().len() == 3
    });
    let pod = served.ready().swap_remove(0);
    let event = |name: &str, kind: &str, of: &str, warning: &str, message: &str| {
        let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": "staging"}, "type": warning, "reason": "Canary",
            "message": message, "involvedObject": {"kind": kind, "name": of, "namespace": "staging"},
            "firstTimestamp": "2030-01-01T00:00:00Z", "lastTimestamp": "2030-01-01T00:00:00Z", "count": 1});
        let made = ask("POST", &format!("{namespace}/events"), &event.to_string());
        assert!(made.contains("\"uid\""), "{made}");
    };
    event("canary-other", "Pod", "somebody-elses", "Warning", planted(8));
    event("canary-normal", "Pod", &pod, "Normal", planted(8));
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "gameday-0bad0b", "annotations": {"gameday/targets": "Deployment/staging/elsewhere"}, "labels": {"app.kubernetes.io/managed-by": "gameday", "gameday/run": "0bad0b"}},
        "spec": {"holderIdentity": HOSTILE, "leaseDurationSeconds": 40}});
    let made = ask("POST", &format!("{}/apis/coordination.k8s.io/v1/namespaces/staging/leases", served.api), &lease.to_string());
    assert!(made.contains("\"uid\""), "{made}");
}

/// An Event about the target that everybody is shown.
fn warn(served: &Served) {
    let pod = served.ready().pop().unwrap_or_else(|| "task-api".to_owned());
    let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"generateName": "hostile-", "namespace": "staging"}, "type": "Warning",
        "reason": HOSTILE, "message": HOSTILE, "involvedObject": {"kind": "Pod", "name": pod, "namespace": "staging"},
        "firstTimestamp": "2030-01-01T00:00:00Z", "lastTimestamp": "2030-01-01T00:00:00Z", "count": 1});
    ask("POST", &format!("{}/api/v1/namespaces/staging/events", served.api), &event.to_string());
}

/// Everything in a folder, by file.
fn bytes(folder: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            bytes(&path, into);
        } else {
            into.insert(path.display().to_string(), std::fs::read(&path).unwrap());
        }
    }
}

fn no_secret(name: &str, bytes: &[u8]) {
    for (what, secret) in PLANTED {
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("prom:{secret}"));
        for form in [secret.to_owned(), encoded] {
            let found = bytes.windows(form.len()).position(|part| part == form.as_bytes());
            let around = found.map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(200)..(at + 60).min(bytes.len())]).into_owned());
            assert!(found.is_none(), "{what} got into {name}: …{}…", around.unwrap_or_default());
        }
    }
}

/// What is shown to somebody holds nothing that commands.
fn harmless(name: &str, text: &str) {
    for line in text.split('\n') {
        let bad = line
            .trim_end_matches('\r')
            .chars()
            .find(|c| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{200b}' | '\u{2066}'..='\u{2069}'));
        assert!(bad.is_none(), "{bad:?} in {name}: {line:?}");
        assert!(!line.starts_with("T+00:00.0  held"), "a line was forged in {name}: {line:?}");
    }
}

#[test]
fn secrets_and_commands_should_appear_nowhere() {
    let folder = scratch("canary");
    let served = Served::start(&folder);
    plant(&served);
    let machine = served.machine(&folder.join("machine"));
    let file = machine.file("canary.yaml", DRILL);
    let mut seen: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let prometheus = echo();
    let ways: [(&str, &str, Vec<(&str, &str)>); 3] = [
        ("token", "", vec![("GAMEDAY_PROMETHEUS_TOKEN", planted(4))]),
        ("password", "", vec![("GAMEDAY_PROMETHEUS_USER", "prom"), ("GAMEDAY_PROMETHEUS_PASSWORD", planted(3))]),
        ("url", "prom:C4n4ryUrl0000000011@", vec![]),
    ];
    for (name, login, environment) in ways {
        std::fs::write(machine.folder.join("config"), kubeconfig(&served, false)).unwrap();
        let url = format!("http://{login}{prometheus}");
        let mut command = machine.gameday(&["run", &file, "--headless", "--yes", "--prometheus", &url]);
        command.env("KUBECONFIG", machine.folder.join("config")).env("DATABASE_PASSWORD", planted(9)).envs(environment.clone());
        let out = std::thread::scope(|scope| {
            let run = scope.spawn(|| command.output().unwrap());
            while !run.is_finished() {
                warn(&served);
                std::thread::sleep(std::time::Duration::from_millis(500));
            }
            run.join().unwrap()
        });
        assert_eq!(out.status.code(), Some(1), "{name}: {}", said(&out));
        // what is to be kept quiet was come upon: the server was asked, and the probe has run
        assert!(said(&out).contains("invalid credentials") && said(&out).contains("broken: fails"), "{name}: {}", said(&out));
        assert!(said(&out).contains("Canary") || said(&out).contains("onerror"), "{name}: the Event was not told: {}", said(&out));
        harmless(&format!("{name}'s output"), &String::from_utf8_lossy(&out.stdout));
        harmless(&format!("{name}'s errors"), &String::from_utf8_lossy(&out.stderr));
        seen.insert(format!("{name}'s output"), [out.stdout, out.stderr].concat());
        let mut flown = machine.gameday(&[]);
        flown.env("KUBECONFIG", machine.folder.join("config")).env("DATABASE_PASSWORD", planted(9)).envs(environment);
        match support::served::at_terminal(&flown, &format!("run {file} --yes --prometheus {url}")) {
            Err(why) => println!("skipped: no terminal to be had by `script`: {why}"),
            Ok(mut script) => {
                let before = reports(&machine.folder);
                until("the report of the run in the cockpit", || reports(&machine.folder) > before);
                // q leaves the findings
                script.stdin.as_mut().unwrap().write_all(b"q").unwrap();
                let out = script.wait_with_output().unwrap();
                let screen = String::from_utf8_lossy(&out.stdout).into_owned();
                assert!(!screen.contains("\u{1b}]0;") && !screen.contains('\u{202e}') && !screen.contains('\u{7}'), "{name}: {screen:?}");
                seen.insert(format!("{name}'s terminal"), out.stdout);
            }
        }
    }
    // a plugin that fails says all it knows
    std::fs::write(machine.folder.join("config"), kubeconfig(&served, true)).unwrap();
    for arguments in
        [vec!["run", &file, "--headless", "--yes"], vec!["doctor", &file], vec!["recover"], vec!["abort", "--all"], vec!["config"]]
    {
        let out = machine.gameday(&arguments).env("KUBECONFIG", machine.folder.join("config")).output().unwrap();
        seen.insert(format!("{arguments:?} with a plugin that fails"), [out.stdout, out.stderr].concat());
    }
    // the other run's holder is told by those who look over the cluster
    std::fs::write(machine.folder.join("config"), kubeconfig(&served, false)).unwrap();
    for arguments in [vec!["recover"], vec!["abort", "0bad0b"], vec!["doctor", &file], vec!["report", "last"], vec!["rbac", &file]] {
        let out = machine.gameday(&arguments).env("KUBECONFIG", machine.folder.join("config")).output().unwrap();
        harmless(&format!("{arguments:?}"), &format!("{}\n{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)));
        seen.insert(format!("{arguments:?}"), [out.stdout, out.stderr].concat());
    }
    bytes(&machine.folder.join("data"), &mut seen);
    assert!(
        seen.keys().any(|name| name.ends_with("journal.jsonl")) && seen.keys().any(|name| name.ends_with("report.md")),
        "{:?}",
        seen.keys()
    );
    for (name, bytes) in &seen {
        no_secret(name, bytes);
        if name.ends_with("report.md") {
            let report = String::from_utf8_lossy(bytes);
            harmless(name, &report);
            assert!(!report.contains("<img") && !report.contains("[click]("), "{name} is marked up: {report}");
        }
    }
}

fn runs(folder: &Path) -> Vec<std::path::PathBuf> {
    let runs = std::fs::read_dir(folder.join("data/gameday/runs")).into_iter().flatten().flatten();
    runs.map(|run| run.path()).collect()
}

/// How many runs have written their report.
fn reports(folder: &Path) -> usize {
    runs(folder).iter().filter(|run| run.join("report.json").exists()).count()
}
