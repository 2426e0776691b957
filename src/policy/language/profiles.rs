//! Profiles: what the policy says of one principal besides. The strictest of both holds, so a profile can only tighten.

use serde_json::Value as Json;
use starlark::environment::FrozenModule;
use starlark::values::dict::DictRef;
use starlark::values::{Heap, OwnedFrozenValue, Value};

use crate::policy::problem::Problem;
use crate::principal::PrincipalName;

/// The name by which the policy's file gives them: a dict from a principal to a function as `evaluate`.
pub(super) const NAME: &str = "PROFILES";

/// The profiles of a policy that has any.
pub(super) struct Profiles(Option<OwnedFrozenValue>);

impl Profiles {
    /// Reads them from the policy's main file.
    pub(super) fn of(module: &FrozenModule, file: &str) -> Result<Self, Problem> {
        let wrong = |message: String| {
            Problem::in_file(file, message).help(format!("write {NAME} = {{\"librarian\": careful}}"))
        };
        let found = module.get_option(NAME).map_err(|error| wrong(error.to_string()))?;
        let Some(profiles) = found else { return Ok(Self(None)) };
        let not_dict = || wrong(format!("{NAME} is {}, not a dict", profiles.value().get_type()));
        let dict = DictRef::from_value(profiles.value()).ok_or_else(not_dict)?;
        for (name, function) in dict.iter() {
            let principal = name.unpack_str().map(|name| PrincipalName::try_from(name.to_owned()));
            if principal.is_none_or(|name| name.is_err()) {
                return Err(wrong(format!("{NAME} has {name}, which is no principal's name")));
            }
            if function.get_type() != "function" {
                return Err(wrong(format!(
                    "the profile of {name} is {}, not a function",
                    function.get_type()
                )));
            }
        }
        drop(dict);
        Ok(Self(Some(profiles)))
    }

    /// The principals that have one, in order.
    pub(super) fn names(&self) -> Vec<String> {
        let dict = self.0.as_ref().and_then(|profiles| DictRef::from_value(profiles.value()));
        let names =
            dict.map(|dict| dict.keys().filter_map(|name| name.unpack_str().map(str::to_owned)).collect());
        let mut names: Vec<String> = names.unwrap_or_default();
        names.sort();
        names
    }

    /// The profile of whoever asks.
    pub(super) fn of_caller<'v>(&self, heap: &Heap<'v>, context: &Json) -> Option<Value<'v>> {
        let profiles = heap.access_owned_frozen_value(self.0.as_ref()?);
        let caller = context.get("agent_id").and_then(Json::as_str)?;
        DictRef::from_value(profiles)?.get_str(caller)
    }
}
