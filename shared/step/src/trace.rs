//! What follows one thing (an order, a delivery, a request, a run) through everything that is done about it: into every
//! log line, and into the headers of every call to the outside.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use crossdock_domain::canonical::hash_bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::Failure;
use crate::exchange::{Exchanges, Sent};
use crate::outbound::HttpError;

/// The header that carries a correlation id, in and out.
pub const CORRELATION_HEADER: HeaderName = HeaderName::from_static("x-correlation-id");

/// The header of the W3C recommendation "Trace Context", in and out.
pub const TRACEPARENT_HEADER: HeaderName = HeaderName::from_static("traceparent");

/// A `traceparent` that somebody has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceParent {
    /// 32 lower-case hexadecimal digits, not all zero.
    pub trace_id: String,
    /// The sender's span: 16 such digits, not all zero.
    pub span_id: String,
}

impl TraceParent {
    /// Reads the header; `None` where it is not what the recommendation says, which is then as if it had not come.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // Later versions may have more behind the flags; version 00 has nothing, and ff is none.
        let has_right_end = version != "00" || parts.next().is_none();
        let is_well_formed = is_hex(version, 2) && version != "ff" && is_hex(flags, 2) && has_right_end;
        let names = |id: &str, digits| is_hex(id, digits) && id.bytes().any(|digit| digit != b'0');
        (is_well_formed && names(trace_id, 32) && names(span_id, 16))
            .then(|| Self { trace_id: trace_id.to_owned(), span_id: span_id.to_owned() })
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// What is being followed.
#[derive(Debug)]
pub struct Trace {
    correlation_id: String,
    parent: Option<String>,
    /// Nobody asks what a run sent that goes on for minutes: only what is remembered is kept.
    exchanges: Option<Mutex<Exchanges>>,
}

tokio::task_local! {
    static CURRENT: Arc<Trace>;
}

impl Trace {
    /// Follows what has this correlation id.
    #[must_use]
    pub fn new(correlation_id: &str) -> Self {
        Self { correlation_id: correlation_id.to_owned(), parent: None, exchanges: None }
    }

    /// Follows a run that nobody's request has caused, under an id of its own: `reconcile-5f0c…`.
    #[must_use]
    pub fn of_run(function: &str) -> Self {
        Self::new(&format!("{function}-{:016x}", fastrand::u64(..)))
    }

    /// Goes on following what has this correlation id, or a run of its own where it has none.
    #[must_use]
    pub fn following(correlation_id: Option<&str>, function: &str) -> Self {
        correlation_id.filter(|id| !id.is_empty()).map_or_else(|| Self::of_run(function), Self::new)
    }

    /// Follows what a message is about: an event of ours, or a delivery. One that names nothing is followed by its own id.
    #[must_use]
    pub fn of_message(body: &str, id: &str) -> Self {
        let message: Value = serde_json::from_str(body).unwrap_or_default();
        Self::new(named_by(&message).unwrap_or(id))
    }

    /// Follows what an event of ours is about, or a run of its own where it names nothing.
    #[must_use]
    pub fn of_event(event: &Value, function: &str) -> Self {
        Self::following(named_by(event), function)
    }

    /// With the span of whoever sent the request.
    #[must_use]
    pub fn under(self, parent: Option<TraceParent>) -> Self {
        Self { parent: parent.map(|parent| parent.span_id), ..self }
    }

    /// With the calls that are made meanwhile.
    #[must_use]
    pub fn with_calls(self) -> Self {
        Self { exchanges: Some(Mutex::default()), ..self }
    }

    /// The correlation id.
    #[must_use]
    pub fn correlation_id(&self) -> &str {
        &self.correlation_id
    }

    /// The span of whoever sent the request, if the request named one.
    #[must_use]
    pub fn parent_span_id(&self) -> Option<&str> {
        self.parent.as_deref()
    }

    /// The trace id of `traceparent`: the correlation id where it has that form, else its hash. So the same order has
    /// the same trace everywhere, and it can be reckoned from the correlation id.
    #[must_use]
    pub fn trace_id(&self) -> String {
        let id = &self.correlation_id;
        let is_trace_id = is_hex(id, 32) && id.bytes().any(|digit| digit != b'0');
        if is_trace_id { id.clone() } else { hash_bytes(id.as_bytes()) }
    }

    /// What is being followed here, if anything is.
    #[must_use]
    pub fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    /// Does some work with this as what is being followed.
    pub async fn follow<F: Future>(self: Arc<Self>, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    fn exchanges(&self) -> Option<MutexGuard<'_, Exchanges>> {
        self.exchanges.as_ref().map(|kept| kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether calls are remembered.
    pub(crate) const fn has_calls(&self) -> bool {
        self.exchanges.is_some()
    }

    /// Remembers a call and what came of it.
    pub(crate) fn record(&self, sent: Sent, answer: &Result<http::Response<Bytes>, HttpError>) {
        if let Some(mut exchanges) = self.exchanges() {
            exchanges.record(sent, answer);
        }
    }

    /// The last calls to the outside, oldest first, without anything personal or secret: what was sent and answered.
    #[must_use]
    pub fn calls(&self) -> Vec<Value> {
        self.exchanges().map_or_else(Vec::new, |exchanges| exchanges.shown(&exchanges.hidden()))
    }

    /// A failure whose reason repeats nothing that the calls had of people.
    #[must_use]
    pub fn scrubbed(&self, failure: Failure) -> Failure {
        let hidden = self.exchanges().map(|exchanges| exchanges.hidden()).unwrap_or_default();
        failure.with_reason(|reason| hidden.scrubbed(reason))
    }

    /// Writes what is being followed into the headers of a call, which is a span of its own.
    pub fn mark(&self, headers: &mut HeaderMap) {
        let span = fastrand::u64(1..);
        let traceparent = format!("00-{}-{span:016x}-01", self.trace_id());
        for (name, value) in [(CORRELATION_HEADER, &self.correlation_id), (TRACEPARENT_HEADER, &traceparent)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
    }
}

/// The correlation id in a message: an event of ours, as a rule delivers it or inside of what Lambda writes when it gives
/// one up; or a delivery.
fn named_by(message: &Value) -> Option<&str> {
    let event = message.get("requestPayload").unwrap_or(message);
    let named = event.pointer("/detail/metadata/correlation_id").or_else(|| event.get("correlation_id"));
    named.and_then(Value::as_str).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_recommendations_own_example_is_read() {
        let read = TraceParent::parse(GOOD).unwrap();
        assert_eq!(read.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(read.span_id, "00f067aa0ba902b7");
        let later = format!("{}-what-comes-later", GOOD.replacen("00", "01", 1));
        assert!(TraceParent::parse(&later).is_some(), "a later version may say more");
    }

    #[test]
    fn what_is_no_traceparent_is_none() {
        for wrong in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7a-01",
            "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceParent::parse(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_call_carries_is_read_again(id in "[A-Za-z0-9_-]{1,64}") {
            let trace = Trace::new(&id);
            let mut headers = HeaderMap::new();
            trace.mark(&mut headers);
            prop_assert_eq!(headers[CORRELATION_HEADER].to_str().unwrap(), &id);
            let sent = TraceParent::parse(headers[TRACEPARENT_HEADER].to_str().unwrap()).unwrap();
            prop_assert_eq!(&sent.trace_id, &trace.trace_id());
            // Whoever takes the trace id for the correlation id has the same trace.
            prop_assert_eq!(Trace::new(&sent.trace_id).trace_id(), sent.trace_id);
        }

        #[test]
        fn what_is_read_is_written_as_it_came(version in "[0-9a-f]{2}", trace in "[0-9a-f]{32}", span in "[0-9a-f]{16}") {
            let header = format!("{version}-{trace}-{span}-00");
            let refused = version == "ff" || trace.bytes().all(|b| b == b'0') || span.bytes().all(|b| b == b'0');
            match TraceParent::parse(&header) {
                Some(read) => prop_assert!(!refused && read.trace_id == trace && read.span_id == span),
                None => prop_assert!(refused),
            }
        }

        #[test]
        fn nonsense_is_no_traceparent(text in "\\PC{0,80}", cut in 0_usize..55, put in "[^0-9a-f-]") {
            prop_assert!(TraceParent::parse(&text).is_none() || text.len() >= 55);
            let broken = format!("{}{put}{}", &GOOD[..cut], &GOOD[cut + 1..]);
            prop_assert_eq!(TraceParent::parse(&broken), None);
        }
    }

    #[test]
    fn a_trace_id_is_not_hashed_and_anything_else_is() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(Trace::new(id).trace_id(), id);
        for other in ["0".repeat(32), id.to_uppercase(), "request-1".into(), String::new()] {
            let hashed = Trace::new(&other).trace_id();
            assert!(is_hex(&hashed, 32) && hashed != other, "{other}");
        }
    }

    #[test]
    fn a_message_says_what_it_is_about() {
        let event = r#"{"detail":{"metadata":{"stream":"order#a#1","correlation_id":"of-the-order"}}}"#;
        assert_eq!(Trace::of_message(event, "m1").correlation_id(), "of-the-order");
        let given_up = format!(r#"{{"requestPayload":{event}}}"#);
        assert_eq!(Trace::of_message(&given_up, "m1").correlation_id(), "of-the-order");
        assert_eq!(
            Trace::of_message(r#"{"correlation_id":"of-the-delivery"}"#, "m1").correlation_id(),
            "of-the-delivery"
        );
        for silent in ["", "{}", "no JSON", r#"{"correlation_id":""}"#] {
            assert_eq!(Trace::of_message(silent, "m1").correlation_id(), "m1", "{silent:?}");
        }
    }
}
