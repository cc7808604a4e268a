"""What students handed in, in whatever folders it comes: whose is which file, and which files are used.

    FOLDER/ana/02-dns/02-dns.ipynb                          nbgrader's exchange, or a copy of it
    FOLDER/1A/ana/anything.ipynb                            a folder for each class, one for each student
    FOLDER/Ana López_4711_assignsubmission_file_/…          Moodle; the number tells two of one name apart
    FOLDER/lopezana_LATE_4711_88123_02-dns.ipynb            Canvas; the first number is the person's
    FOLDER/alumno_101_02-dns.ipynb                          a file for each student
    FOLDER.zip, FOLDER/…/anything.zip                       the same, packed

    ─►  Learner(key, name, file, …)     one for everybody who handed in something
        Unused(path, why)              every other file, and why it is not used

Nothing that was handed in is ever changed, moved or deleted: files are read.  Two people are never made one: when in
doubt they stay two, and a teacher sees both.
"""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath

from mailcourse.internet.errors import LabError

from .notebook import OwnCell, Unreadable, assignment_of, read_cells

#: octets of one file, of the files beside a notebook together, and how deep archives may be packed in archives
MAX_FILE, MAX_BESIDE, MAX_DEPTH = 400_000_000, 5_000_000, 3
MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)(?:_(?P<rest>.*))?$", re.DOTALL)
CANVAS = re.compile(r"(?P<name>[^_\d][^_]*?)(?P<late>_LATE)?_(?P<id>\d+)_\d+_(?P<rest>.+)$", re.IGNORECASE | re.DOTALL)
NUMBERED = re.compile(r"\d\d-[a-z]+(?:-[a-z]+)*")
HIDDEN = re.compile(r"\.|__MACOSX$|Thumbs\.db$|desktop\.ini$")


@dataclass(frozen=True)
class Unused:
    """A file that was found and not used."""

    path: str
    why: str


@dataclass(frozen=True)
class FoundFile:
    """A file, wherever it is: below the folder, or in an archive there."""

    path: PurePosixPath
    when: datetime
    size: int
    read: Callable[[], bytes]  # a class may have handed in more than fits into memory
    archive: PurePosixPath | None = None  # the outermost one that it was in

    @property
    def is_notebook(self) -> bool:
        """True for what may be a notebook, by its name."""
        return self.path.suffix.lower() == ".ipynb"


@dataclass(frozen=True)
class Learner:
    """Somebody who handed in something.  `key` is the name in the gradebook, `platform_id` the platform's number."""

    key: str
    name: str
    cells: tuple[OwnCell, ...] = ()
    path: str = ""
    when: datetime | None = None
    platform_id: str = ""
    folder: str = ""  # as Moodle called it, for its feedback
    is_late: bool = False  # as Canvas says
    notes: tuple[str, ...] = ()
    beside: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class _Owner:
    """Whose a file is, from its path; `rest` is its path below what tells that."""

    key: str
    name: str
    platform_id: str = ""
    folder: str = ""
    is_late: bool = False
    rest: PurePosixPath = field(default_factory=PurePosixPath)


# ---- files -----------------------------------------------------------------------------------------------


def files_in(place: Path, is_product: Callable[[Path], bool] = lambda path: False) -> Iterator[FoundFile | Unused]:
    """Return all files below a folder, or in an archive; not what marking has made."""
    if place.is_file():
        yield from _unpacked(_on_disk(place, PurePosixPath()))
        return
    for path in sorted(place.rglob("*")):
        below = PurePosixPath(path.relative_to(place).as_posix())
        if path.is_dir() or any(HIDDEN.match(part) for part in below.parts) or is_product(path):
            continue
        if path.is_symlink() or not path.is_file():
            yield Unused(str(below), "it is a link, or no ordinary file")
            continue
        found = _on_disk(path, below)
        if found.size > MAX_FILE:
            yield Unused(str(below), f"it has more than {MAX_FILE // 10**6} MB")
        elif path.suffix.lower() == ".zip":
            yield from _unpacked(replace(found, path=below.with_suffix("")))
        else:
            yield found


def _on_disk(path: Path, below: PurePosixPath) -> FoundFile:
    about = path.stat()
    return FoundFile(below, datetime.fromtimestamp(about.st_mtime), about.st_size, path.read_bytes)


def _unpacked(archive: FoundFile, depth: int = 1) -> Iterator[FoundFile | Unused]:
    try:
        packed = zipfile.ZipFile(io.BytesIO(archive.read()))
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, OSError, ValueError) as error:
        yield Unused(f"{archive.path}.zip", f"the archive could not be opened: {error}")
        return
    for entry in packed.infolist():
        name = _name_in_archive(entry)
        path = archive.path / PurePosixPath(*(part for part in PurePosixPath(name).parts if part not in ("/", "..")))
        if entry.is_dir() or any(HIDDEN.match(part) for part in path.parts):
            continue
        if entry.file_size > MAX_FILE:
            yield Unused(str(path), f"it has more than {MAX_FILE // 10**6} MB")
            continue
        outermost = archive.archive or (archive.path if archive.path.parts else None)
        try:
            when = datetime(*entry.date_time)
        except ValueError:  # a date that there is not
            when = archive.when
        found = FoundFile(path, when, entry.file_size, partial(packed.read, entry), outermost)
        if path.suffix.lower() == ".zip" and depth < MAX_DEPTH:
            yield from _unpacked(replace(found, path=path.with_suffix("")), depth + 1)
        else:
            yield found


def _octets(file: FoundFile) -> bytes:
    """Return what is in a file; `Unreadable` says why not."""
    try:
        return file.read()
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, OSError, ValueError) as error:
        raise Unreadable(f"the file could not be read: {error}") from None


def _name_in_archive(entry: zipfile.ZipInfo) -> str:
    """Return a name as it was written; programs that write UTF-8 without saying so are many."""
    name = entry.filename
    if not entry.flag_bits & 0x800:
        with suppress(UnicodeEncodeError, UnicodeDecodeError):
            name = name.encode("cp437").decode("utf-8")
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


# ---- people ----------------------------------------------------------------------------------------------


def people_in(
    place: Path, assignment: str, known: Sequence[str], is_product: Callable[[Path], bool] = lambda path: False
) -> tuple[list[Learner], list[Unused]]:
    """Return everybody who handed in something for an assignment, and the files that were not used."""
    if not place.exists():
        raise LabError(f"There is no folder {str(place)!r}. Give the one in which the students' notebooks are.")
    unused: list[Unused] = []
    found: list[FoundFile] = []
    for one in files_in(place, is_product):
        unused.append(one) if isinstance(one, Unused) else found.append(one)
    owners = _owners(found, assignment, known)
    theirs: dict[str, list[tuple[_Owner, FoundFile]]] = defaultdict(list)
    for file in found:
        owner = owners.get(file.path)
        if owner is None:
            unused.append(Unused(str(file.path), "it is in nobody's folder, and no notebook of this assignment"))
        else:
            theirs[owner.key].append((owner, file))
    people = [person for files in theirs.values() if (person := _person(files, assignment, known, unused)) is not None]
    if not people:
        raise LabError(f"There is no notebook of {assignment} in {str(place)!r}. The files end with .ipynb.")
    return sorted(people, key=lambda person: person.key.casefold()), sorted(unused, key=lambda file: file.path)


def _owners(found: Sequence[FoundFile], assignment: str, known: Sequence[str]) -> dict[PurePosixPath, _Owner]:
    """Say whose each file is.  A folder in which a notebook lies is a person's; so is what is below it."""
    homes = {_home(file, found, [assignment, *known]) for file in found if file.is_notebook}
    homes.discard(PurePosixPath())
    owners = {}
    for file in found:
        owner = _by_platform(file.path) or _by_folder(file.path, homes) or _by_file(file.path, assignment, known)
        if owner is not None:
            owners[file.path] = owner
    return owners


def _home(file: FoundFile, found: Sequence[FoundFile], known: Sequence[str]) -> PurePosixPath:
    """Return the folder of a notebook, without one that is called after an assignment.

    An archive with one notebook stands for it; the only one in a folder stands for the folder.
    """
    folder = file.path.parent
    packed = [one for one in found if one.is_notebook and one.archive is not None]
    if file.archive is not None and sum(one.archive == file.archive for one in packed) == 1:
        folder = file.archive
        beside = {one.archive for one in packed if one.archive is not None and one.archive.parent == folder.parent}
        folder = folder.parent if folder.parent.parts and len(beside) == 1 else folder
    while folder.name in known:
        folder = folder.parent
    return folder


def _by_platform(path: PurePosixPath) -> _Owner | None:
    for depth, part in enumerate(path.parts):
        name = part if depth < len(path.parts) - 1 else path.stem + path.suffix
        match = MOODLE.match(name)
        if match is not None:
            rest = PurePosixPath(match["rest"] or "", *path.parts[depth + 1 :])
            head = name[: match.start("rest")].rstrip("_") if match["rest"] else name.rstrip("_")
            return _Owner(_key(f"{match['name']}_{match['id']}"), match["name"], match["id"], head, False, rest)
        match = CANVAS.match(name) if depth == len(path.parts) - 1 else None
        if match is not None:
            late = match["late"] is not None
            return _Owner(
                _key(f"{match['name']}_{match['id']}"),
                match["name"],
                match["id"],
                "",
                late,
                PurePosixPath(match["rest"]),
            )
    return None


def _by_folder(path: PurePosixPath, homes: set[PurePosixPath]) -> _Owner | None:
    above = [folder for folder in reversed(path.parents) if folder in homes]
    if not above:  # a person whose folder has no notebook at all
        if len(path.parts) < 2 or any(path.parent in home.parents for home in homes):
            return None
        above = [path.parent]
    parts = above[0].parts
    return _Owner(_key("-".join(parts)), " ".join(parts), rest=path.relative_to(above[0]))


def _by_file(path: PurePosixPath, assignment: str, known: Sequence[str]) -> _Owner | None:
    """A file at the top: its name is the person's, with or without the assignment's."""
    if len(path.parts) != 1 or (path.suffix.lower() != ".ipynb" and assignment not in path.stem):
        return None
    name = path.stem
    for one in sorted([assignment, *known], key=len, reverse=True):
        name = name.replace(one, "")
    name = name.strip(" _-.") or path.stem
    return _Owner(_key(name), name, rest=path)


def _key(name: str) -> str:
    """Return a name that can be a folder's on every system, and that no other name becomes.

    >>> _key("Ana López_4711"), _key("alumno_101"), _key("a/b")
    ('Ana López_4711', 'alumno_101', 'a_b-75f4')
    """
    name = unicodedata.normalize("NFC", name)
    plain = re.sub(r"[^\w.@ +'-]", "_", name).strip(" .")[:80]
    if plain == name:
        return plain
    mark = sum(ord(letter) * 31**n for n, letter in enumerate(name)) % 65536
    return f"{plain or 'somebody'}-{mark:04x}"


# ---- one person's files ----------------------------------------------------------------------------------


def _person(
    files: Sequence[tuple[_Owner, FoundFile]], assignment: str, known: Sequence[str], unused: list[Unused]
) -> Learner | None:
    """Choose the newest notebook of the assignment among one person's files; None when all are of other assignments."""
    owner = files[0][0]
    person = Learner(owner.key, owner.name, platform_id=owner.platform_id, folder=owner.folder)
    notebooks = [(one, file) for one, file in files if file.is_notebook]
    usable: list[tuple[_Owner, FoundFile, tuple[OwnCell, ...], str]] = []
    others = 0
    for one, file in notebooks:
        why, cells = "", tuple[OwnCell, ...]()
        try:
            cells = tuple(read_cells(_octets(file)))
        except Unreadable as error:
            why = str(error)
        said = assignment_of(cells)
        named = said or next((name for name in _named(one.rest) if name in known and name != assignment), assignment)
        if named != assignment and (named in known or said):
            others += 1
            unused.append(Unused(str(file.path), f"it is of {named}"))
        else:
            usable.append((one, file, cells, why))
    usable.sort(key=lambda entry: (not entry[3], entry[1].when, str(entry[1].path)))  # a readable one before others
    for _, file, _, _ in usable[:-1]:
        unused.append(Unused(str(file.path), f"{usable[-1][1].path} is newer"))
    if not usable:
        return _without_notebook(person, files, others, unused)
    one, file, cells, why = usable[-1]
    beside = _beside(files, file, one, unused)
    notes = (why,) if why else ()
    is_exchange = not one.platform_id and file.archive is None and file.path.parent.name == assignment
    when = (_collected(beside) if is_exchange else None) or file.when
    return replace(person, cells=cells, path=str(file.path), when=when, is_late=one.is_late, notes=notes, beside=beside)


def _collected(beside: dict[str, bytes]) -> datetime | None:
    """Return when nbgrader's exchange took a submission, which it writes beside the notebook."""
    text = beside.get("timestamp.txt", b"").decode("ascii", "replace").strip()
    with suppress(ValueError):
        return datetime.fromisoformat(text.removesuffix(" UTC")).replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
    return None


def _named(rest: PurePosixPath) -> list[str]:
    return [match[0] for part in rest.parts for match in NUMBERED.finditer(part)]


def _without_notebook(
    person: Learner, files: Sequence[tuple[_Owner, FoundFile]], others: int, unused: list[Unused]
) -> Learner | None:
    """Somebody who handed in something else is in the list; somebody who only did another exercise is not."""
    rest = [file for _, file in files if not file.is_notebook]
    unused += [Unused(str(file.path), "it is no notebook") for file in rest]
    if others and not person.platform_id:
        return None
    names = ", ".join(file.path.name for _, file in files[:5])
    return replace(person, when=max(file.when for _, file in files), notes=(f"handed in no notebook of this: {names}",))


def _beside(
    files: Sequence[tuple[_Owner, FoundFile]], notebook: FoundFile, owner: _Owner, unused: list[Unused]
) -> dict[str, bytes]:
    """Return what lies beside the notebook: an answer may read it."""
    beside: dict[str, bytes] = {}
    size = 0
    for other, file in files:
        if file.is_notebook:
            continue
        size += file.size
        folder = owner.rest.parent
        name = other.rest.relative_to(folder) if other.rest.is_relative_to(folder) else other.rest
        if size > MAX_BESIDE:
            unused.append(
                Unused(str(file.path), f"the files beside the notebook have more than {MAX_BESIDE // 10**6} MB")
            )
        elif name.parts:
            with suppress(Unreadable):
                beside[str(name)] = _octets(file)
    return beside
