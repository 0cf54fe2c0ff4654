import hashlib
import json
import os
import signal
import time
from pathlib import Path

import cv2
import pytest

from mtzoo.data.synthetic import CATEGORIES, write_dataset
from mtzoo.errors import UserError

SIZE = (180, 320)


def digest(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("synth") / "set"
    write_dataset(out, 3, 5, size_hw=SIZE, workers=1)
    return out


def test_two_runs_and_any_number_of_workers_give_the_same_bytes(written, tmp_path):
    progress = []
    write_dataset(tmp_path / "set", 3, 5, size_hw=SIZE, workers=2, on_progress=lambda *p: progress.append(p))
    assert digest(tmp_path / "set") == digest(written)
    assert progress == [(1, 3), (2, 3), (3, 3)]


def test_files_and_coco(written):
    stems = ["000000", "000001", "000002"]
    for folder, suffix in (("images", ".jpg"), ("seg", ".png"), ("lane", ".png")):
        assert sorted(p.name for p in (written / folder).iterdir()) == [s + suffix for s in stems]
    assert cv2.imread(str(written / "seg/000000.png"), cv2.IMREAD_UNCHANGED).shape == SIZE
    assert cv2.imread(str(written / "images/000000.jpg")).shape == (*SIZE, 3)
    coco = json.loads((written / "boxes.json").read_text())
    assert [c["name"] for c in coco["categories"]] == list(CATEGORIES)
    assert [i["file_name"] for i in coco["images"]] == [s + ".jpg" for s in stems]
    assert len({a["id"] for a in coco["annotations"]}) == len(coco["annotations"]) > 0
    for a in coco["annotations"]:
        x, y, w, h = a["bbox"]
        assert w > 0
        assert h > 0
        assert x + w <= SIZE[1]
        assert y + h <= SIZE[0]
        assert a["category_id"] in range(1, 8)
        assert a["iscrowd"] in (0, 1)


def test_the_same_set_is_not_rendered_again(written):
    before = {p: p.stat().st_mtime_ns for p in written.rglob("*")}
    write_dataset(written, 3, 5, size_hw=SIZE, on_progress=lambda *_: pytest.fail("rendered again"))
    assert {p: p.stat().st_mtime_ns for p in written.rglob("*")} == before


def test_another_set_is_refused_with_what_differs(written):
    with pytest.raises(UserError, match="seed=5 instead of 6"):
        write_dataset(written, 3, 6, size_hw=SIZE)


def test_files_of_the_user_are_refused_and_kept(tmp_path):
    (tmp_path / "mine.txt").write_text("dear")
    with pytest.raises(UserError, match="nothing was overwritten"):
        write_dataset(tmp_path, 1, 0, size_hw=SIZE)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(UserError, match="cannot be written"):
        write_dataset(tmp_path / "mine.txt" / "set", 1, 0, size_hw=SIZE)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_run_leaves_nothing(tmp_path, workers):
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path / "set", 3, 5, size_hw=SIZE, workers=workers, on_progress=interrupt)
    assert not list(tmp_path.iterdir())


def test_a_second_process_waits_for_the_first_and_renders_nothing(tmp_path, capsys):
    """Both are asked for the same scenes: the first is at its second scene when the second process comes."""
    out, pipe = tmp_path / "set", os.pipe()
    pid = os.fork()
    if pid == 0:
        write_dataset(out, 2, 5, size_hw=SIZE, workers=1, on_progress=lambda done, _: (os.write(pipe[1], b"1"), time.sleep(0.3)))
        os._exit(0)
    os.read(pipe[0], 1)
    write_dataset(out, 2, 5, size_hw=SIZE, workers=1, on_progress=lambda *_: pytest.fail("rendered again"))
    assert os.waitpid(pid, 0)[1] == 0
    assert f"{out}: waiting for process {pid} on" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["set"]
    assert len(os.listdir(out / "images")) == 2


def test_workers_end_with_a_killed_parent_and_its_folder_goes_with_the_next_run(tmp_path):
    out, pipe = tmp_path / "set", os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        write_dataset(out, 400, 5, size_hw=SIZE, workers=2, on_progress=lambda *_: os.write(pipe[1], b"1"))
    os.read(pipe[0], 1)
    workers = [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    assert len(workers) == 2
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    deadline = time.monotonic() + 8
    while any(alive(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(worker) for worker in workers)
    assert sorted(name.split(".")[-1] for name in os.listdir(tmp_path)) == ["lock", "part"]
    write_dataset(out, 1, 5, size_hw=SIZE, workers=1)
    assert os.listdir(tmp_path) == ["set"]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_numbers_that_make_no_set(tmp_path):
    with pytest.raises(UserError, match="num=0"):
        write_dataset(tmp_path / "set", 0, 5)
