//! Compiles the shim over llama.cpp's C++ staging interface, and hands on what this build
//! knows of the engine's build: the engine itself can't tell.

use std::env;
use std::fs;

fn main() {
    println!("cargo:rerun-if-changed=src/shim.cpp");
    println!("cargo:rerun-if-changed=Cargo.toml");
    println!("cargo:rerun-if-env-changed=LLAMA_LIB_PROFILE");
    println!("cargo:rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    cc::Build::new().cpp(true).std("c++17").file("src/shim.cpp").compile("tokmark_llama_shim");

    let manifest = fs::read_to_string("Cargo.toml").expect("the crate has a manifest");
    let binding = manifest
        .lines()
        .find_map(|line| line.strip_prefix("llama-cpp-sys-2 = { version = \"=")?.split('"').next())
        .expect("the manifest pins the bindings");
    println!("cargo:rustc-env=TOKMARK_BINDING=llama-cpp-sys-2 {binding}");

    let profile = env::var("LLAMA_LIB_PROFILE").unwrap_or_else(|_| "unknown".to_owned());
    println!("cargo:rustc-env=TOKMARK_ENGINE_BUILD_TYPE={profile}");
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    println!("cargo:rustc-env=TOKMARK_ENGINE_NATIVE={}", flags.contains("target-cpu=native"));
    let compiler = cc::Build::new().cpp(true).get_compiler();
    let version = std::process::Command::new(compiler.path())
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .and_then(|text| text.lines().next().map(str::to_owned))
        .unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=TOKMARK_ENGINE_COMPILER={version}");
}
