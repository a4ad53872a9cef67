//! Names that are keywords, or that generated code uses itself.

use stolid::client::Grpc;
use stolid::{Channel, Code, Request, Response, Sender, Status, Streaming};
use stolid_tests::config;
use stolid_tests::watchdog::watched;

use super::called::{answer, arrived};
use super::golden::client_names::Called;
use super::golden::client_names::names_client::NamesClient;
use super::golden::client_names::names_server::{Names, NamesServer};
use super::golden::deprecated::{OldVersion, Version, gone_client, gone_server, mixed_client, mixed_server};
use super::golden::keywords::r#type::v1::Named;
use super::golden::keywords::r#type::v1::keywords_client::KeywordsClient;
use super::golden::keywords::r#type::v1::keywords_server::{Keywords, KeywordsServer};
use super::golden::long_names::inference::management::v1alpha1 as long;
use super::golden::service_names as services;
use super::{Answer, serve};

/// Unary methods that answer with their names.
macro_rules! unary {
    ($message:ident.$field:ident: $($method:ident)*) => {
        $(fn $method(&self, request: Request<$message>) -> Answer<$message> {
            let asked = arrived(request).$field;
            Ok(Response::new($message { $field: answer(stringify!($method), &asked) }))
        })*
    };
}

/// Calls unary methods and compares their answers.
macro_rules! call_unary {
    ($client:ident, $message:ident.$field:ident: $($call:ident = $method:ident)*) => {
        $(let asked = $message { $field: "x".into() };
        assert_eq!($client.$call(asked).unwrap().into_inner().$field, answer(stringify!($method), "x"));)*
    };
}

struct Spoken;

fn named(text: impl Into<String>) -> Named {
    Named { r#type: text.into() }
}

impl Keywords for Spoken {
    unary!(Named.r#type: r#type r#move self_ super_ crate_ extern_ r#try r#gen drop);

    fn r#async(&self, request: Request<Named>, replies: Sender<Named>) -> Result<(), Status> {
        replies.send(named(answer("async", &arrived(request).r#type)))
    }

    fn r#await(&self, requests: Request<Streaming<Named>>) -> Answer<Named> {
        let asked: Result<Vec<Named>, Status> = arrived(requests).collect();
        Ok(Response::new(named(answer("await", &asked?[0].r#type))))
    }

    fn r#dyn(&self, requests: Request<Streaming<Named>>, replies: Sender<Named>) -> Result<(), Status> {
        arrived(requests).try_for_each(|asked| replies.send(named(answer("dyn", &asked?.r#type))))
    }
}

fn call_keywords() {
    let (_server, channel) = serve(config::server().add_service(KeywordsServer::new(Spoken)));
    let client = KeywordsClient::new(channel);

    call_unary!(client, Named.r#type:
        r#type = r#type r#move = r#move self_ = self_ super_ = super_ crate_ = crate_ extern_ = extern_
        r#try = r#try r#gen = r#gen drop = drop);
    let mut replies = client.r#async(named("x")).unwrap();
    assert_eq!(replies.message().unwrap(), Some(named("async(x)")));
    let call = client.r#await(()).unwrap().send_all([named("x")]).unwrap();
    assert_eq!(call.finish().unwrap().into_inner(), named("await(x)"));
    let mut call = client.r#dyn(()).unwrap();
    call.send(named("x")).unwrap();
    assert_eq!(call.message().unwrap(), Some(named("dyn(x)")));
}

impl Names for Spoken {
    unary!(Called.name: new connect clone max_decoding_message_size into try_into into_request to_owned type_id fmt name);

    fn max_encoding_message_size(&self, request: Request<Called>, replies: Sender<Called>) -> Result<(), Status> {
        replies.send(Called { name: answer("max_encoding_message_size", &arrived(request).name) })
    }

    fn register(&self, requests: Request<Streaming<Called>>) -> Answer<Called> {
        let asked: Result<Vec<Called>, Status> = arrived(requests).collect();
        Ok(Response::new(Called { name: answer("register", &asked?[0].name) }))
    }

    fn from_arc(&self, requests: Request<Streaming<Called>>, replies: Sender<Called>) -> Result<(), Status> {
        arrived(requests).try_for_each(|asked| replies.send(Called { name: answer("from_arc", &asked?.name) }))
    }
}

fn call_client_names() {
    let (_server, channel) = serve(config::server().add_service(NamesServer::new(Spoken)));
    // The client's own functions keep their names.
    let client: NamesClient = NamesClient::new(channel).max_decoding_message_size(1_000);

    call_unary!(client, Called.name:
        new_ = new connect_ = connect clone_ = clone max_decoding_message_size_ = max_decoding_message_size
        into_ = into try_into_ = try_into into_request_ = into_request to_owned = to_owned type_id = type_id
        fmt = fmt name = name);
    let asked = Called { name: "x".into() };
    let mut replies = client.max_encoding_message_size_(asked.clone()).unwrap();
    assert_eq!(replies.message().unwrap().unwrap().name, "max_encoding_message_size(x)");
    let call = client.register(()).unwrap().send_all([asked.clone()]).unwrap();
    assert_eq!(call.finish().unwrap().into_inner().name, "register(x)");
    let mut call = client.from_arc(()).unwrap();
    call.send(asked).unwrap();
    assert_eq!(call.message().unwrap().unwrap().name, "from_arc(x)");
}

/// Implements unary services of the same shape and calls them.
macro_rules! unary_services {
    ($($service:ident: $server_module:ident::$server:ident, $client_module:ident::$client:ident;)*) => {
        $(impl services::$server_module::$service for Spoken {
            fn call(&self, request: Request<services::Asked>) -> Answer<services::Asked> {
                let service = answer(stringify!($service), &arrived(request).service);
                Ok(Response::new(services::Asked { service }))
            }
        })*

        fn call_unary_services() {
            let builder = config::server()$(.add_service(services::$server_module::$server::new(Spoken)))*;
            let (_server, channel) = serve(builder);
            $(let client = services::$client_module::$client::new(Channel::clone(&channel));
            let asked = services::Asked { service: "x".into() };
            assert_eq!(client.call(asked).unwrap().into_inner().service, answer(stringify!($service), "x"));)*
        }
    };
}

unary_services! {
    T: t_server::TServer, t_client::TClient;
    S: s_server::SServer, s_client::SClient;
    Send: send_server::SendServer, send_client::SendClient;
    Clone: clone_server::CloneServer, clone_client::CloneClient;
    Result: result_server::ResultServer, result_client::ResultClient;
    Self_: self_server::SelfServer, self_client::SelfClient;
    HttpServer: http_server_server::HttpServerServer, http_server_client::HttpServerClient;
}

impl services::status_server::Status for Spoken {
    fn call(&self, request: Request<services::Asked>, replies: Sender<services::Asked>) -> Result<(), Status> {
        replies.send(services::Asked { service: answer("Status", &arrived(request).service) })
    }
}

impl services::arc_server::Arc for Spoken {
    fn call(&self, requests: Request<Streaming<services::Asked>>) -> Answer<services::Asked> {
        let asked: Result<Vec<services::Asked>, Status> = arrived(requests).collect();
        Ok(Response::new(services::Asked { service: answer("Arc", &asked?[0].service) }))
    }
}

impl services::chat_room_server::ChatRoom for Spoken {
    fn call(
        &self,
        requests: Request<Streaming<services::Asked>>,
        replies: Sender<services::Asked>,
    ) -> Result<(), Status> {
        arrived(requests)
            .try_for_each(|asked| replies.send(services::Asked { service: answer("ChatRoom", &asked?.service) }))
    }
}

impl services::nothing_server::Nothing for Spoken {}

fn call_streaming_services() {
    let builder = config::server()
        .add_service(services::status_server::StatusServer::new(Spoken))
        .add_service(services::arc_server::ArcServer::new(Spoken))
        .add_service(services::chat_room_server::ChatRoomServer::new(Spoken))
        .add_service(services::nothing_server::NothingServer::new(Spoken));
    let (_server, channel) = serve(builder);
    let asked = services::Asked { service: "x".into() };

    let mut replies = services::status_client::StatusClient::new(channel.clone()).call(asked.clone()).unwrap();
    assert_eq!(replies.message().unwrap().unwrap().service, "Status(x)");
    let call = services::arc_client::ArcClient::new(channel.clone()).call(()).unwrap();
    assert_eq!(call.send_all([asked.clone()]).unwrap().finish().unwrap().into_inner().service, "Arc(x)");
    let mut call = services::chat_room_client::ChatRoomClient::new(channel).call(()).unwrap();
    call.send(asked).unwrap();
    assert_eq!(call.message().unwrap().unwrap().service, "ChatRoom(x)");
}

struct Past;

impl mixed_server::Mixed for Past {
    fn current(&self, request: Request<Version>) -> Answer<Version> {
        Ok(Response::new(Version { number: arrived(request).number + 1 }))
    }

    fn old(&self, request: Request<Version>) -> Answer<OldVersion> {
        Ok(Response::new(OldVersion { number: arrived(request).number + 2 }))
    }
}

#[expect(deprecated, reason = "that it is marked is what is tested")]
impl gone_server::Gone for Past {
    fn call(&self, request: Request<Version>, replies: Sender<Version>) -> Result<(), Status> {
        replies.send(Version { number: arrived(request).number + 3 })
    }
}

fn call_current() {
    let (_server, channel) = serve(config::server().add_service(mixed_server::MixedServer::new(Past)));
    let client = mixed_client::MixedClient::new(channel);

    assert_eq!(client.current(Version { number: 1 }).unwrap().into_inner().number, 2);
}

#[expect(deprecated, reason = "that they are marked is what is tested")]
fn call_deprecated() {
    let builder = config::server()
        .add_service(mixed_server::MixedServer::new(Past))
        .add_service(gone_server::GoneServer::new(Past));
    let (_server, channel) = serve(builder);

    let client = mixed_client::MixedClient::new(channel.clone());
    assert_eq!(client.old(Version { number: 1 }).unwrap().into_inner().number, 3);
    let mut replies = gone_client::GoneClient::new(channel).call(Version { number: 1 }).unwrap();
    assert_eq!(replies.message().unwrap(), Some(Version { number: 4 }));
}

impl long::inference_service_management_administration_server::InferenceServiceManagementAdministration for Spoken {
    fn register_model_with_configuration(
        &self,
        request: Request<long::RegisterModelWithConfigurationRequest>,
    ) -> Answer<long::RegisterModelWithConfigurationResponse> {
        let name = answer("register", &arrived(request).name);
        Ok(Response::new(long::RegisterModelWithConfigurationResponse { name }))
    }

    fn watch_model_with_configuration_and_everything_else(
        &self,
        request: Request<long::RegisterModelWithConfigurationRequest>,
        replies: Sender<long::RegisterModelWithConfigurationResponse>,
    ) -> Result<(), Status> {
        let name = answer("watch", &arrived(request).name);
        replies.send(long::RegisterModelWithConfigurationResponse { name })
    }

    fn upload_model_with_configuration(
        &self,
        requests: Request<Streaming<long::RegisterModelWithConfigurationRequest>>,
    ) -> Answer<long::RegisterModelWithConfigurationResponse> {
        let asked = arrived(requests).collect::<Result<Vec<_>, _>>()?;
        let name = answer("upload", &asked[0].name);
        Ok(Response::new(long::RegisterModelWithConfigurationResponse { name }))
    }

    fn call(
        &self,
        requests: Request<Streaming<long::RegisterModelWithConfigurationRequest>>,
        replies: Sender<long::RegisterModelWithConfigurationResponse>,
    ) -> Result<(), Status> {
        arrived(requests).try_for_each(|asked| {
            let name = answer("call", &asked?.name);
            replies.send(long::RegisterModelWithConfigurationResponse { name })
        })
    }
}

fn call_long_names() {
    use long::inference_service_management_administration_client as client;
    use long::inference_service_management_administration_server as server;

    let service = server::InferenceServiceManagementAdministrationServer::new(Spoken);
    let (_server, channel) = serve(config::server().add_service(service));
    let client = client::InferenceServiceManagementAdministrationClient::new(channel);
    let asked = long::RegisterModelWithConfigurationRequest { name: "x".into() };

    let response = client.register_model_with_configuration(asked.clone()).unwrap();
    assert_eq!(response.into_inner().name, "register(x)");
    let mut replies = client.watch_model_with_configuration_and_everything_else(asked.clone()).unwrap();
    assert_eq!(replies.message().unwrap().unwrap().name, "watch(x)");
    let call = client.upload_model_with_configuration(()).unwrap().send_all([asked.clone()]).unwrap();
    assert_eq!(call.finish().unwrap().into_inner().name, "upload(x)");
    let mut call = client.call(()).unwrap();
    call.send(asked).unwrap();
    assert_eq!(call.message().unwrap().unwrap().name, "call(x)");
}

pub(crate) fn call_all() {
    call_keywords();
    call_client_names();
    call_unary_services();
    call_streaming_services();
    call_current();
    call_deprecated();
    call_long_names();
}

#[test]
fn methods_named_like_keywords() {
    watched(call_keywords);
}

#[test]
fn methods_named_like_functions_of_the_client() {
    watched(call_client_names);
}

#[test]
fn services_named_like_what_generated_code_uses() {
    watched(call_unary_services);
    watched(call_streaming_services);
}

#[test]
fn a_service_without_methods() {
    watched(|| {
        let service = services::nothing_server::NothingServer::new(Spoken);
        let (_server, channel) = serve(config::server().add_service(service));
        let client = services::nothing_client::NothingClient::new(channel.clone());
        assert!(format!("{client:?}").starts_with("NothingClient"));
        let asked = Request::new(services::Asked::default());
        let error = Grpc::new(channel).unary::<_, services::Asked>("/service_names.Nothing/Call", asked).unwrap_err();

        assert_eq!(error.code(), Code::Unimplemented);
    });
}

#[test]
fn deprecated_methods_and_services() {
    watched(call_current);
    watched(call_deprecated);
}

#[test]
fn names_too_long_for_a_line() {
    watched(call_long_names);
}
