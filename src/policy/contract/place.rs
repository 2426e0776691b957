//! Where in a contract's text something of a schema stands, which is read as a whole and so without its places.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The place of what a JSON Pointer names within the schema that stands at a place; as near to it as there is anything.
pub(super) fn within(text: &str, schema: &Range<usize>, pointer: &str) -> Range<usize> {
    let Ok(document) = DeTable::parse(text) else { return schema.clone() };
    let entries = document.get_ref().get("allow").map(Spanned::get_ref);
    let Some(DeValue::Array(entries)) = entries else { return schema.clone() };
    let of_entry = |entry: &Spanned<DeValue<'_>>| {
        let DeValue::Table(table) = entry.get_ref() else { return None };
        let found = table.get("schema").filter(|found| found.span() == *schema)?;
        named(found, pointer)
    };
    entries.iter().find_map(of_entry).unwrap_or_else(|| schema.clone())
}

/// The place of the key, or the item of a list, that a pointer leads to or comes nearest to; nothing when not even its
/// first step is there.
fn named(value: &Spanned<DeValue<'_>>, pointer: &str) -> Option<Range<usize>> {
    let step = pointer.strip_prefix('/')?;
    let (step, rest) = step.find('/').map_or((step, ""), |end| step.split_at(end));
    let (place, next) = if let DeValue::Table(table) = value.get_ref() {
        let (key, next) = table.get_key_value(step.replace("~1", "/").replace("~0", "~").as_str())?;
        (key.span(), next)
    } else if let DeValue::Array(items) = value.get_ref() {
        let next = items.get(step.parse::<usize>().ok()?)?;
        (next.span(), next)
    } else {
        return None;
    };
    Some(named(next, rest).unwrap_or(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_leads_to_its_key_however_the_schema_is_written_and_else_as_near_as_can_be() {
        for text in [
            "[[allow]]\nschema = { properties = { size = { maximum = 5, enum = [1, 2] } } }\n",
            "[[allow]]\n[allow.schema]\n[allow.schema.properties.size]\nmaximum = 5\nenum = [1, 2]\n",
            "[[allow]]\n[allow.schema.properties]\nsize.maximum = 5\nsize.enum = [1, 2]\n",
        ] {
            let document = DeTable::parse(text).unwrap();
            let DeValue::Array(entries) = document.get_ref().get("allow").unwrap().get_ref() else {
                panic!()
            };
            let DeValue::Table(entry) = entries.iter().next().unwrap().get_ref() else { panic!() };
            let schema = entry.get("schema").unwrap().span();
            let found = |pointer: &str| text.get(within(text, &schema, pointer)).unwrap();
            assert_eq!(found("/properties/size/maximum"), "maximum", "{text}");
            assert_eq!(found("/properties/size/enum/1"), "2", "{text}");
            assert_eq!(found("/properties/size/minimum"), "size", "{text}");
            assert_eq!(within(text, &schema, "/required"), schema, "{text}");
            assert_eq!(within("none of it", &(0..4), "/x"), 0..4);
        }
    }
}
