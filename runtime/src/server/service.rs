//! `Service` and `Methods`: how generated servers hand their methods to the runtime.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use prost::Message;

use super::dispatch;
use crate::connection::Method;
use crate::metadata::Metadata;
use crate::request::Request;
use crate::response::Response;
use crate::status::Status;
use crate::stream::Stream;
use crate::stream::sender::Sender;
use crate::stream::streaming::Streaming;

/// A set of methods under one name. Implemented by generated code.
pub trait Service {
    /// The service's full name: `package.Service`.
    const NAME: &'static str;

    /// Adds every method.
    fn register(self, methods: &mut Methods);
}

type Run = Box<dyn Fn(&Arc<Stream>, Metadata) + Send + Sync>;

/// One method, with the handler behind it.
struct Entry {
    path: Arc<str>,
    takes_one_request: bool,
    run: Run,
}

impl Method for Entry {
    fn path(&self) -> &Arc<str> {
        &self.path
    }

    fn takes_one_request(&self) -> bool {
        self.takes_one_request
    }

    fn run(&self, stream: &Arc<Stream>, metadata: Metadata) {
        (self.run)(stream, metadata);
    }
}

/// The methods of a server, by path. Filled by [`Service::register`].
#[derive(Default)]
pub struct Methods {
    service: &'static str,
    by_path: HashMap<Arc<str>, Arc<dyn Method>>,
}

impl Methods {
    pub(super) fn add(&mut self, service: impl Service) {
        fn name_of<S: Service>(_: &S) -> &'static str {
            S::NAME
        }
        self.service = name_of(&service);
        service.register(self);
    }

    pub(super) fn find(&self, path: &str) -> Option<Arc<dyn Method>> {
        self.by_path.get(path).cloned()
    }

    fn insert(&mut self, name: &str, takes_one_request: bool, run: Run) {
        let path: Arc<str> = format!("/{}/{name}", self.service).into();
        let entry = Entry { path: Arc::clone(&path), takes_one_request, run };
        if self.by_path.insert(path, Arc::new(entry)).is_some() {
            tracing::warn!(service = self.service, method = name, "a service was added twice; the newer one answers");
        }
    }

    /// Adds a method with one request and one response.
    pub fn unary<In, Out, F>(&mut self, name: &str, handler: F)
    where
        In: Message + Default + 'static,
        Out: Message + 'static,
        F: Fn(Request<In>) -> Result<Response<Out>, Status> + Send + Sync + 'static,
    {
        self.insert(name, true, Box::new(move |stream, metadata| dispatch::unary(stream, metadata, &handler)));
    }

    /// Adds a method with one request and any number of responses.
    pub fn server_streaming<In, Out, F>(&mut self, name: &str, handler: F)
    where
        In: Message + Default + 'static,
        Out: Message + 'static,
        F: Fn(Request<In>, Sender<Out>) -> Result<(), Status> + Send + Sync + 'static,
    {
        self.insert(
            name,
            true,
            Box::new(move |stream, metadata| dispatch::server_streaming(stream, metadata, &handler)),
        );
    }

    /// Adds a method with any number of requests and one response.
    pub fn client_streaming<In, Out, F>(&mut self, name: &str, handler: F)
    where
        In: Message + Default + 'static,
        Out: Message + 'static,
        F: Fn(Request<Streaming<In>>) -> Result<Response<Out>, Status> + Send + Sync + 'static,
    {
        self.insert(
            name,
            false,
            Box::new(move |stream, metadata| dispatch::client_streaming(stream, metadata, &handler)),
        );
    }

    /// Adds a method with any number of requests and of responses.
    pub fn streaming<In, Out, F>(&mut self, name: &str, handler: F)
    where
        In: Message + Default + 'static,
        Out: Message + 'static,
        F: Fn(Request<Streaming<In>>, Sender<Out>) -> Result<(), Status> + Send + Sync + 'static,
    {
        self.insert(name, false, Box::new(move |stream, metadata| dispatch::streaming(stream, metadata, &handler)));
    }
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut paths: Vec<&Arc<str>> = self.by_path.keys().collect();
        paths.sort_unstable();
        f.debug_list().entries(paths).finish()
    }
}
