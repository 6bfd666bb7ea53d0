//! From a kubeconfig, or from inside a cluster, to a client.

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use thiserror::Error;

use crate::edge::api_error::chain;
use crate::edge::renewal::Renewal;
use crate::text::Untrusted;

/// No client could be made.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// There is no kubeconfig and this is not a pod.
    #[error("no cluster: {0}; set KUBECONFIG or make ~/.kube/config, or try `gameday rehearse`, which needs none")]
    NoConfig(Untrusted),
    /// There is one that can't be read.
    #[error("the kubeconfig {at}: {why}; mend it, or name another with KUBECONFIG")]
    Unreadable {
        /// Where.
        at: Untrusted,
        /// Why; never more than the first line, since parsers quote the lines around a mistake, and there are tokens in them.
        why: Untrusted,
    },
    /// The context is missing or unusable.
    #[error("context {context:?} of the kubeconfig: {why}; `kubectl config get-contexts` lists what there is")]
    Context {
        /// Which.
        context: String,
        /// Why.
        why: Untrusted,
    },
    /// No context is chosen.
    #[error("the kubeconfig has no current context; choose one with --context, or `kubectl config use-context NAME`")]
    NoContext,
    /// The context asked for is not the environment's.
    #[error(
        "environment {environment:?} of the scenario is context {wanted:?}, but {asked:?} was asked for; choose another --env, or change the file"
    )]
    Differs {
        /// The environment.
        environment: String,
        /// Its context.
        wanted: String,
        /// The context asked for.
        asked: String,
    },
    /// TLS or credentials can't be set up.
    #[error("cannot set up the connection to context {context:?}: {why}")]
    Client {
        /// Which.
        context: String,
        /// Why.
        why: Untrusted,
    },
}

/// A client that was made but has not spoken yet.
pub struct Connection {
    /// The client.
    pub client: Client,
    /// How its connections are made anew.
    pub renewal: Renewal,
    /// The context's name, or `in-cluster`.
    pub context: String,
    /// The context's namespace, `default` where it has none.
    pub namespace: String,
    /// The API server's URL.
    pub server: String,
}

/// Makes a client for the context of an environment.
///
/// `wanted` is the environment's context, `asked` the operator's; they must not differ. With
/// neither it is the kubeconfig's current one, and without a kubeconfig the cluster this pod runs in.
///
/// # Errors
/// See [`ConnectError`].
pub async fn connect(environment: &str, wanted: Option<&str>, asked: Option<&str>) -> Result<Connection, ConnectError> {
    if let (Some(wanted), Some(asked)) = (wanted, asked)
        && wanted != asked
    {
        return Err(ConnectError::Differs { environment: environment.to_owned(), wanted: wanted.to_owned(), asked: asked.to_owned() });
    }
    let named = wanted.or(asked);
    let (mut config, context) = match Kubeconfig::read() {
        Ok(kubeconfig) => {
            let context = named.map(ToOwned::to_owned).or_else(|| kubeconfig.current_context.clone()).filter(|name| !name.is_empty());
            let context = context.ok_or(ConnectError::NoContext)?;
            let options = KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
            let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
            let config = config.map_err(|error| ConnectError::Context { context: context.clone(), why: without_quotes(&error) })?;
            (config, context)
        }
        Err(error @ (KubeconfigError::FindPath | KubeconfigError::ReadConfig(..))) => {
            let config = Config::incluster().map_err(|_| ConnectError::NoConfig(chain(&error).into()))?;
            if let Some(wanted) = named {
                let why = Untrusted::from("there is no kubeconfig, and a pod has no contexts");
                return Err(ConnectError::Context { context: wanted.to_owned(), why });
            }
            (config, "in-cluster".to_owned())
        }
        Err(error) => return Err(ConnectError::Unreadable { at: place().into(), why: without_quotes(&error) }),
    };
    // its retries are silent and can last minutes (429, 503, 504): ours are seen
    config.default_retry = false;
    let namespace = config.default_namespace.clone();
    let server = config.cluster_url.to_string();
    let made = Renewal::of(config);
    let (client, renewal) = made.map_err(|error| ConnectError::Client { context: context.clone(), why: chain(&error).into() })?;
    Ok(Connection { client, renewal, context, namespace, server })
}

/// The first line of what an error says.
fn without_quotes(error: &KubeconfigError) -> Untrusted {
    chain(error).lines().next().unwrap_or_default().into()
}

/// Where the kubeconfig is looked for.
fn place() -> String {
    let named = std::env::var_os("KUBECONFIG").filter(|paths| !paths.is_empty());
    named.map_or_else(|| "~/.kube/config".to_owned(), |paths| paths.to_string_lossy().into_owned())
}
