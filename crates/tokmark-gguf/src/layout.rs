//! Where tensors lie in the file, and the checks on it.

use crate::header::DEFAULT_ALIGNMENT;
use crate::{GgufError, Metadata, Tensor, Value};

/// `general.alignment`, a `u32` and a power of two as llama.cpp demands; 32 if absent.
pub(crate) fn alignment(metadata: &Metadata) -> Result<u64, GgufError> {
    match metadata.get("general.alignment") {
        None => Ok(DEFAULT_ALIGNMENT),
        Some(Value::U32(bytes)) if bytes.is_power_of_two() => Ok(u64::from(*bytes)),
        Some(_) => {
            Err(GgufError::invalid("general.alignment", "is not a power of two of type u32"))
        }
    }
}

/// Checks each tensor's size and place, then all places against each other.
pub(crate) fn check(tensors: &[Tensor], alignment: u64) -> Result<(), GgufError> {
    let mut ends: Vec<(u64, u64, usize)> = Vec::with_capacity(tensors.len());
    for (index, tensor) in tensors.iter().enumerate() {
        let end = check_one(tensor, alignment).map_err(|problem| invalid(tensor, problem))?;
        ends.push((tensor.offset, end, index));
    }
    check_names(tensors)?;

    ends.sort_unstable();
    for pair in ends.windows(2) {
        let ((_, end, first), (start, _, second)) = (pair[0], pair[1]);
        if start < end {
            let problem = format!("overlaps tensor '{}'", tensors[first].name.escape_debug());
            return Err(invalid(&tensors[second], problem));
        }
    }
    Ok(())
}

/// Byte after the last tensor's data, counted from the data's begin; 0 without tensors.
pub(crate) fn data_end(tensors: &[Tensor]) -> u64 {
    last(tensors).map_or(0, |tensor| tensor.offset.saturating_add(tensor.size_bytes().unwrap_or(0)))
}

/// The tensor that ends last.
pub(crate) fn last(tensors: &[Tensor]) -> Option<&Tensor> {
    tensors
        .iter()
        .max_by_key(|tensor| tensor.offset.saturating_add(tensor.size_bytes().unwrap_or(0)))
}

/// Bytes that the tensors take without holes, each but the last padded to `alignment`.
pub(crate) fn packed_bytes(tensors: &[Tensor], alignment: u64) -> u64 {
    let sizes = tensors.iter().map(|tensor| tensor.size_bytes().unwrap_or(0));
    sizes.fold(0u64, |end, size| {
        end.checked_next_multiple_of(alignment).unwrap_or(u64::MAX).saturating_add(size)
    })
}

/// The byte after this tensor's data; an unknown type counts as empty.
fn check_one(tensor: &Tensor, alignment: u64) -> Result<u64, String> {
    let n_elements = tensor.dims().iter().try_fold(1u64, |n, &dim| n.checked_mul(dim));
    if n_elements.is_none_or(|n| n > i64::MAX as u64)
        || tensor.dims().iter().any(|&dim| dim > i64::MAX as u64)
    {
        return Err(format!("has impossible dimensions {:?}", tensor.dims()));
    }
    if let Some(block) = tensor.tensor_type.block_len() {
        let columns = tensor.dims().first().copied().unwrap_or(1);
        if !columns.is_multiple_of(block) {
            let of = tensor.tensor_type;
            return Err(format!("has rows of {columns} elements, {of} needs multiples of {block}"));
        }
        if tensor.size_bytes().is_none() {
            return Err(format!("has impossible dimensions {:?}", tensor.dims()));
        }
    }
    if !tensor.offset.is_multiple_of(alignment) {
        return Err(format!("begins at byte {}, no multiple of {alignment}", tensor.offset));
    }
    tensor
        .offset
        .checked_add(tensor.size_bytes().unwrap_or(0))
        .ok_or_else(|| format!("begins at the impossible byte {}", tensor.offset))
}

fn check_names(tensors: &[Tensor]) -> Result<(), GgufError> {
    let mut names: Vec<&str> = tensors.iter().map(Tensor::name).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            let field = format!("tensor '{}'", pair[0].escape_debug());
            Err(GgufError::invalid(field, "stands twice"))
        }
        None => Ok(()),
    }
}

fn invalid(tensor: &Tensor, problem: String) -> GgufError {
    GgufError::invalid(format!("tensor '{}'", tensor.name.escape_debug()), problem)
}
