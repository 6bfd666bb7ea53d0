//! A client whose connections can be let go of as a whole.
//!
//! A pool keeps the connections that were idle when a wire went silent. None of them will ever answer, and each costs the request that
//! takes it all of its patience: with the thirty that a preflight leaves there, a wire would be back for more than a minute before
//! anybody noticed, and a fault would wait for its undo as long.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use http::Request;
use kube::client::Body;
use kube::{Client, Config};
use tokio::runtime::Handle;

/// How to make the connections of a client anew.
#[derive(Clone)]
pub struct Renewal {
    config: Config,
    current: Arc<RwLock<Client>>,
    busy: Arc<AtomicBool>,
}

impl Renewal {
    /// A client, and how its connections are made anew.
    ///
    /// # Errors
    /// TLS or credentials can't be set up.
    pub fn of(config: Config) -> Result<(Client, Renewal), kube::Error> {
        let namespace = config.default_namespace.clone();
        let current = Arc::new(RwLock::new(Client::try_from(config.clone())?));
        let through = Arc::clone(&current);
        let service = tower::service_fn(move |request: Request<Body>| {
            let client = through.read().unwrap_or_else(PoisonError::into_inner).clone();
            async move { client.send(request).await }
        });
        Ok((Client::new(service, namespace), Renewal { config, current, busy: Arc::default() }))
    }

    /// Lets go of every connection: what is on its way stays on its way, what comes then connects anew.
    ///
    /// On a thread of its own, since it may have to run the kubeconfig's credential plugin; until that is through the old ones are used.
    pub fn renew(&self) {
        if self.busy.swap(true, Ordering::SeqCst) {
            return;
        }
        let (this, handle) = (self.clone(), Handle::current());
        let renewing = move || {
            let _here = handle.enter();
            // who can't be let in anew goes on with what there is: the requests will tell
            if let Ok(client) = Client::try_from(this.config.clone()) {
                *this.current.write().unwrap_or_else(PoisonError::into_inner) = client;
            }
            this.busy.store(false, Ordering::SeqCst);
        };
        if std::thread::Builder::new().name("renewal".to_owned()).spawn(renewing).is_err() {
            self.busy.store(false, Ordering::SeqCst);
        }
    }
}
