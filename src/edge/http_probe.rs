//! One GET of a URL: what an `http` criterion looks at.

use std::time::Duration;

use crate::edge::api_error::chain;
use crate::event::Reading;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks once. Redirects are not followed: the first answer counts.
pub async fn get(client: &reqwest::Client, url: &str) -> Reading {
    match client.get(url).timeout(PATIENCE).send().await {
        Ok(answer) => Reading::Http { status: answer.status().as_u16() },
        Err(error) => Reading::Failed { why: chain(&error.without_url()).into() },
    }
}
