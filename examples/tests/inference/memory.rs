//! Answers without end do not pile up anywhere.

use stolid_examples::inference::proto::{ClassifyRequest, CountRequest};
use stolid_tests::watchdog::watched;

use super::programs::InferenceServer;

/// The size of a token.
const DIGITS: u32 = 16 * 1024;

const MEBIBYTE: u64 = 1024 * 1024;

#[test]
fn an_answer_of_sixty_four_mebibytes_costs_the_server_a_few() {
    watched(|| {
        let server = InferenceServer::start(&["--token-delay", "0"]);
        let idle = server.process().resident_bytes();
        let stub = server.stub();
        let numbers = stub.predict_count(CountRequest { start: 0, digits: DIGITS }).expect("the model is there");
        let mut expected = 0_u64;
        for number in numbers.take(4096) {
            let number = number.expect("the model counts on").number;
            assert_eq!((number.len(), number.parse()), (DIGITS as usize, Ok(expected)));
            expected += 1;
        }
        assert_eq!(expected, 4096);
        let most = server.process().peak_resident_bytes() - idle;
        assert!(most < 16 * MEBIBYTE, "{most} bytes above {idle}");
    });
}

#[test]
fn a_client_that_does_not_read_stops_the_model() {
    watched(|| {
        let server = InferenceServer::start(&["--token-delay", "0", "--batch-time", "0", "--max-wait", "0"]);
        let stub = server.stub();
        let unread = stub.predict_count(CountRequest { start: 0, digits: DIGITS }).expect("the model is there");
        // Enough time for gigabytes, on any machine: other calls go there and back meanwhile.
        for _ in 0..1000 {
            let request = ClassifyRequest { text: "good".to_owned() };
            stub.predict_classify(request).expect("other calls go on");
        }
        drop(unread);
        let counted = server.stop("count");
        let tokens = counted.trim_start_matches("1 request, ").trim_end_matches(" tokens").parse::<u64>();
        let made = tokens.expect("the number of tokens") * u64::from(DIGITS);
        assert!(made < 16 * MEBIBYTE, "{counted}");
    });
}
