//! Numbers, times and counts as people read them.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;

use super::ObjectLine;

/// "1 snapshot", "3 snapshots": one entry for each kind, in order of first appearance.
pub(super) fn counted(objects: &[ObjectLine]) -> Vec<String> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for object in objects {
        match counts.iter_mut().find(|(kind, _)| *kind == object.kind) {
            Some((_, count)) => *count += 1,
            None => counts.push((&object.kind, 1)),
        }
    }
    counts
        .into_iter()
        .map(|(kind, count)| format!("{count} {kind}{}", if count == 1 { "" } else { "s" }))
        .collect()
}

/// Bytes in binary units with one decimal, as `zfs list` rounds.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    // Tenths of the unit, rounded half up, without a float in sight.
    let mut shown = String::new();
    for (power, unit) in (1_u32..).zip(UNITS) {
        let one = 1_u128 << (10 * power);
        let tenths = (u128::from(count) * 10 + one / 2) / one;
        shown = format!("{}.{} {unit}", tenths / 10, tenths % 10);
        if tenths < 10_240 {
            break;
        }
    }
    shown
}

/// A whole number of the largest unit that is exact; seconds otherwise.
pub(super) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (count, unit) = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")]
        .into_iter()
        .find(|(length, _)| seconds >= *length && seconds.is_multiple_of(*length))
        .map_or((0, "second"), |(length, unit)| (seconds / length, unit));
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// "14:32 UTC", with the date when it is not the day of `seen_from`.
pub(super) fn clock_time(moment: SystemTime, seen_from: SystemTime) -> String {
    let moment = OffsetDateTime::from(moment);
    let time = format!("{:02}:{:02} UTC", moment.hour(), moment.minute());
    if moment.date() == OffsetDateTime::from(seen_from).date() {
        return time;
    }
    format!("{:04}-{:02}-{:02} {time}", moment.year(), u8::from(moment.month()), moment.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_rounded_to_one_decimal_of_a_binary_unit() {
        let shown = [0, 1023, 1024, 1_288_490_189, 1_048_575, u64::MAX].map(bytes);
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.2 GiB", "1.0 MiB", "16.0 EiB"]);
    }

    #[test]
    fn durations_are_whole_units() {
        let shown = [604_800, 86_400, 7_200, 90, 60, 0].map(|s| duration(Duration::from_secs(s)));
        assert_eq!(shown, ["7 days", "1 day", "2 hours", "90 seconds", "1 minute", "0 seconds"]);
    }

    #[test]
    fn another_day_is_named() {
        let at = |s| SystemTime::UNIX_EPOCH + Duration::from_secs(s);
        assert_eq!(clock_time(at(52_320), at(0)), "14:32 UTC");
        assert_eq!(clock_time(at(86_400), at(86_399)), "1970-01-02 00:00 UTC");
    }
}
