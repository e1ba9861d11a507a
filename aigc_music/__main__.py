"""`python -m aigc_music`: the same as the command `aigc-music`."""

from aigc_music.cli import main

main()
