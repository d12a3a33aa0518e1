"""Messages as mail programs, servers and their like write them, and what must come out of each.

All are of our own making and tell of nobody: what is modelled on real programs is where they put
what. Every line that somebody else wrote has the word `OTHERS` in it.
"""

from tests.gate.corpus.automatons import AUTOMATONS
from tests.gate.corpus.bounces import BOUNCES
from tests.gate.corpus.building import OTHERS, Sample
from tests.gate.corpus.html import HTML
from tests.gate.corpus.letters import LETTERS
from tests.gate.corpus.replies import REPLIES
from tests.gate.corpus.structures import STRUCTURES

SAMPLES: list[Sample] = [*REPLIES, *HTML, *LETTERS, *STRUCTURES, *AUTOMATONS, *BOUNCES]

__all__ = ["OTHERS", "SAMPLES", "Sample"]
