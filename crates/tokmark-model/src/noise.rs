use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Nanos;

/// What the machine did during one repetition: differences of counters read just
/// before and just after it. `None` means that this system has no such counter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Noise {
    /// Wall time between the two readings.
    pub wall_ns: Nanos,
    /// CPU time used by processes that are not Tokmark's, in cores (1.6 = 1.6 CPUs busy).
    pub other_cores: Option<f64>,
    /// CPU time stolen by the hypervisor, all CPUs together.
    pub steal_ns: Option<Nanos>,
    /// Pressure stall information, `some`, of the CPU.
    pub psi_cpu_ns: Option<Nanos>,
    /// The same of memory.
    pub psi_memory_ns: Option<Nanos>,
    /// The same of input and output.
    pub psi_io_ns: Option<Nanos>,
    /// Time that the worker's threads were runnable and waited for a CPU, summed.
    pub run_delay_ns: Option<Nanos>,
    /// Involuntary context switches of the worker.
    pub involuntary_switches: Option<u64>,
    /// Major page faults of the worker.
    pub major_faults: Option<u64>,
    /// Time throttled by the cgroup's CPU quota.
    pub cgroup_throttled_ns: Option<Nanos>,
    /// Pages swapped in, machine-wide.
    pub swap_in_pages: Option<u64>,
    /// Mean clock over the allowed CPUs at the end of the repetition.
    pub clock_mhz: Option<f64>,
    /// Thermal throttle events of all CPUs.
    pub thermal_throttles: Option<u64>,
}

/// One timed repetition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Repetition {
    /// From the start of the test's first timed repetition to the start of this one.
    pub start_ns: Nanos,
    /// Length of the repetition.
    pub duration_ns: Nanos,
    /// The prompt phase, in a test that has both phases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_ns: Option<Nanos>,
    /// Time of each decode step of the generation phase, in order; empty for `pp`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_ns: Vec<Nanos>,
    /// The fixed probe run before this repetition, where one was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_ns: Option<Nanos>,
    /// What the machine did meanwhile; absent in imported records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
}
