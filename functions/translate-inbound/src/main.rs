//! `translate-inbound` on AWS Lambda.

use aws_lambda_events::sqs::SqsEvent;
use crossdock_runner::wiring::Wiring;
use crossdock_step::aws::deadline;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use translate_inbound::TranslateInbound;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let wiring = Wiring::from_lambda()?;
    let function = &TranslateInbound {
        intake: wiring.intake(),
        keeping: wiring.keeping()?,
        undelivered: wiring.undelivered(),
        queue: wiring.queue("OWN_QUEUE_URL")?,
    };
    run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
        Ok::<_, Error>(function.handle(event.payload, deadline(&event.context)).await)
    }))
    .await
}
