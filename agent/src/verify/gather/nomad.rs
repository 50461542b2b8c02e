//! What Nomad says of itself, of the token, of the proxy's job, and of its nodes and clients.

mod job;
mod node;

use nova_hashistack::transport::{Call, HashistackError};
use nova_hashistack::{NomadClient, NomadConfig};
use serde::Deserialize;

use super::super::fact::{Asked, ClockFact, NomadFact, Skew, TokenFact, Trouble, VersionFact, Whose};
use super::{SERVER_PATIENCE, clock, in_time, nomad_client, trouble};

/// The accessor of the token that servers without access control answer with, whatever token is sent (had from a real server,
/// 1.11.1); other calls about access control are refused there with the text "ACL support disabled".
const NO_ACLS: &str = "acls-disabled";

/// What is wanted of Nomad beside itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted<'w> {
    /// A job, with the clients on which it runs.
    Job {
        /// Its id.
        id: &'w str,
        /// Its namespace.
        namespace: &'w str,
    },
    /// All nodes, with their clients.
    Nodes,
}

/// Asks Nomad, where there is one.
pub(super) async fn ask(
    config: Result<&NomadConfig, &String>,
    wanted: Wanted<'_>,
) -> (Result<NomadFact, String>, Option<ClockFact>) {
    let config = match config {
        Ok(config) => config,
        Err(why) => return (Err(why.clone()), None),
    };
    let client = match nomad_client(config) {
        Ok(client) => client,
        Err(error) => return (Ok(silent(config, &trouble::of(&error))), None),
    };
    let (told, token, versions) = tokio::join!(
        in_time(SERVER_PATIENCE, leader(&client)),
        token(&client),
        in_time(SERVER_PATIENCE, versions(&client)),
    );
    let address = config.address.to_string();
    let mut clock = None;
    let leader = told.map(|(leader, skew)| {
        clock = Some(ClockFact { whose: Whose::Server, name: "Nomad".to_owned(), skew });
        leader
    });
    if let Err(trouble @ Trouble::Unreachable(_)) = &leader {
        // Whoever is gone need not be asked three times more.
        return (Ok(silent(config, trouble)), None);
    }
    let not_wanted = || Trouble::NotAsked("it is of no interest here".to_owned());
    let (job, nodes, clients) = match wanted {
        Wanted::Job { id, namespace } => {
            let client = client.in_namespace(namespace);
            let job = in_time(SERVER_PATIENCE, job::ask(&client, id)).await;
            let (job, places) = match job {
                Ok(Some((job, places))) => (Ok(Some(job)), places),
                Ok(None) => (Ok(None), Vec::new()),
                Err(trouble) => (Err(trouble), Vec::new()),
            };
            (job, Err(not_wanted()), node::clients(config, &client, &places).await)
        }
        Wanted::Nodes => {
            let (nodes, clients) = node::all(config, &client).await;
            (Err(not_wanted()), nodes, clients)
        }
    };
    (Ok(NomadFact { address, leader, versions, token, job, nodes, clients }), clock)
}

fn silent(config: &NomadConfig, trouble: &Trouble) -> NomadFact {
    NomadFact {
        address: config.address.to_string(),
        leader: Err(trouble.clone()),
        versions: Err(trouble.clone()),
        token: Err(trouble.clone()),
        job: Err(trouble.clone()),
        nodes: Err(trouble.clone()),
        clients: Err(trouble.clone()),
    }
}

async fn leader(client: &NomadClient) -> Result<(String, Asked<Skew>), HashistackError> {
    let call = Call::get("/v1/status/leader").without_token();
    let (answer, skew) = clock::dated(client.transport(), &call).await?;
    Ok((answer.json()?, skew))
}

async fn token(client: &NomadClient) -> Asked<TokenFact> {
    let own = in_time(SERVER_PATIENCE, client.token_self()).await?;
    if own.accessor == NO_ACLS {
        return Err(Trouble::Refused { status: 400, told: "ACL support disabled".to_owned() });
    }
    let what = if own.name.is_empty() { format!("{} token", own.kind) } else { own.name };
    Ok(TokenFact { name: format!("{what} ({})", own.accessor), ends_at: own.expiration_time })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Members {
    members: Vec<Member>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Member {
    name: String,
    tags: std::collections::BTreeMap<String, String>,
}

/// The servers' versions (Nomad's API documentation, "List Members"). It needs `node = "read"`.
async fn versions(client: &NomadClient) -> Result<Vec<VersionFact>, HashistackError> {
    let answer = client.transport().send(&Call::get("/v1/agent/members")).await?;
    let Members { members } = answer.json()?;
    Ok(members
        .into_iter()
        .filter_map(|member| {
            Some(VersionFact { version: member.tags.get("build")?.clone(), server: member.name })
        })
        .collect())
}
