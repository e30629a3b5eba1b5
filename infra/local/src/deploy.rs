//! Runs `deploy.py`, which packages the template and drives CloudFormation.

use std::collections::BTreeMap;
use std::process::Stdio;

use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use crate::aws::Aws;
use crate::report::Phase;
use crate::site::Site;
use crate::toolbox::{self, why};
use crate::trouble::Trouble;

/// What stands after a deployment.
#[derive(Debug, Deserialize)]
pub(crate) struct Deployed {
    /// Whether anything had to be changed.
    pub(crate) changed: bool,
    /// By logical id.
    pub(crate) resources: BTreeMap<String, Resource>,
    /// Physical name by the name of the function's folder.
    pub(crate) functions: BTreeMap<String, String>,
}

/// One resource of the stack.
#[derive(Debug, Deserialize)]
pub(crate) struct Resource {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) id: String,
}

/// What the script says on each line.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Said {
    Progress(String),
    Result(Deployed),
    Error(String),
}

/// Brings the stack to what `infra/template.yaml` says.
pub(crate) async fn deploy(
    site: &Site,
    aws: &Aws,
    parameters: &BTreeMap<&str, String>,
    phase: &Phase,
) -> Result<Deployed, Trouble> {
    let request = json!({
        "endpoint": aws.endpoint,
        "region": aws.region,
        "stack": "crossdock",
        "bucket": "crossdock-artifacts",
        "template": site.path("infra/template.yaml"),
        "digests": site.local("digests.json")?,
        "parameters": parameters,
    });
    let mut child = start(site)?;
    let failed = |error: std::io::Error| Trouble::Deployment(error.to_string());
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(request.to_string().as_bytes()).await.map_err(failed)?;
    }
    let outcome = listen(&mut child, phase).await;
    child.wait().await.map_err(failed)?;
    outcome
}

fn start(site: &Site) -> Result<Child, Trouble> {
    Command::new(toolbox::ENGINE.program(site, "python")?)
        .arg(site.path("infra/local/deploy.py"))
        .env_remove("AWS_PROFILE")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Trouble::Deployment(error.to_string()))
}

async fn listen(child: &mut Child, phase: &Phase) -> Result<Deployed, Trouble> {
    let Some((stdout, mut stderr)) = child.stdout.take().zip(child.stderr.take()) else {
        return Err(Trouble::Deployment("deploy.py has no output".into()));
    };
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(Said::Progress(state)) => phase.now(&state),
            Ok(Said::Result(deployed)) => return Ok(deployed),
            Ok(Said::Error(reason)) => return Err(Trouble::Deployment(reason)),
            Err(error) => return Err(Trouble::content("a line of deploy.py", error)),
        }
    }
    let mut said = String::new();
    // Only reached when the script died, and then this is all that is known.
    let _ = stderr.read_to_string(&mut said).await;
    let last = said.lines().next_back().map_or_else(|| why(&said), str::to_owned);
    Err(Trouble::Deployment(format!("deploy.py died: {last}")))
}

impl Deployed {
    /// The physical id of the only resource of this type.
    pub(crate) fn only(&self, kind: &str) -> Result<&str, Trouble> {
        let mut found = self.resources.values().filter(|resource| resource.kind == kind);
        match (found.next(), found.next()) {
            (Some(resource), None) => Ok(&resource.id),
            (None, _) => Err(Trouble::Deployment(format!("the template has no {kind}"))),
            (Some(_), Some(_)) => Err(Trouble::Deployment(format!("the template has more than one {kind}"))),
        }
    }

    /// Logical and physical ids of all resources of this type.
    pub(crate) fn all(&self, kind: &str) -> impl Iterator<Item = (&str, &str)> {
        self.resources
            .iter()
            .filter(move |(_, resource)| resource.kind == kind)
            .map(|(logical, resource)| (logical.as_str(), resource.id.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_the_script_is_progress_a_result_or_an_error() {
        let read = |line: &str| serde_json::from_str::<Said>(line).unwrap();
        assert!(
            matches!(read(r#"{"progress": "3 of 9 resources"}"#), Said::Progress(state) if state == "3 of 9 resources")
        );
        assert!(matches!(read(r#"{"error": "Log failed"}"#), Said::Error(reason) if reason == "Log failed"));
        let result = r#"{"result": {"changed": true, "outputs": {}, "functions": {"operate": "f-1"},
            "resources": {"Api": {"type": "AWS::ApiGateway::RestApi", "id": "abc"}}}}"#;
        let Said::Result(deployed) = read(result) else { panic!("no result") };
        assert_eq!(deployed.only("AWS::ApiGateway::RestApi").unwrap(), "abc");
        assert!(deployed.only("AWS::ApiGateway::ApiKey").unwrap_err().to_string().contains("ApiKey"));
    }
}
