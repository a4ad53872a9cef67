//! Generates the messages, traits and stubs of the programs' .proto files.

use std::env;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    stolid_build::compile_protos("../proto/bentoml/grpc/v1alpha1/service.proto")?;
    stolid_build::compile_protos("../proto/chat/v1/chat.proto")?;
    stolid_build::compile_protos("../proto/greeter/v1/greeter.proto")?;
    stolid_build::compile_protos("../proto/jobs/v1/jobs.proto")?;
    stolid_build::compile_protos("../proto/stream/v1/stream.proto")?;

    // The model server prints a .proto file for the models it has: that takes descriptors, and messages that know their names.
    let descriptors = PathBuf::from(env::var("OUT_DIR")?).join("inference.v1.bin");
    let mut messages = stolid_build::Config::new();
    messages.enable_type_names();
    stolid_build::configure().file_descriptor_set_path(descriptors).compile_protos_with_config(
        messages,
        &["../proto/inference/v1/inference.proto"],
        &["../proto"],
    )?;
    Ok(())
}
