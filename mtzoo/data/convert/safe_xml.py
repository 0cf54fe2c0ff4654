"""XML that others wrote: no document type, hence no entity that could grow or read a file."""

from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from mtzoo.data.images import read_bytes
from mtzoo.errors import UserError


def read_xml(path: Path) -> Element:
    """The root element. Raises UserError for what is no XML or declares a document type."""
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = partial(_refuse_doctype, path)
    try:
        parser.Parse(read_bytes(path), True)
    except expat.ExpatError as error:
        raise UserError(f"{path}: not XML ({error}); restore it") from None
    return builder.close()


def _refuse_doctype(path: Path, name: str, system: str | None, public: str | None, has_internal: int) -> None:
    raise UserError(f"{path}: declares a document type '{name}', which label files have no need of; remove it")


def text_of(element: Element, path: str, where: str) -> str:
    """The stripped text of a descendant. Raises UserError if it is missing or empty."""
    text = (element.findtext(path) or "").strip()
    if not text:
        raise UserError(f"{where}: no <{path}> in <{element.tag}>; mend the file")
    return text
