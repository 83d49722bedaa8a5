"""Workbooks (.xlsx), by openpyxl: the sheet with the most cells as tab-separated text, which the other formats read."""

import csv
import zipfile
from io import BytesIO, StringIO
from typing import Any

from taxonomy.errors import TaxonomyError, first_line

_MAX_BYTES = 512 * 2**20  # of the parts of the archive, unpacked
_MAX_CELLS = 20_000_000


def is_workbook(content: bytes) -> bool:
    """Whether the bytes are a zip archive that holds a workbook."""
    return content.startswith(b"PK\x03\x04") and b"xl/" in content


def workbook_text(content: bytes, source: str) -> str:
    """The fullest sheet as tab-separated text. Raises TaxonomyError, also where openpyxl is missing."""
    try:
        import openpyxl  # noqa: PLC0415 (an extra)
    except ImportError:
        raise TaxonomyError("a workbook needs openpyxl: pip install 'cladist[xlsx]'", source=source) from None
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            size = sum(part.file_size for part in archive.infolist())
        if size > _MAX_BYTES:
            raise TaxonomyError(f"a workbook of {size} bytes unpacked, more than {_MAX_BYTES}", source=source)
        book = openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=True)
        try:
            sheets = [_text(sheet, source) for sheet in book.worksheets]
        finally:
            book.close()
    except TaxonomyError:
        raise
    except Exception as error:  # noqa: BLE001 (openpyxl raises whatever a damaged archive makes it meet)
        raise TaxonomyError(f"not a workbook that can be read: {first_line(error):.100}", source=source) from None
    return max(sheets, key=len, default="")


def _text(sheet: Any, source: str) -> str:
    stream = StringIO(newline="")
    writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
    count = 0
    for row in sheet.iter_rows(values_only=True):
        cells = [_cell(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        count += len(row)
        if count > _MAX_CELLS:
            raise TaxonomyError(f"a sheet of more than {_MAX_CELLS} cells", source=source)
        if any(cells):
            writer.writerow(cells)
    return stream.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
