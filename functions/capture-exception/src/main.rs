//! `capture-exception` on AWS Lambda.

use aws_lambda_events::sqs::SqsEvent;
use capture_exception::{ALLOCATION, CaptureException, ERP, FULFILLMENT, STOREFRONT, Source};
use crossdock_runner::wiring::Wiring;
use crossdock_step::aws::{deadline, variable};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let wiring = Wiring::from_lambda()?;
    let sources = [
        (variable("ERP_DEAD_LETTERS_ARN")?, Source::Step(ERP)),
        (variable("FULFILLMENT_DEAD_LETTERS_ARN")?, Source::Step(FULFILLMENT)),
        (variable("STOREFRONT_DEAD_LETTERS_ARN")?, Source::Step(STOREFRONT)),
        (variable("ALLOCATE_FAILURES_ARN")?, Source::Step(ALLOCATION)),
        (variable("INBOUND_DEAD_LETTERS_ARN")?, Source::Inbound),
    ];
    let function = &CaptureException {
        recorder: wiring.recorder(),
        keeper: wiring.stock_keeper(),
        undelivered: wiring.undelivered(),
        people: wiring.store.clone(),
        sources: sources.into(),
    };
    run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
        Ok::<_, Error>(function.handle(event.payload, deadline(&event.context)).await)
    }))
    .await
}
