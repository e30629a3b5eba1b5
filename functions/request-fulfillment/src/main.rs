//! `request-fulfillment` on AWS Lambda.

use aws_lambda_events::sqs::SqsEvent;
use crossdock_runner::Connectors;
use crossdock_runner::wiring::Wiring;
use crossdock_step::aws::deadline;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use request_fulfillment::RequestFulfillment;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let wiring = Wiring::from_lambda()?;
    let (directory, calls) = (wiring.directory(), wiring.calls()?);
    let step = RequestFulfillment {
        directory: directory.clone(),
        calls,
        fulfillments: Connectors::new(crossdock_connectors::fulfillment),
        items: wiring.store.clone(),
        people: wiring.store.clone(),
    };
    let function = &wiring.step_function("request-fulfillment", directory, step)?;
    run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
        Ok::<_, Error>(function.handle(event.payload, deadline(&event.context)).await)
    }))
    .await
}
