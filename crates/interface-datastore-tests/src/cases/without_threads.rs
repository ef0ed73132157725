//! Cases that need threads, where there are none. They are never run: the subject lacks [`Threads`](crate::Need::Threads).

macro_rules! stand_ins {
    ($($group:ident { $($case:ident)* })*) => {$(
        pub(crate) mod $group {$(
            pub(crate) async fn $case(_: &crate::Subject) -> crate::Outcome {
                Err(crate::Failure::new("this case needs threads"))
            }
        )*}
    )*};
}

stand_ins! {
    model { operations }
    threads { histories histories_with_drops if_absent }
}
