//! Laws that the service model keeps, whatever happens to its pods and networks.

use std::time::Duration;

use gameday::rehearsal::NetworkFault;
use gameday::rehearsal::controllers::chaos::daemon::{Effect, Ways};
use gameday::rehearsal::controllers::chaos::http_chaos::HttpFault;
use gameday::rehearsal::dice::Dice;
use gameday::rehearsal::traffic::mesh::Mesh;
use gameday::rehearsal::traffic::network::Rule;
use gameday::rehearsal::traffic::sight::{Disk, Pod, Sight};
use gameday::rehearsal::traffic::tally::{BUCKETS, Tally};
use gameday::rehearsal::world::{Traffic, Workload};
use proptest::prelude::*;

const MILLI: u64 = 1000;

/// A front that calls a middle that calls a back.
fn chain(front: Traffic, middle: Traffic, back: Traffic) -> Vec<Workload> {
    let one = |name: &str, traffic, calls: &[&str]| Workload {
        traffic: Some(traffic),
        calls: calls.iter().map(|call| (*call).to_owned()).collect(),
        ..Workload::deployment("a", name, 2)
    };
    vec![one("front", front, &["middle"]), one("middle", middle, &["back"]), one("back", back, &[])]
}

fn pod(service: usize, number: usize, life: u32) -> Pod {
    Pod {
        name: format!("pod-{service}-{number}").into(),
        ip: format!("10.244.{service}.{number}").into(),
        container: format!("c-{service}-{number}-{life}").into(),
        listening: true,
        cpu_limit: Some(0.2),
        cpu_request: 0.1,
        memory_request: 64e6,
        memory_limit: Some(128e6),
        ..Pod::default()
    }
}

fn sight(pods: Vec<Pod>) -> Sight {
    Sight { routes: pods.iter().map(|pod| pod.name.clone()).collect(), pods }
}

fn rule(effect: Effect) -> Rule {
    Rule::of(&NetworkFault { namespace: "a".to_owned(), pod: "p".to_owned(), effect, towards: None })
}

fn slow(delay: u64, jitter: u64, loss: f64) -> Rule {
    let millis = Duration::from_millis;
    rule(Effect::Shaped { delay: millis(delay), jitter: millis(jitter), loss, duplicate: 0.0, corrupt: 0.0, rate: None })
}

/// All tries of a service, by what became of them.
fn accounted(mesh: &Mesh, service: usize) -> f64 {
    let of = &mesh.services[service];
    let answered: f64 = of.replicas.values().map(|replica| replica.tally.total()).sum();
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let others = (of.retried + mesh.waiting(service)) as f64;
    answered + of.buried + of.unanswered.total() + of.unheard + others
}

/// What happens to a pod at a step.
#[derive(Debug, Clone)]
enum Blow {
    Restart,
    Vanish,
    Drain,
    Cut,
    Slow(u64, f64),
    Burn(f64),
    Disk(f64),
    Heal,
}

fn blows() -> impl Strategy<Value = Blow> {
    prop_oneof![
        Just(Blow::Restart),
        Just(Blow::Vanish),
        Just(Blow::Drain),
        Just(Blow::Cut),
        (1_u64..1500, 0.0..0.7).prop_map(|(delay, loss)| Blow::Slow(delay, loss)),
        (0.1..4.0).prop_map(Blow::Burn),
        (0.0..0.9).prop_map(Blow::Disk),
        Just(Blow::Heal),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn requests_should_be_answered_failed_or_under_way(
        seed in any::<u64>(),
        rps in 5.0..120.0,
        capacity in 10.0..200.0,
        concurrency in 1_u32..40,
        backlog in 0_u32..40,
        retries in 0_u32..3,
        pool in 0_u32..5,
        steps in prop::collection::vec((0_usize..3, 0_usize..2, blows()), 0..40),
    ) {
        let front = Traffic { rps, capacity, concurrency, backlog, retries, timeout: Duration::from_millis(700), ..Traffic::steady(rps) };
        let middle = Traffic { capacity, concurrency, backlog, retries, pool, ..Traffic::called() };
        let back = Traffic { pool, retries, disk: 1, error_share: 0.01, ..Traffic::called() };
        let mut mesh = Mesh::new(&chain(front, middle, back), &Dice::new(seed), 0);
        let mut pods: Vec<Vec<Option<Pod>>> = (0..3).map(|service| (0..2).map(|number| Some(pod(service, number, 0))).collect()).collect();
        let mut now = 0;
        for (life, (service, number, blow)) in steps.into_iter().enumerate() {
            for (service, pods) in pods.iter().enumerate() {
                mesh.see(service, &sight(pods.iter().flatten().cloned().collect()));
            }
            let before: Vec<f64> = mesh.services.iter().map(|service| service.unanswered.total()).collect();
            now += 137 * MILLI;
            mesh.run(now);
            for (service, before) in before.into_iter().enumerate() {
                let sent = mesh.services[service].sent;
                #[expect(clippy::cast_precision_loss, reason = "some thousands")]
                let sent = sent as f64;
                prop_assert!((accounted(&mesh, service) - sent).abs() < 0.5, "service {service}: sent {sent}, found {}", accounted(&mesh, service));
                prop_assert!(mesh.services[service].unanswered.total() >= before, "what was counted stays counted");
                for replica in mesh.services[service].replicas.values() {
                    prop_assert!(replica.working <= mesh.services[service].traffic.concurrency);
                    prop_assert!(replica.queue.len() <= mesh.services[service].traffic.backlog as usize);
                }
            }
            let place = &mut pods[service][number];
            let life = u32::try_from(life).unwrap() + 1;
            match (blow, place.as_mut()) {
                (Blow::Vanish, _) => *place = None,
                (Blow::Restart | Blow::Heal, _) | (_, None) => *place = Some(pod(service, number, life)),
                (Blow::Drain, Some(pod)) => pod.draining = true,
                (Blow::Cut, Some(pod)) => pod.rules = vec![rule(Effect::Dropped(Ways { outgoing: true, incoming: true }))],
                (Blow::Slow(delay, loss), Some(pod)) => pod.rules = vec![slow(delay, delay / 3, loss)],
                (Blow::Burn(burners), Some(pod)) => (pod.burners, pod.burning) = (burners, burners),
                (Blow::Disk(share), Some(pod)) => pod.disk = Disk { late: share, delay: 0.3, failing: share / 2.0 },
            }
        }
        // nothing is left hanging: once nobody comes any more, all is answered or given up
        for service in &mut mesh.services {
            service.traffic.rps = 0.0;
        }
        mesh.run(now + 30_000 * MILLI);
        for service in 0..3 {
            prop_assert_eq!(mesh.waiting(service), 0);
        }
    }

    #[test]
    fn no_answer_should_come_faster_than_the_network(seed in any::<u64>(), delay in 30_u64..600, loss in 0.0..0.4) {
        let front = Traffic { timeout: Duration::from_secs(5), ..Traffic::steady(40.0) };
        let workloads = vec![Workload { traffic: Some(front), ..Workload::deployment("a", "front", 2) }];
        let mut mesh = Mesh::new(&workloads, &Dice::new(seed), 0);
        let slowed = |number| Pod { rules: vec![slow(delay, 0, loss)], ..pod(0, number, 0) };
        mesh.see(0, &sight(vec![slowed(0), slowed(1)]));
        mesh.run(20_000 * MILLI);
        #[expect(clippy::cast_precision_loss, reason = "milliseconds below a second")]
        let least = delay as f64 / 1000.0;
        let early = |tally: &Tally| tally.buckets.iter().zip(BUCKETS).filter(|(_, end)| *end < least).map(|(count, _)| count).sum::<f64>();
        let all: f64 = mesh.services[0].replicas.values().map(|replica| replica.tally.total()).sum();
        prop_assert!(all > 100.0, "{all}");
        for replica in mesh.services[0].replicas.values() {
            prop_assert!(early(&replica.tally) < 0.5);
        }
    }
}

fn run(front: Traffic, middle: Traffic, back: Traffic, hurt: impl Fn(usize, &mut Pod)) -> Mesh {
    let mut mesh = Mesh::new(&chain(front, middle, back), &Dice::new(5), 0);
    for step in 0..400_u64 {
        for service in 0..3 {
            let mut pods = vec![pod(service, 0, 0), pod(service, 1, 0)];
            if step > 100 {
                for pod in &mut pods {
                    hurt(service, pod);
                }
            }
            mesh.see(service, &sight(pods));
        }
        mesh.run((step + 1) * 100 * MILLI);
    }
    mesh
}

#[test]
fn retries_should_make_a_slow_callee_busier() {
    let back = |retries| Traffic { retries, timeout: Duration::from_millis(200), ..Traffic::called() };
    let slow_back = |service: usize, pod: &mut Pod| {
        if service == 2 {
            pod.rules = vec![slow(400, 0, 0.0)];
        }
    };
    let sent = |retries| run(Traffic::steady(40.0), Traffic::called(), back(retries), slow_back).services[2].sent;
    let (plain, stubborn) = (sent(0), sent(2));
    assert!(stubborn > 2 * plain, "each tries three times: {plain} {stubborn}");
}

#[test]
fn pool_should_hold_a_caller_back() {
    let back = |pool| Traffic { pool, timeout: Duration::from_millis(900), ..Traffic::called() };
    let slow_back = |service: usize, pod: &mut Pod| {
        if service == 2 {
            pod.rules = vec![slow(300, 0, 0.0)];
        }
    };
    let failed = |pool| {
        let mesh = run(Traffic::steady(40.0), Traffic::called(), back(pool), slow_back);
        let errors = |tally: &Tally| tally.codes.iter().filter(|((code, _), _)| *code >= 500).map(|(_, count)| count).sum::<f64>();
        mesh.services[0].replicas.values().map(|replica| errors(&replica.tally)).sum::<f64>()
    };
    assert!(failed(0) < 1.0, "with connections enough everybody waits a little: {}", failed(0));
    assert!(failed(2) > 100.0, "with two each, most wait for one until it is too late: {}", failed(2));
}

#[test]
fn slow_files_should_slow_those_who_use_them() {
    let mean = |late: f64| {
        let files = move |service: usize, pod: &mut Pod| {
            if service == 2 {
                pod.disk = Disk { late, delay: 0.2, failing: 0.0 };
            }
        };
        let mesh = run(Traffic::steady(20.0), Traffic::called(), Traffic { disk: 2, ..Traffic::called() }, files);
        let tallies: Vec<&Tally> = mesh.services[0].replicas.values().map(|replica| &replica.tally).collect();
        tallies.iter().map(|tally| tally.seconds).sum::<f64>() / tallies.iter().map(|tally| tally.total()).sum::<f64>()
    };
    assert!(mean(0.5) > mean(0.0) + 0.1, "{} {}", mean(0.0), mean(0.5));
}

#[test]
fn proxy_should_abort_delay_and_recode_what_it_is_about() {
    let front = || Traffic { retries: 0, ..Traffic::steady(60.0) };
    let fault = HttpFault {
        namespace: "a".to_owned(),
        pod: String::new(),
        port: 80,
        answers: false,
        method: String::new(),
        path: String::new(),
        only: None,
        abort: false,
        delay: Duration::ZERO,
        code: None,
    };
    let codes = |fault: HttpFault| {
        let mesh = run(front(), Traffic::called(), Traffic::called(), |service, pod| {
            pod.proxied = if service == 0 { vec![fault.clone()] } else { Vec::new() }
        });
        let front = &mesh.services[0];
        front.replicas.values().map(|replica| replica.tally.clone()).chain([front.unanswered.clone()]).collect::<Vec<_>>()
    };
    let count = |tallies: &[Tally], code: u16, method: usize| -> f64 { tallies.iter().filter_map(|t| t.codes.get(&(code, method))).sum() };
    let aborted = codes(HttpFault { abort: true, method: "POST".to_owned(), ..fault.clone() });
    assert!(count(&aborted, 502, 1) > 50.0 && count(&aborted, 502, 0) < 1.0, "{aborted:?}");
    let recoded = codes(HttpFault { answers: true, only: Some(200), code: Some(503), ..fault.clone() });
    assert!(count(&recoded, 503, 0) > 50.0 && count(&recoded, 502, 0) < 1.0, "{recoded:?}");
    for answers in [false, true] {
        let late = codes(HttpFault { answers, delay: Duration::from_millis(300), ..fault.clone() });
        let (seconds, all) = late.iter().fold((0.0, 0.0), |(seconds, all), tally| (seconds + tally.seconds, all + tally.total()));
        assert!(seconds / all > 0.15, "later by 0.3 s for three quarters of the time");
    }
    let other = codes(HttpFault { answers: true, only: Some(404), abort: true, ..fault });
    assert!(count(&other, 502, 0) < 1.0, "an answer that is not meant goes through");
}

#[test]
fn many_requests_should_be_followed_in_grains_and_counted_in_full() {
    let heavy = Traffic { capacity: 4000.0, concurrency: 400, ..Traffic::steady(3000.0) };
    let workloads = vec![Workload { traffic: Some(heavy), ..Workload::deployment("a", "front", 2) }];
    let mut mesh = Mesh::new(&workloads, &Dice::new(5), 0);
    mesh.see(0, &sight(vec![pod(0, 0, 0), pod(0, 1, 0)]));
    mesh.run(20_000 * MILLI);
    assert!(mesh.weight > 1.0 && mesh.services[0].sent < 20 * 1000);
    let (mut all, mut seconds) = (0.0, 0.0);
    for replica in mesh.services[0].replicas.values() {
        all += replica.tally.total();
        seconds += replica.tally.seconds;
    }
    assert!((55_000.0..65_000.0).contains(&all), "{all}");
    assert!((0.018..0.03).contains(&(seconds / all)), "far from its end a pod answers in its usual time: {}", seconds / all);
}
