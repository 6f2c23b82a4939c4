use std::fmt;

use tokmark_model::KvType;

/// The type of a tensor's elements, by ggml's number for it.
///
/// A number that isn't in the table is kept as unknown: it has no size, and whether an
/// engine knows it is the engine's matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TensorType(u32);

/// Number, name, elements in a block, bytes of a block.
type Row = (u32, &'static str, u64, u64);

/// `enum ggml_type` of `ggml/include/ggml.h`; sizes from the block structures of
/// `ggml/src/ggml-common.h` as asserted there (ggml 0.26, `llama-cpp-sys-2` 0.1.161).
/// Q8_1 differs from PyPI `gguf` 0.19.0, which says 40 bytes: the header asserts two
/// half-precision numbers and 32 bytes. No file holds that type.
const TABLE: &[Row] = &[
    (0, "F32", 1, 4),
    (1, "F16", 1, 2),
    (2, "Q4_0", 32, 18),
    (3, "Q4_1", 32, 20),
    (6, "Q5_0", 32, 22),
    (7, "Q5_1", 32, 24),
    (8, "Q8_0", 32, 34),
    (9, "Q8_1", 32, 36),
    (10, "Q2_K", 256, 84),
    (11, "Q3_K", 256, 110),
    (12, "Q4_K", 256, 144),
    (13, "Q5_K", 256, 176),
    (14, "Q6_K", 256, 210),
    (15, "Q8_K", 256, 292),
    (16, "IQ2_XXS", 256, 66),
    (17, "IQ2_XS", 256, 74),
    (18, "IQ3_XXS", 256, 98),
    (19, "IQ1_S", 256, 50),
    (20, "IQ4_NL", 32, 18),
    (21, "IQ3_S", 256, 110),
    (22, "IQ2_S", 256, 82),
    (23, "IQ4_XS", 256, 136),
    (24, "I8", 1, 1),
    (25, "I16", 1, 2),
    (26, "I32", 1, 4),
    (27, "I64", 1, 8),
    (28, "F64", 1, 8),
    (29, "IQ1_M", 256, 56),
    (30, "BF16", 1, 2),
    (34, "TQ1_0", 256, 54),
    (35, "TQ2_0", 256, 66),
    (39, "MXFP4", 32, 17),
    (40, "NVFP4", 64, 36),
    (41, "Q1_0", 128, 18),
    (42, "Q2_0", 64, 18),
];

#[allow(missing_docs)]
impl TensorType {
    pub const F32: TensorType = TensorType(0);
    pub const F16: TensorType = TensorType(1);
    pub const Q4_0: TensorType = TensorType(2);
    pub const Q4_1: TensorType = TensorType(3);
    pub const Q5_0: TensorType = TensorType(6);
    pub const Q5_1: TensorType = TensorType(7);
    pub const Q8_0: TensorType = TensorType(8);
    pub const Q4_K: TensorType = TensorType(12);
    pub const Q6_K: TensorType = TensorType(14);
    pub const IQ4_NL: TensorType = TensorType(20);
    pub const BF16: TensorType = TensorType(30);
}

impl TensorType {
    /// The type with ggml's number `id`, known or not.
    pub const fn from_id(id: u32) -> TensorType {
        TensorType(id)
    }

    /// The type of this name, in any case: `Q4_K`, `q4_k`.
    pub fn from_name(name: &str) -> Option<TensorType> {
        TABLE.iter().find(|row| row.1.eq_ignore_ascii_case(name)).map(|row| TensorType(row.0))
    }

    /// All known types, by number.
    pub fn all() -> impl Iterator<Item = TensorType> {
        TABLE.iter().map(|row| TensorType(row.0))
    }

    /// ggml's number for it.
    pub const fn id(self) -> u32 {
        self.0
    }

    /// Its name as files are labelled, upper case; `None` for an unknown type.
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.1)
    }

    /// Elements in a block, 1 for plain numbers; `None` for an unknown type.
    pub fn block_len(self) -> Option<u64> {
        self.row().map(|row| row.2)
    }

    /// Bytes of a block; `None` for an unknown type.
    pub fn block_bytes(self) -> Option<u64> {
        self.row().map(|row| row.3)
    }

    /// Bytes of `n_elements` in whole blocks, a begun block counting whole. `None` for an
    /// unknown type and when the size passes 64 bits.
    pub fn bytes_of(self, n_elements: u64) -> Option<u64> {
        let row = self.row()?;
        n_elements.div_ceil(row.2).checked_mul(row.3)
    }

    fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.0 == self.0)
    }
}

impl fmt::Display for TensorType {
    /// The name, or `unknown type 99`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "unknown type {}", self.0),
        }
    }
}

impl From<KvType> for TensorType {
    fn from(kv_type: KvType) -> Self {
        match kv_type {
            KvType::F16 => TensorType::F16,
            KvType::Bf16 => TensorType::BF16,
            KvType::Q8_0 => TensorType::Q8_0,
            KvType::Q4_0 => TensorType::Q4_0,
            KvType::Q4_1 => TensorType::Q4_1,
            KvType::Q5_0 => TensorType::Q5_0,
            KvType::Q5_1 => TensorType::Q5_1,
            KvType::Iq4Nl => TensorType::IQ4_NL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_carry_the_names_they_say() {
        assert_eq!(TensorType::Q4_1.name(), Some("Q4_1"));
        assert_eq!(TensorType::IQ4_NL.name(), Some("IQ4_NL"));
        assert_eq!(TensorType::Q6_K.name(), Some("Q6_K"));
        assert_eq!(TensorType::BF16.name(), Some("BF16"));
        for kv_type in KvType::ALL {
            let by_name = TensorType::from_name(kv_type.as_str());
            assert_eq!(by_name, Some(TensorType::from(*kv_type)));
        }
    }

    #[test]
    fn an_unknown_type_has_no_size_and_says_its_number() {
        let unknown = TensorType::from_id(999);
        assert_eq!(unknown.bytes_of(32), None);
        assert_eq!(unknown.to_string(), "unknown type 999");
    }

    #[test]
    fn a_begun_block_counts_whole() {
        assert_eq!(TensorType::Q4_0.bytes_of(33), Some(36));
        assert_eq!(TensorType::Q4_0.bytes_of(0), Some(0));
        assert_eq!(TensorType::from_id(28).bytes_of(u64::MAX), None);
    }
}
