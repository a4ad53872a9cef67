//! The build script of a program that speaks `proto/hello.proto`.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    stolid_build::compile_protos("proto/hello.proto")?;
    Ok(())
}
