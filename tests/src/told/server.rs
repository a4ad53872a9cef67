//! The server that is told what to do.

use std::io;
use std::time::Duration;

use stolid::{CompressionEncoding, Context, Metadata, MetadataEntry, Request, Response, Sender, Status};

use super::failure;
use crate::config;
use crate::echo::Note;
use crate::echo::echo_server::EchoServer;
use crate::handlers::Handlers;

/// Serves on 127.0.0.1 until the standard input ends, and says what happens, one line each.
///
/// It sends `encoding` if there is one. A line `shutdown MILLISECONDS` shuts it down.
///
/// # Errors
/// When the port is taken or the input cannot be read.
pub fn serve(port: u16, encoding: Option<CompressionEncoding>) -> Result<(), Box<dyn std::error::Error>> {
    let mut builder = config::server().add_service(EchoServer::new(Handlers::new().say(say).repeat(repeat)));
    if let Some(encoding) = encoding {
        builder = builder.send_compressed(encoding);
    }
    let server = builder.start(("127.0.0.1", port))?;
    println!("Listening on: {}", server.local_addr());
    for line in io::stdin().lines() {
        let line = line?;
        let millis = line.strip_prefix("shutdown ").ok_or_else(|| format!("there is no command {line:?}"))?;
        let report = server.shutdown(Duration::from_millis(millis.parse()?));
        println!("shut down: {} drained, {} cut, {} stuck", report.drained, report.cut, report.stuck);
    }
    Ok(())
}

/// Waits until the call is over before its time; says so.
fn wait(context: &Context) -> Status {
    println!("waiting");
    let cause = context.wait_cancelled(None);
    println!("ended {}", cause.map_or_else(|| "without a cause".to_owned(), |cause| format!("{cause:?}")));
    context.check().err().unwrap_or_else(|| Status::internal("the call was not cancelled"))
}

fn say(request: Request<Note>) -> Result<Response<Note>, Status> {
    let context = request.context();
    let number = match request.get_ref().text.as_str() {
        "time left" => context.time_remaining().map_or(0, |left| left.as_millis() as u64),
        "wait" => return Err(wait(&context)),
        "fail" => return Err(failure()),
        "metadata" => return answer_metadata(request),
        "size" => {
            let body = vec![7; request.get_ref().number as usize];
            return Ok(Response::new(Note { body, ..Note::default() }));
        }
        "compressed" => request.was_compressed().into(),
        "port" => context.peer_addr().map_or(0, |address| address.port().into()),
        _ => return Ok(Response::new(request.into_inner())),
    };
    Ok(Response::new(Note { number, ..request.into_inner() }))
}

fn answer_metadata(request: Request<Note>) -> Result<Response<Note>, Status> {
    let mut answered = Metadata::new();
    for entry in request.metadata().iter() {
        let kept = match entry {
            MetadataEntry::Ascii(key, value) if key.starts_with("x-") => answered.append(key, value),
            MetadataEntry::Binary(key, value) if key.starts_with("x-") => answered.append_bin(key, value),
            _ => Ok(()),
        };
        kept.map_err(|error| Status::internal(error.to_string()))?;
    }
    let mut response = Response::new(request.into_inner());
    *response.metadata_mut() = answered.clone();
    *response.trailers_mut() = answered;
    Ok(response)
}

fn repeat(request: Request<Note>, replies: Sender<Note>) -> Result<(), Status> {
    let context = request.context();
    let note = request.into_inner();
    if note.text == "wait" {
        replies.send(note)?;
        return Err(wait(&context));
    }
    (0..note.number).try_for_each(|number| replies.send(Note { number, ..note.clone() }))
}
