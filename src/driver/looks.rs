//! Looks at pods: one at most is under way, a newer one takes its place. They reach the face, and nothing else.

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::driver::Clock;
use crate::edge::pulse::Wall;
use crate::edge::{Cluster, look};
use crate::face::look::{Aspect, Look, LookAt};

/// Looks at the pods of a cluster.
pub struct Looks {
    cluster: Cluster,
    clock: Clock,
    sender: mpsc::Sender<Look>,
    seen: mpsc::Receiver<Look>,
    under_way: Option<AbortHandle>,
}

impl Looks {
    /// Looks at a cluster whose wall shows what `clock` says.
    #[must_use]
    pub fn new(cluster: &Cluster, clock: Clock) -> Looks {
        let (sender, seen) = mpsc::channel(1);
        Looks { cluster: cluster.aside(), clock, sender, seen, under_way: None }
    }

    /// Begins to look; what was looked at before is let go.
    pub fn begin(&mut self, at: LookAt) {
        if let Some(older) = self.under_way.take() {
            older.abort();
        }
        let (cluster, clock, sender) = (self.cluster.clone(), self.clock, self.sender.clone());
        let task = tokio::spawn(async move {
            let seen = match at.aspect {
                Aspect::Details => look::details(&cluster, &at.pod, clock.now()).await,
                Aspect::Yaml => look::yaml(&cluster, &at.pod).await,
                Aspect::Logs => look::logs(&cluster, &at.pod).await,
            };
            let seen = seen.map_err(|error| error.to_string().into());
            // nobody is left to be shown it
            let _ = sender.send(Look { at, seen }).await;
        });
        self.under_way = Some(task.abort_handle());
    }

    /// What was seen next. Cancel-safe; for ever while nothing is looked at.
    pub async fn next(&mut self) -> Look {
        match self.seen.recv().await {
            Some(look) => look,
            None => std::future::pending().await,
        }
    }
}
