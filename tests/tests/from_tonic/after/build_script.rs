//! The build script, with options.

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    stolid_build::configure()
        .build_client(false)
        .use_arc_self(true)
        .compile_protos(&["proto/rooms.proto"], &["proto"])?;
    Ok(())
}
