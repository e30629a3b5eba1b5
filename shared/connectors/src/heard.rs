//! What a fact of a delivery means: for which order, under which cause, and what is decided. No I/O: the same is asked
//! when a delivery comes, when somebody wants to know what its replay would do, and when another build is rehearsed.

use std::collections::BTreeMap;

use crossdock_domain::accept::{Context, storefront_changed, storefront_order, unreadable_order};
use crossdock_domain::cancel::stopped_by_3pl;
use crossdock_domain::canonical::hash_of;
use crossdock_domain::disputes::{DisputeOutcome, record_dispute};
use crossdock_domain::event::Decision;
use crossdock_domain::ids::{ChannelOrderId, ConnectionId, HoldId, LocationId, split_reference};
use crossdock_domain::item::Item;
use crossdock_domain::returns::{record_return, return_number};
use crossdock_domain::settings::ChannelSettings;
use crossdock_domain::shipping::record_shipment;
use crossdock_domain::{Order, OrderId, Recipient, Sku};
use serde_json::Value;

use crate::InboundFact;

/// A fact with the order that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Which order.
    pub order: OrderId,
    /// The identity of what was told: known under it, it is not recorded again.
    pub cause: String,
    fact: InboundFact,
}

/// Items that a decision is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needed {
    /// None.
    Nothing,
    /// These SKUs.
    Items(Vec<Sku>),
    /// These SKUs, and what the kits among them are made of.
    WithComponents(Vec<Sku>),
    /// These SKUs, with their stock at a location.
    At(Vec<Sku>, LocationId),
}

/// What is known of the world while it is decided.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The channel's settings, where they are [needed](Heard::needs_channel).
    pub settings: Option<&'a ChannelSettings>,
    /// The items that are [`Needed`].
    pub items: &'a BTreeMap<Sku, Item>,
}

impl Heard {
    /// What a connection's fact means, by the connection's settings.
    ///
    /// # Errors
    /// It is about no order of ours: why.
    pub fn of(fact: InboundFact, (connection, settings): (&ConnectionId, &Value)) -> Result<Self, String> {
        let of_channel =
            |channel: &ChannelOrderId| Ok(OrderId { connection: connection.clone(), channel: channel.clone() });
        let of_reference = |reference: &str, what: &str| {
            order_of(reference, settings).ok_or_else(|| format!("a {what} of an order that is not ours"))
        };
        let order = match &fact {
            InboundFact::Order { channel, .. }
            | InboundFact::Unreadable { channel, .. }
            | InboundFact::Changed { channel, .. }
            | InboundFact::Disputed { channel, .. } => of_channel(channel),
            InboundFact::Shipment { reference, .. } => of_reference(reference, "shipment"),
            InboundFact::Returned { reference, .. } => of_reference(reference, "return"),
            InboundFact::FulfillmentStopped { reference, .. } => match allocation_of(reference) {
                Some(_) => of_reference(reference, "cancellation"),
                None => Err("a cancellation of an order that is not ours".to_owned()),
            },
            InboundFact::Ignored { topic } => Err(format!("nothing is done with {topic}")),
        }?;
        let cause = format!("fact:{connection}:{}", cause_of(&fact));
        Ok(Self { order, cause, fact })
    }

    /// To whom the parcels go, as an order tells it.
    #[must_use]
    pub fn recipient(&self) -> Option<&Recipient> {
        self.fact.order()?.recipient.as_ref()
    }

    /// The goods that a checkout may have held while the buyer was paying.
    #[must_use]
    pub fn hold(&self) -> Option<&HoldId> {
        self.fact.order()?.hold.as_ref()
    }

    /// Whether the order has to be one of a channel that is configured.
    #[must_use]
    pub fn needs_channel(&self) -> bool {
        self.fact.order().is_some()
    }

    /// The items that it takes to decide.
    #[must_use]
    pub fn needed(&self, order: &Order) -> Needed {
        match &self.fact {
            // Later words about an order are judged by what it is made of already.
            InboundFact::Order { inbound, .. } if order.accepted.is_none() => {
                Needed::Items(inbound.order.lines.iter().filter_map(|line| line.sku.clone()).collect())
            }
            // A count is of components: what left before it was in theirs.
            InboundFact::Shipment { report, .. } => {
                Needed::WithComponents(report.lines.iter().map(|(sku, _)| sku.clone()).collect())
            }
            InboundFact::Returned { report, .. } => {
                Needed::At(report.lines.iter().map(|(sku, ..)| sku.clone()).collect(), report.location.clone())
            }
            InboundFact::Order { .. }
            | InboundFact::Unreadable { .. }
            | InboundFact::Changed { .. }
            | InboundFact::Disputed { .. }
            | InboundFact::FulfillmentStopped { .. }
            | InboundFact::Ignored { .. } => Needed::Nothing,
        }
    }

    /// What is decided.
    #[must_use]
    pub fn decide(&self, order: &Order, known: Known<'_>) -> Decision {
        match &self.fact {
            InboundFact::Order { inbound, .. } => known.settings.map_or_else(Decision::default, |settings| {
                storefront_order(order, inbound, Context { settings, items: known.items })
            }),
            InboundFact::Unreadable { detail, .. } => unreadable_order(order, detail),
            InboundFact::Changed { what, .. } => storefront_changed(order, what),
            InboundFact::Disputed { report, .. } => record_dispute(order, report),
            InboundFact::Shipment { report, .. } => record_shipment(order, report).past_counts(known.items),
            InboundFact::Returned { reference, report } => {
                let named = split_reference(reference).and_then(|(_, _, document)| return_number(&document));
                record_return(order, report, named, known.items).past_counts(known.items)
            }
            InboundFact::FulfillmentStopped { reference, outcome } => match allocation_of(reference) {
                Some(number) => stopped_by_3pl(order, number, &outcome.stopped),
                None => Decision::default(),
            },
            InboundFact::Ignored { .. } => Decision::default(),
        }
    }
}

/// What was told, by what it says: a delivery that comes again says the same, and another may say it as well.
fn cause_of(fact: &InboundFact) -> String {
    match fact {
        // The version alone is not enough: storefronts count in seconds.
        InboundFact::Order { inbound, .. } => {
            format!("order:{}:{}", inbound.source_version, hash_of(&(&inbound.order, inbound.cancelled)))
        }
        InboundFact::Unreadable { .. } => "unreadable".to_owned(),
        InboundFact::Shipment { report, .. } => format!("shipment:{}", report.id),
        InboundFact::Changed { what, at, .. } => format!("changed:{what}:{at}"),
        InboundFact::Disputed { report, .. } => {
            let state = report.end.map_or("open", |(outcome, _)| match outcome {
                DisputeOutcome::Won => "won",
                DisputeOutcome::Lost => "lost",
            });
            format!("dispute:{}:{state}", report.id)
        }
        InboundFact::Returned { report, .. } => {
            let told = (&report.location, report.lines.iter().collect::<Vec<_>>(), report.completed);
            format!("return:{}:{}", report.id, hash_of(&told))
        }
        InboundFact::FulfillmentStopped { reference, outcome } => {
            format!("stopped:{reference}:{}", hash_of(&outcome.stopped.iter().collect::<Vec<_>>()))
        }
        InboundFact::Ignored { topic } => format!("ignored:{topic}"),
    }
}

/// The order that a reference of ours names: the 3PL's settings say which channel a prefix belongs to.
fn order_of(reference: &str, settings: &Value) -> Option<OrderId> {
    let (prefix, channel, _) = split_reference(reference)?;
    let connection = settings.get("channels")?.get(prefix.as_str())?.as_str()?.parse().ok()?;
    Some(OrderId { connection, channel })
}

/// The number of the allocation that a reference of a 3PL order names.
fn allocation_of(reference: &str) -> Option<u32> {
    split_reference(reference)?.2.strip_prefix('F')?.parse().ok()
}
