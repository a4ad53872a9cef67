//! The build script, with options.

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    stolid_build::configure()
        .build_client(false)
        .use_arc_self(true)
        .compile_protos(&["proto/rooms.proto"], &["proto"])?;
    Ok(())
}

/// Options of messages.
pub(crate) fn with_messages() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = stolid_build::Config::new();
    config.type_attribute("Room", "#[derive(Eq, Hash)]").bytes(["Chunk.data"]);
    stolid_build::configure().compile_protos_with_config(config, &["proto/rooms.proto"], &["proto"])?;
    Ok(())
}
