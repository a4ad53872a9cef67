//! The service of the measurements, with the handlers that a user would write first.

use stolid::{Request, Response, Sender, Status, Streaming};

use crate::lab::bench_server::Bench;
use crate::lab::{Req, Resp, StreamReq, Summary};

/// `lab.Bench` as its comments say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured;

impl Bench for Measured {
    fn unary(&self, request: Request<Req>) -> Result<Response<Resp>, Status> {
        let payload = request.into_inner().payload;
        Ok(Response::new(Resp { payload }))
    }

    fn server_stream(&self, request: Request<StreamReq>, replies: Sender<Resp>) -> Result<(), Status> {
        let StreamReq { count, size } = request.into_inner();
        for _ in 0..count {
            let payload = vec![7; size as usize];
            replies.send(Resp { payload })?;
        }
        Ok(())
    }

    fn client_stream(&self, requests: Request<Streaming<Req>>) -> Result<Response<Summary>, Status> {
        let mut summary = Summary::default();
        for message in requests.into_inner() {
            summary.count += 1;
            summary.bytes += message?.payload.len() as u64;
        }
        Ok(Response::new(summary))
    }

    fn bidi(&self, requests: Request<Streaming<Req>>, replies: Sender<Resp>) -> Result<(), Status> {
        for message in requests.into_inner() {
            let payload = message?.payload;
            replies.send(Resp { payload })?;
        }
        Ok(())
    }
}
