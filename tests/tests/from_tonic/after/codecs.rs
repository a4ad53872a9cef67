//! Messages that are not protobuf.

use bytes::{Buf, BufMut, BytesMut};
use stolid::client::Grpc;
use stolid::codec::{BoxError, Codec, DecodeBuf};
use stolid::server::{Methods, Service};
use stolid::{Channel, Request, Response, Status};

pub(crate) struct Decimal;

impl Codec<u64> for Decimal {
    const SUBTYPE: &'static str = "decimal";

    fn encode(message: &u64, buffer: &mut BytesMut) -> Result<(), BoxError> {
        buffer.put_slice(message.to_string().as_bytes());
        Ok(())
    }

    fn decode(mut buffer: DecodeBuf<'_>) -> Result<u64, BoxError> {
        let text = buffer.copy_to_bytes(buffer.remaining());
        Ok(std::str::from_utf8(&text)?.parse()?)
    }
}

pub(crate) struct Doubler;

impl Service for Doubler {
    const NAME: &'static str = "numbers.v1.Doubler";

    fn register(self, methods: &mut Methods) {
        methods
            .with_codec::<Decimal>()
            .unary("Double", |request: Request<u64>| Ok(Response::new(request.into_inner() * 2)));
    }
}

pub(crate) fn double(channel: Channel, number: u64) -> Result<u64, Status> {
    let grpc = Grpc::new(channel).with_codec::<Decimal>();
    let response = grpc.unary::<u64, u64>("/numbers.v1.Doubler/Double", Request::new(number))?;
    Ok(response.into_inner())
}
