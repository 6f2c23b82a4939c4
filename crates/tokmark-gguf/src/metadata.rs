use crate::{Value, ValueType};

/// The key-value pairs of a header, in the file's order. Keys are unique.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    entries: Vec<(String, Value)>,
    /// Indices of `entries`, sorted by key.
    by_key: Vec<u32>,
}

impl Metadata {
    /// Takes pairs in the file's order. The key that stands twice is the error.
    pub(crate) fn new(entries: Vec<(String, Value)>) -> Result<Self, String> {
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let mut by_key: Vec<u32> = (0..count).collect();
        by_key.sort_unstable_by(|&a, &b| entries[a as usize].0.cmp(&entries[b as usize].0));
        for pair in by_key.windows(2) {
            if entries[pair[0] as usize].0 == entries[pair[1] as usize].0 {
                return Err(entries[pair[0] as usize].0.clone());
            }
        }
        Ok(Metadata { entries, by_key })
    }

    /// The pairs in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let found = self
            .by_key
            .binary_search_by(|&index| self.entries[index as usize].0.as_str().cmp(key))
            .ok()?;
        Some(&self.entries[self.by_key[found] as usize].1)
    }

    /// A key's string, if it is one and was kept.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// A key's whole number, of any width, not negative.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.get(key)?.as_u64()
    }

    /// The length of a key's array, kept or not.
    pub fn array_len(&self, key: &str) -> Option<u64> {
        Some(self.get(key)?.as_array()?.len)
    }

    /// A key's whole number for each of `n_layers` layers: a single number stands for
    /// all, an array must hold at least as many. `None` if it is absent, too short, wasn't
    /// kept, or holds something else.
    pub fn per_layer(&self, key: &str, n_layers: usize) -> Option<Vec<u64>> {
        let as_number = |value: &Value| match value {
            Value::Bool(truth) => Some(u64::from(*truth)),
            other => other.as_u64(),
        };
        match self.get(key)? {
            Value::Array(array) => {
                let items = array.items.as_ref()?;
                (items.len() >= n_layers)
                    .then(|| items[..n_layers].iter().map(as_number).collect())
                    .flatten()
            }
            value => Some(vec![as_number(value)?; n_layers]),
        }
    }

    /// Whether a key stands for an array of whole numbers or truth values.
    pub(crate) fn is_array(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value.value_type() == ValueType::Array)
    }
}
