//! `App`: where models are registered.

use std::fmt;
use std::sync::Arc;

use prost::{Message, Name};
use prost_types::FileDescriptorSet;
use stolid::server::{Methods, Service};
use stolid::{Request, Response, Sender, Status};

use super::batching::{Batcher, Limits};
use super::counters::Counters;
use super::generation::Generation;
use super::journal::Journal;
use super::method::Method;
use super::proto::DESCRIPTORS;
use super::proto_file;

/// What a model makes of a batch: a result for each request, in their order, or a failure of them all.
pub type Predictions<Out> = Result<Vec<Result<Out, Status>>, Status>;

/// Models, each behind a method of its own: the model `next_word` is answered by `PredictNextWord`.
///
/// # Examples
/// ```
/// use stolid::{Server, Status};
/// use stolid_examples::inference::app::{App, Predictions};
/// use stolid_examples::inference::proto::{ClassifyRequest, ClassifyResponse, GenerateRequest, GenerateResponse};
///
/// fn echo(request: GenerateRequest) -> Result<impl Iterator<Item = Result<GenerateResponse, Status>>, Status> {
///     let words: Vec<String> = request.prompt.split(' ').map(str::to_owned).collect();
///     Ok(words.into_iter().map(|token| Ok(GenerateResponse { token })))
/// }
///
/// fn shrug(batch: Vec<ClassifyRequest>) -> Predictions<ClassifyResponse> {
///     Ok(batch.iter().map(|_| Ok(ClassifyResponse::default())).collect())
/// }
///
/// let mut app = App::default();
/// app.streaming_model("echo", echo);
/// app.model("shrug", shrug);
/// assert!(app.proto().contains("rpc PredictEcho(GenerateRequest) returns (stream GenerateResponse);"));
/// let server = Server::builder().add_service(app).start("127.0.0.1:0")?;
/// # Ok::<(), stolid::Error>(())
/// ```
#[derive(Default)]
pub struct App {
    batching: Limits,
    journal: Journal,
    models: Vec<Registered>,
}

struct Registered {
    method: Method,
    counters: Arc<Counters>,
    serve: Box<dyn FnOnce(&mut Methods)>,
}

impl App {
    /// An app without models. Requests are grouped within these limits; what happens is told to the journal.
    pub fn new(batching: Limits, journal: Journal) -> Self {
        Self { batching, journal, models: Vec::new() }
    }

    /// Registers a model that predicts for a batch of requests, which come from any number of calls.
    ///
    /// It is called from one thread. When it panics, fails, or returns another number of results than it got requests,
    /// the requests of that batch fail and the next batch is as good as any.
    ///
    /// # Panics
    /// When the name makes no method, or another model has it.
    pub fn model<In, Out>(
        &mut self,
        name: &str,
        predict: impl Fn(Vec<In>) -> Predictions<Out> + Send + 'static,
    ) -> &mut Self
    where
        In: Message + Name + Default + 'static,
        Out: Message + Name + Default + 'static,
    {
        let (limits, journal) = (self.batching, self.journal.clone());
        self.register(Method::unary::<In, Out>(name), |method, counters| {
            let name = method.name.clone();
            move |methods| {
                let batcher = Batcher::start(&method.model, limits, counters, journal, predict);
                methods.unary(&name, move |request: Request<In>| {
                    let context = request.context();
                    batcher.predict(request.into_inner(), &context).map(Response::new)
                });
            }
        })
    }

    /// Registers a model that answers one request with an iterator of tokens. Each is sent when it is there, and the next
    /// is asked for when there is room for it, so that an answer without end costs no more than a short one. When the
    /// client goes away, the iterator is dropped.
    ///
    /// A model that waits should do so on the call's context (`Context::current()` has it), which wakes it when nobody
    /// wants the answer any more.
    ///
    /// # Panics
    /// When the name makes no method, or another model has it.
    pub fn streaming_model<In, Out, I>(
        &mut self,
        name: &str,
        generate: impl Fn(In) -> Result<I, Status> + Send + Sync + 'static,
    ) -> &mut Self
    where
        In: Message + Name + Default + 'static,
        Out: Message + Name + Default + 'static,
        I: IntoIterator<Item = Result<Out, Status>>,
    {
        let journal = self.journal.clone();
        self.register(Method::streaming::<In, Out>(name), |method, counters| {
            move |methods| {
                methods.server_streaming(&method.name, move |request: Request<In>, replies: Sender<Out>| {
                    let generation = Generation::begin(&method.model, &request.context(), &counters, &journal);
                    generation.run(|| generate(request.into_inner()), &replies)
                });
            }
        })
    }

    /// The .proto file that fits what is registered.
    ///
    /// # Panics
    /// When a message of a model is not from `inference/v1/inference.proto`.
    pub fn proto(&self) -> String {
        let descriptors = FileDescriptorSet::decode(DESCRIPTORS).expect("the build script wrote descriptors");
        proto_file::print(&descriptors, Self::NAME, self.models.iter().map(|model| &model.method))
    }

    /// The counters of each model, under its name.
    pub fn counters(&self) -> Vec<(String, Arc<Counters>)> {
        self.models.iter().map(|model| (model.method.model.clone(), Arc::clone(&model.counters))).collect()
    }

    fn register<S>(&mut self, method: Method, serve: impl FnOnce(Method, Arc<Counters>) -> S) -> &mut Self
    where
        S: FnOnce(&mut Methods) + 'static,
    {
        let taken = self.models.iter().find(|other| other.method.name == method.name);
        assert!(taken.is_none(), "two models are answered by {}", method.name);
        let counters = Arc::<Counters>::default();
        let serve = Box::new(serve(method.clone(), Arc::clone(&counters)));
        self.models.push(Registered { method, counters, serve });
        self
    }
}

impl Service for App {
    const NAME: &'static str = "inference.v1.InferenceService";

    fn register(self, methods: &mut Methods) {
        for model in self.models {
            (model.serve)(methods);
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.models.iter().map(|model| &model.method)).finish()
    }
}
