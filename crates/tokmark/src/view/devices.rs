use tokmark_model::EngineFacts;

/// The devices that a model can be put on, as llama-bench lists them.
pub(crate) fn list(engine: &EngineFacts) -> String {
    let mut text = "Available devices:\n".to_owned();
    let mib = |bytes: Option<tokmark_model::Bytes>| {
        bytes.map_or_else(|| "?".to_owned(), |bytes| (bytes.get() >> 20).to_string())
    };
    let before = text.len();
    for device in &engine.devices {
        if device.kind != tokmark_model::DeviceKind::Cpu {
            text += &format!(
                "  {}: {} ({} MiB, {} MiB free)\n",
                device.name,
                device.description,
                mib(device.memory_total_bytes),
                mib(device.memory_free_bytes)
            );
        }
    }
    if text.len() == before {
        text += "  (none)\n";
    }
    text
}

/// Versions of program and engine, and how the engine was built.
pub(crate) fn version(engine: &EngineFacts) -> String {
    let mut parts = vec![format!("{} {}", engine.name, engine.version)];
    parts.extend(engine.ggml_version.iter().map(|version| format!("ggml {version}")));
    parts.extend(engine.binding.clone());
    parts.extend(engine.build.build_type.clone());
    parts.extend(engine.build.native.filter(|native| *native).map(|_| "native".to_owned()));
    parts.extend(engine.build.features.iter().cloned());
    parts.extend(engine.build.compiler.clone());
    format!("tokmark {}\n{}\n", env!("CARGO_PKG_VERSION"), parts.join(", "))
}
