//! Takes an object apart field by field, so that what nobody took is an error.

use serde_json::{Map, Value};

use super::Invalid;

/// The fields of one object that have not been taken yet.
pub(super) struct Fields {
    outer: String,
    left: Map<String, Value>,
}

impl Fields {
    pub(super) fn new(map: Map<String, Value>) -> Self {
        Self { outer: String::new(), left: map }
    }

    pub(super) fn within(outer: &str, map: Map<String, Value>) -> Self {
        Self { outer: outer.to_owned(), left: map }
    }

    pub(super) fn pointer(&self, name: &str) -> String {
        format!("{}/{}", self.outer, name.replace('~', "~0").replace('/', "~1"))
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Invalid> {
        match self.left.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Invalid::at(self.pointer(name), "is a string")),
        }
    }

    pub(super) fn required_text(&mut self, name: &str) -> Result<String, Invalid> {
        self.text(name)?.ok_or_else(|| Invalid::at(self.pointer(name), "is missing"))
    }

    pub(super) fn text_up_to(&mut self, name: &str, most: usize) -> Result<Option<String>, Invalid> {
        let text = self.text(name)?;
        if text.as_ref().is_some_and(|text| text.chars().count() > most) {
            return Err(Invalid::at(self.pointer(name), format!("is at most {most} characters")));
        }
        Ok(text)
    }

    pub(super) fn object(&mut self, name: &str) -> Result<Option<Map<String, Value>>, Invalid> {
        match self.left.remove(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(Invalid::at(self.pointer(name), "is an object")),
        }
    }

    pub(super) fn array(&mut self, name: &str) -> Result<Option<Vec<Value>>, Invalid> {
        match self.left.remove(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(Invalid::at(self.pointer(name), "is an array")),
        }
    }

    /// A switch that is off when absent.
    pub(super) fn switch(&mut self, name: &str) -> Result<bool, Invalid> {
        match self.left.remove(name) {
            None => Ok(false),
            Some(Value::Bool(on)) => Ok(on),
            Some(_) => Err(Invalid::at(self.pointer(name), "is true or false")),
        }
    }

    pub(super) fn number(&mut self, name: &str, least: u64, most: u64) -> Result<Option<u64>, Invalid> {
        let Some(value) = self.left.remove(name) else { return Ok(None) };
        match value.as_u64() {
            Some(number) if (least..=most).contains(&number) => Ok(Some(number)),
            Some(_) | None => {
                Err(Invalid::at(self.pointer(name), format!("is an integer from {least} to {most}")))
            }
        }
    }

    /// A string that a validated type is made of.
    pub(super) fn parsed<T>(&mut self, name: &str) -> Result<Option<T>, Invalid>
    where
        T: TryFrom<String, Error = Invalid>,
    {
        let Some(text) = self.text(name)? else { return Ok(None) };
        T::try_from(text).map(Some).map_err(|invalid| invalid.under(&self.pointer(name)))
    }

    pub(super) fn required<T>(&mut self, name: &str) -> Result<T, Invalid>
    where
        T: TryFrom<String, Error = Invalid>,
    {
        self.parsed(name)?.ok_or_else(|| Invalid::at(self.pointer(name), "is missing"))
    }

    /// Every field has been taken, or the first that was not is the error.
    pub(super) fn finish(self) -> Result<(), Invalid> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => Err(Invalid::at(self.pointer(name), "is not a field of this operation")),
        }
    }
}
