//! How fast a rehearsal goes.
//!
//! Its clock is tokio's paused one, which jumps to the next timer whenever nothing is left to do.
//! Left alone that is as fast as the machine can. To go slower, a tick in simulated time waits for
//! real time to catch up, and the clock can't jump meanwhile. Every timer still fires at its exact
//! simulated moment, so the journal is the same at any speed.

use std::time::{Duration, Instant};

/// How much simulated time may pass at a stroke, at speed 1.
const STROKE: Duration = Duration::from_millis(5);

/// Holds simulated time to `speed` times real time, for as long as it is polled.
pub async fn hold(speed: f64) {
    hold_by(speed, STROKE).await;
}

/// The same by longer strokes of real time, where nobody looks at every one of them: each costs two switches of threads.
pub async fn hold_by(speed: f64, stroke: Duration) {
    let stroke = stroke.mul_f64(speed.max(1.0));
    let (real, simulated) = (real_now(), tokio::time::Instant::now());
    loop {
        tokio::time::sleep(stroke).await;
        let due = real + simulated.elapsed().div_f64(speed);
        let wait = due.saturating_duration_since(real_now());
        if !wait.is_zero() {
            // a blocking task keeps the paused clock from jumping
            let _ = tokio::task::spawn_blocking(move || std::thread::sleep(wait)).await;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the driver is the home of the clock; this one is real on purpose")]
fn real_now() -> Instant {
    Instant::now()
}
