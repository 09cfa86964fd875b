"""Clips that `medley apply` makes films of, with the network that repaints them."""

import click

from medley.allocation import keep_large_blocks
from medley.cli.apply_request import Maker, Request
from medley.cli.progress import Display
from medley.film.clips import Part, is_clip
from medley.film.encode import check_encoding
from medley.moments import moment_of
from medley.studio.net_clips import NetClip
from medley.studio.net_stills import load_net
from medley.studio.net_walk import NetWalk
from medley.studio.still_files import Repainted, StillJob


def clip_maker(request: Request, show: Display) -> Maker:
    """What makes films of clips, with its network loaded."""
    device, of_clips, look = request.run.device, request.of_clips, request.look
    if not request.several:
        _check_clip(request)
    check_encoding(request.film_path, request.film)
    net = (
        NetWalk(request.net, look.style or "", device)
        if look.is_walk
        else load_net(request.net, look, device)
    )
    maker = NetClip(
        net, look, request.preserving, request.film, request.walk.seconds_per_painting,
        is_silent=of_clips.silent,
    )  # fmt: skip
    keep_large_blocks()
    part = Part(of_clips.fps, of_clips.begin, of_clips.end)

    def make(job: StillJob, title: str) -> Repainted:
        output = job.output or request.film_path
        clip = maker.look_at(job.content.path, part, output, show.warn)
        facts, about = maker.make(clip, output, title, show.on)
        pace = clip.frame_count / max(about["seconds"], 0.001)
        show.line(f"{facts.words}; {pace:.1f} frames a second were repainted")
        return Repainted(job, facts=about)

    return make


def _check_clip(request: Request) -> None:
    """Refuse a single input that does not move."""
    (path,), output = request.photos, request.output
    if moment_of(path) or not (path.is_dir() or is_clip(path)):
        raise click.UsageError(
            f"--output '{output}' is a film, and '{path}' does not move; pass --style walk for one,"
            " or name a picture"
        )
