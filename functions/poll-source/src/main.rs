//! `poll-source` on AWS Lambda.

use crossdock_runner::Connectors;
use crossdock_runner::wiring::Wiring;
use crossdock_step::aws::deadline;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use poll_source::PollSource;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let wiring = Wiring::from_lambda()?;
    let function = &PollSource {
        intake: wiring.intake(),
        markers: wiring.store.clone(),
        calls: wiring.calls()?,
        storefronts: Connectors::new(crossdock_connectors::storefront),
        storefront: wiring.connection("STOREFRONT_CONNECTION")?,
        inbound: wiring.queue("INBOUND_QUEUE_URL")?,
    };
    run(service_fn(|event: LambdaEvent<Value>| async move {
        function.handle(deadline(&event.context)).await.map_err(Error::from)
    }))
    .await
}
