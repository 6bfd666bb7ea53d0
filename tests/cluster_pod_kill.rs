//! The main job on a real cluster: a pod is killed, and the time to come back is stated.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a test stops where it fails, and says its figures")]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use support::bare_watch::BareWatch;
use support::cluster::cluster;
use support::load::Load;
use support::{json, said, scratch};

/// The seeds' scenario, in the namespace of the test, without metrics and with shorter waits.
fn scenario(context: &str, namespace: &str, observe: &str) -> String {
    format!(
        r"apiVersion: gameday/v1
kind: GameDay
metadata: {{name: task-api-pod-kill}}
spec:
  hypothesis: Task API recovers within 30s after pod kill
  environments: {{test: {{tier: staging, context: {context}, namespace: {namespace}}}}}
  target: {{kind: Deployment, name: task-api}}
  injector: agentless
  steadyState:
    - {{name: all replicas ready, ready: {{min: 100%}}, stableFor: 1s}}
  steps:
    - name: kill one pod
      fault:
        apiVersion: chaos-mesh.org/v1alpha1
        kind: PodChaos
        metadata: {{name: task-api-pod-kill}}
        spec: {{action: pod-kill, mode: one, selector: {{labelSelectors: {{app: task-api}}}}}}
    - {{name: watch it come back, observe: {observe}}}
  criteria:
    - {{name: recovers within 30s, recovery: {{within: 30s}}, stableFor: 1s}}
    - {{name: never below two ready, ready: {{min: 2}}, during: fault}}
"
    )
}

#[test]
fn pod_kill_should_state_an_interval_that_holds_the_true_recovery() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-interval");
    let folder = scratch("interval");
    let file = folder.join("scenario.yaml");
    fs::write(&file, scenario(&cluster.context, &home.namespace, "1s")).unwrap();
    let load = Load::start(&cluster.kubeconfig, &home.namespace, 20);
    for run in 0..10 {
        home.wait_ready();
        let watch = BareWatch::start(&cluster.kubeconfig, &home.namespace);
        let place = folder.join(format!("run-{run}"));
        let out = home.gameday(&folder).args(["run", "--headless"]).arg(&file).arg("--run-dir").arg(&place).output().unwrap();
        assert_eq!(out.status.code(), Some(0), "{}", said(&out));
        interval_should_hold(&format!("run {run}"), watch, &place);
    }
    let (answered, failed) = load.counts();
    println!("load: {answered} requests answered, {failed} not");
    assert!(answered > failed, "the load never reached the pods: {answered} answered, {failed} not");
}

/// Whether the interval that the run states holds the time which the bare watch took.
fn interval_should_hold(run: &str, watch: BareWatch, place: &Path) {
    let truth = watch.recovery(3).expect("the bare watch saw the recovery").as_secs_f64() * 1000.0;
    let report = json(&place.join("report.json"));
    let stated = &report["faults"][0]["recovery_ms"];
    let (least, most) = (stated["least"].as_f64().unwrap(), stated["most"].as_f64().unwrap());
    // the width is printed, not asserted: a busy machine may widen it, and then says so
    println!("{run}: true {truth:.0} ms, stated {} ms, from {least:.0} to {most:.0}: {:.0} ms wide", stated["nominal"], most - least);
    assert!((least..=most).contains(&truth), "{run}: the true {truth:.1} ms is not in {least:.1} to {most:.1} ms");
}

#[test]
fn cockpit_should_state_an_interval_that_holds_the_true_recovery() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-cockpit");
    let folder = scratch("cockpit");
    let file = folder.join("scenario.yaml");
    fs::write(&file, scenario(&cluster.context, &home.namespace, "1s")).unwrap();
    let load = Load::start(&cluster.kubeconfig, &home.namespace, 20);
    let watch = BareWatch::start(&cluster.kubeconfig, &home.namespace);
    let place = folder.join("run");
    // `script` (util-linux) gives the cockpit a terminal
    let run =
        format!("stty cols 120 rows 36; exec {} run --yes {} --run-dir {}", env!("CARGO_BIN_EXE_gameday"), file.display(), place.display());
    let mut command = home.gameday(&folder);
    let mut terminal = Command::new("script");
    terminal.env_clear().envs(command.env("TERM", "xterm-256color").get_envs().filter_map(|(name, value)| Some((name, value?))));
    let child = terminal.args(["-qefc", &run, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = child else { return println!("skipped: no `script` here, which gives a terminal") };
    let mut screen = child.stdout.take().unwrap();
    let drawn = std::thread::spawn(move || {
        let mut text = Vec::new();
        screen.read_to_end(&mut text).map(|_| String::from_utf8_lossy(&text).into_owned())
    });
    support::until("the report", || place.join("report.json").exists());
    child.stdin.take().unwrap().write_all(b"q").unwrap();
    let status = child.wait().unwrap();
    let drawn = drawn.join().unwrap().unwrap();
    assert_eq!(status.code(), Some(0), "{drawn}");
    assert!(drawn.contains("\u{1b}[?1049h") && drawn.contains("\u{1b}[?1049l"), "the terminal's own screen was taken and given back");
    interval_should_hold("cockpit", watch, &place);
    println!("load: {:?} requests answered, not answered", load.counts());
}

#[test]
fn interrupt_should_end_the_run_as_aborted_with_a_report() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-interrupt");
    let folder = scratch("interrupt");
    let file = folder.join("scenario.yaml");
    fs::write(&file, scenario(&cluster.context, &home.namespace, "60s")).unwrap();
    for (signal, by) in [("INT", "Ctrl-C"), ("TERM", "SIGTERM"), ("HUP", "the terminal went away")] {
        home.wait_ready();
        let place = folder.join(signal);
        let mut command = home.gameday(&folder);
        command.args(["run", "--headless"]).arg(&file).arg("--run-dir").arg(&place).stdout(Stdio::piped());
        let child = command.spawn().unwrap();
        let journal = place.join("journal.jsonl");
        support::until("the observation", || fs::read_to_string(&journal).is_ok_and(|text| text.contains("\"event\":\"answered\"")));
        assert!(Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap().success());
        let out = child.wait_with_output().unwrap();
        assert_eq!(out.status.code(), Some(5), "{signal}: {}", said(&out));
        let report = fs::read_to_string(place.join("report.md")).unwrap();
        assert!(report.contains("stopped by the operator") && report.contains(by), "{report}");
    }
}

#[test]
fn run_should_refuse_before_anything_is_broken() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-refusals");
    let folder = scratch("refusals");
    let good = scenario(&cluster.context, &home.namespace, "1s");
    let cases = [
        ("no-target", good.replace("kind: Deployment, name: task-api", "kind: Deployment, name: nobody"), "nobody"),
        ("no-pods", good.replace("labelSelectors: {app: task-api}", "labelSelectors: {app: nobody}"), "means no pod"),
        ("no-namespace", good.replace(&home.namespace, "gameday-test-nowhere"), "gameday-test-nowhere"),
        ("too-many", good.replace("mode: one", "mode: all") + "  limits: {maxTargets: 2}\n", "limits.maxTargets is 2"),
        ("unsteady", good.replace("min: 100%", "min: 4"), "the steady state does not hold"),
        ("context", good.replace(&format!("context: {}", cluster.context), "context: elsewhere"), "elsewhere"),
    ];
    for (name, text, why) in cases {
        let file = folder.join(format!("{name}.yaml"));
        fs::write(&file, text).unwrap();
        let out = home.gameday(&folder).args(["run", "--headless"]).arg(&file).arg("--run-dir").arg(folder.join(name)).output().unwrap();
        assert_eq!(out.status.code(), Some(3), "{name}: {}", said(&out));
        assert!(said(&out).contains(why), "{name}: {}", said(&out));
    }
    home.wait_ready();
    let out = home.gameday(&folder).args(["run", "--headless", "--context", "other"]).arg(folder.join("no-pods.yaml")).output().unwrap();
    assert_eq!(out.status.code(), Some(3), "{}", said(&out));
    assert!(said(&out).contains("was asked for"), "{}", said(&out));
}
