"""Films: how scenes become frames, and frames an MP4.

presets             sizes, rates and rules of services
compositor, blend   the layers of a scene put together, in the planes of the encoder
render, soundtrack  frame by frame into a file, with its sound
words               lyrics in time, from whichever file holds them
builtin, diffusion  the generators: from a request to a film
"""
