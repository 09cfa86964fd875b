"""A film of a photo after the paintings of a folder: python film.py PHOTO FOLDER FILM.mp4."""

import sys

import medley

if len(sys.argv) != 4:
    sys.exit(f"usage: python {sys.argv[0]} PHOTO FOLDER FILM.mp4")
photo, paintings, film = sys.argv[1:]


def watch(now):
    print(f"{now.title}: step {now.step} of {now.steps}, loss {now.loss:,.0f}")


made = medley.render(photo, paintings, film, quality="draft", seconds_per_painting=4, watch=watch)
print(f"{made.path}: {made.frame_count} frames of {made.width}x{made.height} pixels")
