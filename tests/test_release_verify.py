"""Verify a release: what is whole is green; what is changed, gone, added or told differently is found and named."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aigc_music.cli.verify import command
from aigc_music.core.errors import FileError
from aigc_music.engine.provenance import record_id
from aigc_music.engine.verify import Verdict
from aigc_music.files.c2pa_boxes import unsigned
from aigc_music.release.brief import Labels
from aigc_music.release.labels import label_file
from aigc_music.release.signing import EMBEDDED, Signer
from aigc_music.release.store import json_bytes
from aigc_music.release.verify import verify_release

from .release_folder import BRIEF, guarded, make_release, rewritten


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path_factory.getbasetemp() / "home"
    monkeypatch.setenv("AIGC_MUSIC_HOME", str(path))
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release that is as it should be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIGC_MUSIC_HOME", str(tmp_path_factory.getbasetemp() / "home"))
        folder = make_release(tmp_path_factory.mktemp("whole") / "release")
    shutil.rmtree(folder / ".work")
    return folder


@pytest.fixture
def release(whole: Path, tmp_path: Path) -> Path:
    """A copy of it to damage."""
    return Path(shutil.copytree(whole, tmp_path / "release"))


def problems(folder: Path) -> str:
    """All problems, a line each."""
    return "\n".join(problem for verdict in verify_release(folder) for problem in verdict.problems)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def told_again(folder: Path, path: str) -> None:
    """Give the manifest the hashes of a file as it is now, as who changes a file on purpose would."""
    data = (folder / path).read_bytes()

    def change(document: dict[str, Any]) -> None:
        row = next(row for row in document["artifacts"] if row["path"] == path)
        row["sha256"] = hashlib.sha256(data).hexdigest()
        row.pop("unsigned_sha256", None)

    rewritten(folder, change)
    guarded(folder)


def test_a_whole_release_is_green(whole: Path) -> None:
    verdicts = verify_release(whole)
    assert all(verdict.ok for verdict in verdicts), problems(whole)
    assert len(verdicts) == len(files(whole)) - 1  # the manifest's signature goes with the manifest
    checked = {Path(verdict.path).name: verdict.checked for verdict in verdicts}
    assert {"id", "signature", "nothing else in the folder"} <= set(checked["manifest.json"])
    for what in (
        "hash",
        "record",
        "content",
        "made of music/song.mid",
        "C2PA signature",
        "C2PA disclosure",
        "AIGC field",
    ):
        assert what in checked["lyric-video.mp4"], what
    assert any("names nobody" in note for verdict in verdicts for note in verdict.notes)


def test_a_flipped_byte_in_any_file_is_found_and_the_file_named(release: Path) -> None:
    for path in files(release):
        data = (release / path).read_bytes()
        for place in (0, len(data) // 3, len(data) // 2, len(data) - 1):
            (release / path).write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            assert path.removesuffix(".c2pa") in problems(release), (path, place)
        (release / path).write_bytes(data)
    assert not problems(release)


def test_every_file_that_is_missing_is_named(release: Path) -> None:
    for path in files(release):
        kept = (release / path).read_bytes()
        (release / path).unlink()
        if path == "manifest.json":
            with pytest.raises(FileError, match=r"manifest\.json"):
                verify_release(release)
        elif path == "manifest.json.c2pa":
            assert not problems(release)  # the id still guards the manifest
        else:
            assert f"{path} is missing" in problems(release)
        (release / path).write_bytes(kept)


def test_files_that_nobody_listed_are_named(release: Path) -> None:
    (release / "cover" / "other.jpg").write_bytes(b"x")
    (release / ".hidden").write_bytes(b"x")
    (release / "music" / ".DS_Store").write_bytes(b"x")
    (release / ".work").mkdir()
    (release / ".work" / "lock").write_bytes(b"")
    found = problems(release)
    assert "cover/other.jpg is in the folder" in found and ".hidden" in found
    assert ".DS_Store" not in found and ".work" not in found


PATHS = ["/etc/passwd", "../outside.txt", "cover/../../outside.txt", "C:/x", "cover\\cover.jpg", "./cover/cover.jpg",
         "cover//cover.jpg", "", "a\0b", "cover/cover.jpg\n"]  # fmt: skip


GARBAGE = [
    b"",
    b"[" * 100_000,
    b"\xff\xd8\xff\xe1\xff\xff",
    b"{}",
    b"MThd",
    b"RIFF\xff\xff\xff\xffWAVE",
    b"\0\0\0\x08ftyp\0\0\0\0",
]
NAMED = ["words/words.json", "provenance.json", "cover/cover.jpg", "music/song.mid", "video/lyric-video.mp4",
         "music/mix.wav", "music/song.mid.c2pa"]  # fmt: skip


@pytest.mark.parametrize("path", NAMED)
@pytest.mark.parametrize("data", GARBAGE)
def test_files_of_garbage_are_found_whatever_the_manifest_says(path: str, data: bytes, release: Path) -> None:
    (release / path).write_bytes(data)
    told_again(release, path)
    assert path.removesuffix(".c2pa") in problems(release)


@pytest.mark.parametrize("path", PATHS)
def test_paths_never_lead_out_of_the_folder(path: str, release: Path) -> None:
    (release.parent / "outside.txt").write_bytes(b"secret")
    rewritten(release, lambda document: document["artifacts"][0].update(path=path))
    found = problems(release)
    assert "leads out of the folder, or is written oddly" in found
    assert hashlib.sha256(b"secret").hexdigest()[:16] not in found


def test_links_are_not_followed(release: Path) -> None:
    outside = release.parent / "outside"
    shutil.move(release / "cover", outside)
    (release / "cover").symlink_to(outside)
    assert "lies behind, a link" in problems(release)
    (release / "cover").unlink()
    shutil.move(outside, release / "cover")
    (release / "index.html").rename(release.parent / "page.html")
    (release / "index.html").symlink_to(release.parent / "page.html")
    assert "index.html is, or lies behind, a link" in problems(release)


@pytest.mark.parametrize(("data", "words"), [
    (b"", "is not JSON"), (b"\xff\xfe", "is not JSON"), (b"{" * 100_000, "is not JSON"),
    (b"[]", "lists no artifacts"),
    (b'{"artifacts": {}}', "lists no artifacts"), (b" " * (17 << 20), "more than 16 MB"),
    (b'{"artifacts": [1]}', "it has no path"), (b'{"artifacts": [{"path": "a", "sha256": 5}]}', "its sha256 is none"),
    (b'{"artifacts": [{"path": "a"}], "stages": 4, "songs": [[]]}', "its sha256 is none"),
])  # fmt: skip
def test_manifests_that_are_none(data: bytes, words: str, release: Path) -> None:
    (release / "manifest.json").write_bytes(data)
    assert words in problems(release)


ROWS: list[dict[str, Any]] = [
    {"role": "hit single"}, {"mime": 3}, {"parents": "music/song.mid"}, {"parents": [7]}, {"disclosure": []},
    {"disclosure": {"artwork": "a lot"}}, {"sha256": "0"}, {"unsigned_sha256": "x" * 64},
]  # fmt: skip


@pytest.mark.parametrize("change", ROWS)
def test_rows_that_are_none(change: dict[str, Any], release: Path) -> None:
    rewritten(release, lambda document: document["artifacts"][0].update(change))
    assert "artifact 1 of manifest.json" in problems(release)


def row_of(document: dict[str, Any], path: str) -> dict[str, Any]:
    return next(row for row in document["artifacts"] if row["path"] == path)


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "less disclosed": (lambda m: row_of(m, "cover/cover.jpg")["disclosure"].update(artwork="assisted"),
                       "cover/cover.jpg: the manifest says less than its record"),
    "more disclosed": (lambda m: row_of(m, "words/words.json")["disclosure"].update(lyrics="none"),
                       "words/words.json: the manifest says less"),
    "another disclosure": (lambda m: row_of(m, "music/mix.wav")["disclosure"].update(vocals="generated"),
                           "music/mix.wav: C2PA and the manifest tell different things"),
    "a parent is not named": (lambda m: row_of(m, "video/lyric-video.mp4").update(parents=["music/song.mid"]),
                              "video/lyric-video.mp4: it was made of cover/cover.jpg"),
    "a parent that is not there": (lambda m: row_of(m, "cover/cover.jpg")["parents"].append("music/demo.wav"),
                                   "it was made of music/demo.wav, which is not in the release"),
    "another type": (lambda m: row_of(m, "music/mix.wav").update(mime="audio/flac"), "its media type is audio/wav"),
    "listed twice": (lambda m: m["artifacts"].append(m["artifacts"][0]), "is listed twice"),
    "a title": (lambda m: m.update(title="Stolen"), "manifest.json was changed"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_the_manifest_says_is_held_against_the_files(name: str, release: Path) -> None:
    change, words = CHANGES[name]
    rewritten(release, change)
    assert words in problems(release)
    assert "manifest.json was changed" in problems(release)
    if name != "a title":
        guarded(release)  # also where the manifest was signed anew
        assert words in problems(release)


def test_a_signature_that_was_taken_out_is_missed(release: Path) -> None:
    for path in ("cover/cover.jpg", "music/mix.wav", "music/master.mp3", "music/stems/01-melody.flac",
                 "video/lyric-video.mp4", "cover/small.png"):  # fmt: skip
        assert Path(path).suffix in EMBEDDED
        data = unsigned((release / path).read_bytes())
        (release / path).write_bytes(data)
        told_again(release, path)
        assert f"{path}: its C2PA signature is gone" in problems(release)


def test_the_signature_of_another_file_is_found(release: Path) -> None:
    shutil.copy(release / "manifest.json.c2pa", release / "music/song.mid.c2pa")
    told_again(release, "music/song.mid.c2pa")
    assert "music/song.mid: the signature beside it does not hold" in problems(release)


def test_a_record_that_was_swapped_is_found(release: Path) -> None:
    """Whoever changes a record and writes its id, provenance.json and manifest anew still has the old signature."""
    path = "words/words.json"
    document = json.loads((release / path).read_bytes())
    document["provenance"]["seed"] = 8
    (release / path).write_bytes(json_bytes(document))
    told_again(release, path)
    found = problems(release)
    assert "the record was altered" in found and "not the one in provenance.json" in found
    document["provenance"]["id"] = record_id(document["provenance"])
    (release / path).write_bytes(json_bytes(document))
    told_again(release, path)
    found = problems(release)
    assert "not the one in provenance.json" in found and "AIGC field is not what the manifest" in found


def test_a_changed_file_that_was_signed_again_is_found_by_its_record(release: Path) -> None:
    path = "music/song.mid"
    data = (release / path).read_bytes()
    (release / path).write_bytes(data.replace(b"\x90\x3c", b"\x90\x3e"))  # another note
    told_again(release, path)
    signer = Signer.open(BRIEF.labels)
    assert signer is not None
    signer.detach(release / path, title=BRIEF.title, disclosure={"composition": "generated"})
    told_again(release, path + ".c2pa")
    assert "the content is not what the record was made for" in problems(release)


def test_a_label_that_is_gone_or_lies_is_found(release: Path) -> None:
    path = "words/words.json"
    document = json.loads((release / path).read_bytes())
    label = document.pop("AIGC")
    (release / path).write_bytes(json_bytes(document))
    told_again(release, path)
    assert "words/words.json: its AIGC field is gone" in problems(release)
    for change in ({"Label": "3"}, {"ProduceID": "0"}, {"Label": "7"}, {"Label": None}):
        (release / path).write_bytes(json_bytes(document | {"AIGC": label | change}))
        told_again(release, path)
        assert "AIGC field" in problems(release)


def test_an_iptc_field_that_lies_is_found(release: Path) -> None:
    path = "cover/cover.jpg"
    data = unsigned((release / path).read_bytes())
    (release / path).write_bytes(data.replace(b"trainedAlgorithmicMedia", b"digitalCreation        "))
    told_again(release, path)
    assert "cover/cover.jpg: its IPTC digital source type is not what the record says" in problems(release)


def test_a_release_without_signatures_and_labels_is_checked_by_its_hashes(tmp_path: Path) -> None:
    folder = make_release(tmp_path / "release", replace(BRIEF, labels=Labels(c2pa="off")))
    verdicts = verify_release(folder)
    assert all(verdict.ok for verdict in verdicts)
    assert any("no file is signed" in note for note in verdicts[0].notes)
    label_file(folder / "cover/cover.jpg", {"id": "x", "disclosure": {"artwork": "generated"}}, Labels(china=True))
    assert "cover/cover.jpg: the file was changed" in problems(folder)


def test_on_a_machine_without_the_test_certificate_signatures_hold_and_say_so(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIGC_MUSIC_HOME", str(tmp_path / "elsewhere"))
    assert not problems(release)
    notes = [note for verdict in verify_release(release) for note in verdict.notes]
    assert any("test certificate of another machine" in note for note in notes)
    assert not (tmp_path / "elsewhere").exists()  # reading makes no certificate


def test_an_album_is_checked_whole(release: Path, tmp_path: Path) -> None:
    album = tmp_path / "album"
    album.mkdir()
    shutil.copytree(release, album / "01-song")
    rows = json.loads((release / "manifest.json").read_bytes())["artifacts"]
    below = [row | {"path": f"01-song/{row['path']}", "parents": [f"01-song/{name}" for name in row["parents"]]}
             for row in rows]  # fmt: skip
    sheet = json.loads((release / "words/words.json").read_bytes())
    sheet["provenance"] |= {"seed": 8, "beside": {}}  # a file of the album's own, called as one of the song
    sheet["provenance"]["id"] = sheet["AIGC"]["ProduceID"] = record_id(sheet["provenance"])
    own = {
        "words/words.json": ("lyrics", json_bytes(sheet)),
        "provenance.json": ("provenance", json_bytes({"records": {"words/words.json": sheet["provenance"]}})),
    }
    parents = {"words/words.json": ["01-song/music/song.mid"], "provenance.json": []}
    for path, (role, data) in own.items():
        (album / path).parent.mkdir(exist_ok=True)
        (album / path).write_bytes(data)
        below.append({"path": path, "sha256": hashlib.sha256(data).hexdigest(), "mime": "application/json",
                      "role": role, "parents": parents[path], "disclosure": {"lyrics": "assisted"}})  # fmt: skip
    songs = [{"title": "Song", "folder": "01-song"}]
    (album / "manifest.json").write_bytes(json_bytes({"artifacts": below, "songs": songs, "stages": []}))
    guarded(album)
    assert not problems(album)
    (album / "01-song/cover/cover.jpg").write_bytes(b"x")
    assert "cover/cover.jpg: the file was changed" in problems(album)
    rewritten(album, lambda document: document["artifacts"][0].update(sha256="0" * 64))
    assert "says something else of it than 01-song/manifest.json" in problems(album)
    rewritten(album, lambda document: document["songs"].append({"title": "Gone", "folder": "02-gone"}))
    assert "'02-gone' of the album is missing" in problems(album)


# ------------------------------------------------------------------------------------- command line


def run(*arguments: Any) -> tuple[int, dict[str, Any], str]:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    last = result.stdout.strip().splitlines()[-1] if result.stdout.strip() else ""
    return result.exit_code, json.loads(last) if last.startswith("{") else {}, result.stdout


def test_the_command_line_tells_it_in_words_and_as_json(release: Path) -> None:
    code, told, _ = run(release, "--json")
    assert (code, told["ok"], told["problems"]) == (0, True, [])
    assert {"path", "checked", "problems", "notes", "ok"} == set(told["files"][0])
    code, told, _ = run(release / "music/mix.wav", "--json")
    assert code == 0 and [Path(row["path"]).name for row in told["files"]] == ["mix.wav"]
    (release / "cover/cover.jpg").write_bytes(b"x")
    code, told, _ = run(release, "--json")
    assert code == 1 and not told["ok"] and any("cover/cover.jpg" in problem for problem in told["problems"])
    code, _, words = run(release)
    assert code == 1 and "wrong: cover/cover.jpg: the file was changed" in words


def test_the_command_line_refuses_what_makes_no_sense(release: Path) -> None:
    (release / "note.txt").write_bytes(b"x")
    for arguments in ((release, "--again"), (release / "note.txt",), (release / "none.txt",)):
        result = CliRunner().invoke(command, [str(argument) for argument in arguments])
        assert result.exception is not None and result.exit_code == 1


def test_a_folder_of_releases_is_checked_whole(release: Path) -> None:
    code, told, _ = run(release.parent, "--json")
    assert code == 0 and told["ok"] and len(told["files"]) > 10


def test_a_verdict_without_checks_is_not_ok() -> None:
    assert not Verdict("x").ok
