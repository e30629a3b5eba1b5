//! What items are called in each system: looked up by SKU, and corrected.

use std::collections::BTreeSet;

use crossdock_connectors::api::{fields_of, parse_word};
use crossdock_domain::exception::Action;
use crossdock_domain::identities::unmapped_in;
use crossdock_domain::item::Item;
use crossdock_domain::{ConnectionId, Sku};
use crossdock_log::{Page, ViewQuery};
use crossdock_runner::faults;
use crossdock_step::api::{Answer, Problem};
use futures_util::future::try_join_all;
use jiff::Timestamp;
use maud::{Markup, html};

use super::form::Form;
use super::frame::{encoded, shown};
use super::{Visit, see_other};
use crate::Operate;
use crate::act::Mapping;

/// Rows of a connection, the oldest, that are looked through for what waits for a mapping.
const MOST: i32 = 200;

impl Operate {
    pub(super) async fn mappings_page(&self, visit: &Visit<'_>) -> Answer {
        visit.request.allowed_everywhere("ops:read")?;
        let asked = visit.request.query.get("sku").map_or("", |text| text.trim());
        let sku: Option<Sku> = asked.parse().ok();
        let item = match &sku {
            Some(sku) => self
                .items
                .items(std::slice::from_ref(sku))
                .await
                .map_err(Problem::unavailable_because)?
                .into_values()
                .next(),
            None => None,
        };
        let names: Vec<ConnectionId> =
            self.reached(visit.caller).await?.into_iter().map(|record| record.connection).collect();
        let (waiting, is_cut_off) = self.waiting_for_a_name(&names).await?;
        let content = html! {
            form method="get" action="mappings" role="search" class="line" {
                label for="sku" { "SKU" }
                input id="sku" name="sku" value=(asked) maxlength="64" required;
                button type="submit" { "Look up" }
            }
            @match (&item, asked) {
                (Some(item), _) => (table(item, &names, self.recorder.clock().now())),
                (None, "") => {},
                (None, asked) => p class="alert" role="status" { "No item is called " q { (asked) } ". The catalogue takes new ones: PUT /v1/catalogue/items/{sku}." },
            }
            section aria-labelledby="waits" {
                h2 id="waits" { "Waits for a mapping" }
                @if is_cut_off { p class="note" { "Of each connection only the " (MOST) " that have needed a person for longest were looked through." } }
                @if waiting.is_empty() { p class="fine" { "Nothing." } } @else {
                    ul class="plain" { @for (sku, connection) in &waiting {
                        li { a href={ "mappings?sku=" (encoded(sku)) } { (sku) } " in " (connection) }
                    } }
                }
            }
        };
        Ok(shown(visit, "Mappings", &content))
    }

    /// SKUs that somebody waits for a name of, with the system that has none for them; and whether there is more that was
    /// not looked through.
    async fn waiting_for_a_name(&self, names: &[ConnectionId]) -> Result<(BTreeSet<(String, String)>, bool), Problem> {
        let (page, of) =
            (Page { limit: MOST, after: None }, |name: &ConnectionId| ViewQuery::Attention(name.to_string()));
        let queries: Vec<ViewQuery> = names.iter().map(of).collect();
        let lists = try_join_all(queries.iter().map(|query| self.views.list(query, &page))).await;
        let lists = lists.map_err(Problem::unavailable_because)?;
        let exceptions = lists.iter().flat_map(|(rows, _)| rows).flat_map(|row| &row.exceptions);
        let unmapped = exceptions.filter_map(|found| unmapped_in(&found.reason));
        let waiting = unmapped.map(|(sku, connection)| (sku.to_string(), connection.to_string())).collect();
        Ok((waiting, lists.iter().any(|(_, next)| next.is_some())))
    }

    pub(super) async fn mapping_form(&self, visit: &Visit<'_>, form: &Form) -> Answer {
        let caller = visit.request.allowed("ops:write")?;
        let body = form.body(fields_of(Action::Map)).to_string();
        let word = parse_word(Action::Map, body.as_bytes()).map_err(|found| faults::problem(&found))?;
        self.map(&Mapping { caller, word: &word, dry_run: false }).await?;
        Ok(see_other(&format!("mappings?sku={}", encoded(form.get("sku").unwrap_or_default()))))
    }
}

fn table(item: &Item, names: &[ConnectionId], now: Timestamp) -> Markup {
    html! {
        section aria-labelledby="item" {
            h2 id="item" { (item.sku) }
            table {
                thead { tr { th scope="col" { "System" } th scope="col" { "Called there now" } th scope="col" { "Call it" } } }
                tbody { @for name in names {
                    tr {
                        th scope="row" { (name) }
                        td { @match item.identities.at(name, now) { Some(id) => code { (id) }, None => "–" } }
                        td {
                            form method="post" action="mappings" class="line" {
                                input type="hidden" name="sku" value=(item.sku);
                                input type="hidden" name="connection" value=(name);
                                input name="identity" aria-label={ "What " (item.sku) " is called in " (name) } maxlength="100" required;
                                button type="submit" { "Save" }
                            }
                        }
                    }
                } }
            }
            p class="note" { "What is saved holds from ever on, and whatever waited for it goes on." }
        }
    }
}
