//! The HTTP face: a tower service that a kube client is put on.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::{BoxStream, Stream, StreamExt};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, BodyStream, LengthLimitError, Limited, StreamBody};
use kube::client::Body;
use tokio::time::timeout;
use tower::BoxError;

use super::ApiServer;
use super::ask::{Answer, Ask, Payload};
use super::refusal::Refusal;
use super::requests::answer;
use super::route::Query;

/// One piece of a response's body.
type Piece = <BodyStream<Body> as Stream>::Item;

/// A response's body: whole, or a watch's chunks as they come.
pub type ResponseBody = StreamBody<BoxStream<'static, Piece>>;

/// The biggest body the server takes, as the real one has it.
const BODY_LIMIT: usize = 3 * 1024 * 1024;

/// How long a body may take to come, as the real one has it for whole requests.
const BODY_TIME: Duration = Duration::from_mins(1);

/// The `Date` header.
const DATE: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// The API server as a tower service: put it under a client with `kube::Client::new(service, namespace)`.
#[derive(Debug, Clone)]
pub struct ApiService {
    server: ApiServer,
    /// Whether what is asked here leaves the latencies of all other requests as they would be without it.
    aside: bool,
}

impl ApiService {
    /// The service of this server.
    #[must_use]
    pub fn new(server: ApiServer) -> Self {
        Self { server, aside: false }
    }

    /// The same for whoever asks for themselves, and not for a run: a run is the same with it and without.
    #[must_use]
    pub fn aside(server: ApiServer) -> Self {
        Self { server, aside: true }
    }
}

impl<B> tower::Service<Request<B>> for ApiService
where
    B: BodyExt + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (server, aside) = (self.server.clone(), self.aside);
        Box::pin(async move {
            let latency = {
                let mut state = server.lock();
                if state.troubles.cut_off() {
                    return Err(refused());
                }
                let spread = state.world.request_latency;
                spread.draw(if aside { &mut state.latencies_aside } else { &mut state.latencies })
            };
            let (head, body) = request.into_parts();
            let body = match timeout(BODY_TIME, Limited::new(body, BODY_LIMIT).collect()).await {
                Ok(body) => body.map(http_body_util::Collected::to_bytes),
                Err(_) => return Ok(respond(too_slow(), &server.lock().clock.server_now().format(DATE).to_string())),
            };
            tokio::time::sleep(latency).await;
            if server.lock().troubles.cut_off() {
                return Err(refused());
            }
            let answer = match body {
                Ok(body) => answer(
                    &server,
                    &Ask {
                        method: &head.method,
                        path: head.uri.path(),
                        query: Query::parse(head.uri.query().unwrap_or_default()),
                        raw_query: head.uri.query(),
                        headers: &head.headers,
                        body: &body,
                        guise: None,
                    },
                ),
                Err(why) if why.is::<LengthLimitError>() => Err(Refusal {
                    code: 413,
                    reason: "RequestEntityTooLarge",
                    message: format!("Request entity too large: limit is {BODY_LIMIT}"),
                    details: None,
                }),
                Err(why) => return Err(why),
            };
            let answer = match answer {
                Ok(Answer { payload: Payload::Visit(visited), .. }) => visited.answer().await,
                answer => answer,
            };
            let mut answer = answer.unwrap_or_else(|refusal| Answer::json(refusal.code, &refusal.status()));
            if head.method == Method::HEAD {
                answer.payload = Payload::Whole(Vec::new());
            }
            let date = server.lock().clock.server_now().format(DATE).to_string();
            Ok(respond(answer, &date))
        })
    }
}

/// 504: the request has taken longer than any may.
fn too_slow() -> Answer {
    let message = "Timeout: request did not complete within the allotted timeout".to_owned();
    Answer::json(504, &Refusal { code: 504, reason: "Timeout", message, details: Some(serde_json::json!({})) }.status())
}

fn refused() -> BoxError {
    io::Error::new(io::ErrorKind::ConnectionRefused, "tcp connect error: Connection refused (os error 111)").into()
}

fn respond(answer: Answer, date: &str) -> Response<ResponseBody> {
    let pieces: BoxStream<'static, Piece> = match answer.payload {
        Payload::Whole(bytes) => StreamExt::boxed(BodyStream::new(Body::from(bytes))),
        // Whoever waits for a pod has waited by now.
        Payload::Visit(_) => StreamExt::boxed(BodyStream::new(Body::empty())),
        Payload::Log(log) => log.flat_map(|chunk| StreamExt::boxed(BodyStream::new(Body::from(chunk)))).boxed(),
        Payload::Watch(watch) => watch
            .flat_map(|chunk| match chunk {
                Ok(bytes) => StreamExt::boxed(BodyStream::new(Body::from(bytes))),
                Err(cut) => futures::stream::iter([Err(kube::Error::Service(cut.into()))]).boxed(),
            })
            .boxed(),
    };
    let mut response = Response::new(StreamBody::new(pieces));
    *response.status_mut() = StatusCode::from_u16(answer.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in [(header::CONTENT_TYPE, answer.content_type.as_str()), (header::DATE, date)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    for warning in &answer.warnings {
        let told = format!("299 - \"{}\"", warning.replace('\\', "\\\\").replace('"', "\\\""));
        if let Ok(value) = HeaderValue::from_str(&told) {
            response.headers_mut().append(header::WARNING, value);
        }
    }
    response
}
