"""The chat server, spoken to by other people's clients."""

from pathlib import Path

from programs import PATIENCE, buf_curl, channel, grpcurl, serving
from proto import Proto
from registry import case

FILE = "chat/v1/chat.proto"


@case
def a_grpcio_client_is_remembered(bins: Path) -> None:
    proto = Proto(FILE)
    with serving(bins / "chat-server", "--word-delay", "0") as server, channel(server) as opened:
        stub = proto.stub(opened, "ChatService")
        session = stub.CreateSession(proto.CreateSessionRequest(), timeout=PATIENCE).session.session_id
        turns = ["My name is Ada.", "What is my name?"]
        requests = (proto.ChatRequest(session_id=session, message=text) for text in turns)
        answers = [""]
        for response in stub.Chat(requests, timeout=PATIENCE):
            answers[-1] += response.chunk_text
            if response.type == proto.ChatResponse.RESPONSE_COMPLETE:
                answers.append("")
        assert "Ada" in answers[1], answers


@case
def grpcurl_makes_a_session(bins: Path) -> None:
    with serving(bins / "chat-server") as server:
        made = grpcurl(server.port, FILE, "chat.v1.ChatService/CreateSession", "{}")
        assert made.returncode == 0 and '"model": "embedded"' in made.stdout, made


@case
def buf_curl_makes_a_session(bins: Path) -> None:
    with serving(bins / "chat-server") as server:
        made = buf_curl(server.port, "chat.v1.ChatService/CreateSession", "{}")
        assert made.returncode == 0 and '"model":"embedded"' in made.stdout.replace(" ", ""), made
