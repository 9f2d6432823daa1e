"""What is looked into beyond scores: sections ``explain`` and ``bias``."""

from dataclasses import dataclass, field

from stages.core.config.bounds import Positive


@dataclass(frozen=True)
class ExplainOptions:
    """Which acoustics a run hears.

    Attributes:
        families: for features beside eGeMAPS and ComParE: family → an expression that is searched in the
            names of the columns.
        permutations: how often each family is exchanged between speakers.
    """

    families: dict[str, str] = field(default_factory=dict)
    permutations: Positive = 10


@dataclass(frozen=True)
class BiasOptions:
    """Whether a label is told by the recording alone.

    Attributes:
        column: a label column of classes.
    """

    column: str
