"""Where a crop model's window stands, from a file."""

from pathlib import Path

from mtzoo.data.json_file import read_json
from mtzoo.ops.geometry import CropWindow
from mtzoo.plain_data import build


def read_window(path: Path) -> CropWindow:
    """A JSON file with what `deploy_geometry.window` of a config holds. Raises UserError naming the file and the key."""
    values = read_json(path, "window file", "name a JSON file with 'vanishing_point' and 'original_hw', or 'camera'")
    return build(CropWindow, values, str(path))
