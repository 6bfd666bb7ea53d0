//! What an API server's refusals mean, and what to do about them.

use std::time::Duration;

use kube::client::AuthError;
use thiserror::Error;
use tokio::time::Instant;

use crate::edge::{REQUEST_TIMEOUT, secrets};
use crate::effect::Outcome;
use crate::text::Untrusted;

/// How long what is only read before the start is asked for again where the API server could not answer.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long its first answer is waited for: a connection that is dead is not worth more.
const FIRST_PATIENCE: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(500);

/// A request to the API server did not succeed.
#[derive(Debug, Error)]
#[error("{what}: {why}")]
pub struct ApiError {
    /// What was asked.
    pub what: String,
    /// Why it did not succeed, and what to do.
    pub why: Untrusted,
    /// The status code, where there was an answer.
    pub code: Option<u16>,
}

impl ApiError {
    /// Whether what was asked for is not there.
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        matches!(self.code, Some(404))
    }

    /// Whether asking again can't help.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self.code, Some(400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 422))
    }

    /// As the outcome of an effect.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let why = Untrusted::from(format!("{}: {}", self.what, self.why.raw()));
        if self.is_final() { Outcome::Refused { why } } else { Outcome::Failed { why } }
    }
}

/// Waits for an answer, but not for ever.
///
/// # Errors
/// What the API server said, or that it said nothing.
pub async fn within<T>(what: &str, request: impl Future<Output = kube::Result<T>>) -> Result<T, ApiError> {
    match tokio::time::timeout(REQUEST_TIMEOUT, request).await {
        Ok(answer) => answer.map_err(|error| of(what, &error)),
        Err(_) => Err(silent(what, REQUEST_TIMEOUT)),
    }
}

/// The same for what only looks: one answer that did not come through is no reason not to begin.
///
/// # Errors
/// What the API server said last, or that it said nothing.
pub async fn patiently<T, F: Future<Output = kube::Result<T>>>(what: &str, mut request: impl FnMut() -> F) -> Result<T, ApiError> {
    let (begun, mut patience) = (Instant::now(), FIRST_PATIENCE);
    loop {
        let answer = match tokio::time::timeout(patience, request()).await {
            Ok(answer) => answer.map_err(|error| of(what, &error)),
            Err(_) => Err(silent(what, patience)),
        };
        match answer {
            Err(error) if !error.is_final() && begun.elapsed() < PATIENCE => tokio::time::sleep(AGAIN).await,
            answer => return answer,
        }
        patience = REQUEST_TIMEOUT;
    }
}

fn silent(what: &str, waited: Duration) -> ApiError {
    ApiError { what: what.to_owned(), why: format!("no answer within {} s", waited.as_secs()).into(), code: None }
}

/// Puts an error of the client into words.
#[must_use]
pub fn of(what: &str, error: &kube::Error) -> ApiError {
    let (code, why) = match error {
        kube::Error::Api(status) => {
            let advice = match status.code {
                401 => "; the credentials are not accepted: log in again, or renew the token of the kubeconfig",
                403 => "; the right is missing: `gameday rbac` prints the role to ask for",
                _ => "",
            };
            (Some(status.code), format!("{} ({} {}){advice}", status.message, status.code, status.reason))
        }
        other => (None, chain(other)),
    };
    ApiError { what: what.to_owned(), why: secrets::hide(&why, &[]).into(), code }
}

/// An error with its causes, innermost last, each once.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(said) = error.downcast_ref::<AuthError>().and_then(plugin) {
            // the plugin's command line and environment stand in its error: none of it is told
            return said;
        }
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    // wrappers that only name themselves say nothing
    text.replace("ServiceError: ", "")
}

/// What a credential plugin's failure may say of itself.
fn plugin(error: &AuthError) -> Option<String> {
    let advice = "run a kubectl command to see what it says, or log in again";
    match error {
        AuthError::AuthExecRun { .. } => Some(format!("the credential plugin of the kubeconfig failed; {advice}")),
        AuthError::AuthExecStart(error) => Some(format!("the credential plugin of the kubeconfig can't be started: {error}")),
        AuthError::AuthExec(_) | AuthError::AuthExecParse(_) => {
            Some(format!("the credential plugin of the kubeconfig gave no credentials; {advice}"))
        }
        _ => None,
    }
}
