"""Clips for tests, made by ffmpeg in a moment."""

import numpy as np

from medley.media.ffmpeg import run, url

LEVELS = 12  # by which each frame is lighter than the one before


def make(path, *options):
    """Run ffmpeg on a film of gray frames, 32x24, ten a second, frame N of the level 12 N."""
    gray = "color=black:s=32x24:r=10:d=2,format=gray,geq=lum='N*12'"
    done = run("-y", "-f", "lavfi", "-i", gray, *options, url(path))
    assert done.returncode == 0, done.stderr
    return path


SHARP = ("-vf", "scale=out_range=tv,format=yuv420p", "-c:v", "libx264", "-crf", "4")


def gray_clip(path, *options):
    return make(path, *SHARP, *options)


def numbers(frames):
    """Which of the gray frames each of some is."""
    return [round(float(np.asarray(frame).mean()) / LEVELS) for frame in frames]
