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
