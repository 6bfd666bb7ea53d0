//! Requests from beyond the model: somebody asks a pod through the API server's proxy, and waits for what becomes of it.

use tokio::sync::oneshot;

/// One of them.
#[derive(Debug)]
pub struct Visit {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// Whether it only reads.
    pub reads: bool,
    /// Who waits for the code of its answer; none where nobody listens.
    pub told: oneshot::Sender<Option<u16>>,
}

/// Those that nobody has looked at yet.
#[derive(Debug, Default)]
pub struct Visits {
    open: bool,
    waiting: Vec<Visit>,
}

impl Visits {
    /// From now on somebody follows them.
    pub fn open(&mut self) {
        self.open = true;
    }

    /// A visit to this pod; none where nobody follows any.
    pub fn begin(&mut self, namespace: &str, pod: &str, reads: bool) -> Option<oneshot::Receiver<Option<u16>>> {
        if !self.open {
            return None;
        }
        let (told, coming) = oneshot::channel();
        self.waiting.push(Visit { namespace: namespace.to_owned(), pod: pod.to_owned(), reads, told });
        Some(coming)
    }

    /// All of them, to be followed.
    pub fn take(&mut self) -> Vec<Visit> {
        std::mem::take(&mut self.waiting)
    }
}
