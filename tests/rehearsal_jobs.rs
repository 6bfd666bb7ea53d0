//! Jobs and `CronJobs`, as a client sees them go.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::time::Duration;

use gameday::rehearsal::{PracticeCluster, World};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::time::sleep;

struct Place {
    _cluster: PracticeCluster,
    jobs: Api<Job>,
    cron_jobs: Api<CronJob>,
    pods: Api<Pod>,
    events: Api<Event>,
}

fn place() -> Place {
    let cluster = PracticeCluster::start(World::task_api("staging"), 8);
    let client = Client::new(cluster.service(), "staging");
    let (jobs, cron_jobs) = (Api::default_namespaced(client.clone()), Api::default_namespaced(client.clone()));
    Place { _cluster: cluster, jobs, cron_jobs, pods: Api::default_namespaced(client.clone()), events: Api::default_namespaced(client) }
}

fn spec(command: &str, more: &Value) -> Value {
    let mut spec = json!({"template": {"spec": {"restartPolicy": "Never", "containers": [
        {"name": "main", "image": "registry.example/task-api:1", "command": ["sh", "-c", command]}]}}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec
}

impl Place {
    async fn run(&self, name: &str, command: &str, more: Value) {
        let job = json!({"metadata": {"name": name}, "spec": spec(command, &more)});
        self.jobs.create(&PostParams::default(), &serde_json::from_value(job).unwrap()).await.unwrap();
    }

    async fn status(&self, name: &str) -> Value {
        serde_json::to_value(self.jobs.get(name).await.unwrap().status.unwrap()).unwrap()
    }

    async fn told(&self, name: &str) -> Vec<(String, String)> {
        let events = self.events.list(&ListParams::default().fields(&format!("involvedObject.name={name}"))).await.unwrap();
        events.items.into_iter().map(|e| (e.reason.unwrap_or_default(), e.message.unwrap_or_default())).collect()
    }

    async fn pods_of(&self, name: &str) -> usize {
        self.pods.list(&ListParams::default().labels(&format!("job-name={name}"))).await.unwrap().items.len()
    }
}

fn reasons(status: &Value) -> Vec<(String, String)> {
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    conditions.iter().map(|c| (c["type"].as_str().unwrap().to_owned(), c["reason"].as_str().unwrap().to_owned())).collect()
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn job_should_run_so_many_at_once_until_enough_have_ended_well() {
    let place = place();
    place.run("load", "sleep 5", json!({"completions": 5, "parallelism": 2, "ttlSecondsAfterFinished": 60})).await;
    sleep(Duration::from_secs(4)).await;
    let status = place.status("load").await;
    assert_eq!((&status["active"], &status["succeeded"]), (&json!(2), &Value::Null), "{status}");
    let job = place.jobs.get("load").await.unwrap();
    let uid = job.uid().unwrap();
    assert_eq!(
        job.spec.as_ref().unwrap().selector.as_ref().unwrap().match_labels.as_ref().unwrap()["batch.kubernetes.io/controller-uid"],
        uid
    );
    assert_eq!(job.spec.as_ref().unwrap().backoff_limit, Some(6));
    sleep(Duration::from_secs(20)).await;
    let status = place.status("load").await;
    assert_eq!((&status["active"], &status["succeeded"]), (&Value::Null, &json!(5)), "{status}");
    assert_eq!(reasons(&status), pairs(&[("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached")]));
    assert!(status["completionTime"].is_string());
    let told = place.told("load").await;
    assert_eq!(told.iter().filter(|(reason, _)| reason == "SuccessfulCreate").count(), 5);
    assert!(told.contains(&("Completed".to_owned(), "Job completed".to_owned())), "{told:?}");
    assert_eq!(place.pods_of("load").await, 5, "the pods stay for their logs");
    sleep(Duration::from_secs(70)).await;
    assert!(place.jobs.get_opt("load").await.unwrap().is_none(), "its time to live is over");
    assert_eq!(place.pods_of("load").await, 0);
}

#[tokio::test(start_paused = true)]
async fn job_should_give_up_after_its_failures_and_its_time() {
    let place = place();
    place.run("ill", "exit 1", json!({"backoffLimit": 2})).await;
    place.run("long", "sleep 3600", json!({"activeDeadlineSeconds": 20})).await;
    sleep(Duration::from_secs(8)).await;
    assert_eq!(place.status("ill").await["failed"], 1, "the next one is put off by ten seconds");
    sleep(Duration::from_mins(1)).await;
    let status = place.status("ill").await;
    assert_eq!(status["failed"], 3, "{status}");
    assert_eq!(reasons(&status), pairs(&[("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded")]));
    assert!(
        place.told("ill").await.contains(&("BackoffLimitExceeded".to_owned(), "Job has reached the specified backoff limit".to_owned()))
    );
    let status = place.status("long").await;
    assert_eq!(reasons(&status), pairs(&[("FailureTarget", "DeadlineExceeded"), ("Failed", "DeadlineExceeded")]), "{status}");
    assert_eq!((&status["active"], place.pods_of("long").await), (&Value::Null, 0));
}

#[tokio::test(start_paused = true)]
async fn suspended_job_should_wait_and_a_deleted_one_should_take_its_pods_along() {
    let place = place();
    place.run("later", "sleep 30", json!({"suspend": true})).await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!((place.pods_of("later").await, reasons(&place.status("later").await)), (0, pairs(&[("Suspended", "JobSuspended")])));
    let change = async |suspend: bool| {
        let change = json!({"spec": {"suspend": suspend}});
        place.jobs.patch("later", &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
    };
    change(false).await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!((place.pods_of("later").await, reasons(&place.status("later").await)), (1, pairs(&[("Suspended", "JobResumed")])));
    change(true).await;
    sleep(Duration::from_secs(10)).await;
    let status = place.status("later").await;
    assert_eq!((place.pods_of("later").await, &status["failed"]), (0, &Value::Null), "{status}");
    change(false).await;
    sleep(Duration::from_secs(5)).await;
    place.jobs.delete("later", &DeleteParams::background()).await.unwrap();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(place.pods_of("later").await, 0);
}

#[tokio::test(start_paused = true)]
async fn cron_job_should_start_jobs_at_its_times_as_its_policy_allows() {
    let place = place();
    for (name, policy, command) in [("short", "Allow", "sleep 5"), ("one", "Forbid", "sleep 150"), ("newest", "Replace", "sleep 150")] {
        let cron_job = json!({"metadata": {"name": name}, "spec": {"schedule": "* * * * *", "concurrencyPolicy": policy, "successfulJobsHistoryLimit": 2,
            "jobTemplate": {"spec": spec(command, &json!({}))}}});
        place.cron_jobs.create(&PostParams::default(), &serde_json::from_value(cron_job).unwrap()).await.unwrap();
    }
    sleep(Duration::from_secs(4 * 60 + 30)).await;
    let of = async |name: &str| -> Vec<Job> {
        let all = place.jobs.list(&ListParams::default()).await.unwrap().items;
        all.into_iter().filter(|job| job.owner_references().iter().any(|owner| owner.name == name)).collect()
    };
    assert_eq!(of("short").await.len(), 2, "two of four are kept");
    assert_eq!(of("newest").await.len(), 1, "each replaces the one before");
    let one = of("one").await;
    assert!(one.len() == 2 && one.iter().filter(|job| job.status.as_ref().unwrap().completion_time.is_none()).count() == 1, "{one:?}");
    let told = place.told("one").await;
    let why = "Not starting job because prior execution is running and concurrency policy is Forbid";
    assert!(told.contains(&("JobAlreadyActive".to_owned(), why.to_owned())), "{told:?}");
    assert!(place.told("short").await.iter().any(|(reason, m)| reason == "SawCompletedJob" && m.ends_with("condition: Complete")));
    let status = place.cron_jobs.get("newest").await.unwrap().status.unwrap();
    assert!(status.active.unwrap().len() == 1 && status.last_schedule_time.is_some());
    let stop = json!({"spec": {"suspend": true}});
    place.cron_jobs.patch("short", &PatchParams::default(), &Patch::Merge(stop)).await.unwrap();
    let before: Vec<String> = of("short").await.iter().map(ResourceExt::name_any).collect();
    sleep(Duration::from_mins(2)).await;
    assert_eq!(of("short").await.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), before);
}
