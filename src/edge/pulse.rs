//! Whether the API server answers, and what its clock says.
//!
//! A watch over a dead connection is silent for minutes; so a small request goes out each second,
//! and silence there makes every watch start anew. The same answers carry the server's Date.

use std::time::Duration;

use chrono::{DateTime, Utc};
use kube::client::Body;

use crate::edge::{Cluster, Inbox, api_error};
use crate::event::{Event, Skew};

const EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(3);

/// Our wall clock, as the driver keeps it.
pub trait Wall: Send + 'static {
    /// What the wall shows now.
    fn now(&self) -> DateTime<Utc>;
}

/// Asks once and gives the bounds of the server's clock minus ours.
///
/// # Errors
/// The API server does not answer.
pub async fn measure(cluster: &Cluster, wall: &impl Wall) -> Result<Option<Skew>, api_error::ApiError> {
    let request = http::Request::get("/version").body(Body::empty());
    let request =
        request.map_err(|error| api_error::ApiError { what: "GET /version".into(), why: error.to_string().into(), code: None })?;
    let sent = wall.now();
    let answer = tokio::time::timeout(PATIENCE, cluster.client.send(request)).await;
    let answered = wall.now();
    let answer = match answer {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(api_error::of("GET /version", &error)),
        Err(_) => return Err(api_error::ApiError { what: "GET /version".into(), why: "no answer".into(), code: None }),
    };
    let date = answer.headers().get(http::header::DATE).and_then(|date| DateTime::parse_from_rfc2822(date.to_str().ok()?).ok());
    Ok(date.map(|date| {
        let date = date.with_timezone(&Utc);
        // the Date is whole seconds: it was written somewhere in [date, date + 1 s), between sending and answer
        let micros = |span: chrono::Duration| span.num_microseconds().unwrap_or_default();
        let took = (answered - sent).to_std().unwrap_or_default();
        Skew { least: micros(date - answered), most: micros(date - sent) + 1_000_000, took }
    }))
}

/// Beats until the inbox is closed.
pub async fn beat(cluster: Cluster, wall: impl Wall, inbox: Inbox) {
    let mut best: Option<Skew> = None;
    // beats wander over the second, so that whole-second Dates bound the clock ever closer
    for beat in 0_u32.. {
        match measure(&cluster, &wall).await {
            Ok(skew) => {
                cluster.alive_tx.send_if_modified(|alive| !std::mem::replace(alive, true));
                // told when it says more than before: closer bounds, or a slower server
                let news = |new: &Skew| best.is_none_or(|old| new.least > old.least || new.most < old.most || new.took > old.took);
                if let Some(new) = skew.filter(news) {
                    let met = best.map_or(new, |old| Skew {
                        least: old.least.max(new.least),
                        most: old.most.min(new.most),
                        took: old.took.max(new.took),
                    });
                    // bounds that exclude each other: a clock was set
                    best = Some(if met.least <= met.most { met } else { new });
                    if inbox.send(Event::SkewMeasured(new)).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => {
                let news = cluster.alive_tx.send_if_modified(|alive| std::mem::replace(alive, false));
                // once a silence is enough: a connection on which nothing was ever answered is not kept
                if let Some(renewal) = cluster.renewal.as_ref().filter(|_| news && error.code.is_none()) {
                    renewal.renew();
                }
            }
        }
        if inbox.is_closed() {
            return;
        }
        tokio::time::sleep(EVERY + Duration::from_millis(u64::from(beat % 8) * 37)).await;
    }
}
