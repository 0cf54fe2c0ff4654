"""XML that others wrote: no document type, hence no entity that could grow or read a file."""

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DTDForbidden
from defusedxml.ElementTree import fromstring

from mtzoo.data.images import read_bytes
from mtzoo.errors import UserError


def read_xml(path: Path) -> Element:
    """The root element. Raises UserError for what is no XML or declares a document type."""
    try:
        return fromstring(read_bytes(path), forbid_dtd=True)
    except DTDForbidden as error:
        raise UserError(f"{path}: declares a document type '{error.name}', which label files have no need of; remove it") from None
    except (ParseError, LookupError, ValueError) as error:  # LookupError: an encoding that nobody knows
        raise UserError(f"{path}: not XML ({error}); restore it") from None


def text_of(element: Element, path: str, where: str) -> str:
    """The stripped text of a descendant. Raises UserError if it is missing or empty."""
    text = (element.findtext(path) or "").strip()
    if not text:
        raise UserError(f"{where}: no <{path}> in <{element.tag}>; fix the file")
    return text
