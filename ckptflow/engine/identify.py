"""Edge. What the functions of stages are: the identity of their code, and the forms in which their deps reach them.

Apart from the other facts because a pipeline of commands needs none of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..errors import CodeError, Problem, SpecError
from ..fingerprint.code import Codebase, CodeIdentity
from ..formats.forms import Form
from ..ids import StageName
from ..spec.model import Stage
from ..workspace.cache import Cache
from ..workspace.sources import IndexMemory, ProjectSources
from .binding import check_combine, check_signature, forms_of


def identify(
    stages: Iterable[Stage], sources: ProjectSources, cache: Cache
) -> tuple[Mapping[StageName, CodeIdentity], Mapping[StageName, Mapping[str, Form]], Mapping[StageName, CodeIdentity]]:
    """Return, by stage, the identity of its function, the form of each dep, and the identity of the function that
    combines, where there is one; nothing for a stage of commands.

    Raises `SpecError` with all that is wrong with the functions.
    """
    identities: dict[StageName, CodeIdentity] = {}
    forms: dict[StageName, Mapping[str, Form]] = {}
    combining: dict[StageName, CodeIdentity] = {}
    problems: list[Problem] = []
    codebase = Codebase(sources, IndexMemory(cache))
    for stage in stages:
        if stage.call is None:
            continue
        try:
            code = codebase.identify(stage.call)
            if stage.combine is not None:
                combining[stage.name] = codebase.identify(stage.combine)
                problems.extend(check_combine(stage, combining[stage.name].signature))
        except CodeError as error:
            place = error.place or stage.place
            problems.append(Problem(error.code, f"stage `{stage.name}`: {error.message}", place, error.hint))
            continue
        problems.extend(check_signature(stage, code.signature))
        identities[stage.name] = code
        forms[stage.name] = forms_of(stage, code.signature)
    if problems:
        raise SpecError(tuple(problems))
    return identities, forms, combining
