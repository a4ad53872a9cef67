"""The items and their rooms, spoken to by other people's clients."""

import json
import queue
from pathlib import Path

from programs import PATIENCE, Program, buf_curl, channel, grpcurl, serving
from proto import Proto
from registry import case

FILE = "stream/v1/stream.proto"
SERVICE = "stream.v1.StreamService"


def messages(output):
    """The JSON values of a stream, however they are spaced."""
    decoder, rest, found = json.JSONDecoder(), output.lstrip(), []
    while rest:
        value, end = decoder.raw_decode(rest)
        found.append(value)
        rest = rest[end:].lstrip()
    return found


ITEMS = "".join(json.dumps({"id": str(n), "name": "a name", "data": "AAECAw=="}) for n in range(3))
CHAT = "".join(json.dumps({"room": "lobby", "sender": "curl", "content": text}) for text in ["one", "two", "/who"])


def assert_listed(listed):
    assert listed.returncode == 0, listed
    ids = [item["id"] for item in messages(listed.stdout)]
    assert ids == [f"item-{n:06}" for n in range(1, 251)], ids


def assert_uploaded(uploaded):
    assert uploaded.returncode == 0, uploaded
    assert messages(uploaded.stdout) == [{"itemCount": 3, "totalSize": "12"}], uploaded


def assert_chatted(chatted):
    assert chatted.returncode == 0, chatted
    said = [(message.get("sender", ""), message["content"]) for message in messages(chatted.stdout)]
    assert said == [("", "curl came"), ("curl", "one"), ("curl", "two"), ("", "1 here: curl")], said


@case
def grpcurl_lists_uploads_and_chats(bins: Path) -> None:
    with serving(bins / "items-server", "--items", "250") as server:
        assert_listed(grpcurl(server.port, FILE, f"{SERVICE}/ListItems", "{}"))
        assert_uploaded(grpcurl(server.port, FILE, f"{SERVICE}/UploadItems", ITEMS))
        assert_chatted(grpcurl(server.port, FILE, f"{SERVICE}/Chat", CHAT))
        server.output.wait_for("UploadItems: 3 items, 12 bytes")


@case
def buf_curl_lists_uploads_and_chats(bins: Path) -> None:
    with serving(bins / "items-server", "--items", "250") as server:
        assert_listed(buf_curl(server.port, f"{SERVICE}/ListItems", "{}"))
        assert_uploaded(buf_curl(server.port, f"{SERVICE}/UploadItems", ITEMS))
        assert_chatted(buf_curl(server.port, f"{SERVICE}/Chat", CHAT))


@case
def grpcurl_is_told_what_failed(bins: Path) -> None:
    with serving(bins / "items-server", "--store", "/dev/full") as server:
        uploaded = grpcurl(server.port, FILE, f"{SERVICE}/UploadItems", ITEMS)
        assert "Code: Internal" in uploaded.stderr and "failed to save items: " in uploaded.stderr, uploaded
        listed = grpcurl(server.port, FILE, f"{SERVICE}/ListItems", "{}")
        assert "Code: Internal" in listed.stderr and "failed to fetch items: " in listed.stderr, listed


@case
def a_grpcio_client_uploads_and_lists(bins: Path) -> None:
    proto = Proto(FILE)
    with serving(bins / "items-server", "--store", "/dev/null") as server, channel(server) as opened:
        stub = proto.stub(opened, "StreamService")
        items = (proto.Item(id=str(n), data=bytes(10_000)) for n in range(1000))
        uploaded = stub.UploadItems(items, timeout=PATIENCE)
        assert (uploaded.item_count, uploaded.total_size) == (1000, 10_000_000), uploaded
        assert list(stub.ListItems(proto.ListItemsRequest(), timeout=PATIENCE)) == []


def in_one_room(server, arguments, shown):
    """A grpcio client and a program of ours talk in the lobby; the program shows messages as `shown` does."""
    proto = Proto(FILE)
    with channel(server) as opened:
        said = queue.Queue()

        def say(content):
            said.put(proto.ChatMessage(room="lobby", sender="grpcio", content=content))

        say("")
        heard = proto.stub(opened, "StreamService").Chat(iter(said.get, None), timeout=PATIENCE)
        assert next(heard).content == "grpcio came"
        program = Program(*arguments)
        try:
            assert next(heard).content == "ada came"
            say("Hello, Ada!")
            assert next(heard).content == "Hello, Ada!"
            program.output.wait_for(shown("grpcio: Hello, Ada!"))
            program.process.stdin.write("Hello, grpcio!\n")
            program.process.stdin.flush()
            answer = next(heard)
            assert (answer.sender, answer.content) == ("ada", "Hello, grpcio!"), answer
            program.output.wait_for(shown("ada: Hello, grpcio!"))
            program.process.stdin.close()
            assert next(heard).content == "ada left"
            assert program.process.wait(PATIENCE) == 0
        finally:
            program.process.kill()
        said.put(None)
        assert list(heard) == []


@case
def grpcio_and_the_items_client_are_in_one_room(bins: Path) -> None:
    with serving(bins / "items-server") as server:
        client = [bins / "items-client", "--port", server.port, "chat", "--name", "ada"]
        in_one_room(server, client, lambda text: f"[lobby] {text}")


@case
def grpcio_and_the_chat_client_are_in_one_room(bins: Path) -> None:
    with serving(bins / "chat-server") as server:
        client = [bins / "chat-client", "--port", server.port, "--room", "lobby", "--name", "ada"]
        in_one_room(server, client, lambda text: f"[#lobby] {text}")
