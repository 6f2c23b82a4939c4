//! Graphics processors: NVIDIA's through its management library, others through DRM.

use tokmark_model::{Bytes, Gpu};

use crate::tree::Tree;

const DRM: &str = "sys/class/drm";
const NVIDIA: &str = "0x10de";

/// All graphics processors, NVIDIA's first. A display adapter that computes nothing
/// (a hypervisor's or a server's management controller's) is listed under a name that
/// says so.
pub(super) fn gpus(tree: &Tree) -> Vec<Gpu> {
    let mut gpus = if tree.is_live() { nvidia() } else { Vec::new() };
    let has_nvidia = !gpus.is_empty();
    gpus.extend(
        drm_cards(tree)
            .into_iter()
            .filter(|(vendor, _)| !(has_nvidia && vendor == NVIDIA))
            .map(|(_, gpu)| gpu),
    );
    gpus
}

/// NVIDIA's management library; `None` when it is not there, which is no error. The name of
/// the library has its version: driver packages ship no other, the plain name comes
/// with the developer's package.
#[cfg(any(target_os = "linux", windows))]
pub(super) fn nvml() -> Option<nvml_wrapper::Nvml> {
    use nvml_wrapper::Nvml;
    use std::ffi::OsStr;

    let versioned = || Nvml::builder().lib_path(OsStr::new("libnvidia-ml.so.1")).init();
    let nvml = if cfg!(windows) { Nvml::init() } else { versioned().or_else(|_| Nvml::init()) };
    nvml.ok()
}

/// NVIDIA's GPUs.
#[cfg(any(target_os = "linux", windows))]
fn nvidia() -> Vec<Gpu> {
    use nvml_wrapper::{cuda_driver_version_major, cuda_driver_version_minor};

    let Some(nvml) = nvml() else {
        return Vec::new();
    };
    let driver = nvml.sys_driver_version().ok().map(|version| format!("nvidia {version}"));
    let runtime = nvml.sys_cuda_driver_version().ok().map(|version| {
        let (major, minor) =
            (cuda_driver_version_major(version), cuda_driver_version_minor(version));
        format!("CUDA {major}.{minor}")
    });
    (0..nvml.device_count().unwrap_or(0))
        .filter_map(|index| nvml.device_by_index(index).ok())
        .map(|device| Gpu {
            name: device.name().unwrap_or_else(|_| "NVIDIA GPU".to_owned()),
            vendor: Some("NVIDIA".to_owned()),
            memory_bytes: device.memory_info().ok().map(|memory| Bytes(memory.total)),
            driver: driver.clone(),
            runtime: runtime.clone(),
        })
        .collect()
}

#[cfg(not(any(target_os = "linux", windows)))]
fn nvidia() -> Vec<Gpu> {
    Vec::new()
}

/// Each `/sys/class/drm/cardN` with its PCI vendor (empty where it has none, as GPUs
/// inside ARM chips).
fn drm_cards(tree: &Tree) -> Vec<(String, Gpu)> {
    tree.names(DRM)
        .iter()
        .filter(|name| {
            name.strip_prefix("card").is_some_and(|number| number.parse::<u32>().is_ok())
        })
        .filter_map(|card| drm_card(tree, &format!("{DRM}/{card}/device")))
        .collect()
}

fn drm_card(tree: &Tree, device: &str) -> Option<(String, Gpu)> {
    let driver_name = tree.link_name(format!("{device}/driver"));
    let vendor_id = tree.line(format!("{device}/vendor"));
    if driver_name.is_none() && vendor_id.is_none() {
        return None;
    }
    let vendor_id = vendor_id.unwrap_or_default();
    let device_id = tree.line(format!("{device}/device")).unwrap_or_default();
    let driver = driver_name.map(|name| match tree.line(format!("sys/module/{name}/version")) {
        Some(version) => format!("{name} {version}"),
        None => name,
    });
    let runtime = (vendor_id == "0x1002")
        .then(|| tree.line("opt/rocm/.info/version"))
        .flatten()
        .map(|version| format!("ROCm {version}"));
    let gpu = Gpu {
        name: card_name(tree, &vendor_id, &device_id, device, driver.as_deref()),
        vendor: vendor_name(&vendor_id).map(str::to_owned),
        memory_bytes: tree.number(format!("{device}/mem_info_vram_total")).map(Bytes),
        driver,
        runtime,
    };
    Some((vendor_id, gpu))
}

fn card_name(
    tree: &Tree,
    vendor_id: &str,
    device_id: &str,
    device: &str,
    driver: Option<&str>,
) -> String {
    if let Some(adapter) = display_adapter(vendor_id) {
        return format!("{adapter} (display adapter, no compute device)");
    }
    let vendor = vendor_name(vendor_id).unwrap_or(vendor_id);
    let name = tree
        .line(format!("{device}/product_name"))
        .or_else(|| {
            ["usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids"]
                .into_iter()
                .find_map(|path| pci_name(&tree.text(path)?, vendor_id, device_id))
        })
        .or_else(|| (!device_id.is_empty()).then(|| format!("device {device_id}")));
    match name {
        Some(name) if vendor.is_empty() || name.starts_with(vendor) => name,
        Some(name) => format!("{vendor} {name}"),
        None => driver.unwrap_or("unnamed GPU").to_owned(),
    }
}

/// The device's line under its vendor's in the PCI ID database.
fn pci_name(database: &str, vendor_id: &str, device_id: &str) -> Option<String> {
    let (vendor, device) = (vendor_id.strip_prefix("0x")?, device_id.strip_prefix("0x")?);
    let mut lines = database.lines().skip_while(|line| !line.starts_with(vendor));
    lines.next()?;
    lines
        .take_while(|line| line.starts_with(['\t', '#']))
        .find_map(|line| line.strip_prefix('\t')?.strip_prefix(device))
        .map(|name| name.trim().to_owned())
}

fn vendor_name(vendor_id: &str) -> Option<&'static str> {
    Some(match vendor_id {
        NVIDIA => "NVIDIA",
        "0x1002" => "AMD",
        "0x8086" => "Intel",
        "0x1ed5" => "Moore Threads",
        "0x5143" => "Qualcomm",
        _ => return None,
    })
}

/// Names of adapters that only show a picture.
fn display_adapter(vendor_id: &str) -> Option<&'static str> {
    Some(match vendor_id {
        "0x1234" => "QEMU/Bochs VGA",
        "0x1b36" => "QXL",
        "0x1af4" => "virtio GPU",
        "0x15ad" => "VMware SVGA",
        "0x80ee" => "VirtualBox VGA",
        "0x1414" => "Hyper-V video",
        "0x1013" => "Cirrus VGA",
        "0x1a03" => "ASPEED management controller",
        "0x102b" => "Matrox G200",
        "0x1d0f" => "Amazon VGA",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fixture::Fixture;

    #[test]
    fn a_card_gets_name_driver_memory_and_runtime() {
        let fixture = Fixture::new(&[
            ("sys/class/drm/card1/device/vendor", "0x1002\n"),
            ("sys/class/drm/card1/device/device", "0x744c\n"),
            ("sys/class/drm/card1/device/mem_info_vram_total", "25753026560\n"),
            ("sys/class/drm/card1-DP-1/status", "connected\n"),
            ("sys/class/drm/renderD128/dev", "226:128\n"),
            ("sys/module/amdgpu/version", "6.8.5\n"),
            ("opt/rocm/.info/version", "6.2.0-66\n"),
            (
                "usr/share/misc/pci.ids",
                "1001  Other\n\t744c  Wrong\n1002  AMD/ATI\n\t0001  X\n\t\t1 2 Sub\n\t744c  Navi 31\n",
            ),
        ]);
        #[cfg(unix)]
        std::os::unix::fs::symlink(
            "../../bus/pci/drivers/amdgpu",
            fixture.root().join("sys/class/drm/card1/device/driver"),
        )
        .unwrap();
        let gpus = gpus(fixture.tree());
        assert_eq!(gpus.len(), 1);
        assert_eq!(gpus[0].vendor.as_deref(), Some("AMD"));
        assert_eq!(gpus[0].memory_bytes, Some(Bytes(25_753_026_560)));
        assert_eq!(gpus[0].runtime.as_deref(), Some("ROCm 6.2.0-66"));
        #[cfg(unix)]
        assert_eq!(gpus[0].driver.as_deref(), Some("amdgpu 6.8.5"));
        assert!(gpus[0].name.starts_with("AMD "), "{}", gpus[0].name);
    }

    #[test]
    fn a_hypervisors_picture_says_what_it_is() {
        let fixture = Fixture::new(&[
            ("sys/class/drm/card0/device/vendor", "0x1234\n"),
            ("sys/class/drm/card0/device/device", "0x1111\n"),
        ]);
        let gpus = gpus(fixture.tree());
        assert_eq!(gpus[0].name, "QEMU/Bochs VGA (display adapter, no compute device)");
    }

    #[test]
    fn cards_without_any_fact_and_missing_folders_give_nothing() {
        let fixture = Fixture::new(&[("sys/class/drm/card0/device/uevent", "")]);
        assert!(gpus(fixture.tree()).is_empty());
        assert!(gpus(Fixture::new(&[]).tree()).is_empty());
    }

    #[test]
    fn pci_names_are_found_below_their_vendor_only() {
        let database =
            "8086  Intel\n\t56a0  DG2 [Arc A770]\n# note\n\t56a1  DG2\n1002  AMD\n\t0001  Z\n";
        assert_eq!(pci_name(database, "0x8086", "0x56a0").as_deref(), Some("DG2 [Arc A770]"));
        assert_eq!(pci_name(database, "0x8086", "0x0001"), None);
        assert_eq!(pci_name(database, "8086", "56a0"), None);
        assert_eq!(pci_name("", "0x8086", "0x56a0"), None);
    }
}
