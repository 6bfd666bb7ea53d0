//! The brake, rehearsed on a pod of gameday's own before anything of the target is broken.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use support::{gameday, json, said, scratch, until};

/// A drill that asks for its brake.
fn drill(steps: &str, more: &str) -> String {
    format!(
        "apiVersion: gameday/v1
kind: GameDay
metadata: {{name: braked}}
spec:
  hypothesis: it holds
  brake: true
  environments: {{staging: {{tier: staging, namespace: staging}}}}
  target: {{kind: Deployment, name: task-api}}
{more}  limits: {{allowAll: true}}
  steps:
{steps}    - {{name: watch, observe: 5s}}
  criteria: [{{name: one ready, ready: {{min: 1}}}}]
"
    )
}

fn step(name: &str, kind: &str, spec: &str) -> String {
    format!(
        "    - {{name: {name}, fault: {{apiVersion: chaos-mesh.org/v1alpha1, kind: {kind}, metadata: {{name: {name}}}, spec: {{{spec}, selector: {{labelSelectors: {{app: task-api}}}}}}}}}}\n"
    )
}

fn delay(name: &str) -> String {
    step(name, "NetworkChaos", "action: delay, mode: one, duration: 5s, delay: {latency: 100ms}")
}

fn rehearse(home: &Path, name: &str, text: &str, flags: &[&str]) -> Output {
    let file = home.join(format!("{name}.yaml"));
    fs::write(&file, text).unwrap();
    gameday(home)
        .args(["rehearse", "--headless", "--speed", "max"])
        .arg(file)
        .args(flags)
        .arg("--run-dir")
        .arg(home.join(name))
        .output()
        .unwrap()
}

/// The objects that a run asked for and how each went, in the order of asking.
fn asked(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("journal.jsonl")).unwrap();
    let entries = text.lines().skip(1).map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let effect = |entry: &serde_json::Value| {
        let effect = entry["event"].clone();
        (effect["event"] == "asked").then(|| {
            format!("{} {} {}", text_of(&effect, "effect"), text_of(&effect["object"], "kind"), text_of(&effect["object"], "name"))
        })
    };
    entries.filter_map(|entry| effect(&entry)).collect()
}

fn text_of(value: &serde_json::Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

#[test]
fn brake_should_be_tried_once_a_kind_and_be_gone_before_the_start() {
    let home = scratch("brake-works");
    let steps = delay("slow")
        + &delay("slow-again")
        + &step("busy", "StressChaos", "mode: one, duration: 5s, stressors: {cpu: {workers: 1, load: 80}}")
        + &step("cut", "NetworkChaos", "action: partition, mode: one, duration: 5s, externalTargets: [10.0.0.1]")
        + &step("down", "PodChaos", "action: pod-failure, mode: one, duration: 5s")
        + &step("kill", "PodChaos", "action: pod-kill, mode: one");
    let out = rehearse(&home, "works", &drill(&steps, ""), &[]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let told = said(&out);
    for works in ["NetworkChaos delay", "StressChaos CPU stress", "NetworkChaos partition", "PodChaos pod-failure"] {
        assert_eq!(told.matches(&format!("brake works: {works} in effect after ")).count(), 1, "{works}: {told}");
    }
    let asked = asked(&home.join("works"));
    let brakes: Vec<&String> = asked.iter().filter(|one| one.contains("gameday-brake-")).collect();
    assert_eq!(brakes.iter().filter(|one| one.starts_with("apply")).count(), 5, "{brakes:#?}");
    assert_eq!(brakes.iter().filter(|one| one.starts_with("lift")).count(), 5, "{brakes:#?}");
    let first = asked.iter().position(|one| one.starts_with("apply") && !one.contains("gameday-brake-")).unwrap();
    let last = asked.iter().rposition(|one| one.contains("gameday-brake-")).unwrap();
    assert!(last < first, "the target is not touched before the brake is over: {asked:#?}");
    let report = json(&home.join("works/report.json"));
    let brake = report["preflight"].as_array().unwrap().iter().find(|check| check["check"] == "brake").unwrap().to_string();
    assert!(brake.contains("in effect after") && brake.contains("lifted after") && brake.contains("a kill is over at once"), "{brake}");
}

/// A fault of every lasting kind and action, and what its brake is rehearsed with.
const ALL: [(&str, &str, &str, &str, &str); 17] = [
    ("PodChaos", "pod-failure", "action: pod-failure", "pod-failure", r#"{"action":"pod-failure"}"#),
    (
        "NetworkChaos",
        "slow",
        "action: delay, delay: {latency: 80ms}",
        "delay",
        r#"{"action":"delay","delay":{"latency":"1ms"},"direction":"to"}"#,
    ),
    ("NetworkChaos", "loss", "action: loss, loss: {loss: '5'}", "loss", r#"{"action":"loss","direction":"to","loss":{"loss":"0.01"}}"#),
    (
        "NetworkChaos",
        "twice",
        "action: duplicate, duplicate: {duplicate: '5'}",
        "duplicate",
        r#"{"action":"duplicate","direction":"to","duplicate":{"duplicate":"0.01"}}"#,
    ),
    (
        "NetworkChaos",
        "corrupt",
        "action: corrupt, corrupt: {corrupt: '5'}",
        "corrupt",
        r#"{"action":"corrupt","corrupt":{"corrupt":"0.01"},"direction":"to"}"#,
    ),
    (
        "NetworkChaos",
        "narrow",
        "action: bandwidth, bandwidth: {rate: 10mbps, limit: 20971520, buffer: 100000}",
        "bandwidth",
        r#"{"action":"bandwidth","bandwidth":{"buffer":1000000,"limit":20971520,"rate":"1gbps"},"direction":"to"}"#,
    ),
    (
        "NetworkChaos",
        "mixed",
        "action: netem, loss: {loss: '5'}, rate: {rate: 10mbps}",
        "netem",
        r#"{"action":"netem","direction":"to","loss":{"loss":"0.01"},"rate":{"rate":"1gbps"}}"#,
    ),
    // of another make than the netem before it
    (
        "NetworkChaos",
        "mixed-too",
        "action: netem, delay: {latency: 80ms}",
        "netem",
        r#"{"action":"netem","delay":{"latency":"1ms"},"direction":"to"}"#,
    ),
    (
        "NetworkChaos",
        "cut",
        "action: partition, externalTargets: [10.0.0.1]",
        "partition",
        r#"{"action":"partition","direction":"to","externalTargets":["192.0.2.1"]}"#,
    ),
    (
        "StressChaos",
        "busy",
        "stressors: {cpu: {workers: 2, load: 80}}",
        "CPU stress",
        r#"{"containerNames":["brake"],"stressors":{"cpu":{"load":1,"workers":1}}}"#,
    ),
    (
        "StressChaos",
        "full",
        "stressors: {memory: {workers: 1, size: 8MB}}",
        "memory stress",
        r#"{"containerNames":["brake"],"stressors":{"memory":{"size":"1MB","workers":1}}}"#,
    ),
    ("IOChaos", "slow-disk", "action: latency, delay: 5ms", "latency", r#"{"action":"latency","delay":"1ms",FILES}"#),
    ("IOChaos", "broken-disk", "action: fault, errno: 28", "fault", r#"{"action":"fault",FILES,"errno":5}"#),
    (
        "IOChaos",
        "wrong-mode",
        "action: attrOverride, attr: {perm: 72}",
        "attrOverride",
        r#"{"action":"attrOverride","attr":{"perm":420},FILES}"#,
    ),
    (
        "HTTPChaos",
        "slow-web",
        "target: Request, port: 8080, path: '*', delay: 10ms",
        "HTTP fault",
        r#"{"delay":"1ms","path":"/gameday-brake","port":9,"target":"Request"}"#,
    ),
    (
        "DNSChaos",
        "no-names",
        "action: error, patterns: [example.com]",
        "DNS fault",
        r#"{"action":"error","patterns":["gameday-brake.invalid"]}"#,
    ),
    ("TimeChaos", "late", "timeOffset: -5m", "clock shift", r#"{"containerNames":["brake"],"timeOffset":"1ms"}"#),
];

/// What every IOChaos on the pod of the brake has.
const FILES: &str = r#""containerNames":["brake"],"path":"/gameday-brake/**/*","percent":1,"volumePath":"/gameday-brake""#;

/// The faults that were put on the pod of the brake, as they were sent.
fn brakes(folder: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(folder.join("journal.jsonl")).unwrap();
    let events = text.lines().skip(1).map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].clone());
    let applied = events.filter(|event| event["event"] == "asked" && event["effect"] == "apply").map(|event| event["manifest"].clone());
    let is_brake = |manifest: &serde_json::Value| text_of(&manifest["metadata"], "name").starts_with("gameday-brake-");
    applied.filter(|manifest| manifest["kind"] != "Pod" && is_brake(manifest)).collect()
}

#[test]
fn brake_of_every_kind_should_be_mild_aimed_at_its_own_pod_and_work() {
    let home = scratch("brake-kinds");
    let disk = "volumePath: /var/lib/postgresql/data, containerNames: [database], ";
    let step_of = |(kind, name, spec, ..): &(&str, &str, &str, &str, &str)| {
        let more = if *kind == "IOChaos" { disk } else { "" };
        let text = step(name, kind, &format!("{more}{spec}, mode: one, duration: 1s"));
        text.replace("task-api", if *kind == "IOChaos" { "database" } else { "checkout" })
    };
    let steps: String = ALL.iter().map(step_of).collect();
    let world = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/worlds/shop.yaml")).unwrap();
    fs::write(home.join("shop.yaml"), world).unwrap();
    let text = drill(&steps, "  acknowledgeDataRisk: true\n  world: {file: shop.yaml}\n")
        .replace("namespace: staging", "namespace: shop")
        .replace("task-api", "checkout");
    let out = rehearse(&home, "kinds", &text, &[]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let brakes = brakes(&home.join("kinds"));
    assert_eq!(brakes.len(), ALL.len(), "{}", said(&out));
    // the pause image comes last: no container may come back from it
    let in_order = ALL[1..].iter().chain(&ALL[..1]);
    let mut checked = String::new();
    for ((kind, name, _, what, values), mut manifest) in in_order.zip(brakes) {
        checked += &format!("    - {{name: {name}, fault: {manifest}}}\n");
        let told = format!("brake works: {kind} {what} in effect after ");
        assert!(said(&out).contains(&told), "{told}: {}", said(&out));
        let spec = manifest["spec"].as_object_mut().unwrap();
        let selector = spec.remove("selector").unwrap();
        let labels = serde_json::json!({"gameday/run": manifest_token(&manifest), "gameday/brake": "pod"});
        assert_eq!(selector, serde_json::json!({"namespaces": ["shop"], "labelSelectors": labels}), "{name}");
        let spec = manifest["spec"].as_object_mut().unwrap();
        assert_eq!((spec.remove("mode"), spec.remove("duration")), (Some("one".into()), Some("30s".into())), "{name}");
        let wanted: serde_json::Value = serde_json::from_str(&values.replace("FILES", FILES)).unwrap();
        assert_eq!(manifest["spec"], wanted, "{name}");
    }
    // what is sent would pass as a step of a scenario, by the rules of Chaos Mesh's own webhooks
    let file = home.join("checked.yaml");
    fs::write(&file, drill(&checked, "  acknowledgeDataRisk: true\n")).unwrap();
    let out = gameday(&home).arg("check").arg(&file).output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
}

fn manifest_token(manifest: &serde_json::Value) -> String {
    text_of(&manifest["metadata"]["labels"], "gameday/run")
}

#[test]
fn brake_of_a_schedule_should_be_the_fault_that_it_makes() {
    let home = scratch("brake-schedule");
    let spec = "schedule: '@every 5s', type: NetworkChaos, historyLimit: 3, networkChaos: {action: netem, mode: one, duration: 2s, loss: {loss: '5'}, \
                selector: {labelSelectors: {app: task-api}}}";
    let again = format!(
        "    - {{name: again, lasts: 12s, fault: {{apiVersion: chaos-mesh.org/v1alpha1, kind: Schedule, metadata: {{name: again}}, spec: {{{spec}}}}}}}\n"
    );
    let out = rehearse(&home, "again", &drill(&again, ""), &[]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert!(said(&out).contains("brake works: NetworkChaos netem in effect after "), "{}", said(&out));
    let brake = &brakes(&home.join("again"))[0];
    assert_eq!((&brake["kind"], &brake["spec"]["action"]), (&"NetworkChaos".into(), &"netem".into()));
    assert_eq!((&brake["spec"]["loss"]["loss"], &brake["spec"]["delay"]), (&"0.01".into(), &serde_json::Value::Null), "{brake}");
}

#[test]
fn brake_that_fails_should_refuse_the_run_with_nothing_of_the_target_broken() {
    let home = scratch("brake-fails");
    let slow = drill(&delay("slow"), "");
    let down = ["--break", "daemon-down=node-1@0s", "--break", "daemon-down=node-2@0s", "--break", "daemon-down=node-3@0s"];
    for (name, flags, code, why) in [
        // nobody puts it on
        ("no-daemon", &down[..], 3, "is not in effect after 30s"),
        // nobody takes it off: the controllers go while it is being put on, and come back for the undo
        ("no-lift", &["--break", "controller-down@900ms+70s"][..], 3, "is not seen lifted and gone 30s after it was asked for"),
        ("nobody-ever", &["--break", "controller-down@900ms"][..], 7, "left behind: NetworkChaos staging/gameday-brake-"),
    ] {
        let out = rehearse(&home, name, &slow, flags);
        assert_eq!(out.status.code(), Some(code), "{name}: {}", said(&out));
        assert!(said(&out).contains(why), "{name}: {}", said(&out));
        let asked = asked(&home.join(name));
        assert!(asked.iter().all(|one| one.contains("gameday-brake-")), "{name}: {asked:#?}");
    }
}

#[test]
fn one_shot_faults_should_say_that_only_their_rights_are_proven() {
    let home = scratch("brake-kill");
    let out = rehearse(&home, "kill", &drill(&step("kill", "PodChaos", "action: pod-kill, mode: one"), ""), &[]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let report = json(&home.join("kill/report.json"));
    let brake = report["preflight"].as_array().unwrap().iter().find(|check| check["check"] == "brake").unwrap().to_string();
    assert!(brake.contains("only the rights and the daemons can be proven"), "{brake}");
    assert!(asked(&home.join("kill")).iter().all(|one| !one.contains("gameday-brake-")));
}

/// The journals of all runs of a machine.
fn journals(home: &Path) -> Vec<PathBuf> {
    let runs = fs::read_dir(home.join("data/gameday/runs"));
    runs.into_iter().flatten().map(|run| run.unwrap().path().join("journal.jsonl")).filter(|journal| journal.exists()).collect()
}

/// How many objects the API server lists here.
fn listed(api: &str, path: &str) -> Vec<String> {
    let host = api.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\nAccept: application/json\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let list: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn brake_of_a_run_that_is_killed_should_be_removed_by_recover_with_and_without_its_journal() {
    let home = scratch("brake-killed");
    let kubeconfig = home.join("kubeconfig");
    let serve = ["rehearsal", "serve", "--speed", "1", "--kubeconfig"];
    let mut served = gameday(&home).args(serve).arg(&kubeconfig).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(served.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let api = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().trim_end_matches([',', '/']).to_owned();
    until("the kubeconfig", || kubeconfig.exists());
    let file = home.join("drill.yaml");
    let text = drill(&delay("slow"), "").replace("{tier: staging, namespace", "{tier: staging, context: rehearsal, namespace");
    fs::write(&file, text).unwrap();
    let left = || {
        let pods = listed(&api, "/api/v1/namespaces/staging/pods").into_iter().filter(|name| name.starts_with("gameday-brake-"));
        let chaos = listed(&api, "/apis/chaos-mesh.org/v1alpha1/networkchaos");
        pods.chain(chaos).chain(listed(&api, "/apis/coordination.k8s.io/v1/namespaces/staging/leases")).collect::<Vec<_>>()
    };
    for (machine, moment, recover) in [
        ("pod", "\"effect\":\"apply\",\"fault\":1000", &["recover"][..]),
        ("fault", "\"effect\":\"apply\",\"fault\":1001", &["recover"][..]),
        ("lost", "\"effect\":\"apply\",\"fault\":1001", &["abort", "--all", "--yes"][..]),
    ] {
        let own = home.join(machine);
        fs::create_dir(&own).unwrap();
        let run = |arguments: &[&str]| {
            let mut command = gameday(&own);
            command.env("KUBECONFIG", &kubeconfig).args(arguments);
            command
        };
        let mut child = run(&["run", "--headless", "--yes"]).arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        until(moment, || journals(&own).iter().any(|journal| fs::read_to_string(journal).unwrap().contains(moment)));
        child.kill().unwrap();
        child.wait().unwrap();
        if machine == "lost" {
            fs::remove_dir_all(own.join("data")).unwrap();
        }
        let out = run(recover).output().unwrap();
        assert_eq!(out.status.code(), Some(0), "{machine}: {}", said(&out));
        assert!(left().is_empty(), "{machine}: {:?} {}", left(), said(&out));
    }
    served.kill().unwrap();
    served.wait().unwrap();
}
