//! Times as tools print them, in the host's own time zone, as seconds since 1970.

/// `2026-11-20 10:00:00`, read by the host's time zone. In the hour that comes twice each autumn, libc chooses.
#[must_use]
pub fn seconds(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(' ')?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let in_bounds = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    if !in_bounds {
        return None;
    }
    // SAFETY: `tm` is a C struct of integers and of a pointer that may be null; all zeroes is a value of it.
    let mut parts: libc::tm = unsafe { std::mem::zeroed() };
    (parts.tm_year, parts.tm_mon, parts.tm_mday) = (year.checked_sub(1900)?, month - 1, day);
    (parts.tm_hour, parts.tm_min, parts.tm_sec) = (hour, minute, second);
    parts.tm_isdst = -1;
    // SAFETY: mktime reads and writes the struct that it is given, which lives here, and reads the time zone; nothing in
    // this crate sets environment variables while it runs, which is what it could race with.
    let seconds = unsafe { libc::mktime(&raw mut parts) };
    u64::try_from(seconds).ok()
}

fn numbers(text: &str, between: char) -> Option<[i32; 3]> {
    let mut parts = text.split(between).map(|part| {
        let is_plain = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        part.parse().ok().filter(|_| is_plain)
    });
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_the_host_is_read_by_its_time_zone_and_what_is_none_is_refused() {
        // Whatever the zone, an hour is an hour, and it is less than a day from UTC.
        let ten = seconds("2026-11-20 10:00:00").unwrap();
        assert_eq!(seconds("2026-11-20 11:00:01"), Some(ten + 3_601));
        assert!(ten.abs_diff(1_795_168_800) < 24 * 3_600, "{ten}");
        for bad in [
            "",
            "2026-11-20",
            "2026-13-20 10:00:00",
            "2026-11-20 24:00:00",
            "2026-11-2x 10:00:00",
            "1-2-3-4 5:6:7",
        ] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
