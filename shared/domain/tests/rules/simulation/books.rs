//! The ERP's books of one order: what is open, and that nothing is taken out of what is not there.

use std::collections::BTreeMap;

use crossdock_domain::reversing::PaidFrom;
use crossdock_domain::{Order, Task, TaskKind};

#[derive(Default)]
pub struct Books {
    /// What is left of each deposit, by tender.
    pub deposits: BTreeMap<String, i64>,
    /// What is owed on each invoice, by shipment.
    pub invoices: BTreeMap<u32, i64>,
    /// What is left of each credit memo, by refund.
    pub memos: BTreeMap<u32, i64>,
    pub tendered: i64,
    pub invoiced: i64,
    pub credited: i64,
    pub refunded: i64,
    /// What each application has moved, by its document: from the tender, or else the refund, onto the shipment.
    applied: BTreeMap<String, (Option<String>, u32, u32, i64)>,
    /// Units that may come back under each return authorization, by line.
    returnable: BTreeMap<(u32, usize), u32>,
}

/// Takes an amount out of what is open; the ERP refuses more than that.
fn take<K: Ord + std::fmt::Debug>(of: &mut BTreeMap<K, i64>, key: &K, (amount, what): (i64, &Task)) {
    let left = of.get_mut(key).unwrap_or_else(|| panic!("{} has nothing to stand on: {key:?}", what.id));
    assert!(amount > 0 && amount <= *left, "{} takes {amount} of {left} of {key:?}", what.id);
    *left -= amount;
}

impl Books {
    pub fn post(&mut self, order: &Order, task: &Task) {
        let number = task.number;
        if task.id.kind == TaskKind::PostDeposit {
            let (tender, draft) = order.deposit_draft(number).unwrap();
            self.tendered += draft.amount.get();
            self.deposits.insert(tender.id, draft.amount.get());
        } else if task.id.kind == TaskKind::PostInvoice {
            let total = order.invoice_draft(number).unwrap().unwrap().total.get();
            self.invoiced += total;
            self.invoices.insert(number, total);
        } else if task.id.kind == TaskKind::ApplyDeposit {
            let plan = order.next_application().unwrap();
            take(&mut self.deposits, &plan.tender, (plan.amount.get(), task));
            take(&mut self.invoices, &plan.shipment, (plan.amount.get(), task));
            let moved = (Some(plan.tender), 0, plan.shipment, plan.amount.get());
            self.applied.insert(task.id.document.clone(), moved);
        } else if task.id.kind == TaskKind::PostCreditMemo {
            let total = order.credit_draft(number).unwrap().unwrap().1.total.get();
            self.credited += total;
            self.memos.insert(number, total);
        } else if task.id.kind == TaskKind::ApplyCredit {
            let plan = order.next_credit_application().unwrap();
            take(&mut self.memos, &plan.refund, (plan.amount.get(), task));
            take(&mut self.invoices, &plan.shipment, (plan.amount.get(), task));
            self.applied.insert(task.id.document.clone(), (None, plan.refund, plan.shipment, plan.amount.get()));
        } else if task.id.kind == TaskKind::PostCustomerRefund {
            let posting = order.refund_postings().into_iter().find(|posting| posting.number == number).unwrap();
            self.refunded += posting.amount.get();
            match &posting.source {
                PaidFrom::Deposit(tender) => take(&mut self.deposits, tender, (posting.amount.get(), task)),
                PaidFrom::Credit(refund) => take(&mut self.memos, refund, (posting.amount.get(), task)),
            }
        } else {
            self.post_goods(order, task);
        }
    }

    /// Somebody deletes an application that says something else than it should by now.
    pub fn delete_application(&mut self, document: &str) {
        let (tender, refund, shipment, amount) = self.applied.remove(document).unwrap();
        *self.invoices.get_mut(&shipment).unwrap() += amount;
        match tender {
            Some(tender) => *self.deposits.get_mut(&tender).unwrap() += amount,
            None => *self.memos.get_mut(&refund).unwrap() += amount,
        }
    }

    fn post_goods(&mut self, order: &Order, task: &Task) {
        if task.id.kind == TaskKind::PostReturnAuthorization {
            for line in order.return_draft(task.number).unwrap().unwrap().lines {
                self.returnable.insert((task.number, line.line), line.quantity);
            }
        } else if task.id.kind == TaskKind::PostItemReceipt {
            let (of_return, draft) = order.receipt_draft(task.number).unwrap();
            for (line, quantity, _) in draft.lines {
                let left = self.returnable.get_mut(&(of_return, line)).unwrap();
                assert!(quantity <= *left, "{} takes {quantity} units of {left}", task.id);
                *left -= quantity;
            }
        }
    }

    /// Receivable, deposit, credit.
    pub fn open(&self) -> (i64, i64, i64) {
        (self.invoices.values().sum(), self.deposits.values().sum(), self.memos.values().sum())
    }
}
