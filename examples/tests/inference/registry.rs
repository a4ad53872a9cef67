//! What is registered is what is served and what is printed.

use std::fs;

use protox::Compiler;
use stolid::{Request, Server, Status};
use stolid_examples::inference::app::{App, Predictions};
use stolid_examples::inference::proto::{ClassifyRequest, ClassifyResponse, EmbedRequest, EmbedResponse};

use super::programs::{InferenceServer, run_server};

/// What a .proto file declares, without the places where it does.
fn declared(text: &str) -> prost_types::FileDescriptorProto {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("inference.proto"), text).expect("room for a file");
    let mut compiler = Compiler::new([folder.path()]).expect("the folder is there");
    compiler.open_file("inference.proto").expect("the file is valid");
    compiler.file_descriptor_set().file.remove(0)
}

#[test]
fn the_printed_file_declares_what_the_programs_were_made_from() {
    let printed = run_server(&["--print-proto"]);
    assert_eq!((printed.code, printed.errors.as_str()), (Some(0), ""));
    assert_eq!(declared(&printed.output), declared(include_str!("../../../proto/inference/v1/inference.proto")));
}

#[test]
fn the_printed_file_has_what_is_registered_and_nothing_else() {
    let printed = run_server(&["--print-proto", "--models", "embed"]);
    let expected = "syntax = \"proto3\";

package inference.v1;

service InferenceService {
  rpc PredictEmbed(EmbedRequest) returns (EmbedResponse);
}

message EmbedRequest {
  string text = 1;
}

message EmbedResponse {
  // Of length 1, or of length 0 for a text without words.
  repeated float vector = 1;
}
";
    assert_eq!(printed.output, expected);
}

#[test]
fn a_model_that_is_not_registered_is_not_there() {
    let server = InferenceServer::start(&["--models", "embed,count"]);
    let finished = server.run_client(&["generate", "Hi"]);
    let unknown = "UNIMPLEMENTED: unknown method /inference.v1.InferenceService/PredictGenerate";
    assert_eq!((finished.code, finished.errors), (Some(1), format!("inference-client: {unknown}\n")));
    assert_eq!(server.run_client(&["predict", "embed", "Hi"]).code, Some(0));
}

fn shrug(batch: Vec<ClassifyRequest>) -> Predictions<ClassifyResponse> {
    Ok(batch.iter().map(|_| Ok(ClassifyResponse::default())).collect())
}

#[test]
fn a_name_is_registered_at_run_time_with_messages_of_any_other() {
    let mut app = App::default();
    app.model("first_guess", shrug).model("second_guess", shrug);
    let server = Server::builder().add_service(app).start("127.0.0.1:0").expect("a port is free");
    let channel = stolid::Channel::connect(format!("http://{}", server.local_addr())).expect("the server listens");
    let grpc = stolid::client::Grpc::new(channel);
    let call = |method: &str| {
        let request = Request::new(ClassifyRequest::default());
        grpc.unary::<_, ClassifyResponse>(format!("/inference.v1.InferenceService/{method}"), request)
    };
    assert!(call("PredictFirstGuess").is_ok());
    assert!(call("PredictSecondGuess").is_ok());
    assert!(call("PredictThirdGuess").is_err());
}

#[test]
#[should_panic(expected = "two models are answered by PredictEmbed")]
fn a_name_is_registered_once() {
    let echo = |batch: Vec<EmbedRequest>| Ok(batch.iter().map(|_| Ok(EmbedResponse::default())).collect());
    let failure = |_: EmbedRequest| Err::<Vec<Result<EmbedResponse, Status>>, _>(Status::internal("never called"));
    App::default().model("embed", echo).streaming_model("Embed", failure);
}
