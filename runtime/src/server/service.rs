//! `Service` and `Methods`: how generated servers hand their methods to the runtime.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;

use super::dispatch;
use super::options::{Rules, ServiceOptions};
use crate::codec::{BytesCodec, Codec, ProstCodec};
use crate::compression::Coding;
use crate::connection::{Method, Pace};
use crate::metadata::Metadata;
use crate::request::Request;
use crate::response::Response;
use crate::status::Status;
use crate::stream::sender::Sender;
use crate::stream::streaming::Streaming;
use crate::stream::{MessageLimits, Stream};

/// A set of methods under one name. Implemented by generated code.
pub trait Service {
    /// The service's full name: `package.Service`.
    const NAME: &'static str;

    /// Adds every method.
    fn register(self, methods: &mut Methods);
}

type Run = Box<dyn Fn(&Arc<Stream>, Metadata) + Send + Sync>;

/// One method as it was added.
struct Entry {
    unary: bool,
    takes_one_request: bool,
    subtype: Option<&'static str>,
    options: ServiceOptions,
    run: Run,
}

/// The methods of a server, by path. Filled by [`Service::register`].
#[derive(Default)]
pub struct Methods {
    service: &'static str,
    options: ServiceOptions,
    by_path: HashMap<Arc<str>, Entry>,
    unknown: Option<Entry>,
}

impl Methods {
    pub(super) fn add(&mut self, service: impl Service) {
        fn name_of<S: Service>(_: &S) -> &'static str {
            S::NAME
        }
        self.service = name_of(&service);
        self.options = ServiceOptions::default();
        service.register(self);
        self.tell_unknown_names();
    }

    /// A setting for a method that is not there is most likely a misspelt one. It decides about speed alone, so that the server
    /// starts all the same.
    fn tell_unknown_names(&self) {
        let Self { service, options, by_path, .. } = self;
        for name in options.named_methods().filter(|name| !by_path.contains_key(&*format!("/{service}/{name}"))) {
            tracing::warn!(service, method = name, "a setting is for a method that the service does not have");
        }
    }

    /// Calls of methods that nobody has added.
    pub(super) fn set_unknown(
        &mut self,
        handler: impl Fn(Request<Streaming<Bytes>>, Sender<Bytes>) -> Result<(), Status> + Send + Sync + 'static,
    ) {
        self.unknown = Some(Entry {
            unary: false,
            takes_one_request: false,
            subtype: None,
            options: ServiceOptions::default(),
            run: Box::new(move |stream, metadata| {
                dispatch::streaming::<BytesCodec, _, _>(stream, metadata, &handler);
            }),
        });
    }

    /// Holds for the methods of this service that are added from here on.
    pub fn options(&mut self, options: ServiceOptions) {
        self.tell_unknown_names();
        self.options = options;
    }

    /// Adds methods whose messages are in another format than Protocol Buffers.
    pub fn with_codec<C>(&mut self) -> CodecMethods<'_, C> {
        CodecMethods { methods: self, codec: PhantomData }
    }

    /// Adds a method with one request and one response.
    pub fn unary<In, Out, F>(&mut self, name: &str, handler: F)
    where
        ProstCodec: Codec<In> + Codec<Out>,
        F: Fn(Request<In>) -> Result<Response<Out>, Status> + Send + Sync + 'static,
    {
        self.with_codec::<ProstCodec>().unary(name, handler);
    }

    /// Adds a method with one request and any number of responses.
    pub fn server_streaming<In, Out, F>(&mut self, name: &str, handler: F)
    where
        ProstCodec: Codec<In> + Codec<Out>,
        F: Fn(Request<In>, Sender<Out>) -> Result<(), Status> + Send + Sync + 'static,
    {
        self.with_codec::<ProstCodec>().server_streaming(name, handler);
    }

    /// Adds a method with any number of requests and one response.
    pub fn client_streaming<In, Out, F>(&mut self, name: &str, handler: F)
    where
        ProstCodec: Codec<In> + Codec<Out>,
        F: Fn(Request<Streaming<In>>) -> Result<Response<Out>, Status> + Send + Sync + 'static,
    {
        self.with_codec::<ProstCodec>().client_streaming(name, handler);
    }

    /// Adds a method with any number of requests and of responses.
    pub fn streaming<In, Out, F>(&mut self, name: &str, handler: F)
    where
        ProstCodec: Codec<In> + Codec<Out>,
        F: Fn(Request<Streaming<In>>, Sender<Out>) -> Result<(), Status> + Send + Sync + 'static,
    {
        self.with_codec::<ProstCodec>().streaming(name, handler);
    }

    /// The methods as a running server has them; `server` are the options of those services that have none.
    pub(super) fn into_table(self, server: &ServiceOptions) -> Table {
        let mut by_number: Vec<Arc<dyn Method>> = Vec::new();
        let mut serve = |path: Option<Arc<str>>, entry: Entry| -> Arc<dyn Method> {
            let options = entry.options.or(server);
            let rules = options.rules(entry.subtype.unwrap_or("proto"));
            let Entry { unary, takes_one_request, subtype, run, .. } = entry;
            let (number, pace) = (by_number.len(), (unary && options.is_inline()).then(Pace::default));
            let method: Arc<dyn Method> =
                Arc::new(Served { path, unary, number, pace, takes_one_request, subtype, rules, run });
            by_number.push(Arc::clone(&method));
            method
        };
        let by_path = self.by_path.into_iter().map(|(path, entry)| (Arc::clone(&path), serve(Some(path), entry)));
        let by_path = by_path.collect();
        let unknown = self.unknown.map(|entry| serve(None, entry));
        Table { by_path, unknown, by_number, refusals: server.rules("proto").coding }
    }
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut paths: Vec<&Arc<str>> = self.by_path.keys().collect();
        paths.sort_unstable();
        f.debug_list().entries(paths).finish()
    }
}

/// Adds methods whose messages are in the format of the codec `C`; see [`Methods::with_codec`].
pub struct CodecMethods<'a, C> {
    methods: &'a mut Methods,
    codec: PhantomData<fn() -> C>,
}

impl<C> CodecMethods<'_, C> {
    fn insert(&mut self, name: &str, unary: bool, takes_one_request: bool, subtype: &'static str, run: Run) {
        let Methods { service, options, by_path, .. } = &mut *self.methods;
        let path: Arc<str> = format!("/{service}/{name}").into();
        let options = options.of_method(name);
        let entry = Entry { unary, takes_one_request, subtype: Some(subtype), options, run };
        if by_path.insert(path, entry).is_some() {
            tracing::warn!(service, method = name, "a service was added twice; the newer one answers");
        }
    }

    /// As [`Methods::unary`].
    pub fn unary<In, Out, F>(&mut self, name: &str, handler: F)
    where
        C: Codec<In> + Codec<Out>,
        F: Fn(Request<In>) -> Result<Response<Out>, Status> + Send + Sync + 'static,
    {
        let run: Run = Box::new(move |stream, metadata| dispatch::unary::<C, _, _>(stream, metadata, &handler));
        self.insert(name, true, true, <C as Codec<In>>::SUBTYPE, run);
    }

    /// As [`Methods::server_streaming`].
    pub fn server_streaming<In, Out, F>(&mut self, name: &str, handler: F)
    where
        C: Codec<In> + Codec<Out>,
        F: Fn(Request<In>, Sender<Out>) -> Result<(), Status> + Send + Sync + 'static,
    {
        let run: Run =
            Box::new(move |stream, metadata| dispatch::server_streaming::<C, _, _>(stream, metadata, &handler));
        self.insert(name, false, true, <C as Codec<In>>::SUBTYPE, run);
    }

    /// As [`Methods::client_streaming`].
    pub fn client_streaming<In, Out, F>(&mut self, name: &str, handler: F)
    where
        C: Codec<In> + Codec<Out>,
        F: Fn(Request<Streaming<In>>) -> Result<Response<Out>, Status> + Send + Sync + 'static,
    {
        let run: Run =
            Box::new(move |stream, metadata| dispatch::client_streaming::<C, _, _>(stream, metadata, &handler));
        self.insert(name, false, false, <C as Codec<In>>::SUBTYPE, run);
    }

    /// As [`Methods::streaming`].
    pub fn streaming<In, Out, F>(&mut self, name: &str, handler: F)
    where
        C: Codec<In> + Codec<Out>,
        F: Fn(Request<Streaming<In>>, Sender<Out>) -> Result<(), Status> + Send + Sync + 'static,
    {
        let run: Run = Box::new(move |stream, metadata| dispatch::streaming::<C, _, _>(stream, metadata, &handler));
        self.insert(name, false, false, <C as Codec<In>>::SUBTYPE, run);
    }
}

impl<C> fmt::Debug for CodecMethods<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.methods.fmt(f)
    }
}

/// One method of a running server, with the handler behind it.
struct Served {
    path: Option<Arc<str>>,
    unary: bool,
    number: usize,
    pace: Option<Pace>,
    takes_one_request: bool,
    subtype: Option<&'static str>,
    rules: Rules,
    run: Run,
}

impl Method for Served {
    fn path(&self) -> Option<&Arc<str>> {
        self.path.as_ref()
    }

    fn subtype(&self) -> Option<&'static str> {
        self.subtype
    }

    fn limits(&self) -> MessageLimits {
        self.rules.limits
    }

    fn coding(&self, accepted: &[HeaderValue]) -> Coding {
        self.rules.coding_for(accepted)
    }

    fn takes_one_request(&self) -> bool {
        self.takes_one_request
    }

    fn is_unary(&self) -> bool {
        self.unary
    }

    fn number(&self) -> usize {
        self.number
    }

    fn pace(&self) -> Option<&Pace> {
        self.pace.as_ref()
    }

    fn run(&self, stream: &Arc<Stream>, metadata: Metadata) {
        (self.run)(stream, metadata);
    }
}

/// The methods of a running server.
pub(super) struct Table {
    by_path: HashMap<Arc<str>, Arc<dyn Method>>,
    unknown: Option<Arc<dyn Method>>,
    by_number: Vec<Arc<dyn Method>>,
    /// How refusals are coded that no method makes.
    pub(super) refusals: Coding,
}

impl Table {
    pub(super) fn find(&self, path: &str) -> Option<Arc<dyn Method>> {
        self.by_path.get(path).or(self.unknown.as_ref()).cloned()
    }

    /// Whether there are handlers that may run on a thread that reads.
    pub(super) fn has_inline(&self) -> bool {
        self.by_number.iter().any(|method| method.pace().is_some())
    }

    /// How long the handlers of the method with this number take.
    pub(super) fn pace(&self, number: usize) -> Option<&Pace> {
        self.by_number.get(number)?.pace()
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut paths: Vec<&Arc<str>> = self.by_path.keys().collect();
        paths.sort_unstable();
        f.debug_list().entries(paths).finish()
    }
}
