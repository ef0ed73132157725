//! Reading tier after tier, and bringing up what was found below.

use std::sync::Arc;

use interface_datastore::{
    Datastore, Entry, Error, GetOptions, Key, PutOptions, Result, ValueStream, Want, abortable,
    check_aborted,
};

use super::{TieredDatastore, write::Stamp};

/// What the tiers above said that did not have the value.
#[derive(Default)]
struct Above {
    /// The places of those without it.
    lacking: Vec<usize>,
    /// The first real failure.
    failure: Option<Error>,
}

impl Above {
    /// Takes down an answer that is no value; aborting ends the search.
    fn note(&mut self, place: usize, error: Error) -> Result<()> {
        if error.is_aborted() {
            return Err(error);
        }
        if error.is_not_found() {
            self.lacking.push(place);
            return Ok(());
        }
        tracing::warn!(target: "datastore", tier = place, error = %error, "a tier failed; asking those below");
        self.failure.get_or_insert(error);
        Ok(())
    }

    /// The outcome if the authority failed so.
    fn give_up(self, last: Error) -> Error {
        match self.failure {
            Some(first) if !last.is_aborted() => first,
            _ => last,
        }
    }
}

impl TieredDatastore {
    /// Whether only the authority can answer.
    fn authority_decides(&self, options: &GetOptions) -> bool {
        self.upper.is_empty() || options.if_version.is_some() || options.want == Want::Metadata
    }

    pub(super) async fn get_tiers(&self, key: &Key, options: GetOptions) -> Result<Entry> {
        check_aborted(options.abort.as_ref(), options.operation(), Some(key))?;
        if self.authority_decides(&options) {
            return self.authority.get_opts(key, options).await;
        }
        let options = options.with_omit_key(false);
        let stamp = self.stamps.read(key);
        let mut above = Above::default();
        for (place, tier) in self.upper.iter().enumerate() {
            match tier.get_opts(key, options.clone()).await {
                Ok(entry) if options.want == Want::Exists => return Ok(entry.with_version(None)),
                Ok(entry) => {
                    let abort = options.abort.as_ref();
                    let Some(entry) = self.with_authority_version(entry, stamp, abort).await?
                    else {
                        break;
                    };
                    self.promote(key, &entry, &options, &above, stamp).await?;
                    return Ok(entry);
                }
                Err(error) => above.note(place, error)?,
            }
        }
        match self.authority.get_opts(key, options.clone()).await {
            Ok(entry) => {
                self.promote(key, &entry, &options, &above, stamp).await?;
                Ok(entry)
            }
            Err(error) => Err(above.give_up(error)),
        }
    }

    pub(super) async fn get_stream_tiers(
        &self,
        key: &Key,
        options: GetOptions,
    ) -> Result<ValueStream> {
        if self.authority_decides(&options) {
            return self.authority.get_stream_opts(key, options).await;
        }
        let stamp = self.stamps.read(key);
        let mut above = Above::default();
        for (place, tier) in self.upper.iter().enumerate() {
            match tier.get_stream_opts(key, options.clone()).await {
                Ok(value) => {
                    let abort = options.abort.as_ref();
                    let entry = self.with_authority_version(value.entry, stamp, abort);
                    let Some(entry) = entry.await? else {
                        break;
                    };
                    return Ok(ValueStream::new(entry, value.body));
                }
                Err(error) => above.note(place, error)?,
            }
        }
        let read = self.authority.get_stream_opts(key, options).await;
        read.map_err(|error| above.give_up(error))
    }

    /// Copies a whole value into the tiers above that lacked it. Only an abort is an error.
    async fn promote(
        &self,
        key: &Key,
        entry: &Entry,
        options: &GetOptions,
        above: &Above,
        stamp: Stamp,
    ) -> Result<()> {
        if !self.promotes || options.want != Want::Value || above.lacking.is_empty() {
            return Ok(());
        }
        // A write of the key waits while we hold its gate; if one is under way, it knows better.
        let Some(_turn) = self.gates.try_enter(key) else {
            return Ok(());
        };
        if self.stamps.read(key) != stamp {
            return Ok(());
        }
        self.versions.learn(key, entry.version.as_ref());
        let copying = async {
            for tier in above
                .lacking
                .iter()
                .filter_map(|place| self.upper.get(*place))
            {
                if let Err(error) = copy_up(tier, key, entry).await {
                    tracing::debug!(target: "datastore", key = %key, error = %error, "a value was not promoted");
                }
            }
            Ok(())
        };
        abortable(
            options.abort.as_ref(),
            options.operation(),
            Some(key),
            copying,
        )
        .await
    }
}

/// Writes an entry into a tier that lacked it, if the tier can hold it as it is.
async fn copy_up(tier: &Arc<dyn Datastore>, key: &Key, entry: &Entry) -> Result<()> {
    let (Some(value), able) = (&entry.value, tier.capabilities(key)) else {
        return Ok(());
    };
    if !able.keys.allows(key) || (entry.expires.is_some() && !able.expiry.may()) {
        return Ok(());
    }
    // The gate keeps our own writers out; the condition, where there is one, others too.
    let options = match able.if_absent {
        interface_datastore::ConditionScope::None => PutOptions::default(),
        _ => PutOptions::if_absent(),
    };
    tier.put_opts(key, value.clone(), options.with_expires(entry.expires))
        .await
        .map(drop)
}
