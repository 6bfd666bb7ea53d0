//! Probes: what a kubelet asks a container, and what the answers mean.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::needs;
use crate::rehearsal::api::object::{Object, list, number, text};
use crate::rehearsal::controllers::Hand;
use crate::rehearsal::controllers::chaos::daemon::{Daemon, Effect};
use crate::rehearsal::controllers::chaos::http_chaos::{HttpFault, is_like};
use crate::rehearsal::dice::Rolls;
use crate::rehearsal::quantity;

/// What a probe decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Whether the container has started.
    Startup,
    /// Whether it is to be killed.
    Liveness,
    /// Whether it may be sent requests.
    Readiness,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Startup, Self::Liveness, Self::Readiness];

    /// Its field in a container.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Startup => "startupProbe",
            Self::Liveness => "livenessProbe",
            Self::Readiness => "readinessProbe",
        }
    }

    /// Its name in Events.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
        }
    }
}

/// One probe of a running container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gauge {
    /// What it decides.
    pub kind: Kind,
    /// How long it waits before the first time.
    pub initial: Duration,
    /// How often it asks.
    pub period: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    successes: u32,
    failures: u32,
    /// Good or bad answers in a row.
    run: (bool, u32),
}

impl Gauge {
    /// The probe of this kind that a container has.
    #[must_use]
    pub fn of(container: &Value, kind: Kind) -> Option<Self> {
        let probe = container.get(kind.field()).filter(|probe| probe.is_object())?;
        let count = |field: &str, usual: u32| number(probe, &format!("/{field}")).and_then(|n| u32::try_from(n).ok()).unwrap_or(usual);
        let seconds = |field: &str, usual: u32| Duration::from_secs(u64::from(count(field, usual)));
        Some(Self {
            kind,
            initial: seconds("initialDelaySeconds", 0),
            period: seconds("periodSeconds", 10).max(Duration::from_secs(1)),
            timeout: seconds("timeoutSeconds", 1).max(Duration::from_secs(1)),
            successes: count("successThreshold", 1).max(1),
            failures: count("failureThreshold", 3).max(1),
            run: (true, 0),
        })
    }

    /// Take an answer. Says whether by now it counts as good or bad, if enough have come in a row.
    pub fn take(&mut self, good: bool) -> Option<bool> {
        self.run = if self.run.0 == good { (good, self.run.1 + 1) } else { (good, 1) };
        let enough = if good { self.successes } else { self.failures };
        (self.run.1 >= enough).then_some(good)
    }

    /// Forget all answers: the container is another one.
    pub fn forget(&mut self) {
        self.run = (true, 0);
    }
}

/// What is known of the process that is asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The pod.
    pub pod: &'a Object,
    /// Its container.
    pub container: &'a Value,
    /// The image that runs, which may be another than the container names by now.
    pub image: &'a str,
    /// The pod's address.
    pub ip: &'a str,
    /// The node's address.
    pub host: &'a str,
    /// The id of the container that is asked.
    pub container_id: &'a str,
    /// From when on the process answers.
    pub warm: Instant,
}

/// Ask once.
///
/// # Errors
/// What the kubelet says of a bad answer.
pub fn ask(hand: &Hand, rolls: &mut Rolls, gauge: &Gauge, asked: &Asked<'_>) -> Result<(), String> {
    let form = Form::of(asked, gauge.kind);
    // A pause image answers nothing.
    let deaf = asked.image.contains("pause") || Instant::now() < asked.warm || form.is_unheard(asked.pod);
    let mut trouble = None;
    let sick = hand.ground(|ground| {
        if form.over_network() {
            trouble = travel(
                ground
                    .daemon
                    .faults()
                    .iter()
                    .filter(|f| f.pod == asked.pod.name() && f.namespace == asked.pod.namespace())
                    .map(|f| (&f.effect, &f.towards)),
                rolls,
                gauge.timeout,
                asked.host,
            );
        }
        trouble = trouble.or_else(|| form.proxied(ground.daemon, asked.pod, gauge.timeout));
        trouble = trouble.or_else(|| (form.held_back(ground.daemon, asked, rolls) >= gauge.timeout).then_some(Lost::Answer));
        let workload = ground.world.workload_of(asked.pod.namespace(), &asked.pod.labels());
        let plight = workload.and_then(|w| ground.troubles.plights.get(&w.name));
        plight.is_some_and(|plight| match gauge.kind {
            Kind::Readiness => plight.unready || plight.sick,
            Kind::Liveness => plight.sick,
            Kind::Startup => false,
        })
    });
    match (trouble, deaf, sick) {
        (Some(Lost::Connect), ..) => Err(form.no_connection(gauge.timeout)),
        (Some(Lost::Answer), ..) => Err(form.no_answer(gauge.timeout)),
        (Some(Lost::Cut), ..) => Err(form.cut()),
        (None, true, _) => Err(form.refused()),
        (None, false, true) => Err(form.bad()),
        // No program is run here: what a command says of itself is what comes of it.
        (None, false, false) => match needs::lifetime(&asked.container[gauge.kind.field()]["exec"]).filter(|_| !form.over_network()) {
            Some((time, _)) if time >= gauge.timeout => Err(form.no_answer(gauge.timeout)),
            Some((_, code)) if code != 0 => Err(form.bad()),
            Some(_) | None => Ok(()),
        },
    }
}

/// Where a question was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// On the way to a connection.
    Connect,
    /// On the way there or back.
    Answer,
    /// By whom it was cut off in the pod.
    Cut,
}

/// What a question over HTTP comes to that somebody in the cluster asks a pod: the answer's code.
///
/// # Errors
/// Where it was lost.
pub fn question(hand: &Hand, rolls: &mut Rolls, asked: &Asked<'_>, (port, path): (u16, &str), timeout: Duration) -> Result<i64, Lost> {
    let address = format!("{}:{port}", asked.ip);
    let form = Form::Http(format!("http://{address}{path}"), address);
    hand.ground(|ground| {
        let faults = ground.daemon.faults();
        let here = faults.iter().filter(|f| f.pod == asked.pod.name() && f.namespace == asked.pod.namespace());
        let lost =
            travel(here.map(|f| (&f.effect, &f.towards)), rolls, timeout, "").or_else(|| form.proxied(ground.daemon, asked.pod, timeout));
        if let Some(lost) = lost {
            return Err(lost);
        }
        if form.held_back(ground.daemon, asked, rolls) >= timeout {
            return Err(Lost::Answer);
        }
        let ours = |f: &&HttpFault| f.pod == asked.pod.name() && f.namespace == asked.pod.namespace() && f.port == i64::from(port);
        let replaced =
            ground.daemon.http_faults().filter(ours).filter(|f| f.answers && f.meets("GET", Some(200)) && is_like(path, &f.path));
        Ok(replaced.filter_map(|fault| fault.code).last().map_or(200, i64::from))
    })
}

/// What the pod's network does to a question of its node: two ways to connect, two to ask.
fn travel<'f>(
    faults: impl Iterator<Item = (&'f Effect, &'f Option<Vec<String>>)>,
    rolls: &mut Rolls,
    timeout: Duration,
    host: &str,
) -> Option<Lost> {
    let mut once = Duration::ZERO;
    for (effect, towards) in faults {
        let meant = towards.as_ref().is_none_or(|networks| {
            networks.iter().any(|network| network.strip_suffix("/32").unwrap_or(network) == host || network == "0.0.0.0/0")
        });
        if !meant {
            continue;
        }
        match effect {
            Effect::Dropped(ways) if ways.incoming || ways.outgoing => return Some(Lost::Connect),
            Effect::Dropped(_) => {}
            Effect::Shaped { delay, jitter, loss, corrupt, .. } => {
                once += *delay + jitter.mul_f64(rolls.unit());
                // Who is lost at first is sent again after a second: for most probes too late.
                let lost = 1.0 - (1.0 - loss) * (1.0 - corrupt);
                if rolls.unit() < lost {
                    once += Duration::from_secs(1);
                }
            }
        }
    }
    if once >= timeout {
        Some(Lost::Connect)
    } else if once * 2 >= timeout {
        Some(Lost::Answer)
    } else {
        None
    }
}

/// How a probe asks.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Http(String, String),
    Tcp(String),
    Exec(String),
}

impl Form {
    fn of(asked: &Asked<'_>, kind: Kind) -> Self {
        let probe = &asked.container[kind.field()];
        let port = |given: &Value| match given {
            Value::String(name) => {
                let ports = asked.container["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
                ports.iter().find(|p| p["name"] == *name).map_or_else(|| name.clone(), |p| p["containerPort"].to_string())
            }
            number => number.to_string(),
        };
        let host = |action: &Value| {
            let given = text(action, "/host");
            if given.is_empty() { asked.ip.to_owned() } else { given.to_owned() }
        };
        if let Some(get) = probe.get("httpGet") {
            let address = format!("{}:{}", host(get), port(&get["port"]));
            let scheme = if text(get, "/scheme") == "HTTPS" { "https" } else { "http" };
            let path = text(get, "/path");
            let slash = if path.starts_with('/') { "" } else { "/" };
            return Self::Http(format!("{scheme}://{address}{slash}{path}"), address);
        }
        if let Some(socket) = probe.get("tcpSocket").or_else(|| probe.get("grpc")) {
            return Self::Tcp(format!("{}:{}", host(socket), port(&socket["port"])));
        }
        let words: Vec<&str> = probe["exec"]["command"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        Self::Exec(words.join(" "))
    }

    /// Whether nobody listens at the port: the pod names the ports of its containers, and this is none of them.
    fn is_unheard(&self, pod: &Object) -> bool {
        let address = match self {
            Self::Http(_, address) | Self::Tcp(address) => address,
            Self::Exec(_) => return false,
        };
        let containers = ["/spec/containers", "/spec/initContainers"].iter().flat_map(|list| pod.list(list));
        let mut ports =
            containers.flat_map(|container| list(container, "/ports")).filter_map(|port| port["containerPort"].as_u64()).peekable();
        let asked = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        ports.peek().is_some() && !ports.any(|port| Some(port) == asked)
    }

    fn over_network(&self) -> bool {
        !matches!(self, Self::Exec(_))
    }

    /// What a proxy in the pod does to the question or its answer.
    fn proxied(&self, daemon: &Daemon, pod: &Object, timeout: Duration) -> Option<Lost> {
        let Self::Http(url, address) = self else { return None };
        let port: i64 = address.rsplit_once(':')?.1.parse().ok()?;
        let path = url.split_once(address.as_str())?.1;
        let here = |f: &&HttpFault| f.pod == pod.name() && f.namespace == pod.namespace() && f.port == port && is_like(path, &f.path);
        let meant = |f: &&HttpFault| f.meets("GET", f.answers.then_some(200));
        let faults: Vec<&HttpFault> = daemon.http_faults().filter(here).filter(meant).collect();
        if faults.iter().any(|fault| fault.abort) {
            return Some(Lost::Cut);
        }
        (faults.iter().map(|fault| fault.delay).sum::<Duration>() >= timeout).then_some(Lost::Answer)
    }

    /// How long an answer takes where others burn the CPU time that the container may use: each period's quota is shared out among all who want it,
    /// and gone before the period is.
    fn held_back(&self, daemon: &Daemon, asked: &Asked<'_>, rolls: &mut Rolls) -> Duration {
        const PERIOD: f64 = 0.1;
        let mine = daemon.stresses().filter(|stress| stress.container_id == asked.container_id);
        let burning: f64 = mine.map(|stress| f64::from(stress.cpu_workers) * stress.cpu_load).sum();
        let limit = quantity::number(text(asked.container, "/resources/limits/cpu")).filter(|limit| burning > 0.0 && burning >= *limit);
        let Some(limit) = limit.filter(|limit| *limit > 0.0) else { return Duration::ZERO };
        // To start a program takes more than to answer a question.
        let (least, most) = if self.over_network() { (0.005, 0.02) } else { (0.02, 0.06) };
        let work = least + (most - least) * rolls.unit();
        let share = limit * PERIOD / (1.0 + burning);
        Duration::from_secs_f64((work / share * PERIOD).min(3600.0))
    }

    fn cut(&self) -> String {
        match self {
            Self::Http(url, _) => format!("Get \"{url}\": EOF"),
            other => other.refused(),
        }
    }

    fn refused(&self) -> String {
        match self {
            Self::Http(url, address) => format!("Get \"{url}\": dial tcp {address}: connect: connection refused"),
            Self::Tcp(address) => format!("dial tcp {address}: connect: connection refused"),
            Self::Exec(_) => String::new(),
        }
    }

    fn no_connection(&self, timeout: Duration) -> String {
        match self {
            Self::Http(url, address) => {
                format!("Get \"{url}\": dial tcp {address}: i/o timeout (Client.Timeout exceeded while awaiting headers)")
            }
            Self::Tcp(address) => format!("dial tcp {address}: i/o timeout"),
            Self::Exec(_) => self.no_answer(timeout),
        }
    }

    fn no_answer(&self, timeout: Duration) -> String {
        match self {
            Self::Http(url, _) => format!("Get \"{url}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"),
            Self::Tcp(address) => format!("dial tcp {address}: i/o timeout"),
            Self::Exec(command) => format!("command timed out: \"{command}\" timed out after {}s", timeout.as_secs()),
        }
    }

    fn bad(&self) -> String {
        match self {
            Self::Http(..) => "HTTP probe failed with statuscode: 503".to_owned(),
            Self::Tcp(_) => self.refused(),
            Self::Exec(_) => String::new(),
        }
    }
}
