//! Chaos Mesh in the practice cluster: what no recording shows. Partitions with targets, forced finalizers, daemons and controllers that are away,
//! schedules under pause and prohibition, workflows side by side and aborted, checks.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::time::Duration;

use gameday::rehearsal::world::Spread;
use gameday::rehearsal::{Denial, PracticeCluster, World};
use http::Request;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

struct Stage {
    cluster: PracticeCluster,
    client: Client,
}

const HOME: &str = "/apis/chaos-mesh.org/v1alpha1/namespaces/staging";

impl Stage {
    fn new() -> Self {
        Self::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut World)) -> Self {
        let mut world = World { daemon_latency: Spread::millis(0, 0, 0), ..World::task_api_with_db("staging") };
        world.workloads[0].containers[0].mounts.push("/data".to_owned());
        change(&mut world);
        let cluster = PracticeCluster::start(world, 5);
        let client = Client::new(cluster.service(), "staging");
        Self { cluster, client }
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder().method(method).uri(path).header("content-type", kind);
        let response = self.client.send(request.body(Body::from(body.into_bytes())).unwrap()).await.unwrap();
        let code = response.status().as_u16();
        let bytes = response.into_body().collect_bytes().await.unwrap();
        (code, serde_json::from_slice(&bytes).unwrap())
    }

    async fn create(&self, kind: &str, name: &str, spec: Value) -> Value {
        let plural = if kind.ends_with("Chaos") { kind.to_lowercase() } else { kind.to_lowercase() + "s" };
        let object = json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
        let (code, answer) = self.ask("POST", &format!("{HOME}/{plural}"), object).await;
        assert_eq!(code, 201, "{answer}");
        answer
    }

    async fn refused(&self, kind: &str, spec: Value) -> (u16, String) {
        let plural = if kind.ends_with("Chaos") { kind.to_lowercase() } else { kind.to_lowercase() + "s" };
        let object = json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind, "metadata": {"name": "bad"}, "spec": spec});
        let (code, answer) = self.ask("POST", &format!("{HOME}/{plural}?fieldValidation=Strict"), object).await;
        (code, answer["message"].as_str().unwrap_or_default().to_owned())
    }

    async fn get(&self, path: &str) -> Value {
        self.ask("GET", &format!("{HOME}/{path}"), Value::Null).await.1
    }

    async fn items(&self, path: &str) -> Vec<Value> {
        self.get(path).await["items"].as_array().unwrap().clone()
    }

    /// What was said about an object: reasons and messages.
    async fn said(&self, name: &str) -> Vec<String> {
        let (_, list) = self.ask("GET", "/api/v1/namespaces/staging/events", Value::Null).await;
        let about = list["items"].as_array().unwrap().iter().filter(|e| e["involvedObject"]["name"].as_str().unwrap().starts_with(name));
        about.map(|e| format!("{} {}", e["reason"].as_str().unwrap(), e["message"].as_str().unwrap())).collect()
    }
}

async fn wait(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

fn app(name: &str) -> Value {
    json!({"labelSelectors": {"app": name}})
}

fn phases(object: &Value) -> Vec<&str> {
    let records = object["status"]["experiment"]["containerRecords"].as_array();
    records.into_iter().flatten().map(|record| record["phase"].as_str().unwrap()).collect()
}

fn holds(object: &Value, kind: &str) -> bool {
    object["status"]["conditions"].as_array().into_iter().flatten().any(|c| c["type"] == kind && c["status"] == "True")
}

#[tokio::test(start_paused = true)]
async fn partition_should_cut_both_ways_on_both_sides_with_sets_of_addresses() {
    let stage = Stage::new();
    let target = json!({"mode": "all", "selector": app("task-db")});
    let spec = json!({"action": "partition", "mode": "all", "direction": "both", "selector": app("task-api"), "target": target,
        "externalTargets": ["10.9.0.0/16:5432", "10.8.7.6"]});
    stage.create("NetworkChaos", "split", spec).await;
    wait(3.0).await;
    let chaos = stage.get("networkchaos/split").await;
    assert_eq!(phases(&chaos), ["Injected"; 4]);
    let rules = stage.items("podnetworkchaos").await;
    assert_eq!(rules.len(), 4);
    let source = rules.iter().find(|r| r["metadata"]["name"].as_str().unwrap().starts_with("task-api")).unwrap();
    let sets: Vec<&str> = source["spec"]["ipsets"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(sets, ["split_net_tgt", "split_netport_tgt", "split_set_tgt", "split_net_tgt", "split_netport_tgt", "split_set_tgt"]);
    let cidrs = source["spec"]["ipsets"][0]["cidrs"].as_array().unwrap();
    assert_eq!((cidrs.len(), &cidrs[0]), (2, &json!("10.8.7.6/32")), "external ones come first");
    assert_eq!(source["spec"]["ipsets"][1]["cidrAndPorts"], json!([{"cidr": "10.9.0.0/16", "port": 5432}]));
    let chains: Vec<&Value> = source["spec"]["iptables"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
    assert_eq!(chains, ["OUTPUT/split_", "INPUT/split_"]);
    let target = rules.iter().find(|r| r["metadata"]["name"].as_str().unwrap().starts_with("task-db")).unwrap();
    assert_eq!(target["spec"]["ipsets"][0]["cidrs"].as_array().unwrap().len(), 4, "three pods and the external one");
    assert_eq!(target["spec"]["ipsets"][0]["name"], "split_net_src");
    assert!(stage.cluster.network_faults().len() >= 8);
    stage.ask("DELETE", &format!("{HOME}/networkchaos/split"), Value::Null).await;
    wait(2.0).await;
    assert!(stage.items("networkchaos").await.is_empty());
    assert!(stage.cluster.network_faults().is_empty());
}

#[tokio::test(start_paused = true)]
async fn delay_towards_a_target_should_leave_the_target_s_side_without_rules() {
    let stage = Stage::new();
    let target = json!({"mode": "all", "selector": app("task-db")});
    let spec = json!({"action": "delay", "mode": "one", "selector": app("task-api"), "target": target, "delay": {"latency": "50ms"}});
    stage.create("NetworkChaos", "slow-db-calls", spec).await;
    wait(2.0).await;
    let chaos = stage.get("networkchaos/slow-db-calls").await;
    assert_eq!(phases(&chaos), ["Injected"; 2]);
    assert_eq!(chaos["status"]["instances"].as_object().unwrap().len(), 1, "nothing is waited for on the target's side");
    let rules = stage.items("podnetworkchaos").await;
    assert_eq!(rules.len(), 1);
    let set = rules[0]["spec"]["tcs"][0]["ipset"].as_str().unwrap();
    assert!(set.starts_with("slow-_") && set.ends_with("_set_netgt") && set.len() == 27, "{set}");
}

#[tokio::test(start_paused = true)]
async fn missing_daemon_should_hold_a_deletion_until_it_is_back_whatever_is_forced() {
    let stage = Stage::new();
    stage.cluster.trouble().chaos_daemon_down(true);
    let spec = json!({"action": "delay", "mode": "one", "selector": app("task-api"), "delay": {"latency": "50ms"}});
    stage.create("NetworkChaos", "stuck", spec).await;
    wait(1.0).await;
    stage.ask("DELETE", &format!("{HOME}/networkchaos/stuck"), Value::Null).await;
    let forced = json!({"metadata": {"annotations": {"chaos-mesh.chaos-mesh.org/cleanFinalizer": "forced"}}});
    assert_eq!(stage.ask("PATCH", &format!("{HOME}/networkchaos/stuck"), forced).await.0, 200);
    wait(20.0).await;
    let chaos = stage.get("networkchaos/stuck").await;
    assert_eq!((phases(&chaos), &chaos["status"]["experiment"]["desiredPhase"]), (vec!["Not Injected/Wait"], &json!("Stop")));
    let said = stage.said("stuck").await;
    assert!(said.iter().any(|s| s.starts_with("Failed Failed to apply chaos: cannot find daemonIP on node node-")), "{said:?}");
    stage.cluster.trouble().chaos_daemon_down(false);
    wait(60.0).await;
    assert!(stage.items("networkchaos").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn forced_finalizer_should_let_go_before_the_recovery_is_confirmed() {
    let stage = Stage::new();
    let spec = json!({"action": "delay", "mode": "one", "selector": app("task-api"), "delay": {"latency": "50ms"}});
    stage.create("NetworkChaos", "forced", spec).await;
    wait(2.0).await;
    let forced = json!({"metadata": {"annotations": {"chaos-mesh.chaos-mesh.org/cleanFinalizer": "forced"}}});
    stage.ask("PATCH", &format!("{HOME}/networkchaos/forced"), forced).await;
    stage.ask("DELETE", &format!("{HOME}/networkchaos/forced"), Value::Null).await;
    wait(2.0).await;
    assert!(stage.items("networkchaos").await.is_empty());
    assert!(stage.cluster.network_faults().is_empty(), "the recovery had begun");
    let said = stage.said("forced").await;
    assert!(!said.iter().any(|s| s.starts_with("Recovered")) && said.iter().any(|s| s.contains("removed")), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn daemon_away_on_one_node_should_fail_only_there() {
    let stage = Stage::new();
    let (_, pods) = stage.ask("GET", "/api/v1/namespaces/staging/pods?labelSelector=app%3Dtask-api", Value::Null).await;
    let node = pods["items"][0]["spec"]["nodeName"].as_str().unwrap().to_owned();
    stage.cluster.trouble().befall(format!("daemon-down={node}@0s+4s").parse().unwrap());
    let stressors = json!({"memory": {"workers": 1, "size": "64MB"}});
    stage.create("StressChaos", "mem", json!({"mode": "all", "selector": app("task-api"), "stressors": stressors})).await;
    wait(3.0).await;
    let chaos = stage.get("stresschaos/mem").await;
    let mut phases = phases(&chaos);
    phases.sort_unstable();
    assert_eq!(phases, ["Injected", "Injected", "Not Injected"]);
    assert!(!holds(&chaos, "AllInjected") && holds(&chaos, "Selected"));
    for instance in chaos["status"]["instances"].as_object().unwrap().values() {
        assert_eq!(instance["startTime"], "1970-01-01T00:00:00Z");
        assert!(instance["memoryUid"].is_string() && instance["uid"].is_null());
    }
    wait(30.0).await;
    assert!(holds(&stage.get("stresschaos/mem").await, "AllInjected"), "it heals by itself");
}

#[tokio::test(start_paused = true)]
async fn stopped_controllers_should_refuse_writes_take_deletions_and_catch_up() {
    let stage = Stage::new();
    let spec = json!({"action": "pod-failure", "mode": "one", "duration": "5s", "selector": app("task-api")});
    stage.create("PodChaos", "late", spec.clone()).await;
    wait(1.0).await;
    stage.cluster.trouble().chaos_controller_down(true);
    wait(10.0).await;
    assert_eq!(phases(&stage.get("podchaos/late").await), ["Injected"], "nothing expires");
    let (code, why) = stage.refused("PodChaos", spec).await;
    assert!(code == 500 && why.contains("failed calling webhook \"mpodchaos.kb.io\""), "{code} {why}");
    assert_eq!(stage.ask("DELETE", &format!("{HOME}/podchaos/late"), Value::Null).await.0, 200);
    wait(5.0).await;
    assert_eq!(stage.items("podchaos").await.len(), 1, "the finalizer holds it");
    stage.cluster.trouble().chaos_controller_down(false);
    wait(2.0).await;
    assert!(stage.items("podchaos").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn io_fault_should_be_in_force_between_injection_and_recovery() {
    let stage = Stage::new();
    let spec = json!({"action": "fault", "mode": "one", "duration": "5s", "selector": app("task-api"), "volumePath": "/data",
        "errno": 28, "methods": ["write"], "percent": 40});
    stage.create("IOChaos", "full-disk", spec).await;
    wait(2.0).await;
    let rules = stage.items("podiochaos").await;
    let action = &rules[0]["spec"]["actions"][0];
    assert_eq!((&action["faults"], &action["methods"]), (&json!([{"errno": 28, "weight": 1}]), &json!(["write"])));
    wait(6.0).await;
    let rules = stage.items("podiochaos").await;
    assert_eq!(rules[0]["spec"], json!({"volumeMountPath": "/data", "container": "task-api"}), "it stays, emptied");
    assert!(holds(&stage.get("iochaos/full-disk").await, "AllRecovered"));
}

#[tokio::test(start_paused = true)]
async fn io_fault_on_what_is_no_mount_should_never_begin_nor_go() {
    let stage = Stage::new();
    let spec = json!({"action": "latency", "mode": "one", "duration": "5s", "selector": app("task-api"), "volumePath": "/data/deeper",
        "delay": "10ms"});
    stage.create("IOChaos", "nowhere", spec).await;
    wait(20.0).await;
    assert_eq!(phases(&stage.get("iochaos/nowhere").await), ["Not Injected/Wait"], "not even when its time is up");
    let said = stage.said("nowhere").await;
    let why = "toda startup takes too long or an error occurs: source: /data/deeper, target: /data/__chaosfs__deeper__";
    assert!(said.iter().any(|said| said.contains(why)), "{said:?}");
    assert_eq!(stage.ask("DELETE", &format!("{HOME}/iochaos/nowhere"), Value::Null).await.0, 200);
    wait(60.0).await;
    assert_eq!(stage.items("iochaos").await.len(), 1, "the finalizer holds it");
}

#[tokio::test(start_paused = true)]
async fn status_check_should_feel_what_befalls_the_pods_that_it_asks() {
    let delay = json!({"action": "delay", "mode": "all", "selector": app("task-api"), "delay": {"latency": "3s"}});
    let split = json!({"action": "partition", "mode": "all", "direction": "both", "selector": app("task-api")});
    let code = json!({"target": "Response", "mode": "all", "port": 8080, "selector": app("task-api"), "replace": {"code": 503}});
    for (kind, spec, why) in [
        ("", Value::Null, ""),
        ("NetworkChaos", delay, "Client.Timeout exceeded"),
        ("NetworkChaos", split, "i/o timeout"),
        ("HTTPChaos", code, "unexpected status code: 503"),
    ] {
        // without probes: a pod that fails them gets no questions
        let stage = Stage::with(|world| world.workloads[0].containers[0].readiness = None);
        if !kind.is_empty() {
            stage.create(kind, "trouble", spec).await;
        }
        wait(2.0).await;
        let check = json!({"mode": "Continuous", "type": "HTTP", "intervalSeconds": 2, "failureThreshold": 100,
            "http": {"url": "http://task-api.staging.svc/", "criteria": {"statusCode": "200"}}});
        stage.create("StatusCheck", "asked", check).await;
        wait(3.0).await;
        let said = stage.said("asked").await;
        if why.is_empty() {
            assert!(said.iter().all(|said| !said.contains("failed")), "{said:?}");
        } else {
            assert!(said.iter().any(|said| said.contains(why)), "{why}: {said:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn io_percent_of_zero_should_keep_an_experiment_from_ever_beginning() {
    let stage = Stage::new();
    let spec = json!({"action": "latency", "mode": "one", "delay": "10ms", "percent": 0, "volumePath": "/d", "selector": app("task-api")});
    stage.create("IOChaos", "zero", spec).await;
    wait(3.0).await;
    let chaos = stage.get("iochaos/zero").await;
    assert!(chaos["metadata"]["finalizers"].is_null() && phases(&chaos).is_empty(), "{chaos}");
    let said = stage.said("zero").await;
    assert!(said.iter().filter(|s| s.contains("Cannot update chaos spec")).count() > 5, "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn forbidding_schedule_should_wait_for_its_child_and_then_catch_up() {
    let stage = Stage::new();
    let chaos = json!({"action": "pod-failure", "mode": "one", "duration": "15s", "selector": app("task-api")});
    let spec = json!({"schedule": "@every 10s", "type": "PodChaos", "historyLimit": 5, "podChaos": chaos});
    stage.create("Schedule", "slow", spec).await;
    wait(50.0).await;
    let mut born: Vec<i64> = stage
        .items("podchaos")
        .await
        .iter()
        .map(|c| chrono::DateTime::parse_from_rfc3339(c["metadata"]["creationTimestamp"].as_str().unwrap()).unwrap().timestamp())
        .collect();
    born.sort_unstable();
    let gaps: Vec<i64> = born.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps, [15, 15], "a blocked run fires as soon as the child has finished");
    let said = stage.said("slow").await;
    assert!(said.iter().any(|s| s.starts_with("Forbid Forbid spawning new job because: slow-")), "{said:?}");
    assert_eq!(stage.get("schedules/slow").await["status"]["active"].as_array().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn pause_of_a_schedule_should_reach_its_children_and_stop_the_clock() {
    let stage = Stage::new();
    let chaos = json!({"action": "pod-failure", "mode": "one", "duration": "1h", "selector": app("task-api")});
    let spec = json!({"schedule": "@every 10s", "type": "PodChaos", "historyLimit": 5, "concurrencyPolicy": "Allow", "podChaos": chaos});
    stage.create("Schedule", "often", spec).await;
    wait(12.0).await;
    let pause = |on: Value| json!({"metadata": {"annotations": {"experiment.chaos-mesh.org/pause": on}}});
    stage.ask("PATCH", &format!("{HOME}/schedules/often"), pause(json!("true"))).await;
    wait(30.0).await;
    let children = stage.items("podchaos").await;
    assert_eq!(children.len(), 1);
    assert!(holds(&children[0], "Paused") && phases(&children[0]) == ["Not Injected"]);
    stage.ask("PATCH", &format!("{HOME}/schedules/often"), pause(Value::Null)).await;
    wait(2.0).await;
    let children = stage.items("podchaos").await;
    assert_eq!(children.len(), 2, "the missed run fires at once");
    assert!(children.iter().all(|c| phases(c) == ["Injected"]));
    let marked = children.iter().filter(|c| c["metadata"]["annotations"]["experiment.chaos-mesh.org/pause"] == "false").count();
    assert_eq!(marked, 1);
}

#[tokio::test(start_paused = true)]
async fn parallel_workflow_should_end_with_its_last_child_and_go_with_all_of_them() {
    let stage = Stage::new();
    let kill = json!({"action": "pod-failure", "mode": "one", "selector": app("task-api")});
    let templates = json!([
        {"name": "both", "templateType": "Parallel", "children": ["fail", "rest"]},
        {"name": "fail", "templateType": "PodChaos", "deadline": "6s", "podChaos": kill},
        {"name": "rest", "templateType": "Suspend", "deadline": "3s"},
    ]);
    stage.create("Workflow", "two", json!({"entry": "both", "templates": templates})).await;
    wait(4.0).await;
    assert_eq!(stage.items("workflownodes").await.len(), 3);
    assert_eq!(stage.items("podchaos").await.len(), 1);
    let entry = stage.items("workflownodes").await.into_iter().find(|n| n["spec"]["templateName"] == "both").unwrap();
    assert_eq!(entry["status"]["finishedChildren"].as_array().unwrap().len(), 1);
    wait(4.0).await;
    let workflow = stage.get("workflows/two").await;
    assert!(holds(&workflow, "Accomplished") && workflow["status"]["endTime"].is_string(), "{workflow}");
    assert!(stage.items("podchaos").await.is_empty());
    let said = stage.said("both").await;
    assert!(said.iter().any(|s| s == "NodeAccomplished node accomplished"), "{said:?}");
    stage.ask("DELETE", &format!("{HOME}/workflows/two"), Value::Null).await;
    wait(3.0).await;
    assert!(stage.items("workflownodes").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn failing_check_should_abort_its_workflow() {
    let stage = Stage::new();
    let check = json!({"mode": "Continuous", "type": "HTTP", "intervalSeconds": 1, "failureThreshold": 2,
        "http": {"url": "http://nobody.staging.svc/healthz", "criteria": {"statusCode": "200"}}});
    let fail = json!({"action": "pod-failure", "mode": "one", "selector": app("task-api")});
    let templates = json!([
        {"name": "all", "templateType": "Parallel", "deadline": "60s", "children": ["fail", "watch"]},
        {"name": "fail", "templateType": "PodChaos", "deadline": "50s", "podChaos": fail},
        {"name": "watch", "templateType": "StatusCheck", "deadline": "50s", "abortWithStatusCheck": true, "statusCheck": check},
    ]);
    let mut workflow =
        json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "Workflow", "metadata": {"name": "guarded", "annotations": {"a": "b"}}});
    workflow["spec"] = json!({"entry": "all", "templates": templates});
    assert_eq!(stage.ask("POST", &format!("{HOME}/workflows"), workflow).await.0, 201);
    wait(6.0).await;
    let workflow = stage.get("workflows/guarded").await;
    assert_eq!(workflow["metadata"]["annotations"]["workflow.chaos-mesh.org/abort"], "true");
    assert!(holds(&workflow, "Accomplished"));
    assert!(stage.items("podchaos").await.is_empty(), "what ran has been taken back");
    let said = stage.said("fail-").await;
    assert!(said.iter().any(|s| s.starts_with("ParentNodeAborted abort the node because parent node all-")), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn status_check_should_succeed_while_somebody_answers_and_fail_after() {
    let stage = Stage::new();
    let spec = json!({"mode": "Continuous", "intervalSeconds": 2, "failureThreshold": 2,
        "http": {"url": "http://task-api.staging.svc.cluster.local:80/healthz", "criteria": {"statusCode": "200-299"}}});
    let made = stage.create("StatusCheck", "health", spec).await;
    assert_eq!(
        (&made["spec"]["type"], &made["spec"]["http"]["method"], &made["spec"]["recordsHistoryLimit"]),
        (&json!("HTTP"), &json!("GET"), &json!(100))
    );
    wait(1.0).await;
    let check = stage.get("statuschecks/health").await;
    assert!(check["status"]["startTime"].is_string() && check["status"]["count"].is_null());
    assert_eq!(check["status"]["conditions"].as_array().unwrap().len(), 4);
    wait(4.5).await;
    let check = stage.get("statuschecks/health").await;
    assert_eq!((&check["status"]["count"], holds(&check, "SuccessThresholdExceed")), (&json!(2), true));
    assert_eq!(check["metadata"]["generation"], 1);
    stage.ask("PATCH", "/apis/apps/v1/namespaces/staging/deployments/task-api", json!({"spec": {"replicas": 0}})).await;
    wait(20.0).await;
    let check = stage.get("statuschecks/health").await;
    let completed = check["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Completed").unwrap();
    assert_eq!((&completed["status"], &completed["reason"]), (&json!("True"), &json!("StatusCheckFailureThresholdExceed")));
    let said = stage.said("health").await;
    assert!(said.iter().any(|s| s.contains("connect: connection refused")), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn dns_and_time_chaos_should_live_as_the_others_do() {
    let stage = Stage::new();
    stage.create("DNSChaos", "names", json!({"action": "error", "mode": "all", "duration": "5s", "selector": app("task-api")})).await;
    let made = stage.create("TimeChaos", "clock", json!({"timeOffset": "-10m", "mode": "one", "selector": app("task-api")})).await;
    assert_eq!(made["spec"]["clockIds"], json!(["CLOCK_REALTIME"]));
    let rule = json!({"mode": "one", "target": "Request", "port": 8080, "abort": true, "selector": app("task-api")});
    stage.create("HTTPChaos", "aborts", rule).await;
    wait(2.0).await;
    for path in ["dnschaos/names", "timechaos/clock", "httpchaos/aborts"] {
        assert!(holds(&stage.get(path).await, "AllInjected"), "{path}");
    }
    assert_eq!(stage.items("podhttpchaos").await[0]["spec"]["rules"][0]["selector"]["port"], 8080);
    wait(5.0).await;
    assert!(holds(&stage.get("dnschaos/names").await, "AllRecovered"));
    stage.ask("DELETE", &format!("{HOME}/httpchaos/aborts"), Value::Null).await;
    stage.ask("DELETE", &format!("{HOME}/timechaos/clock"), Value::Null).await;
    wait(2.0).await;
    assert!(stage.items("httpchaos").await.is_empty() && stage.items("timechaos").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn webhooks_should_refuse_in_the_real_words_what_no_recording_holds() {
    let stage = Stage::new();
    let io = |more: Value| {
        let mut spec = json!({"action": "latency", "mode": "fixed", "value": "x", "volumePath": "/d", "selector": {}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let why = "Invalid value: \"x\": parse value field error:strconv.Atoi: parsing \"x\": invalid syntax";
    let all = format!(
        "admission webhook \"viochaos.kb.io\" denied the request: [Spec.value: {why}, Spec.ContainerSelector.value: {why}, Spec.ContainerSelector.PodSelector.value: {why}]"
    );
    assert_eq!(stage.refused("IOChaos", io(json!({}))).await, (403, all));
    let cases = [
        (
            "StressChaos",
            json!({"mode": "one", "stressors": {"memory": {"workers": 9000}}}),
            422,
            "spec.stressors.memory.workers: Invalid value: 9000: spec.stressors.memory.workers in body should be less than or equal to 8192",
        ),
        (
            "HTTPChaos",
            json!({"mode": "one", "target": "Request", "method": "FETCH", "port": 80}),
            403,
            "Spec.Method: Invalid value: \"FETCH\": method FETCH is not supported",
        ),
        ("HTTPChaos", json!({"mode": "one", "target": "Request"}), 403, "Spec.Port: Invalid value: 0: port 0 is not supported"),
        (
            "TimeChaos",
            json!({"mode": "one", "timeOffset": "soon"}),
            403,
            "Spec.TimeOffset: Invalid value: \"soon\": parse timeOffset field error:time: invalid duration \"soon\"",
        ),
        (
            "DNSChaos",
            json!({"mode": "one", "action": "lie"}),
            422,
            "spec.action: Unsupported value: \"lie\": supported values: \"error\", \"random\"",
        ),
        ("StatusCheck", json!({"type": "HTTP"}), 403, "Spec.http: Invalid value: null: the detail of http status check is required"),
        (
            "StatusCheck",
            json!({"http": {"url": "task-api", "criteria": {"statusCode": "0"}}}),
            403,
            "Spec.EmbedStatusCheck.HTTPStatusCheck.url: Invalid value: \"task-api\": invalid http request url",
        ),
        (
            "Schedule",
            json!({"schedule": "@every 1m", "type": "PodChaos", "startingDeadlineSeconds": 0, "podChaos": {"action": "pod-kill", "mode": "one"}}),
            422,
            "spec.startingDeadlineSeconds: Invalid value: 0: spec.startingDeadlineSeconds in body should be greater than 0",
        ),
        (
            "Workflow",
            json!({"entry": "a", "templates": [{"name": "a", "templateType": "Dance"}]}),
            403,
            "spec.templates[0].templateType: Invalid value: \"Dance\": unrecognized template type: Dance",
        ),
        (
            "Workflow",
            json!({"entry": "a", "templates": [{"name": "a", "templateType": "Suspend", "deadline": "1s"}, {"name": "a", "templateType": "Suspend", "deadline": "1s"}]}),
            403,
            "spec.templates: Invalid value: \"\": template name must be unique, duplicated names: [a]",
        ),
        (
            "Workflow",
            json!({"entry": "a", "templates": [{"name": "a", "templateType": "Serial", "wrong": 1}]}),
            400,
            "strict decoding error: unknown field \"spec.templates[0].wrong\"",
        ),
        (
            "NetworkChaos",
            json!({"action": "loss", "mode": "one", "loss": {"loss": 10}}),
            400,
            "json: cannot unmarshal number into Go struct field LossSpec.spec.TcParameter.loss.loss of type string",
        ),
    ];
    for (kind, spec, code, words) in cases {
        let (given, why) = stage.refused(kind, spec).await;
        assert!(given == code && why.contains(words), "{kind}: {given} {why}");
    }
}

#[tokio::test(start_paused = true)]
async fn aiming_at_a_namespace_should_need_the_right_to_create_there() {
    let stage = Stage::new();
    let denial =
        Denial { verb: "create".into(), group: "chaos-mesh.org".into(), resource: "podchaos".into(), namespace: Some("shop".into()) };
    stage.cluster.trouble().deny(denial);
    let spec = |namespace: &str| json!({"action": "pod-kill", "mode": "one", "selector": {"namespaces": [namespace]}});
    let (code, why) = stage.refused("PodChaos", spec("shop")).await;
    let words =
        "admission webhook \"vauth.kb.io\" denied the request: system:serviceaccount:gameday:gameday is forbidden on namespace shop";
    assert_eq!((code, why.as_str()), (403, words));
    stage.create("PodChaos", "here", spec("staging")).await;
}

/// A process that is stopped says nothing, and one that starts looks at everything (controller-runtime's manager).
#[tokio::test(start_paused = true)]
async fn webhooks_should_be_asked_as_their_configurations_say() {
    let stage = Stage::new();
    let group = "/apis/admissionregistration.k8s.io/v1";
    let [mutation, validation] = [("mutating", "chaos-mesh-mutation"), ("validating", "chaos-mesh-validation")]
        .map(|(kind, name)| format!("{group}/{kind}webhookconfigurations/{name}"));
    let authorization = format!("{validation}-auth");
    let configured = stage.ask("GET", &mutation, Value::Null).await.1;
    assert_eq!(configured["webhooks"][0]["name"], "mpodchaos.kb.io");
    let spec = json!({"action": "pod-failure", "mode": "one", "duration": "5s", "selector": app("task-api")});
    stage.create("PodChaos", "stuck", spec.clone()).await;
    wait(1.0).await;
    stage.cluster.trouble().chaos_controller_down(true);
    stage.ask("DELETE", &format!("{HOME}/podchaos/stuck"), Value::Null).await;
    // each stands in the way until it is gone: the way out of last resort
    for (configuration, webhook) in [(&mutation, "mpodchaos.kb.io"), (&validation, "vpodchaos.kb.io"), (&authorization, "vauth.kb.io")] {
        let (code, answer) = stage.ask("PATCH", &format!("{HOME}/podchaos/stuck"), json!({"metadata": {"finalizers": []}})).await;
        let why = answer["message"].as_str().unwrap_or_default();
        assert!(code == 500 && why.contains(&format!("failed calling webhook \"{webhook}\"")), "{code} {why}");
        assert_eq!(stage.ask("DELETE", configuration, Value::Null).await.0, 200);
    }
    let (code, answer) = stage.ask("PATCH", &format!("{HOME}/podchaos/stuck"), json!({"metadata": {"finalizers": []}})).await;
    assert_eq!(code, 200, "{answer}");
    assert!(stage.items("podchaos").await.is_empty());
    stage.cluster.trouble().chaos_controller_down(false);
    let mut odd = spec;
    odd["duration"] = json!("soon");
    stage.create("PodChaos", "odd", odd).await;
}

#[tokio::test(start_paused = true)]
async fn stopped_controllers_should_be_silent_and_started_ones_should_look_at_everything() {
    let stage = Stage::new();
    let failure = |more: Value| {
        let mut spec = json!({"action": "pod-failure", "mode": "one", "selector": app("task-db")});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    stage.create("PodChaos", "over", failure(json!({"duration": "5s"}))).await;
    stage.create("PodChaos", "nobody", failure(json!({"selector": app("no-such-app")}))).await;
    wait(1.0).await;
    stage.cluster.trouble().chaos_controller_down(true);
    let before = (stage.said("over").await.len(), stage.said("nobody").await.len());
    wait(10.0).await;
    assert_eq!((stage.said("over").await.len(), stage.said("nobody").await.len()), before, "nobody is there to say anything");
    stage.cluster.trouble().chaos_controller_down(false);
    wait(1.0).await;
    assert!(holds(&stage.get("podchaos/over").await, "AllRecovered"), "what is over is recovered at once");
    assert_eq!(stage.said("nobody").await.len(), before.1 + 1, "and what found nothing is selected for again");
}

/// `controllers/chaosimpl/podchaos/podfailure/impl.go`, `pkg/annotation/utils.go`.
#[tokio::test(start_paused = true)]
async fn pod_failure_should_keep_the_images_of_every_container_under_their_own_names() {
    let stage = Stage::new();
    let container = |name: &str| json!({"name": name, "image": format!("registry.example/{name}:1")});
    let mut kept = container("kept");
    kept["name"] = json!("c");
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "two", "labels": {"app": "two"},
        "annotations": {"chaos-mesh-swap-pod-failure-c-normal-image": "registry.example/older:1"}},
        "spec": {"initContainers": [container("first")], "containers": [container("a"), kept]}});
    assert_eq!(stage.ask("POST", "/api/v1/namespaces/staging/pods", pod).await.0, 201);
    wait(5.0).await;
    stage.create("PodChaos", "swap", json!({"action": "pod-failure", "mode": "all", "selector": app("two")})).await;
    wait(1.0).await;
    let pod = stage.ask("GET", "/api/v1/namespaces/staging/pods/two", Value::Null).await.1;
    let pause = "gcr.io/google-containers/pause:latest";
    assert_eq!(pod["metadata"]["annotations"]["chaos-mesh-swap-pod-failure-first-init-image"], "registry.example/first:1");
    assert_eq!((&pod["spec"]["initContainers"][0]["image"], &pod["spec"]["containers"][0]["image"]), (&json!(pause), &json!(pause)));
    assert_eq!(pod["spec"]["containers"][1]["image"], "registry.example/kept:1", "whose image is kept already is left alone");
    stage.ask("DELETE", &format!("{HOME}/podchaos/swap"), Value::Null).await;
    wait(1.0).await;
    let pod = stage.ask("GET", "/api/v1/namespaces/staging/pods/two", Value::Null).await.1;
    assert_eq!(pod["metadata"]["annotations"], Value::Null);
    assert_eq!(pod["spec"]["initContainers"][0]["image"], "registry.example/first:1");
}

/// `controllers/podnetworkchaos/controller.go` wraps what the rules themselves are wrong about.
#[tokio::test(start_paused = true)]
async fn shaping_without_parameters_should_fail_in_the_words_of_its_pod() {
    let stage = Stage::new();
    stage.create("NetworkChaos", "empty", json!({"action": "delay", "mode": "one", "selector": app("task-db")})).await;
    wait(1.0).await;
    let rules = stage.items("podnetworkchaos").await.remove(0);
    let pod = rules["metadata"]["name"].as_str().unwrap();
    let why = format!(
        "failed to apply for pod staging/{pod}: invalid spec for netem action, at least one is required from delay, loss, duplicate, corrupt"
    );
    assert_eq!(rules["status"]["failedMessage"], why);
    assert!(stage.said(pod).await.contains(&format!("Failed Failed to set tc: {why}")));
}

/// `controllers/chaosimpl/networkchaos/trafficcontrol/impl.go` clears on both sides; only the partition beside it thinks of a pod on both.
#[tokio::test(start_paused = true)]
async fn pod_on_both_sides_should_keep_both_rules_of_a_partition_and_the_last_of_a_delay() {
    let stage = Stage::new();
    let target = json!({"mode": "all", "selector": app("task-db")});
    let spec = |action: &str| json!({"action": action, "mode": "all", "direction": "both", "selector": app("task-db"), "target": target, "delay": {"latency": "5ms"}});
    for (action, name, count) in [("delay", "slow", 3), ("partition", "split", 12)] {
        stage.create("NetworkChaos", name, spec(action)).await;
        wait(1.0).await;
        let rules = stage.items("podnetworkchaos").await.remove(0);
        let own = |list: &Value| list.as_array().into_iter().flatten().filter(|r| r["source"] == format!("staging/{name}")).count();
        assert_eq!(own(&rules["spec"]["ipsets"]), count, "{action}: {}", rules["spec"]);
    }
}

/// `pkg/selector/generic/registry`, `pkg/selector/generic/annotation`, `pkg/selector/pod/node_selector.go`.
#[tokio::test(start_paused = true)]
async fn selectors_that_cannot_be_read_should_name_themselves() {
    let stage = Stage::new();
    for (name, selector, why) in [
        ("node", json!({"nodes": ["nowhere"]}), "cannot parse node selector, msg: Node \"nowhere\" not found"),
        ("note", json!({"annotationSelectors": {"a": "b c"}}), "cannot parse annotation selector, msg: unable to parse requirement: "),
        (
            "label",
            json!({"expressionSelectors": [{"key": "a", "operator": "Near", "values": ["b"]}]}),
            "cannot parse label selector, msg: \"Near\" is not a valid label selector operator",
        ),
        ("none", json!({"annotationSelectors": {"absent": ""}}), "no pod is selected"),
        ("field", json!({"fieldSelectors": {"spec.color": "red"}}), "field label not supported: spec.color"),
    ] {
        stage.create("PodChaos", name, json!({"action": "pod-kill", "mode": "one", "selector": selector})).await;
        wait(0.5).await;
        let said = stage.said(name).await;
        assert!(said.iter().any(|s| s.starts_with(&format!("Failed Failed to select targets: {why}"))), "{name}: {said:?}");
    }
}

/// `pkg/workflow/controllers/abort_node_reconciler.go` writes into a map that a Workflow without annotations does not have.
#[tokio::test(start_paused = true)]
async fn failing_check_should_not_abort_a_workflow_that_has_no_annotation() {
    let stage = Stage::new();
    let check = json!({"intervalSeconds": 1, "failureThreshold": 1, "http": {"url": "http://nobody.staging.svc/", "criteria": {"statusCode": "200"}}});
    let templates = json!([
        {"name": "all", "templateType": "Serial", "deadline": "60s", "children": ["watch", "rest"]},
        {"name": "watch", "templateType": "StatusCheck", "deadline": "50s", "abortWithStatusCheck": true, "statusCheck": check},
        {"name": "rest", "templateType": "Suspend", "deadline": "40s"},
    ]);
    stage.create("Workflow", "bare", json!({"entry": "all", "templates": templates})).await;
    wait(5.0).await;
    let names: Vec<Value> = stage.items("workflownodes").await.iter().map(|node| node["spec"]["templateName"].clone()).collect();
    assert!(names.contains(&json!("rest")), "it goes on: {names:?}");
    assert!(!holds(&stage.get("workflows/bare").await, "Accomplished"));
    let annotated = json!({"metadata": {"annotations": {"a": "b"}}});
    assert_eq!(stage.ask("PATCH", &format!("{HOME}/workflows/bare"), annotated).await.0, 200);
    wait(10.0).await;
    assert!(holds(&stage.get("workflows/bare").await, "Accomplished"), "the next try finds the map");
}

/// `controllers/statuscheck/manager.go` begins with what the status holds.
#[tokio::test(start_paused = true)]
async fn status_check_should_go_on_counting_after_its_controller_was_away() {
    let stage = Stage::new();
    let http = json!({"url": "http://task-api.staging.svc/", "criteria": {"statusCode": "200"}});
    stage.create("StatusCheck", "long", json!({"mode": "Continuous", "intervalSeconds": 1, "http": http})).await;
    wait(3.5).await;
    stage.cluster.trouble().chaos_controller_down(true);
    wait(2.0).await;
    stage.cluster.trouble().chaos_controller_down(false);
    wait(2.5).await;
    let check = stage.get("statuschecks/long").await;
    assert_eq!((&check["status"]["count"], check["status"]["records"].as_array().unwrap().len()), (&json!(5), 5));
}
