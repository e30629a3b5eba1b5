//! `cargo local up`: everything from nothing, or only what has changed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::aws::{Aws, Client, SECRETS, accepted, http};
use crate::browser;
use crate::deploy::{self, Deployed};
use crate::engine;
use crate::functions;
use crate::metrics;
use crate::ports;
use crate::report::Report;
use crate::sandboxes::{self, Sandboxes};
use crate::seed::{self, Stock};
use crate::services::{ALL, BROWSER, ENGINE, SANDBOXES, Services};
use crate::site::{Site, write_whole};
use crate::stack::{Connection, Environment, Stack, env_file, environment, named_by};
use crate::toolbox;
use crate::trouble::Trouble;

/// Brings the stack up, or up to date.
pub(crate) async fn up(site: &Site, report: &Report, services: &Services<'_>) -> Result<Stack, Trouble> {
    if services.running(ENGINE).is_none() {
        // Before minutes of building.
        ports::choose(std::env::var("CROSSDOCK_PORT").ok().as_deref())?;
    }
    tokio::try_join!(toolbox::ENGINE.install(site, report), functions::build(site, report))?;

    stop_what_is_left(services).await;
    let phase = report.phase("Starting the local AWS and the vendor sandboxes");
    let (aws, sandboxes) = tokio::try_join!(engine::ensure(site, services), sandboxes::ensure(site, services))?;
    phase.done(&format!("{} and {} sandboxes", aws.endpoint, sandboxes.urls.len()));

    let phase = report.phase("Deploying infra/template.yaml through CloudFormation");
    let deployed = deploy::deploy(site, &aws, &sandboxes::parameters(&sandboxes), &phase).await?;
    let outcome =
        if deployed.changed { format!("{} resources", deployed.resources.len()) } else { "nothing has changed".into() };
    phase.done(&outcome);

    let phase = report.phase("Connecting the sandboxes, the secrets and the stock");
    let stack = connect(site, aws, &sandboxes, &deployed).await?;
    let (connections, items) = seed::sow(site, &stack, Stock::Keep).await?;
    metrics::ensure(site, services)?;
    phase.done(&format!("{connections} connections, {items} items"));
    Ok(stack)
}

async fn connect(site: &Site, aws: Aws, sandboxes: &Sandboxes, deployed: &Deployed) -> Result<Stack, Trouble> {
    let client = Client::to(&aws)?;
    let environments = environments(&client, deployed).await?;
    let all: Environment = environments.values().flatten().map(|(name, value)| (name.clone(), value.clone())).collect();
    let prefix = all
        .get("SECRETS_PREFIX")
        .ok_or_else(|| Trouble::content("infra/template.yaml", "no function is given SECRETS_PREFIX"))?;
    for (connection, secret) in &sandboxes.secrets {
        keep_secret(&client, &format!("{prefix}/{connection}"), secret).await?;
    }
    let api = format!("{}/_aws/execute-api/{}/v1", aws.endpoint, deployed.only("AWS::ApiGateway::RestApi")?);
    let key = api_key(&client, deployed).await?;
    let stack = Stack {
        headers: BTreeMap::from([
            ("Authorization".to_owned(), format!("Bearer {}", sandboxes::token(sandboxes).await?)),
            ("x-api-key".to_owned(), key),
        ]),
        connections: connections(site, sandboxes)?,
        sandboxes: sandboxes.urls.clone(),
        tables: named_by("_TABLE", &all),
        queues: queues(deployed),
        functions: deployed.functions.clone(),
        console: format!("{api}/console"),
        api,
        aws,
    };
    send_webhooks_to(&stack).await?;
    write_environments(site, &stack.aws, &environments, all)?;
    stack.write(site)?;
    Ok(stack)
}

fn connections(site: &Site, sandboxes: &Sandboxes) -> Result<BTreeMap<String, Connection>, Trouble> {
    let kinds = seed::kinds(site, &sandboxes.urls)?.into_iter();
    let with_secret = |(name, kind): (String, String)| {
        let webhook_secret = sandboxes.webhook_secret(&name).map(str::to_owned);
        (name, Connection { kind, webhook_secret })
    };
    Ok(kinds.map(with_secret).collect())
}

async fn environments(client: &Client, deployed: &Deployed) -> Result<BTreeMap<String, Environment>, Trouble> {
    let mut found = BTreeMap::new();
    for (name, physical) in &deployed.functions {
        let configuration = client.get("lambda", &format!("/2015-03-31/functions/{physical}/configuration")).await?;
        found.insert(name.clone(), environment(&configuration));
    }
    Ok(found)
}

async fn keep_secret(client: &Client, name: &str, secret: &Value) -> Result<(), Trouble> {
    let created =
        client.call(SECRETS, "CreateSecret", &json!({ "Name": name, "SecretString": secret.to_string() })).await;
    match created {
        Err(Trouble::Refused { body, .. }) if body.contains("ResourceExistsException") => {
            let input = json!({ "SecretId": name, "SecretString": secret.to_string() });
            client.call(SECRETS, "PutSecretValue", &input).await.map(|_| ())
        }
        outcome => outcome.map(|_| ()),
    }
}

async fn api_key(client: &Client, deployed: &Deployed) -> Result<String, Trouble> {
    let id = deployed.only("AWS::ApiGateway::ApiKey")?;
    let described = client.get("apigateway", &format!("/apikeys/{id}?includeValue=true")).await?;
    let value = described["value"].as_str();
    value.map(str::to_owned).ok_or_else(|| Trouble::content(format!("API key {id}"), "it has no value"))
}

/// `InboundQueue` is called `inbound`, `ErpDeadLetters` `erp-dead-letters`.
fn queues(deployed: &Deployed) -> BTreeMap<String, String> {
    deployed
        .all("AWS::SQS::Queue")
        .map(|(logical, url)| (kebab(logical.strip_suffix("Queue").unwrap_or(logical)), url.to_owned()))
        .collect()
}

fn kebab(name: &str) -> String {
    let mut kebab = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase());
    }
    kebab
}

/// The address of a vendor's webhooks changes when the contract of the API does.
async fn send_webhooks_to(stack: &Stack) -> Result<(), Trouble> {
    let http = http()?;
    for (name, connection) in &stack.connections {
        if connection.webhook_secret.is_some() {
            let target = json!({ "url": format!("{}/webhooks/{name}", stack.api) });
            accepted(http.post(format!("{}/_sandbox/webhooks", stack.sandbox(name)?)).json(&target)).await?;
        }
    }
    Ok(())
}

/// `functions.env` holds what all functions are given; `env/<function>.env` what one is, its own queue included.
fn write_environments(
    site: &Site,
    aws: &Aws,
    each: &BTreeMap<String, Environment>,
    all: Environment,
) -> Result<(), Trouble> {
    let with_aws = |mut environment: Environment| {
        for (name, value) in [
            ("AWS_ENDPOINT_URL", aws.endpoint.as_str()),
            ("AWS_REGION", aws.region.as_str()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        env_file(&environment)
    };
    for (name, environment) in each {
        write_whole(&site.local(&format!("env/{name}.env"))?, &with_aws(environment.clone()))?;
    }
    write_whole(&site.local("functions.env")?, &with_aws(all))
}

/// The orders in the local AWS and the documents in the sandboxes belong together, and so do the secrets: when one of the
/// two has died, the other begins anew as well.
async fn stop_what_is_left(services: &Services<'_>) {
    if services.running(ENGINE).is_some() != services.running(SANDBOXES).is_some() {
        for name in ALL {
            services.stop(name).await;
        }
    }
}

/// `cargo local down`: nothing is left running, and what says that something runs is gone.
pub(crate) async fn down(site: &Site, report: &Report, services: &Services<'_>) -> Result<(), Trouble> {
    let mut stopped = Vec::new();
    if browser::stop(site, services).await {
        stopped.push(BROWSER);
    }
    for name in ALL {
        if services.stop(name).await {
            stopped.push(name);
        }
    }
    forget(site);
    let outcome =
        if stopped.is_empty() { "nothing was running".into() } else { format!("stopped {}", stopped.join(", ")) };
    report.line(outcome);
    Ok(())
}

/// Removes what says that a stack runs.
pub(crate) fn forget(site: &Site) {
    for file in ["stack.json", "sandboxes.json", "engine.json", "functions.env"] {
        // Absent is what we want.
        let _ = site.local(file).map(std::fs::remove_file);
    }
    let _ = site.local("env").map(std::fs::remove_dir_all);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logical_id_becomes_words_with_hyphens() {
        assert_eq!(kebab("ErpDeadLetters"), "erp-dead-letters");
    }

    #[test]
    fn queues_are_named_by_what_they_are_for() {
        let deployed: Deployed = serde_json::from_value(json!({
            "changed": true, "functions": {},
            "resources": {
                "ErpQueue": { "type": "AWS::SQS::Queue", "id": "http://q/erp" },
                "ErpDeadLetters": { "type": "AWS::SQS::Queue", "id": "http://q/erp-dead" },
                "LogTable": { "type": "AWS::DynamoDB::Table", "id": "log" },
            },
        }))
        .unwrap();
        let expected = BTreeMap::from([
            ("erp".to_owned(), "http://q/erp".to_owned()),
            ("erp-dead-letters".to_owned(), "http://q/erp-dead".to_owned()),
        ]);
        assert_eq!(queues(&deployed), expected);
    }
}
