//! Compiles the test services.

mod options;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What the tests speak, by package path below `proto/`; one line for each file.
const PROTOS: &[&str] = &["hello/v1/hello.proto", "lab/lab.proto", "testing/v1/echo.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    for proto in PROTOS {
        stolid_build::compile_protos(format!("../proto/{proto}"))?;
    }
    stolid_build::configure().client_trait(true).compile_protos(&["../proto/rooms/v1/rooms.proto"], &["../proto"])?;
    compile_interop()?;
    compile_golden()?;
    options::compile()?;
    compile_tonic()
}

/// Generates the service that all implementations share; what nobody implements in it has a default.
fn compile_interop() -> Result<(), Box<dyn Error>> {
    let protos = ["empty", "messages", "test"].map(|name| format!("../proto/grpc/testing/{name}.proto"));
    Ok(stolid_build::configure().generate_default_stubs(true).compile_protos(&protos, &["../proto"])?)
}

/// Generates what the generator's own golden files show, and a layout as a README would describe it.
fn compile_golden() -> Result<(), Box<dyn Error>> {
    let golden = Path::new("../codegen/tests/golden");
    println!("cargo:rerun-if-changed={}", golden.display());
    let entries = fs::read_dir(golden)?.collect::<Result<Vec<_>, _>>()?;
    let mut protos: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    protos.retain(|path| path.extension().is_some_and(|extension| extension == "proto"));
    protos.sort();
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let (services, options) = (out.join("golden"), out.join("golden-options"));
    fs::create_dir_all(&services)?;
    fs::create_dir_all(&options)?;
    stolid_build::configure()
        .file_descriptor_set_path(services.join("set.bin"))
        .include_file("all.rs")
        .out_dir(services)
        .compile_protos(&protos, &[golden])?;
    stolid_build::configure()
        .generate_default_stubs(true)
        .use_arc_self(true)
        .client_attribute(".options", "#[must_use]")
        .out_dir(options)
        .compile_protos(&[golden.join("options/options.proto")], &[golden.join("options")])?;
    stolid_build::compile_protos("golden/layout.proto")?;
    Ok(stolid_build::compile_protos("golden/packageless.proto")?)
}

/// Generates tonic's clients and servers of four services, over the same messages as ours.
fn compile_tonic() -> Result<(), Box<dyn Error>> {
    // Both generators name their file after the package.
    let out = Path::new(&env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?).join("tonic");
    fs::create_dir_all(&out)?;
    let protos = ["rooms/v1/rooms.proto", "testing/v1/echo.proto", "lab/lab.proto", "grpc/testing/test.proto"];
    let files = protox::compile(protos, ["../proto"])?;
    let tonic = tonic_prost_build::configure().out_dir(out).extern_path(".rooms.v1", "crate::after::rooms");
    let tonic = tonic.extern_path(".testing.v1", "::stolid_tests::echo").extern_path(".lab", "::stolid_tests::lab");
    Ok(tonic.extern_path(".grpc.testing", "::stolid_tests::interop::proto").compile_fds(files)?)
}
