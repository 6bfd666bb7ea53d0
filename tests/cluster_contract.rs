//! The contract: the same calls to the practice cluster and to a real API server, and every answer and watch event compared.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::needless_pass_by_value,
    reason = "a test stops where it fails, and says what differs; bodies are written where they are sent"
)]

#[path = "contract/calls.rs"]
mod calls;
mod support;
#[path = "contract/table.rs"]
mod table;
#[path = "contract/talk.rs"]
mod talk;

use std::collections::BTreeSet;

use gameday::rehearsal::{PracticeCluster, World};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams};
use serde_json::{Value, json};
use support::cluster::{cluster, wait};
use talk::{Answer, Talk, differences, is_like};

const PLACE: &str = "gameday-test-contract";

fn of_practice() -> Vec<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let cluster = PracticeCluster::start(World::default(), 1);
        let mut talk = Talk::new(kube::Client::new(cluster.service(), PLACE), PLACE, "policy/v1");
        calls::all(&mut talk).await;
        talk.end().await
    })
}

/// What the real API server answered when this was written; `GAMEDAY_CONTRACT_RECORD=1` writes it anew.
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/contract/answers-1.20.jsonl");

fn recorded() -> Vec<Answer> {
    let text = std::fs::read_to_string(RECORDED).unwrap();
    let answer = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        Answer { call: line["call"].as_str().unwrap().to_owned(), body: line["answer"].take() }
    };
    text.lines().map(answer).collect()
}

/// Every difference that no row of the tables explains, and the rows that explain none.
fn compare(ours: &[Answer], real: &[Answer]) -> (Vec<String>, Vec<String>) {
    let body = |answers: &[Answer], call: &str| answers.iter().find(|a| a.call == call).map_or(Value::Null, |a| a.body.clone());
    let rows: Vec<_> = table::MEANT.iter().chain(table::OPEN).collect();
    let mut used = BTreeSet::new();
    let mut found = Vec::new();
    let mut calls: Vec<&String> = real.iter().map(|answer| &answer.call).collect();
    calls.extend(ours.iter().map(|answer| &answer.call).filter(|call| !real.iter().any(|answer| answer.call == **call)));
    for call in &calls {
        for (at, mine, theirs) in differences(&body(ours, call), &body(real, call)) {
            let row = rows.iter().position(|(which, place, _)| is_like(call, which) && is_like(&at, place));
            match row {
                Some(row) => drop(used.insert(row)),
                None => found.push(format!("{call}: {at}\n  ours: {}\n  real: {}", said(mine), said(theirs))),
            }
        }
    }
    println!(
        "{} answers and watches compared; {} kinds of differences meant, {} to be mended",
        calls.len(),
        table::MEANT.len(),
        table::OPEN.len()
    );
    let idle = rows.iter().enumerate().filter(|(row, _)| !used.contains(row));
    (found, idle.map(|(_, row)| format!("a row that explains nothing: {row:?}")).collect())
}

/// Whether an answer (or the one event of a watch) says 410; also a refusal that is none is an answer to compare.
fn is_expired(answer: &Value) -> bool {
    answer["code"] != 200 || answer["body"]["object"]["code"] == 410
}

fn said(value: Option<Value>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[test]
fn calls_should_all_be_answered_and_have_names_of_their_own() {
    let answers = of_practice();
    let names: BTreeSet<&str> = answers.iter().map(|answer| answer.call.as_str()).collect();
    let twice: Vec<&Answer> =
        answers.iter().filter(|a| a.body == "never" || answers.iter().filter(|b| b.call == a.call).count() > 1).collect();
    assert!(twice.is_empty(), "a name twice, or never satisfied: {twice:?}");
    assert!(names.len() > 150, "{}", names.len());
}

#[test]
fn practice_cluster_should_answer_as_recorded_from_a_real_api_server() {
    let (mut found, idle) = compare(&of_practice(), &recorded());
    found.extend(idle);
    assert!(found.is_empty(), "{} unexplained differences\n{}", found.len(), found.join("\n"));
}

#[test]
fn practice_cluster_should_answer_as_the_real_api_server() {
    let Some(cluster) = cluster() else { return };
    let client = cluster.plain_client();
    let real = cluster.runtime.block_on(async {
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let _ = namespaces.delete(PLACE, &DeleteParams::default()).await;
        wait("the old namespace to go", || async { namespaces.get_opt(PLACE).await.unwrap().is_none() }).await;
        let mut talk = Talk::new(client.clone(), PLACE, "policy/v1beta1");
        calls::all(&mut talk).await;
        talk.end().await
    });
    if std::env::var_os("GAMEDAY_CONTRACT_RECORD").is_some_and(|set| set == "1") {
        let lines: Vec<String> = real.iter().map(|answer| json!({"call": answer.call, "answer": answer.body}).to_string() + "\n").collect();
        std::fs::write(RECORDED, lines.concat()).unwrap();
    }
    let mut ours = of_practice();
    let mut real = real;
    for group in table::OF_THE_PAST {
        if real.iter().any(|answer| answer.call == group[0] && is_expired(&answer.body)) {
            continue;
        }
        println!("not compared, the server is too young to have forgotten its first revision: {}", group.join(", "));
        for answers in [&mut ours, &mut real] {
            answers.retain(|answer| !group.contains(&answer.call.as_str()));
        }
    }
    // Some rows are about moments, which another day's answers may not show.
    let (found, _) = compare(&ours, &real);
    assert!(found.is_empty(), "{} unexplained differences\n{}", found.len(), found.join("\n"));
}
