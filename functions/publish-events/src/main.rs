//! `publish-events` on AWS Lambda.

use aws_lambda_events::dynamodb::Event;
use crossdock_runner::wiring::Wiring;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use publish_events::PublishEvents;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let wiring = Wiring::from_lambda()?;
    let function = &PublishEvents { bus: wiring.bus()?, views: wiring.store.clone(), clock: wiring.clock.clone() };
    run(service_fn(
        |event: LambdaEvent<Event>| async move { function.handle(event.payload).await.map_err(Error::from) },
    ))
    .await
}
