//! Operating system, power source, host name.

use tokmark_model::{OsFacts, PowerSource};

use crate::tree::Tree;

/// Distribution and kernel release. Reads `osrelease`, not `/proc/version`, which
/// names the person who built the kernel.
pub(super) fn os(tree: &Tree) -> OsFacts {
    let release =
        tree.text("etc/os-release").or_else(|| tree.text("usr/lib/os-release")).unwrap_or_default();
    OsFacts {
        name: os_release_value(&release, "NAME").unwrap_or_else(|| std::env::consts::OS.to_owned()),
        version: os_release_value(&release, "VERSION_ID"),
        kernel: tree.line("proc/sys/kernel/osrelease"),
    }
}

/// A value of os-release(5), its quotes taken off.
fn os_release_value(release: &str, key: &str) -> Option<String> {
    release
        .lines()
        .filter_map(|line| line.trim().split_once('='))
        .find(|(name, _)| *name == key)
        .map(|(_, value)| value.trim().trim_matches(['"', '\'']).to_owned())
        .filter(|value| !value.is_empty())
}

/// Battery when one discharges, mains when a supply is connected or there is no
/// battery; `None` where the system lists no power supplies at all. Batteries of mice
/// and other devices (`scope` is `Device`) do not count.
pub(super) fn power_source(tree: &Tree) -> Option<PowerSource> {
    const SUPPLIES: &str = "sys/class/power_supply";
    if !tree.exists(SUPPLIES) {
        return None;
    }
    let mut has_battery = false;
    let mut is_connected = false;
    for name in tree.names(SUPPLIES) {
        let read = |file: &str| tree.line(format!("{SUPPLIES}/{name}/{file}"));
        if read("scope").as_deref() == Some("Device") {
            continue;
        }
        match read("type").as_deref() {
            Some("Battery") => {
                has_battery = true;
                if read("status").as_deref() == Some("Discharging") {
                    return Some(PowerSource::Battery);
                }
                is_connected |=
                    matches!(read("status").as_deref(), Some("Charging" | "Full" | "Not charging"));
            }
            Some("Mains" | "USB") => is_connected |= read("online").as_deref() == Some("1"),
            _ => {}
        }
    }
    (is_connected || !has_battery).then_some(PowerSource::Mains)
}

/// The host name; read only when the user asked for it.
pub(super) fn host_name(tree: &Tree) -> Option<String> {
    tree.line("proc/sys/kernel/hostname")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fixture::Fixture;

    #[test]
    fn os_release_quotes_are_taken_off() {
        let text = "PRETTY_NAME=\"Debian 12\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID='12'\nX=\n";
        assert_eq!(os_release_value(text, "NAME").as_deref(), Some("Debian GNU/Linux"));
        assert_eq!(os_release_value(text, "VERSION_ID").as_deref(), Some("12"));
        assert_eq!(os_release_value(text, "X"), None);
    }

    #[test]
    fn a_discharging_battery_is_the_source_and_a_mouse_is_not() {
        let supply = "sys/class/power_supply";
        let fixture = Fixture::new(&[
            (&format!("{supply}/AC/type"), "Mains\n"),
            (&format!("{supply}/AC/online"), "1\n"),
            (&format!("{supply}/hid-0/type"), "Battery\n"),
            (&format!("{supply}/hid-0/scope"), "Device\n"),
            (&format!("{supply}/hid-0/status"), "Discharging\n"),
        ]);
        assert_eq!(power_source(fixture.tree()), Some(PowerSource::Mains));
        fixture.write(&format!("{supply}/BAT0/type"), "Battery\n");
        fixture.write(&format!("{supply}/BAT0/status"), "Discharging\n");
        assert_eq!(power_source(fixture.tree()), Some(PowerSource::Battery));
    }

    #[test]
    fn a_battery_of_unknown_state_without_mains_is_unknown() {
        let supply = "sys/class/power_supply/BAT0";
        let fixture = Fixture::new(&[
            (&format!("{supply}/type"), "Battery\n"),
            (&format!("{supply}/status"), "Unknown\n"),
        ]);
        assert_eq!(power_source(fixture.tree()), None);
        assert_eq!(power_source(Fixture::new(&[]).tree()), None);
    }
}
