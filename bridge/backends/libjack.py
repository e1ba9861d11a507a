"""libjack through ctypes: loading it, its functions, and its habit of printing.

Works with JACK's own library and with PipeWire's. Imports neither numpy nor numba, so that listing ports is quick.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aigc_music.core.errors import PortError

__all__ = [
    "AUDIO_TYPE",
    "IS_INPUT",
    "IS_OUTPUT",
    "IS_PHYSICAL",
    "MIDI_TYPE",
    "load",
    "open_client",
    "port_names",
    "probe",
]

MIDI_TYPE = b"8 bit raw midi"
AUDIO_TYPE = b"32 bit float mono audio"
IS_INPUT, IS_OUTPUT, IS_PHYSICAL = 1, 2, 4
_NO_START_SERVER = 1

_V, _S, _U, _I = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32, ctypes.c_int
# name, result, arguments
_FUNCTIONS: tuple[tuple[str, Any, tuple[Any, ...]], ...] = (
    ("jack_activate", _I, (_V,)),
    ("jack_client_close", _I, (_V,)),
    ("jack_client_open", _V, (_S, _I, ctypes.POINTER(_I))),
    ("jack_connect", _I, (_V, _S, _S)),
    ("jack_frame_time", _U, (_V,)),
    ("jack_free", None, (_V,)),
    ("jack_get_buffer_size", _U, (_V,)),
    ("jack_get_client_name", _S, (_V,)),
    ("jack_get_ports", ctypes.POINTER(_S), (_V, _S, _S, ctypes.c_ulong)),
    ("jack_get_sample_rate", _U, (_V,)),
    ("jack_is_realtime", _I, (_V,)),
    ("jack_on_shutdown", None, (_V, _V, _V)),
    ("jack_port_by_id", _V, (_V, _U)),
    ("jack_port_by_name", _V, (_V, _S)),
    ("jack_port_connected", _I, (_V,)),
    ("jack_port_connected_to", _I, (_V, _S)),
    ("jack_port_name", _S, (_V,)),
    ("jack_port_register", _V, (_V, _S, _S, ctypes.c_ulong, ctypes.c_ulong)),
    ("jack_set_buffer_size_callback", _I, (_V, _V, _V)),
    ("jack_set_error_function", None, (_V,)),
    ("jack_set_info_function", None, (_V,)),
    ("jack_set_port_registration_callback", _I, (_V, _V, _V)),
    ("jack_set_process_callback", _I, (_V, _V, _V)),
    ("jack_set_sample_rate_callback", _I, (_V, _V, _V)),
    ("jack_set_xrun_callback", _I, (_V, _V, _V)),
    ("jack_transport_query", _I, (_V, _V)),
)
_LIBRARIES = {
    "linux": ("libjack.so.0",),
    "darwin": ("libjack.0.dylib", "/opt/homebrew/lib/libjack.0.dylib", "/usr/local/lib/libjack.0.dylib"),
}
_loaded: list[ctypes.CDLL] = []


def load() -> ctypes.CDLL:
    """libjack with its functions declared. PortError when there is none on this machine. Loaded once."""
    if _loaded:
        return _loaded[0]
    names = [*_LIBRARIES.get(sys.platform, ())]
    if found := ctypes.util.find_library("jack") if not names or sys.platform == "darwin" else None:
        names.append(found)
    for name in names:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        for function, result, arguments in _FUNCTIONS:
            entry = getattr(library, function)
            entry.restype, entry.argtypes = result, arguments
        # The library prints to stderr by itself. Its message hook wants a C function that takes a string and may
        # be called in a realtime thread: strlen is one, and does no harm.
        quiet = ctypes.cast(ctypes.CDLL(None).strlen, _V)
        library.jack_set_error_function(quiet)
        library.jack_set_info_function(quiet)
        _loaded.append(library)
        return library
    raise PortError("JACK's library (libjack) is not installed: apt install jackd2, or pipewire-jack on a desktop")


def open_client(library: ctypes.CDLL, name: str) -> int:
    """Become a client called `name` (or the like) of the running server; its handle. PortError when none runs.

    Never starts a server: which device and period to use is the musician's choice.
    """
    status = ctypes.c_int(0)
    client = library.jack_client_open(name.encode(), _NO_START_SERVER, ctypes.byref(status))
    if not client:
        raise PortError(
            "no JACK server answers: start one (qjackctl, or jackd -d alsa), "
            "set JACK_DEFAULT_SERVER when it has a name, or run this program with pw-jack on PipeWire"
        )
    return int(client)


@contextmanager
def probe(name: str = "aigc-music-probe") -> Iterator[tuple[ctypes.CDLL, int]]:
    """A short-lived client for looking around. PortError as in `load` and `open_client`."""
    library = load()
    client = open_client(library, name)
    try:
        yield library, client
    finally:
        library.jack_client_close(client)


def port_names(library: ctypes.CDLL, client: int, type_: bytes, flags: int) -> list[str]:
    """Names of the ports of a type that have all `flags`, those of every client."""
    found = library.jack_get_ports(client, None, type_, flags)
    if not found:
        return []
    names: list[str] = []
    while found[len(names)]:
        names.append(found[len(names)].decode(errors="replace"))
    library.jack_free(ctypes.cast(found, _V))
    return names
