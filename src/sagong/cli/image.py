"""`sagong image load | ls`."""

from __future__ import annotations

import click

from sagong.cli.operations import Operations
from sagong.cli.printers import size, table


@click.group("image")
def command() -> None:
    """Bring images to the nodes, and see what is there."""


@command.command("load")
@click.argument("archive", type=click.Path(dir_okay=False))
@click.pass_obj
def load(obj: tuple[Operations, str], archive: str) -> None:
    """Import an OCI or docker archive (as `docker save` writes it)."""
    operations, data_dir = obj
    for reference in operations.load_image(data_dir, archive):
        click.echo(f"Loaded {reference}")


@command.command("ls")
@click.pass_obj
def ls(obj: tuple[Operations, str]) -> None:
    """List the nodes' images."""
    operations, data_dir = obj
    rows = [(image.reference, image.image_id, size(image.size)) for image in operations.list_images(data_dir)]
    click.echo(table(("IMAGE", "ID", "SIZE"), rows))
