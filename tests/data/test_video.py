import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mtzoo.data.video import Video, check_container, count_frames, open_video
from mtzoo.errors import UserError


def write_video(path: Path, frames: int = 4, fps: float = 25, hw: tuple[int, int] = (64, 96), code: str = "mp4v") -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*code), fps, hw[::-1])
    for i in range(frames):
        writer.write(np.full((*hw, 3), 20 * i, np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize(("name", "code"), [("a.mp4", "mp4v"), ("a.mov", "mp4v"), ("a.avi", "MJPG"), ("a.mkv", "mp4v"),
                                            ("a.m4v", "mp4v")])
@pytest.mark.parametrize("fps", [0.5, 10, 25, 240])
def test_frames_have_their_times(tmp_path, name, code, fps):
    video = open_video(write_video(tmp_path / name, fps=fps, code=code))
    assert (video.hw, video.fps) == ((64, 96), pytest.approx(fps, rel=1e-3))
    frames = list(video.frames())
    video.close()
    assert [seconds for _, seconds in frames] == pytest.approx([0, 1 / fps, 2 / fps, 3 / fps], abs=0.002)
    assert [round(float(frame.mean())) for frame, _ in frames] == pytest.approx([0, 20, 40, 60], abs=6)
    assert video.notes == []


class Told:
    """A capture that tells what a forged container may tell."""

    def __init__(self, frames, **told):
        self.frames, self.told = list(frames), {f"CAP_PROP_{name}": value for name, value in told.items()}
        self.position = 0

    def get(self, what):
        value = next((value for name, value in self.told.items() if getattr(cv2, name) == what), 0.0)
        return value[self.position - 1] if isinstance(value, list) else value

    def read(self):
        if not self.frames:
            return False, None
        self.position += 1
        return True, self.frames.pop(0)


FRAMES = [np.zeros((64, 96, 3), np.uint8)] * 3


@pytest.mark.parametrize("times", [[0.0, 0.0, 0.0], [math.nan] * 3, [5.0, 4.0, 3.0], [math.inf] * 3])
def test_times_go_on_where_the_container_does_not_tell(times):
    video = Video(Path("a.mp4"), Told(FRAMES, FPS=10.0, POS_MSEC=times))
    assert [seconds for _, seconds in video.frames()] == pytest.approx([0, 0.1, 0.2])


def test_a_variable_rate_keeps_its_own_times():
    video = Video(Path("a.mp4"), Told(FRAMES, FPS=25.0, POS_MSEC=[80.0, 120.0, 1080.0]))
    assert [seconds for _, seconds in video.frames()] == pytest.approx([0, 0.04, 1.0])


@pytest.mark.parametrize("count", [math.nan, math.inf, -1.0, -9e18, 0.0])
def test_a_count_that_is_none_is_no_promise(count):
    video = Video(Path("a.mp4"), Told(FRAMES, FPS=25.0, FRAME_COUNT=count))
    assert len(list(video.frames())) == 3
    assert video.notes == []


def test_frames_of_another_size_end_the_video():
    video = Video(Path("a.mp4"), Told([*FRAMES, np.zeros((32, 96, 3), np.uint8)], FPS=25.0, FRAME_COUNT=4.0))
    assert len(list(video.frames())) == 3
    assert video.notes == ["frame 3 is 96x32, those before 96x64; it and what follows is left out"]


@pytest.mark.parametrize(("hw", "message"), [((30000.0, 30000.0), "more than 40 million pixels"), ((1.0, 2000.0), "100 times as long")])
def test_frames_beyond_an_images_size_are_never_read(hw, message):
    told = Told(FRAMES, FPS=25.0, FRAME_HEIGHT=hw[0], FRAME_WIDTH=hw[1])
    with pytest.raises(UserError, match=f"^a.mp4: frames of .*{message}"):
        Video(Path("a.mp4"), told)
    assert len(told.frames) == 3


def test_a_video_without_frames_is_told(tmp_path, capfd):
    path = tmp_path / "a.mp4"
    whole = write_video(path).read_bytes()
    for content in (whole[:len(whole) // 3], whole[:40], b"\0\0\0\x18ftypisom" + bytes(100)):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"a.mp4: no frame of this video can be decoded"):
            open_video(path)
    assert capfd.readouterr().err == "", "ffmpeg and OpenCV say nothing of their own"


PLAYLISTS = {"concat": "ffconcat version 1.0\nfile other.mp4\n", "HLS": "#EXTM3U\n#EXTINF:1,\nother.ts\n",
             "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
             "DASH": '<?xml version="1.0"?><MPD></MPD>', "text": "rtsp://127.0.0.1/x", "SMIL": "<smil></smil>",
             "IMF": "<?xml?><CompositionPlaylist/>", "reference": "[Reference]\nRef1=other.mp4\n"}


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv"])
def test_a_playlist_is_refused(tmp_path, kind, name):
    write_video(tmp_path / "other.mp4")
    (tmp_path / name).write_text(PLAYLISTS[kind])
    with pytest.raises(UserError, match=rf"{name}: no MP4, QuickTime, AVI"):
        open_video(tmp_path / name)


@pytest.mark.parametrize("head", [b"\0\0\0\x18ftypmp42", b"\0\0\0\x08wide", b"RIFF\0\0\0\0AVI LIST", b"\x1aE\xdf\xa3", b"\0\0\x01\xba",
                                  (b"G" + bytes(187)) * 6, b"\0\0\x01\xb3"])
def test_containers_are_known_by_their_first_bytes(tmp_path, head):
    (tmp_path / "a").write_bytes(head)
    check_container(tmp_path / "a")


@pytest.mark.parametrize("content", [b"", b"G", b"no video", bytes(500), b"RIFF\0\0\0\0WAVE", (b"G" + bytes(186)) * 6])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(UserError, match="a: (the file is empty|no MP4)"):
        check_container(tmp_path / "a")


def test_a_picture_is_no_video(tmp_path):
    """OpenCV would read a numbered one as the first of a series."""
    Image.new("RGB", (96, 64)).save(tmp_path / "001.png")
    for number in (1, 2):
        (tmp_path / f"00{number}.mp4").write_bytes((tmp_path / "001.png").read_bytes())
    with pytest.raises(UserError, match=r"001.mp4: no MP4"):
        open_video(tmp_path / "001.mp4")


def test_frames_are_counted_by_decoding(tmp_path):
    path = write_video(tmp_path / "a.avi", frames=7, code="MJPG")
    assert count_frames(path) == 7
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])
    assert count_frames(path) < 7
    assert count_frames(tmp_path / "none.mp4") == 0
