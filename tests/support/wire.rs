//! A bad wire: a proxy on loopback between gameday and the API server of the practice cluster.
//!
//! Towards gameday it speaks TLS, as every API server does; what it does to a connection is its
//! weather, which breaks when a chosen request comes by and clears up some time later. What was
//! established when it broke meets it as well as what comes then.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What the wire does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    Fair,
    /// Connections end with a reset.
    Reset,
    /// Connections end as if the other side had closed them.
    Closed,
    /// Bytes trickle.
    Slow,
    /// Connections are accepted, and nothing is ever said on them again.
    HalfOpen,
    /// An answer with this status, by whoever stands before the API server.
    Status(u16),
    /// What a watch was at is gone: 410 within it, and for the next.
    Gone,
    /// Answers end in the middle.
    Truncated,
    /// Answers are noise.
    Garbage,
    /// Another certificate, by nobody who is trusted.
    Certificate,
}

/// Every weather but the fair one.
pub const STORMS: [Weather; 12] = [
    Weather::Reset,
    Weather::Closed,
    Weather::Slow,
    Weather::HalfOpen,
    Weather::Status(429),
    Weather::Status(500),
    Weather::Status(503),
    Weather::Status(401),
    Weather::Gone,
    Weather::Truncated,
    Weather::Garbage,
    Weather::Certificate,
];

/// When it breaks.
#[derive(Clone, Copy)]
pub struct Storm {
    pub weather: Weather,
    /// The request that brings it: method, and what its target has to hold.
    pub at: fn(&str, &str) -> bool,
    /// How long after that request it breaks.
    pub after: Duration,
    /// Whether the request still reaches the API server, and only its answer is lost.
    pub late: bool,
    /// How long it lasts.
    pub lasts: Duration,
}

/// The proxy.
pub struct Wire {
    pub kubeconfig: String,
    sky: Arc<Sky>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

struct Sky {
    weather: watch::Sender<Weather>,
    storm: Mutex<Option<Storm>>,
    broke: Mutex<Option<Instant>>,
    cleared: Mutex<Option<Instant>>,
    requests: Mutex<Vec<String>>,
    laid: Instant,
    upstream: String,
    good: Arc<ServerConfig>,
    bad: Arc<ServerConfig>,
}

/// What a request is answered with.
enum Turn {
    Pass,
    /// It reaches the API server, and its answer meets the weather.
    Lost,
}

impl Wire {
    /// A wire to the API server at `api`, over which `storm` will come.
    pub fn lay(api: &str, storm: Option<Storm>) -> Wire {
        let (ca, good) = certificate();
        let sky = Arc::new(Sky {
            weather: watch::channel(Weather::Fair).0,
            storm: Mutex::new(storm),
            broke: Mutex::default(),
            cleared: Mutex::default(),
            requests: Mutex::default(),
            laid: Instant::now(),
            upstream: api.strip_prefix("http://").unwrap().to_owned(),
            good,
            bad: certificate().1,
        });
        let (stop, mut stopped) = watch::channel(false);
        let (tell, told) = std::sync::mpsc::channel();
        let thread = {
            let sky = sky.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                    tell.send(listener.local_addr().unwrap().port()).unwrap();
                    loop {
                        tokio::select! {
                            taken = listener.accept() => {
                                if let Ok((stream, _)) = taken {
                                    tokio::spawn(converse(stream, sky.clone()));
                                }
                            }
                            _ = stopped.wait_for(|stop| *stop) => break,
                        }
                    }
                });
            })
        };
        let port = told.recv().unwrap();
        let kubeconfig = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "wire",
            "clusters": [{"name": "wire", "cluster": {"server": format!("https://127.0.0.1:{port}"), "certificate-authority-data": ca}}],
            "contexts": [{"name": "wire", "context": {"cluster": "wire", "user": "wire", "namespace": "staging"}}],
            "users": [{"name": "wire", "user": {"token": "a-token"}}],
        });
        Wire { kubeconfig: kubeconfig.to_string(), sky, stop, thread: Some(thread) }
    }

    /// Breaks the weather now, until it is cleared by hand.
    pub fn storm(&self, weather: Weather) {
        *self.sky.broke.lock().unwrap() = Some(Instant::now());
        self.sky.weather.send_replace(weather);
    }

    pub fn clear(&self) {
        *self.sky.cleared.lock().unwrap() = Some(Instant::now());
        self.sky.weather.send_replace(Weather::Fair);
    }

    /// When it broke, if it did.
    pub fn broke(&self) -> Option<Instant> {
        *self.sky.broke.lock().unwrap()
    }

    /// When it cleared up, if it did.
    pub fn cleared(&self) -> Option<Instant> {
        *self.sky.cleared.lock().unwrap()
    }

    /// Every request that came by.
    pub fn requests(&self) -> Vec<String> {
        self.sky.requests.lock().unwrap().clone()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A new authority as a kubeconfig has it, and what a server with a certificate of it needs.
fn certificate() -> (String, Arc<ServerConfig>) {
    use base64::Engine;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&key).unwrap();
    let der = root.der().to_vec();
    let issuer = Issuer::new(authority, key);
    let own = KeyPair::generate().unwrap();
    let signed = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&own, &issuer).unwrap();
    let private = PrivateKeyDer::Pkcs8(own.serialize_der().into());
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![signed.der().clone()], private).unwrap();
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let lines: Vec<String> = encode(&der).as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
    (encode(pem.as_bytes()), Arc::new(config))
}

/// How a connection ends.
enum End {
    Quietly,
    WithReset,
    /// It stays, and says nothing, until the other side has had enough.
    Never,
}

type Client = TlsStream<TcpStream>;

async fn converse(stream: TcpStream, sky: Arc<Sky>) {
    let _ = stream.set_nodelay(true);
    let weather = *sky.weather.borrow();
    let config = match weather {
        Weather::Reset => return reset(&stream),
        Weather::Closed => return,
        Weather::HalfOpen => return silent(stream).await,
        Weather::Certificate => sky.bad.clone(),
        Weather::Fair | Weather::Slow | Weather::Status(_) | Weather::Gone | Weather::Truncated | Weather::Garbage => sky.good.clone(),
    };
    let Ok(stream) = TlsAcceptor::from(config).accept(stream).await else { return };
    let (mut reader, mut writer) = tokio::io::split(stream);
    let end = Box::pin(serve(&mut reader, &mut writer, &sky)).await;
    let stream = reader.unsplit(writer);
    match end {
        End::Quietly => {}
        End::WithReset => reset(stream.get_ref().0),
        End::Never => silent(stream).await,
    }
}

fn reset(stream: &TcpStream) {
    #[expect(deprecated, reason = "its successor is for time zero alone, which is what is wanted, but younger")]
    let _ = stream.set_linger(Some(Duration::ZERO));
}

/// Reads and says nothing.
async fn silent(mut stream: impl AsyncReadExt + Unpin) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
}

/// One connection, request after request.
async fn serve(reader: &mut ReadHalf<Client>, writer: &mut WriteHalf<Client>, sky: &Arc<Sky>) -> End {
    let mut pending = Vec::new();
    loop {
        let mut weather = sky.weather.subscribe();
        // while nothing is asked, the weather may still end the connection
        let (head, body) = tokio::select! {
            asked = request(reader, &mut pending) => match asked {
                Some(asked) => asked,
                None => return End::Quietly,
            },
            Some(end) = ends(&mut weather) => return end,
        };
        let line = head.lines().next().unwrap_or_default().to_owned();
        let (method, target) = line.split_once(' ').unwrap_or_default();
        sky.requests.lock().unwrap().push(format!(
            "{:.1} s, {:?}: {method} {target}",
            sky.laid.elapsed().as_secs_f64(),
            *sky.weather.borrow()
        ));
        let turn = meet(method, target, sky);
        let now = *sky.weather.borrow();
        let end = match (turn, now) {
            (Turn::Lost, now) => {
                // done over there before anybody here knows
                let _ = Box::pin(answer(&head, &body, sky, None)).await;
                refuse(writer, now, target).await
            }
            (Turn::Pass, Weather::Fair | Weather::Slow | Weather::Truncated) => {
                Box::pin(answer(&head, &body, sky, Some((reader, writer, &mut pending)))).await.err()
            }
            (Turn::Pass, now) => refuse(writer, now, target).await,
        };
        if let Some(end) = end {
            return end;
        }
    }
}

/// What a weather does to a connection on which nothing is going on.
async fn ends(weather: &mut watch::Receiver<Weather>) -> Option<End> {
    loop {
        let now = *weather.borrow_and_update();
        match now {
            Weather::Reset => return Some(End::WithReset),
            Weather::Closed | Weather::Certificate => return Some(End::Quietly),
            Weather::HalfOpen => return Some(End::Never),
            _ => {}
        }
        weather.changed().await.ok()?;
    }
}

/// One request; none where the other side is done.
async fn request(reader: &mut ReadHalf<Client>, pending: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    let mut buffer = [0; 16384];
    let end = loop {
        if let Some(end) = pending.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        let n = reader.read(&mut buffer).await.ok().filter(|n| *n > 0)?;
        pending.extend_from_slice(&buffer[..n]);
    };
    let head = String::from_utf8_lossy(&pending[..end]).into_owned();
    let length = header(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while pending.len() < end + length {
        let n = reader.read(&mut buffer).await.ok().filter(|n| *n > 0)?;
        pending.extend_from_slice(&buffer[..n]);
    }
    let body = pending[end..end + length].to_vec();
    pending.drain(..end + length);
    Some((head, body))
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// Lets the storm break where this is its request.
fn meet(method: &str, target: &str, sky: &Arc<Sky>) -> Turn {
    let mut waiting = sky.storm.lock().unwrap();
    let Some(storm) = waiting.take_if(|storm| (storm.at)(method, target)) else { return Turn::Pass };
    let breaks = move |sky: &Sky| {
        *sky.broke.lock().unwrap() = Some(Instant::now());
        sky.weather.send_replace(storm.weather);
    };
    if storm.after.is_zero() {
        breaks(sky);
    }
    let sky = sky.clone();
    tokio::spawn(async move {
        if !storm.after.is_zero() {
            sleep(storm.after).await;
            breaks(&sky);
        }
        sleep(storm.lasts).await;
        *sky.cleared.lock().unwrap() = Some(Instant::now());
        sky.weather.send_replace(Weather::Fair);
    });
    // a slow answer is late, but it is not lost; who is not let in has nothing done
    if storm.late && storm.after.is_zero() && !matches!(storm.weather, Weather::Slow | Weather::Status(401)) {
        Turn::Lost
    } else {
        Turn::Pass
    }
}

/// What a weather says instead of the API server.
async fn refuse(writer: &mut WriteHalf<Client>, weather: Weather, target: &str) -> Option<End> {
    let status = |code: u16, reason: &str, message: &str| {
        let body = serde_json::json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code});
        let body = body.to_string();
        let retry = if code == 429 { "Retry-After: 1\r\n" } else { "" };
        format!("HTTP/1.1 {code} {reason}\r\nContent-Type: application/json\r\n{retry}Content-Length: {}\r\n\r\n{body}", body.len())
    };
    let said = match weather {
        Weather::Reset => return Some(End::WithReset),
        Weather::Closed | Weather::Certificate => return Some(End::Quietly),
        Weather::HalfOpen => return Some(End::Never),
        Weather::Status(401) => status(401, "Unauthorized", "Unauthorized"),
        Weather::Status(429) => status(429, "TooManyRequests", "the server has received too many requests"),
        // a proxy on the way speaks no Kubernetes
        Weather::Status(503) => {
            let page = "<html><body><h1>503 Service Unavailable</h1></body></html>";
            format!("HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{page}", page.len())
        }
        Weather::Status(code) => status(code, "InternalError", "an error on the server has prevented the request from succeeding"),
        Weather::Gone => status(410, "Expired", "too old resource version"),
        Weather::Truncated => {
            let _ = writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n{\"kind\":\"Sta").await;
            return Some(End::Quietly);
        }
        Weather::Garbage if target.contains("watch=") => {
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n\u{1}%&{]\"noise\"!!!\n\n\r\n0\r\n\r\n".to_owned()
        }
        Weather::Fair | Weather::Slow | Weather::Garbage => {
            let noise = "\u{1}%&{]\"noise\": [[[";
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{noise}", noise.len())
        }
    };
    let written = writer.write_all(said.as_bytes()).await.is_ok() && writer.flush().await.is_ok();
    (!written).then_some(End::Quietly)
}

/// Asks the API server, and passes on what it says as the weather lets it; `Err` where the connection has to end.
async fn answer(
    head: &str,
    body: &[u8],
    sky: &Arc<Sky>,
    mut to: Option<(&mut ReadHalf<Client>, &mut WriteHalf<Client>, &mut Vec<u8>)>,
) -> Result<(), End> {
    let Ok(mut server) = TcpStream::connect(&sky.upstream).await else { return Err(End::Quietly) };
    let watches = head.lines().next().unwrap_or_default().contains("watch=");
    let kept = |line: &&str| !line.to_ascii_lowercase().starts_with("connection:") && !line.is_empty();
    let head: Vec<&str> = head.lines().filter(kept).collect();
    let asked = format!("{}\r\nConnection: close\r\n\r\n", head.join("\r\n"));
    if server.write_all(asked.as_bytes()).await.is_err() || server.write_all(body).await.is_err() {
        return Err(End::Quietly);
    }
    let mut weather = sky.weather.subscribe();
    let mut last = *weather.borrow_and_update();
    let (mut buffer, mut probe, mut first, mut whole) = ([0; 16384], [0; 1], true, true);
    loop {
        let Some((reader, writer, pending)) = to.as_mut() else {
            match server.read(&mut buffer).await {
                Ok(n) if n > 0 => continue,
                _ => return Ok(()),
            }
        };
        tokio::select! {
            changed = weather.changed() => {
                if changed.is_err() {
                    return Err(End::Quietly);
                }
                last = *weather.borrow_and_update();
                // what is being said is cut short
                let cut = match last {
                    Weather::Fair | Weather::Slow => continue,
                    Weather::Reset => return Err(End::WithReset),
                    Weather::Closed | Weather::Certificate => return Err(End::Quietly),
                    Weather::HalfOpen => return Err(End::Never),
                    _ if !watches || first => continue,
                    Weather::Status(_) => "0\r\n\r\n".to_owned(),
                    Weather::Gone => {
                        let status = r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version: 1 (2)","reason":"Expired","code":410}}"#;
                        format!("{:x}\r\n{status}\n\r\n0\r\n\r\n", status.len() + 1)
                    }
                    Weather::Truncated => "40\r\n{\"type\":\"MODIFIED\",\"obj".to_owned(),
                    Weather::Garbage => "8\r\n\u{1}noise%\n\r\n".to_owned(),
                };
                let written = whole && writer.write_all(cut.as_bytes()).await.is_ok() && writer.flush().await.is_ok();
                match last {
                    Weather::Status(_) | Weather::Gone if written => return Ok(()),
                    Weather::Garbage if written => {}
                    _ => return Err(End::Quietly),
                }
            }
            // the next request, before the end of this answer was seen here; or whoever asked has hung up
            asked = reader.read(&mut probe) => match asked {
                Ok(n) if n > 0 => pending.extend_from_slice(&probe[..n]),
                _ => return Err(End::Quietly),
            },
            read = server.read(&mut buffer) => {
                let n = read.unwrap_or(0);
                if n == 0 {
                    return Ok(());
                }
                let mut bytes = buffer[..n].to_vec();
                if std::mem::take(&mut first) {
                    let text = bytes.windows(19).position(|part| part.eq_ignore_ascii_case(b"connection: close\r\n"));
                    if let Some(at) = text {
                        bytes.drain(at..at + 19);
                    }
                }
                whole = bytes.ends_with(b"\r\n");
                let passed = match last {
                    Weather::Truncated => {
                        // in the middle, and at least within the head
                        let _ = writer.write_all(&bytes[..bytes.len() / 2]).await;
                        let _ = writer.flush().await;
                        return Err(End::Quietly);
                    }
                    Weather::Slow => trickle(writer, &bytes, &mut weather).await,
                    _ => writer.write_all(&bytes).await.is_ok() && writer.flush().await.is_ok(),
                };
                if !passed {
                    return Err(End::Quietly);
                }
            }
        }
    }
}

/// A few bytes at a time, for as long as the weather is slow.
async fn trickle(writer: &mut WriteHalf<Client>, bytes: &[u8], weather: &mut watch::Receiver<Weather>) -> bool {
    for part in bytes.chunks(300) {
        let slow = *weather.borrow() == Weather::Slow;
        if slow {
            sleep(Duration::from_millis(200)).await;
        }
        if writer.write_all(part).await.is_err() || writer.flush().await.is_err() {
            return false;
        }
    }
    true
}
