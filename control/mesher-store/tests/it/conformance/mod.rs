//! The contract, case by case, run on every engine.
//! An engine that passes may stand behind the control plane; a case must not say what only one of them can do.

mod leases;
mod limits;
mod transactions;
mod watches;

use crate::bed::{Bed, Engine};

/// Each case once for each engine.
macro_rules! on_every_engine {
    ($($module:ident: $($case:ident),+;)+) => {
        mod memory {
            use super::*;
            $($(#[tokio::test] async fn $case() { $module::$case(Bed::new(Engine::Memory)).await; })+)+
        }
        mod embedded {
            use super::*;
            $($(#[tokio::test] async fn $case() { $module::$case(Bed::new(Engine::Embedded)).await; })+)+
        }
    };
}

on_every_engine! {
    transactions:
        new_store_has_revision_one,
        record_tells_its_revisions_and_version,
        transaction_has_one_revision,
        transaction_without_effect_makes_no_revision,
        conditions_choose_the_branch,
        st_15_one_of_two_with_the_same_base_wins,
        ranges_are_in_order_and_bounded,
        order_of_submission_is_order_of_revisions,
        concurrent_clients_lose_nothing,
        all_is_there_after_a_restart,
        closed_store_answers_so;
    leases:
        end_deletes_all_keys_in_one_revision,
        keeping_alive_puts_the_end_off,
        revoking_deletes_at_once,
        put_without_the_lease_takes_the_key_off_it,
        key_can_change_its_lease,
        unknown_lease_refuses_the_transaction_alone,
        lease_may_be_used_before_it_is_acknowledged,
        restart_gives_one_full_period,
        lease_without_keys_ends_without_a_revision;
    limits:
        what_no_store_would_do_is_refused,
        large_value_comes_back,
        queue_is_bounded;
    watches:
        st_14_watch_is_complete_from_any_revision,
        st_14_watch_waits_for_what_comes,
        st_14_transaction_is_seen_whole_and_filtered,
        st_08_compacted_watch_says_so,
        st_08_slow_watcher_is_told_that_it_fell_behind,
        compaction_has_bounds,
        st_14_history_outlives_a_restart,
        st_09_history_is_bounded_by_itself,
        watch_ends_with_the_store;
}
