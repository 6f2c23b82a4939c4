//! The model.

use std::collections::{BTreeMap, BTreeSet};

use tokmark_model::{ModelFacts, Record, TensorTypeCount};

use super::findings::Findings;
use super::shown::{Or, known_size};
use super::{Group, Level};

/// Whether the file's hash tells the model. Of load points it often is unknown on both sides;
/// then the name that requests carry does.
pub(super) fn told_by_hash(a: &Record, b: &Record) -> bool {
    let is_point = a.serving.is_some() && b.serving.is_some();
    !is_point || a.model.sha256.is_some() || b.model.sha256.is_some()
}

pub(super) fn compare(findings: &mut Findings, a: &Record, b: &Record) {
    let ModelFacts {
        name,
        title,
        file_name,
        source,
        sha256,
        file_size_bytes,
        tensor_bytes,
        n_params,
        description,
        architecture,
        quantization,
        label,
        publisher,
        quantized_by,
        license,
        context_length,
        n_layers,
        n_embd,
        n_vocab,
        n_experts,
        n_experts_used,
        tensor_types,
        n_files,
    } = &a.model;
    let by_hash = told_by_hash(a, b);
    let b = &b.model;
    if by_hash {
        findings.of(Group::Model, Level::SameStack).identifies("hash", sha256, &b.sha256);
    }
    let mut model = findings.of(Group::Model, None);
    model.matters("quantization", quantization, &b.quantization);
    model.matters("parameters", n_params, &b.n_params);
    model.matters("architecture", architecture, &b.architecture);
    let (size, other_size) = (known_size(*file_size_bytes), known_size(b.file_size_bytes));
    model.matters("file size", &size, &other_size);
    model.matters("layers", n_layers, &b.n_layers);
    model.matters("embedding width", n_embd, &b.n_embd);
    model.matters("vocabulary", n_vocab, &b.n_vocab);
    model.matters("experts", &Or(n_experts, "none"), &Or(&b.n_experts, "none"));
    let (used, other_used) = (Or(n_experts_used, "none"), Or(&b.n_experts_used, "none"));
    model.matters("experts used", &used, &other_used);
    model.describes("tensor bytes", tensor_bytes, &b.tensor_bytes);
    model.describes("name", name, &b.name);
    model.describes("title", title, &b.title);
    model.describes("file", file_name, &b.file_name);
    model.describes("files", &Or(n_files, "1"), &Or(&b.n_files, "1"));
    model.describes("source", source, &b.source);
    model.describes("label", label, &b.label);
    model.describes("description", description, &b.description);
    model.describes("publisher", publisher, &b.publisher);
    model.describes("quantized by", quantized_by, &b.quantized_by);
    model.describes("licence", license, &b.license);
    model.describes("context length", context_length, &b.context_length);
    census(findings, tensor_types, &b.tensor_types);
}

fn census(
    findings: &mut Findings,
    a: &BTreeMap<String, TensorTypeCount>,
    b: &BTreeMap<String, TensorTypeCount>,
) {
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let text = |census: &BTreeMap<String, TensorTypeCount>, name: &String| {
        let found = census.get(name).map(|count| {
            let TensorTypeCount { n_tensors, n_elements, size_bytes } = count;
            format!("{n_tensors} of {n_elements} elements, {} bytes", size_bytes.0)
        });
        // Without any census nothing is known; in one, a type that is missing has no tensor.
        found.or_else(|| (!census.is_empty()).then(|| "none".to_owned()))
    };
    for name in names {
        let field = format!("{name} tensors");
        findings.of(Group::Model, None).describes(&field, &text(a, name), &text(b, name));
    }
}
