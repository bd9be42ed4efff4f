"""Options that several commands share, each declared once."""

from pathlib import Path
from typing import Annotated

import typer

ArtifactPath = Annotated[Path, typer.Argument(help="Folder of a version: models/flight_delay/1")]
LogPath = Annotated[Path, typer.Argument(help="Folder of the request log.")]

JsonFile = Annotated[Path | None, typer.Option("--json", help="Write all findings there.")]
HtmlFile = Annotated[
    Path | None,
    typer.Option(
        "--html", help=r"Write one page with plots there; needs preproc-runtime\[report]."
    ),
]

Model = Annotated[str, typer.Option(help="Name, where the log holds several.")]
Digest = Annotated[str, typer.Option(help="First digits of a digest; by default the latest.")]
Version = Annotated[Path | None, typer.Option(help="Folder of the version, if it has moved.")]

FittedPipeline = Annotated[Path | None, typer.Option(help="Fitted pipeline: a .skops file.")]
TrainingRow = Annotated[
    Path | None, typer.Option(help="A row as in training, where dtypes are not plain.")
]
TrainedOn = Annotated[str, typer.Option(help="What it was trained on: pandas or polars.")]
Trust = Annotated[
    list[str] | None, typer.Option(help="Type of one's own that may load; may be repeated.")
]
AllowPickle = Annotated[
    bool, typer.Option("--allow-pickle", help="Load pickles too, which runs their code.")
]
