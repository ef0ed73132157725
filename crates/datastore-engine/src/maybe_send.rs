//! `Send` where there are threads, nothing where there are none (wasm32): values of a browser cannot move between
//! threads, and bounds of `Send` would shut engines on its databases out.

#[cfg(not(target_family = "wasm"))]
pub use futures_core::{future::BoxFuture, stream::BoxStream};
#[cfg(target_family = "wasm")]
pub use futures_core::{future::LocalBoxFuture as BoxFuture, stream::LocalBoxStream as BoxStream};

macro_rules! bound_except_on_wasm {
    ($($name:ident: $bound:ident;)*) => {$(
        #[doc = concat!("`", stringify!($bound), "`, except on wasm32, where it asks for nothing.")]
        #[cfg(not(target_family = "wasm"))]
        pub trait $name: $bound {}
        #[cfg(not(target_family = "wasm"))]
        impl<T: $bound + ?Sized> $name for T {}

        #[doc = concat!("`", stringify!($bound), "`, except on wasm32, where it asks for nothing.")]
        #[cfg(target_family = "wasm")]
        pub trait $name {}
        #[cfg(target_family = "wasm")]
        impl<T: ?Sized> $name for T {}
    )*};
}

bound_except_on_wasm! {
    MaybeSend: Send;
    MaybeSync: Sync;
}
