"""Every language that hunts are written in, by its name."""

from auditor.hunt import kql, sigma, spl
from auditor.hunt.language import Language

LANGUAGES: dict[str, Language] = {one.name: one for one in (sigma.LANGUAGE, kql.LANGUAGE, spl.LANGUAGE)}
