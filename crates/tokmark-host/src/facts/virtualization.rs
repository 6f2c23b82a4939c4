//! Hypervisor and container, found as systemd-detect-virt(1) finds them.

use super::cpu::cpuinfo_values;
use crate::tree::Tree;

/// `kvm`, `docker`, `kvm, docker` (a container inside a virtual machine), `none` on
/// bare metal, `None` where nothing tells (ARM boards without DMI).
pub(super) fn virtualization(tree: &Tree) -> Option<String> {
    let machine = hypervisor(tree);
    let container = container(tree);
    match (machine, container) {
        (Hypervisor::Named(machine), Some(container)) => Some(format!("{machine}, {container}")),
        (Hypervisor::Named(machine), None) => Some(machine),
        (_, Some(container)) => Some(container),
        (Hypervisor::None, None) => Some("none".to_owned()),
        (Hypervisor::Unknown, None) => None,
    }
}

/// Whether this is a virtual machine, as far as one can tell.
pub(crate) fn is_virtual_machine(tree: &Tree) -> bool {
    matches!(hypervisor(tree), Hypervisor::Named(_))
}

/// Whether stolen time is reported. On bare metal nothing can be stolen, so yes. A KVM
/// guest says so in CPUID leaf 0x40000001, bit 5 (KVM_FEATURE_STEAL_TIME); Xen always
/// reports. For other hypervisors a counter that ever moved proves it.
pub(crate) fn has_steal_clock(tree: &Tree, steal_since_boot: u64) -> bool {
    if steal_since_boot > 0 || !is_virtual_machine(tree) {
        return true;
    }
    match hypervisor(tree) {
        Hypervisor::Named(name) if name == "xen" => true,
        Hypervisor::Named(name) if name == "kvm" && tree.is_live() => kvm_steal_bit(),
        _ => false,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Hypervisor {
    Named(String),
    None,
    Unknown,
}

fn hypervisor(tree: &Tree) -> Hypervisor {
    let cpuinfo = tree.text("proc/cpuinfo").unwrap_or_default();
    let flags = cpuinfo_values(&cpuinfo, "flags").next();
    let has_bit = flags.map(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor"));
    if has_bit == Some(false) {
        return Hypervisor::None; // a rented bare-metal server has the vendor's DMI all the same
    }
    let name = if tree.is_live() { cpuid_vendor() } else { None };
    let name = name
        .or_else(|| tree.line("sys/hypervisor/type"))
        .or_else(|| dmi_vendor(tree))
        .or_else(|| tree.exists("proc/device-tree/hypervisor/compatible").then(|| "vm".to_owned()));
    match (name, has_bit) {
        (Some(name), _) => Hypervisor::Named(name),
        (None, Some(true)) => Hypervisor::Named("vm".to_owned()),
        // Without the x86 bit only DMI can say that this is real hardware.
        (None, _) if tree.exists("sys/class/dmi/id/sys_vendor") => Hypervisor::None,
        (None, _) => Hypervisor::Unknown,
    }
}

/// By the firmware's vendor and product strings (never the serial or UUID).
fn dmi_vendor(tree: &Tree) -> Option<String> {
    const NAMES: &[(&str, &str)] = &[
        ("KVM", "kvm"),
        ("QEMU", "qemu"),
        ("Amazon EC2", "amazon"),
        ("Google Compute", "google"),
        ("VMware", "vmware"),
        ("VirtualBox", "oracle"),
        ("innotek", "oracle"),
        ("Xen", "xen"),
        ("Bochs", "bochs"),
        ("Parallels", "parallels"),
        ("BHYVE", "bhyve"),
        ("Apple Virtualization", "apple"),
        ("Microsoft Corporation Virtual Machine", "microsoft"),
        ("Firecracker", "kvm"),
    ];
    let read = |file: &str| tree.line(format!("sys/class/dmi/id/{file}")).unwrap_or_default();
    let product = read("product_name");
    if product.contains(".metal") {
        return None;
    }
    let text = format!("{} {product} | {}", read("sys_vendor"), read("bios_vendor"));
    NAMES.iter().find(|(part, _)| text.contains(part)).map(|(_, name)| (*name).to_owned())
}

/// Container technology by the marks it leaves inside.
fn container(tree: &Tree) -> Option<String> {
    if let Some(name) = tree.line("run/systemd/container") {
        return Some(name);
    }
    if tree.exists("run/.containerenv") {
        return Some("podman".to_owned());
    }
    if tree.exists(".dockerenv") {
        return Some("docker".to_owned());
    }
    let groups = tree.text("proc/1/cgroup").unwrap_or_default();
    ["kubepods", "docker", "lxc", "containerd"]
        .into_iter()
        .find(|name| groups.contains(name))
        .map(|name| if name == "kubepods" { "kubernetes" } else { name }.to_owned())
        .or_else(|| {
            let kernel = tree.line("proc/sys/kernel/osrelease")?;
            kernel.to_lowercase().contains("microsoft").then(|| "wsl".to_owned())
        })
}

/// The hypervisor's signature in CPUID leaf 0x40000000, behind bit 31 of ECX of leaf 1.
#[cfg(target_arch = "x86_64")]
fn cpuid_vendor() -> Option<String> {
    use std::arch::x86_64::__cpuid;
    if __cpuid(1).ecx & (1 << 31) == 0 {
        return None;
    }
    let leaf = __cpuid(0x4000_0000);
    let signature: Vec<u8> =
        [leaf.ebx, leaf.ecx, leaf.edx].iter().flat_map(|word| word.to_le_bytes()).collect();
    let signature = String::from_utf8_lossy(&signature);
    Some(
        match signature.trim_matches(['\0', ' ']) {
            "KVMKVMKVM" | "Linux KVM Hv" => "kvm",
            "Microsoft Hv" => "microsoft",
            "VMwareVMware" => "vmware",
            "XenVMMXenVMM" => "xen",
            "TCGTCGTCGTCG" => "qemu",
            "bhyve bhyve" => "bhyve",
            "VBoxVBoxVBox" => "oracle",
            "prl hyperv" | "lrpepyh vr" => "parallels",
            "ACRNACRNACRN" => "acrn",
            _ => "vm",
        }
        .to_owned(),
    )
}

#[cfg(not(target_arch = "x86_64"))]
fn cpuid_vendor() -> Option<String> {
    None
}

#[cfg(target_arch = "x86_64")]
fn kvm_steal_bit() -> bool {
    std::arch::x86_64::__cpuid(0x4000_0001).eax & (1 << 5) != 0
}

#[cfg(not(target_arch = "x86_64"))]
fn kvm_steal_bit() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fixture::Fixture;

    const GUEST: (&str, &str) = ("proc/cpuinfo", "flags : fpu hypervisor\n");
    const METAL: (&str, &str) = ("proc/cpuinfo", "flags : fpu vmx\n");

    #[test]
    fn guest_and_container_are_both_named() {
        let fixture = Fixture::new(&[
            GUEST,
            ("sys/class/dmi/id/sys_vendor", "QEMU\n"),
            ("run/.containerenv", ""),
        ]);
        assert_eq!(virtualization(fixture.tree()).as_deref(), Some("qemu, podman"));
        assert!(is_virtual_machine(fixture.tree()));
        assert!(!has_steal_clock(fixture.tree(), 0));
        assert!(has_steal_clock(fixture.tree(), 3));
    }

    #[test]
    fn bare_metal_is_none_even_at_a_cloud_vendor() {
        let fixture = Fixture::new(&[METAL, ("sys/class/dmi/id/sys_vendor", "Amazon EC2\n")]);
        assert_eq!(virtualization(fixture.tree()).as_deref(), Some("none"));
        assert!(has_steal_clock(fixture.tree(), 0));
    }

    #[test]
    fn an_unnamed_hypervisor_is_a_vm_and_nothing_known_is_unknown() {
        assert_eq!(virtualization(Fixture::new(&[GUEST]).tree()).as_deref(), Some("vm"));
        assert_eq!(virtualization(Fixture::new(&[]).tree()), None);
    }

    #[test]
    fn containers_are_known_by_their_control_group() {
        let pod = Fixture::new(&[METAL, ("proc/1/cgroup", "0::/kubepods.slice/x\n")]);
        assert_eq!(virtualization(pod.tree()).as_deref(), Some("kubernetes"));
    }
}
