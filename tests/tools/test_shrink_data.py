
import cv2
import numpy as np
import pytest


@pytest.fixture
def tool(load_tool):
    return load_tool("shrink_data")


def test_jpegs_get_smaller_and_everything_else_stays(tool, tmp_path, capsys):
    source = tmp_path / "data" / "people"
    source.mkdir(parents=True)
    rows, columns = np.mgrid[:200, :400]
    image = np.stack([rows, columns / 2, 255 - columns / 2], -1).astype(np.uint8)
    cv2.imwrite(str(source / "a.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 100])
    cv2.imwrite(str(source / "a.png"), image[:, :, 0])
    call = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "pack"), "--sets"]
    assert tool.main([*call, "people:100"]) == 0
    assert "people: 2 files" in capsys.readouterr().out
    small = cv2.imread(str(tmp_path / "pack" / "people" / "a.jpg"))
    assert small.shape == (50, 100, 3)
    assert np.abs(small.astype(int) - cv2.resize(image, (100, 50), interpolation=cv2.INTER_AREA).astype(int)).mean() < 4
    assert (tmp_path / "pack" / "people" / "a.png").read_bytes() == (source / "a.png").read_bytes()
    assert tool.main([*call, "nobody"]) == 2
    assert "--sets nobody: no file in" in capsys.readouterr().err
    assert tool.main([*call, "people", "--quality", "900"]) == 2
    assert capsys.readouterr().err == "error: --quality 900: must be between 1 and 100\n"
    assert tool.main([*call, "people:wide"]) == 2
