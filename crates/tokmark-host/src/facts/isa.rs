//! Instruction set extensions that matter for inference.

use super::cpu::cpuinfo_values;

/// x86 extensions worth a record, by the names of `/proc/cpuinfo`.
const X86: &[&str] = &[
    "sse3",
    "ssse3",
    "sse4_1",
    "sse4_2",
    "avx",
    "f16c",
    "fma",
    "bmi2",
    "avx2",
    "avx_vnni",
    "avx_vnni_int8",
    "avx_ifma",
    "avx512f",
    "avx512bw",
    "avx512cd",
    "avx512dq",
    "avx512vl",
    "avx512vbmi",
    "avx512_vbmi2",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
    "amx_fp16",
];

/// ARM extensions: the name in `/proc/cpuinfo`, and the usual one that is recorded.
const ARM: &[(&str, &str)] = &[
    ("asimd", "neon"),
    ("asimdhp", "fp16"),
    ("asimddp", "dotprod"),
    ("i8mm", "i8mm"),
    ("bf16", "bf16"),
    ("sve", "sve"),
    ("sve2", "sve2"),
    ("svei8mm", "sve_i8mm"),
    ("svebf16", "sve_bf16"),
    ("sme", "sme"),
    ("sme2", "sme2"),
];

/// The extensions that processor and system offer, in the order of the tables above.
/// From `cpuinfo` where it names flags; else, when it describes this machine (`live`),
/// from the processor itself.
pub(super) fn isa(cpuinfo: &str, live: bool) -> Vec<String> {
    let flags = |key| {
        cpuinfo_values(cpuinfo, key).next().map(|list| list.split_whitespace().collect::<Vec<_>>())
    };
    if let Some(flags) = flags("flags") {
        // The kernel calls SSE3 by its code name, Prescott New Instructions.
        let has = |name| flags.contains(&name) || (name == "sse3" && flags.contains(&"pni"));
        return X86.iter().filter(|name| has(name)).map(|name| (*name).to_owned()).collect();
    }
    if let Some(features) = flags("Features") {
        return ARM
            .iter()
            .filter(|(flag, _)| features.contains(flag))
            .map(|(_, name)| (*name).to_owned())
            .collect();
    }
    if let Some(isa) = cpuinfo_values(cpuinfo, "isa").next() {
        return vec![isa.to_owned()]; // RISC-V spells its extensions out in one word
    }
    if live { detected() } else { Vec::new() }
}

/// Pairs of name and detection. Extensions that the standard library cannot detect in
/// this compiler version (AMX) are absent on systems without `/proc/cpuinfo`.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! detect {
    ($test:ident: $($feature:tt => $name:literal),* $(,)?) => {{
        let mut found = Vec::new();
        $(if std::arch::$test!($feature) {
            found.push($name.to_owned());
        })*
        found
    }};
}

#[cfg(target_arch = "x86_64")]
fn detected() -> Vec<String> {
    detect!(is_x86_feature_detected:
        "sse3" => "sse3", "ssse3" => "ssse3", "sse4.1" => "sse4_1", "sse4.2" => "sse4_2",
        "avx" => "avx", "f16c" => "f16c", "fma" => "fma", "bmi2" => "bmi2", "avx2" => "avx2",
        "avxvnni" => "avx_vnni", "avxvnniint8" => "avx_vnni_int8", "avxifma" => "avx_ifma",
        "avx512f" => "avx512f", "avx512bw" => "avx512bw", "avx512cd" => "avx512cd",
        "avx512dq" => "avx512dq", "avx512vl" => "avx512vl", "avx512vbmi" => "avx512vbmi",
        "avx512vbmi2" => "avx512_vbmi2", "avx512vnni" => "avx512_vnni",
        "avx512bf16" => "avx512_bf16", "avx512fp16" => "avx512_fp16",
    )
}

#[cfg(target_arch = "aarch64")]
fn detected() -> Vec<String> {
    detect!(is_aarch64_feature_detected:
        "neon" => "neon", "fp16" => "fp16", "dotprod" => "dotprod", "i8mm" => "i8mm",
        "bf16" => "bf16", "sve" => "sve", "sve2" => "sve2",
    )
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn detected() -> Vec<String> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x86_flags_are_filtered_and_ordered() {
        let text = "processor : 0\nflags\t\t: fpu amx_int8 avx2 pni avx512f amx_tile hypervisor\n";
        assert_eq!(isa(text, false), ["sse3", "avx2", "avx512f", "amx_tile", "amx_int8"]);
    }

    #[test]
    fn arm_features_get_their_usual_names() {
        let text = "Features\t: fp asimd asimdhp asimddp sve i8mm bf16\n";
        assert_eq!(isa(text, false), ["neon", "fp16", "dotprod", "i8mm", "bf16", "sve"]);
    }

    #[test]
    fn without_a_flag_list_only_a_live_machine_is_asked() {
        assert!(isa("", false).is_empty());
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        assert!(!isa("", true).is_empty());
    }
}
