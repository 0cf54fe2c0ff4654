"""Labels of whole images: folders by class, text files of image and label, and what the renderer knows of a scene."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mtzoo.data.folder_files import list_files
from mtzoo.data.images import IMAGE_SUFFIXES
from mtzoo.data.mask_list import split_row, text_rows
from mtzoo.data.masks import part_of_split
from mtzoo.data.names import name_problem, posix_name
from mtzoo.data.sources import IGNORE_CATEGORY, Fault, ImageFolder, LabelList, SceneLabels, expand_path
from mtzoo.errors import UserError, cut, did_you_mean, listed


@dataclass(frozen=True)
class ImageLabels:
    """labels: image file relative to the images folder -> class id; unused: images by label, of labels that are no class of the task
    and so say nothing."""

    labels: dict[str, int]
    unused: Counter[str]


def read_image_labels(spec: ImageFolder | LabelList | SceneLabels, task: str,
                      classes: Sequence[str]) -> tuple[ImageLabels, list[Fault]]:
    """The labels of a source, and its faults. Raises UserError for `categories` that name no label or class, and if no label is a class
    of the task."""
    pairs, faults = _READ[type(spec)](spec)
    return _as_classes(spec, pairs, task, classes), faults


def _as_classes(spec: ImageFolder | LabelList | SceneLabels, pairs: Sequence[tuple[str, str]], task: str,
                classes: Sequence[str]) -> ImageLabels:
    where, names = f"source '{spec.name}' of task '{task}'", {label for _, label in pairs}
    for label, target in spec.categories.items():
        if label not in names:
            raise UserError(f"{where}: categories['{cut(label)}']: no image has this label{did_you_mean(label, names)}")
        if target != IGNORE_CATEGORY and target not in classes:
            raise UserError(f"{where}: categories['{cut(label)}']='{cut(target)}' is not a class of the task"
                            f"{did_you_mean(target, classes)}")
    index = {name: k for k, name in enumerate(classes)}
    wanted = {label: spec.categories.get(label, label) for label in names}
    if pairs and not any(target in index for target in wanted.values()):
        raise UserError(f"{where}: no label of {spec.label_place} is a class ({listed(classes)}); its labels: {listed(names)}; set "
                        "categories={...}")
    labels = {file: index[wanted[label]] for file, label in pairs if wanted[label] in index}
    unused = Counter(label for _, label in pairs if wanted[label] not in index and wanted[label] != IGNORE_CATEGORY)
    return ImageLabels(labels, unused)


def _read_folder(spec: ImageFolder) -> tuple[list[tuple[str, str]], list[Fault]]:
    """(file, its folder) of every image in a folder of a label; images beside those folders are faults."""
    root = expand_path(spec.images)
    found, faults = list_files(root, IMAGE_SUFFIXES, spec.name)
    pairs = []
    for file in found:
        label, slash, _ = file.partition("/")
        if slash:
            pairs.append((file, label))
        else:
            faults.append(Fault(str(root / file), "", "lies beside the folders of the classes; put it into one of them"))
    return list(part_of_split(dict(pairs), spec).items()), faults


def _read_list(spec: LabelList) -> tuple[list[tuple[str, str]], list[Fault]]:
    """(file, label) of every row."""
    path, pairs, faults = expand_path(spec.pairs), dict[str, str](), list[Fault]()
    for row, text in text_rows(path, "list of images and labels"):
        names = split_row(text, spec.separator)
        if problem := _row_problem(names, spec.separator, pairs):
            faults.append(Fault(str(path), row, problem))
        else:
            pairs[posix_name(names[0])] = names[1]
    return list(pairs.items()), faults


def _row_problem(names: Sequence[str], separator: str, pairs: dict[str, str]) -> str | None:
    if len(names) != 2 or not all(names):
        return (f"{len(names)} names, expected an image and its label with {separator!r} between; a name with that in it needs "
                "another separator")
    if problem := name_problem(names[0]):
        return f"image '{cut(names[0])}' {problem}"
    if posix_name(names[0]) in pairs:
        return f"image '{cut(names[0])}' is named in an earlier row, too; keep one"
    return None


def _read_scenes(spec: SceneLabels) -> tuple[list[tuple[str, str]], list[Fault]]:
    """(file, attribute) of every rendered scene."""
    return list(_scene_labels(spec)), []


def _scene_labels(spec: SceneLabels) -> Iterator[tuple[str, str]]:
    from mtzoo.data.synthetic.attributes import scene_attributes  # here: only those with its scenes need the renderer

    for index in range(spec.num):
        yield f"{index:06d}.jpg", scene_attributes(spec.seed, index, spec.size_hw)[spec.attribute]


_READ = {ImageFolder: _read_folder, LabelList: _read_list, SceneLabels: _read_scenes}
