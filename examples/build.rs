//! Generates the messages, traits and stubs of the programs' .proto files.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    stolid_build::compile_protos("../proto/chat/v1/chat.proto")?;
    Ok(())
}
