//! Compiles the test service.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Ok(stolid_build::compile_protos("../../proto/testing/v1/echo.proto")?)
}
