//! Results as JUnit XML, which machines that build and test things read.

use super::test::Outcome;

/// The whole report.
pub(super) fn report(outcomes: &[Outcome]) -> String {
    let failed = outcomes.iter().filter(|outcome| !outcome.wrong.is_empty()).count();
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let counts = format!("tests=\"{}\" failures=\"{failed}\"", outcomes.len());
    xml.push_str(&format!("<testsuites {counts}>\n  <testsuite name=\"reeve policy test\" {counts}>\n"));
    for outcome in outcomes {
        let case = &outcome.case;
        let class = case.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let head = format!(
            "    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\"",
            escaped(&class),
            escaped(&case.name),
            escaped(&case.file.display().to_string()),
            case.line
        );
        if outcome.wrong.is_empty() {
            xml.push_str(&format!("{head}/>\n"));
            continue;
        }
        let wrong = escaped(&outcome.wrong.join("\n"));
        xml.push_str(&format!("{head}>\n      <failure>{wrong}</failure>\n    </testcase>\n"));
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

/// Text as XML holds it. What XML cannot hold at all is shown by its number.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_case_is_called_cannot_leave_its_place_in_the_report() {
        assert_eq!(escaped("a\"><x>&\u{1b}[2J\n"), "a&quot;&gt;&lt;x&gt;&amp;\\u{1b}[2J\n");
    }
}
