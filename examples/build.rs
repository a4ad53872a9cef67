//! Generates the messages, traits and stubs of the programs' .proto files.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    stolid_build::compile_protos("../proto/bentoml/grpc/v1alpha1/service.proto")?;
    stolid_build::compile_protos("../proto/chat/v1/chat.proto")?;
    stolid_build::compile_protos("../proto/greeter/v1/greeter.proto")?;
    stolid_build::compile_protos("../proto/jobs/v1/jobs.proto")?;
    Ok(())
}
