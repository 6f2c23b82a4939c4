//! tokmark-gguf
