//! Caps on power that somebody set: limits below what a part has from its maker.

use crate::tree::Tree;

const DRM: &str = "sys/class/drm";
const POWERCAP: &str = "sys/class/powercap";

/// The lowest cap of a graphics processor, in watts; without one, the lowest of a processor
/// package. A limit at or above the maker's is none.
pub(super) fn cap_w(tree: &Tree) -> Option<f64> {
    let nvidia = if tree.is_live() { nvidia() } else { Vec::new() };
    let gpus = nvidia.into_iter().chain(drm(tree)).reduce(f64::min);
    gpus.or_else(|| packages(tree).reduce(f64::min))
}

/// In whole watts, since some limits move by fractions; `None` where the limit is the maker's.
fn lowered(limit: f64, makers: f64, per_watt: f64) -> Option<f64> {
    (limit > 0.0 && limit < makers).then_some((limit / per_watt).round())
}

/// By NVIDIA's management library, in milliwatts.
#[cfg(any(target_os = "linux", windows))]
fn nvidia() -> Vec<f64> {
    let Some(nvml) = super::gpu::nvml() else { return Vec::new() };
    let devices = 0..nvml.device_count().unwrap_or(0);
    let cap = |index| {
        let device = nvml.device_by_index(index).ok()?;
        let limit = device.power_management_limit().ok()?;
        let makers = device.power_management_limit_default().ok()?;
        lowered(f64::from(limit), f64::from(makers), 1e3)
    };
    devices.filter_map(cap).collect()
}

#[cfg(not(any(target_os = "linux", windows)))]
fn nvidia() -> Vec<f64> {
    Vec::new()
}

/// Graphics processors whose driver has a sensor folder, in microwatts: `power1_cap` of the
/// kernel's hwmon interface.
fn drm(tree: &Tree) -> impl Iterator<Item = f64> {
    let cards = tree.names(DRM).into_iter().filter(|name| !name.contains('-'));
    let sensors = cards.flat_map(move |card| {
        let folder = format!("{DRM}/{card}/device/hwmon");
        tree.names(&folder).into_iter().map(move |sensor| format!("{folder}/{sensor}"))
    });
    sensors.filter_map(move |sensor| {
        let limit = tree.number(format!("{sensor}/power1_cap"))?;
        lowered(limit, tree.number(format!("{sensor}/power1_cap_default"))?, 1e6)
    })
}

/// Packages by the kernel's powercap interface, in microwatts: the long-term limit.
fn packages(tree: &Tree) -> impl Iterator<Item = f64> {
    let is_package = move |zone: &String| {
        tree.line(format!("{POWERCAP}/{zone}/name")).is_some_and(|name| name.starts_with("package"))
    };
    let zones = tree.names(POWERCAP).into_iter().filter(is_package);
    zones.filter_map(move |zone| {
        let constraint = format!("{POWERCAP}/{zone}/constraint_0");
        if tree.line(format!("{constraint}_name")).as_deref() != Some("long_term") {
            return None;
        }
        let limit = tree.number(format!("{constraint}_power_limit_uw"))?;
        lowered(limit, tree.number(format!("{constraint}_max_power_uw"))?, 1e6)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fixture::Fixture;

    const CARD: &str = "sys/class/drm/card1/device/hwmon/hwmon3";
    const ZONE: &str = "sys/class/powercap/intel-rapl:0";

    fn package(limit: &str) -> Fixture {
        let fixture = Fixture::new(&[("sys/class/powercap/intel-rapl:0:0/name", "core\n")]);
        for (name, text) in [
            ("name", "package-0\n"),
            ("constraint_0_name", "long_term\n"),
            ("constraint_0_power_limit_uw", limit),
            ("constraint_0_max_power_uw", "65000000\n"),
        ] {
            fixture.write(&format!("{ZONE}/{name}"), text);
        }
        fixture
    }

    #[test]
    fn a_package_below_its_nominal_power_is_capped() {
        assert_eq!(cap_w(package("45000000\n").tree()), Some(45.0));
        for not_set in ["65000000\n", "200000000\n", "0\n", "\n", "no number\n"] {
            assert_eq!(cap_w(package(not_set).tree()), None, "{not_set}");
        }
    }

    #[test]
    fn a_graphics_processor_comes_first_and_the_lowest_of_them() {
        let fixture = package("45000000\n");
        fixture.write(&format!("{CARD}/power1_cap"), "290000000\n");
        assert_eq!(cap_w(fixture.tree()), Some(45.0));
        fixture.write(&format!("{CARD}/power1_cap_default"), "350000000\n");
        assert_eq!(cap_w(fixture.tree()), Some(290.0));
        let second = CARD.replace("card1", "card2");
        fixture.write(&format!("{second}/power1_cap"), "250000000\n");
        fixture.write(&format!("{second}/power1_cap_default"), "350000000\n");
        assert_eq!(cap_w(fixture.tree()), Some(250.0));
    }

    #[test]
    fn a_machine_that_says_nothing_has_none() {
        assert_eq!(cap_w(Fixture::new(&[]).tree()), None);
    }
}
