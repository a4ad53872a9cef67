//! A handler that panics, wherever it does: INTERNAL for its own call, and nothing for anybody else.

use std::panic;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use prost::Message;
use stolid::{Response, Sender};
use stolid_tests::echo::Note;
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{Handlers, count, note, relay};
use stolid_tests::pair::{Pair, client_of, serve};
use stolid_tests::process::eventually;
use stolid_tests::scene::{Method, ServerScene};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, Wire, envelope};

/// What a panic says, and nobody outside may read.
const SECRET: &str = "the key is 4711";

/// The request that makes a handler panic; its answer's code is 13.
fn unlucky() -> Vec<u8> {
    envelope(&note(13).encode_to_vec())
}

fn is_unlucky(note: &Note) -> bool {
    note.number == 13
}

/// Handlers that echo and that run `panics` for an unlucky request.
fn panicking(panics: impl Fn() + Send + Sync + 'static) -> Handlers {
    let panics = Arc::new(panics);
    let [says, repeats, gathers, relays] = [(); 4].map(|()| Arc::clone(&panics));
    Handlers::new()
        .say(move |request| {
            if is_unlucky(request.get_ref()) {
                says();
            }
            Ok(Response::new(request.into_inner()))
        })
        .repeat(move |request, replies| {
            replies.send(note(1))?;
            if is_unlucky(request.get_ref()) {
                repeats();
            }
            Ok(())
        })
        .gather(move |requests| {
            let mut requests = requests.into_inner();
            if requests.message()?.is_some_and(|first| is_unlucky(&first)) {
                gathers();
            }
            count(requests)
        })
        .relay(move |requests, replies| {
            let mut requests = requests.into_inner();
            while let Some(note) = requests.message()? {
                if is_unlucky(&note) {
                    relays();
                }
                replies.send(note)?;
            }
            Ok(())
        })
}

/// Every kind of call meets the panic; how many messages come before the status depends on the kind.
#[track_caller]
fn assert_internal(panics: impl Fn() + Send + Sync + 'static) {
    let mut scene = ServerScene::start(panicking(panics));
    for _ in 0..3 {
        for method in Method::ALL {
            for half_closes in [true, false] {
                let stream = scene.wire.open_call(method.path(), &[]);
                scene.wire.send_data(stream, &unlucky(), half_closes || Method::ONE_REQUEST.contains(&method));
                let reply = scene.wire.recv_reply(stream);
                assert_eq!((reply.code(), reply.message()), (13, "the handler panicked"), "{method:?}");
                assert_eq!(reply.messages.len(), usize::from(method == Method::Repeat), "{method:?}");
                let told = format!("{reply:?}");
                assert!(!told.contains("4711"), "what a panic says may be a secret: {told}");
                scene.assert_connection_serves();
            }
        }
    }
    scene.end();
}

/// Panics when it is dropped.
struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("{SECRET}");
        }
    }
}

/// One test for each line: what the handler does.
macro_rules! panics_of_a_handler {
    ($($name:ident: $panics:expr;)*) => {
        $(
            #[test]
            fn $name() {
                watched(|| assert_internal($panics));
            }
        )*
    };
}

panics_of_a_handler! {
    a_panic_with_a_text: || panic!("the key is 4711");
    a_panic_with_a_text_made_for_it: || panic!("the key is {}", 4711);
    a_panic_with_no_text: || panic::panic_any(4711);
    a_panic_with_a_value_that_panics_when_it_is_dropped: || panic::panic_any(PanicsOnDrop);
    a_panic_by_an_index: || {
        let empty: Vec<u8> = Vec::new();
        assert_eq!(empty[std::hint::black_box(4711)], 0);
    };
    a_panic_in_the_drop_of_a_value: || drop(PanicsOnDrop);
    a_panic_in_the_drop_of_what_the_handler_holds_at_its_end: || {
        let _held = PanicsOnDrop;
    };
    a_panic_taken_over_from_another_thread: || {
        let thread = thread::spawn(|| panic!("the key is 4711"));
        panic::resume_unwind(thread.join().expect_err("the thread panics"));
    };
}

#[test]
fn a_panic_in_an_iterator_given_to_send_all_comes_behind_what_it_gave() {
    watched(|| {
        let handlers = Handlers::new()
            .repeat(|request, replies| {
                let last = request.into_inner().number;
                replies.send_all((0..).map(|number| if number < last { note(number) } else { panic!("{SECRET}") }))
            })
            .relay(|requests, replies| {
                let requests = requests.into_inner().map_while(Result::ok);
                replies.send_all(requests.inspect(|request| assert!(!is_unlucky(request), "{SECRET}")))
            });
        let mut scene = ServerScene::start(handlers);
        for _ in 0..5 {
            let repeat = scene.wire.open_call(Method::Repeat.path(), &[]);
            scene.wire.send_data(repeat, &envelope(&note(3).encode_to_vec()), true);
            let relay = scene.wire.open_call(Method::Relay.path(), &[]);
            for number in [1, 2, 3, 13] {
                scene.wire.send_data(relay, &envelope(&note(number).encode_to_vec()), false);
            }
            for stream in [repeat, relay] {
                let reply = scene.wire.recv_reply(stream);
                assert_eq!((reply.code(), reply.messages.len()), (13, 3));
                assert_eq!(reply.message(), "the handler panicked");
            }
            assert_eq!(scene.wire.recv_reset(relay), Reason::NO_ERROR);
            scene.assert_connection_serves();
        }
        scene.end();
    });
}

#[test]
fn a_panic_ends_the_call_for_other_threads_that_send() {
    watched(|| {
        let (give, given) = mpsc::channel::<Sender<Note>>();
        let give = Mutex::new(give);
        let gate = Gate::new();
        let panics = gate.clone();
        let handlers = Handlers::new().repeat(move |_request, replies| {
            give.lock().expect("the lock is given back first").send(replies).expect("the test listens");
            panics.wait();
            panic!("{SECRET}");
        });
        let pair = Pair::start(handlers);
        let replies = pair.client.repeat(note(1)).expect("the call opens");
        let sender = given.recv().expect("the handler runs");
        let sending = thread::spawn(move || {
            loop {
                if let Err(status) = sender.send(note(2)) {
                    return status;
                }
            }
        });
        gate.open();
        let status = sending.join().expect("the sender does not panic");
        assert_eq!((i32::from(status.code()), status.message()), (13, "the handler panicked"));
        let ended = replies.last().expect("the call has an end").expect_err("the handler panicked");
        assert_eq!((i32::from(ended.code()), ended.message()), (13, "the handler panicked"));
    });
}

#[test]
fn panics_in_callbacks_take_no_other_callback_with_them_and_no_call() {
    watched(|| {
        let (tell, told) = mpsc::channel();
        let tell = Mutex::new(tell);
        let handlers = Handlers::new().relay(move |requests, replies| {
            let context = requests.context();
            if requests.metadata().get("x-callbacks").is_none() {
                return relay(requests.into_inner(), &replies);
            }
            for number in 0..6 {
                let tell = tell.lock().expect("no handler panics").clone();
                let captured = (number % 3 == 1).then(|| PanicsOnDrop);
                let callback = move |cause| {
                    let _captured = captured;
                    tell.send((number, cause)).expect("the test listens");
                    assert_ne!(number % 3, 2, "{SECRET}");
                };
                context.on_cancel(callback).forget();
            }
            context.wait_cancelled(None);
            context.check()
        });
        let mut scene = ServerScene::start(handlers);
        for _ in 0..3 {
            let stream = scene.wire.open_call(Method::Relay.path(), &[("x-callbacks", "1")]);
            eventually("the handler waits", || scene.server.stats().running == 2);
            scene.wire.sync();
            scene.wire.send_reset(stream, Reason::CANCEL);
            let mut ran = Vec::from_iter((0..6).map(|_| told.recv().expect("every callback runs").0));
            ran.sort_unstable();
            assert_eq!(ran, [0, 1, 2, 3, 4, 5]);
            scene.assert_connection_serves();
        }
        scene.end();
    });
}

#[test]
fn callbacks_that_never_run_may_panic_when_they_are_dropped() {
    watched(|| {
        let handlers = Handlers::new().say(|request| {
            let captured = is_unlucky(request.get_ref()).then(|| PanicsOnDrop);
            let callback = move |_| drop(captured);
            request.context().on_cancel(callback).forget();
            Ok(Response::new(request.into_inner()))
        });
        let mut scene = ServerScene::start(handlers);
        for _ in 0..5 {
            let stream = scene.wire.open_call(Method::Say.path(), &[]);
            scene.wire.send_data(stream, &unlucky(), true);
            assert_eq!(scene.wire.recv_reply(stream).code(), 0, "the call ends well, and the callback is let go");
            scene.assert_connection_serves();
        }
        scene.end();
    });
}

#[test]
fn a_panic_cancels_the_calls_that_the_handler_had_begun() {
    watched(|| {
        let (tell, told) = mpsc::channel();
        let tell = Mutex::new(tell);
        let behind = serve(Handlers::new().relay(move |requests, replies| {
            replies.send(note(1))?;
            let ended = requests.into_inner().message();
            let tell = tell.lock().expect("no handler panics");
            tell.send(ended.map(drop).map_err(|status| i32::from(status.code()))).expect("the test listens");
            Ok(())
        }));
        let addr = behind.local_addr();
        let front = serve(Handlers::new().say(move |_request| {
            let (_sender, mut replies) = client_of(addr).relay(()).expect("the call opens").split();
            assert_eq!(replies.message().expect("the call runs"), Some(note(1)));
            panic!("{SECRET}");
        }));
        let mut wire = Wire::client(front.local_addr());
        let stream = wire.open_call(Method::Say.path(), &[]);
        wire.send_data(stream, &unlucky(), true);
        assert_eq!(wire.recv_reply(stream).code(), 13);
        assert_eq!(told.recv().expect("the other handler ends"), Err(1), "CANCELLED, and no clean end");
    });
}
