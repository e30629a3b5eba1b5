//! What every store has to do, asked of each: the one in memory, and DynamoDB (embedded, with the tables of the
//! template).

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

mod engine;

#[path = "contract/archive.rs"]
mod archive;
#[path = "contract/connections.rs"]
mod connections;
#[path = "contract/facts.rs"]
mod facts;
#[path = "contract/items.rs"]
mod items;
#[path = "contract/ledger.rs"]
mod ledger;
#[path = "contract/log.rs"]
mod log;
#[path = "contract/markers.rs"]
mod markers;
#[path = "contract/pairs.rs"]
mod pairs;
#[path = "contract/people.rs"]
mod people;
#[path = "contract/rows.rs"]
mod rows;
#[path = "contract/samples.rs"]
mod samples;
#[path = "contract/stock.rs"]
mod stock;
#[path = "contract/subject.rs"]
mod subject;
#[path = "contract/views.rs"]
mod views;

/// Each test once for every store.
macro_rules! contract {
    ($($module:ident: $($name:ident),+;)+) => {
        mod memory {
            $(mod $module { $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    crate::$module::$name(&crate::subject::in_memory()).await;
                }
            )+ })+
        }
        mod dynamo {
            $(mod $module { $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    crate::$module::$name(&crate::subject::on_dynamodb().await).await;
                }
            )+ })+
        }
    };
}

contract! {
    archive: deliveries_of_an_order_are_found_oldest_first_in_pages, a_delivery_that_is_kept_twice_is_there_once,
        what_came_in_an_hour_is_found_over_all_orders, the_largest_message_is_kept_whole;
    log: what_is_appended_is_read_as_it_was_written, commits_come_in_order_and_without_gaps, a_number_is_given_once,
        a_writer_finds_its_own_commit_after_a_conflict, of_many_writers_one_wins, streams_do_not_touch_one_another,
        the_last_number_is_known, what_is_due_is_found_by_its_bucket;
    facts: every_published_fact_survives, a_fact_of_an_unknown_type_survives_byte_for_byte, texts_of_any_script_survive;
    stock: stock_moves_with_its_fact_or_not_at_all, a_commit_that_lacks_stock_leaves_nothing, two_locations_of_one_sku_are_one_write,
        stock_that_is_nowhere_is_too_little, a_taken_number_is_told_before_missing_stock, the_last_unit_is_promised_once,
        goods_leave_and_arrive, a_location_is_opened_once, an_unknown_item_gets_no_location;
    ledger: every_move_is_in_the_ledger_newest_first, what_was_not_committed_is_in_no_ledger,
        every_counter_moves_by_its_channel, a_promise_leaves_the_floor, a_count_holds_only_while_nothing_has_moved,
        stock_in_parts_is_one_number, the_catalogue_leaves_stock_alone, what_a_storefront_shows_is_remembered;
    pairs: two_commits_are_written_together, of_two_commits_neither_is_written_alone, of_a_payment_and_an_expiry_one_wins,
        only_what_becomes_of_a_record_has_to_be_there;
    people: a_recipient_is_found_by_the_hash_of_its_content, a_recipient_is_found_in_its_own_stream_only,
        a_delivery_is_kept_until_somebody_has_dealt_with_it, the_last_failure_of_a_task_is_kept, the_log_knows_nobody_by_name;
    items: items_are_read_as_they_were_written, more_items_than_one_request_takes, no_items_are_asked_for_and_none_come,
        whoever_has_read_an_older_item_keeps_nothing;
    connections: a_connection_is_read_as_it_was_configured, a_connection_that_is_not_configured_is_not_there,
        a_pause_is_seen_and_ended, the_longest_pause_wins, a_pause_that_goes_on_keeps_its_beginning,
        a_pause_after_a_pause_begins_anew, whoever_is_not_configured_is_not_paused;
    markers: a_marker_is_set_once, of_many_markers_one_is_first, a_cursor_is_moved, counts_add_up, an_unknown_marker_is_not_there;
    views: a_row_is_seen_as_it_was_shown, a_late_row_changes_nothing, every_list_has_its_own_rows,
        orders_come_newest_first_in_pages, exceptions_come_oldest_first_in_pages, waiters_come_oldest_first_in_pages,
        a_row_leaves_the_lists_that_it_no_longer_belongs_to, rows_of_the_same_moment_are_all_shown, orders_of_one_second_come_in_their_order,
        what_is_in_flight_is_found_until_it_has_landed, an_order_is_found_by_what_its_storefront_calls_it,
        who_shows_a_row_learns_what_was_there;
}
