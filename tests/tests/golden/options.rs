//! Services generated with other options: `self: Arc<Self>`, default stubs, and attributes.

use std::sync::{Arc, mpsc};
use std::thread;

use stolid::{Code, Request, Response, Sender, Status, Streaming};
use stolid_tests::config;
use stolid_tests::watchdog::watched;

use super::optional::Thing;
use super::optional::optional_client::OptionalClient;
use super::optional::optional_server::{Optional, OptionalServer};
use super::{Answer, serve};

/// Implements nothing.
struct Idle;

impl Optional for Idle {}

#[test]
fn what_is_not_implemented_says_so() {
    watched(|| {
        let (_server, channel) = serve(config::server().add_service(OptionalServer::new(Idle)));
        let client = OptionalClient::new(channel);

        let check = |error: Status, method: &str| {
            assert_eq!(error.code(), Code::Unimplemented);
            assert_eq!(error.message(), format!("/options.Optional/{method} is not implemented"));
        };
        check(client.get(Thing::default()).unwrap_err(), "Get");
        check(client.watch(Thing::default()).unwrap().message().unwrap_err(), "Watch");
        check(client.upload(()).unwrap().finish().unwrap_err(), "Upload");
        check(client.join(()).unwrap().message().unwrap_err(), "Join");
    });
}

/// Gives itself to threads.
struct Busy {
    name: String,
}

impl Optional for Busy {
    fn get(self: Arc<Self>, request: Request<Thing>) -> Answer<Thing> {
        let asked = request.into_inner().name;
        let thread = thread::spawn(move || Thing { name: format!("{} {asked}", self.name) });
        Ok(Response::new(thread.join().map_err(|_| Status::internal("the thread panicked"))?))
    }

    fn join(self: Arc<Self>, requests: Request<Streaming<Thing>>, replies: Sender<Thing>) -> Result<(), Status> {
        let (done, finished) = mpsc::channel();
        thread::spawn(move || {
            let sent = requests
                .into_inner()
                .try_for_each(|thing| replies.send(Thing { name: format!("{} {}", self.name, thing?.name) }));
            done.send(sent)
        });
        finished.recv().map_err(|_| Status::internal("the thread panicked"))?
    }
}

#[test]
fn handlers_own_what_they_serve() {
    watched(|| {
        let service = OptionalServer::new(Busy { name: "busy".into() });
        let (_server, channel) = serve(config::server().add_service(service));
        let client = OptionalClient::new(channel);

        assert_eq!(client.get(Thing { name: "x".into() }).unwrap().into_inner().name, "busy x");
        let mut call = client.join(()).unwrap();
        call.send(Thing { name: "y".into() }).unwrap();
        assert_eq!(call.message().unwrap(), Some(Thing { name: "busy y".into() }));
        assert_eq!(client.watch(Thing::default()).unwrap().message().unwrap_err().code(), Code::Unimplemented);
    });
}
