//! Options of messages, which go through prost's `Config`, and `compile_well_known_types`.

use std::fmt;

use bytes::Bytes;
use prost::Name;
use stolid::{Request, Response, Sender, Status, Streaming};
use stolid_tests::watchdog::watched;

use super::generated::configured;
use super::generated::protos::google::protobuf;
use super::generated::protos::well_known::well_known_client::WellKnownClient;
use super::generated::protos::well_known::well_known_server::{WellKnown, WellKnownServer};
use super::{Answer, call_all, chat, serve};

/// prost was told to write none.
impl fmt::Debug for configured::Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what was said is nobody's business")
    }
}

struct Rooms;
chat!(configured for Rooms);

#[test]
fn messages_are_as_the_config_says() {
    watched(|| {
        let (_server, channel) = serve(configured::chat_server::ChatServer::new(Rooms));
        call_all!(configured, configured::chat_client::ChatClient::new(channel));

        let chunk = configured::Chunk { data: Bytes::from_static(b"bytes") };
        assert_eq!(chunk.data.len(), 5);
        let room = |people| configured::Room { name: String::new(), people };
        assert!(room(1) < room(2));
        assert_eq!(configured::Room::full_name(), "kinds.v1.Room");
        let said = configured::Said { text: "secret".into() };
        assert_eq!(format!("{said:?}"), "what was said is nobody's business");
    });
}

struct Answers;

impl WellKnown for Answers {
    fn nothing(&self, request: Request<protobuf::Empty>) -> Answer<protobuf::Empty> {
        Ok(Response::new(request.into_inner()))
    }

    fn ticks(&self, request: Request<protobuf::Duration>, replies: Sender<protobuf::Timestamp>) -> Result<(), Status> {
        replies.send(protobuf::Timestamp { seconds: request.into_inner().seconds, nanos: 1 })
    }

    fn count(&self, requests: Request<Streaming<protobuf::Empty>>) -> Answer<protobuf::Int32Value> {
        let value = requests.into_inner().map(|empty| empty.map(|_| 1)).sum::<Result<i32, Status>>()?;
        Ok(Response::new(protobuf::Int32Value { value }))
    }

    fn echo(&self, requests: Request<Streaming<protobuf::Any>>, replies: Sender<protobuf::Any>) -> Result<(), Status> {
        requests.into_inner().try_for_each(|any| replies.send(any?))
    }

    fn r#struct(&self, request: Request<protobuf::Value>) -> Answer<protobuf::Struct> {
        let fields = [("value".to_owned(), request.into_inner())].into();
        Ok(Response::new(protobuf::Struct { fields }))
    }

    fn text(&self, request: Request<protobuf::StringValue>) -> Answer<protobuf::BytesValue> {
        Ok(Response::new(protobuf::BytesValue { value: request.into_inner().value.into_bytes() }))
    }

    fn flag(&self, request: Request<protobuf::BoolValue>) -> Answer<protobuf::DoubleValue> {
        Ok(Response::new(protobuf::DoubleValue { value: f64::from(u8::from(request.into_inner().value)) }))
    }
}

#[test]
fn well_known_types_can_be_generated_like_others() {
    watched(|| {
        let (_server, channel) = serve(WellKnownServer::new(Answers));
        let client = WellKnownClient::new(channel);

        assert_eq!(client.nothing(protobuf::Empty {}).unwrap().into_inner(), protobuf::Empty {});
        let mut ticks = client.ticks(protobuf::Duration { seconds: 5, nanos: 0 }).unwrap();
        assert_eq!(ticks.message().unwrap(), Some(protobuf::Timestamp { seconds: 5, nanos: 1 }));
        let count = client.count(()).unwrap().send_all([protobuf::Empty {}, protobuf::Empty {}]).unwrap();
        assert_eq!(count.finish().unwrap().into_inner().value, 2);
        let any = protobuf::Any { type_url: "type".into(), value: vec![1, 2] };
        let mut echo = client.echo(()).unwrap();
        echo.send(any.clone()).unwrap();
        assert_eq!(echo.message().unwrap(), Some(any));
        let kind = Some(protobuf::value::Kind::NumberValue(0.5));
        let fields = client.r#struct(protobuf::Value { kind: kind.clone() }).unwrap().into_inner().fields;
        assert_eq!(fields["value"].kind, kind);
        let text = client.text(protobuf::StringValue { value: "abc".into() }).unwrap();
        assert_eq!(text.into_inner().value, b"abc");
        assert!(client.flag(protobuf::BoolValue { value: true }).unwrap().into_inner().value > 0.5);
    });
}
