//! Messages named like generated code's own types, of other packages, well-known, nested and older ones.

use prost_types::value::Kind;
use prost_types::{Any, Duration, Struct, Timestamp, Value};
use stolid::{Request, Response, Sender, Status, Streaming};
use stolid_tests::config;
use stolid_tests::watchdog::watched;

use super::called::{answer, arrived};
use super::golden::documented;
use super::golden::imports::{self, rooms};
use super::golden::nested::v1 as nested;
use super::golden::people::v1 as people;
use super::golden::proto2::v1 as proto2;
use super::golden::type_names as types;
use super::golden::well_known::well_known_client::WellKnownClient;
use super::golden::well_known::well_known_server::{WellKnown, WellKnownServer};
use super::golden::{self, Greeting};
use super::{Answer, serve};

struct Post;

impl types::types_server::Types for Post {
    fn a(&self, request: Request<types::Status>) -> Answer<types::Request> {
        Ok(Response::new(types::Request { value: answer("a", &arrived(request).value) }))
    }

    fn b(&self, request: Request<types::Request>, replies: Sender<types::Response>) -> Result<(), Status> {
        replies.send(types::Response { value: answer("b", &arrived(request).value) })
    }

    fn c(&self, requests: Request<Streaming<types::Sender>>) -> Answer<types::Streaming> {
        let asked = arrived(requests).collect::<Result<Vec<_>, _>>()?;
        Ok(Response::new(types::Streaming { value: answer("c", &asked[0].value) }))
    }

    fn d(&self, requests: Request<Streaming<types::Result>>, replies: Sender<types::Option>) -> Result<(), Status> {
        arrived(requests).try_for_each(|asked| replies.send(types::Option { value: answer("d", &asked?.value) }))
    }

    fn e(&self, request: Request<types::String>) -> Answer<types::Vec> {
        let types::String { value, more } = arrived(request);
        let more = more.into_iter().map(|text| (text.value, types::Vec::default())).collect();
        Ok(Response::new(types::Vec { value: vec![answer("e", &value)], data: vec![1], more }))
    }

    fn f(&self, request: Request<types::Box>) -> Answer<types::Clone> {
        let types::Box { inner, .. } = arrived(request);
        let value = inner.and_then(|inner| inner.value);
        Ok(Response::new(types::Clone { value: answer("f", &value.unwrap_or_default()) }))
    }

    fn g(&self, request: Request<types::Send>) -> Answer<types::Sync> {
        Ok(Response::new(types::Sync { value: answer("g", &arrived(request).value) }))
    }

    fn h(&self, request: Request<types::Arc>) -> Answer<types::Error> {
        Ok(Response::new(types::Error { value: answer("h", &arrived(request).value) }))
    }

    fn i(&self, request: Request<types::Channel>) -> Answer<types::Context> {
        Ok(Response::new(types::Context { value: answer("i", &arrived(request).value) }))
    }

    fn j(&self, request: Request<types::IntoRequest>) -> Answer<types::T> {
        Ok(Response::new(types::T { value: answer("j", &arrived(request).value) }))
    }

    fn k(&self, request: Request<types::Ok>) -> Answer<types::Err> {
        Ok(Response::new(types::Err { value: answer("k", &arrived(request).value) }))
    }

    fn l(&self, request: Request<types::TypesServer>) -> Answer<types::Methods> {
        Ok(Response::new(types::Methods { value: answer("l", &arrived(request).value) }))
    }

    fn m(&self, request: Request<types::Core>) -> Answer<types::Stolid> {
        Ok(Response::new(types::Stolid { value: answer("m", &arrived(request).value) }))
    }

    fn n(&self, request: Request<types::Bool>) -> Answer<types::Self_> {
        Ok(Response::new(types::Self_ { value: answer("n", &arrived(request).value) }))
    }
}

/// Calls unary methods whose messages have nothing but a `value`.
macro_rules! call_unary {
    ($client:ident: $($method:ident($request:ident))*) => {
        $(let asked = types::$request { value: "x".into() };
        assert_eq!($client.$method(asked).unwrap().into_inner().value, answer(stringify!($method), "x"));)*
    };
}

fn call_type_names() {
    let service = types::types_server::TypesServer::new(Post);
    let (_server, channel) = serve(config::server().add_service(service));
    let client = types::types_client::TypesClient::new(channel);

    call_unary!(client: a(Status) g(Send) h(Arc) i(Channel) j(IntoRequest) k(Ok) l(TypesServer) m(Core) n(Bool));
    let mut replies = client.b(types::Request { value: "x".into() }).unwrap();
    assert_eq!(replies.message().unwrap(), Some(types::Response { value: "b(x)".into() }));
    let call = client.c(()).unwrap().send_all([types::Sender { value: "x".into() }]).unwrap();
    assert_eq!(call.finish().unwrap().into_inner().value, "c(x)");
    let mut call = client.d(()).unwrap();
    call.send(types::Result { value: "x".into() }).unwrap();
    assert_eq!(call.message().unwrap(), Some(types::Option { value: "d(x)".into() }));

    let more = vec![types::String { value: "more".into(), more: Vec::new() }];
    let answered = client.e(types::String { value: "x".into(), more }).unwrap().into_inner();
    assert_eq!(answered.value, ["e(x)"]);
    assert!(answered.more.contains_key("more"));
    let inner = types::Box { inner: None, value: Some("x".into()) };
    let answered = client.f(types::Box { inner: Some(Box::new(inner)), value: None }).unwrap();
    assert_eq!(answered.into_inner().value, "f(x)");
}

impl WellKnown for Post {
    fn nothing(&self, request: Request<()>) -> Answer<()> {
        arrived(request);
        Ok(Response::new(()))
    }

    fn ticks(&self, request: Request<Duration>, replies: Sender<Timestamp>) -> Result<(), Status> {
        replies.send(Timestamp { seconds: arrived(request).seconds, nanos: 5 })
    }

    fn count(&self, requests: Request<Streaming<()>>) -> Answer<i32> {
        Ok(Response::new(arrived(requests).map(|empty| empty.map_or(0, |()| 1)).sum()))
    }

    fn echo(&self, requests: Request<Streaming<Any>>, replies: Sender<Any>) -> Result<(), Status> {
        arrived(requests).try_for_each(|any| replies.send(any?))
    }

    fn r#struct(&self, request: Request<Value>) -> Answer<Struct> {
        Ok(Response::new(Struct { fields: [("value".to_owned(), arrived(request))].into() }))
    }

    fn text(&self, request: Request<String>) -> Answer<Vec<u8>> {
        Ok(Response::new(arrived(request).into_bytes()))
    }

    fn flag(&self, request: Request<bool>) -> Answer<f64> {
        Ok(Response::new(if arrived(request) { 0.5 } else { -0.5 }))
    }
}

fn call_well_known() {
    let (_server, channel) = serve(config::server().add_service(WellKnownServer::new(Post)));
    let client = WellKnownClient::new(channel);

    assert_eq!(client.nothing(()).unwrap().get_ref(), &());
    let mut ticks = client.ticks(Duration { seconds: 60, nanos: 0 }).unwrap();
    assert_eq!(ticks.message().unwrap(), Some(Timestamp { seconds: 60, nanos: 5 }));
    assert_eq!(client.count(()).unwrap().send_all([(), (), ()]).unwrap().finish().unwrap().into_inner(), 3);
    let any = Any { type_url: "a/b".into(), value: vec![1, 2] };
    let mut call = client.echo(()).unwrap();
    call.send(any.clone()).unwrap();
    assert_eq!(call.message().unwrap(), Some(any));
    let value = Value { kind: Some(Kind::BoolValue(true)) };
    assert_eq!(client.r#struct(value.clone()).unwrap().into_inner().fields["value"], value);
    assert_eq!(client.text("text".to_owned()).unwrap().into_inner(), b"text");
    assert_eq!(client.flag(true).unwrap().into_inner(), 0.5);
}

impl golden::plain_server::Plain for Post {
    fn greet(&self, request: Request<Greeting>) -> Answer<Greeting> {
        Ok(Response::new(Greeting { text: answer("greet", &arrived(request).text) }))
    }
}

fn call_packageless() {
    let (_server, channel) = serve(config::server().add_service(golden::plain_server::PlainServer::new(Post)));
    let client = golden::plain_client::PlainClient::new(channel);

    assert_eq!(client.greet(Greeting { text: "x".into() }).unwrap().into_inner().text, "greet(x)");
    assert_eq!(golden::plain_server::PlainServer::<Post>::NAME, "Plain");
}

impl nested::nested_server::Nested for Post {
    fn get(&self, request: Request<nested::outer::Inner>) -> Answer<nested::outer::inner::Core> {
        Ok(Response::new(arrived(request).core.unwrap_or_default()))
    }

    fn watch(&self, request: Request<nested::Outer>, replies: Sender<nested::outer::Type>) -> Result<(), Status> {
        let mut kind = nested::outer::Type::default();
        if arrived(request).content.is_some() {
            kind.set_kind(nested::outer::Kind::Small);
        }
        replies.send(kind)
    }
}

fn call_nested() {
    let (_server, channel) = serve(config::server().add_service(nested::nested_server::NestedServer::new(Post)));
    let client = nested::nested_client::NestedClient::new(channel);

    let core = nested::outer::inner::Core { depth: 3 };
    assert_eq!(client.get(nested::outer::Inner { core: Some(core) }).unwrap().into_inner(), core);
    let content = Some(nested::outer::Content::Text("x".into()));
    let mut replies = client.watch(nested::Outer { content }).unwrap();
    assert_eq!(replies.message().unwrap().unwrap().kind(), nested::outer::Kind::Small);
}

impl rooms::v1::rooms_server::Rooms for Post {
    fn list(&self, request: Request<people::Page>, replies: Sender<people::Person>) -> Result<(), Status> {
        let size = arrived(request).size;
        replies.send_all((0..size).map(|number| people::Person { name: number.to_string() }))
    }

    fn find(&self, request: Request<imports::Query>) -> Answer<rooms::v1::Found> {
        let person = Some(people::Person { name: arrived(request).name });
        Ok(Response::new(rooms::v1::Found { person }))
    }
}

impl people::people_server::People for Post {
    fn count(&self, request: Request<people::Page>) -> Answer<people::Person> {
        Ok(Response::new(people::Person { name: arrived(request).size.to_string() }))
    }
}

fn call_imported() {
    let builder = config::server()
        .add_service(rooms::v1::rooms_server::RoomsServer::new(Post))
        .add_service(people::people_server::PeopleServer::new(Post));
    let (_server, channel) = serve(builder);

    let client = rooms::v1::rooms_client::RoomsClient::new(channel.clone());
    let names: Vec<String> =
        client.list(people::Page { size: 3 }).unwrap().map(|person| person.unwrap().name).collect();
    assert_eq!(names, ["0", "1", "2"]);
    let found = client.find(imports::Query { name: "x".into() }).unwrap().into_inner();
    assert_eq!(found.person.unwrap().name, "x");
    let client = people::people_client::PeopleClient::new(channel);
    assert_eq!(client.count(people::Page { size: 9 }).unwrap().into_inner().name, "9");
}

impl proto2::legacy_server::Legacy for Post {
    fn search(&self, request: Request<proto2::Query>, replies: Sender<proto2::Found>) -> Result<(), Status> {
        let query = arrived(request);
        let filters = query.filter.len();
        replies.send(proto2::Found { text: Some(format!("{} {} {filters}", query.text, query.limit())) })
    }
}

fn call_proto2() {
    let (_server, channel) = serve(config::server().add_service(proto2::legacy_server::LegacyServer::new(Post)));
    let client = proto2::legacy_client::LegacyClient::new(channel);
    let filter = vec![proto2::query::Filter { field: "name".into() }];

    let mut replies = client.search(proto2::Query { text: "x".into(), limit: None, filter }).unwrap();
    assert_eq!(replies.message().unwrap().unwrap().text(), "x 10 1");
}

impl documented::documented_server::Documented for Post {
    fn get(&self, request: Request<documented::Page>) -> Answer<documented::Page> {
        Ok(Response::new(documented::Page { text: answer("get", &arrived(request).text) }))
    }

    fn put(&self, request: Request<documented::Page>) -> Answer<documented::Page> {
        Ok(Response::new(documented::Page { text: answer("put", &arrived(request).text) }))
    }
}

fn call_documented() {
    let service = documented::documented_server::DocumentedServer::new(Post);
    let (_server, channel) = serve(config::server().add_service(service));
    let client = documented::documented_client::DocumentedClient::new(channel);
    let page = documented::Page { text: "x".into() };

    assert_eq!(client.get(page.clone()).unwrap().into_inner().text, "get(x)");
    assert_eq!(client.put(page).unwrap().into_inner().text, "put(x)");
}

pub(crate) fn call_all() {
    call_type_names();
    call_well_known();
    call_packageless();
    call_nested();
    call_imported();
    call_proto2();
    call_documented();
}

#[test]
fn messages_named_like_types_of_generated_code() {
    watched(call_type_names);
}

#[test]
fn well_known_types() {
    watched(call_well_known);
}

#[test]
fn no_package() {
    watched(call_packageless);
}

#[test]
fn messages_in_messages() {
    watched(call_nested);
}

#[test]
fn messages_of_other_packages() {
    watched(call_imported);
}

#[test]
fn proto2_with_defaults_and_groups() {
    watched(call_proto2);
}

#[test]
fn comments_that_are_no_markdown() {
    watched(call_documented);
}
