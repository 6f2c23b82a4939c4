use tokmark_model::{Bytes, PowerSource};

use super::fixture::Fixture;
use super::*;

const CPU: &str = "sys/devices/system/cpu";

/// A laptop of two cores with two threads each.
fn laptop() -> Fixture {
    let cpuinfo = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Example i3\n\
        flags\t\t: fpu sse4_2 avx2 fma f16c\n\nprocessor\t: 1\n";
    let fixture = Fixture::new(&[
        ("proc/cpuinfo", cpuinfo),
        ("proc/meminfo", "MemTotal:       16231044 kB\nSwapTotal:       2097148 kB\n"),
        ("proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-2\n"),
        ("proc/sys/kernel/osrelease", "6.1.0-18-amd64\n"),
        ("proc/sys/kernel/hostname", "secret-host\n"),
        ("etc/os-release", "NAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n"),
        ("sys/devices/system/cpu/online", "0-3\n"),
        ("sys/devices/system/node/online", "0\n"),
        ("sys/class/dmi/id/sys_vendor", "Example Inc.\n"),
        ("sys/class/dmi/id/product_serial", "SERIAL-4711\n"),
        ("sys/class/power_supply/AC/type", "Mains\n"),
        ("sys/class/power_supply/AC/online", "1\n"),
    ]);
    for cpu in 0..4 {
        let folder = format!("{CPU}/cpu{cpu}");
        let siblings = if cpu % 2 == 0 { "0,2" } else { "1,3" };
        fixture.write(&format!("{folder}/topology/thread_siblings_list"), siblings);
        fixture.write(&format!("{folder}/topology/physical_package_id"), "0\n");
        fixture.write(&format!("{folder}/cpufreq/scaling_governor"), "powersave\n");
        fixture.write(&format!("{folder}/cpufreq/cpuinfo_max_freq"), "4200000\n");
    }
    for (index, (level, kind, size)) in
        [("1", "Data", "48K"), ("1", "Instruction", "32K"), ("2", "Unified", "1280K")]
            .iter()
            .enumerate()
    {
        let folder = format!("{CPU}/cpu0/cache/index{index}");
        fixture.write(&format!("{folder}/level"), level);
        fixture.write(&format!("{folder}/type"), kind);
        fixture.write(&format!("{folder}/size"), size);
    }
    fixture
}

fn facts(fixture: &Fixture) -> MachineFacts {
    facts_below(fixture.tree(), &FactOptions::default())
}

#[cfg(target_os = "linux")]
#[test]
fn a_laptop_is_read_in_full() {
    let facts = facts(&laptop());
    assert_eq!(facts.cpu.vendor.as_deref(), Some("GenuineIntel"));
    assert_eq!(facts.cpu.model.as_deref(), Some("Example i3"));
    assert_eq!((facts.cpu.n_physical, facts.cpu.n_logical), (Some(2), 4));
    assert_eq!(facts.cpu.n_allowed, 3.0);
    assert_eq!(facts.cpu.caches.len(), 3);
    assert_eq!(facts.cpu.caches[2].size_bytes, Bytes(1_310_720));
    assert_eq!(facts.cpu.isa, ["sse4_2", "f16c", "fma", "avx2"]);
    assert_eq!(facts.cpu.governor.as_deref(), Some("powersave"));
    assert_eq!(facts.cpu.max_mhz, Some(4200.0));
    assert_eq!(facts.cpu.n_numa, Some(1));
    assert_eq!(facts.memory.total_bytes, Bytes(16_231_044 * 1024));
    assert_eq!(facts.memory.allowed_bytes, facts.memory.total_bytes);
    assert_eq!(facts.memory.swap_bytes, Bytes(2_097_148 * 1024));
    assert_eq!(facts.os.name, "Debian GNU/Linux");
    assert_eq!(facts.os.kernel.as_deref(), Some("6.1.0-18-amd64"));
    assert_eq!(facts.virtualization.as_deref(), Some("none"));
    assert_eq!(facts.power_source, Some(PowerSource::Mains));
    assert!(facts.gpus.is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn names_and_serial_numbers_stay_out_unless_asked() {
    let fixture = laptop();
    let text = format!("{:?}", facts(&fixture));
    assert!(!text.contains("secret-host") && !text.contains("SERIAL-4711"), "{text}");
    let asked = facts_below(fixture.tree(), &FactOptions { host_name: true });
    assert_eq!(asked.host_name.as_deref(), Some("secret-host"));
    assert_eq!(asked.fingerprint, facts(&fixture).fingerprint);
}

#[cfg(target_os = "linux")]
#[test]
fn a_quota_tightens_what_is_allowed() {
    let fixture = laptop();
    fixture.write("proc/self/mountinfo", "24 23 0:20 / /cg rw - cgroup2 cgroup rw\n");
    fixture.write("proc/self/cgroup", "0::/job\n");
    fixture.write("cg/job/cpu.max", "150000 100000\n");
    fixture.write("cg/job/memory.max", "1073741824\n");
    let facts = facts(&fixture);
    assert_eq!(facts.cpu.n_allowed, 1.5);
    assert_eq!(facts.memory.allowed_bytes, Bytes(1 << 30));
}

#[cfg(target_os = "linux")]
#[test]
fn the_fingerprint_follows_hardware_alone() {
    let fixture = laptop();
    let before = facts(&fixture).fingerprint;
    assert_eq!(before.len(), 32);
    assert!(before.bytes().all(|byte| byte.is_ascii_hexdigit()));

    fixture.write("proc/sys/kernel/osrelease", "7.0\n");
    fixture.write("proc/sys/kernel/hostname", "other\n");
    fixture.write("proc/self/status", "Cpus_allowed_list:\t0\n");
    fixture.write("proc/self/mountinfo", "24 23 0:20 / /cg rw - cgroup2 cgroup rw\n");
    fixture.write("proc/self/cgroup", "0::/job\n");
    fixture.write("cg/job/memory.max", "1073741824\n");
    fixture.write("proc/meminfo", "MemTotal:       16231000 kB\nSwapTotal: 0 kB\n");
    assert_eq!(facts(&fixture).fingerprint, before);

    fixture.write("proc/meminfo", "MemTotal:       32462088 kB\n");
    assert_ne!(facts(&fixture).fingerprint, before);
}

#[test]
fn the_fingerprint_of_known_facts_never_changes() {
    let mut facts = MachineFacts::default();
    facts.cpu.arch = "x86_64".into();
    facts.cpu.n_logical = 4;
    assert_eq!(fingerprint(&facts), PINNED);
    facts.cpu.n_allowed = 1.5;
    facts.memory.swap_bytes = Bytes(1);
    facts.os.kernel = Some("x".into());
    facts.host_name = Some("y".into());
    assert_eq!(fingerprint(&facts), PINNED);
}

/// SHA-256 over `1|"x86_64"|None|None|None|4|[]|[]|0|[]`, first 16 bytes, by sha256sum.
const PINNED: &str = "3a78cc97c05761267db56a5230a0ca36";

#[test]
fn an_empty_tree_gives_unknowns_and_no_panic() {
    let facts = facts(&Fixture::new(&[]));
    assert!(facts.cpu.n_logical >= 1);
    assert!(facts.cpu.n_allowed >= 1.0);
    assert!(facts.gpus.is_empty());
    assert_eq!(facts.cpu.governor, None);
    assert_eq!(facts.memory.kind, None);
    #[cfg(target_os = "linux")]
    assert_eq!(facts.virtualization, None);
}

#[test]
fn this_machine_has_the_same_fingerprint_twice_and_no_name() {
    let (first, second) =
        (machine_facts(&FactOptions::default()), machine_facts(&FactOptions { host_name: true }));
    assert_eq!(first.fingerprint, second.fingerprint);
    assert_eq!(first.host_name, None);
    assert!(first.memory.total_bytes.0 > 0);
}
