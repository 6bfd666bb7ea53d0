//! How often the screen is drawn: what is in view at once, and never more than thirty pictures in any second.

use std::time::{Duration, Instant};

/// So many pictures may follow on a quiet spell without a wait.
const AT_ONCE: u32 = 3;
/// From one picture to the next where news keep coming: with those at once, 30 in any second.
const EVERY: Duration = Duration::from_millis(37);
/// Between two pictures at the least: what comes together is drawn together.
const LEAST: Duration = Duration::from_millis(8);
/// How long news of what is not in view may wait for a picture.
pub const BESIDE: Duration = Duration::from_millis(100);

/// Whether there is something to draw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// Nothing.
    #[default]
    None,
    /// Of pods that are not in view: the picture is as good as it was.
    Beside,
    /// Of what is in view.
    InView,
}

/// The pictures that were drawn, as far as they decide when the next may be.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    last: Instant,
    /// When the pictures that were drawn at once are paid for.
    paid: Instant,
}

impl Rate {
    /// A picture was drawn at this moment, and none before it.
    #[must_use]
    pub fn begun(at: Instant) -> Rate {
        Rate { last: at, paid: at + EVERY }
    }

    /// When the next may be drawn at the soonest.
    #[must_use]
    pub fn next(&self) -> Instant {
        let saved = EVERY * (AT_ONCE - 1);
        (self.last + LEAST).max(self.paid.checked_sub(saved).unwrap_or(self.last))
    }

    /// When the next is drawn, where nothing else changes but what grows with time, every `tick`.
    #[must_use]
    pub fn due(&self, news: News, tick: Duration) -> Instant {
        match news {
            News::InView => self.next(),
            News::Beside => self.next().max(self.last + tick.min(BESIDE)),
            News::None => self.next().max(self.last + tick),
        }
    }

    /// A picture is drawn now.
    pub fn drawn(&mut self, at: Instant) {
        self.paid = self.paid.max(at) + EVERY;
        self.last = at;
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any moment will do to count from; no time passes")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn first_news_after_a_quiet_spell_should_be_drawn_at_once_and_news_beside_wait() {
        let begun = Instant::now();
        let rate = Rate::begun(begun);
        let tick = Duration::from_secs(1);
        assert_eq!(rate.due(News::InView, tick), begun + LEAST);
        assert_eq!(rate.due(News::Beside, tick), begun + BESIDE);
        assert_eq!(rate.due(News::None, tick), begun + tick);
        // a picture that grows is drawn as often as it grows
        assert_eq!(rate.due(News::Beside, BESIDE / 2), begun + BESIDE / 2);
    }

    #[test]
    fn news_that_keep_coming_should_be_drawn_steadily() {
        let begun = Instant::now();
        let mut rate = Rate::begun(begun);
        let mut longest = Duration::ZERO;
        for _ in 0..1000 {
            let next = rate.next();
            longest = longest.max(next - rate.last);
            rate.drawn(next);
        }
        assert_eq!(longest, EVERY);
    }

    proptest! {
        #[test]
        fn no_second_should_have_more_than_thirty_pictures(pauses in prop::collection::vec(0_u64..120, 1..400)) {
            let begun = Instant::now();
            let mut rate = Rate::begun(begun);
            let mut drawn = vec![begun];
            let mut now = begun;
            for pause in pauses {
                // news come after the pause, or the picture is waited for
                now = (now + Duration::from_millis(pause)).max(rate.next());
                rate.drawn(now);
                drawn.push(now);
            }
            for window in drawn.windows(31) {
                prop_assert!(window[30] - window[0] >= Duration::from_secs(1));
            }
        }
    }
}
