//! Prometheus, on a URL or behind the API server's service proxy.

use std::path::PathBuf;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use kube::client::Body;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use prometheus_http_query::response::{Data, PromqlResult};
use serde::Deserialize;
use thiserror::Error;

use crate::edge::api_error::{self, chain};
use crate::edge::secrets;
use crate::event::{Number, Reading};
use crate::scenario::model::PrometheusAt;
use crate::text::Untrusted;

/// How long one answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many series one answer may hold.
const MOST_SERIES: usize = 50;

/// How to be let in at a URL. Never journalled, never shown.
#[derive(Clone, Default)]
pub struct Credentials {
    /// `Authorization: Bearer …`.
    pub bearer: Option<String>,
    /// User and password.
    pub basic: Option<(String, String)>,
    /// PEM file of the authority that signed its certificate.
    pub ca: Option<PathBuf>,
}

/// Prometheus can't be asked.
#[derive(Debug, Error)]
pub enum PrometheusError {
    /// The CA file can't be used.
    #[error("the CA file {}: {why}", path.display())]
    Ca {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The client can't be made.
    #[error("cannot set up the connection to Prometheus: {0}")]
    Client(String),
}

/// A way to Prometheus.
#[derive(Clone)]
pub enum Prometheus {
    /// Over a URL.
    Direct {
        /// Asks it.
        client: prometheus_http_query::Client,
        /// What lets us in there, in every form: never told, whoever says it.
        secrets: Vec<String>,
    },
    /// Over the API server, with the kubeconfig's credentials.
    Proxied {
        /// The cluster's client.
        client: kube::Client,
        /// `/api/v1/namespaces/NS/services/NAME:PORT/proxy`.
        path: String,
    },
}

impl Prometheus {
    /// Sets up the way to it; asks nothing yet.
    ///
    /// # Errors
    /// The CA file can't be read or the URL is none.
    pub fn new(at: &PrometheusAt, credentials: &Credentials, client: &kube::Client) -> Result<Prometheus, PrometheusError> {
        match at {
            PrometheusAt::Service { namespace, name, port } => Ok(Prometheus::Proxied {
                client: client.clone(),
                path: format!("/api/v1/namespaces/{namespace}/services/{name}:{port}/proxy"),
            }),
            PrometheusAt::Url(url) => {
                let (url, credentials) = unlock(url, credentials)?;
                let mut headers = reqwest::header::HeaderMap::new();
                let secret = match (&credentials.bearer, &credentials.basic) {
                    (Some(token), _) => Some(format!("Bearer {token}")),
                    (None, Some((user, password))) => Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))),
                    (None, None) => None,
                };
                let basic = credentials.basic.iter().map(|(_, password)| password.clone());
                let encoded = secret.iter().filter_map(|secret| secret.split(' ').nth(1)).map(ToOwned::to_owned);
                let secrets = encoded.chain(basic).chain(credentials.bearer.clone()).collect();
                if let Some(secret) = secret {
                    let mut value = reqwest::header::HeaderValue::from_str(&secret)
                        .map_err(|_| PrometheusError::Client("the credentials hold characters that no header can".to_owned()))?;
                    value.set_sensitive(true);
                    headers.insert(reqwest::header::AUTHORIZATION, value);
                }
                let mut builder = reqwest::Client::builder().default_headers(headers).timeout(PATIENCE);
                if let Some(path) = &credentials.ca {
                    let failed = |why: String| PrometheusError::Ca { path: path.clone(), why };
                    let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
                    let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| failed(chain(&error)))?;
                    builder = builder.tls_certs_merge(certificates);
                }
                let http = builder.build().map_err(|error| PrometheusError::Client(chain(&error)))?;
                let client = prometheus_http_query::Client::from(http, url.trim_end_matches('/'));
                client.map(|client| Prometheus::Direct { client, secrets }).map_err(|error| PrometheusError::Client(chain(&error)))
            }
        }
    }

    /// Asks an instant query, at the server's own time.
    pub async fn query(&self, query: &str) -> Reading {
        match self.ask(query).await {
            Ok(data) => reading(data),
            Err(why) => Reading::Failed { why },
        }
    }

    /// Asks whether an alert of this name fires.
    pub async fn alert(&self, name: &str) -> Reading {
        let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
        match self.ask(&format!("count(ALERTS{{alertname=\"{quoted}\",alertstate=\"firing\"}})")).await {
            Ok(Data::Vector(found)) => Reading::Alert { firing: !found.is_empty() },
            Ok(Data::Matrix(_) | Data::Scalar(_)) => Reading::Failed { why: "ALERTS is no vector there".into() },
            Err(why) => Reading::Failed { why },
        }
    }

    /// Asks how much two counters have grown over the last `over`, at one instant, with one query.
    pub async fn counts(&self, good: &str, total: &str, over: Duration) -> Reading {
        // whole seconds, rounded up: what happened in the first of them counts
        let over = Duration::from_secs((over.as_secs() + u64::from(over.subsec_nanos() > 0)).max(1));
        match self.ask(&counts_query(good, total, over)).await {
            Ok(Data::Vector(found)) => {
                let of = |which: &str| {
                    let one = found.iter().find(|v| v.metric().get(COUNT).is_some_and(|label| label == which));
                    one.map(|v| Number(v.sample().value()))
                };
                Reading::Counts { good: of("good"), total: of("total"), over }
            }
            Ok(Data::Matrix(_) | Data::Scalar(_)) => Reading::Failed { why: "increase() answers with no vector there".into() },
            Err(why) => Reading::Failed { why },
        }
    }

    /// How old the newest sample of a selector is, by the server's own time; `None` where it has none.
    ///
    /// # Errors
    /// What Prometheus said, or that it said nothing.
    pub async fn age(&self, selector: &str) -> Result<Option<Duration>, Untrusted> {
        match self.ask(&format!("time() - max(timestamp({selector}))")).await? {
            Data::Vector(found) => {
                Ok(found.first().map(|v| Duration::try_from_secs_f64(v.sample().value().max(0.0)).unwrap_or(Duration::MAX)))
            }
            Data::Matrix(_) | Data::Scalar(_) => Err("timestamp() answers with no vector there".into()),
        }
    }

    async fn ask(&self, query: &str) -> Result<Data, Untrusted> {
        let asked = async {
            match self {
                Prometheus::Direct { client, .. } => {
                    let answer = client.query(query).get_raw().await.map_err(|error| Untrusted::from(chain(&error)))?;
                    let status = answer.status().as_u16();
                    let text = answer.text().await.map_err(|error| Untrusted::from(chain(&error.without_url())))?;
                    envelope(status, &text)
                }
                Prometheus::Proxied { client, path } => {
                    let encoded = utf8_percent_encode(query, NON_ALPHANUMERIC);
                    let request = http::Request::get(format!("{path}/api/v1/query?query={encoded}")).body(Body::empty());
                    let request = request.map_err(|error| Untrusted::from(error.to_string()))?;
                    let answer = client.send(request).await.map_err(|error| api_error::of("Prometheus", &error).why)?;
                    let status = answer.status().as_u16();
                    let bytes = answer.into_body().collect_bytes().await.map_err(|error| Untrusted::from(chain(&error)))?;
                    envelope(status, &String::from_utf8_lossy(&bytes))
                }
            }
        };
        let known = match self {
            Prometheus::Direct { secrets, .. } => secrets.as_slice(),
            Prometheus::Proxied { .. } => &[],
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(answer) => answer.map_err(|why: Untrusted| secrets::hide(why.raw(), known).into()),
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs()).into()),
        }
    }
}

/// The label by which the two counts of one answer are told apart.
const COUNT: &str = "gameday_count";

fn counts_query(good: &str, total: &str, over: Duration) -> String {
    let seconds = over.as_secs();
    let one =
        |counter: &str, name: &str| format!("label_replace(sum(increase({counter}[{seconds}s])), \"{COUNT}\", \"{name}\", \"\", \"\")");
    format!("{} or {}", one(good, "good"), one(total, "total"))
}

/// Credentials in a URL become a header: what an error prints of the URL holds none.
fn unlock(url: &str, given: &Credentials) -> Result<(String, Credentials), PrometheusError> {
    let mut parsed = reqwest::Url::parse(url).map_err(|error| PrometheusError::Client(format!("the URL of Prometheus: {error}")))?;
    let mut credentials = given.clone();
    if !parsed.username().is_empty() || parsed.password().is_some() {
        let plain = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let basic = (plain(parsed.username()), plain(parsed.password().unwrap_or_default()));
        credentials.basic.get_or_insert(basic);
        let emptied = parsed.set_username("").and_then(|()| parsed.set_password(None));
        emptied.map_err(|()| PrometheusError::Client("the URL of Prometheus can't carry credentials".to_owned()))?;
    }
    Ok((parsed.to_string(), credentials))
}

/// The API's own envelope, read leniently: proxies and login pages answer otherwise.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    status: serde_json::Value,
    #[serde(default)]
    data: Option<serde_json::Value>,
    #[serde(default)]
    error_type: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

fn envelope(status: u16, text: &str) -> Result<Data, Untrusted> {
    let Ok(envelope) = serde_json::from_str::<Envelope>(text) else {
        let page = text.trim_start().starts_with('<');
        return Err(if page {
            format!("HTTP {status} with a web page, not an answer of Prometheus: a login page or proxy stands before it").into()
        } else {
            format!("HTTP {status}: {}", Untrusted::from(text).short(200)).into()
        });
    };
    if envelope.status == "success" {
        let data = envelope.data.ok_or_else(|| Untrusted::from("an answer without data"))?;
        return serde_json::from_value::<PromqlResult>(serde_json::json!({ "resultType": data["resultType"], "result": data["result"] }))
            .map(|result| result.data().clone())
            .map_err(|error| format!("an answer that can't be read: {error}").into());
    }
    // Prometheus' own errors have errorType and error, those of the API server a message
    let said = envelope.error.or(envelope.message).unwrap_or_else(|| "no reason given".to_owned());
    Err(match envelope.error_type {
        Some(kind) => format!("Prometheus says {kind}: {said}"),
        None => format!("HTTP {status} from the API server: {said}"),
    }
    .into())
}

fn reading(data: Data) -> Reading {
    let mut values: Vec<(Untrusted, Number)> = match data {
        Data::Scalar(sample) => vec![(Untrusted::default(), Number(sample.value()))],
        Data::Vector(found) => found.iter().map(|v| (labels(v.metric()), Number(v.sample().value()))).collect(),
        Data::Matrix(_) => return Reading::Failed { why: "the query answers with a range; wrap it in a function such as rate()".into() },
    };
    values.sort_by(|a, b| a.0.cmp(&b.0));
    if values.len() > MOST_SERIES {
        return Reading::Failed { why: format!("{} series, and {MOST_SERIES} is the most; aggregate them", values.len()).into() };
    }
    if values.is_empty() { Reading::Empty } else { Reading::Values { values } }
}

fn labels(metric: &std::collections::HashMap<String, String>) -> Untrusted {
    let sorted: std::collections::BTreeMap<_, _> = metric.iter().collect();
    sorted.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",").into()
}
