"""The model server, spoken to through the .proto file that it prints, and its client, answered by grpcio."""

import contextlib
import signal
import tempfile
import threading
from concurrent import futures
from pathlib import Path

import grpc
from programs import PATIENCE, channel, grpcio_server, run, serving
from proto import Proto
from registry import case

SERVICE = "InferenceService"


def printed(bins, *arguments):
    """What `inference-server --print-proto` describes."""
    ended = run(bins / "inference-server", "--print-proto", *arguments)
    assert (ended.returncode, ended.stderr) == (0, ""), ended
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "printed.proto").write_text(ended.stdout)
        return Proto("printed.proto", Path(folder))


@contextlib.contextmanager
def inference(bins, *arguments):
    """A server, the messages of its own .proto file, and a stub for it."""
    proto = printed(bins)
    with serving(bins / "inference-server", *arguments) as server, channel(server) as opened:
        yield server, proto, proto.stub(opened, SERVICE)


def refusal(call, *arguments, **options):
    """The code and the text with which a call fails."""
    try:
        raise AssertionError(call(*arguments, **options))
    except grpc.RpcError as error:
        return error.code(), error.details()


@case
def an_answer_arrives_token_by_token_until_it_is_cancelled(bins: Path) -> None:
    with inference(bins, "--token-delay", "1h") as (server, proto, stub):
        answer = stub.PredictGenerate(proto.GenerateRequest(prompt="The client"))
        assert next(answer).token
        answer.cancel()
        server.output.wait_for("generate: cancelled (reset by the peer) after 1 token")


@case
def an_answer_ends_by_itself(bins: Path) -> None:
    with inference(bins, "--token-delay", "0") as (_, proto, stub):
        request = proto.GenerateRequest(prompt="The client", max_tokens=5)
        tokens = [response.token for response in stub.PredictGenerate(request, timeout=PATIENCE)]
    assert tokens == ["leaves", ".", " every", " word", " leaves"], tokens


@case
def an_answer_without_end_is_ended_by_a_deadline(bins: Path) -> None:
    with inference(bins, "--token-delay", "0") as (server, proto, stub):
        numbers = []
        try:
            for response in stub.PredictCount(proto.CountRequest(digits=3), timeout=0.5):
                numbers.append(response.number)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
        assert numbers[:3] == ["000", "001", "002"], numbers[:3]
        server.output.wait_for("count: cancelled (")


@case
def sixty_four_threads_share_batches_and_get_their_own_results(bins: Path) -> None:
    texts = [f"thread{n} asks for words of its own" for n in range(64)]

    def vectors(stub, proto, threads):
        with futures.ThreadPoolExecutor(threads) as pool:
            embed = lambda text: tuple(stub.PredictEmbed(proto.EmbedRequest(text=text), timeout=PATIENCE).vector)
            return list(pool.map(embed, texts))

    with inference(bins, "--batch-time", "0", "--max-batch", "1") as (_, proto, stub):
        alone = vectors(stub, proto, 1)
    with inference(bins, "--batch-time", "0", "--max-batch", "16", "--max-wait", "1h") as (server, proto, stub):
        together = vectors(stub, proto, 64)
        server.process.send_signal(signal.SIGTERM)
        assert server.output.wait_for("embed: 64 requests") == "embed: 64 requests, 4 batches"
    assert together == alone and len(set(alone)) > 1, (together, alone)


@case
def a_prediction_waits_for_its_batch_no_longer_than_its_deadline(bins: Path) -> None:
    with inference(bins, "--max-wait", "1h") as (server, proto, stub):
        code, _ = refusal(stub.PredictClassify, proto.ClassifyRequest(text="good"), timeout=0.3)
        assert code == grpc.StatusCode.DEADLINE_EXCEEDED, code
        server.process.send_signal(signal.SIGTERM)
        server.output.wait_for("classify: 0 requests")
        assert server.process.wait(PATIENCE) == 0


@case
def what_is_wrong_with_one_request_is_told_to_it_alone(bins: Path) -> None:
    with inference(bins, "--max-batch", "2", "--max-wait", "1h") as (_, proto, stub):
        good = stub.PredictClassify.future(proto.ClassifyRequest(text="good"), timeout=PATIENCE)
        told = refusal(stub.PredictClassify, proto.ClassifyRequest(text="..."), timeout=PATIENCE)
        assert told == (grpc.StatusCode.INVALID_ARGUMENT, "there is not a word in the text"), told
        assert good.result().mood == proto.ClassifyResponse.FRIENDLY


@case
def a_model_that_is_not_registered_is_neither_printed_nor_served(bins: Path) -> None:
    assert not hasattr(printed(bins, "--models", "embed"), "GenerateRequest")
    with inference(bins, "--models", "embed") as (_, proto, stub):
        code, _ = refusal(lambda: list(stub.PredictGenerate(proto.GenerateRequest(), timeout=PATIENCE)))
        assert code == grpc.StatusCode.UNIMPLEMENTED, code


@case
def the_client_ends_an_answer_of_grpcio(bins: Path) -> None:
    proto, ended = printed(bins), threading.Event()

    class Servicer:
        def PredictCount(self, request, context):
            context.add_callback(ended.set)
            number = request.start
            while context.is_active():
                yield proto.CountResponse(number=str(number))
                number += 1

    with grpcio_server(proto.handler(SERVICE, Servicer())) as port:
        counted = run(bins / "inference-client", "--port", port, "count", "--start", "7", "--max-tokens", "3")
        assert (counted.returncode, counted.stdout, counted.stderr) == (0, "7\n8\n9\n", ""), counted
        assert ended.wait(PATIENCE)
