//! Bad days on the practice cluster: outages, cut watches, missing rights, a dead Chaos Mesh.

mod support;

use std::time::Duration;

use gameday::command::{AbortedBy, Command};
use gameday::effect::{Effect, Verdict};
use gameday::event::{Entry, Event};
use gameday::rehearsal::{Denial, PracticeCluster, World};
use gameday::run::Run;
use gameday::run::recovery::{Back, Span};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, DeleteParams, ListParams};
use support::practice::{Played, play};
use support::scratch;
use tokio::time::sleep;

fn scenario(injector: &str, fault: &str, more: &str) -> String {
    format!(
        "apiVersion: gameday/v1
kind: GameDay
metadata: {{name: trouble}}
spec:
  hypothesis: Task API recovers within 30s
  environments: {{staging: {{tier: staging, namespace: staging}}}}
  target: {{kind: Deployment, name: task-api}}
  injector: {injector}
  steadyState:
    - {{name: all ready, ready: {{min: 100%}}, stableFor: 2s}}
  steps:
    - name: break it
      fault:
        apiVersion: chaos-mesh.org/v1alpha1
        {fault}
    - {{name: watch, observe: 20s}}
  criteria:
    - {{name: recovers within 30s, recovery: {{within: 30s}}, stableFor: 2s}}
{more}"
    )
}

const KILL: &str = "kind: PodChaos\n        metadata: {name: kill}\n        spec: {action: pod-kill, mode: one, selector: {labelSelectors: {app: task-api}}}";
const DELAY: &str = "kind: NetworkChaos\n        metadata: {name: delay}\n        spec: {action: delay, mode: one, duration: 10s, selector: {labelSelectors: {app: task-api}}, delay: {latency: 50ms}}";

fn quiet(text: &str, name: &str) -> Played {
    play(text, 7, &scratch(name), |_| async {})
}

#[test]
fn quiet_day_should_hold() {
    for (name, injector, fault) in [("kill", "agentless", KILL), ("chaos-kill", "chaos-mesh", KILL), ("delay", "auto", DELAY)] {
        let played = quiet(&scenario(injector, fault, ""), name);
        assert_eq!(played.run.verdict(), Verdict::Held, "{name}:\n{}", played.lines);
    }
}

#[test]
fn outage_should_be_survived_and_said_and_nothing_be_well_in_it() {
    let text = scenario("agentless", KILL, "");
    let steady = quiet(&text, "outage-none");
    // the API server is away when the replacement becomes ready
    let played = play(&text, 7, &scratch("outage"), |trouble| async move {
        sleep(Duration::from_millis(2_200)).await;
        trouble.api_outage(Duration::from_secs(8));
    });
    assert!(played.lines.contains("pods lost"), "{}", played.lines);
    assert!(played.lines.contains("blind"), "{}", played.lines);
    let span = |played: &Played| match played.run.recoveries().next().unwrap().1 {
        Back::At { span, .. } => span,
        other => panic!("{other:?}\n{}", played.lines),
    };
    let (seen, unseen) = (span(&steady), span(&played));
    // the pod's kubelet could tell nobody that it was ready: told later, by its own clock, in whole seconds
    let width = |span: &Span| span.most.saturating_sub(span.least);
    assert!(seen.most < Duration::from_secs(3) && width(&seen) < Duration::from_millis(200), "{seen}");
    assert!(width(&unseen) > Duration::from_secs(1) && unseen.least <= seen.most && seen.least <= unseen.most, "{seen} against {unseen}");
    assert_eq!(played.run.verdict(), Verdict::Held, "{}", played.lines);
}

#[test]
fn cut_and_compacted_watches_should_lose_nothing() {
    let played = play(&scenario("agentless", KILL, ""), 7, &scratch("cut"), |trouble| async move {
        sleep(Duration::from_millis(2_100)).await;
        for _ in 0..20 {
            sleep(Duration::from_millis(300)).await;
            trouble.compact();
            trouble.cut_watches();
        }
    });
    assert_eq!(played.run.verdict(), Verdict::Held, "{}", played.lines);
    assert_eq!(played.run.fleet().targets[0].ready(), Some(3));
}

#[test]
fn outage_during_the_undo_should_only_delay_it() {
    let played = play(&scenario("chaos-mesh", DELAY, ""), 7, &scratch("undo"), |trouble| async move {
        sleep(Duration::from_secs(11)).await;
        trouble.api_outage(Duration::from_secs(15));
    });
    assert!(played.lines.contains("lifted"), "{}", played.lines);
    assert!(played.run.conclusion().unwrap().left.is_empty(), "{}", played.lines);
    // it does not sit out its back-off once the API server answers
    let mut back = played.lines.lines().skip_while(|line| !line.contains("back after"));
    let moment = |line: Option<&str>| line.and_then(|line| line.split_whitespace().next()).map(str::to_owned);
    assert_eq!(moment(back.next()), moment(back.find(|line| line.contains("deleting NetworkChaos"))), "{}", played.lines);
}

#[test]
fn outage_beyond_the_blind_limit_should_end_inconclusive() {
    let played = play(&scenario("agentless", KILL, "  limits: {blindLimit: 5s}\n"), 7, &scratch("blind"), |trouble| async move {
        sleep(Duration::from_secs(4)).await;
        trouble.api_outage(Duration::from_mins(1));
    });
    assert_eq!(played.run.verdict(), Verdict::Inconclusive, "{}", played.lines);
    assert!(played.lines.contains("limits.blindLimit"), "{}", played.lines);
}

#[test]
fn missing_right_should_refuse_and_name_verb_and_resource() {
    let played = play(&scenario("agentless", KILL, ""), 7, &scratch("denied"), |trouble| async move {
        trouble.deny(Denial { verb: "delete".to_owned(), group: String::new(), resource: "pods".to_owned(), namespace: None });
    });
    assert_eq!(played.run.verdict(), Verdict::Refused, "{}", played.lines);
    assert!(played.lines.contains("cannot delete resource \"pods\"") && played.lines.contains("gameday rbac"), "{}", played.lines);
}

#[test]
fn optional_sources_that_are_forbidden_should_not_fail_the_run() {
    let played = play(&scenario("agentless", KILL, ""), 7, &scratch("optional"), |trouble| async move {
        let deny = |resource: &str, group: &str| Denial {
            verb: "*".to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            namespace: None,
        };
        trouble.deny(deny("endpointslices", "discovery.k8s.io"));
        trouble.deny(deny("replicasets", "apps"));
    });
    assert_eq!(played.run.verdict(), Verdict::Held, "{}", played.lines);
}

#[test]
fn dead_controller_should_be_inconclusive_and_left_behind_if_it_stays_dead() {
    let played = play(&scenario("chaos-mesh", DELAY, ""), 7, &scratch("controller"), |trouble| async move {
        sleep(Duration::from_secs(5)).await;
        trouble.chaos_controller_down(true);
    });
    // the fault was in effect, and nobody lifts it: that outranks everything
    assert_eq!(played.run.verdict(), Verdict::CleanupIncomplete, "{}", played.lines);
    assert!(played.lines.contains("the practice cluster ends with this process"), "{}", played.lines);
    assert!(!played.lines.contains("gameday recover"), "{}", played.lines);
}

#[test]
fn dead_daemon_should_never_count_as_injected() {
    let played = play(&scenario("chaos-mesh", DELAY, ""), 7, &scratch("daemon"), |trouble| async move {
        trouble.chaos_daemon_down(true);
        sleep(Duration::from_mins(1)).await;
        trouble.chaos_daemon_down(false);
    });
    assert_eq!(played.run.verdict(), Verdict::Inconclusive, "{}", played.lines);
    assert!(played.lines.contains("cannot find daemonIP"), "{}", played.lines);
}

#[test]
fn http_criterion_should_be_answered_by_the_practice_cluster() {
    let http = |url: &str| format!("    - {{name: answers, http: {{url: '{url}', success: 99%}}}}\n");
    for url in ["http://task-api.staging.svc/healthz", "http://task-api/", "https://task-api.example.com/"] {
        let played = quiet(&scenario("agentless", KILL, &http(url)), "http-good");
        assert_eq!(played.run.verdict(), Verdict::Held, "{url}:\n{}", played.lines);
    }
    let all = KILL.replace("action: pod-kill, mode: one,", "action: pod-failure, mode: all, duration: 5s,");
    let strict = "    - {name: always answers, http: {url: 'http://task-api/'}}\n  limits: {allowAll: true}\n";
    let played = quiet(&scenario("chaos-mesh", &all, strict), "http-bad");
    assert_eq!(played.run.verdict(), Verdict::Refuted, "{}", played.lines);
}

#[test]
fn run_that_died_on_its_last_entry_should_still_be_ended_by_another_process() {
    let text = scenario("chaos-mesh", DELAY, "");
    let folder = scratch("last-entry");
    play(&text, 7, &folder, |_| async {});
    let recorded = gameday::journal::read::open(&folder.join("journal.jsonl")).unwrap();
    let (last, before) = recorded.entries.split_last().unwrap();
    assert!(matches!(last.event, Event::Sealed(_)));
    let mut run = Run::new(recorded.header.unwrap(), support::practice::read(&text));
    for entry in before {
        run.apply(entry);
    }
    assert!(run.conclusion().is_none());
    let abort = Event::Commanded(Command::Abort { by: AbortedBy::Recovery });
    let effects = run.apply(&Entry { seq: last.seq, at: last.at, event: abort });
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Seal { .. })), "{effects:?}");
}

#[tokio::test(start_paused = true)]
async fn outage_should_stop_the_controllers_and_not_the_kubelets() {
    let cluster = PracticeCluster::start(World::task_api("staging"), 3);
    let trouble = cluster.trouble();
    let pods: Api<Pod> = Api::namespaced(kube::Client::new(cluster.service(), "staging"), "staging");
    let all = async || pods.list(&ListParams::default().labels("app=task-api")).await.unwrap().items;
    sleep(Duration::from_secs(2)).await;
    let before = all().await;
    let names: Vec<String> = before.iter().map(|pod| pod.metadata.name.clone().unwrap()).collect();
    pods.delete(&names[0], &DeleteParams::default().grace_period(0)).await.unwrap();
    let began = cluster.now();
    trouble.api_down();
    // a process that ends on its own in the middle of it
    trouble.befall("crash=task-api@10s+3s".parse().unwrap());
    sleep(Duration::from_secs(90)).await;
    assert!(pods.list(&ListParams::default()).await.is_err());
    let ended = cluster.now();
    trouble.api_up();
    let first = all().await;
    assert_eq!(first.len(), 2, "nobody has replaced it");
    sleep(Duration::from_mins(1)).await;
    let after = all().await;
    assert_eq!(after.len(), 3);
    let ready = |pod: &Pod| {
        let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
        conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    };
    assert!(after.iter().all(ready));
    let seconds = |time: chrono::DateTime<chrono::Utc>| time.timestamp();
    for pod in &after {
        let name = pod.metadata.name.as_ref().unwrap();
        let container = &pod.status.as_ref().unwrap().container_statuses.as_ref().unwrap()[0];
        let started = container.state.as_ref().unwrap().running.as_ref().unwrap().started_at.as_ref().unwrap().0.as_second();
        if names.contains(name) {
            assert!(container.restart_count > 0, "{name} was restarted by its kubelet");
            assert!(started > seconds(began) && started < seconds(ended), "while nobody could be told");
        } else {
            let created = pod.metadata.creation_timestamp.as_ref().unwrap().0.as_second();
            assert!(created >= seconds(ended), "{name} was made when the outage was over");
        }
    }
    // whoever could not be heard was not given up
    let nodes: Api<Node> = Api::all(kube::Client::new(cluster.service(), "staging"));
    let nodes = nodes.list(&ListParams::default()).await.unwrap();
    assert!(nodes.iter().all(|node| node.spec.as_ref().unwrap().taints.is_none()));
}
