"""What comes before a server: forms that are not kept, made while the rest is imported."""

from preproc.runtime.ahead import make_ahead
from preproc_server.settings import Settings
from preproc_server.versions import find_chosen, parse_policy


def run_server(settings: Settings) -> None:
    """Serve until a signal ends it; see `preproc_server.app.serve`.

    Must be called in the main thread, and where no other one runs, so that forms can be made ahead.
    """
    policy = parse_policy(settings.versions)
    chosen = find_chosen(settings.repository, policy, settings.names_at_start)
    paths = [path for versions in chosen.values() for path in versions.values()]
    make_ahead(paths, backend=settings.backend)
    from preproc_server.app import serve  # noqa: PLC0415  # meanwhile, and not in the fork

    serve(settings)
