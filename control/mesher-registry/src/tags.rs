//! The tags of a service: free pairs beside its properties, by which look-ups choose.
//! It must not tell watchers: a change of tags pushes no event, as recorded from the original.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::change::ChangeKind;
use crate::edit::{Key, Stored};
use crate::{Moment, Registry, RegistryError, Tenant, validate};

/// The most tags of one service.
const MAX_TAGS: usize = 100;

impl Registry {
    /// Replaces all tags of a service.
    ///
    /// # Errors
    /// [`RegistryError::ServiceAbsent`], a tag that breaks its rule, the quota of tags, an attempt on the registry's own.
    pub fn replace_tags(
        &mut self,
        tenant: Tenant<'_>,
        service_id: &str,
        tags: BTreeMap<String, String>,
        now: Moment,
    ) -> Result<(), RegistryError> {
        self.require_foreign(service_id)?;
        let place = self.record(tenant, service_id)?.place.clone();
        for (key, value) in &tags {
            validate::tag("AddServiceTagsRequest.Tags", key)?;
            validate::tag("AddServiceTagsRequest.Tags", value)?;
        }
        if tags.len() > MAX_TAGS {
            return Err(RegistryError::QuotaUsedUp { kind: "tags of a service", limit: MAX_TAGS });
        }
        let value = (!tags.is_empty()).then(|| Stored::Tags(Arc::new(tags)));
        self.write_part(ChangeKind::TagsChanged, Key::Tags(place), value, now);
        Ok(())
    }

    /// Gives a tag another value.
    ///
    /// # Errors
    /// [`RegistryError::TagAbsent`], and those of [`Self::replace_tags`].
    pub fn update_tag(
        &mut self,
        tenant: Tenant<'_>,
        service_id: &str,
        key: &str,
        value: &str,
        now: Moment,
    ) -> Result<(), RegistryError> {
        self.record(tenant, service_id)?;
        validate::tag("UpdateServiceTagRequest.Key", key)?;
        validate::tag("UpdateServiceTagRequest.Value", value)?;
        self.change_tags(tenant, service_id, now, |tags| match tags.get_mut(key) {
            Some(known) => {
                value.clone_into(known);
                Ok(())
            }
            None => Err(RegistryError::TagAbsent(key.to_owned())),
        })
    }

    /// Takes tags away, `keys` with commas between: all of them or none.
    ///
    /// # Errors
    /// As for [`Self::update_tag`].
    pub fn remove_tags(
        &mut self,
        tenant: Tenant<'_>,
        service_id: &str,
        keys: &str,
        now: Moment,
    ) -> Result<(), RegistryError> {
        self.record(tenant, service_id)?;
        let keys: Vec<_> = keys.split(',').collect();
        keys.iter().try_for_each(|key| validate::tag("DeleteServiceTagsRequest.Keys", key))?;
        self.change_tags(tenant, service_id, now, |tags| {
            keys.iter().try_for_each(|key| match tags.remove(*key) {
                Some(_) => Ok(()),
                None => Err(RegistryError::TagAbsent((*key).to_owned())),
            })
        })
    }

    fn change_tags(
        &mut self,
        tenant: Tenant<'_>,
        service_id: &str,
        now: Moment,
        change: impl FnOnce(&mut BTreeMap<String, String>) -> Result<(), RegistryError>,
    ) -> Result<(), RegistryError> {
        let mut tags = self.record(tenant, service_id)?.tags.as_deref().cloned().unwrap_or_default();
        change(&mut tags)?;
        self.replace_tags(tenant, service_id, tags, now)
    }
}
