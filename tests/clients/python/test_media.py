"""Pictures and documents."""

import base64
import struct
import zlib

import openai
import pytest
from asking import ask


def png(width: int, height: int) -> bytes:
    """A picture in one color."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = (b"\0" + b"\x20\x40\x80" * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def data_url(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def image(url: str) -> dict:
    return {"type": "image_url", "image_url": {"url": url, "detail": "low"}}


def document(name: str, media_type: str, content: bytes) -> dict:
    return {"type": "file", "file": {"filename": name, "file_data": data_url(media_type, content)}}


TEXT = {"type": "text", "text": "What is this?"}


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ([TEXT, image(data_url("image/png", png(4, 3)))], "png"),
        ([TEXT, document("report.pdf", "application/pdf", PDF)], "pdf"),
        ([TEXT, document("notes v1.2, final.txt", "text/plain", b"Plain words.")], "txt"),
        ([document("notes.txt", "text/plain", b"A document and no text.")], "txt"),
        ([TEXT, *[document("same.txt", "text/plain", f"Part {part}".encode()) for part in range(3)]], "txt"),
    ],
    ids=["png", "pdf", "txt", "document alone", "three of one name"],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_media_are_received(client, parts, word, streamed):
    if streamed:
        with client.chat.completions.stream(**ask(parts)) as stream:
            answer = stream.get_final_completion()
    else:
        answer = client.chat.completions.create(**ask(parts))
    assert word in answer.choices[0].message.content.lower()


@pytest.mark.parametrize(
    "part",
    [
        image("data:image/png;base64,@@@"),
        image(data_url("image/png", b"not a picture")),
        image("https://example.com/picture.png"),
        document("tool.exe", "application/x-msdownload", b"MZ"),
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
    ],
    ids=["broken base64", "no picture", "fetching is off", "no document", "audio"],
)
def test_what_cannot_be_read_is_refused_by_name(client, part):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**ask([TEXT, part]))
    assert caught.value.param.startswith("messages[0].content[1]")
