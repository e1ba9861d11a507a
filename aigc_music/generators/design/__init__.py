"""What all pictures share, still or moving: colour, palettes, faces, set type, and what a picture knows of a song.

colour, palettes    luminance, contrast, mixing; palettes and which suits a song
area                rectangles
fonts, lettering    shipped faces, those of the system, missing characters; blocks of type
motif               a song as plain numbers
material            pictures that our own model paints
"""
