"""A zoo in a folder, and the same behind a web server."""

import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mtzoo.errors import UserError
from mtzoo.hub import FileEntry, open_source, pull, push, read_catalogue

FILES = {".onnx": b"a deploy model", ".json": b"{}", ".safetensors": b"weights", ".md": b"# card"}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):  # noqa: N802
        if self.path.startswith("/cut"):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"fo")
            self.close_connection = True
        elif self.path.startswith("/other"):
            self.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")
            self.close_connection = True
        elif self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "file:///etc/hostname")
            self.end_headers()
        else:
            super().do_GET()


@pytest.fixture
def zoo(tmp_path):
    """The folder of a zoo with one model."""
    files = {}
    for suffix, data in FILES.items():
        files[suffix] = tmp_path / f"mine{suffix}"
        files[suffix].write_bytes(data)
    push(tmp_path / "zoo", "seg_city", files)
    return tmp_path / "zoo"


@pytest.fixture
def address(zoo):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(zoo)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(params=["folder", "web"])
def source(request, zoo):
    return open_source(str(zoo) if request.param == "folder" else request.getfixturevalue("address"))


def test_what_was_pushed_is_what_is_pulled(source, tmp_path):
    told = []
    paths = pull(source, "seg_city", tmp_path / "here", lambda *file: told.append(file))
    assert {path.suffix: path.read_bytes() for path in paths} == FILES
    assert sorted(told) == sorted((f"seg_city{suffix}", len(data)) for suffix, data in FILES.items())
    told.clear()
    (tmp_path / "here" / "seg_city.md").write_text("edited")
    pull(source, "seg_city", tmp_path / "here", lambda *file: told.append(file))
    assert told == [("seg_city.md", len(FILES[".md"]))]


def test_a_file_that_is_not_the_one_named_is_refused_and_nothing_kept(source, zoo, tmp_path):
    for content in (b"a Deploy model", b"a longer deploy model"):
        (zoo / "seg_city.onnx").write_bytes(content)
        with pytest.raises(UserError, match=r"seg_city\.onnx"):
            pull(source, "seg_city", tmp_path / "here")
    (zoo / "seg_city.onnx").unlink()
    with pytest.raises(UserError, match=r"seg_city\.onnx"):
        pull(source, "seg_city", tmp_path / "here")
    assert not list((tmp_path / "here").glob("*"))


def test_a_model_or_zoo_that_is_not_there_is_one_line(source, zoo, tmp_path):
    with pytest.raises(UserError, match="no model 'seg_ctiy'; did you mean 'seg_city'"):
        pull(source, "seg_ctiy", tmp_path / "here")
    (zoo / "zoo.json").unlink()
    with pytest.raises(UserError, match=r"zoo\.json"):
        pull(source, "seg_city", tmp_path / "here")


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".hidden", "a\\b", "x" * 101])
def test_no_name_leads_out_of_the_folder(zoo, tmp_path, name):
    with pytest.raises(UserError, match="model name"):
        pull(open_source(str(zoo)), name, tmp_path / "here")
    values = json.loads((zoo / "zoo.json").read_text())
    values["models"][name] = values["models"]["seg_city"]
    with pytest.raises(UserError, match=r"no catalogue of a zoo \(.*model name"):
        read_catalogue(json.dumps(values).encode(), "zoo.json")


@pytest.mark.parametrize(("change", "message"), [
    (lambda files: files.update({".py": files[".md"]}), r"'\.py' is not an ending"),
    (lambda files: files.update({"/../x.md": files[".md"]}), r"is not an ending"),
    (lambda files: files[".md"].update(bytes=1 << 40), "expected 0 to 268,435,456"),
    (lambda files: files[".md"].update(sha256="zz"), "64 hexadecimal digits"),
    (lambda files: files[".md"].pop("bytes"), "'bytes' is missing"),
])
def test_a_catalogue_of_somebody_else_may_hold_anything(zoo, change, message):
    values = json.loads((zoo / "zoo.json").read_text())
    change(values["models"]["seg_city"])
    with pytest.raises(UserError, match=message):
        read_catalogue(json.dumps(values).encode(), "zoo.json")


@pytest.mark.parametrize("data", [b"", b"[]", b"[" * 100_000, b'{"format": "mtzoo-zoo-9"}', b"\xff"])
def test_what_is_no_catalogue_is_one_line(data):
    with pytest.raises(UserError, match="no catalogue of a zoo"):
        read_catalogue(data, "zoo.json")


def test_pushing_again_keeps_the_other_files_and_models(zoo, tmp_path):
    card = tmp_path / "new.md"
    card.write_bytes(b"# better")
    push(zoo, "other", {".md": card})
    catalogue = push(zoo, "seg_city", {".md": card})
    assert set(catalogue.models) == {"seg_city", "other"}
    assert set(catalogue.models["seg_city"]) == set(FILES)
    assert catalogue.models["seg_city"][".md"] == FileEntry.of(b"# better")
    with pytest.raises(UserError, match=r"'\.pt' is not a part of a model"):
        push(zoo, "seg_city", {".pt": card})


def test_addresses_of_other_kinds_are_refused(address):
    with pytest.raises(UserError, match="a folder, http://, https:// or hf://"):
        open_source("ftp://example.org/zoo")
    with pytest.raises(UserError):
        open_source("http://127.0.0.1:1/zoo").read("zoo.json", 100)
    with pytest.raises(UserError):
        open_source(f"{address}/moved").read("zoo.json", 100)


@pytest.mark.parametrize(("place", "said"), [
    ("http://localhost:abc/zoo", "nonnumeric port: 'abc'"), ("http://local host/zoo", "control characters"),
    ("http://", "no host given"),
])
def test_an_address_that_is_none_is_one_line(place, said):
    with pytest.raises(UserError, match=f"^{place}: cannot be reached .*{said}.*; check the address and the network$"):
        open_source(place).read("zoo.json", 100)


@pytest.mark.parametrize("path", ["cut", "other"])
def test_an_answer_that_is_cut_off_or_not_of_the_web_is_one_line(address, path):
    with pytest.raises(UserError, match=f"^{address}/{path}: cannot be reached .*; check the address and the network$"):
        open_source(f"{address}/{path}").read("zoo.json", 100)


def test_hugging_face_without_a_network_is_one_line(monkeypatch, capfd):
    hub = pytest.importorskip("huggingface_hub")
    from huggingface_hub.errors import LocalEntryNotFoundError
    from huggingface_hub.utils.logging import get_logger, get_verbosity

    def fail(repository, file):
        get_logger("huggingface_hub.utils._http").warning("Retrying in 1s [Retry 1/5].")
        raise LocalEntryNotFoundError("no network")

    monkeypatch.setattr(hub, "hf_hub_download", fail)
    before = get_verbosity()
    with pytest.raises(UserError, match=r"^hf://nobody/nothing: cannot be reached; check the network$"):
        open_source("hf://nobody/nothing").read("zoo.json", 100)
    assert capfd.readouterr().err == ""
    assert get_verbosity() == before
