"""Lyric videos: words over a scene, wiped syllable by syllable as they are sung.

scene       LyricScene: a scene with words over it
phrases     what is shown together, and when one line gives way to the next
rows        words shaped, and where each syllable stands among them
setting     even rows, blocks as large as fit
layouts     where words stand and how large
typeset     all words of a film, set; what scenes keep free for them
inks, veil  colours of type; the ground made dark or light enough behind it
dots        the count before a line
label       the visible label of AI-made films
measure     contrast, wipe and margins as they are drawn
sheet       layouts and scripts on one picture

Threads: one at a time a scene. Realtime-safe: no.
"""

from .label import LabelledScene, label_text
from .layouts import LAYOUTS
from .scene import LyricScene
from .typeset import reserved

__all__ = ["LAYOUTS", "LabelledScene", "LyricScene", "label_text", "reserved"]
