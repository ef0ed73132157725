//! The one list of all cases.

/// All cases, handed to a macro of this crate: groups, cases and their needs.
#[doc(hidden)]
#[macro_export]
macro_rules! __with_cases {
    ($callback:ident $args:tt) => {
        $crate::$callback! { $args
            put {
                simple [Writable Retains]
                aborted [Writable]
                parallel [Writable Retains]
            }
            put_many {
                streaming [Writable Retains]
                aborted [Writable]
            }
            get {
                simple [Writable Retains]
                aborted [Writable]
                missing_key []
            }
            get_many {
                streaming [Writable Retains]
                aborted [Writable]
                missing_key []
            }
            delete {
                simple [Writable Retains]
                aborted [Writable]
                parallel [Writable Retains]
            }
            delete_many {
                streaming [Writable Retains]
                aborted [Writable]
            }
            batch {
                simple [Writable Retains]
                many [Writable Retains]
                aborted [Writable]
            }
            query {
                empty [Writable Retains]
                prefix [Writable Retains]
                prefix_three_slashes [Writable Retains]
                one_filter [Writable Retains]
                two_filters [Writable Retains]
                limit [Writable Retains]
                offset [Writable Retains]
                one_order [Writable Retains]
                one_order_reversed [Writable Retains]
                mutating_meanwhile [Writable Retains]
                mutated_meanwhile [Writable Retains]
                aborted [Writable Retains]
            }
            query_keys {
                empty [Writable Retains]
                prefix [Writable Retains]
                one_filter [Writable Retains]
                two_filters [Writable Retains]
                limit [Writable Retains]
                offset [Writable Retains]
                one_order [Writable Retains]
                one_order_reversed [Writable Retains]
                mutating_meanwhile [Writable Retains]
                mutated_meanwhile [Writable Retains]
                aborted [Writable Retains]
            }
            go {
                basic_put_get [Writable Retains]
                not_founds [Writable]
                prefixes [Writable Retains]
                orders_alone [Writable Retains]
                limits [Writable Retains]
                filters_alone [Writable Retains]
                many_keys [Writable Retains]
                sizes [Writable Retains]
                sync [Writable Retains]
                combinations [Writable Retains]
                batch_large [Writable Retains]
                batch_delete [Writable Retains]
                batch_put_and_delete [Writable Retains]
            }
            values {
                empty [Writable Retains]
                one_mebibyte [Writable Retains]
                overwritten [Writable Retains]
                isolated [Writable Retains]
                ranges [Writable Retains]
                metadata [Writable Retains]
                put_stream [Writable Retains]
                put_stream_fails [Writable Retains]
                get_stream [Writable Retains]
                get_stream_of_one_version [Writable Retains]
            }
            keys {
                empty_namespaces [Writable Retains]
                dots [Writable Retains]
                bytes [Writable Retains]
                look_alikes [Writable Retains]
                long [Writable Retains]
                value_and_children [Writable Retains]
            }
            conditions {
                if_absent [Writable Retains IfAbsent]
                if_absent_race [Writable Retains IfAbsent]
                across_handles [Writable Retains IfAbsent CrossProcess SecondHandle]
                versions [Writable Retains Versions]
                get_if_version [Writable Retains Versions]
                if_match [Writable Retains IfMatch]
                if_match_race [Writable Retains IfMatch]
                delete_if_match [Writable Retains IfMatch]
                delete_if_absent [Writable Retains]
            }
            expiry {
                before [Writable Retains Expiry]
                behind [Writable Retains Expiry]
                comes [Writable Retains Expiry]
                lifted [Writable Retains Expiry]
                every_way [Writable Retains Expiry]
                collected [Writable Retains Expiry]
            }
            batch_rules {
                last_wins [Writable Retains]
                committed_twice [Writable Retains]
                dropped [Writable]
                mixed [Writable Retains]
                conditions_hold [Writable Retains BatchConditions]
                conditions_fail [Writable Retains BatchConditions]
                conditions_race [Writable Retains BatchConditions]
                atomic_with_a_bad_key [Writable Retains AtomicBatch]
                atomic_for_readers [Writable Retains AtomicBatch SnapshotQuery]
                atomic_when_dropped [Writable Retains AtomicBatch]
            }
            many {
                put_is_lazy [Writable Retains]
                put_in_order [Writable Retains]
                source_errors [Writable Retains]
                put_fails_in_place [Writable Retains]
                get_in_order [Writable Retains]
                get_fails_in_place [Writable Retains]
                get_is_lazy [Writable Retains]
                delete_gives_all [Writable Retains]
            }
            listing {
                prefixes [Writable Retains]
                scopes [Writable Retains]
                ranges [Writable Retains]
                reversed [Writable Retains]
                pages [Writable Retains]
                odd_windows [Writable Retains]
                several_orders [Writable Retains]
                filters [Writable Retains]
                all_together [Writable Retains]
                key_order [Writable Retains KeyOrder]
                snapshot [Writable Retains SnapshotQuery]
                changed_meanwhile [Writable Retains]
                lazy_and_dropped [Writable Retains]
            }
            watch {
                every_write [Writable Watch]
                versions [Writable Watch Versions]
                scoped [Writable Watch]
                no_event_of_failures [Writable Retains Watch IfAbsent]
                lagging [Writable Watch]
                ends [Writable Watch]
                handles [Writable Watch]
            }
            upkeep {
                durabilities [Writable Retains]
                sync [Writable Retains]
                disk_usage [Writable Retains DiskUsage]
                check [Writable Retains Check]
                repair [Writable Retains Repair]
                scrub [Writable Retains Scrub]
                gc [Writable Retains Gc]
                compact [Writable Retains Compact]
                close [Writable]
                aborted []
                aborted_half_way [Writable Retains]
                reopened [Writable Retains Persistent Reopen]
            }
            histories {
                interleaved [Writable Retains Linearizable]
                interleaved_and_dropped [Writable Retains Linearizable DroppedWritesSettle]
            }
            threads {
                histories [Writable Retains Linearizable Threads]
                histories_with_drops [Writable Retains Linearizable DroppedWritesSettle Threads]
                if_absent [Writable Retains IfAbsent Threads]
            }
            cancellation {
                put [Writable Retains]
                put_stream [Writable Retains]
                delete [Writable Retains]
                batch [Writable Retains]
                put_many [Writable Retains]
                delete_many [Writable Retains]
                reads [Writable Retains]
                late_effects [Writable Retains DroppedWritesSettle]
                close_waits [Writable Retains Persistent Reopen]
            }
            model {
                operations [Writable Retains Threads]
            }
            faults {
                no_space [Writable Retains Faults]
                write_error [Writable Retains Faults]
                short_write [Writable Retains Faults]
                sync_error [Writable Retains Faults]
                publish_error [Writable Retains Faults]
                open_limit [Writable Retains Faults]
                read_error [Writable Retains Faults]
                remove_error [Writable Retains Faults]
                failed_sync_stays_failed [Writable Retains Process Faults]
            }
            power {
                ordered [Writable Retains Ordered PowerLoss]
                power [Writable Retains Power PowerLoss]
            }
        }
    };
}
