//! `post-to-erp` on AWS Lambda.

use aws_lambda_events::sqs::SqsEvent;
use crossdock_runner::Connectors;
use crossdock_runner::wiring::Wiring;
use crossdock_step::aws::deadline;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use post_to_erp::{PostStock, PostToErp};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let wiring = Wiring::from_lambda()?;
    let (directory, calls) = (wiring.directory(), wiring.calls()?);
    let step = PostToErp {
        directory: directory.clone(),
        calls: calls.clone(),
        erps: Connectors::new(crossdock_connectors::erp),
        items: wiring.store.clone(),
    };
    let stock = PostStock {
        keeper: wiring.stock_keeper(),
        directory: directory.clone(),
        calls,
        erps: Connectors::new(crossdock_connectors::erp),
        items: wiring.store.clone(),
        people: wiring.store.clone(),
    };
    let function = &wiring.step_function("post-to-erp", directory, step)?.with_documents(stock);
    run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
        Ok::<_, Error>(function.handle(event.payload, deadline(&event.context)).await)
    }))
    .await
}
