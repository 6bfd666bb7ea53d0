//! How much one query may hold and look at, so that no question can stall or swell a rehearsal.
//!
//! Owned by the evaluator, drawn on wherever samples are read or rows made.

use std::cell::Cell;

use super::error::PromqlError;

/// What one query has used of its allowance.
#[derive(Debug, Default)]
pub(super) struct Budget {
    held: Cell<usize>,
    visited: Cell<usize>,
}

impl Budget {
    /// The most values made by one query, over all its parts, of 16 bytes each.
    const HELD: usize = 10_000_000;
    /// The most samples looked at by one query, over all its windows.
    const VISITED: usize = 2_000_000_000;

    /// Takes room for `values` more values.
    pub(super) fn hold(&self, values: usize) -> Result<(), PromqlError> {
        draw(&self.held, values, Self::HELD)
    }

    /// Takes the right to look at `samples` more samples.
    pub(super) fn visit(&self, samples: usize) -> Result<(), PromqlError> {
        draw(&self.visited, samples, Self::VISITED)
    }
}

fn draw(used: &Cell<usize>, more: usize, limit: usize) -> Result<(), PromqlError> {
    used.set(used.get().saturating_add(more));
    if used.get() > limit {
        return Err(PromqlError::TooManySamples);
    }
    Ok(())
}
