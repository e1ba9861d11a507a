"""The built-in synth: numba kernels that render MIDI to stereo sound without the interpreter lock.

`layout` says where each number lives, `voices` holds the sounds as tables, `struck` and `sustained` are the two
kinds of voice, `effects` the chorus, reverb and limiter, `kernel` the one function that audio callbacks call,
`engine` its Python face, `output` the PortAudio stream, `offline` rendering to an array, `bench` the stopwatch.
This file imports nothing: numba is loaded by those who make sound.
"""
