//! The methods that a wrapper hands to its inner store as they are, each named by the wrapper.

/// Implements the named methods by the same method of `self.inner()`.
///
/// A wrapper lists them one by one: there is no "all the others", so a method added to the trait is decided on anew.
macro_rules! pass_on {
    ($($method:ident)*) => {
        $($crate::pass_on::pass_on_one!($method);)*
    };
}

macro_rules! pass_on_one {
    (put_opts) => {
        fn put_opts<'a>(
            &'a self,
            key: &'a ::interface_datastore::Key,
            value: ::bytes::Bytes,
            options: ::interface_datastore::PutOptions,
        ) -> ::interface_datastore::BoxFuture<
            'a,
            ::interface_datastore::Result<::interface_datastore::Written>,
        > {
            self.inner().put_opts(key, value, options)
        }
    };
    (get_opts) => {
        fn get_opts<'a>(
            &'a self,
            key: &'a ::interface_datastore::Key,
            options: ::interface_datastore::GetOptions,
        ) -> ::interface_datastore::BoxFuture<
            'a,
            ::interface_datastore::Result<::interface_datastore::Entry>,
        > {
            self.inner().get_opts(key, options)
        }
    };
    (delete_opts) => {
        fn delete_opts<'a>(
            &'a self,
            key: &'a ::interface_datastore::Key,
            options: ::interface_datastore::DeleteOptions,
        ) -> ::interface_datastore::BoxFuture<'a, ::interface_datastore::Result<()>> {
            self.inner().delete_opts(key, options)
        }
    };
    (put_stream_opts) => {
        fn put_stream_opts<'a>(
            &'a self,
            key: &'a ::interface_datastore::Key,
            body: ::interface_datastore::BoxStream<
                'static,
                ::interface_datastore::Result<::bytes::Bytes>,
            >,
            options: ::interface_datastore::PutOptions,
        ) -> ::interface_datastore::BoxFuture<
            'a,
            ::interface_datastore::Result<::interface_datastore::Written>,
        > {
            self.inner().put_stream_opts(key, body, options)
        }
    };
    (put_many_opts) => {
        fn put_many_opts(
            &self,
            source: ::interface_datastore::BoxStream<
                'static,
                ::interface_datastore::Result<(::interface_datastore::Key, ::bytes::Bytes)>,
            >,
            options: ::interface_datastore::PutManyOptions,
        ) -> ::interface_datastore::BoxStream<
            'static,
            ::interface_datastore::Result<::interface_datastore::Key>,
        > {
            self.inner().put_many_opts(source, options)
        }
    };
    (write_opts) => {
        fn write_opts<'a>(
            &'a self,
            batch: ::interface_datastore::Batch,
            options: ::interface_datastore::WriteOptions,
        ) -> ::interface_datastore::BoxFuture<
            'a,
            ::interface_datastore::Result<::interface_datastore::Written>,
        > {
            self.inner().write_opts(batch, options)
        }
    };
    (capabilities) => {
        fn capabilities(
            &self,
            prefix: &::interface_datastore::Key,
        ) -> ::interface_datastore::Capabilities {
            self.inner().capabilities(prefix)
        }
    };
    (query_opts) => {
        fn query_opts(
            &self,
            query: ::interface_datastore::Query,
            options: ::interface_datastore::QueryOptions,
        ) -> ::interface_datastore::BoxStream<
            'static,
            ::interface_datastore::Result<::interface_datastore::Entry>,
        > {
            self.inner().query_opts(query, options)
        }
    };
    (get_stream_opts) => {
        fn get_stream_opts<'a>(
            &'a self,
            key: &'a ::interface_datastore::Key,
            options: ::interface_datastore::GetOptions,
        ) -> ::interface_datastore::BoxFuture<
            'a,
            ::interface_datastore::Result<::interface_datastore::ValueStream>,
        > {
            self.inner().get_stream_opts(key, options)
        }
    };
    (get_many_opts) => {
        fn get_many_opts(
            &self,
            source: ::interface_datastore::BoxStream<
                'static,
                ::interface_datastore::Result<::interface_datastore::Key>,
            >,
            options: ::interface_datastore::GetManyOptions,
        ) -> ::interface_datastore::BoxStream<
            'static,
            ::interface_datastore::Result<::interface_datastore::Entry>,
        > {
            self.inner().get_many_opts(source, options)
        }
    };
    (delete_many_opts) => {
        fn delete_many_opts(
            &self,
            source: ::interface_datastore::BoxStream<
                'static,
                ::interface_datastore::Result<::interface_datastore::Key>,
            >,
            options: ::interface_datastore::DeleteManyOptions,
        ) -> ::interface_datastore::BoxStream<
            'static,
            ::interface_datastore::Result<::interface_datastore::Key>,
        > {
            self.inner().delete_many_opts(source, options)
        }
    };
    (watch_opts) => {
        fn watch_opts<'a>(
            &'a self,
            scope: &'a ::interface_datastore::Key,
            options: ::interface_datastore::WatchOptions,
        ) -> ::interface_datastore::BoxFuture<
            'a,
            ::interface_datastore::Result<
                ::interface_datastore::BoxStream<
                    'static,
                    ::interface_datastore::Result<::interface_datastore::WatchEvent>,
                >,
            >,
        > {
            self.inner().watch_opts(scope, options)
        }
    };
    (sync_opts) => {
        fn sync_opts<'a>(
            &'a self,
            scope: &'a ::interface_datastore::Key,
            options: ::interface_datastore::SyncOptions,
        ) -> ::interface_datastore::BoxFuture<
            'a,
            ::interface_datastore::Result<::interface_datastore::Durability>,
        > {
            self.inner().sync_opts(scope, options)
        }
    };
    (disk_usage_opts) => {
        fn disk_usage_opts<'a>(
            &'a self,
            scope: &'a ::interface_datastore::Key,
            options: ::interface_datastore::DiskUsageOptions,
        ) -> ::interface_datastore::BoxFuture<
            'a,
            ::interface_datastore::Result<::interface_datastore::DiskUsage>,
        > {
            self.inner().disk_usage_opts(scope, options)
        }
    };
    (maintain_opts) => {
        fn maintain_opts(
            &self,
            task: ::interface_datastore::Maintenance,
            scope: &::interface_datastore::Key,
            options: ::interface_datastore::MaintainOptions,
        ) -> ::interface_datastore::BoxStream<
            'static,
            ::interface_datastore::Result<::interface_datastore::MaintenanceEvent>,
        > {
            self.inner().maintain_opts(task, scope, options)
        }
    };
    (close_opts) => {
        fn close_opts(
            &self,
            options: ::interface_datastore::CloseOptions,
        ) -> ::interface_datastore::BoxFuture<'_, ::interface_datastore::Result<()>> {
            self.inner().close_opts(options)
        }
    };
    // The streaming forms of one's own single methods, item by item.
    (put_many_each) => {
        fn put_many_opts(
            &self,
            source: ::interface_datastore::BoxStream<
                'static,
                ::interface_datastore::Result<(::interface_datastore::Key, ::bytes::Bytes)>,
            >,
            options: ::interface_datastore::PutManyOptions,
        ) -> ::interface_datastore::BoxStream<
            'static,
            ::interface_datastore::Result<::interface_datastore::Key>,
        > {
            ::interface_datastore::implement::put_many(self.handle(), source, options)
        }
    };
    (get_many_each) => {
        fn get_many_opts(
            &self,
            source: ::interface_datastore::BoxStream<
                'static,
                ::interface_datastore::Result<::interface_datastore::Key>,
            >,
            options: ::interface_datastore::GetManyOptions,
        ) -> ::interface_datastore::BoxStream<
            'static,
            ::interface_datastore::Result<::interface_datastore::Entry>,
        > {
            ::interface_datastore::implement::get_many(self.handle(), source, options)
        }
    };
    (delete_many_each) => {
        fn delete_many_opts(
            &self,
            source: ::interface_datastore::BoxStream<
                'static,
                ::interface_datastore::Result<::interface_datastore::Key>,
            >,
            options: ::interface_datastore::DeleteManyOptions,
        ) -> ::interface_datastore::BoxStream<
            'static,
            ::interface_datastore::Result<::interface_datastore::Key>,
        > {
            ::interface_datastore::implement::delete_many(self.handle(), source, options)
        }
    };
    (get_stream_whole) => {
        fn get_stream_opts<'a>(
            &'a self,
            key: &'a ::interface_datastore::Key,
            options: ::interface_datastore::GetOptions,
        ) -> ::interface_datastore::BoxFuture<
            'a,
            ::interface_datastore::Result<::interface_datastore::ValueStream>,
        > {
            ::std::boxed::Box::pin(::interface_datastore::implement::get_stream(
                self, key, options,
            ))
        }
    };
    (handle) => {
        fn handle(&self) -> ::std::sync::Arc<dyn ::interface_datastore::Datastore> {
            ::std::sync::Arc::new(self.clone())
        }
    };
}

pub(crate) use {pass_on, pass_on_one};
