"""Labels and signatures: what is said of a file is read back, changes nothing of what it holds, and comes out the
same each time."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from aigc_music.core.errors import FileError, ModelError, UsageError
from aigc_music.core.lyrics import Line, Syllable, TimedLyrics, Word
from aigc_music.core.notes import Note, Score, Track
from aigc_music.core.sounds import Sound
from aigc_music.engine import ImageRequest
from aigc_music.engine.encodings import encoding_of_suffix
from aigc_music.engine.job import JobContext
from aigc_music.engine.work import work
from aigc_music.files import midi, pictures
from aigc_music.files.audio import sound_bytes, with_lyrics
from aigc_music.files.c2pa_boxes import store_of, unsigned, with_store
from aigc_music.files.midi import read_score, score_bytes
from aigc_music.release import certificate, originality
from aigc_music.release.brief import Brief, Labels
from aigc_music.release.certificate import Credentials, own_credentials, test_anchors, test_credentials
from aigc_music.release.credits import credits_of, credits_text
from aigc_music.release.labels import KEYS, TERMS, aigc_field, field_of, label_file, label_of, merged, source_type
from aigc_music.release.originality import report, report_text
from aigc_music.release.sealing import in_form, sealed
from aigc_music.release.signature import read_signature
from aigc_music.release.signing import EMBEDDED, Signer
from aigc_music.release.visible import LEAST, labelled_pixels
from models.pictures.originality import Index as PictureIndex
from models.pictures.originality import build as build_pictures
from models.pictures.originality import save as save_pictures
from models.zoo import cards

from .jack_world import need
from .release_folder import CONTENTS, piece

# pytest would take them for tests of its own
test_credentials.__test__ = test_anchors.__test__ = False  # type: ignore[attr-defined]

CHINA = Labels(china=True, producer="Ada Park & 林伟 <studio>")
DISCLOSURES = st.dictionaries(st.sampled_from(["composition", "lyrics", "vocals", "instruments", "artwork", "video"]),
                              st.sampled_from(["none", "assisted", "generated"]))  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One folder of the user's things for all tests here, so that there is one certificate."""
    path = tmp_path_factory.getbasetemp() / "home"
    monkeypatch.setenv("AIGC_MUSIC_HOME", str(path))
    return path


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    """Path in a release -> its file, with a record inside."""
    found: dict[str, Any] = {}
    for path in CONTENTS:
        found |= {row.path: row for row in piece(path, found)}
    return found


def written(folder: Path, row: Any) -> Path:
    path = folder / Path(row.path).name
    path.write_bytes(row.data)
    return path


# ------------------------------------------------------------------------------------------- disclosures


@given(DISCLOSURES, DISCLOSURES)
def test_the_most_that_was_said_of_a_role_counts(one: dict[str, str], other: dict[str, str]) -> None:
    found = merged(one, other)
    order = list(TERMS)
    assert set(found) == set(one) | set(other)
    for role, how in found.items():
        assert order.index(how) == max(order.index(told[role]) for told in (one, other) if role in told)


def test_unknown_roles_and_values_are_refused() -> None:
    with pytest.raises(UsageError, match="Did you mean"):
        merged({"artwrok": "none"})
    with pytest.raises(UsageError, match="generated"):
        merged({"artwork": "robot"})


def test_source_types_of_mixed_roles() -> None:
    assert source_type({"composition": "generated"}).endswith("/trainedAlgorithmicMedia")
    assert source_type({"composition": "generated", "vocals": "none"}).endswith(
        "/compositeWithTrainedAlgorithmicMedia"
    )
    assert source_type({"composition": "none"}).endswith("/digitalCreation")
    drawn = {"asset": "image", "disclosure": {"artwork": "generated"}, "materials": []}
    assert source_type({"artwork": "generated"}, drawn).endswith("/algorithmicMedia")


@given(DISCLOSURES, st.text(max_size=40))
def test_the_field_has_seven_texts_and_is_left_out_where_no_machine_was(told: dict[str, str], who: str) -> None:
    text = aigc_field({"id": "ab", "content_sha256": "cd"}, Labels(producer=who), told)
    assert (text == "") == (not set(told.values()) - {"none"})
    if text:
        field = field_of(text)
        assert tuple(field) == KEYS
        assert (field["Label"], field["ProduceID"]) == ("1", "ab")
        assert field["ContentProducer"] == (who or "aigc-music")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"Label": "1"}', json.dumps(dict.fromkeys(KEYS, "9")),
                                  json.dumps(dict.fromkeys(KEYS, 1)), "[" * 100_000])  # fmt: skip
def test_what_is_no_field(text: str) -> None:
    with pytest.raises(FileError):
        field_of(text)


# ------------------------------------------------------------------------------------ labels in files


@pytest.mark.parametrize("path", CONTENTS)
def test_a_label_is_read_back_and_changes_nothing_of_the_content(
    path: str, made: dict[str, Any], tmp_path: Path
) -> None:
    file, record = written(tmp_path, made[path]), made[path].record
    encoding = encoding_of_suffix(file.suffix)
    assert encoding is not None
    before = encoding.read(file)
    label_file(file, record, CHINA)
    labelled = file.read_bytes()
    assert field_of(label_of(file)) == field_of(aigc_field(record, CHINA, record["disclosure"]))
    assert encoding.read(file) == before
    label_file(file, record, Labels(china=True))
    assert field_of(label_of(file))["ContentProducer"] == "aigc-music"  # in place of the other, not beside it
    label_file(file, record, CHINA)
    assert file.read_bytes() == labelled


def test_no_label_is_written_where_nobody_asks_or_no_machine_was(made: dict[str, Any], tmp_path: Path) -> None:
    row = made["cover/cover.jpg"]
    file = written(tmp_path, row)
    label_file(file, row.record, Labels(china=False))
    label_file(file, row.record | {"disclosure": {"artwork": "none"}}, CHINA)
    label_file(file, None, CHINA)
    assert file.read_bytes() == row.data


def test_a_brief_can_say_more_than_the_record_not_less(made: dict[str, Any], tmp_path: Path) -> None:
    row = made["cover/cover.jpg"]
    file = written(tmp_path, row)
    label_file(file, row.record, Labels(china=True, disclosure={"artwork": "none", "vocals": "generated"}))
    assert field_of(label_of(file))["Label"] == "1"


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_picture_without_xmp_is_labelled(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"plain{suffix}"
    Image.new("RGB", (16, 16), "red").save(file)
    pixels, data = pictures.pixels_of(file), file.read_bytes()
    file.write_bytes(pictures.labelled(data, '{"Label":"1"}'))
    assert pictures.label_of(file.read_bytes()) == '{"Label":"1"}'
    assert (pictures.pixels_of(file) == pixels).all()
    assert pictures.without_xmp(file.read_bytes()) == data


def test_what_is_no_picture_is_not_labelled() -> None:
    with pytest.raises(FileError, match="JPEG or PNG"):
        pictures.labelled(b"GIF89a", "{}")


@given(
    st.text(max_size=30),
    st.lists(st.tuples(st.integers(0, 5000), st.text(max_size=20)), max_size=3),
    st.text(max_size=300),
)
@settings(max_examples=50)
def test_a_label_in_midi_changes_no_music(title: str, texts: list[tuple[int, str]], who: str) -> None:
    score = Score(title=title, texts=texts, tracks=[Track("lead", notes=[Note(0, 60, 90, 480)])])
    plain = score_bytes(score)
    label = json.dumps({"Label": "1", "ContentProducer": who})
    data = midi.labelled(midi.labelled(plain, '{"Label":"2"}'), label)
    assert midi.label_of(data) == label
    assert read_score(data) == read_score(plain)
    assert not read_score(data).repairs


@pytest.mark.parametrize("data", [b"", b"RIFF", b"MThd\0\0\0\6", b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\0\0\0\xff\0"])
def test_what_is_no_midi_file_is_not_labelled(data: bytes) -> None:
    with pytest.raises(FileError):
        midi.labelled(data, "{}")
    assert midi.label_of(data) == ""


@pytest.mark.real
def test_exiftool_reads_the_labels(made: dict[str, Any], tmp_path: Path) -> None:
    need("exiftool")
    tags = {
        "cover/cover.jpg": "XMP-TC260:Aigc", "cover/small.png": "XMP-TC260:Aigc",
        "video/lyric-video.mp4": "Keys:AIGC", "music/stems/01-melody.flac": "Vorbis:Aigc",
    }  # fmt: skip
    for path, tag in tags.items():
        file, record = written(tmp_path, made[path]), made[path].record
        label_file(file, record, CHINA)
        Signer_open().sign(file, title="x", disclosure=record["disclosure"], record=record)
        answer = subprocess.run(["exiftool", "-json", "-G1", "-a", str(file)], capture_output=True, check=True)
        told = json.loads(answer.stdout)[0]
        assert field_of(told[tag] if isinstance(told[tag], str) else json.dumps(told[tag])) == field_of(
            label_of(file)
        )
        if path.startswith("cover"):
            assert told["XMP-iptcExt:DigitalSourceType"] == source_type(record["disclosure"], record)
        wrong = [told[key] for key in told if key.endswith(("Error", "Warning"))]
        # exiftool wants ten bytes behind the last frame of an ID3 tag, which the format does not
        assert not [warning for warning in wrong if warning != "Invalid ID3 frame size"], path


# --------------------------------------------------------------------------------------- signatures


def Signer_open(labels: Labels | None = None) -> Signer:  # noqa: N802
    signer = Signer.open(labels or Labels())
    assert signer is not None
    return signer


SIGNED = [path for path in CONTENTS if Path(path).suffix in EMBEDDED]


@pytest.mark.parametrize("path", SIGNED)
def test_a_signature_holds_goes_away_without_a_trace_and_is_the_same_each_time(
    path: str, made: dict[str, Any], tmp_path: Path
) -> None:
    row = made[path]
    file = written(tmp_path, row)
    label_file(file, row.record, CHINA)
    plain = file.read_bytes()
    parents = [written(tmp_path, made[other]) for other in CONTENTS[path][3]]
    told = {"title": "Harbour Lights 港", "disclosure": row.record["disclosure"], "record": row.record}
    Signer_open().sign(file, parents=parents, **told)
    signed = file.read_bytes()
    assert unsigned(signed) == plain != signed
    assert encoding_of_suffix(file.suffix).read(file)[0] == row.record  # type: ignore[union-attr]
    found = read_signature(file)
    assert found is not None and found.holds and found.trusted and found.test and not found.failures
    assert (found.title, found.own["record"], found.own["seed"]) == ("Harbour Lights 港", row.record["id"], 7)
    assert found.own["models"] == [{"name": "tiny", "sha256": "1" * 64, "licence": "CC0-1.0"}]
    assert found.ingredients == tuple(parent.name for parent in parents)
    assert source_type(row.record["disclosure"], row.record) in found.source_types
    Signer_open().sign(file, parents=parents, **told)  # again, over the old one
    assert file.read_bytes() == signed


@pytest.mark.parametrize("suffix", [".mp3", ".flac"])
def test_sound_with_words_in_its_tags_is_signed_and_read_back(suffix: str, tmp_path: Path) -> None:
    word = Word((Syllable("港", 0.1, 0.2), Syllable("lights", 0.2, 0.4)))
    sound = Sound(np.zeros((4800, 2), np.float32), title="港", creator="Ada")
    file = tmp_path / f"sung{suffix}"
    file.write_bytes(with_lyrics(sound_bytes(sound, suffix, "{}"), suffix, TimedLyrics((Line((word,)),))))
    plain = file.read_bytes()
    Signer_open().sign(file, title="x", disclosure={"instruments": "generated"})
    found = read_signature(file)
    assert found is not None and found.holds and unsigned(file.read_bytes()) == plain


def test_another_process_at_another_time_makes_the_same_signature(made: dict[str, Any], tmp_path: Path) -> None:
    row = made["video/lyric-video.mp4"]
    file, cover = written(tmp_path, row), written(tmp_path, made["cover/cover.jpg"])
    Signer_open().sign(cover, title="c", disclosure={"artwork": "generated"}, record=made["cover/cover.jpg"].record)
    code = (
        "import sys; from pathlib import Path; from aigc_music.release.signing import Signer\n"
        "from aigc_music.release.brief import Labels\n"
        "told = {'title': 'v', 'disclosure': {'video': 'generated'}, 'parents': [Path(sys.argv[2])]}\n"
        "Signer.open(Labels()).sign(sys.argv[1], **told)"
    )
    subprocess.run([sys.executable, "-c", code, str(file), str(cover)], check=True, cwd=Path(__file__).parent.parent)
    there = file.read_bytes()
    file.write_bytes(row.data)
    Signer_open().sign(file, title="v", disclosure={"video": "generated"}, parents=[cover])
    assert file.read_bytes() == there


def test_a_signature_can_be_read_by_c2pa_alone_in_another_process(made: dict[str, Any], tmp_path: Path) -> None:
    file = written(tmp_path, made["cover/cover.jpg"])
    song = written(tmp_path, made["music/song.mid"])
    Signer_open().sign(file, title="c", disclosure={"artwork": "generated"})
    beside = Signer_open().detach(song, title="s", disclosure={"composition": "generated"})
    assert beside.name == "song.mid.c2pa"
    code = (
        "import c2pa, sys\n"
        "print(c2pa.Reader('image/jpeg', open(sys.argv[1], 'rb')).get_validation_state())\n"
        "store = open(sys.argv[2] + '.c2pa', 'rb').read()\n"
        "print(c2pa.Reader('audio/midi', open(sys.argv[2], 'rb'), store).get_validation_state())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(file), str(song)], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["Valid", "Valid"]  # not trusted: that process knows no test authority


@pytest.mark.parametrize("path", [*SIGNED, "music/song.mid"])
def test_a_flipped_byte_breaks_a_signature(path: str, made: dict[str, Any], tmp_path: Path) -> None:
    row = made[path]
    file = written(tmp_path, row)
    signer = Signer_open()
    if path.endswith(".mid"):
        signer.detach(file, title="x", disclosure={})
    else:
        signer.sign(file, title="x", disclosure={})
    data = bytearray(file.read_bytes())
    data[-9] ^= 4
    file.write_bytes(data)
    try:
        found = read_signature(file)
    except FileError:
        return
    assert found is None or not found.holds


def test_every_byte_of_a_detached_signature_counts(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    file.write_bytes(b"{}")
    store = Signer_open().detach(file, title="x", disclosure={}).read_bytes()
    assert in_form(store)
    for place in range(0, len(store), 7):
        changed = bytearray(store)
        changed[place] ^= 1
        file.with_name("manifest.json.c2pa").write_bytes(changed)
        try:
            found = read_signature(file)
        except FileError:
            continue
        assert found is None or not found.holds or not in_form(bytes(changed)), place


def mp3(frames: bytes, major: int) -> bytes:
    """An MP3 file with an ID3 tag of these frames; '' for none."""
    from aigc_music.files.audio import sound_bytes

    from .release_folder import tone

    data = sound_bytes(tone(), ".mp3", "")
    start = 10 + sum(byte << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
    tag = b"ID3" + bytes([major, 0, 0, 0, 0, len(frames) >> 7, len(frames) & 127]) + frames if frames else b""
    return tag + data[start if data[:3] == b"ID3" else 0 :]


def wav(odd: int) -> bytes:
    """A mono WAV of 8 bits with an odd number of frames, so that its data chunk is padded."""
    frames = bytes(range(100, 100 + odd))
    body = b"WAVEfmt " + (16).to_bytes(4, "little") + b"\1\0\1\0\x40\x1f\0\0\x40\x1f\0\0\1\0\x08\0"
    body += b"data" + len(frames).to_bytes(4, "little") + frames + bytes(odd % 2)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


@pytest.mark.parametrize("name", ["none.mp3", "v23.mp3", "v24.mp3", "padded.mp3", "odd.wav", "even.wav", "grey.png",
                                  "bare.jpg", "progressive.jpg"])  # fmt: skip
def test_files_of_other_programs_come_back_as_they_were(name: str, tmp_path: Path) -> None:
    title = b"TIT2\0\0\0\3\0\0\3hi"
    picture = Image.fromarray(np.arange(300, dtype=np.uint32).reshape(10, 30).astype(np.uint8))
    out = io.BytesIO()
    if name.endswith((".png", ".jpg")):
        picture.save(
            out, name[-3:].replace("jpg", "jpeg"), **({"progressive": True} if name.startswith("prog") else {})
        )
    data = {
        "none.mp3": lambda: mp3(b"", 4), "v23.mp3": lambda: mp3(title, 3), "v24.mp3": lambda: mp3(title, 4),
        "padded.mp3": lambda: mp3(title + bytes(200), 4), "odd.wav": lambda: wav(51), "even.wav": lambda: wav(50),
    }.get(name, out.getvalue)()  # fmt: skip
    file = tmp_path / name
    file.write_bytes(data)
    Signer_open().sign(file, title="x", disclosure={"artwork": "assisted"})
    signed = file.read_bytes()
    assert unsigned(signed) == data and store_of(signed) is not None
    assert with_store(signed, store_of(signed) or b"") == signed
    assert read_signature(file).holds  # type: ignore[union-attr]


HEADS = [
    b"",
    b"\xff\xd8",
    b"\x89PNG\r\n\x1a\n",
    b"RIFF____WAVE",
    b"ID3\4\0\0\0\0\0\x20",
    b"\0\0\0\x10ftypisom\0\0\0\0",
]


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_signature_of_many_parents_goes_into_several_pieces(
    suffix: str, tmp_path: Path, made: dict[str, Any]
) -> None:
    parents = []
    for number in range(20):
        file = written(tmp_path, made["cover/cover.jpg"])
        Signer_open().sign(file, title=f"parent {number}", disclosure={"artwork": "generated"})
        parents.append(file.rename(tmp_path / f"{number}.jpg"))
    file = tmp_path / f"child{suffix}"
    Image.new("RGB", (8, 8)).save(file)
    plain = file.read_bytes()
    Signer_open().sign(file, title="child", disclosure={"artwork": "assisted"}, parents=parents)
    signed = file.read_bytes()
    assert len(store_of(signed) or b"") > 1 << 16
    assert unsigned(signed) == plain
    found = read_signature(file)
    assert found is not None and found.holds and len(found.ingredients) == 20
    Signer_open().sign(file, title="child", disclosure={"artwork": "assisted"}, parents=parents)
    assert file.read_bytes() == signed


@given(st.binary(max_size=200), st.sampled_from(HEADS))
def test_bytes_that_are_not_signed_stay_as_they_are(data: bytes, head: bytes) -> None:
    if store_of(head + data) is None:
        assert unsigned(head + data) == head + data


def test_files_that_hold_no_signature_say_where_it_can_be(tmp_path: Path) -> None:
    file = tmp_path / "song.mid"
    file.write_bytes(b"MThd")
    with pytest.raises(FileError, match=re.escape("song.mid.c2pa")):
        Signer_open().sign(file, title="x", disclosure={})
    assert read_signature(file) is None


def test_a_file_that_cannot_be_signed_stays_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "broken.mp4"
    file.write_bytes(b"no film at all")
    with pytest.raises(FileError, match="cannot sign"):
        Signer_open().sign(file, title="x", disclosure={})
    assert file.read_bytes() == b"no film at all"
    assert [entry.name for entry in tmp_path.iterdir()] == ["broken.mp4"]


def test_no_signature_where_none_is_wished() -> None:
    assert Signer.open(Labels(c2pa="off")) is None


# -------------------------------------------------------------------------------------- certificates


def test_the_test_certificate_is_kept_secret_and_says_what_it_is(tmp_path: Path) -> None:
    first = test_credentials(tmp_path)
    (file,) = (tmp_path / "signing").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    leaf, root = x509.load_pem_x509_certificates(first.chain)
    for row in (leaf, root):
        assert "TEST, not an identity" in row.subject.rfc4514_string().replace("\\", "")
    assert test_credentials(tmp_path).chain == first.chain
    assert [entry.name for entry in (tmp_path / "signing").iterdir()] == ["test-signer-1.pem"]


def test_a_certificate_is_renewed_before_it_ends_and_old_signatures_stay_known(
    tmp_path: Path, made: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, made["cover/cover.jpg"])
    old = Signer.open(Labels(), tmp_path / "home")
    assert old is not None
    old.sign(file, title="x", disclosure={})
    monkeypatch.setattr(certificate, "RENEWED", certificate.LASTS + 1)
    new = Signer.open(Labels(), tmp_path / "home")
    assert new is not None and new.credentials.chain != old.credentials.chain
    assert sorted(entry.name for entry in (tmp_path / "home/signing").iterdir()) == [
        "test-signer-1.pem",
        "test-signer-2.pem",
    ]
    found = read_signature(file, tmp_path / "home")
    assert found is not None and found.trusted


def test_of_two_that_make_the_certificate_at_once_the_first_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    winner = certificate._made()

    def late() -> bytes:
        (tmp_path / "signing").mkdir(exist_ok=True)
        (tmp_path / "signing/test-signer-1.pem").write_bytes(winner)
        return certificate.__dict__["_real_made"]()

    monkeypatch.setitem(certificate.__dict__, "_real_made", certificate._made)
    monkeypatch.setattr(certificate, "_made", late)
    assert test_credentials(tmp_path).key_pem in winner
    assert [entry.name for entry in (tmp_path / "signing").iterdir()] == ["test-signer-1.pem"]


def test_a_damaged_test_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "signing").mkdir()
    (tmp_path / "signing/test-signer-1.pem").write_text("garbage")
    with pytest.raises(FileError, match=r"test-signer-1\.pem"):
        test_credentials(tmp_path)


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="AIGC_MUSIC_HOME"):
        test_credentials(tmp_path / "file")


def credentials(
    folder: Path,
    *,
    key: Any = None,
    days: tuple[int, int] = (-1, 30),
    uses: Any = (ExtendedKeyUsageOID.EMAIL_PROTECTION,),
    own: bool = False,
    ca: bool = False,
    signs: bool = True,
    password: bytes | None = None,
    authority: Any = None,
) -> tuple[Path, Path]:
    """A certificate and a key of a user, as PEM files."""
    key = key() if key else ec.generate_private_key(ec.SECP256R1())
    authority = key if own else authority or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Park Records")])
    issuer = name if own else x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "An Authority")])
    now = datetime.now(UTC)
    usage = x509.KeyUsage(signs, not signs, False, False, False, False, False, False, False)
    builder = x509.CertificateBuilder(
        issuer, name, key.public_key(), 77, now + timedelta(days[0]), now + timedelta(days[1])
    )
    builder = builder.add_extension(x509.BasicConstraints(ca, None), True).add_extension(usage, True)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), False)
    if uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage(list(uses)), False)
    leaf = builder.sign(authority, None if isinstance(authority, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    places = folder / "chain.pem", folder / "key.pem"
    places[0].write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    places[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden))
    return places


KEYS_OF_USERS: dict[str, Any] = {
    "es256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "es384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "es512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ps256": lambda: rsa.generate_private_key(65537, 2048),
}


@pytest.mark.parametrize("algorithm", KEYS_OF_USERS)
def test_the_users_own_certificate_signs(algorithm: str, tmp_path: Path, made: dict[str, Any]) -> None:
    chain, key = credentials(tmp_path, key=KEYS_OF_USERS[algorithm])
    signer = Signer_open(Labels(c2pa="own", certificate=str(chain), key=str(key)))
    assert signer.credentials.algorithm == algorithm
    file = written(tmp_path, made["cover/cover.jpg"])
    signer.sign(file, title="x", disclosure={"artwork": "none"})
    first = file.read_bytes()
    signer.sign(file, title="x", disclosure={"artwork": "none"})
    assert (file.read_bytes() == first) == (algorithm != "ps256")  # RSA-PSS draws a salt of its own
    found = read_signature(file)
    assert found is not None and found.holds and not found.trusted and not found.test and found.name == "Park Records"


@pytest.mark.parametrize(("wishes", "words"), [
    ({"days": (-9, -1)}, "is valid from"), ({"days": (3, 9)}, "is valid from"), ({"own": True}, "signed by itself"),
    ({"ca": True}, "authority's"), ({"signs": False}, "not for signing"), ({"uses": ()}, "extended key usage"),
    ({"uses": (ExtendedKeyUsageOID.SERVER_AUTH,)}, "extended key usage"),
    ({"key": lambda: rsa.generate_private_key(65537, 1024)}, "too weak"),
    ({"key": lambda: ec.generate_private_key(ec.SECP256K1())}, "of a curve"),
    ({"password": b"right"}, "AIGC_MUSIC_KEY_PASSWORD"),
])  # fmt: skip
def test_certificates_that_may_not_sign(wishes: dict[str, Any], words: str, tmp_path: Path) -> None:
    chain, key = credentials(tmp_path, **wishes)
    with pytest.raises(FileError, match=words):
        own_credentials(chain, key)


def test_a_certificate_that_has_run_out_since_is_told_apart_from_a_changed_file(
    tmp_path: Path, made: dict[str, Any]
) -> None:
    """The library signs with no certificate that has ended, so that one is put into a finished signature."""
    key, authority = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
    good, _ = credentials(tmp_path, key=lambda: key, authority=authority)
    chain = good.read_bytes()
    late, _ = credentials(tmp_path, key=lambda: key, authority=authority, days=(-9, -1))
    ended = x509.load_pem_x509_certificate(late.read_bytes())
    own = Credentials(chain, key, "ed25519", test=False)
    file = written(tmp_path, made["cover/cover.jpg"])
    Signer(own).sign(file, title="x", disclosure={})
    data = file.read_bytes()
    der = serialization.Encoding.DER
    before = x509.load_pem_x509_certificate(chain).public_bytes(der)
    store = (store_of(data) or b"").replace(before, ended.public_bytes(der))
    file.write_bytes(with_store(data, sealed(store, own, b"seed")))
    found = read_signature(file)
    assert found is not None and found.holds and found.ended and not found.trusted
    file.write_bytes(file.read_bytes()[:-9] + b"changed!!")
    found = read_signature(file)
    assert found is not None and not found.holds and "assertion.dataHash.mismatch" in found.failures


def test_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, key = credentials(tmp_path, password=b"right")
    monkeypatch.setenv("AIGC_MUSIC_KEY_PASSWORD", "wrong")
    with pytest.raises(FileError, match="does not open"):
        own_credentials(chain, key)
    monkeypatch.setenv("AIGC_MUSIC_KEY_PASSWORD", "right")
    assert own_credentials(chain, key).algorithm == "es256"


def test_files_that_are_no_certificate(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    chain, key = credentials(tmp_path)
    _, stranger = credentials(tmp_path / "other")
    (tmp_path / "garbage.pem").write_bytes(os.urandom(100))
    with pytest.raises(UsageError, match=r"labels\.certificate is missing"):
        own_credentials("", "")
    with pytest.raises(UsageError, match=r"labels\.key is missing"):
        own_credentials(chain, "")
    for pair, words in (
        ((tmp_path / "none.pem", key), "none.pem"), ((chain, tmp_path / "none.pem"), "none.pem"),
        ((tmp_path / "garbage.pem", key), "no certificate"), ((chain, tmp_path / "garbage.pem"), "no private key"),
        ((chain, stranger), "does not belong"), ((tmp_path, key), "not a regular file"),
        ((key, key), "no certificate"),
    ):  # fmt: skip
        with pytest.raises(FileError, match=words):
            own_credentials(*pair)


# ------------------------------------------------------------------------- what people see and read


@pytest.mark.parametrize("size", [(200, 200), (120, 300), (300, 120)])
@pytest.mark.parametrize("ground", [0, 127, 255])
def test_the_visible_label_is_large_enough_and_stands_in_the_corner(size: tuple[int, int], ground: int) -> None:
    blank = np.full((size[1], size[0], 3), ground, np.uint8)
    found = labelled_pixels(blank, "zh-Hans")
    rows, columns = np.nonzero((found != blank).any(2))
    assert rows.min() > size[1] / 2 and columns.min() > size[0] / 4  # the rest of the picture is as it was
    letters = np.nonzero((found > 150).all(2) & (found != blank).any(2) | ((ground == 255) & (found > 150).all(2)))[0]
    inside = letters[(letters >= rows.min()) & (letters <= rows.max())]
    assert inside.max() - inside.min() + 1 >= LEAST * min(size)


def test_credits_name_people_as_given_and_machines_for_what_they_did(made: dict[str, Any]) -> None:
    brief = Brief("Harbour Lights", "Ada Park", credits={"lyricist": ("Ada Park",), "producer": "Lin Wei",
                                                        "isrc": "QZABC2600001"})  # fmt: skip
    records = {path: row.record for path, row in made.items() if row.record}
    records["music/song.mid"] = records["music/song.mid"] | {"materials": [
        {"role": "model", "name": "default", "sha256": None, "licence": "Apache-2.0",
         "data": [{"set": "groove_drums", "licence": "CC BY 4.0"}]},
        {"role": "font", "name": "Inter", "sha256": None, "licence": "OFL-1.1"}]}  # fmt: skip
    document = credits_of(brief, [], records)
    assert document["people"] == [{"name": "Ada Park", "role": "lyricist"}, {"name": "Lin Wei", "role": "producer"}]
    assert document["ai"] == {"vocals": "none", "instrumentation": "fully", "composition": "fully",
                              "post_production": "none", "lyrics": "partly"}  # fmt: skip
    assert [row["role"] for row in document["spotify"]] == ["Composer", "Instrumentalist"]  # fully, and audio alone
    assert document["beyond_audio"] == {"artwork": "fully", "video": "fully"}
    assert document["isrc"] == "QZABC2600001"
    text = credits_text(document)
    for words in ("Lyricist: Ada Park", "Groove MIDI Dataset", "CC BY 4.0", "Inter (OFL-1.1)", "ISRC QZABC2600001"):
        assert words in text
    assert json.loads(json.dumps(document)) == json.loads(json.dumps(credits_of(brief, [], records)))


def test_credits_of_a_release_without_machines() -> None:
    text = credits_text(credits_of(Brief("A", "B"), [{"disclosure": {"lyrics": "none"}}], {}))
    assert "No part" in text


# --------------------------------------------------------------------------------------- originality


def test_the_index_of_pictures_finds_a_picture_its_mirror_image_and_its_likes(tmp_path: Path) -> None:
    path = tmp_path / "images_art256.zip"
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 255, (12, 8, 8, 3), dtype=np.uint8)
    names = [f"landscapes/{number}.jpg" for number in range(12)]
    with zipfile.ZipFile(path, "w") as archive:
        for name, pixels in zip(names, coarse, strict=True):
            blob = io.BytesIO()
            Image.fromarray(pixels).resize((256, 256), Image.Resampling.BICUBIC).save(blob, "JPEG", quality=95)
            archive.writestr(f"images/{name}", blob.getvalue())
        archive.writestr("splits/train.txt", "\n".join(names[:8]))
        archive.writestr("splits/valid.txt", "\n".join(names[8:]))
    index = build_pictures(path)
    assert index.facts["pictures"] == 8 and index.threshold > 4
    for name, pixels in zip(names[:8], coarse, strict=False):
        for picture in (pixels, pixels[:, ::-1], 255 - (255 - pixels) // 2):  # itself, mirrored, paler
            large = np.asarray(Image.fromarray(picture).resize((200, 200), Image.Resampling.BICUBIC))
            bits, nearest = index.nearest(large)
            assert nearest == name and bits <= 4
    save_pictures(index, tmp_path)
    (tmp_path / "card.json").write_text("{}")
    assert PictureIndex.load(str(tmp_path)).nearest(large) == (bits, nearest)
    (tmp_path / "originality.safetensors").write_bytes(b"\0" * 100)
    other = shutil.copytree(tmp_path, tmp_path / "other")  # an index is read once
    with pytest.raises(ModelError, match="damaged"):
        PictureIndex.load(str(other))


def test_the_shipped_index_fits_the_shipped_painter() -> None:
    from models.pictures.sample import Painter

    index = PictureIndex.load()
    assert index.facts["pictures"] == Painter.load("pictures").card["data"][0]["train_pictures"]


def test_a_release_is_told_where_it_is_near_to_what_was_learned_from(tmp_path: Path) -> None:
    """A tune made by hand, words that stand in an old song, and a cover that uses nothing painted."""
    score = Score(tracks=[Track("lead", notes=[Note(480 * n, 60 + n % 7, 90, 480) for n in range(16)])])
    (tmp_path / "song.mid").write_bytes(score_bytes(score))
    lines = [
        "oh say can you see by the dawn's early light",
        "what so proudly we hailed at the twilight's last gleaming",
    ]
    sheet = {"language": "en", "lines": [{"text": line} for line in lines]}
    (tmp_path / "words.json").write_text(json.dumps(sheet))
    rows = [{"path": "song.mid", "role": "midi"}, {"path": "words.json", "role": "lyrics"},
            {"path": "cover.jpg", "role": "cover"}]  # fmt: skip

    def by(name: str) -> dict[str, Any]:
        return {"role": "model", "name": name, "sha256": cards()[name]["sha256"]}

    records = {"song.mid": {"materials": [by("default")]}, "words.json": {"materials": [by("words-en")]},
               "cover.jpg": {"materials": [{"role": "font", "name": "Inter"}]}}  # fmt: skip
    found = report(tmp_path, rows, records)
    assert found["music"]["accused"] is False and found["music"]["limit"] > 10
    assert found["words"]["accused"] is True and found["words"]["longest_copied"] >= 8
    assert found["cover"]["painted"] == 0
    assert report_text(found).count("\n") == len(found["sentences"]) == 3
    stranger = {"role": "model", "name": "someone/large", "sha256": None}
    records = {path: {"materials": [stranger], "request": {}} for path in records}
    found = report(tmp_path, rows, records)
    assert all(found[name]["accused"] is None for name in ("music", "words", "cover"))
    assert all("not know" in sentence for sentence in found["sentences"])
    assert json.loads(json.dumps(found)) == found


def test_what_was_painted_for_a_cover_is_seen_by_drawing_it_again(tmp_path: Path) -> None:
    (tmp_path / "cover").mkdir()
    request = ImageRequest(kind="picture", picture="city", seed=4)
    found = work(request, JobContext(4))
    found.save(tmp_path / "cover/cover.png")
    record = found.provenance | {"request": found.provenance["request"] | {"song": None}}
    (painted,) = originality._painted(record, tmp_path)
    assert (painted == found.picture.pixels).all()
