//! `gameday recover --force`: taking the finalizers off an object that can't be had otherwise, by typed confirmation.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{anyhow, bail};

use crate::cli::{Failure, LEFT, Means, USAGE, drill, print};
use crate::edge::{Cluster, chaos_mesh, connect};
use crate::effect::{ChaosRef, FaultId};
use crate::event::Event;
use crate::wording::stuck;

/// Takes the finalizers off `KIND/NAMESPACE/NAME` once its name was typed.
pub fn force(object: &str, context: Option<&str>) -> Result<u8, Failure> {
    let parts: Vec<&str> = object.split('/').collect();
    let [kind, namespace, name] = parts.as_slice() else {
        return Err(anyhow!("--force {object:?}: an object is named KIND/NAMESPACE/NAME, as `gameday recover` names it")).means(USAGE);
    };
    let object = ChaosRef { kind: (*kind).to_owned(), namespace: (*namespace).to_owned(), name: (*name).to_owned() };
    let forced = drill::runtime(false).map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(take_off(&object, context)));
    forced.means(LEFT)
}

async fn take_off(object: &ChaosRef, context: Option<&str>) -> anyhow::Result<u8> {
    let connection = connect::connect("", None, context).await?;
    let cluster = Cluster::reach(connection, &object.namespace).await?;
    let Some(fact) = chaos_mesh::get(&cluster, FaultId(0), object).await? else {
        print(&format!("{object} is gone already\n"));
        return Ok(0);
    };
    if !fact.deleting {
        bail!("{object} is not being deleted; `gameday recover` or `gameday abort` does that, and most often nothing more is needed");
    }
    print(&format!("{object} is {}\n", stuck::sentence(&fact)));
    for way in stuck::ways_out(&fact) {
        print(&format!("  {way}\n"));
    }
    if !io::stdin().is_terminal() {
        bail!("its name must be typed at a terminal: nothing was done");
    }
    print(&format!("type {} to take its finalizers off, anything else to leave it: ", object.name));
    io::stdout().flush()?;
    let mut typed = String::new();
    io::stdin().lock().read_line(&mut typed)?;
    if typed.trim() != object.name {
        bail!("that is not its name: nothing was done");
    }
    chaos_mesh::take_finalizers_off(&cluster, object).await?;
    match chaos_mesh::look_for(&cluster, FaultId(0), object, std::slice::from_ref(&object.namespace)).await? {
        Event::FaultLookedFor { present: false, residue: Some(left), .. } if left.is_empty() => {
            print(&format!("{object} is gone, and nothing of it was found in pods\n"));
            Ok(0)
        }
        Event::FaultLookedFor { present: false, residue, .. } => {
            let left = residue.map_or_else(
                || "whether something of it is left in pods could not be seen".to_owned(),
                |left| format!("left behind: {}", left.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
            );
            print(&format!("{object} is gone; {left}\n"));
            Ok(LEFT)
        }
        _ => bail!("{object} is still there"),
    }
}
