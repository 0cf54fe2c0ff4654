"""Text files of image and mask in pairs, a pair a row, as PaddleSeg's data sets have them -> the masks of each image."""

from collections.abc import Iterator
from pathlib import Path

from mtzoo.data.images import IMAGE_SUFFIXES
from mtzoo.data.masks import MaskFile, label_table
from mtzoo.data.names import leaving_links, link_problem, name_problem, posix_name
from mtzoo.data.sources import Fault, MaskList, expand_path
from mtzoo.errors import UserError, cut
from mtzoo.files import read_whole

MAX_BYTES = 64 << 20  # a million rows of long names


def read_mask_list(spec: MaskList, task: str, classes: tuple[str, ...]) -> tuple[dict[str, MaskFile], list[Fault]]:
    """{image file relative to the folder: its mask}, and faults: rows that are no pair, names that leave the folder, files that are
    not there or of another kind, an image that is named twice, links out of the folder.

    Raises UserError for a list that cannot be read.
    """
    table = label_table(spec, task, classes)
    root, path = expand_path(spec.images), expand_path(spec.pairs)
    pairs: dict[str, MaskFile] = {}
    masks: dict[str, str] = {}  # with the row that names it
    faults: list[Fault] = []
    for row, text in text_rows(path, "list of images and masks"):
        names = [posix_name(name) if name else "" for name in split_row(text, spec.separator)]
        if problem := _pair_problem(root, names, spec.separator) or _twice_problem(pairs, names):
            faults.append(Fault(str(path), row, problem))
            continue
        image, mask = names
        pairs[image] = MaskFile(root / mask, table, spec.name, spec.resize_masks)
        masks[mask] = row
    leaving = {} if spec.follow_links else leaving_links(root.resolve(), masks)
    faults += [Fault(str(path), masks[mask], f"mask '{cut(mask)}' {link_problem(real)}") for mask, real in leaving.items()]
    return {image: file for image, file in pairs.items() if file.path.relative_to(root).as_posix() not in leaving}, faults


def split_row(text: str, separator: str) -> list[str]:
    """The parts of a row, without space around them. separator: a space stands for any white space."""
    return [part.strip() for part in (text.split() if separator == " " else text.split(separator))]


def text_rows(path: Path, what: str) -> Iterator[tuple[str, str]]:
    """("row 3", its text) of the rows that are not empty. what: the file is. Raises UserError for one that cannot be read."""
    content = read_whole(path, what, MAX_BYTES, "check its path")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}: row {row}: byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8") from None
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield f"row {number}", line.strip()


def _pair_problem(root: Path, names: list[str], separator: str) -> str | None:
    if len(names) != 2:
        return (f"{len(names)} names, expected an image and its mask with {separator!r} between; a name with that in it "
                "needs another separator")
    for what, name, endings in zip(("image", "mask"), names, (IMAGE_SUFFIXES, (".png",))):
        if problem := name_problem(name):
            return f"{what} '{cut(name)}' {problem}"
        if not name.lower().endswith(tuple(endings)):
            return f"{what} '{cut(name)}': expected {' or '.join(endings)}; save it so"
    if not (root / names[1]).is_file():
        return f"mask '{cut(names[1])}': no such file in {root}; restore it or remove the row"
    return None


def _twice_problem(pairs: dict[str, MaskFile], names: list[str]) -> str | None:
    return f"image '{cut(names[0])}' is named in an earlier row, too; keep one" if names[0] in pairs else None
