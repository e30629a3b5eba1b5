//! `update-storefront` on AWS Lambda.

use aws_lambda_events::sqs::SqsEvent;
use crossdock_runner::Connectors;
use crossdock_runner::wiring::Wiring;
use crossdock_step::aws::deadline;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use update_storefront::UpdateStorefront;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let wiring = Wiring::from_lambda()?;
    let (directory, calls) = (wiring.directory(), wiring.calls()?);
    let step = UpdateStorefront {
        directory: directory.clone(),
        calls,
        storefronts: Connectors::new(crossdock_connectors::storefront),
    };
    let function = &wiring.step_function("update-storefront", directory, step)?;
    run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
        Ok::<_, Error>(function.handle(event.payload, deadline(&event.context)).await)
    }))
    .await
}
