//! What needs a person, what that person may do about it now, and what people have said about it. An exception is a
//! projection of the facts; what was said is a fact. So an exception ends when its cause does, and a word that was said
//! of another cause ends nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cancel::{CancelCommand, cancel};
use crate::canonical::hash_of;
use crate::commit::Attention;
use crate::event::{Decision, Document, Event, HoldCode};
use crate::ids::CountryCode;
use crate::order::Order;
use crate::outstanding::{Criticality, Task, TaskId, TaskKind};

/// The longest text that a person may write: a reason, a name, a tag.
pub const MOST_TEXT: usize = 500;

/// The most tags of one exception.
pub const MOST_TAGS: usize = 20;

/// Somebody has said something about an exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handled {
    /// Which exception.
    pub about: String,
    /// Who has said it.
    pub by: String,
    /// What.
    #[serde(flatten)]
    pub act: Act,
}

/// What somebody has said about an exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// Who sees to it; absent: nobody any more.
    Assigned {
        /// Who.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
    },
    /// What it is to be found under: these and no others.
    Tagged {
        /// The tags.
        tags: BTreeSet<String>,
    },
    /// Nobody is to be troubled with it for a while; absent: it is to be shown again.
    Snoozed {
        /// Until when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// It is settled elsewhere, where we cannot see it. Counts for the cause that it was said of, and for no other.
    Resolved {
        /// How, in words.
        reason: String,
        /// The cause that it was said of.
        cause: String,
    },
    /// It is not settled after all.
    Reopened {},
}

/// What people have said about one exception.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handling {
    /// Who sees to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What it is found under.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// Until when nobody is to be troubled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<Timestamp>,
    /// The cause that somebody has settled elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<String>,
}

impl Handling {
    /// Whether nobody has said anything that still counts.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what was said.
    pub fn evolve(&mut self, act: &Act) {
        match act {
            Act::Assigned { owner } => self.owner.clone_from(owner),
            Act::Tagged { tags } => self.tags.clone_from(tags),
            Act::Snoozed { until } => self.snoozed_until = *until,
            Act::Resolved { cause, .. } => self.resolved = Some(cause.clone()),
            Act::Reopened {} => self.resolved = None,
        }
    }

    /// What is left of an exception after what was said about it: nothing while its cause is the one that was settled.
    #[must_use]
    pub fn of(&self, found: Attention) -> Option<Attention> {
        if self.resolved.as_ref().is_some_and(|cause| *cause == found.cause()) {
            return None;
        }
        Some(Attention { handling: Self { resolved: None, ..self.clone() }, ..found })
    }
}

/// What is left of what was found, after what people have said about each.
pub(crate) fn after_words(
    found: impl IntoIterator<Item = Attention>,
    handlings: &BTreeMap<String, Handling>,
) -> Vec<Attention> {
    let said = |found: Attention| match handlings.get(&found.about) {
        Some(handling) => handling.of(found),
        None => Some(found),
    };
    found.into_iter().filter_map(said).collect()
}

impl Attention {
    /// Something that needs a person: what it is about, its class, what happened, and since when.
    #[must_use]
    pub fn new(about: impl Into<String>, class: impl Into<String>, (reason, since): (String, Timestamp)) -> Self {
        Self {
            about: about.into(),
            class: class.into(),
            reason,
            since,
            attempts: 0,
            last_seen: None,
            handling: Handling::default(),
        }
    }

    /// The identity of its cause: with another class, or other words (an amount, a document), it is another.
    #[must_use]
    pub fn cause(&self) -> String {
        hash_of(&(&self.class, &self.reason))
    }

    /// When it was seen last.
    #[must_use]
    pub fn last_seen(&self) -> Timestamp {
        self.last_seen.unwrap_or(self.since).max(self.since)
    }

    /// Whom it concerns: what a task is for; else what it is about.
    #[must_use]
    pub fn criticality(&self) -> Criticality {
        criticality(&self.about)
    }

    /// Whether nobody is to be troubled with it yet.
    #[must_use]
    pub fn is_snoozed(&self, now: Timestamp) -> bool {
        self.handling.snoozed_until.is_some_and(|until| until > now)
    }
}

/// Whom an exception of that name concerns.
#[must_use]
pub fn criticality(about: &str) -> Criticality {
    if let Ok(task) = about.parse::<TaskId>() {
        return task.kind.criticality();
    }
    match about.split_once(':').map_or(about, |(of, _)| of) {
        "books" | "dispute" | "post" | "stock" => Criticality::Financial,
        "change" | "catalogue" => Criticality::Fulfilment,
        // Holds, returns, refunds, deliveries, whole orders and connections: a buyer waits at the end of each.
        _ => Criticality::CustomerFacing,
    }
}

/// What may be done about an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Its cause is gone: try again.
    Retry,
    /// No: a return is not taken, a change not followed.
    Decline,
    /// It was settled elsewhere.
    Resolve,
    /// Correct the address, then try again.
    EditRecipient,
    /// Correct the delivery, then translate it again.
    EditDelivery,
    /// Say what a SKU is called in a system, then try again.
    Map,
    /// Cancel what is left of the order.
    Cancel,
    /// Say who sees to it.
    Assign,
    /// Say what it is found under.
    Tag,
    /// Leave it for a while.
    Snooze,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Retry,
        Self::Decline,
        Self::Resolve,
        Self::EditRecipient,
        Self::EditDelivery,
        Self::Map,
        Self::Cancel,
        Self::Assign,
        Self::Tag,
        Self::Snooze,
    ];

    /// What can be said of any exception.
    pub const OF_ALL: [Self; 3] = [Self::Assign, Self::Tag, Self::Snooze];

    /// Its name in addresses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Decline => "decline",
            Self::Resolve => "resolve",
            Self::EditRecipient => "edit-recipient",
            Self::EditDelivery => "edit-delivery",
            Self::Map => "map",
            Self::Cancel => "cancel",
            Self::Assign => "assign",
            Self::Tag => "tag",
            Self::Snooze => "snooze",
        }
    }

    /// The action of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// An action that is legal now, and what it does in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Legal {
    /// Which.
    pub action: Action,
    /// What it does to this exception.
    pub does: &'static str,
}

const fn legal(action: Action, does: &'static str) -> Legal {
    Legal { action, does }
}

const AGAIN: Legal = legal(Action::Retry, "try it again, once its cause is gone");
const BY_HAND: Legal = legal(Action::Resolve, "say that it was done by hand, and name the document");
const SETTLED: Legal = legal(Action::Resolve, "say how it was settled elsewhere; it is shown again if it changes");
const CANCEL: Legal = legal(Action::Cancel, "cancel what has not left, and pay it back");
const MAP: Legal = legal(Action::Map, "say what a SKU is called there, and take up all that waits for it");
const READDRESS: Legal = legal(Action::EditRecipient, "correct the address, then try it again");

impl Order {
    /// What may be done about one of the order's exceptions now, besides saying who sees to it.
    #[must_use]
    pub fn legal_actions(&self, exception: &Attention) -> Vec<Legal> {
        let about = exception.about.as_str();
        if let Ok(task) = about.parse::<TaskId>() {
            return self.legal_of_task(&task, exception);
        }
        if let Some(code) = about.strip_prefix("hold:") {
            let code: Option<HoldCode> = serde_json::from_value(code.into()).ok();
            return code.map_or_else(Vec::new, |code| self.legal_of_hold(code));
        }
        match (about.split_once(':').map_or(about, |(of, _)| of), exception.class.as_str()) {
            ("return", "unannounced") => {
                vec![legal(Action::Retry, "refund it"), legal(Action::Decline, "keep the goods without a refund")]
            }
            ("return", _) if crate::returns::resolve(self, about).events.is_empty() => {
                vec![legal(Action::Decline, "decline it")]
            }
            ("return", _) => vec![legal(Action::Retry, "approve it"), legal(Action::Decline, "decline it")],
            ("change", _) => vec![
                legal(Action::Retry, "follow it, once what the reason says is done"),
                legal(Action::Decline, "leave the order as it was sent"),
            ],
            ("refund", "refused") if !crate::returns::resolve(self, about).events.is_empty() => {
                vec![legal(Action::Retry, "pay it again, under the next number")]
            }
            ("books", _) | ("refund" | "dispute", "value") => vec![SETTLED],
            _ => Vec::new(),
        }
    }

    fn legal_of_task(&self, task: &TaskId, exception: &Attention) -> Vec<Legal> {
        let mut found = vec![AGAIN];
        if task.kind == TaskKind::RequestFulfillment || task.kind == TaskKind::AnnounceReturn {
            found.push(READDRESS);
        }
        if exception.class == "mapping" {
            found.push(MAP);
        }
        if self.by_hand(task, "1").is_some() {
            found.push(BY_HAND);
        }
        if task.kind == TaskKind::AwaitReturn {
            found.push(legal(Action::Decline, "give the return up"));
        }
        if matches!(task.kind, TaskKind::Allocate | TaskKind::RequestFulfillment | TaskKind::ConfirmShipment) {
            found.push(CANCEL);
        }
        found
    }

    fn legal_of_hold(&self, code: HoldCode) -> Vec<Legal> {
        let mut found = Vec::new();
        let review = legal(Action::Retry, "release it: you have looked at it");
        let look = legal(Action::Retry, "look whether its cause is gone, and release it");
        match code {
            HoldCode::Risk | HoldCode::ShippedDifferently => found.push(review),
            HoldCode::UnknownSku | HoldCode::Unmapped => found.extend([look, MAP]),
            HoldCode::Address | HoldCode::Country => found.extend([look, READDRESS]),
            HoldCode::Unpaid | HoldCode::Limit => found.push(look),
            HoldCode::Currency
            | HoldCode::Totals
            | HoldCode::RareLine
            | HoldCode::RareCharge
            | HoldCode::ChannelTax
            | HoldCode::SeveralTenders
            | HoldCode::StoredValueTender
            | HoldCode::CancelledAtStorefront
            | HoldCode::ChangedAtStorefront
            | HoldCode::Unreadable => found.push(SETTLED),
        }
        if self.accepted.is_some() {
            found.push(CANCEL);
        }
        found
    }

    /// The fact that a task was done by hand, as a document of that identity in the system that it is for. Nothing where
    /// the task makes no document, or is not owed.
    #[must_use]
    pub fn by_hand(&self, task: &TaskId, document_id: &str) -> Option<Event> {
        let owed = self.outstanding().into_iter().find(|owed| owed.id == *task)?;
        let routes = &self.accepted.as_ref()?.fact.routes;
        let paper = |system: &crate::ids::ConnectionId, total_minor| Document {
            system: system.clone(),
            id: document_id.to_owned(),
            reference: None,
            total_minor,
        };
        if TaskKind::ERP.contains(&task.kind) {
            let amount = self.foreseen_amount(&owed)?;
            return self.posted_as(&owed, paper(&routes.erp, amount));
        }
        let document = paper(routes.storefront.as_ref()?, None);
        self.is_announcement(&owed).then_some(Event::ShipmentAnnounced { shipment: owed.number, document })
    }

    fn is_announcement(&self, task: &Task) -> bool {
        task.id.kind == TaskKind::AnnounceShipment && self.shipments.contains_key(&task.number)
    }

    /// What is decided when somebody says that an exception is settled elsewhere. Nothing where that is not theirs to say,
    /// or where the document has to be named and is not.
    #[must_use]
    pub fn settle(&self, said: &Settlement<'_>) -> Decision {
        let Some(exception) = self.attention().into_iter().find(|known| known.about == said.about) else {
            return Decision::default();
        };
        if !self.legal_actions(&exception).iter().any(|legal| legal.action == Action::Resolve) {
            return Decision::default();
        }
        let act = Act::Resolved { reason: said.reason.to_owned(), cause: exception.cause() };
        let handled = Event::ExceptionHandled(Handled { about: said.about.to_owned(), by: said.by.to_owned(), act });
        let Ok(task) = said.about.parse::<TaskId>() else { return handled.into() };
        let done = said.document_id.and_then(|id| self.by_hand(&task, id));
        done.map_or_else(Decision::default, |done| vec![done, handled].into())
    }

    /// What is decided when somebody wants a task to be tried again: one that was given up, or is overdue.
    #[must_use]
    pub fn release(&self, task: &TaskId) -> Decision {
        let is_late = self.overdue.contains_key(task) && self.outstanding().iter().any(|owed| owed.id == *task);
        if self.parked.contains_key(task) || is_late {
            Event::TaskReleased { task: task.clone() }.into()
        } else {
            Decision::default()
        }
    }

    /// What is decided when somebody wants another system to be asked again about what it was to tell by itself: that
    /// parcels have left, or that goods came back.
    #[must_use]
    pub fn ask_again(&self) -> Decision {
        let waited = self.outstanding().into_iter().filter(|task| task.id.kind.is_waited_for());
        waited.map(|task| Event::TaskReleased { task: task.id }).collect::<Vec<_>>().into()
    }

    /// What is decided when somebody has looked at holds: those of them that are there end.
    #[must_use]
    pub fn lift(&self, codes: &[HoldCode]) -> Decision {
        let codes: Vec<HoldCode> = codes.iter().copied().filter(|code| self.holds.contains_key(code)).collect();
        if codes.is_empty() { Decision::default() } else { Event::OrderReleased { codes }.into() }
    }
}

/// What somebody says about one of an order's exceptions, with all that it takes to heed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Try again. Of holds: those whose cause is gone.
    Retry {
        /// Which these are.
        liftable: Vec<HoldCode>,
    },
    /// No.
    Decline,
    /// It is settled elsewhere.
    Resolve {
        /// How.
        reason: String,
        /// The document that was made by hand.
        document_id: Option<String>,
    },
    /// The parcels go to another address; then try again.
    Readdress {
        /// Under which name the people table keeps it.
        recipient: String,
        /// In which country.
        country: Option<CountryCode>,
        /// When it was said: a later word of the storefront goes before it.
        at: Timestamp,
        /// Holds that it ends.
        ends: Vec<HoldCode>,
    },
    /// Cancel what is left.
    Cancel(CancelCommand),
    /// Who sees to it, what it is found under, whether it may wait.
    Said(Act),
}

impl Order {
    /// What is decided when somebody says something about one of the order's exceptions. Nothing where that is not there,
    /// or not theirs to say.
    #[must_use]
    pub fn heed(&self, (about, by): (&str, &str), word: &Word) -> Decision {
        match word {
            Word::Retry { liftable } => self.tried_again(about, liftable),
            Word::Decline => crate::returns::decline(self, about),
            Word::Resolve { reason, document_id } => {
                self.settle(&Settlement { about, by, reason, document_id: document_id.as_deref() })
            }
            Word::Readdress { recipient, country, at, ends } => {
                let (recipient, country) = (recipient.clone(), country.clone());
                let before = self.reversals.recipient.as_ref().and_then(|known| known.corrects.clone());
                let corrects = before.or_else(|| self.recipient().map(str::to_owned));
                let moved = Event::RecipientChanged { recipient, country, source_version: *at, corrects };
                let again = match about.parse::<TaskId>() {
                    Ok(task) => self.release(&task),
                    Err(_) => self.lift(ends),
                };
                let events = std::iter::once(moved).chain(again.events.iter().cloned()).collect::<Vec<_>>();
                if again.events.is_empty() { Decision::default() } else { events.into() }
            }
            Word::Cancel(command) => cancel(self, command).unwrap_or_default(),
            Word::Said(act) => {
                let is_settled = self.handlings.get(about).is_some_and(|known| known.resolved.is_some());
                let is_there = || self.attention().iter().any(|known| known.about == about);
                let is_known = if matches!(act, Act::Reopened {}) { is_settled } else { is_there() };
                let (about, by, act) = (about.to_owned(), by.to_owned(), act.clone());
                let said = Event::ExceptionHandled(Handled { about, by, act });
                if is_known { said.into() } else { Decision::default() }
            }
        }
    }

    fn tried_again(&self, about: &str, liftable: &[HoldCode]) -> Decision {
        if let Some(code) = about.strip_prefix("hold:") {
            let code: Option<HoldCode> = serde_json::from_value(code.into()).ok();
            return if code.is_some_and(|code| liftable.contains(&code)) {
                self.lift(liftable)
            } else {
                Decision::default()
            };
        }
        match about.parse::<TaskId>() {
            Ok(task) => self.release(&task),
            Err(_) => crate::returns::resolve(self, about),
        }
    }
}

/// Somebody's word that an exception is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settlement<'a> {
    /// Which exception.
    pub about: &'a str,
    /// Who says so.
    pub by: &'a str,
    /// How.
    pub reason: &'a str,
    /// The document that was made by hand, by its identity in its system.
    pub document_id: Option<&'a str>,
}
