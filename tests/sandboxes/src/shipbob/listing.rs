//! `GET /order`: filters and pages.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::intake::FieldErrors;
use super::warehouse::Order;

const LARGEST_PAGE: usize = 250;
const USUAL_PAGE: usize = 50;

/// The filters of `GET /order`; all that are given must hold.
pub(super) struct Listing {
    ids: Option<Vec<u64>>,
    references: Option<Vec<String>>,
    has_tracking: Option<bool>,
    updated_from: Option<Timestamp>,
    page: usize,
    limit: usize,
}

impl Listing {
    pub(super) fn read(filters: &BTreeMap<String, String>) -> Result<Self, FieldErrors> {
        // Parameter names are not case sensitive.
        let given = |name: &str| {
            let found = filters.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.as_str())
        };
        let invalid = |name: &str| {
            let message = format!("The value '{}' is not valid for {name}.", given(name).unwrap_or_default());
            FieldErrors::from([(name.to_owned(), vec![message])])
        };
        let parts = |name: &str| given(name).map(|list| list.split(',').map(str::trim));
        let number = |name: &str, usual: usize| match given(name) {
            None => Ok(usual),
            Some(text) => text.parse().ok().filter(|number| *number > 0).ok_or_else(|| invalid(name)),
        };
        let limit = number("Limit", USUAL_PAGE)?;
        if limit > LARGEST_PAGE {
            return Err(invalid("Limit"));
        }
        let ids = parts("IDs").map(|mut ids| ids.try_fold(Vec::new(), gather).ok_or_else(|| invalid("IDs")));
        let tracking = given("HasTracking").map(|text| text.parse().map_err(|_| invalid("HasTracking")));
        let since = given("LastUpdateStartDate").map(|text| text.parse().map_err(|_| invalid("LastUpdateStartDate")));
        Ok(Self {
            ids: ids.transpose()?,
            references: parts("ReferenceIds").map(|references| references.map(str::to_owned).collect()),
            has_tracking: tracking.transpose()?,
            updated_from: since.transpose()?,
            page: number("Page", 1)?,
            limit,
        })
    }

    pub(super) fn of<'o>(&self, orders: impl Iterator<Item = &'o Order>) -> Vec<&'o Order> {
        let wanted = orders.filter(|order| self.wants(order));
        wanted.skip((self.page - 1).saturating_mul(self.limit)).take(self.limit).collect()
    }

    fn wants(&self, order: &Order) -> bool {
        let has_tracking = order.shipments.iter().any(|shipment| shipment.tracking.is_some());
        self.ids.as_ref().is_none_or(|ids| ids.contains(&order.id))
            && self.references.as_ref().is_none_or(|all| all.contains(&order.request.reference_id))
            && self.has_tracking.is_none_or(|wanted| wanted == has_tracking)
            && self.updated_from.is_none_or(|from| order.updated_at() > from)
    }
}

fn gather(mut ids: Vec<u64>, text: &str) -> Option<Vec<u64>> {
    ids.push(text.parse().ok()?);
    Some(ids)
}
