//! One exception: what it is, what was sent and answered, and what may be done about it now.

use crossdock_domain::exception::{Action, Legal};
use crossdock_domain::{Attention, Order};
use crossdock_log::stock_stream;
use crossdock_runner::LastFailure;
use crossdock_step::api::{Answer, Caller, Problem, Reply, Request};
use http::StatusCode;
use serde_json::{Value, json};

use crate::Operate;
use crate::act::unknown;
use crate::inbox::{CONNECTION, Listed};

/// An exception with all that is known of it.
pub(crate) struct Detail {
    /// The exception.
    pub(crate) listed: Listed,
    /// What may be done about it now, the best first.
    pub(crate) legal: Vec<Legal>,
    /// The order that it is about, if it is about one.
    pub(crate) order: Option<Order>,
    /// What was sent and answered when it failed the last time, masked.
    pub(crate) last: Option<LastFailure>,
}

const RETRY_DELIVERY: Legal = Legal { action: Action::Retry, does: "translate it again, once its cause is gone" };
const EDIT_DELIVERY: Legal =
    Legal { action: Action::EditDelivery, does: "correct it by a merge patch, then translate it again" };
const DROP_DELIVERY: Legal = Legal { action: Action::Resolve, does: "say how it was settled; it is not translated" };
const END_PAUSE: Legal = Legal { action: Action::Retry, does: "end the pause now" };
const POST_AGAIN: Legal = Legal { action: Action::Retry, does: "post it again, once its cause is gone" };
const POSTED: Legal = Legal { action: Action::Resolve, does: "say how it was settled in the ERP" };
const ASSIGN: Legal = Legal { action: Action::Assign, does: "say who sees to it" };
const TAG: Legal = Legal { action: Action::Tag, does: "say what it is found under" };
const SNOOZE: Legal = Legal { action: Action::Snooze, does: "leave it for a while" };

impl Operate {
    pub(crate) async fn read_exception(&self, request: &Request) -> Answer {
        let caller = request.allowed("ops:read")?;
        let detail = self.detail(caller, request.path("exception_id")).await?;
        let mut told = detail.listed.json();
        told["last_failure"] = json!(detail.last);
        told["legal_actions"] = json!(detail.legal.iter().map(legal_json).collect::<Vec<_>>());
        Ok(Reply::json(StatusCode::OK, &told))
    }

    pub(crate) async fn detail(&self, caller: &Caller, id: &str) -> Result<Detail, Problem> {
        let mut detail = if id.starts_with("connection:") || id.starts_with("delivery:") || id.starts_with("stock:") {
            self.detail_of_other(caller, id).await?
        } else {
            self.detail_of_order(caller, id).await?
        };
        detail.legal.extend([ASSIGN, TAG, SNOOZE]);
        detail.last = self.last_failure(&detail).await?;
        Ok(detail)
    }

    async fn detail_of_order(&self, caller: &Caller, id: &str) -> Result<Detail, Problem> {
        let (order, about) = self.order_of(caller, id).await?;
        let found = order.attention().into_iter().find(|known| known.about == about).ok_or_else(unknown)?;
        let legal = order.legal_actions(&found);
        let task = order.outstanding().into_iter().find(|task| task.id.to_string() == about);
        let listed = Listed {
            id: id.to_owned(),
            order_id: Some(order.id.to_string()),
            connection: order.id.connection.to_string(),
            due_at: task.map(|task| order.due_at(&task)),
            found,
        };
        Ok(Detail { listed, legal, order: Some(order), last: None })
    }

    /// Kept under the task's name in the stream of its order or document.
    async fn last_failure(&self, detail: &Detail) -> Result<Option<LastFailure>, Problem> {
        let stream = detail.order.as_ref().map(|order| order.id.stream()).or_else(|| stock_stream(&detail.listed.id));
        let Some(stream) = stream else { return Ok(None) };
        let task = if detail.order.is_some() { detail.listed.found.about.as_str() } else { LastFailure::OF_DOCUMENT };
        LastFailure::find(self.people.as_ref(), &stream, task).await.map_err(Problem::unavailable_because)
    }

    /// What is about no order is found in the list: there are few of them.
    async fn detail_of_other(&self, caller: &Caller, id: &str) -> Result<Detail, Problem> {
        let listed = if let Some(name) = id.strip_prefix("connection:") {
            let filter = crossdock_connectors::api::ExceptionFilter {
                connection: Some(name.to_owned()),
                snoozed: true,
                ..crossdock_connectors::api::ExceptionFilter::default()
            };
            let (found, _) = self.page_of(caller, &filter, None).await.map_err(|_| unknown())?;
            found.into_iter().find(|listed| listed.id == id).ok_or_else(unknown)?
        } else {
            let row = self.views.seen(id).await.map_err(Problem::unavailable_because)?.ok_or_else(unknown)?;
            let found = row.exceptions.first().filter(|_| caller.reaches(&row.connection)).ok_or_else(unknown)?;
            Listed {
                id: id.to_owned(),
                order_id: None,
                connection: row.connection.clone(),
                found: found.clone(),
                due_at: None,
            }
        };
        let legal = legal_of_other(&listed.found);
        Ok(Detail { listed, legal, order: None, last: None })
    }
}

fn legal_of_other(found: &Attention) -> Vec<Legal> {
    match found.about.as_str() {
        CONNECTION => vec![END_PAUSE],
        "delivery" => vec![RETRY_DELIVERY, EDIT_DELIVERY, DROP_DELIVERY],
        "post" => vec![POST_AGAIN, POSTED],
        _ => Vec::new(),
    }
}

fn legal_json(legal: &Legal) -> Value {
    json!({ "action": legal.action.name(), "does": legal.does })
}
