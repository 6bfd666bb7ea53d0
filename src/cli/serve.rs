//! `gameday rehearsal serve`: the practice cluster on a loopback port, until Ctrl-C.
//!
//! Plain HTTP: nothing leaves the machine, and nothing in there is worth a certificate. A kubeconfig without TLS carries no token either (client-go sends
//! none), so a user other than the administrator is one by impersonation.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use http::{Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use crate::cli::args::ServeArgs;
use crate::cli::{Failure, Means, REFUSED, USAGE, drill, print, world};
use crate::driver::{Signals, pace};
use crate::rehearsal::{self, Backend, BackendRequest, PracticeCluster, World, stage};
use crate::scenario::{self, Source};

/// The namespace of what names none.
const NAMESPACE: &str = "staging";
/// What a cluster is filled with for which no world is named.
const SHIPPED: &str = include_str!("../../scenarios/worlds/task-api.yaml");
/// The context of the administrator, and the cluster's name.
const CLUSTER: &str = "rehearsal";
/// How often simulated time is moved on: fine enough for people, cheap enough to be left alone.
const STROKE: Duration = Duration::from_millis(25);
/// How long the head of a request may take to come, in real time, as the real server has it; so long is a connection kept on which nothing is asked.
const HEAD_TIME: Duration = Duration::from_secs(32);
/// The most that a query to Prometheus may carry.
const QUERY_LIMIT: usize = 1024 * 1024;

type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;

pub fn serve(args: &ServeArgs) -> Result<u8, Failure> {
    let path = match &args.kubeconfig {
        Some(path) => path.clone(),
        None => crate::archive::runs().means(USAGE)?.with_file_name("rehearsal.kubeconfig"),
    };
    let world = world::choose(&args.world, None, NAMESPACE, usual)?;
    // where kubectl looks first is where something runs
    let home = world.world.workloads.first().map_or(NAMESPACE, |workload| &workload.namespace).to_owned();
    drill::runtime(true).means(REFUSED)?.block_on(async {
        let mut signals = Signals::listen().context("cannot listen to signals").means(REFUSED)?;
        let listener = TcpListener::bind(args.listen).await.with_context(|| format!("cannot listen on {}", args.listen)).means(REFUSED)?;
        let metrics_listener = TcpListener::bind((args.listen.ip(), 0)).await.context("cannot listen for Prometheus").means(REFUSED)?;
        let (api, prometheus) = (listener.local_addr().means(REFUSED)?, metrics_listener.local_addr().means(REFUSED)?);
        let practice = PracticeCluster::start_at(world.world, args.seed, drill::today());
        let metrics = rehearsal::Prometheus::new();
        let (namespace, service) = stage::PROMETHEUS;
        practice.register_backend(namespace, service, Arc::new(metrics.clone()));
        practice.scrape_into(Box::new(metrics.clone()));
        write_private(&path, &kubeconfig(api, &args.users, &home))
            .with_context(|| format!("cannot write the kubeconfig {}", path.display()))
            .means(REFUSED)?;
        print(&welcome(api, prometheus, &path, args));
        // timers run on simulated time
        let patience = HEAD_TIME.mul_f64(args.speed);
        tokio::select! {
            () = accept_between_outages(listener, api, &practice, patience) => {}
            () = accept(metrics_listener, |stream| { tokio::spawn(measure(stream, practice.clone(), metrics.clone(), patience)); }) => {}
            () = pace::hold_by(args.speed, STROKE) => {}
            _ = signals.next() => {}
        }
        Ok(0)
    })
}

/// The task API of `scenarios/worlds`, as shipped.
fn usual() -> World {
    let source = Source { file: "task-api.yaml", text: SHIPPED, manifests: &|path| Err(format!("no {path}")) };
    let read = scenario::read(&source, &BTreeMap::new()).world;
    read.map_or_else(|| World::task_api(NAMESPACE), |world| world.settled(NAMESPACE))
}

fn welcome(api: SocketAddr, prometheus: SocketAddr, path: &Path, args: &ServeArgs) -> String {
    let users: Vec<String> = args.users.iter().map(|user| format!("as {user}:   kubectl --context {user} ...\n")).collect();
    let users = users.concat();
    format!(
        "practice cluster at http://{api}, Prometheus at http://{prometheus}\n\nexport KUBECONFIG={}\n\n{users}world {}, seed {}, speed {}; Ctrl-C ends it\n",
        path.display(),
        args.world.world.as_ref().map_or_else(|| "task-api".to_owned(), |file| file.display().to_string()),
        args.seed,
        args.speed,
    )
}

/// Takes connections; one that fails before it is one is its client's affair.
async fn accept(listener: TcpListener, take: impl Fn(TcpStream)) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                take(stream);
            }
            // out of file handles: some come back when connections end
            Err(_) => tokio::time::sleep(STROKE).await,
        }
    }
}

/// Takes connections to the API server. In an outage nobody listens: they are refused, and those that there are end.
async fn accept_between_outages(listener: TcpListener, address: SocketAddr, practice: &PracticeCluster, patience: Duration) {
    let (mut outages, mut listener) = (practice.outages(), Some(listener));
    loop {
        let open = match listener.take() {
            Some(open) => open,
            None => listen(address).await,
        };
        tokio::select! {
            () = accept(open, |stream| { tokio::spawn(converse(stream, practice.clone(), patience)); }) => {}
            _ = outages.wait_for(|down| *down) => {}
        }
        // the cluster ends with its process
        if outages.wait_for(|down| !down).await.is_err() {
            return;
        }
    }
}

/// Listens at this address; where somebody else has taken it meanwhile, as soon as it is free.
async fn listen(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(STROKE).await,
        }
    }
}

/// One connection to the API server.
async fn converse(stream: TcpStream, practice: PracticeCluster, patience: Duration) {
    let mut outages = practice.outages();
    let service = service_fn(move |request: Request<Incoming>| {
        let service = practice.service();
        async move {
            if !addressed_here(&request) {
                return Ok(plain(StatusCode::MISDIRECTED_REQUEST, "this server answers on loopback addresses alone\n"));
            }
            let answer = service.oneshot(request).await.map_err(io::Error::other)?;
            Ok::<Answer, io::Error>(answer.map(|body| body.map_err(io::Error::other).boxed_unsync()))
        }
    });
    let served = server(patience).half_close(true).serve_connection(TokioIo::new(stream), service);
    // How a connection ends is not known to anybody who could do something about it.
    tokio::select! {
        _ = served => {}
        _ = outages.wait_for(|down| *down) => {}
    }
}

/// One connection to Prometheus.
async fn measure(stream: TcpStream, practice: PracticeCluster, metrics: rehearsal::Prometheus, patience: Duration) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (metrics, at) = (metrics.clone(), practice.now());
        async move {
            if !addressed_here(&request) {
                return Ok(plain(StatusCode::MISDIRECTED_REQUEST, "this server answers on loopback addresses alone\n"));
            }
            let (head, body) = request.into_parts();
            let body = match Limited::new(body, QUERY_LIMIT).collect().await {
                Ok(body) => body.to_bytes().to_vec(),
                Err(why) if why.is::<LengthLimitError>() => {
                    return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE, "http: request body too large\n"));
                }
                Err(why) => return Err(io::Error::other(why)),
            };
            let answer = metrics.answer(&BackendRequest {
                method: head.method.to_string(),
                path_and_query: head.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
                content_type: head.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned(),
                body,
                at,
            });
            let mut response = Response::new(whole(answer.body));
            *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            if let Ok(value) = answer.content_type.parse() {
                response.headers_mut().insert(header::CONTENT_TYPE, value);
            }
            Ok::<Answer, io::Error>(response)
        }
    });
    let _ = server(patience).serve_connection(TokioIo::new(stream), service).await;
}

/// HTTP with clients who may be slow, but not for ever.
fn server(patience: Duration) -> hyper::server::conn::http1::Builder {
    let mut server = hyper::server::conn::http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(patience);
    server
}

/// Whether a request means this machine by a loopback name. A page in a browser that got our address under a name of its own does not.
fn addressed_here<B>(request: &Request<B>) -> bool {
    let Some(host) = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()) else { return true };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn plain(code: StatusCode, text: &str) -> Answer {
    let mut response = Response::new(whole(text.as_bytes().to_vec()));
    *response.status_mut() = code;
    response
}

fn whole(bytes: Vec<u8>) -> UnsyncBoxBody<Bytes, io::Error> {
    Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed_unsync()
}

/// A kubeconfig with the administrator's context and one for each user; quoted, for names are the caller's.
fn kubeconfig(api: SocketAddr, users: &[String], namespace: &str) -> String {
    let context = |name: &str| serde_json::json!({"name": name, "context": {"cluster": CLUSTER, "user": name, "namespace": namespace}});
    let mut contexts = vec![context(CLUSTER)];
    let mut people = vec![serde_json::json!({"name": CLUSTER, "user": {}})];
    for user in users {
        contexts.push(context(user));
        people.push(serde_json::json!({"name": user, "user": {"as": user}}));
    }
    let config = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": CLUSTER,
        "clusters": [{"name": CLUSTER, "cluster": {"server": format!("http://{api}")}}],
        "contexts": contexts, "users": people,
    });
    serde_yaml::to_string(&config).unwrap_or_default()
}

/// Writes a file that only its owner may read, as a whole or not at all.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    let part = PathBuf::from(part);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _ = fs::remove_file(&part);
    options.open(&part)?.write_all(text.as_bytes())?;
    fs::rename(&part, path)
}
