//! What to do about the interpreter's complaints, in the words of somebody who writes a policy.

/// What would put right what the interpreter complains of, where that can be told.
pub(super) fn fix(message: &str) -> Option<String> {
    if let Some((_, rest)) = message.split_once("did you mean `") {
        let name = rest.split('`').next().unwrap_or_default();
        return Some(format!("write {name}"));
    }
    let known = [
        ("expected symbol ':'", "a line that begins def, if, elif, else or for ends with a colon"),
        ("incorrect indentation", "lines of one block begin at the same column"),
        ("tabs are not allowed", "indent with spaces"),
        ("unfinished string literal", "close the text with the quote that it begins with"),
        ("cannot use reserved keyword", "Starlark has no while, class, import, try or yield"),
        ("`for` cannot be used outside", "put it into a function, and call that"),
        ("`if` cannot be used outside", "put it into a function, and call that"),
        ("`return` cannot be used outside", "put it into a function"),
        ("Key `", "use .get(…) for what may be missing, as in args.get(\"recursive\")"),
        (
            "Missing positional parameter",
            "give it what it asks for; docs/policy.md lists what functions take",
        ),
        ("Found `reason`", "a reason is a text in quotes"),
        ("callstack overflow", "functions that call themselves find no end: use a loop over a list"),
        ("Immutable", "what stands at the top level is fixed: build a new value in the function"),
        ("no file", "load() takes the plain name of a .star file in the same directory"),
        ("loads itself", "move what both files need into a third"),
    ];
    let found = known.iter().find(|(complaint, _)| message.contains(complaint));
    found.map(|(_, help)| (*help).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_nearly_right_is_given_right() {
        let message = "Variable `alow` not found, did you mean `allow`?";
        assert_eq!(fix(message).as_deref(), Some("write allow"));
        assert_eq!(fix("something else"), None);
    }
}
